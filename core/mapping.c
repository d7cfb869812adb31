/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Links between mappings. Children of one parent form a list that is circular backwards only: its first member knows the last one.
 */
#include "core/mapping.h"

#include "core/lib/assert.h"

_Static_assert(sizeof(struct mapping) == 8 * sizeof(word), "slots of the object space are counted in powers of two");

struct tree_lock tree_lock[TREE_LOCKS];

void mapping_lock(uint8_t index) { spin_lock(&tree_lock[index].lock); }

/* Behind the other children, with what it has below. */
static void link_last(struct mapping *mapping, struct mapping *parent)
{
    mapping->parent = parent;
    mapping->prev = mapping->next = 0;
    if (!parent)
        return;
    struct mapping *first = parent->child;
    if (first) {
        mapping->prev = first->prev;
        first->prev->next = mapping;
        first->prev = mapping;
    } else
        mapping->prev = parent->child = mapping;
}

void mapping_link(struct mapping *mapping, struct mapping *parent)
{
    mapping->child = 0;
    link_last(mapping, parent);
}

/* In front of one of parent's children. */
static void link_before(struct mapping *mapping, struct mapping *after)
{
    struct mapping *parent = after->parent;
    mapping->parent = parent;
    mapping->next = after;
    mapping->prev = after->prev;
    if (parent->child == after)
        parent->child = mapping;
    else
        after->prev->next = mapping;
    after->prev = mapping;
}

void mapping_link_behind(struct mapping *mapping, struct mapping *before)
{
    struct mapping *parent = before->parent, *after = before->next;
    if (parent && after) {
        mapping->child = 0;
        link_before(mapping, after);
    } else
        mapping_link(mapping, parent);
}

/* Leaves parent and siblings; its children stay with it. */
static void mapping_leave(struct mapping *mapping)
{
    struct mapping *parent = mapping->parent, *next = mapping->next;
    if (parent) {
        struct mapping *first = parent->child;
        if (first == mapping)
            parent->child = next;
        else
            mapping->prev->next = next;
        /* The last one leaves: the first one has to know. When it was the only one, nobody reads this any more. */
        (next ? next : first)->prev = mapping->prev;
    }
    mapping->parent = mapping->next = mapping->prev = 0;
}

void mapping_moves(uint8_t lock) { tree_lock[lock].moves++; }

/* The first child takes the place in front of its parent. */
static void child_lift(struct mapping *mapping)
{
    struct mapping *child = mapping->child;
    bool cursor = child->flags & MAPPING_CURSOR;
    mapping_leave(child);
    if (!cursor)
        mapping_moves(mapping->lock);
    /* The walk that it belongs to ends with its top. */
    if (mapping->parent && !(cursor && child->value == (word)mapping))
        link_before(child, mapping);
}

bool mapping_splice(struct mapping *mapping, unsigned *budget)
{
    while (mapping->child) {
        if (!*budget)
            return false;
        --*budget;
        child_lift(mapping);
    }
    return true;
}

void mapping_unlink(struct mapping *mapping)
{
    while (mapping->child) {
        ASSERT(mapping->child->flags & MAPPING_CURSOR);
        child_lift(mapping);
    }
    mapping_leave(mapping);
}

/* Whether the cursor is where it was left on behalf of 'key', and nothing has been moved past it. */
static bool cursor_valid(const struct mapping *cursor, const struct mapping *key)
{
    return cursor_parked(cursor) && cursor->parent && cursor->value == (word)key && cursor->base == tree_lock[key->lock].moves;
}

static void cursor_take(struct mapping *cursor)
{
    mapping_leave(cursor);
    cursor->flags = 0;
}

static void cursor_set(struct mapping *cursor, const struct mapping *key)
{
    cursor->flags = MAPPING_CURSOR;
    cursor->lock = key->lock;
    cursor->value = (word)key;
    cursor->base = tree_lock[key->lock].moves;
}

struct walk walk_begin(struct mapping *top, struct mapping *cursor)
{
    struct walk walk = {top, top, top->child};
    if (cursor_valid(cursor, top)) {
        walk.parent = cursor->parent;
        walk.next = cursor->next;
    } else if (walk.next == cursor)
        walk.next = cursor->next;
    cursor_take(cursor);
    return walk;
}

void walk_park(const struct walk *walk, struct mapping *cursor)
{
    cursor_set(cursor, walk->top);
    if (walk->next)
        link_before(cursor, walk->next);
    else
        mapping_link(cursor, walk->parent);
}

struct mapping *climb_begin(const struct mapping *bottom, struct mapping *cursor)
{
    struct mapping *next = cursor_valid(cursor, bottom) ? cursor->parent : 0;
    cursor_take(cursor);
    return next;
}

void climb_park(const struct mapping *bottom, struct mapping *next, struct mapping *cursor)
{
    cursor_set(cursor, bottom);
    mapping_link(cursor, next);
}

bool mapping_partition(struct mapping *low, struct mapping *high, struct mapping *cursor, unsigned *budget)
{
    struct walk walk = walk_begin(low, cursor);
    ASSERT(walk.parent == low); /* before settling, no walk goes on below them */
    for (struct mapping *child; (child = walk.next);) {
        if (!*budget) {
            walk_park(&walk, cursor);
            return false;
        }
        --*budget;
        walk.next = child->next;
        if (child->flags & MAPPING_CURSOR || child->value < high->value)
            continue;
        mapping_leave(child);
        link_last(child, high);
    }
    return true;
}

void cursor_drop(struct mapping *cursor)
{
    uint8_t lock = cursor->lock;
    mapping_lock(lock);
    cursor_take(cursor);
    mapping_unlock(lock);
}
