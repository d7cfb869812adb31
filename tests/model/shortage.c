/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Makes accounts short. Room in pages that an account has already would let small objects through: it can be filled up.
 */
#include "operation.h"

#include "core/range_space.h"
#include "core/slab.h"

enum { STUFFED_MAX = 20000 };
static struct stuffed {
    struct account *account;
    void *object;
    unsigned class;
} stuffed[STUFFED_MAX];
static unsigned stuffed_count;

void account_stuff(const struct domain *pd)
{
    struct account *account = kernel_account(pd);
    for (unsigned class = 0; class < SLAB_CLASSES; class ++)
        while (!list_empty(&account->partial[class]) && stuffed_count < STUFFED_MAX)
            stuffed[stuffed_count++] = (struct stuffed){account, slab_take(account, class, false), class};
}

/* Gives one of them back, 0 = there is none. */
static bool unstuff(unsigned class)
{
    for (unsigned i = 0; i < stuffed_count; i++)
        if (stuffed[i].class == class) {
            slab_give(stuffed[i].account, class, stuffed[i].object);
            stuffed[i] = stuffed[--stuffed_count];
            return true;
        }
    return false;
}

void account_unstuff(void)
{
    while (stuffed_count--)
        slab_give(stuffed[stuffed_count].account, stuffed[stuffed_count].class, stuffed[stuffed_count].object);
    stuffed_count = 0;
}

word account_squeeze(struct domain *pd, unsigned room)
{
    struct quota *quota = &kernel_account(pd)->quota;
    if (!room || pd->root)
        return 0;
    account_stuff(pd);
    for (unsigned nodes = (room - 1) / SQUEEZE_PAGES; nodes && unstuff(slab_class(sizeof(struct range))); nodes--)
        ;
    word left = quota_room(quota), pages = (room - 1) % SQUEEZE_PAGES, movable = quota->limit - quota->lower;
    word excess = left > pages ? left - pages : 0;
    excess = excess < movable ? excess : movable;
    return quota_move(quota, &kernel_account(root_domain)->quota, excess) ? excess : 0;
}

void account_loosen(struct domain *pd, word taken)
{
    account_unstuff();
    if (!quota_move(&kernel_account(root_domain)->quota, &kernel_account(pd)->quota, taken))
        disagree("the quota that was taken cannot be given back");
}
