/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Limits of the three spaces, in one place.
 */
#include "core/space.h"

#include "core/lib/bits.h"

word space_limit(unsigned type)
{
    switch (type) {
    case NOVA_CRD_MEM: return ~(word)0 >> 12;
    case NOVA_CRD_PIO: return SPACE_PORTS - 1;
    default: return ((word)1 << SELECTOR_BITS) - 1;
    }
}

bool crd_range(word crd, word *first, word *last)
{
    unsigned order = nova_crd_order(crd);
    word limit = space_limit(nova_crd_type(crd));
    word mask = order < 8 * sizeof(word) - 12 ? ((word)1 << order) - 1 : ~(word)0 >> 12;
    *first = nova_crd_base(crd) & ~mask;
    *last = word_min(*first | mask, limit);
    return *first <= limit;
}
