/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The derivation tree: every capability, memory range and port range that a PD holds is a mapping, and knows the mapping it was delegated from.
 * Mappings without parent come from the kernel or are new objects. A tree has one lock for life, out of a table; a mapping remembers its index.
 * Invariant: a child has no right that its parent lacks, and no unit either; where a range was just cut, no unit that both parts of it lack.
 * Lock order: tree lock, then space locks, then accounts. The links (parent, child, next, prev) are covered by the tree lock alone.
 */
#ifndef CORE_MAPPING_H
#define CORE_MAPPING_H

#include "core/lib/spinlock.h"
#include "core/lib/treap.h"

struct space;

/* 64 bytes on 64-bit ports, 32 on 32-bit ones: capability slots are mappings. */
struct mapping {
    word value;                     /* objects: address | permissions; memory: first frame; ports: first port */
    struct mapping *parent, *child; /* child: the first one */
    struct mapping *next, *prev;    /* siblings: 0 behind the last one; in front of the first one is the last one */
    struct space *space;
    word base;      /* selector, page or port */
    uint8_t rights; /* memory and ports; objects keep theirs in value */
    uint8_t flags;
    uint8_t lock; /* index of the tree lock */
    uint8_t type; /* memory: enum memory_type */
};

enum {
    MAPPING_GUEST = 1 << 0,  /* also in the guest view */
    MAPPING_DEVICE = 1 << 1, /* also in the device view */
    MAPPING_HOST = 1 << 2,   /* in the host view */
    MAPPING_FIXED = 1 << 3,  /* the kernel's own (UTCB): cannot be delegated or revoked by user space */
    MAPPING_CURSOR = 1 << 4, /* no resource: the place of an interrupted walk */
    MAPPING_PART = 1 << 5,   /* of a range that was cut: the lower part may have children of the upper one yet (range_settle) */
    MAPPING_FRESH = 1 << 6   /* made by a message that is not through yet; may be left over from one that was given up (spaces.h) */
};

/* A range of pages or ports, in the tree of its space by its base. */
struct range {
    struct mapping mapping;
    word count;
    struct treap tree;
};

/* The lock of a new tree, chosen from where it starts. */
enum { TREE_LOCKS = 64 };
static inline uint8_t mapping_lock_choose(const struct space *space, word base)
{
    return (uint8_t)(((word)space / 64 + base) % TREE_LOCKS);
}
/* A cache line each: CPUs that work on different trees must not disturb each other. */
struct tree_lock {
    struct spinlock lock;
    uint32_t moves; /* how often mappings were moved past walks that may be under way */
    char pad[56];
};
extern struct tree_lock tree_lock[TREE_LOCKS];

void mapping_lock(uint8_t index);
static inline bool mapping_trylock(uint8_t index) { return spin_try(&tree_lock[index].lock); }
static inline void mapping_unlock(uint8_t index) { spin_unlock(&tree_lock[index].lock); }

/* Makes a mapping the last child of parent (0 = a root) in the tree with this lock: a walk that is under way still comes to it. */
void mapping_link(struct mapping *mapping, struct mapping *parent);

/* Puts a mapping behind another one among its siblings (a root gets none). */
void mapping_link_behind(struct mapping *mapping, struct mapping *before);

/* Gives those children of one mapping to another that have at least its value; looks at *budget of them at most. True = all of it is done. */
bool mapping_partition(struct mapping *low, struct mapping *high, struct mapping *cursor, unsigned *budget);

/* Mappings are about to be moved, or to be moved no more: interrupted walks in trees with this lock begin anew. */
void mapping_moves(uint8_t lock);

/* Takes a mapping without children out of its tree. */
void mapping_unlink(struct mapping *mapping);

/* Hands children over to the parent, in the place of the mapping (a root's become roots), at most *budget of them. True = none is left. */
bool mapping_splice(struct mapping *mapping, unsigned *budget);

/*
 * A walk below 'top' in post-order, children before parents. It is at 'next', or, if that is 0, at the end of parent's children. When it has to be interrupted,
 * its place is kept by a cursor, which is a mapping among the siblings. Between two steps the tree may change in any way: what is new is in front of the walk,
 * and where that cannot be had (splice) it begins anew.
 */
struct walk {
    struct mapping *top, *parent, *next;
};

/* Begins a walk, or goes on where the cursor was left below the same top. A cursor that is left in a tree with another lock is to be dropped before. */
struct walk walk_begin(struct mapping *top, struct mapping *cursor);

/* Leaves the cursor where the walk is. */
void walk_park(const struct walk *walk, struct mapping *cursor);

/* The same for a way up from 'bottom': the cursor stays below the mapping that is next. Back again: that mapping, 0 = begin anew. */
void climb_park(const struct mapping *bottom, struct mapping *next, struct mapping *cursor);
struct mapping *climb_begin(const struct mapping *bottom, struct mapping *cursor);

/* Whether its owner has left the cursor somewhere; whoever gives the walk up takes it away. Drop takes the lock of its tree. */
static inline bool cursor_parked(const struct mapping *cursor) { return cursor->flags; }
void cursor_drop(struct mapping *cursor);

#endif
