/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which physical memory is free, which is whose: for the kernel's own choice of memory during boot, for the HIP and for the ranges hidden from root.
 * Boot CPU only. Window slots: none.
 */
#ifndef PLATFORM_MEMORY_MAP_H
#define PLATFORM_MEMORY_MAP_H

#include "platform/loader.h"

/* Takes over what the loader said; what is not free: reserved entries, first page, image, modules and their command lines, loader information. */
void memory_map_begin(const struct loader *loader, paddr_t image_begin, paddr_t image_end);

/* [begin, end) is no longer free. */
void memory_map_take(paddr_t begin, paddr_t end);

/* The lowest free stretch of whole pages at or after from and below limit (at most 4 GiB); false: none. Repeat with from = *end for the next one. */
bool memory_map_free(paddr_t from, paddr_t limit, paddr_t *begin, paddr_t *end);

/* Bytes of RAM. */
uint64_t memory_map_ram(void);

/*
 * Fills boot_info.memory: available entries as the loader said, then the others, which do not overlap: what is more important takes its part out of the rest.
 * ap_page: the page for starting CPUs or 0. Leaves room for memory_map_add.
 */
void memory_map_publish(const struct loader *loader, paddr_t ap_page);

/* One more descriptor that is an address only: RSDT, XSDT. */
void memory_map_add(paddr_t address, int32_t type);

/* Hides the pages of [from, to) from root: boot_info.hidden stays sorted and without overlap. to is below 2^64 - PAGE_SIZE. */
void memory_hide(paddr_t from, paddr_t to);

/* Kernel pool: chooses boot_info.pool_begin and pool_end and takes that memory. asked: bytes or 0 = default; most: what the port can map. */
void pool_choose(paddr_t image_end, uint64_t asked, paddr_t most);

#endif
