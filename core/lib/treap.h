/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Search tree with the links inside the members, ordered by a 64-bit key and, for equal keys, by address. A treap: the shape follows a hash of each
 * member's address, so that the expected depth is logarithmic whatever the order of insertion, without balance data. The owner's lock covers it.
 */
#ifndef CORE_LIB_TREAP_H
#define CORE_LIB_TREAP_H

#include "hal/types.h"

struct treap {
    struct treap *left, *right;
    uint64_t key;
};

/*
 * Heap order of the treap: the address times a constant that keeps the tree shallow for members at the regular distances that slabs give them
 * (tests/unit/structures.c).
 */
static inline uint32_t treap_rank(const struct treap *member) { return (uint32_t)(uintptr_t)member * 0x7ed4d57b; }

/* Whether a comes before b; they are never equal. A constant, for the compiler to put in place. */
typedef bool treap_order(const struct treap *a, const struct treap *b);

/* Adds a member to a tree with an order of the owner's own. root: address of the owner's root pointer (0 = empty tree). */
static inline __attribute__((always_inline)) void treap_insert_by(struct treap **root, struct treap *member, treap_order *before)
{
    uint32_t rank = treap_rank(member);
    struct treap **place = root;
    while (*place && treap_rank(*place) >= rank)
        place = before(member, *place) ? &(*place)->left : &(*place)->right;
    /* What was here becomes the two sides of the new member. */
    struct treap *rest = *place, **left = &member->left, **right = &member->right;
    *place = member;
    while (rest) {
        if (before(rest, member)) {
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

/* Removes a member from such a tree; false = it is not in the tree. */
static inline __attribute__((always_inline)) bool treap_remove_by(struct treap **root, struct treap *member, treap_order *before)
{
    struct treap **place = root;
    while (*place && *place != member)
        place = before(member, *place) ? &(*place)->left : &(*place)->right;
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

/* The same by key and address: adds a member whose key is set; removes one, false = it is not in the tree. */
void treap_insert(struct treap **root, struct treap *member);
bool treap_remove(struct treap **root, struct treap *member);

/* First member of all; 0 = none. */
struct treap *treap_first(struct treap *root);

#endif
