/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kernel's own half of every address space: image, pool, boot windows, device registers (addresses: layout.h). Built on the
 * boot CPU before any other CPU runs, never changed after kernel_start; the tables below the root are shared by all protection
 * domains.
 */
#ifndef PORTS_X86_KERNEL_MAP_H
#define PORTS_X86_KERNEL_MAP_H

#include "hal/types.h"

/*
 * Text gets read-only and executable, constants read-only, the rest writable and not executable; memory around the image goes,
 * except the 1:1 view.
 */
void kernel_map_protect(void);

/* Maps boot_info.pool_begin .. pool_end and sets physical_pool_offset. Returns the kernel virtual begin of the pool. */
void *kernel_map_pool(void);

/*
 * Lets the page at 'address' (below 1 MiB) be used 1:1 for starting CPUs; kernel_map_identity_drop ends all 1:1 mappings on this
 * CPU.
 */
void kernel_map_identity(paddr_t address);
void kernel_map_identity_drop(void);

/*
 * This CPU's view of a page frame outside the pool, once it runs user mode; valid until the next call. 0 = the CPU has no such address. What is there may be
 * anything that a PD got as memory.
 */
void *kernel_map_frame(uint64_t frame);

/* Physical address of something in the kernel image, and of kernel_root. */
paddr_t kernel_image_phys(const void *pointer);
paddr_t kernel_root_phys(void);

#endif
