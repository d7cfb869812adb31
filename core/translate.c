/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Translation and lookup: which name a space has for what another one holds. Walks the ancestors of the sender's mapping under the tree lock.
 */
#include "core/lib/bits.h"
#include "core/spaces.h"

/* Number of the highest bit in which two places differ: the order of the largest naturally aligned blocks that hold one of them each. */
static inline unsigned blocks_apart(word a, word b) { return bit_highest(a ^ b); }

/* Largest naturally aligned block of at most 2^order units around 'place' that lies in [base, base + count): its neighbours base - 1 and base + count do not. */
static unsigned block_order(word place, word base, word count, unsigned order)
{
    unsigned above = blocks_apart(place, base + count), below = base ? blocks_apart(place, base - 1) : above;
    unsigned most = above < below ? above : below;
    return order < most ? order : most;
}

/* The part of a block that lies in the window (one contains the other, or there is none: 0). */
static word clamp(word crd, word window)
{
    struct extent item = crd_extent(crd), room = crd_extent(window);
    if (nova_crd_type(crd) != nova_crd_type(window) || item.first > item.last || room.first > room.last)
        return 0;
    if (item.first > room.last || room.first > item.last)
        return 0;
    if (nova_crd_order(crd) <= nova_crd_order(window))
        return crd;
    return nova_crd(nova_crd_type(crd), room.first, nova_crd_order(window), nova_crd_perm(crd));
}

/* Finds the mapping that holds 'place' and takes its tree lock; 0 = none (no lock taken). */
static struct mapping *mapping_find_locked(struct spaces *spaces, unsigned type, word place)
{
    struct range_space *ranges = type == NOVA_CRD_MEM ? &spaces->memory : &spaces->ports;
    if (type != NOVA_CRD_OBJ) {
        struct range *range = range_next_locked(ranges, place);
        if (range && range->mapping.base > place) {
            mapping_unlock(range->mapping.lock);
            range = 0;
        }
        return range ? &range->mapping : 0;
    }
    struct mapping *slot = object_space_slot(&spaces->objects, place);
    return slot && slot_lock(slot) ? slot : 0;
}

static unsigned mapping_permissions(const struct mapping *mapping, unsigned type)
{
    return type == NOVA_CRD_OBJ ? slot_capability(mapping).permissions : mapping->rights;
}

static word mapping_count(struct mapping *mapping, unsigned type) { return type == NOVA_CRD_OBJ ? 1 : range_of(mapping)->count; }

word space_lookup(struct spaces *spaces, word crd)
{
    unsigned type = nova_crd_type(crd);
    word place = nova_crd_base(crd);
    if (type == NOVA_CRD_NULL)
        return 0;
    struct mapping *mapping = mapping_find_locked(spaces, type, place);
    if (!mapping)
        return 0;
    unsigned order = block_order(place, mapping->base, mapping_count(mapping, type), 31);
    word result = nova_crd(type, place >> order << order, order, mapping_permissions(mapping, type));
    mapping_unlock(mapping->lock);
    return result;
}

/* The receiver's name for a unit that 'held' holds, by way of the ancestors from m on; 0 = none of them has one. *m: where it stopped for want of budget, else 0. */
static word ancestor_name(const struct transfer_order *order, struct mapping *held, struct mapping **m, unsigned permissions)
{
    unsigned type = nova_crd_type(order->crd);
    struct space *home = type == NOVA_CRD_MEM   ? &order->to->memory.space
                         : type == NOVA_CRD_PIO ? &order->to->ports.space
                                                : &order->to->objects.space;
    struct extent room = crd_extent(order->window);
    word place = nova_crd_base(order->crd);
    unsigned size = block_order(place, held->base, mapping_count(held, type), nova_crd_order(order->crd));
    word offset = place - held->base; /* of ranges: also where the same unit is in an ancestor, whose value is lower or equal */
    for (; *m; *m = range_parent(*m, held->value + offset)) {
        if (!--*order->budget)
            return 0;
        if ((*m)->space != home)
            continue;
        word name = type == NOVA_CRD_OBJ ? (*m)->base : (*m)->base + (held->value + offset - (*m)->value);
        unsigned o = block_order(name, (*m)->base, mapping_count(*m, type), size);
        if (name >= room.first && name <= room.last && block_order(name, room.first, room.last - room.first + 1, o) == o) {
            *m = 0;
            return nova_crd(type, name >> o << o, o, permissions);
        }
    }
    return 0;
}

unsigned space_translate(struct transfer_order *order, word *result)
{
    unsigned type = nova_crd_type(order->crd), mask = nova_crd_perm(order->crd) & nova_crd_perm(order->window);
    struct extent room = crd_extent(order->window);
    struct mapping *cursor = order->cursor;
    *result = 0;
    if (type == NOVA_CRD_NULL || type != nova_crd_type(order->window) || !mask || !order->from || room.first > room.last)
        return NOVA_SUCCESS;
    word place = nova_crd_base(order->crd);
    struct mapping *held = mapping_find_locked(order->from, type, place);
    if (held && cursor_parked(cursor) && cursor->lock != held->lock) {
        mapping_unlock(held->lock);
        cursor_drop(cursor);
        held = mapping_find_locked(order->from, type, place);
    }
    if (!held)
        return NOVA_SUCCESS;
    unsigned permissions = mapping_permissions(held, type) & mask;
    struct mapping *m = cursor_parked(cursor) ? climb_begin(held, cursor) : 0;
    if (!m)
        m = range_parent(held, held->value + (place - held->base));
    if (permissions)
        *result = ancestor_name(order, held, &m, permissions);
    bool again = permissions && m;
    if (again)
        climb_park(held, m, cursor);
    else if (!*result && permissions && order->from == order->to) {
        unsigned size = nova_crd_order(order->crd);
        *result = clamp(nova_crd(type, place >> size << size, size, permissions), order->window);
    }
    mapping_unlock(held->lock);
    return again ? TRANSFER_AGAIN : NOVA_SUCCESS;
}
