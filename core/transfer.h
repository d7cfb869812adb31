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
