/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Items are copied before they are looked at: the sender's UTCB may change meanwhile.
 */
#include "core/transfer.h"

/* Steps of the budget that an item takes beside what it moves. */
enum { ITEM_COST = 8 };

unsigned transfer_items(const struct transfer *transfer, unsigned count)
{
    struct transfer_place *place = transfer->place;
    unsigned budget = TRANSFER_BUDGET;
    struct transfer_order order;
    order.to = transfer->to;
    order.budget = &budget;
    order.cursor = transfer->cursor;
    for (word i = place->item; i < count; i++) {
        volatile struct nova_item *item = nova_item(transfer->source, i);
        word crd = item->crd, control = item->control, result = 0;
        unsigned kind = control & NOVA_ITEM_KIND, status = __builtin_expect(budget, 1) ? NOVA_SUCCESS : TRANSFER_AGAIN;
        order.from = transfer->from;
        order.crd = crd;
        order.control = control;
        order.window = transfer->translate_window;
        order.at = place->at;
        place->item = i;
        if (status == NOVA_SUCCESS && (kind == NOVA_ITEM_TRANSLATE || kind == NOVA_ITEM_EITHER))
            status = space_translate(&order, &result);
        if (status == NOVA_SUCCESS && (kind == NOVA_ITEM_DELEGATE || (kind == NOVA_ITEM_EITHER && !result))) {
            order.window = transfer->delegate_window;
            if (control & NOVA_ITEM_KERNEL && transfer->from_root)
                order.from = 0;
            status = space_delegate(&order, &result);
            control |= NOVA_ITEM_DELEGATE;
        }
        if (__builtin_expect(status != NOVA_SUCCESS, 0)) {
            place->at = order.at;
            if (status != TRANSFER_AGAIN)
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
    transfer_end(place, transfer->cursor);
    return NOVA_SUCCESS;
}
