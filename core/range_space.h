/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory and I/O port spaces: ranges in a search tree by first page or port; no two overlap. Memory ranges are mirrored in the PD's page tables, port ranges
 * in its I/O bitmap. Everything here is called under the space lock; what touches derivation also under the tree lock.
 */
#ifndef CORE_RANGE_SPACE_H
#define CORE_RANGE_SPACE_H

#include "core/space.h"
#include "hal/mmu.h"

enum { IO_BITMAP_ORDER = 1, IO_GUEST_ORDER = 2, CPU_SET_WORDS = (NOVA_CPUS + 8 * sizeof(word) - 1) / (8 * sizeof(word)) };

struct range_space {
    struct space space;
    struct treap *ranges;
    struct range *found, *entered; /* the last ones, if they are still there: most questions come twice */
    struct range *after;           /* nothing lies from 'empty' on up to this one (0 = up to the end of the space) */
    word empty; /* ~0 = not known. The next question is often about the place behind the last one, or about the same */
    struct mmu *mmu;
    word *cpus; /* set of CPUs that may hold translations of mmu; shared by the spaces of a PD */
};

void range_space_init(struct range_space *space, unsigned type, struct account *account, struct mmu *mmu, word *cpus);

static inline word range_end(const struct range *range) { return range->mapping.base + range->count; }

static inline struct range *range_of(struct mapping *mapping) { return CONTAINER(mapping, struct range, mapping); }

/* The first range that ends above a place; 0 = none. */
struct range *range_next(struct range_space *space, word place);

/* The range that holds a place; 0 = none. */
static inline struct range *range_find(struct range_space *space, word place)
{
    struct range *range = range_next(space, place);
    return range && range->mapping.base <= place ? range : 0;
}

/*
 * The same as range_next, called without locks and with the lock of the range's tree taken: until mapping_unlock(range->mapping.lock) nobody changes the range.
 */
struct range *range_next_locked(struct range_space *space, word place);

/*
 * Maps count units as a mapping says that is to be entered (base, value, rights, flags, type). 0 = the account is exhausted, and nothing is changed; else 1 + number
 * of tables that were taken for it.
 */
unsigned range_map(struct range_space *space, const struct mapping *m, word count);

/* Puts a filled-in range that is mapped into the space. The place is empty, and 'after' (0 = nothing) comes next. */
void range_enter(struct range_space *space, struct range *range, struct range *after);

/*
 * Takes [from, end) of a range out of the page tables or the bitmap, or leaves only 'rights' there. The caller flushes, whatever the result is. False = the pool
 * has no page for splitting a large page; some views may have changed then, repeating is harmless. Cannot fail for what was entered as one range.
 */
bool range_protect_any(struct range_space *space, struct range *range, word from, word end, unsigned rights);
static inline bool range_protect(struct range_space *space, struct range *range, word from, word end, unsigned rights)
{
    bool plain = space->space.type == NOVA_CRD_MEM &&
                 (range->mapping.flags & (MAPPING_HOST | MAPPING_GUEST | MAPPING_DEVICE)) == MAPPING_HOST;
    return (__builtin_expect(plain, 1) && !mmu_protect(space->mmu, MMU_HOST, from, end - from, rights & 7, 0)) ||
           range_protect_any(space, range, from, end, rights);
}

/* Takes a range out of the space and frees its node; it is out of its tree. */
void range_remove(struct range_space *space, struct range *range);

/*
 * Cuts a range in two at place 'at' inside it: the node keeps what is below, a new one gets the rest. No child reaches across. Returns the new node; 0 = the pool
 * is exhausted. If the range has children, both are parts from then on, MAPPING_PART: nothing is done to them, and nobody goes on to their children, before
 * range_settle; they may be delegated, and who looks for a child's parent asks range_parent.
 */
struct range *range_cut(struct range_space *space, struct range *range, word at);

/*
 * Gives the upper part its children, under the tree lock alone; looks at *budget of them at most. True = the two are ranges like others. The cursor as for a walk
 * (mapping.h).
 */
bool range_settle(struct range *part, struct mapping *cursor, unsigned *budget);

/* Of a part, the other one. The tree has an order of its own, so that the key is free. */
static inline struct range *range_other_part(const struct range *part) { return (struct range *)(word)part->tree.key; }

/* The parent of memory or ports from 'value' on, or of a slot; 0 = none. */
static inline __attribute__((always_inline)) struct mapping *range_parent(const struct mapping *child, word value)
{
    struct mapping *parent = child->parent;
    if (parent && parent->flags & MAPPING_PART && value - parent->value >= range_of(parent)->count)
        parent = &range_other_part(range_of(parent))->mapping;
    return parent;
}

#endif
