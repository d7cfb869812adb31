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

/* Last page, port or selector of a space, by enum nova_crd_type. */
static inline word space_limit(unsigned type)
{
    static const word limit[4] = {
        [NOVA_CRD_MEM] = ~(word)0 >> 12, [NOVA_CRD_PIO] = SPACE_PORTS - 1, [NOVA_CRD_OBJ] = ((word)1 << SELECTOR_BITS) - 1};
    return limit[type & 3];
}

struct extent {
    word first, last;
};

/* The bits of a unit's number that a CRD leaves open. */
static inline word crd_inside(word crd)
{
    enum { BITS = 8 * sizeof(word) - 12 };
    unsigned order = nova_crd_order(crd);
    return ((word)1 << (order < BITS ? order : BITS)) - 1;
}

/* First and last unit of a CRD, cut at the end of its space; first > last = it lies beyond. In memory spaces every unit that a CRD can hold lies inside. */
static inline struct extent crd_extent(word crd)
{
    word limit = space_limit(nova_crd_type(crd)), mask = crd_inside(crd);
    word first = nova_crd_base(crd) & ~mask, last = first | mask;
    return (struct extent){first, last < limit ? last : limit};
}

#endif
