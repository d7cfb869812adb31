/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A transfer of typed items: how far it is, and, of a message that goes through as a whole or not at all (struct attempt), what follows when all of it is done, or
 * when the account has run short (abi.md section 9).
 */
#ifndef CORE_ATTEMPT_H
#define CORE_ATTEMPT_H

#include "core/spaces.h"
#include <nova/utcb.h>

struct transfer_place {
    word item, at; /* at: units of this item that are done */
    word end;      /* undo: the items before this one */
    struct attempt attempt;
};

struct transfer {
    struct spaces *from, *to;
    bool from_root;                /* the sender may take from the kernel (control bit 11) */
    struct nova_utcb *source;      /* items are read here, once each */
    struct nova_utcb *destination; /* and results written here; 0 = nowhere */
    word translate_window, delegate_window;
    struct transfer_place *place; /* all zero at the beginning; where to go on, if it comes back with TRANSFER_AGAIN */
    struct mapping *cursor;       /* see struct transfer_order */
    struct cpu *cpu;              /* this CPU, if all goes through or nothing (struct attempt); 0 = what is done stays */
};

static inline bool transfer_begun(const struct transfer_place *place) { return place->item | place->at | place->attempt.phase; }

/* A transfer is over or given up. In the latter case what it has made stays. */
void transfer_end(struct transfer_place *place, struct mapping *cursor);

/* Steps of the budget that an item takes beside what it moves. */
enum { ITEM_COST = 8 };

/* Goes on confirming or undoing; like transfer_items. */
unsigned attempt_finish(const struct transfer *transfer, unsigned count, unsigned budget);

/* The account is exhausted, and what the items before 'end' have made is to be taken back. */
unsigned attempt_undo(const struct transfer *transfer, word end);

/* Makes an order one for a delegation: through that window, from the kernel if root asks for it. */
static inline void order_delegates(const struct transfer *transfer, struct transfer_order *order)
{
    order->window = transfer->delegate_window;
    if (order->control & NOVA_ITEM_KERNEL && transfer->from_root)
        order->from = 0;
}

/* Delegates what an item names. */
static inline unsigned item_delegate(const struct transfer *transfer, struct transfer_order *order, word *result)
{
    order_delegates(transfer, order);
    return space_delegate(order, result);
}

#endif
