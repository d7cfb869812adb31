/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Types and build-time limits that core, ports and platform share. A physical address has 64 bit on every port.
 */
#ifndef HAL_TYPES_H
#define HAL_TYPES_H

#include <nova/word.h>
#include <stdbool.h>

typedef nova_word word;
typedef uint64_t paddr_t;

#define PAGE_BITS NOVA_PAGE_BITS
#define PAGE_SIZE NOVA_PAGE_SIZE

/* CPUs that the kernel manages and the HIP describes: make CPUS=n, 1 to 256. */
#ifndef NOVA_CPUS
#define NOVA_CPUS 64
#endif
_Static_assert(NOVA_CPUS >= 1 && NOVA_CPUS <= 256, "the HIP is one page and holds memory descriptors, too");

/* Memory types of kernel and user mappings. */
enum memory_type { MEMORY_WRITE_BACK = 0, MEMORY_UNCACHED = 1, MEMORY_WRITE_COMBINE = 2 };

#endif
