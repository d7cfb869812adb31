/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The sender's UTCB may change meanwhile. Then what the attempt has made may be missed when it is confirmed or taken back; it stays in the window that the
 * receiver had opened.
 */
#include "core/attempt.h"

void transfer_end(struct transfer_place *place, struct mapping *cursor)
{
    place->item = place->at = 0;
    place->attempt = (struct attempt){ATTEMPT_MAKE, false};
    if (cursor_parked(cursor))
        cursor_drop(cursor);
}

static inline bool may_delegate(word control)
{
    unsigned kind = control & NOVA_ITEM_KIND;
    return kind == NOVA_ITEM_DELEGATE || kind == NOVA_ITEM_EITHER;
}

/* Takes back what an item has made, or a bounded part of it. */
static inline unsigned item_undo(const struct transfer *transfer, struct transfer_order *order)
{
    struct extent target;
    order_delegates(transfer, order);
    if (!delegate_target(order, &target))
        return NOVA_SUCCESS;
    word at = target.first + order->at;
    bool done = space_undo(transfer->cpu, order->to, order->from, nova_crd_type(order->crd), target, &at, order->cursor);
    order->at = at - target.first;
    return done ? NOVA_SUCCESS : TRANSFER_AGAIN;
}

unsigned attempt_undo(const struct transfer *transfer, word end)
{
    transfer_end(transfer->place, transfer->cursor);
    transfer->place->end = end;
    transfer->place->attempt.phase = ATTEMPT_UNDO;
    return TRANSFER_AGAIN;
}

/* Of undoing, one item at most: it has a budget of its own. */
unsigned attempt_finish(const struct transfer *transfer, unsigned count, unsigned budget)
{
    struct transfer_place *place = transfer->place;
    bool undo = place->attempt.phase == ATTEMPT_UNDO;
    struct transfer_order order = {
        .to = transfer->to, .budget = &budget, .cursor = transfer->cursor, .attempt = &place->attempt, .last = false};
    while (place->item < (undo ? place->end : count)) {
        volatile struct nova_item *item = nova_item(transfer->source, place->item);
        word result = 0;
        unsigned status = NOVA_SUCCESS;
        order.crd = item->crd;
        order.control = item->control;
        order.from = transfer->from;
        order.at = place->at;
        if (undo && may_delegate(order.control))
            status = item_undo(transfer, &order);
        else if (may_delegate(order.control)) {
            order.window = transfer->translate_window;
            if ((order.control & NOVA_ITEM_KIND) == NOVA_ITEM_EITHER)
                status = space_translate(&order, &result);
            if (status == NOVA_SUCCESS && !result)
                status = item_delegate(transfer, &order, &result);
        }
        place->at = order.at;
        if (status == NOVA_QUO_OOM)
            return attempt_undo(transfer, count);
        if (status != NOVA_SUCCESS)
            return status;
        place->item++;
        place->at = 0;
        budget -= budget < ITEM_COST ? budget : ITEM_COST;
        if (!budget || undo)
            return TRANSFER_AGAIN;
    }
    transfer_end(place, transfer->cursor);
    return undo ? NOVA_QUO_OOM : NOVA_SUCCESS;
}
