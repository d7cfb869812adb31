/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Typed items of a message (abi.md section 3): each is translated or delegated from the sender's spaces to the receiver's through the receiver's windows.
 */
#ifndef CORE_TRANSFER_H
#define CORE_TRANSFER_H

#include "core/spaces.h"
#include <nova/utcb.h>

struct transfer_place {
    word item, at; /* at: units of this item that are done */
};

struct transfer {
    struct spaces *from, *to;
    bool from_root;                /* the sender may take from the kernel (control bit 11) */
    struct nova_utcb *source;      /* items are read here, once each */
    struct nova_utcb *destination; /* and results written here; 0 = nowhere */
    word translate_window, delegate_window;
    struct transfer_place *place; /* all zero at the beginning; where to go on, if it comes back with TRANSFER_AGAIN */
    struct mapping *cursor;       /* see struct transfer_order */
};

/*
 * A bounded part of count items, at most half of NOVA_UTCB_WORDS. TRANSFER_AGAIN: call again, between windows; as long as that goes on, nobody else may write to
 * the destination. NOVA_QUO_OOM = the receiver's account is exhausted; the items before may have gone through.
 */
unsigned transfer_items(const struct transfer *transfer, unsigned count);

static inline bool transfer_begun(const struct transfer_place *place) { return place->item | place->at; }

/* A transfer is over or given up. */
static inline void transfer_end(struct transfer_place *place, struct mapping *cursor)
{
    place->item = place->at = 0;
    if (__builtin_expect(cursor_parked(cursor), 0))
        cursor_drop(cursor);
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
