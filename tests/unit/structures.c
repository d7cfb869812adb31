/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The data structures of core/lib: lists and the treap.
 */
#include "unit.h"
#include "tests/dice.h"

#include "core/lib/bits.h"
#include "core/lib/list.h"
#include "core/lib/treap.h"

#include <stdlib.h>

static uint64_t state = 4711;

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
        unsigned i = dice(&state, MEMBERS);
        if (in[i]) {
            CHECK(treap_remove(&root, &member[i]));
            CHECK(!treap_remove(&root, &member[i]));
        } else {
            member[i].key = dice(&state, KEYS);
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
