/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the model says about results of translations and lookups. How large a block is named is the kernel's choice; what it may contain is not.
 */
#include "model.h"

/* All units of a block are the receiver's names for what the sender holds at the item's base and around it. */
static bool block_derives(struct domain *from, struct domain *to, unsigned type, word first, word size, word place, word name)
{
    for (word i = 0; i < size; i++) {
        struct unit *unit = unit_find(from, type, place + (first + i - name));
        while (unit && !(unit->pd == to && unit->place == first + i))
            unit = unit->parent;
        if (!unit)
            return false;
    }
    return true;
}

bool model_translates(struct domain *from, struct domain *to, word crd, word window, word result)
{
    unsigned type = nova_crd_type(crd), mask = nova_crd_perm(crd) & nova_crd_perm(window), order = nova_crd_order(crd);
    word place = nova_crd_base(crd), first, last, ifirst, ilast;
    struct unit *held =
        type && type == nova_crd_type(window) && crd_units(window, &first, &last) ? unit_find(from, type, place) : 0;
    if (!held || !(held->rights & mask))
        return !result;
    unsigned rights = held->rights & mask;
    for (struct unit *unit = held->parent; unit; unit = unit->parent) {
        if (unit->pd != to || unit->place < first || unit->place > last)
            continue;
        word size = (word)1 << nova_crd_order(result), base = nova_crd_base(result);
        if (result && nova_crd_type(result) == type && nova_crd_perm(result) == rights && nova_crd_order(result) <= order &&
            base % size == 0 && unit->place - base < size && base >= first && base + size - 1 <= last &&
            block_derives(from, to, type, base, size, place, unit->place))
            return true;
        /* How large a block is named is the kernel's choice; one that is larger than the window does not fit in. */
        if (order <= nova_crd_order(window))
            return false;
    }
    if (from != to)
        return !result;
    word itself = nova_crd(type, place >> order << order, order, rights);
    if (!crd_units(itself, &ifirst, &ilast) || ilast < first || last < ifirst)
        return !result;
    return result == (order <= nova_crd_order(window) ? itself : nova_crd(type, first, nova_crd_order(window), rights));
}

bool model_looks_up(struct domain *pd, word crd, word result)
{
    unsigned type = nova_crd_type(crd);
    struct unit *unit = type ? unit_find(pd, type, nova_crd_base(crd)) : 0;
    word base = nova_crd_base(result), size = (word)1 << nova_crd_order(result);
    if (!unit)
        return !result;
    if (nova_crd_type(result) != type || nova_crd_perm(result) != unit->rights || base % size || unit->place - base >= size)
        return false;
    for (word i = 0; i < size; i++) {
        struct unit *other = unit_find(pd, type, base + i);
        if (!other || other->rights != unit->rights || other->frame - unit->frame != base + i - unit->place)
            return false;
    }
    return true;
}
