/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Two accounts are never locked at once: a move takes from the one, then gives to the other; in between the pages belong to nobody and can only be missing.
 */
#include "core/quota.h"

#include "core/lib/assert.h"

/* An account that was charged by force may be over its limit. */
word quota_room(const struct quota *quota) { return quota->used < quota->limit ? quota->limit - quota->used : 0; }

bool quota_charge(struct quota *quota, word pages)
{
    spin_lock(&quota->lock);
    bool enough = quota_room(quota) >= pages;
    if (enough)
        quota->used += pages;
    spin_unlock(&quota->lock);
    return enough;
}

void quota_charge_forced(struct quota *quota, word pages)
{
    spin_lock(&quota->lock);
    quota->used += pages;
    spin_unlock(&quota->lock);
}

void quota_refund(struct quota *quota, word pages)
{
    spin_lock(&quota->lock);
    ASSERT(quota->used >= pages);
    quota->used -= pages;
    spin_unlock(&quota->lock);
}

bool quota_move(struct quota *from, struct quota *to, word pages)
{
    spin_lock(&from->lock);
    bool enough = quota_room(from) >= pages && from->limit - from->lower >= pages;
    if (enough)
        from->limit -= pages;
    spin_unlock(&from->lock);
    if (enough) {
        spin_lock(&to->lock);
        to->limit += pages;
        spin_unlock(&to->lock);
    }
    return enough;
}
