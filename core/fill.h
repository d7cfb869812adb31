/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The receiver's side of a delegation: what is entered into its space, and what of that is fresh (struct attempt). Under the lock of the sender's tree; the
 * receiver's space is locked here, but for range_add and attempt_pass.
 */
#ifndef CORE_FILL_H
#define CORE_FILL_H

#include "core/spaces.h"

/* The part of the receiver's space that is concerned. source, target: first units; count units; mask: permissions of item and window. */
struct piece {
    word source, target, count;
    unsigned mask;
    uint8_t flags;
    uint8_t type; /* enum memory_type, for memory from the kernel */
    bool last;    /* nothing of the message comes behind it */
};

/* Pages of the host's view; other views have more. */
static const word host_pages = NOVA_USER_LIMIT >> PAGE_BITS;

/*
 * Whether an empty place is filled. Not when a message to its own PD is confirmed: what it has made there has become something to send.
 */
static inline bool order_fills(const struct transfer_order *order)
{
    return __builtin_expect(!order->attempt, 1) || order->attempt->phase != ATTEMPT_CONFIRM || order->from != order->to;
}

/* Steps of the budget: for a place that is passed, for a mapping, for a table that it needs. A page takes one. */
enum { PASS_COST = 32, MAPPING_COST = 40, TABLE_COST = 48 };

static inline void steps_spend(unsigned *budget, word steps) { *budget -= steps < *budget ? (unsigned)steps : *budget; }

/*
 * Enters *count units of the receiver's space from 'at' on, which is empty there and on one side of the user limit, or as many as go in one piece, if not the
 * whole is asked for. Under both locks. 0 = out of memory; else 1 + number of new tables.
 */
unsigned range_add(struct range_space *to, bool memory, word at, word *count, bool whole, struct range *after,
                   const struct mapping *template, word value, uint8_t flags);

/*
 * A place of the receiver's has been passed, under both locks: 'made' = by making this mapping in an attempt, else the mapping was there before, and is fresh. parent
 * and lock: of what is delegated. complete: the message is complete with it. attempt 0: what is delegated stays, whoever has made it.
 */
void attempt_pass(struct attempt *attempt, bool made, bool complete, struct mapping *m, const struct mapping *parent, uint8_t lock);

/*
 * Enters the piece wherever the receiver's space is empty, as template says (parent, rights, lock, type; value: of its first unit). *done:
 * how many units of the piece it has passed.
 */
unsigned range_fill(const struct transfer_order *order, struct range_space *to, const struct piece *piece,
                    const struct mapping *template, word *done);

/* The same for one object. */
unsigned object_fill(const struct transfer_order *order, struct object_space *to, word selector, struct object *object,
                     unsigned permissions, struct mapping *parent, uint8_t lock);

#endif
