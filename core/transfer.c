/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Items are copied before they are looked at: the sender's UTCB may change meanwhile.
 */
#include "core/transfer.h"

enum nova_status transfer_items(const struct transfer *transfer, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        volatile struct nova_item *item = nova_item(transfer->source, i);
        word crd = item->crd, control = item->control, result = 0;
        bool kernel = control & NOVA_ITEM_KERNEL && transfer->from_root;
        unsigned kind = control & NOVA_ITEM_KIND;
        struct transfer_order order = {transfer->from, transfer->to, crd, control, transfer->translate_window};
        if (kind == NOVA_ITEM_TRANSLATE || kind == NOVA_ITEM_EITHER)
            result = space_translate(&order);
        if (kind == NOVA_ITEM_DELEGATE || (kind == NOVA_ITEM_EITHER && !result)) {
            order.window = transfer->delegate_window;
            if (kernel)
                order.from = 0;
            enum nova_status status = space_delegate(&order, &result);
            if (status != NOVA_SUCCESS)
                return status;
            control |= NOVA_ITEM_DELEGATE;
        }
        if (transfer->destination) {
            volatile struct nova_item *out = nova_item(transfer->destination, i);
            out->crd = result;
            out->control = control & (PAGE_SIZE - 1);
        }
    }
    return NOVA_SUCCESS;
}
