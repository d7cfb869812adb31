/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The three spaces of a protection domain, and the kernel as the owner of what no PD holds yet (abi.md section 8): all physical memory but the hidden
 * ranges, all I/O ports, the idle SCs and interrupt semaphores.
 */
#ifndef CORE_SPACES_H
#define CORE_SPACES_H

#include "core/object_space.h"
#include "core/range_space.h"
#include "core/shootdown.h"

struct spaces {
    struct object_space objects;
    struct range_space memory, ports;
};

/*
 * What a delegation or translation is about, decoded from a typed item and a window; how far it has come, and what it may still do before interrupts get a chance:
 * a step of the budget is about 25 instructions.
 */
struct transfer_order {
    struct spaces *from; /* 0 = the kernel */
    struct spaces *to;
    word crd, control, window;
    word at;                 /* units of the sender's range that are done */
    unsigned *budget;        /* 0 = nothing more now */
    struct mapping *cursor;  /* keeps the place in a derivation tree; dropped by who gives the transfer up */
    struct attempt *attempt; /* of a message that goes through as a whole or not at all; 0 = what is done stays */
    bool last;               /* nothing of that message comes behind this item */
    struct extent *target;   /* not 0: it gets the units of the receiver's space that are concerned, and nothing is delegated */
};

/*
 * A message that goes through as a whole or not at all. What it makes is fresh (MAPPING_FRESH) until the whole has been done; then the same is gone through once more
 * and confirmed. If the account runs short, what is fresh is taken back. Two messages of one sender to the same places may take each other's for their own: what
 * the one took back, the other one makes again when it confirms.
 */
enum attempt_phase { ATTEMPT_MAKE, ATTEMPT_CONFIRM, ATTEMPT_UNDO };
struct attempt {
    uint8_t phase; /* enum attempt_phase */
    bool fresh;    /* it has made something that is to be confirmed */
};
enum { TRANSFER_BUDGET = 512 };

/* Beside the status codes: the budget is spent, the rest is for the next call with the same order. */
enum { TRANSFER_AGAIN = 0x200 };

/*
 * Delegates what the item names (abi.md section 3). *result gets the CRD for the receiver. NOVA_QUO_OOM = the receiver's account is exhausted, a part may
 * have been delegated; repeating skips it. TRANSFER_AGAIN.
 */
unsigned space_delegate(struct transfer_order *order, word *result);

/* Whether an order is what most are: one page from a PD's memory. */
static inline bool order_is_page(const struct transfer_order *order)
{
    return nova_crd_type(order->crd) == NOVA_CRD_MEM && nova_crd_type(order->window) == NOVA_CRD_MEM &&
           !nova_crd_order(order->crd) && order->from && nova_crd_perm(order->crd) & nova_crd_perm(order->window);
}

/*
 * Delegates that, outside of an attempt, to the page that the hotspot and the window name. Looks at from, to, crd, control and budget alone (0 = it costs nothing). NOVA_SUCCESS,
 * NOVA_QUO_OOM.
 */
unsigned page_delegate(const struct transfer_order *order, word target, unsigned mask);
static inline word page_target(word control, word window)
{
    word inside = crd_inside(window);
    return (nova_crd_base(window) & ~inside) | (control >> 12 & inside);
}

/* Where in the receiver's space an item of an attempt may have made something; false = nowhere. */
bool delegate_target(struct transfer_order *order, struct extent *target);

/*
 * A bounded step of taking back what is fresh in a part of the space with this type of 'to', comes from the space of 'from' (0 = the kernel), and all that derives from
 * it. *at, at first the beginning, says where to go on; true = the end is reached.
 */
bool space_undo(struct cpu *cpu, struct spaces *to, const struct spaces *from, unsigned type, struct extent target, word *at,
                struct mapping *cursor);

/* Translates: *result is the receiver's name for what the sender holds, 0 = nothing found. NOVA_SUCCESS, TRANSFER_AGAIN. */
unsigned space_translate(struct transfer_order *order, word *result);

/* The CRD that holds the base of crd, or 0 (misc lookup). */
word space_lookup(struct spaces *spaces, word crd);

/*
 * A bounded step of a revoke (abi.md section 3 and 6); self and keep as the flags of the hypercall say. *progress is 0 at first and comes back as where to go on;
 * what is passed has lost its rights, and no CPU uses it any more. Unnamed objects are on cpu->unnamed. The cursor, all zero at first, is the same for all steps;
 * who gives a revoke up before its end drops it (mapping.h).
 * REVOKE_NO_MEMORY = the pool had no page for splitting a range or a large page; what was revoked stays so, repeating is harmless.
 */
enum revoke_result { REVOKE_DONE, REVOKE_AGAIN, REVOKE_NO_MEMORY };
enum revoke_result space_revoke(struct cpu *cpu, struct spaces *spaces, word crd, bool self, bool keep, word *progress,
                                struct mapping *cursor);

/*
 * A bounded step of revoking all of one type of a PD that is going. *progress is 0 at first and says where to go on; true = there is nothing left, and
 * it is 0 again.
 */
bool space_empty(struct cpu *cpu, struct spaces *spaces, enum nova_crd_type type, word *progress, struct mapping *cursor);

/* The kernel itself names the object that the capability at selector names; false = that names another one. Undone with object_unname. */
bool space_name(struct object_space *space, word selector, struct object *object);

/*
 * A bounded step of replacing the capability at selector, if it names the old object, by one of the new object (0 = none), and of taking away all that come from
 * where it comes from. True = nothing to do: it does not name the old object (any more); false = a step has been made, so interrupts first. The cursor
 * as for space_revoke; drop it when all is done.
 */
bool space_supersede(struct cpu *cpu, struct object_space *space, word selector, const struct object *old, struct object *new,
                     unsigned permissions, struct mapping *cursor);

/* Enters memory that comes from the kernel itself (root's segments, HIP, UTCBs). NOVA_BAD_PAR: something is there already; NOVA_QUO_OOM. flags: MAPPING_FIXED or 0. */
enum nova_status space_give_memory(struct spaces *spaces, word page, word count, word frame, unsigned rights, unsigned flags);

/* Takes such a place back (UTCB of a dead EC), including the shoot-down. */
void space_take_memory(struct cpu *cpu, struct spaces *spaces, word page, word count);

/* Objects of the kernel that root may take, by selector: [0, NOVA_CPUS) idle SCs, then interrupt semaphores. Filled at boot. */
enum { KERNEL_GSI_MAX = 192, KERNEL_OBJECTS = NOVA_CPUS + KERNEL_GSI_MAX };
extern struct {
    struct object *object;
    unsigned permissions;
} kernel_object[KERNEL_OBJECTS];

#endif
