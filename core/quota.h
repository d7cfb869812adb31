/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Accounts of kernel memory in pages (abi.md section 9). A page is charged before it is allocated. 'lower' pages of the limit can
 * never be moved to another account. Invariant: used <= limit, but for what quota_charge_forced added. One lock per account, taken inside.
 */
#ifndef CORE_QUOTA_H
#define CORE_QUOTA_H

#include "core/lib/spinlock.h"

struct quota {
    word limit, used, lower;
    struct spinlock lock;
};

/* Pages that could be charged now; a hint while other CPUs charge, too. */
word quota_room(const struct quota *quota);

/* Takes pages off what is left; false = not enough, nothing changed. */
bool quota_charge(struct quota *quota, word pages);

/*
 * Takes pages even if that exceeds the limit: for the node and the page tables by which a revoke must split a range or a large page of somebody else's, whose
 * exhausted account must not stop it.
 */
void quota_charge_forced(struct quota *quota, word pages);

/* Gives charged pages back. */
void quota_refund(struct quota *quota, word pages);

/* Moves free pages from one account to another; false = not enough free ones above the lower limit, nothing changed. From == to is a check alone. */
bool quota_move(struct quota *from, struct quota *to, word pages);

#endif
