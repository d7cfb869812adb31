/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The object space: lookup, what its tables cost, and the search for what is there.
 */
#include "unit.h"
#include "tests/dice.h"
#include "tests/object_tables.h"

#include "core/lib/bits.h"
#include "core/object_space.h"
#include "core/page_alloc.h"
#include "hosted.h"

#include <stdlib.h>
#include <string.h>

static uint64_t state = 4711;

static struct account account;
static struct object_space space;
static const struct object_type type_a, type_b;

static void space_make(word limit)
{
    char *pool = aligned_alloc(8 << 20, 8 << 20);
    page_alloc_init(pool, pool + (8 << 20));
    account_init(&account);
    account.quota.limit = limit;
    /* An owner that nobody refers to: tables are freed at once. */
    static struct object owner;
    object_space_init(&space, &account, &owner);
}

static struct object *object_make(const struct object_type *type)
{
    struct object *object = aligned_alloc(64, 64);
    memset(object, 0, 64);
    object_init(object, type, 0);
    return object;
}

TEST(object_space_lookup_of_nothing)
{
    static const word selectors[] = {0, 1, 63, 64, 1 << 15, (1 << 24) - 1, 1 << 24, ~(word)0, (word)1 << 40, (word)1 << 63};
    space_make(100);
    for (unsigned full = 0; full < 2; full++) {
        for (unsigned i = 0; i < ARRAY_SIZE(selectors); i++)
            CHECK(!object_space_lookup(&space, selectors[i]).object);
        CHECK_EQ(object_space_insert(&space, 5 + full, object_make(&type_a), 3), OBJECT_INSERTED);
        CHECK_EQ(object_space_insert(&space, (1 << 24) - 2 - full, object_make(&type_a), 3), OBJECT_INSERTED);
    }
}

TEST(object_space_insert_and_find)
{
    static const word selectors[] = {0, 63, 64, 65, 32767, 32768, 100000, (1 << 24) - 1};
    struct object *object[ARRAY_SIZE(selectors)];
    space_make(100);
    for (unsigned i = 0; i < ARRAY_SIZE(selectors); i++) {
        object[i] = object_make(i % 2 ? &type_b : &type_a);
        CHECK_EQ(object_space_insert(&space, selectors[i], object[i], 5), OBJECT_INSERTED);
        CHECK_EQ(object_space_insert(&space, selectors[i], object[i], 5), OBJECT_OCCUPIED);
        CHECK_EQ(object[i]->caps, 1);
        for (unsigned k = 0; k <= i; k++) {
            struct capability cap = object_space_lookup(&space, selectors[k]);
            CHECK(cap.object == object[k]);
            CHECK_EQ(cap.permissions, 5);
            const struct object_type *good = k % 2 ? &type_b : &type_a, *bad = k % 2 ? &type_a : &type_b;
            CHECK(object_space_find(&space, selectors[k], good, 4) == object[k]);
            CHECK(object_space_find(&space, selectors[k], good, 0) == object[k]);
            CHECK(!object_space_find(&space, selectors[k], good, 2));
            CHECK(!object_space_find(&space, selectors[k], good, 7));
            CHECK(!object_space_find(&space, selectors[k], bad, 0));
        }
    }
    CHECK_EQ(object_space_insert(&space, 1 << 24, object[0], 1), OBJECT_OCCUPIED);
    CHECK_EQ(object_space_insert(&space, ~(word)0, object[0], 1), OBJECT_OCCUPIED);
    object_space_fini(&space, ~0u);
    CHECK_EQ(account.quota.used, 0);
}

TEST(object_space_low_selectors_cost_one_page)
{
    space_make(100);
    for (word i = 0; i < 64; i++)
        CHECK_EQ(object_space_insert(&space, i, object_make(&type_a), 1), OBJECT_INSERTED);
    CHECK_EQ(account.quota.used, 1);
}

