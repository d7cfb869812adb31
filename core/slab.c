/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A slab is one page: a header, then objects of one class. Free objects are chained through their first word. Full slabs are in no list.
 */
#include "core/slab.h"

#include "core/lib/assert.h"
#include "core/lib/bits.h"
#include "core/page_alloc.h"

struct slab {
    struct list link;
    void *free;
    uint16_t used;
    uint16_t next; /* offset of the first object never handed out */
};

static const uint16_t class_size[SLAB_CLASSES] = {32, 64, 96, 128, 192, 320, 576, 1344, SLAB_MAX};

void account_init(struct account *account)
{
    account->quota = (struct quota){0};
    account->lock = (struct spinlock){0};
    for (unsigned class = 0; class < SLAB_CLASSES; class ++)
        list_init(&account->partial[class]);
}

void *account_page_alloc(struct account *account, unsigned order)
{
    if (!quota_charge(&account->quota, (word)1 << order))
        return 0;
    void *page = page_alloc_zero(order);
    if (!page)
        quota_refund(&account->quota, (word)1 << order);
    return page;
}

void *account_page_alloc_forced(struct account *account)
{
    void *page = page_alloc_zero(0);
    if (page)
        quota_charge_forced(&account->quota, 1);
    return page;
}

void account_page_free(struct account *account, void *page, unsigned order)
{
    page_free(page, order);
    quota_refund(&account->quota, (word)1 << order);
}

static struct slab *slab_create(struct account *account, bool forced)
{
    if (forced)
        quota_charge_forced(&account->quota, 1);
    else if (!quota_charge(&account->quota, 1))
        return 0;
    struct slab *slab = page_alloc(0);
    if (!slab) {
        quota_refund(&account->quota, 1);
        return 0;
    }
    *slab = (struct slab){.next = PAGE_SIZE - SLAB_MAX};
    return slab;
}

void object_clear(void *object, size_t size)
{
    word *at = object, *end = at + (size + sizeof(word) - 1) / sizeof(word);
    for (; end - at >= 4; at += 4)
        at[0] = at[1] = at[2] = at[3] = 0;
    while (at < end)
        *at++ = 0;
}

static inline bool slab_full(const struct slab *slab, unsigned class)
{
    return !slab->free && slab->next + class_size[class] > (int)PAGE_SIZE;
}

void *slab_take(struct account *account, unsigned class, bool forced)
{
    void *object = 0;
    spin_lock(&account->lock);
    struct slab *slab;
    if (__builtin_expect(!list_empty(&account->partial[class]), 1))
        slab = CONTAINER(account->partial[class].next, struct slab, link);
    else if ((slab = slab_create(account, forced)))
        list_prepend(&account->partial[class], &slab->link);
    if (slab) {
        if ((object = slab->free))
            slab->free = *(void **)object;
        else {
            object = (char *)slab + slab->next;
            slab->next = (uint16_t)(slab->next + class_size[class]);
        }
        slab->used++;
        if (slab_full(slab, class))
            list_remove(&slab->link);
    }
    spin_unlock(&account->lock);
    return object;
}

void slab_give(struct account *account, unsigned class, void *object)
{
    struct slab *slab = (struct slab *)((word)object & ~(PAGE_SIZE - 1));
    spin_lock(&account->lock);
    ASSERT(slab->used > 0);
    if (slab_full(slab, class))
        list_prepend(&account->partial[class], &slab->link);
    *(void **)object = slab->free;
    slab->free = object;
    bool empty = --slab->used == 0;
    if (__builtin_expect(empty, 0))
        list_remove(&slab->link);
    spin_unlock(&account->lock);
    if (__builtin_expect(empty, 0))
        account_page_free(account, slab, 0);
}
