/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The derivation tree: every capability, memory range and port range that a PD holds is a mapping, and knows the mapping it was delegated from.
 * Mappings without parent come from the kernel or are new objects. A tree has one lock for life, out of a table; a mapping remembers its index.
 * Lock order: tree lock, then space locks, then accounts. The links (parent, child, next, prev) are covered by the tree lock alone.
 */
#ifndef CORE_MAPPING_H
#define CORE_MAPPING_H

#include "core/lib/spinlock.h"
#include "core/lib/treap.h"

struct space;

/* 64 bytes on 64-bit ports, 32 on 32-bit ones: capability slots are mappings. */
struct mapping {
    word value;                                   /* objects: address | permissions; memory: first frame; ports: first port */
    struct mapping *parent, *child, *next, *prev; /* prev = 0 for the first child */
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
    MAPPING_FIXED = 1 << 3   /* the kernel's own (UTCB): cannot be delegated or revoked by user space */
};

/* A range of pages or ports. tree.key = base. */
struct range {
    struct mapping mapping;
    word count;
    struct treap tree;
};

/* The lock of a new tree, chosen from where it starts. */
uint8_t mapping_lock_choose(const struct space *space, word base);
void mapping_lock(uint8_t index);
void mapping_unlock(uint8_t index);

/* Makes a mapping the child of parent (0 = a root) in the tree with this lock. */
void mapping_link(struct mapping *mapping, struct mapping *parent);

/* Takes a mapping out of its tree; its children become children of its parent (roots, if it has none). */
void mapping_unlink(struct mapping *mapping);

/* Post-order walk below top: children before parents. first returns top itself when there is nothing below. Read the next one before you unlink this one. */
struct mapping *mapping_walk_first(struct mapping *top);
struct mapping *mapping_walk_next(struct mapping *mapping);

#endif
