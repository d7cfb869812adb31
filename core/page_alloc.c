/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Free blocks of each order are in a list through the blocks themselves; one byte per page says "free block of order n starts here" or "not".
 * Addresses are counted from the pool's first page, so that buddies are found by flipping one bit. Invariant: two free buddies are always merged.
 */
#include "core/page_alloc.h"

#include "core/lib/assert.h"
#include "core/lib/bits.h"
#include "core/lib/list.h"
#include "core/lib/spinlock.h"
#include "core/lib/string.h"

enum { NOT_FREE = 0xff };

static struct {
    struct spinlock lock;
    struct list free[PAGE_ORDER_MAX + 1];
    char *base; /* aligned to the largest order, at or below the first page */
    word pages; /* from base on */
    word first; /* first page that was ever ours */
    word free_pages;
    uint8_t *state; /* one per page: order of the free block that starts here, or NOT_FREE */
} pool;

static void *page_address(word page) { return pool.base + (page << PAGE_BITS); }

static void block_put(word page, unsigned order)
{
    pool.state[page] = (uint8_t)order;
    list_prepend(&pool.free[order], page_address(page));
}

static void block_take(word page)
{
    pool.state[page] = NOT_FREE;
    list_remove(page_address(page));
}

static void block_free(word page, unsigned order)
{
    pool.free_pages += (word)1 << order;
    for (; order < PAGE_ORDER_MAX; order++) {
        word buddy = page ^ ((word)1 << order);
        if (buddy >= pool.pages || pool.state[buddy] != order)
            break;
        block_take(buddy);
        page &= ~((word)1 << order);
    }
    block_put(page, order);
}

void page_alloc_init(void *begin, void *end)
{
    word size = PAGE_SIZE << PAGE_ORDER_MAX;
    pool.base = (char *)((word)begin & ~(size - 1));
    pool.pages = (word)((char *)end - pool.base) >> PAGE_BITS;
    pool.first = ((word)((char *)begin - pool.base) >> PAGE_BITS) + ((pool.pages + PAGE_SIZE - 1) >> PAGE_BITS);
    pool.state = begin;
    ASSERT(pool.first < pool.pages);
    memset(pool.state, NOT_FREE, pool.pages);
    for (unsigned order = 0; order <= PAGE_ORDER_MAX; order++)
        list_init(&pool.free[order]);
    for (word page = pool.first; page < pool.pages;) {
        unsigned order = range_order(page, pool.pages - page);
        if (order > PAGE_ORDER_MAX)
            order = PAGE_ORDER_MAX;
        block_free(page, order);
        page += (word)1 << order;
    }
}

void *page_alloc(unsigned order)
{
    void *result = 0;
    spin_lock(&pool.lock);
    for (unsigned from = order; from <= PAGE_ORDER_MAX; from++) {
        if (list_empty(&pool.free[from]))
            continue;
        result = pool.free[from].next;
        word page = (word)((char *)result - pool.base) >> PAGE_BITS;
        block_take(page);
        while (from-- > order)
            block_put(page + ((word)1 << from), from);
        pool.free_pages -= (word)1 << order;
        break;
    }
    spin_unlock(&pool.lock);
    return result;
}

void page_clear(void *page)
{
    word *at = page, *end = at + PAGE_SIZE / sizeof(word);
    for (; at < end; at += 8)
        at[0] = at[1] = at[2] = at[3] = at[4] = at[5] = at[6] = at[7] = 0;
}

void *page_alloc_zero(unsigned order)
{
    char *block = page_alloc(order);
    if (block)
        for (word i = 0; i < (word)1 << order; i++)
            page_clear(block + (i << PAGE_BITS));
    return block;
}

void page_free(void *page, unsigned order)
{
    word number = (word)((char *)page - pool.base) >> PAGE_BITS;
    ASSERT(number >= pool.first && number + ((word)1 << order) <= pool.pages && pool.state[number] == NOT_FREE);
    spin_lock(&pool.lock);
    block_free(number, order);
    spin_unlock(&pool.lock);
}

word page_alloc_free_pages(void) { return pool.free_pages; }
