/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Moving a message from one EC's UTCB to another's: words, then typed items (abi.md section 7). Both sides may change their own UTCB
 * meanwhile, which harms nobody but themselves.
 */
#ifndef CORE_MESSAGE_H
#define CORE_MESSAGE_H

#include "core/ec.h"
#include "core/lib/string.h"
#include "core/transfer.h"

/* A bounded part of the typed items of a message, through the receiver's windows. handler: from or to, whichever was or is to be called; it keeps the place. */
unsigned message_copy_items(struct ec *from, struct ec *to, struct ec *handler, unsigned typed);

/* A bounded part of the typed items of a reply to an event: into memory of the thread, at places that the items' hotspots name. */
unsigned message_copy_to_event(struct ec *from, struct ec *to);

/*
 * NOVA_QUO_OOM: the receiver's account is exhausted; words and the items before may have gone over. TRANSFER_AGAIN: a part is done, and the receiver's UTCB is not
 * to be touched before the rest is. Any CPU; neither EC runs.
 */
static inline unsigned message_copy(struct ec *from, struct ec *to, struct ec *handler)
{
    word items = __atomic_load_n(&from->utcb->items, __ATOMIC_RELAXED);
    unsigned untyped = items_untyped(items), typed = items_typed(items);
    memcpy(to->utcb->mr, from->utcb->mr, untyped * sizeof(word));
    if (__builtin_expect(typed || transfer_begun(&handler->moved), 0)) {
        unsigned status = message_copy_items(from, to, handler, typed);
        if (status != NOVA_SUCCESS)
            return status;
    }
    to->utcb->items = nova_items(untyped, typed);
    return NOVA_SUCCESS;
}

#endif
