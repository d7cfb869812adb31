/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The derivation tree: links, what is spliced out, and walks that are interrupted while the tree changes.
 */
#include "unit.h"
#include "tests/dice.h"

#include "core/mapping.h"

static uint64_t state = 4711;

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
        unsigned i = 1 + dice(&state, NODES - 1), parent = dice(&state, NODES), expected = 0;
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
            mapping_link(&node[i], &node[dice(&state, i)]);
        struct mapping *top[WALKS] = {&node[0], &node[0], &node[1]};
        for (unsigned left = WALKS; left;) {
            unsigned i = 1 + dice(&state, NODES - 1), parent = dice(&state, NODES), w = i % WALKS;
            switch (dice(&state, 8)) {
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
