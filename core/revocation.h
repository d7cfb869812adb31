/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a revoke does to one derivation tree: takes permissions from all that derives from a mapping, children first, and cuts ranges that reach across the
 * revoked part. The caller holds the lock of the tree; spaces are locked here, one at a time. A step ends when its budget is spent; the cursor keeps the place.
 */
#ifndef CORE_REVOCATION_H
#define CORE_REVOCATION_H

#include "core/shootdown.h"
#include "core/spaces.h"

struct revocation {
    struct cpu *cpu;
    unsigned permissions;        /* 0: ranges are cut only, for keep */
    bool self, keep, undo;       /* undo: only what is fresh and comes ... */
    const struct spaces *sender; /* ... from here; 0 = from the kernel */
    struct mapping *cursor;
    const struct mapping *spared; /* a slot without children that stays */
    word from, end;               /* values (frames, ports): the same for all that derives from one mapping */
    struct stale_set stale;
    bool no_memory;
    unsigned budget; /* steps left; at 0 the rest is for the next call */
};

/*
 * What one call may do, in steps of about 25 instructions: the cost of looking at a mapping, of finding a range in its space, of changing a mapping, of a table of slots that goes. A page of a
 * range costs two. All together some way below 20,000 instructions.
 */
enum { REVOKE_BUDGET = 512, LOOK_COST = 2, FIND_COST = 12, CHANGE_COST = 28, TABLE_COST = 250 };

static inline void spend(struct revocation *revocation, word steps)
{
    revocation->budget -= steps < revocation->budget ? (unsigned)steps : revocation->budget;
}

/* The pool is exhausted: this call does nothing more. */
static inline void memory_short(struct revocation *revocation)
{
    revocation->no_memory = true;
    revocation->budget = 0;
}

static inline bool stopped(const struct revocation *revocation) { return !revocation->budget; }

static inline struct range_space *range_space_of(struct space *space) { return CONTAINER(space, struct range_space, space); }

static inline bool crosses(const struct revocation *revocation, const struct range *range)
{
    return range->mapping.value < revocation->from || range->mapping.value + range->count > revocation->end;
}

/* One capability, one range that overlaps. range_revoke: false = it is not done with: it was cut and is a part now, or the pool is exhausted. */
void slot_revoke(struct revocation *revocation, struct mapping *slot);
bool range_revoke(struct revocation *revocation, struct range *range);

/*
 * Cuts a range that overlaps, so that what is revoked is a mapping of its own; returns that mapping. 0 = the pool is exhausted (then no_memory is set), or it
 * has become parts, which have to be settled first. Under the locks of its tree and space.
 */
struct range *range_isolate(struct revocation *revocation, struct range *range);

/* What was cut becomes ranges like others, so that the walk may go on to their children. False = not yet. */
bool settled(struct revocation *revocation, struct mapping *m);

/* Takes access away; the caller flushes before anybody relies on it. False = the pool is exhausted. Under both locks. */
static inline bool range_close(struct revocation *revocation, struct range_space *space, struct range *range, unsigned left)
{
    spend(revocation, CHANGE_COST + 2 * range->count);
    stale_add(&revocation->stale, space, range->mapping.base, range->count);
    if (range_protect(space, range, range->mapping.base, range_end(range), left))
        return true;
    memory_short(revocation);
    return false;
}

/* What derives from a mapping, children first. True = all of it is done. */
bool below_revoke(struct revocation *revocation, struct mapping *top);
static inline bool tree_revoke(struct revocation *revocation, struct mapping *top)
{
    return !top->child || below_revoke(revocation, top);
}

#endif
