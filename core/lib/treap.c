/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Insertion splits the subtree that the new member displaces; removal merges the two subtrees of the removed one. Both walk down once, without recursion.
 */
#include "core/lib/treap.h"

/*
 * Heap order of the treap: the address times a constant that keeps the tree shallow for members at the regular distances that slabs give them
 * (tests/unit/structures.c).
 */
static uint32_t treap_rank(const struct treap *member) { return (uint32_t)(uintptr_t)member * 0x7ed4d57b; }

static bool treap_before(const struct treap *a, const struct treap *b)
{
    return a->key != b->key ? a->key < b->key : (uintptr_t)a < (uintptr_t)b;
}

void treap_insert(struct treap **root, struct treap *member)
{
    uint32_t rank = treap_rank(member);
    struct treap **place = root;
    while (*place && treap_rank(*place) >= rank)
        place = treap_before(member, *place) ? &(*place)->left : &(*place)->right;
    /* What was here becomes the two sides of the new member. */
    struct treap *rest = *place, **left = &member->left, **right = &member->right;
    *place = member;
    while (rest) {
        if (treap_before(rest, member)) {
            *left = rest;
            left = &rest->right;
            rest = rest->right;
        } else {
            *right = rest;
            right = &rest->left;
            rest = rest->left;
        }
    }
    *left = *right = 0;
}

bool treap_remove(struct treap **root, struct treap *member)
{
    struct treap **place = root;
    while (*place && *place != member)
        place = treap_before(member, *place) ? &(*place)->left : &(*place)->right;
    if (!*place)
        return false;
    struct treap *left = member->left, *right = member->right;
    while (left && right) {
        if (treap_rank(left) >= treap_rank(right)) {
            *place = left;
            place = &left->right;
            left = left->right;
        } else {
            *place = right;
            place = &right->left;
            right = right->left;
        }
    }
    *place = left ? left : right;
    member->left = member->right = 0;
    return true;
}

struct treap *treap_floor(struct treap *root, uint64_t key)
{
    struct treap *best = 0;
    while (root) {
        if (root->key <= key) {
            best = root;
            root = root->right;
        } else
            root = root->left;
    }
    return best;
}

struct treap *treap_ceiling(struct treap *root, uint64_t key)
{
    struct treap *best = 0;
    while (root) {
        if (root->key >= key) {
            best = root;
            root = root->left;
        } else
            root = root->right;
    }
    return best;
}

struct treap *treap_first(struct treap *root)
{
    while (root && root->left)
        root = root->left;
    return root;
}
