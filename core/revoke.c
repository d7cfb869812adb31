/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Revoke: goes through the caller's mappings in the range, and below each of them (revocation.h). The tree lock is held over one tree; shoot-down and the end of
 * unnamed objects follow without locks. A call does a bounded part of the work; the cursor keeps the place in the tree, *progress the one in the space.
 */
#include "core/lib/assert.h"
#include "core/lib/bits.h"
#include "core/revocation.h"

/* keep: the place becomes free, what derives from it stays. True = done. */
static bool range_drop(struct revocation *revocation, struct range *range)
{
    struct range_space *space = range_space_of(range->mapping.space);
    if (range->mapping.flags & MAPPING_FIXED)
        return true;
    revocation->permissions = 0;
    if (crosses(revocation, range) && !tree_revoke(revocation, &range->mapping))
        return false;
    spin_lock(&space->space.lock);
    bool done = false;
    if ((range = range_isolate(revocation, range)) && mapping_splice(&range->mapping, &revocation->budget) &&
        range_close(revocation, space, range, 0)) {
        mapping_unlink(&range->mapping);
        range_remove(space, range);
        done = true;
    }
    spin_unlock(&space->space.lock);
    return done;
}

/* An undo is about what is fresh and comes from the sender, and about nothing else. */
static __attribute__((noinline, cold)) bool undo_concerns(struct revocation *revocation, const struct mapping *m)
{
    spend(revocation, 2 * LOOK_COST);
    const struct mapping *parent = range_parent(m, m->value);
    word space = parent ? (word)parent->space : 0;
    return m->flags & MAPPING_FRESH && space - (word)revocation->sender < sizeof *revocation->sender;
}

/* One range of the space with the lock of its tree; true = done with it. */
static bool one_range(struct revocation *revocation, struct range *range)
{
    /* Parts at which the last step ended come first: they have the cursor. */
    struct mapping *parts = revocation->cursor->parent;
    if ((parts && !settled(revocation, parts)) || !settled(revocation, &range->mapping))
        return false;
    if (__builtin_expect(revocation->undo, 0) && !undo_concerns(revocation, &range->mapping))
        return true;
    if (revocation->keep)
        return range_drop(revocation, range);
    if (!tree_revoke(revocation, &range->mapping))
        return false;
    return !revocation->self || range->mapping.flags & MAPPING_FIXED || range_revoke(revocation, range);
}

/* Before a tree with this lock is entered: a cursor that was left elsewhere is given up. True = it was, and the tree has to be found again. */
static bool cursor_elsewhere(struct revocation *revocation, uint8_t lock)
{
    struct mapping *cursor = revocation->cursor;
    if (!cursor_parked(cursor) || cursor->lock == lock)
        return false;
    mapping_unlock(lock);
    cursor_drop(cursor);
    return true;
}

/* Everything in [at, last] of one space of ranges; returns where to go on, beyond last at the end. */
static word ranges_revoke(struct revocation *revocation, struct range_space *space, word at, word last)
{
    while (at <= last && !stopped(revocation)) {
        struct range *range = range_next_locked(space, at);
        if (!range)
            return last + 1;
        struct mapping *top = &range->mapping;
        uint8_t lock = top->lock;
        if (cursor_elsewhere(revocation, lock))
            continue;
        spend(revocation, FIND_COST);
        if (at < top->base)
            at = top->base;
        bool done = true;
        if (at <= last) {
            word stop = word_min(range_end(range) - 1, last);
            revocation->from = top->value + (at - top->base);
            revocation->end = revocation->from + (stop - at) + 1;
            done = one_range(revocation, range);
            if (done)
                at = stop + 1;
        }
        mapping_unlock(lock);
    }
    return at;
}

/* One capability with the lock of its tree; true = done with it. */
static bool one_slot(struct revocation *revocation, struct mapping *slot)
{
    if (__builtin_expect(revocation->undo, 0) && !undo_concerns(revocation, slot))
        return true;
    if (!revocation->keep) {
        if (!tree_revoke(revocation, slot))
            return false;
        if (revocation->self)
            slot_revoke(revocation, slot);
        else
            spend(revocation, 2 * LOOK_COST);
        return true;
    }
    spend(revocation, CHANGE_COST);
    if (!mapping_splice(slot, &revocation->budget))
        return false;
    struct space *space = slot->space;
    spin_lock(&space->lock);
    mapping_unlink(slot);
    if (slot_clear(revocation->cpu, slot))
        spend(revocation, TABLE_COST);
    spin_unlock(&space->lock);
    return true;
}

