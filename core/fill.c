/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a mapping needs is taken before anything is entered, so that each goes in as a whole or not at all.
 */
#include "core/fill.h"

#include "core/lib/bits.h"

unsigned range_add(struct range_space *to, bool memory, word at, word *count, bool whole, struct range *after,
                   const struct mapping *template, word value, uint8_t flags)
{
    struct page_reserve reserve = {0, 0};
    struct range *range = slab_take(to->space.account, slab_class(sizeof *range), false);
    if (!range)
        return 0;
    bool mapped =
        memory && flags == MAPPING_HOST && mmu_map_quickly(to->mmu, at, *count, value, template->rights & 7, template->type);
    if (!mapped) {
        if (memory && *count > 1 && !whole)
            *count = mmu_piece(at, *count, value);
        if (!range_prepare(to, at, *count, value, flags, &reserve)) {
            slab_free(to->space.account, range, sizeof *range);
            return 0;
        }
    }
    unsigned tables = reserve.count;
    struct mapping *m = &range->mapping;
    m->value = value;
    m->space = &to->space;
    m->base = at;
    m->rights = template->rights;
    m->flags = flags;
    m->lock = template->lock;
    m->type = template->type;
    range->count = *count;
    mapping_link(m, template->parent);
    range_enter(to, range, after, mapped ? 0 : &reserve);
    if (__builtin_expect(reserve.count, 0))
        range_unprepare(to, &reserve);
    return 1 + tables;
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

unsigned range_fill(const struct transfer_order *order, struct range_space *to, const struct piece *piece,
                    const struct mapping *template, word *done)
{
    word at = piece->target, end = at + piece->count;
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
                attempt_pass(order->attempt, false, false, &next->mapping, template->parent, template->lock);
            at = range_end(next);
            continue;
        }
        if (!fills) {
            at = stop;
            continue;
        }
        uint8_t flags = piece->flags;
        word value = template->value + (at - piece->target);
        if (memory && at < host_pages)
            stop = word_min(stop, host_pages);
        if (!memory || at < host_pages)
            flags |= MAPPING_HOST;
        word count = stop - at;
        unsigned tables = range_add(to, memory, at, &count, false, next, template, value, flags);
        if (!tables) {
            status = NOVA_QUO_OOM;
            break;
        }
        steps_spend(&budget, MAPPING_COST + (memory ? count : 0) + tables * TABLE_COST);
        at += count;
        if (order->attempt)
            attempt_pass(order->attempt, true, piece->last && at == end, &to->entered->mapping, template->parent, template->lock);
    }
    spin_unlock(&to->space.lock);
    *order->budget = budget;
    *done = at < end ? at - piece->target : piece->count;
    return status;
}

unsigned object_fill(const struct transfer_order *order, struct object_space *to, word selector, struct object *object,
                     unsigned permissions, struct mapping *parent, uint8_t lock)
{
    bool enough = true;
    if (!permissions)
        return NOVA_SUCCESS;
    steps_spend(order->budget, MAPPING_COST);
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
    struct mapping template = {.rights = (uint8_t)rights, .lock = lock};
    enum nova_status status = NOVA_BAD_PAR;
    mapping_lock(lock);
    spin_lock(&space->space.lock);
    struct range *there = range_next(space, page);
    if (!there || there->mapping.base >= page + count)
        status = range_add(space, true, page, &count, true, there, &template, frame, (uint8_t)(flags | MAPPING_HOST))
                     ? NOVA_SUCCESS
                     : NOVA_QUO_OOM;
    spin_unlock(&space->space.lock);
    mapping_unlock(lock);
    return status;
}
