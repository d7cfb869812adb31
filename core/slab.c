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

/* Multiples of 64 keep 64-byte alignment; 32, 96 suit the nodes of 32-bit and 64-bit ports. The last classes are whole fractions of a page. */
static const uint16_t class_size[SLAB_CLASSES] = {32, 64, 96, 128, 192, 320, 576, 1344, SLAB_MAX};

static unsigned slab_class(size_t size)
{
    unsigned class = 0;
    /* What needs 64-byte alignment asks for a multiple of 64 and must not land in class 32 or 96. */
    while (class_size[class] < size || (size % 64 == 0 && class_size[class] % 64 != 0))
        class ++;
    return class;
}

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

static void object_clear(void *object, size_t size)
{
    for (word *at = object; size; size -= sizeof(word))
        *at++ = 0;
}

static void *slab_take(struct account *account, size_t size, bool forced)
{
    unsigned class = slab_class(size);
    void *object = 0;
    spin_lock(&account->lock);
    struct slab *slab;
    if (!list_empty(&account->partial[class]))
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
        if (!slab->free && slab->next + class_size[class] > (int)PAGE_SIZE)
            list_remove(&slab->link);
    }
    spin_unlock(&account->lock);
    if (object)
        object_clear(object, (size + sizeof(word) - 1) & ~(sizeof(word) - 1));
    return object;
}

void *slab_alloc(struct account *account, size_t size) { return slab_take(account, size, false); }

void *slab_alloc_forced(struct account *account, size_t size) { return slab_take(account, size, true); }

void slab_free(struct account *account, void *object, size_t size)
{
    unsigned class = slab_class(size);
    struct slab *slab = (struct slab *)((word)object & ~(PAGE_SIZE - 1));
    spin_lock(&account->lock);
    ASSERT(slab->used > 0);
    if (!slab->free && slab->next + class_size[class] > (int)PAGE_SIZE)
        list_prepend(&account->partial[class], &slab->link);
    *(void **)object = slab->free;
    slab->free = object;
    bool empty = --slab->used == 0;
    if (empty)
        list_remove(&slab->link);
    spin_unlock(&account->lock);
    if (empty)
        account_page_free(account, slab, 0);
}