static word objects_revoke(struct revocation *revocation, struct object_space *space, word at, word last)
{
    for (;;) {
        at = object_space_next(space, at, last + 1, &revocation->budget);
        if (at > last || stopped(revocation))
            return at;
        struct mapping *slot = object_space_slot(space, at);
        for (bool more = slot; more; slot++) {
            /* Looked at before this one goes, and its table perhaps with it. */
            more = at < last && slot_follows(slot);
            if (slot_lock(slot)) {
                uint8_t lock = slot->lock;
                if (cursor_elsewhere(revocation, lock))
                    break;
                bool done = one_slot(revocation, slot);
                mapping_unlock(lock);
                if (!done)
                    return at;
            }
            at++;
            more = more && !stopped(revocation);
        }
    }
}

/* One step in one space; true = the end is reached. */
static inline __attribute__((always_inline)) bool step(struct revocation *revocation, struct spaces *spaces, unsigned type,
                                                       word *at, word last)
{
    switch (type) {
    case NOVA_CRD_MEM: *at = ranges_revoke(revocation, &spaces->memory, *at, last); break;
    case NOVA_CRD_PIO: *at = ranges_revoke(revocation, &spaces->ports, *at, last); break;
    case NOVA_CRD_OBJ: *at = objects_revoke(revocation, &spaces->objects, *at, last); break;
    }
    shootdown(revocation->cpu, &revocation->stale);
    return *at > last;
}

/* Only what has to be is set: the set of stale spaces is large. */
static void revocation_init(struct revocation *revocation, struct cpu *cpu, unsigned permissions, struct mapping *cursor)
{
    revocation->cpu = cpu;
    revocation->permissions = permissions;
    revocation->self = true;
    revocation->keep = revocation->undo = revocation->no_memory = false;
    revocation->cursor = cursor;
    revocation->spared = 0;
    revocation->budget = REVOKE_BUDGET;
    stale_init(&revocation->stale);
}

/* What most revokes of memory are about: a range that was delegated as such, and from which nothing derives. False = it is something else, and nothing was done. */
static inline bool whole_revoke(struct cpu *cpu, struct range_space *space, word crd)
{
    word page = nova_crd_base(crd) & ~crd_inside(crd), count = crd_inside(crd) + 1;
    struct range *range = range_next_locked(space, page);
    if (!range)
        return true;
    struct mapping *m = &range->mapping;
    uint8_t lock = m->lock;
    bool done = m->base >= page + count;
    if (m->base == page && range->count == count && !m->child && !(m->flags & (MAPPING_FIXED | MAPPING_PART)) &&
        !(m->rights & ~nova_crd_perm(crd))) {
        spin_lock(&space->space.lock);
        if ((done = range_protect(space, range, page, page + count, 0))) {
            mapping_unlink(m);
            range_remove(space, range);
        }
        spin_unlock(&space->space.lock);
        mapping_unlock(lock);
        shootdown_one(cpu, space, page, count);
    } else
        mapping_unlock(lock);
    return done;
}

static __attribute__((noinline)) enum revoke_result any_revoke(struct cpu *cpu, struct spaces *spaces, word crd, bool self,
                                                               bool keep, word *progress, struct mapping *cursor)
{
    struct extent range = crd_extent(crd);
    if (nova_crd_type(crd) == NOVA_CRD_NULL || range.first > range.last)
        return REVOKE_DONE;
    struct revocation revocation;
    revocation_init(&revocation, cpu, nova_crd_perm(crd), cursor);
    revocation.self = self;
    revocation.keep = keep;
    word at = range.first + *progress;
    bool done = step(&revocation, spaces, nova_crd_type(crd), &at, range.last);
    *progress = at - range.first;
    return revocation.no_memory ? REVOKE_NO_MEMORY : done ? REVOKE_DONE : REVOKE_AGAIN;
}

enum revoke_result space_revoke(struct cpu *cpu, struct spaces *spaces, word crd, bool self, bool keep, word *progress,
                                struct mapping *cursor)
{
    if (nova_crd_type(crd) == NOVA_CRD_MEM && self && !keep && !cursor_parked(cursor) && whole_revoke(cpu, &spaces->memory, crd))
        return REVOKE_DONE;
    return any_revoke(cpu, spaces, crd, self, keep, progress, cursor);
}

