/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The data structures of core: lists, the treap, the derivation tree, the object space.
 */
#include "unit.h"
#include "tests/object_tables.h"

#include "core/lib/bits.h"
#include "core/lib/list.h"
#include "core/lib/treap.h"
#include "core/object_space.h"
#include "core/page_alloc.h"
#include "hosted.h"

#include <stdlib.h>
#include <string.h>

static unsigned long state = 4711;

static unsigned long next_random(void)
{
    state = state * 6364136223846793005ul + 1442695040888963407ul;
    return state >> 20;
}

TEST(list_order)
{
    struct list head, member[4];
    list_init(&head);
    CHECK(list_empty(&head));
    list_append(&head, &member[1]);
    list_append(&head, &member[2]);
    list_prepend(&head, &member[0]);
    list_insert_before(&member[2], &member[3]);
    static const int order[] = {0, 1, 3, 2};
    struct list *at = head.next;
    for (int i = 0; i < 4; i++, at = at->next)
        CHECK(at == &member[order[i]]);
    CHECK(at == &head);
    list_remove(&member[1]);
    list_remove(&member[1]);
    CHECK(list_empty(&member[1]));
    CHECK(head.next->next == &member[3] && head.prev->prev == &member[3]);
    list_remove(&member[0]);
    list_remove(&member[2]);
    list_remove(&member[3]);
    CHECK(list_empty(&head));
}

static unsigned treap_depth(const struct treap *root)
{
    if (!root)
        return 0;
    unsigned left = treap_depth(root->left), right = treap_depth(root->right);
    return 1 + (left > right ? left : right);
}

TEST(treap_agrees_with_a_plain_array)
{
    enum { MEMBERS = 300, KEYS = 400 };
    static struct treap member[MEMBERS];
    static bool in[MEMBERS];
    struct treap *root = 0;
    for (unsigned step = 0; step < 20000; step++) {
        unsigned i = (unsigned)next_random() % MEMBERS;
        if (in[i]) {
            CHECK(treap_remove(&root, &member[i]));
            CHECK(!treap_remove(&root, &member[i]));
        } else {
            member[i].key = next_random() % KEYS;
            treap_insert(&root, &member[i]);
        }
        in[i] = !in[i];
        uint64_t least = KEYS;
        for (unsigned k = 0; k < MEMBERS; k++)
            if (in[k] && member[k].key < least)
                least = member[k].key;
        struct treap *lowest = treap_first(root);
        CHECK_EQ(lowest ? lowest->key : KEYS, least);
    }
}

/* Members in the order of their keys at the distances that slabs give to the nodes that hold them. */
TEST(treap_is_shallow_for_sorted_keys)
{
    enum { MEMBERS = 5000 };
    static const unsigned distances[] = {24, 32, 48, 64, 96, 128, 192, 320, 576, 1344, 4096};
    char *memory = calloc(MEMBERS, 4096);
    for (unsigned d = 0; d < ARRAY_SIZE(distances); d++)
        for (unsigned in_pages = 0; in_pages < 2; in_pages++) {
            struct treap *root = 0;
            unsigned distance = distances[d], per_page = in_pages && distance < 4032 ? 4032 / distance : MEMBERS;
            for (unsigned i = 0; i < MEMBERS; i++) {
                struct treap *member =
                    (struct treap *)(memory + i / per_page * 4096 + 64 * in_pages % 4096 + i % per_page * distance);
                member->key = i;
                treap_insert(&root, member);
            }
            CHECK(treap_depth(root) < 50);
            for (unsigned i = 0; i < MEMBERS; i++) {
                struct treap *first = treap_first(root);
                CHECK(first->key == i && treap_remove(&root, first));
            }
            CHECK(!root);
        }
    free(memory);
}

static unsigned check_children(const struct mapping *parent)
{
    const struct mapping *before = parent->child;
    unsigned count = 0;
    while (before && before->next)
        before = before->next;
    for (const struct mapping *child = parent->child; child; before = child, child = child->next) {
        CHECK(child->parent == parent);
        CHECK(child->prev == before);
        count += 1 + check_children(child);
    }
    return count;
}

static void splice_out(struct mapping *mapping)
{
    unsigned budget = 1;
    while (!mapping_splice(mapping, &budget))
        budget = 1;
    mapping_unlink(mapping);
}

TEST(mapping_tree_survives_random_unlinking)
{
    enum { NODES = 200 };
    static struct mapping node[NODES];
    static bool in[NODES];
    for (unsigned step = 0; step < 20000; step++) {
        unsigned i = 1 + (unsigned)next_random() % (NODES - 1), parent = (unsigned)next_random() % NODES, expected = 0;
        if (in[i]) {
            struct mapping *above = node[i].parent, *child = node[i].child;
            splice_out(&node[i]);
            CHECK(!node[i].parent && !node[i].child && !node[i].next && !node[i].prev);
            CHECK(!child || child->parent == above);
        } else if (!parent || in[parent])
            mapping_link(&node[i], &node[parent]);
        else
            continue;
        in[i] = !in[i];
        for (unsigned k = 1; k < NODES; k++)
            expected += in[k];
        CHECK_EQ(check_children(&node[0]), expected);
    }
}

