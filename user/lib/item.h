/* SPDX-License-Identifier: MIT */
/*
 * Building and reading messages in a UTCB: untyped words first (nova_message_begin, nova_message_word), typed items from the
 * end of the page down (nova_message_item). Words and items share the page; adding what does not fit is refused.
 */
#ifndef NOVA_LIB_ITEM_H
#define NOVA_LIB_ITEM_H

#include <nova/utcb.h>

/* An empty message. The windows xlt and del stay as they are. */
static inline void nova_message_begin(struct nova_utcb *utcb) { utcb->items = 0; }

/* Words of payload that are still free. */
static inline unsigned nova_message_room(const struct nova_utcb *utcb)
{
    unsigned used = nova_untyped(utcb->items) + 2 * nova_typed(utcb->items);
    return used < NOVA_UTCB_WORDS ? NOVA_UTCB_WORDS - used : 0;
}

/* Adds an untyped word; 0 if there is no room. */
static inline int nova_message_word(struct nova_utcb *utcb, nova_word word)
{
    if (nova_message_room(utcb) < 1)
        return 0;
    utcb->mr[nova_untyped(utcb->items)] = word;
    utcb->items += nova_items(1, 0);
    return 1;
}

/* Adds a typed item (control: nova_control); 0 if there is no room. */
static inline int nova_message_item(struct nova_utcb *utcb, nova_word crd, nova_word control)
{
    struct nova_item *item;
    if (nova_message_room(utcb) < 2)
        return 0;
    item = nova_item(utcb, nova_typed(utcb->items));
    item->crd = crd;
    item->control = control;
    utcb->items += nova_items(0, 1);
    return 1;
}

/* Opens the receive windows of an EC: what a sender may translate into and delegate to; 0 closes one. */
static inline void nova_message_windows(struct nova_utcb *utcb, nova_word translate, nova_word delegate)
{
    utcb->xlt = translate;
    utcb->del = delegate;
}

#endif
