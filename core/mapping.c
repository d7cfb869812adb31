/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Links between mappings. Children of one parent form a list that is not circular; unlinking an inner mapping splices its children in its place, so that
 * derivation from the ancestors survives.
 */
#include "core/mapping.h"

#include "core/lib/assert.h"

enum { TREE_LOCKS = 64 };

_Static_assert(sizeof(struct mapping) == 8 * sizeof(word), "slots of the object space are counted in powers of two");

/* A cache line each: CPUs that work on different trees must not disturb each other. */
static struct {
    struct spinlock lock;
    char pad[63];
} tree_lock[TREE_LOCKS];

uint8_t mapping_lock_choose(const struct space *space, word base) { return (uint8_t)(((word)space / 64 + base) % TREE_LOCKS); }

void mapping_lock(uint8_t index) { spin_lock(&tree_lock[index].lock); }

void mapping_unlock(uint8_t index) { spin_unlock(&tree_lock[index].lock); }

void mapping_link(struct mapping *mapping, struct mapping *parent)
{
    mapping->parent = parent;
    mapping->child = mapping->prev = mapping->next = 0;
    if (!parent)
        return;
    if ((mapping->next = parent->child))
        mapping->next->prev = mapping;
    parent->child = mapping;
}

void mapping_unlink(struct mapping *mapping)
{
    struct mapping *first = mapping->child, *last = 0, *parent = mapping->parent;
    for (struct mapping *child = first; child; child = child->next) {
        child->parent = parent;
        last = child;
    }
    if (!parent) {
        /* The children become roots: no siblings. */
        for (struct mapping *child = first, *next; child; child = next) {
            next = child->next;
            child->next = child->prev = 0;
        }
    } else {
        struct mapping *before = mapping->prev, *after = mapping->next;
        struct mapping *head = first ? first : after;
        if (before)
            before->next = head;
        else
            parent->child = head;
        if (first)
            first->prev = before;
        if (after)
            after->prev = last ? last : before;
        if (last)
            last->next = after;
    }
    mapping->parent = mapping->child = mapping->next = mapping->prev = 0;
}

struct mapping *mapping_walk_first(struct mapping *top)
{
    while (top->child)
        top = top->child;
    return top;
}

struct mapping *mapping_walk_next(struct mapping *mapping)
{
    return mapping->next ? mapping_walk_first(mapping->next) : mapping->parent;
}
