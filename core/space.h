/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the three spaces of a PD have in common. Locks: 'lock' covers the contents of the space (slots, range tree, page tables); a capability may be
 * looked up without it. Space locks are taken below a tree lock, one at a time.
 */
#ifndef CORE_SPACE_H
#define CORE_SPACE_H

#include "core/mapping.h"
#include "core/slab.h"
#include <nova/crd.h>
#include <nova/hypercall.h>

enum {
    SELECTOR_BITS = 24, /* HIP.selectors */
    SPACE_PORTS = 1 << 16
};

struct space {
    struct spinlock lock;
    uint8_t type;            /* enum nova_crd_type */
    struct account *account; /* pays for tables and mappings */
};

/* Last page, port or selector of a space. */
word space_limit(unsigned type);

/* First and last unit of a CRD, cut at the end of its space; false = it lies beyond. */
bool crd_range(word crd, word *first, word *last);

#endif
