/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Kernel memory: buddy allocator, accounts, slabs.
 */
#include "unit.h"
#include "tests/dice.h"

#include "core/lib/bits.h"
#include "core/page_alloc.h"
#include "core/slab.h"
#include "hosted.h"

#include <stdlib.h>
#include <string.h>

enum { POOL = 8 << 20 };

static char *pool_begin;

/* A pool that starts 'skew' pages after an 8 MiB boundary. */
static void pool_make(size_t skew, size_t size)
{
    char *area = aligned_alloc(POOL, 2 * POOL);
    pool_begin = area + skew * PAGE_SIZE;
    memset(area, 0xa5, 2 * POOL);
    page_alloc_init(pool_begin, pool_begin + size);
}

TEST(buddy_hands_out_all_pages_once)
{
    static char *pages[POOL / 4096 + 1];
    pool_make(3, POOL);
    word count = page_alloc_free_pages();
    CHECK(count > POOL / PAGE_SIZE - 8 && count < POOL / PAGE_SIZE);
    for (word i = 0; i < count; i++) {
        pages[i] = page_alloc(0);
        CHECK(pages[i] && (uintptr_t)pages[i] % PAGE_SIZE == 0);
        CHECK(pages[i] >= pool_begin && pages[i] + PAGE_SIZE <= pool_begin + POOL);
        memset(pages[i], (int)i, PAGE_SIZE);
    }
    CHECK_EQ(page_alloc_free_pages(), 0);
    CHECK(!page_alloc(0));
    for (word i = 0; i < count; i++)
        CHECK(pages[i][0] == (char)i && pages[i][4095] == (char)i);
    for (word i = 0; i < count; i++)
        page_free(pages[(i * 7919) % count], 0);
    CHECK_EQ(page_alloc_free_pages(), count);
}

TEST(buddy_blocks_are_aligned_and_merge)
{
    static const unsigned skews[] = {0, 1, 5, 1023, 1024};
    for (unsigned s = 0; s < ARRAY_SIZE(skews); s++) {
        pool_make(skews[s], POOL - 5 * PAGE_SIZE);
        word before = page_alloc_free_pages();
        unsigned most = 0;
        void *big[8];
        while (most < 8 && (big[most] = page_alloc(PAGE_ORDER_MAX)))
            CHECK_EQ((uintptr_t)big[most++] % (PAGE_SIZE << PAGE_ORDER_MAX), 0);
        for (unsigned i = 0; i < most; i++)
            page_free(big[i], PAGE_ORDER_MAX);
        for (unsigned order = 0; order < PAGE_ORDER_MAX; order++) {
            void *block = page_alloc(order);
            CHECK(block && (uintptr_t)block % (PAGE_SIZE << order) == 0);
            page_free(block, order);
        }
        CHECK_EQ(page_alloc_free_pages(), before);
        /* All merged again: as many big blocks as at first. */
        unsigned again = 0;
        while (page_alloc(PAGE_ORDER_MAX))
            again++;
        CHECK_EQ(again, most);
    }
}

TEST(buddy_random_blocks_never_overlap)
{
    enum { BLOCKS = 300 };
    static struct {
        unsigned char *at;
        unsigned order;
    } block[BLOCKS];
    uint64_t state = 12345;
    pool_make(17, POOL - 100 * PAGE_SIZE);
    word before = page_alloc_free_pages();
    for (unsigned step = 0; step < 20000; step++) {
        unsigned i = dice(&state, BLOCKS);
        if (block[i].at) {
            for (word page = 0; page < 1ul << block[i].order; page++) {
                CHECK_EQ(*(unsigned *)(block[i].at + page * PAGE_SIZE), i);
                CHECK_EQ(*(unsigned *)(block[i].at + page * PAGE_SIZE + PAGE_SIZE - 4), i);
            }
            page_free(block[i].at, block[i].order);
            block[i].at = 0;
            continue;
        }
        block[i].order = (unsigned)(state >> 50) % 6;
        block[i].at = page_alloc(block[i].order);
        for (word page = 0; block[i].at && page < 1ul << block[i].order; page++)
            *(unsigned *)(block[i].at + page * PAGE_SIZE) = *(unsigned *)(block[i].at + page * PAGE_SIZE + PAGE_SIZE - 4) = i;
    }
    for (unsigned i = 0; i < BLOCKS; i++)
        if (block[i].at)
            page_free(block[i].at, block[i].order);
    CHECK_EQ(page_alloc_free_pages(), before);
}