TEST(mapping_splice_keeps_the_order)
{
    struct mapping root = {0}, child[5] = {{0}}, inner[3] = {{0}};
    for (int i = 0; i < 5; i++)
        mapping_link(&child[i], &root);
    for (int i = 0; i < 3; i++)
        mapping_link(&inner[i], &child[2]);
    splice_out(&child[2]);
    const struct mapping *expected[] = {&child[0], &child[1], &inner[0], &inner[1], &inner[2], &child[3], &child[4]};
    const struct mapping *m = root.child;
    for (unsigned i = 0; i < 7; i++, m = m->next)
        CHECK(m == expected[i]);
    CHECK(!m);
}

TEST(mapping_children_of_a_root_become_roots)
{
    struct mapping root = {0}, child[3] = {{0}}, grandchild = {0};
    mapping_link(&root, 0);
    for (int i = 0; i < 3; i++)
        mapping_link(&child[i], &root);
    mapping_link(&grandchild, &child[1]);
    splice_out(&root);
    for (int i = 0; i < 3; i++)
        CHECK(!child[i].parent && !child[i].next && !child[i].prev);
    CHECK(child[1].child == &grandchild && grandchild.parent == &child[1]);
}

/* One step of a walk as a revoke does it; returns the mapping whose children are all behind it, 0 at the end. */
static struct mapping *walk_step(struct walk *walk)
{
    for (;;) {
        struct mapping *m = walk->next;
        if (!m && walk->parent == walk->top)
            return 0;
        if (m && m->flags & MAPPING_CURSOR)
            walk->next = m->next;
        else if (m && m->child) {
            walk->parent = m;
            walk->next = m->child;
        } else {
            if (!m)
                walk->parent = (m = walk->parent)->parent;
            walk->next = m->next;
            return m;
        }
    }
}

/*
 * Walks that are interrupted after each mapping, while the tree changes: several at once with different tops, new mappings, others spliced out. A mapping that a
 * walk comes to must not have children that were not walked over; at its end it has met everything below its top.
 */
TEST(mapping_walks_with_cursors_miss_nothing)
{
    enum { NODES = 60, WALKS = 3 };
    for (unsigned round = 0; round < 2000; round++) {
        struct mapping node[NODES] = {{0}}, cursor[WALKS] = {{0}};
        bool in[NODES] = {true}, seen[WALKS][NODES] = {{false}}, done[WALKS] = {false};
        for (unsigned i = 1; i < NODES / 2; i++, in[i - 1] = true)
            mapping_link(&node[i], &node[(unsigned)next_random() % i]);
        struct mapping *top[WALKS] = {&node[0], &node[0], &node[1]};
        for (unsigned left = WALKS; left;) {
            unsigned i = 1 + (unsigned)next_random() % (NODES - 1), parent = (unsigned)next_random() % NODES, w = i % WALKS;
            switch (next_random() % 8) {
            case 0:
                if (in[i] || !in[parent])
                    break;
                mapping_link(&node[i], &node[parent]);
                in[i] = true;
                for (unsigned k = 0; k < WALKS; k++) {
                    seen[k][i] = false;
                    /* It grew below what the walk has passed already: the revoke has taken the right from its parent. */
                    for (struct mapping *m = node[i].parent; m && m != top[k] && !seen[k][i]; m = m->parent)
                        seen[k][i] = seen[k][m - node];
                }
                break;
            case 1:
                if (!in[i] || &node[i] == top[2])
                    break;
                splice_out(&node[i]);
                in[i] = false;
                break;
            default:
                if (done[w])
                    break;
                struct walk walk = walk_begin(top[w], &cursor[w]);
                struct mapping *m = walk_step(&walk);
                if (!m) {
                    done[w] = true;
                    left--;
                    for (struct mapping *below = top[w]->child; below; below = below->next)
                        CHECK(below->flags & MAPPING_CURSOR || seen[w][below - node]);
                    break;
                }
                seen[w][m - node] = true;
                for (struct mapping *child = m->child; child; child = child->next)
                    CHECK(child->flags & MAPPING_CURSOR || seen[w][child - node]);
                walk_park(&walk, &cursor[w]);
            }
        }
        for (unsigned w = 0; w < WALKS; w++)
            if (cursor_parked(&cursor[w]))
                cursor_drop(&cursor[w]);
        check_children(&node[0]);
    }
}

/* ---- object space ---- */

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
        place[i] = i < 100 ? i : i < 200 ? 30000 + 40 * i : (word)(100000 + 50000 * (i - 200) + next_random() % 50000);
    space_make(10000);
    for (unsigned round = 0; round < 6; round++) {
        for (unsigned step = 0; step < 2000; step++) {
            unsigned i = (unsigned)next_random() % PLACES;
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