TEST(object_space_without_memory)
{
    for (word limit = 0; limit < 6; limit++) {
        space_make(limit);
        enum object_insert low = object_space_insert(&space, 3, object_make(&type_a), 1);
        CHECK_EQ(low, limit ? OBJECT_INSERTED : OBJECT_NO_MEMORY);
        enum object_insert high = object_space_insert(&space, 1 << 20, object_make(&type_a), 1);
        CHECK_EQ(high, limit >= 5 ? OBJECT_INSERTED : OBJECT_NO_MEMORY);
        CHECK(account.quota.used <= limit);
        CHECK_EQ(!object_space_lookup(&space, 3).object, !limit);
        object_space_fini(&space, ~0u);
        CHECK_EQ(account.quota.used, 0);
    }
}

static struct cpu nobody;

static void slot_empty(word selector)
{
    struct mapping *slot = object_space_slot(&space, selector);
    struct object *object = slot_capability(slot).object;
    object_name(object); /* stays named: only the space matters here */
    mapping_unlink(slot);
    slot_clear(&nobody, slot);
}

/* Filling and emptying at random places, against a plain set; the account follows, and ends where it began. */
TEST(object_space_gives_empty_tables_back)
{
    enum { PLACES = 300 };
    static word place[PLACES];
    static bool used[PLACES];
    struct object *object = object_make(&type_a);
    for (unsigned i = 0; i < PLACES; i++)
        place[i] = i < 100 ? i : i < 200 ? 30000 + 40 * i : (word)(100000 + 50000 * (i - 200) + dice(&state, 50000));
    space_make(10000);
    for (unsigned round = 0; round < 6; round++) {
        for (unsigned step = 0; step < 2000; step++) {
            unsigned i = dice(&state, PLACES);
            bool there = object_space_lookup(&space, place[i]).object;
            CHECK_EQ(there, used[i]);
            if (there)
                slot_empty(place[i]);
            else
                CHECK_EQ(object_space_insert(&space, place[i], object, 1), OBJECT_INSERTED);
            used[i] = !there;
        }
        unsigned found = 0, expected = 0, budget = ~0u;
        for (word at = 0; (at = object_space_next(&space, at, 1 << 24, &budget)) < 1 << 24; at++)
            found += object_space_lookup(&space, at).object == object;
        for (unsigned i = 0; i < PLACES; i++)
            expected += used[i];
        CHECK_EQ(found, expected);
        CHECK(account.quota.used <= 2 + 3 * expected);
        for (unsigned i = 0; i < PLACES; i++) {
            if (used[i])
                slot_empty(place[i]);
            used[i] = false;
        }
        CHECK_EQ(account.quota.used, 0);
        CHECK(!space.root);
    }
}

/* With little budget the search stops on the way, at a place from which it can go on. */
TEST(object_space_next_in_steps)
{
    static const word selectors[] = {5, 63, 64, 4000, 70000, 70001, (1 << 24) - 1};
    space_make(1000);
    for (unsigned i = 0; i < ARRAY_SIZE(selectors); i++)
        CHECK_EQ(object_space_insert(&space, selectors[i], object_make(&type_a), 1), OBJECT_INSERTED);
    unsigned seen = 0, steps = 0;
    for (word at = 0; at < 1 << 24; steps++) {
        unsigned budget = 7;
        at = object_space_next(&space, at, 1 << 24, &budget);
        if (at < 1 << 24 && object_space_lookup(&space, at).object) {
            CHECK_EQ(at, selectors[seen]);
            seen++;
            at++;
        } else
            CHECK(!budget || at == 1 << 24);
    }
    CHECK_EQ(seen, ARRAY_SIZE(selectors));
    CHECK(steps > seen);
}

TEST(object_tables_next_finds_tables)
{
    space_make(100);
    CHECK_EQ(object_tables_next(&space, 0, 1000), 1000);
    object_space_insert(&space, 70000, object_make(&type_a), 1);
    word from = object_tables_next(&space, 0, 1 << 24);
    CHECK_EQ(from, 70000 & ~63ul);
    CHECK_EQ(object_tables_next(&space, 70001, 1 << 24), 70001);
    CHECK_EQ(object_tables_next(&space, (70000 & ~63ul) + 64, 1 << 24), 1 << 24);
    CHECK_EQ(object_tables_next(&space, 5, 5), 5);
}