TEST(buddy_cleared_blocks)
{
    pool_make(0, POOL);
    for (unsigned order = 0; order < 4; order++) {
        unsigned char *block = page_alloc_zero(order);
        for (size_t i = 0; i < PAGE_SIZE << order; i++)
            CHECK_EQ(block[i], 0);
    }
}

static void expect_fatal(void)
{
    CHECK_LOG("assertion failed");
    _Exit(0);
}

TEST(buddy_freeing_twice_is_caught)
{
    pool_make(0, POOL);
    void *page = page_alloc(0);
    page_free(page, 0);
    machine_stop_hook = expect_fatal;
    page_free(page, 0);
    CHECK(!"caught");
}

TEST(quota_charges_up_to_the_limit)
{
    struct quota quota = {.limit = 10};
    CHECK(quota_charge(&quota, 4));
    CHECK(quota_charge(&quota, 6));
    CHECK(!quota_charge(&quota, 1));
    CHECK(quota_charge(&quota, 0));
    CHECK(!quota_charge(&quota, ~(word)0));
    quota_refund(&quota, 3);
    CHECK(!quota_charge(&quota, 4));
    CHECK(quota_charge(&quota, 3));
    CHECK_EQ(quota.used, 10);
}

TEST(quota_moves_only_free_pages_above_the_lower_limit)
{
    struct quota from = {.limit = 100, .used = 30, .lower = 20}, to = {.limit = 5};
    CHECK(!quota_move(&from, &to, 71));
    CHECK(!quota_move(&from, &to, ~(word)0));
    CHECK_EQ(from.limit, 100);
    CHECK_EQ(to.limit, 5);
    CHECK(quota_move(&from, &to, 70));
    CHECK_EQ(from.limit, 30);
    CHECK_EQ(to.limit, 75);
    from = (struct quota){.limit = 100, .used = 0, .lower = 20};
    CHECK(!quota_move(&from, &to, 81));
    CHECK(quota_move(&from, &to, 80));
    CHECK(!quota_move(&from, &to, 1));
    CHECK(quota_move(&from, &to, 0));
    /* To itself: a check alone. */
    CHECK(quota_move(&to, &to, 155));
    CHECK_EQ(to.limit, 155);
    CHECK(!quota_move(&to, &to, 156));
}

TEST(quota_forced_over_the_limit)
{
    struct quota quota = {.limit = 1, .used = 1}, other = {0};
    quota_charge_forced(&quota, 1);
    CHECK_EQ(quota.used, 2);
    CHECK(!quota_charge(&quota, 1));
    CHECK(!quota_charge(&quota, 0) || quota.used == 2);
    CHECK(!quota_move(&quota, &other, 1));
    quota_refund(&quota, 2);
    CHECK(quota_charge(&quota, 1));
}

TEST(slab_objects_are_cleared_aligned_and_apart)
{
    static const size_t sizes[] = {1,   8,   32,  33,  64,  72,   96,   100,  128,  192, 200,
                                   256, 320, 500, 576, 640, 1024, 1344, 2048, 4000, 4032};
    enum { EACH = 40 };
    static unsigned char *object[ARRAY_SIZE(sizes)][EACH];
    struct account account;
    pool_make(1, POOL);
    word before = page_alloc_free_pages();
    account_init(&account);
    CHECK(!slab_alloc(&account, 32));
    account.quota.limit = 1500;
    for (unsigned s = 0; s < ARRAY_SIZE(sizes); s++)
        for (unsigned i = 0; i < EACH; i++) {
            unsigned char *at = object[s][i] = slab_alloc(&account, sizes[s]);
            CHECK(at);
            CHECK_EQ((uintptr_t)at % (sizes[s] % 64 ? 32 : 64), 0);
            CHECK_EQ((uintptr_t)at / PAGE_SIZE, ((uintptr_t)at + sizes[s] - 1) / PAGE_SIZE);
            for (size_t k = 0; k < sizes[s]; k++)
                CHECK_EQ(at[k], 0);
            memset(at, (int)(s * EACH + i), sizes[s]);
        }
    CHECK_EQ(before - page_alloc_free_pages(), account.quota.used);
    for (unsigned s = 0; s < ARRAY_SIZE(sizes); s++)
        for (unsigned i = 0; i < EACH; i++)
            for (size_t k = 0; k < sizes[s]; k++)
                CHECK_EQ(object[s][i][k], (unsigned char)(s * EACH + i));
    for (unsigned i = 0; i < EACH; i++)
        for (unsigned s = 0; s < ARRAY_SIZE(sizes); s++)
            slab_free(&account, object[s][(i * 7) % EACH], sizes[s]);
    CHECK_EQ(account.quota.used, 0);
    CHECK_EQ(page_alloc_free_pages(), before);
}

