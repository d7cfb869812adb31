/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Kernel part of the virtual address space, 32 bit with PAE; ports/x86_64/layout.h gives the same names other values. Also included by assembly and the
 * linker script. The whole kernel lives in the last gigabyte: entry 3 of the PDPT, one page directory that every protection domain shares.
 */
#ifndef PORTS_LAYOUT_H
#define PORTS_LAYOUT_H

#define KERNEL_OFFSET 0xc0000000       /* virtual minus physical address of the image */
#define KERNEL_PHYSICAL 0x200000       /* where the image begins; it ends below KERNEL_PHYSICAL_LIMIT */
#define KERNEL_PHYSICAL_LIMIT 0x600000 /* the initial tables map 0 .. here at KERNEL_OFFSET and, until dropped, 1:1 */
#define POOL_BASE 0xc8000000           /* kernel pool */
#define POOL_SIZE 0x28000000
#define WINDOW_BASE 0xf0000000 /* boot windows: PHYSICAL_WINDOWS of them, WINDOW_STRIDE apart, one page table each */
#define WINDOW_STRIDE 0x200000
#define DEVICE_BASE 0xf1000000 /* device registers */
#define DEVICE_SIZE 0x1000000

#define ROOT_ENTRIES 4 /* entries of kernel_root */
#define IMAGE_TABLES 3 /* page tables that cover 0 .. KERNEL_PHYSICAL_LIMIT */
#define WINDOW_TABLES 4
#define DEVICE_TABLES 8 /* DEVICE_SIZE / 2 MiB */

#ifndef __ASSEMBLY__
#include "hal/types.h"

/*
 * Tables in the image's bss; boot.S links root -> directory -> image, window and device tables. Pool entries are empty: large pages go straight into
 * kernel_directory. Until port code drops it (kernel_root[0]), the gigabyte is mapped 1:1 as well.
 */
extern uint64_t kernel_root[ROOT_ENTRIES];               /* PDPT: [3] = kernel_directory, [0] too */
extern uint64_t kernel_directory[512];                   /* the gigabyte from KERNEL_OFFSET on */
extern uint64_t kernel_table_image[IMAGE_TABLES][512];   /* from KERNEL_OFFSET on: all of it mapped, writable */
extern uint64_t kernel_table_window[WINDOW_TABLES][512]; /* linked, empty */
extern uint64_t kernel_table_device[DEVICE_TABLES][512]; /* linked, empty */
#endif

#endif
