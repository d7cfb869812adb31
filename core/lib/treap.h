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

/* Adds a member whose key is set. root: address of the owner's root pointer (0 = empty tree). */
void treap_insert(struct treap **root, struct treap *member);

/* Removes a member; returns false if it is not in the tree. */
bool treap_remove(struct treap **root, struct treap *member);

/* Last member with a key <= key, first member with a key >= key, first member of all; 0 = none. */
struct treap *treap_floor(struct treap *root, uint64_t key);
struct treap *treap_ceiling(struct treap *root, uint64_t key);
struct treap *treap_first(struct treap *root);

#endif
