/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Physical memory outside the kernel's pool, as seen by the kernel. The pool itself is mapped for good at a fixed distance.
 */
#ifndef HAL_PHYSICAL_H
#define HAL_PHYSICAL_H

#include "hal/types.h"

/* Kernel virtual minus physical address of the pool (core's page allocator); set by the port before kernel_memory_init. */
extern word physical_pool_offset;

/* Between a pool pointer and its physical address, both ways. Any context. */
static inline paddr_t virt_to_phys(const void *pointer) { return (paddr_t)((word)pointer - physical_pool_offset); }
static inline void *phys_to_virt(paddr_t address) { return (void *)((word)address + physical_pool_offset); }

enum { PHYSICAL_WINDOWS = 4, PHYSICAL_WINDOW_SIZE = 1 << 20 };

/*
 * Boot-time view of [address, address + size), size <= PHYSICAL_WINDOW_SIZE, write-back, through window slot 0 .. PHYSICAL_WINDOWS-1.
 * Valid until the same slot is used again. Boot CPU only, before the first user thread runs. The range need not exist: reads of nothing give all ones.
 * Returns 0 only when the range wraps or lies beyond what the CPU can address.
 */
void *physical_window(unsigned slot, paddr_t address, size_t size);

/* Maps a device's registers for good, uncached (or as type says); returns 0 when the kernel's device area is used up. Boot only; lives until power-off. */
void *physical_device(paddr_t address, size_t size, enum memory_type type);

#endif