/* The same where it need not be fast. */
static __attribute__((noinline, cold)) bool step_slowly(struct revocation *revocation, struct spaces *spaces, unsigned type,
                                                        word *at, word last)
{
    return step(revocation, spaces, type, at, last);
}

/* Goes on at *at; starts anew when it has come to the end. */
bool space_empty(struct cpu *cpu, struct spaces *spaces, enum nova_crd_type type, word *progress, struct mapping *cursor)
{
    struct revocation all;
    revocation_init(&all, cpu, NOVA_PERM_ALL, cursor);
    bool done = step_slowly(&all, spaces, type, progress, space_limit(type));
    if (!done)
        return false;
    if (cursor_parked(cursor))
        cursor_drop(cursor);
    *progress = 0;
    return true;
}

__attribute__((cold)) bool space_undo(struct cpu *cpu, struct spaces *to, const struct spaces *from, unsigned type,
                                      struct extent target, word *at, struct mapping *cursor)
{
    struct revocation fresh;
    revocation_init(&fresh, cpu, NOVA_PERM_ALL, cursor);
    fresh.undo = true;
    fresh.sender = from;
    bool done = step_slowly(&fresh, to, type, at, target.last);
    if (fresh.no_memory) /* the sender has changed the item meanwhile, so that something would have to be cut */
        ++*at;
    return done;
}

/* Locks the tree of the capability at selector if that names the object; 0 = it does not. */
static struct mapping *slot_find_locked(struct object_space *space, word selector, const struct object *object)
{
    struct mapping *slot = object_space_slot(space, selector);
    if (!slot || !slot_lock(slot))
        return 0;
    if (slot_capability(slot).object == object)
        return slot;
    mapping_unlock(slot->lock);
    return 0;
}

bool space_name(struct object_space *space, word selector, struct object *object)
{
    struct mapping *slot = slot_find_locked(space, selector, object);
    if (!slot)
        return false;
    object_name(object);
    mapping_unlock(slot->lock);
    return true;
}

/* Takes the whole tree of a slot away, but the slot, which becomes a root. True = done. */
static bool slot_isolate(struct revocation *revocation, struct mapping *slot)
{
    if (!tree_revoke(revocation, slot))
        return false;
    revocation->spared = slot;
    while (slot->parent) {
        /* It climbs as far as this step allows: an ancestor of its parent is as good a parent. */
        struct mapping *top = slot->parent;
        for (; top->parent && !stopped(revocation); top = top->parent)
            spend(revocation, 1);
        mapping_unlink(slot);
        mapping_link(slot, top);
        if (stopped(revocation) || !tree_revoke(revocation, top))
            return false;
        mapping_unlink(slot);
        mapping_link(slot, 0);
        slot_revoke(revocation, top);
    }
    return true;
}

bool space_supersede(struct cpu *cpu, struct object_space *space, word selector, const struct object *old, struct object *new,
                     unsigned permissions, struct mapping *cursor)
{
    struct revocation all;
    struct mapping *slot;
    revocation_init(&all, cpu, NOVA_PERM_ALL, cursor);
    do {
        slot = slot_find_locked(space, selector, old);
        if (!slot)
            return true;
    } while (cursor_elsewhere(&all, slot->lock));
    uint8_t lock = slot->lock;
    if (slot_isolate(&all, slot)) {
        spin_lock(&space->space.lock);
        mapping_unlink(slot);
        /* In one go: nobody finds the place empty. */
        slot_change(cpu, slot, new, permissions);
        spin_unlock(&space->space.lock);
    }
    mapping_unlock(lock);
    return false;
}

void space_take_memory(struct cpu *cpu, struct spaces *spaces, word page, word count)
{
    struct range_space *space = &spaces->memory;
    uint8_t lock = mapping_lock_choose(&space->space, page);
    mapping_lock(lock);
    spin_lock(&space->space.lock);
    struct range *range = range_find(space, page);
    ASSERT(range && range->count == count);
    bool complete = range_protect(space, range, page, page + count, 0);
    ASSERT(complete); /* entered as one range, never cut */
    (void)complete;
    mapping_unlink(&range->mapping);
    range_remove(space, range);
    spin_unlock(&space->space.lock);
    mapping_unlock(lock);
    shootdown_one(cpu, space, page, count);
}
