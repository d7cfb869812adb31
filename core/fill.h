/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The receiver's side of a delegation: what is entered into its space, and what of that is fresh (struct attempt). Under the lock of the sender's tree; the
 * receiver's space is locked here, but for range_add and attempt_pass.
 */
#ifndef CORE_FILL_H
#define CORE_FILL_H

#include "core/spaces.h"

/* Pages of the host's view; other views have more. */
static const word host_pages = NOVA_USER_LIMIT >> PAGE_BITS;

/*
 * Whether an empty place is filled. Not when a message to its own PD is confirmed: what it has made there has become something to send.
 */
static inline bool order_fills(const struct transfer_order *order)
{
    return __builtin_expect(!order->attempt, 1) || order->attempt->phase != ATTEMPT_CONFIRM || order->from != order->to;
}

/* Steps of the budget: for a place that is passed, for a range, for a slot, for a table that it needs. A page takes one. */
enum { PASS_COST = 32, RANGE_COST = 88, SLOT_COST = 40, TABLE_COST = 48 };

static inline void steps_spend(unsigned *budget, word steps) { *budget -= steps < *budget ? (unsigned)steps : *budget; }

/*
 * Enters count units into the receiver's space as 'new' says (parent, value, base, rights, flags, lock, type), where that is empty and on one side of the user limit;
 * 'after' comes next. With a budget: as many units as go in one piece, and what it costs is taken off. Under both locks. 0 = out of memory.
 */
struct range *range_add(struct range_space *to, const struct mapping *new, word count, struct range *after, unsigned *budget);

/*
 * A place of the receiver's has been passed, under both locks: 'made' = by making this mapping in an attempt, else the mapping was there before, and is fresh. parent
 * and lock: of what is delegated. complete: the message is complete with it. attempt 0: what is delegated stays, whoever has made it.
 */
void attempt_pass(struct attempt *attempt, bool made, bool complete, struct mapping *m, const struct mapping *parent, uint8_t lock);

/*
 * Enters count units wherever the receiver's space is empty, as 'new' says: parent, rights, flags (without MAPPING_HOST), lock, type; base and value of the first unit.
 * last: nothing of the message comes behind them. *done: how many of them it has passed.
 */
unsigned range_fill(const struct transfer_order *order, struct range_space *to, struct mapping *new, word count, bool last,
                    word *done);

/* The same for one object. */
unsigned object_fill(const struct transfer_order *order, struct object_space *to, word selector, struct object *object,
                     unsigned permissions, struct mapping *parent, uint8_t lock);

#endif
