/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Typed items of a message (abi.md section 3): each is translated or delegated from the sender's spaces to the receiver's through the receiver's windows.
 */
#ifndef CORE_TRANSFER_H
#define CORE_TRANSFER_H

#include "core/attempt.h"

/*
 * A bounded part of count items, at most half of NOVA_UTCB_WORDS. TRANSFER_AGAIN: call again, between windows; as long as that goes on, nobody else may write to
 * the destination. NOVA_QUO_OOM = the receiver's account is exhausted.
 */
unsigned transfer_items(const struct transfer *transfer, unsigned count);

/*
 * What most transfers are: one item, and that one page to be delegated, which goes through or not as a whole. False = it is something else, or it has begun, and
 * nothing was done.
 */
static inline __attribute__((always_inline)) bool transfer_page(struct spaces *from, struct spaces *to, struct nova_utcb *source,
                                                                unsigned typed, word window, const struct transfer_place *place,
                                                                unsigned *status)
{
    const volatile struct nova_item *item = nova_item(source, 0);
    struct transfer_order order;
    if (typed != 1 || transfer_begun(place))
        return false;
    order.from = from;
    order.to = to;
    order.crd = item->crd;
    order.control = item->control;
    order.window = window;
    order.budget = 0;
    if ((order.control & (NOVA_ITEM_KIND | NOVA_ITEM_KERNEL)) != NOVA_ITEM_DELEGATE || !order_is_page(&order))
        return false;
    *status = page_delegate(&order, page_target(order.control, window), nova_crd_perm(order.crd) & nova_crd_perm(window));
    return true;
}

/* The numbers of untyped words and typed items that the kernel honours in an items word. */
static inline unsigned items_untyped(word items)
{
    unsigned count = nova_untyped(items);
    return count < NOVA_UTCB_WORDS ? count : NOVA_UTCB_WORDS;
}
static inline unsigned items_typed(word items)
{
    unsigned count = nova_typed(items);
    return count < NOVA_UTCB_WORDS / 2 ? count : NOVA_UTCB_WORDS / 2;
}

#endif
