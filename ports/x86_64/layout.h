/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Kernel part of the virtual address space, 64 bit; ports/x86_32/layout.h gives the same names other values. Also included by assembly and the linker
 * script. The image, windows and devices share the one gigabyte from KERNEL_OFFSET on, and so one page directory.
 */
#ifndef PORTS_LAYOUT_H
#define PORTS_LAYOUT_H

#define KERNEL_OFFSET 0xffffffff80000000 /* virtual minus physical address of the image */
#define KERNEL_PHYSICAL 0x200000         /* where the image begins; it ends below KERNEL_PHYSICAL_LIMIT */
#define KERNEL_PHYSICAL_LIMIT 0x600000   /* the initial tables map 0 .. here at KERNEL_OFFSET and, until dropped, 1:1 */
#define POOL_BASE 0xffff800000000000     /* kernel pool: entry 256 of the PML4 */
#define POOL_SIZE 0x100000000            /* as far as kernel_directory_pool reaches */
#define WINDOW_BASE 0xffffffffb0000000   /* boot windows: PHYSICAL_WINDOWS of them, WINDOW_STRIDE apart, one page table each */
#define WINDOW_STRIDE 0x200000
#define DEVICE_BASE 0xffffffffb1000000 /* device registers */
#define DEVICE_SIZE 0x1000000

#define ROOT_ENTRIES 512 /* entries of kernel_root */
#define IMAGE_TABLES 3   /* page tables that cover 0 .. KERNEL_PHYSICAL_LIMIT */
#define WINDOW_TABLES 4
#define DEVICE_TABLES 8    /* DEVICE_SIZE / 2 MiB */
#define POOL_DIRECTORIES 4 /* POOL_SIZE / 1 GiB */

#ifndef __ASSEMBLY__
#include "hal/types.h"

/*
 * Tables in the image's bss; boot.S links root -> image gigabyte -> directory -> image tables and the rest as named here, leaving window, device and pool
 * entries empty. Until port code drops it (kernel_root[0] and kernel_top_image[0]), the image gigabyte is mapped 1:1 as well.
 */
extern uint64_t kernel_root[ROOT_ENTRIES]; /* PML4: [511] = kernel_top_image, [256] = kernel_top_pool, [0] = kernel_top_image */
extern uint64_t kernel_top_image[512];     /* PDPT: [510] = kernel_directory, [0] too */
extern uint64_t kernel_top_pool[512];      /* PDPT: [0 ..] = kernel_directory_pool[] */
extern uint64_t kernel_directory[512];     /* the gigabyte from KERNEL_OFFSET on */
extern uint64_t kernel_directory_pool[POOL_DIRECTORIES][512]; /* from POOL_BASE on */
extern uint64_t kernel_table_image[IMAGE_TABLES][512];        /* from KERNEL_OFFSET on: all of it mapped, writable */
extern uint64_t kernel_table_window[WINDOW_TABLES][512];      /* linked, empty */
extern uint64_t kernel_table_device[DEVICE_TABLES][512];      /* linked, empty */
#endif

#endif
