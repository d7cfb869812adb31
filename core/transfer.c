/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Items are copied before they are looked at: the sender's UTCB may change meanwhile.
 */
#include "core/transfer.h"

unsigned transfer_items(const struct transfer *transfer, unsigned count)
{
    struct transfer_place *place = transfer->place;
    unsigned budget = TRANSFER_BUDGET;
    struct transfer_order order;
    if (__builtin_expect(place->attempt.phase != ATTEMPT_MAKE, 0))
        return attempt_finish(transfer, count, budget);
    order.to = transfer->to;
    order.budget = &budget;
    order.cursor = transfer->cursor;
    order.attempt = transfer->cpu ? &place->attempt : 0;
    order.target = 0;
    for (word i = place->item; i < count; i++) {
        volatile struct nova_item *item = nova_item(transfer->source, i);
        word crd = item->crd, control = item->control, result = 0;
        unsigned kind = control & NOVA_ITEM_KIND, status = __builtin_expect(budget, 1) ? NOVA_SUCCESS : TRANSFER_AGAIN;
        order.from = transfer->from;
        order.crd = crd;
        order.control = control;
        order.window = transfer->translate_window;
        order.at = place->at;
        order.last = i + 1 == count;
        place->item = i;
        if (status == NOVA_SUCCESS && (kind == NOVA_ITEM_TRANSLATE || kind == NOVA_ITEM_EITHER))
            status = space_translate(&order, &result);
        if (status == NOVA_SUCCESS && (kind == NOVA_ITEM_DELEGATE || (kind == NOVA_ITEM_EITHER && !result))) {
            status = item_delegate(transfer, &order, &result);
            control |= NOVA_ITEM_DELEGATE;
        }
        if (__builtin_expect(status != NOVA_SUCCESS, 0)) {
            place->at = order.at;
            if (status == TRANSFER_AGAIN)
                return status;
            if (place->attempt.fresh)
                return attempt_undo(transfer, i + 1);
            transfer_end(place, transfer->cursor);
            return status;
        }
        place->at = 0;
        budget -= budget < ITEM_COST ? budget : ITEM_COST;
        if (transfer->destination) {
            volatile struct nova_item *out = nova_item(transfer->destination, i);
            out->crd = result;
            out->control = control & (PAGE_SIZE - 1);
        }
    }
    place->item = place->at = 0; /* the count may have become smaller meanwhile */
    if (__builtin_expect(place->attempt.fresh, 0)) {
        place->attempt.phase = ATTEMPT_CONFIRM;
        return attempt_finish(transfer, count, budget);
    }
    if (__builtin_expect(cursor_parked(transfer->cursor), 0))
        cursor_drop(transfer->cursor);
    return NOVA_SUCCESS;
}
