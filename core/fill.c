/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a mapping needs is taken before anything is entered, so that each goes in as a whole or not at all.
 */
#include "core/fill.h"

#include "core/lib/bits.h"

struct range *range_add(struct range_space *to, const struct mapping *restrict new, word count, struct range *after,
                        unsigned *budget)
{
    struct range *range = slab_take(to->space.account, slab_class(sizeof *range), false);
    if (!range)
        return 0;
    unsigned cost = RANGE_COST;
    bool memory = to->space.type == NOVA_CRD_MEM;
    if (!memory || new->flags != MAPPING_HOST ||
        !mmu_map_quickly(to->mmu, new->base, count, new->value, new->rights & 7, new->type)) {
        if (memory && count > 1 && budget)
            count = mmu_piece(new->base, count, new->value);
        unsigned tables = range_map(to, new, count);
        if (!tables) {
            slab_free(to->space.account, range, sizeof *range);
            return 0;
        }
        cost += TABLE_COST * (tables - 1);
    }
    struct mapping *m = &range->mapping;
    m->value = new->value;
    m->space = &to->space;
    m->base = new->base;
    m->rights = new->rights;
    m->flags = new->flags;
    m->lock = new->lock;
    m->type = new->type;
    range->count = count;
    mapping_link(m, new->parent);
    range_enter(to, range, after);
    if (budget)
        steps_spend(budget, memory ? cost + count : cost);
    return range;
}

void attempt_pass(struct attempt *attempt, bool made, bool complete, struct mapping *m, const struct mapping *parent, uint8_t lock)
{
    /* What is fresh already is this message's own, or another one's that is not through yet or was given up. */
    if (made ? complete : !(m->flags & MAPPING_FRESH) || m->lock != lock || range_parent(m, m->value) != parent)
        return;
    if (attempt && attempt->phase == ATTEMPT_MAKE) {
        m->flags |= MAPPING_FRESH;
        attempt->fresh = true;
    } else
        m->flags &= (uint8_t)~MAPPING_FRESH;
}

unsigned range_fill(const struct transfer_order *order, struct range_space *to, struct mapping *new, word count, bool last,
                    word *done)
{
    word first = new->base, at = first, end = at + count, value = new->value;
    uint8_t flags = new->flags;
    bool memory = to->space.type == NOVA_CRD_MEM, fills = order_fills(order);
    unsigned status = NOVA_SUCCESS, budget = *order->budget;
    spin_lock(&to->space.lock);
    while (at < end) {
        if (!budget) {
            status = TRANSFER_AGAIN;
            break;
        }
        struct range *next = range_next(to, at);
        word stop = next && next->mapping.base < end ? next->mapping.base : end;
        if (stop <= at) {
            steps_spend(&budget, PASS_COST);
            if (__builtin_expect(next->mapping.flags & MAPPING_FRESH, 0))
                attempt_pass(order->attempt, false, false, &next->mapping, new->parent, new->lock);
            at = range_end(next);
            continue;
        }
        if (!fills) {
            at = stop;
            continue;
        }
        new->base = at;
        new->value = value + (at - first);
        new->flags = flags;
        if (memory && at < host_pages)
            stop = word_min(stop, host_pages);
        if (!memory || at < host_pages)
            new->flags |= MAPPING_HOST;
        struct range *range = range_add(to, new, stop - at, next, &budget);
        if (!range) {
            status = NOVA_QUO_OOM;
            break;
        }
        at += range->count;
        if (order->attempt)
            attempt_pass(order->attempt, true, last && at == end, &range->mapping, new->parent, new->lock);
    }
    spin_unlock(&to->space.lock);
    *order->budget = budget;
    *done = at < end ? at - first : count;
    return status;
}

unsigned object_fill(const struct transfer_order *order, struct object_space *to, word selector, struct object *object,
                     unsigned permissions, struct mapping *parent, uint8_t lock)
{
    bool enough = true;
    if (!permissions)
        return NOVA_SUCCESS;
    steps_spend(order->budget, SLOT_COST);
    spin_lock(&to->space.lock);
    struct mapping *slot = object_space_slot(to, selector);
    bool made = (!slot || !slot->value) && order_fills(order);
    if (made && !slot && (enough = object_space_grow(to, selector))) {
        steps_spend(order->budget, 2 * TABLE_COST);
        slot = object_space_slot(to, selector);
    }
    if (made && enough)
        slot_fill(to, slot, selector, object, permissions, parent, lock);
    if (enough && (made ? order->attempt != 0 : slot && slot->flags & MAPPING_FRESH))
        attempt_pass(order->attempt, made, order->last && !nova_crd_order(order->crd), slot, parent, lock);
    spin_unlock(&to->space.lock);
    return enough ? NOVA_SUCCESS : NOVA_QUO_OOM;
}

enum nova_status space_give_memory(struct spaces *spaces, word page, word count, word frame, unsigned rights, unsigned flags)
{
    struct range_space *space = &spaces->memory;
    uint8_t lock = mapping_lock_choose(&space->space, page);
    struct mapping new = {
        .value = frame, .base = page, .rights = (uint8_t)rights, .flags = (uint8_t)(flags | MAPPING_HOST), .lock = lock};
    enum nova_status status = NOVA_BAD_PAR;
    mapping_lock(lock);
    spin_lock(&space->space.lock);
    struct range *there = range_next(space, page);
    if (!there || there->mapping.base >= page + count)
        status = range_add(space, &new, count, there, 0) ? NOVA_SUCCESS : NOVA_QUO_OOM;
    spin_unlock(&space->space.lock);
    mapping_unlock(lock);
    return status;
}