TEST(slab_reuses_memory_cleared)
{
    struct account account;
    pool_make(0, POOL);
    account_init(&account);
    account.quota.limit = 1;
    void *keep = slab_alloc(&account, 96), *first = slab_alloc(&account, 96);
    memset(first, 0xff, 96);
    slab_free(&account, first, 96);
    unsigned char *again = slab_alloc(&account, 96);
    CHECK(again == first);
    for (unsigned i = 0; i < 96; i++)
        CHECK_EQ(again[i], 0);
    /* The page is full after 42 objects of this class; the account has no other page. */
    unsigned count = 2;
    while (slab_alloc(&account, 96))
        count++;
    CHECK_EQ(count, SLAB_MAX / 96);
    CHECK_EQ(account.quota.used, 1);
    CHECK(!slab_alloc(&account, 32));
    CHECK(slab_take(&account, slab_class(32), true));
    CHECK_EQ(account.quota.used, 2);
    (void)keep;
}

TEST(slab_accounts_are_separate)
{
    struct account one, two;
    pool_make(0, POOL);
    account_init(&one);
    account_init(&two);
    one.quota.limit = two.quota.limit = 10;
    char *a = slab_alloc(&one, 64), *b = slab_alloc(&two, 64);
    CHECK((uintptr_t)a / PAGE_SIZE != (uintptr_t)b / PAGE_SIZE);
    CHECK_EQ(one.quota.used, 1);
    CHECK_EQ(two.quota.used, 1);
    slab_free(&one, a, 64);
    CHECK_EQ(one.quota.used, 0);
    CHECK_EQ(two.quota.used, 1);
}

TEST(slab_random)
{
    enum { OBJECTS = 2000 };
    static struct {
        unsigned char *at;
        size_t size;
    } object[OBJECTS];
    struct account account;
    uint64_t state = 99;
    pool_make(0, POOL);
    word before = page_alloc_free_pages();
    account_init(&account);
    account.quota.limit = 400;
    for (unsigned step = 0; step < 100000; step++) {
        unsigned i = dice(&state, OBJECTS);
        if (object[i].at) {
            CHECK_EQ(object[i].at[0], (unsigned char)i);
            CHECK_EQ(object[i].at[object[i].size - 1], (unsigned char)i);
            slab_free(&account, object[i].at, object[i].size);
            object[i].at = 0;
            continue;
        }
        object[i].size = 1 + (state >> 45) % (state & 256 ? 4032 : 200);
        object[i].at = slab_alloc(&account, object[i].size);
        if (object[i].at)
            memset(object[i].at, (int)i, object[i].size);
        CHECK(account.quota.used <= 400);
    }
    for (unsigned i = 0; i < OBJECTS; i++)
        if (object[i].at)
            slab_free(&account, object[i].at, object[i].size);
    CHECK_EQ(account.quota.used, 0);
    CHECK_EQ(page_alloc_free_pages(), before);
}

TEST(account_pages)
{
    struct account account;
    pool_make(0, POOL);
    word before = page_alloc_free_pages();
    account_init(&account);
    account.quota.limit = 5;
    void *four = account_page_alloc(&account, 2);
    CHECK(four);
    CHECK(!account_page_alloc(&account, 1));
    CHECK_EQ(account.quota.used, 4);
    void *one = account_page_alloc(&account, 0);
    CHECK(one);
    account_page_free(&account, four, 2);
    account_page_free(&account, one, 0);
    CHECK_EQ(account.quota.used, 0);
    CHECK_EQ(page_alloc_free_pages(), before);
    /* A limit larger than the pool: the pool ends first, and nothing stays charged. */
    account.quota.limit = 100000;
    while (account_page_alloc(&account, 0))
        ;
    CHECK_EQ(account.quota.used, before);
    CHECK_EQ(page_alloc_free_pages(), 0);
    CHECK(!slab_alloc(&account, 32));
    CHECK_EQ(account.quota.used, before);
}
