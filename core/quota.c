/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Two accounts are never locked at once: a move takes from the one, then gives to the other; in between the pages belong to nobody and can only be missing.
 */
#include "core/quota.h"

#include "core/lib/assert.h"

/* An account that was charged by force may be over its limit. */
word quota_room(const struct quota *quota)
{
    word used = __atomic_load_n(&quota->used, __ATOMIC_RELAXED), limit = __atomic_load_n(&quota->limit, __ATOMIC_RELAXED);
    return used < limit ? limit - used : 0;
}

/* Under the account's lock; others may look without it. */
static void change(word *number, word by) { __atomic_store_n(number, *number + by, __ATOMIC_RELAXED); }

bool quota_charge(struct quota *quota, word pages)
{
    spin_lock(&quota->lock);
    bool enough = quota_room(quota) >= pages;
    if (enough)
        change(&quota->used, pages);
    spin_unlock(&quota->lock);
    return enough;
}

void quota_charge_forced(struct quota *quota, word pages)
{
    spin_lock(&quota->lock);
    change(&quota->used, pages);
    spin_unlock(&quota->lock);
}

void quota_refund(struct quota *quota, word pages)
{
    spin_lock(&quota->lock);
    ASSERT(quota->used >= pages);
    change(&quota->used, -pages);
    spin_unlock(&quota->lock);
}

bool quota_move(struct quota *from, struct quota *to, word pages)
{
    spin_lock(&from->lock);
    bool enough = quota_room(from) >= pages && from->limit - from->lower >= pages;
    if (enough)
        change(&from->limit, -pages);
    spin_unlock(&from->lock);
    if (enough) {
        spin_lock(&to->lock);
        change(&to->limit, pages);
        spin_unlock(&to->lock);
    }
    return enough;
}
