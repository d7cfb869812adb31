/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Insertion splits the subtree that the new member displaces; removal merges the two subtrees of the removed one. Both walk down once, without recursion.
 */
#include "core/lib/treap.h"

static bool treap_before(const struct treap *a, const struct treap *b)
{
    return a->key != b->key ? a->key < b->key : (uintptr_t)a < (uintptr_t)b;
}

void treap_insert(struct treap **root, struct treap *member) { treap_insert_by(root, member, treap_before); }

bool treap_remove(struct treap **root, struct treap *member) { return treap_remove_by(root, member, treap_before); }

struct treap *treap_first(struct treap *root)
{
    while (root && root->left)
        root = root->left;
    return root;
}
