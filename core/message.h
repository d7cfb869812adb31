/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Moving a message from one EC's UTCB to another's: words, then typed items (abi.md section 7). Words are copied one by one: both sides may change
 * their own UTCB meanwhile, which harms nobody but themselves.
 */
#ifndef CORE_MESSAGE_H
#define CORE_MESSAGE_H

#include "core/ec.h"
#include "core/transfer.h"

/* A bounded part of the typed items of a message, through the receiver's windows. handler: from or to, whichever was or is to be called; it keeps the place. */
unsigned message_copy_items(struct ec *from, struct ec *to, struct ec *handler, unsigned typed);

/* A bounded part of the typed items of a reply to an event: into memory of the thread, at places that the items' hotspots name. */
unsigned message_copy_to_event(struct ec *from, struct ec *to);

static inline void words_copy(const struct nova_utcb *from, struct nova_utcb *to, unsigned count)
{
    const word *source = from->mr;
    word *target = to->mr;
    for (; count >= 4; count -= 4, source += 4, target += 4) {
        word a = source[0], b = source[1], c = source[2], d = source[3];
        target[0] = a;
        target[1] = b;
        target[2] = c;
        target[3] = d;
    }
    for (; count; count--)
        *target++ = *source++;
}

/*
 * NOVA_QUO_OOM: the receiver's account is exhausted; words and the items before may have gone over. TRANSFER_AGAIN: a part is done, and the receiver's UTCB is not
 * to be touched before the rest is. Any CPU; neither EC runs.
 */
static inline unsigned message_copy(struct ec *from, struct ec *to, struct ec *handler)
{
    word items = __atomic_load_n(&from->utcb->items, __ATOMIC_RELAXED);
    unsigned untyped = items_untyped(items), typed = items_typed(items);
    words_copy(from->utcb, to->utcb, untyped);
    if (__builtin_expect(typed, 0)) {
        unsigned status = message_copy_items(from, to, handler, typed);
        if (status != NOVA_SUCCESS)
            return status;
    }
    to->utcb->items = nova_items(untyped, typed);
    return NOVA_SUCCESS;
}

#endif
