/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Revoke: walks the derivation tree below each of the caller's mappings in the range, children first, and takes permissions away. Ranges that reach across the
 * revoked part are cut. The tree lock is held over one tree; spaces are locked one at a time; shoot-down and the end of unnamed objects follow without locks.
 */
#include "core/lib/assert.h"
#include "core/lib/bits.h"
#include "core/spaces.h"

struct revocation {
    struct cpu *cpu;
    unsigned permissions;
    bool self, keep;
    struct stale_set stale;
    bool no_memory;
    unsigned budget; /* steps left; at 0 the rest is for the next call */
};

/* Mappings that are changed or looked at in one call: with about 300 instructions for each of the first kind some way below the bound of design.md. */
enum { REVOKE_CHANGES = 32, REVOKE_LOOKS = 16 * REVOKE_CHANGES, CHANGE_COST = REVOKE_LOOKS / REVOKE_CHANGES };

static void spend(struct revocation *revocation, unsigned steps)
{
    revocation->budget -= steps < revocation->budget ? steps : revocation->budget;
}

static bool stopped(const struct revocation *revocation) { return revocation->no_memory || !revocation->budget; }

static struct range_space *range_space_of(struct space *space) { return CONTAINER(space, struct range_space, space); }

/* Empties a capability slot that is out of its tree. Under tree and space lock. */
static void slot_clear(struct cpu *cpu, struct mapping *slot)
{
    struct capability cap = slot_capability(slot);
    __atomic_store_n(&slot->value, 0, __ATOMIC_RELEASE);
    object_unname(cpu, cap.object);
}

static void slot_revoke(struct revocation *revocation, struct mapping *slot)
{
    struct capability cap = slot_capability(slot);
    unsigned left = cap.permissions & ~revocation->permissions;
    if (!cap.object || left == cap.permissions)
        return;
    spend(revocation, CHANGE_COST);
    spin_lock(&slot->space->lock);
    if (left)
        __atomic_store_n(&slot->value, (word)cap.object | left, __ATOMIC_RELEASE);
    else {
        mapping_unlink(slot);
        slot_clear(revocation->cpu, slot);
    }
    spin_unlock(&slot->space->lock);
}

/*
 * Cuts a range so that [*from, end) of its values is a mapping of its own where it overlaps; returns that mapping, 0 if it does not overlap or the
 * pool is exhausted (then no_memory is set).
 */
static struct range *range_isolate(struct revocation *revocation, struct range *range, word from, word end)
{
    struct mapping *m = &range->mapping;
    struct range_space *space = range_space_of(m->space);
    if (m->value >= end || m->value + range->count <= from)
        return 0;
    if (m->value + range->count > end && !range_cut(space, range, m->base + (end - m->value))) {
        revocation->no_memory = true;
        return 0;
    }
    if (m->value < from && !(range = range_cut(space, range, m->base + (from - m->value))))
        revocation->no_memory = true;
    return range;
}

/* [from, end) are values (frames, ports): the same for all that derives from one mapping. */
static void range_revoke(struct revocation *revocation, struct range *range, word from, word end)
{
    struct range_space *space = range_space_of(range->mapping.space);
    unsigned left = range->mapping.rights & ~revocation->permissions;
    if (range->mapping.flags & MAPPING_FIXED)
        return;
    spin_lock(&space->space.lock);
    /* Cut even where nothing is lost: its parent may be cut at the same places, and no child may reach across. */
    if ((range = range_isolate(revocation, range, from, end)) && left != range->mapping.rights) {
        struct mapping *m = &range->mapping;
        spend(revocation, CHANGE_COST);
        stale_add(&revocation->stale, space, m->base, range->count);
        if (!range_protect(space, range, m->base, range_end(range), left))
            revocation->no_memory = true;
        else if (left)
            m->rights = (uint8_t)left;
        else {
            mapping_unlink(m);
            range_remove(space, range);
        }
    }
    spin_unlock(&space->space.lock);
}

/* keep: the place becomes free, what derives from it stays. */
static void range_drop(struct revocation *revocation, struct range *range, word from, word end)
{
    struct range_space *space = range_space_of(range->mapping.space);
    if (range->mapping.flags & MAPPING_FIXED)
        return;
    /* Nothing below may reach across the borders when the mapping itself is cut there. */
    if (range->mapping.value < from || range->mapping.value + range->count > end)
        for (struct mapping *m = mapping_walk_first(&range->mapping), *next; m != &range->mapping && !revocation->no_memory;
             m = next) {
            next = mapping_walk_next(m);
            spin_lock(&m->space->lock);
            range_isolate(revocation, range_of(m), from, end);
            spin_unlock(&m->space->lock);
        }
    if (revocation->no_memory)
        return;
    spin_lock(&space->space.lock);
    if ((range = range_isolate(revocation, range, from, end))) {
        spend(revocation, CHANGE_COST);
        stale_add(&revocation->stale, space, range->mapping.base, range->count);
        if (range_protect(space, range, range->mapping.base, range_end(range), 0)) {
            mapping_unlink(&range->mapping);
            range_remove(space, range);
        } else
            revocation->no_memory = true;
    }
    spin_unlock(&space->space.lock);
}

/* What derives from a mapping, children first, and the mapping itself if it is to be. True = all of it is done. */
static bool tree_revoke(struct revocation *revocation, struct mapping *top, word from, word end)
{
    bool slots = top->space->type == NOVA_CRD_OBJ;
    for (struct mapping *m = mapping_walk_first(top), *next; m != top; m = next) {
        next = mapping_walk_next(m);
        if (slots)
            slot_revoke(revocation, m);
        else
            range_revoke(revocation, range_of(m), from, end);
        if (stopped(revocation))
            return false;
    }
    if (revocation->self && slots)
        slot_revoke(revocation, top);
    else if (revocation->self)
        range_revoke(revocation, range_of(top), from, end);
    return !revocation->no_memory;
}

/* Everything in [at, last] of one space of ranges; returns where to go on, beyond last at the end. */
static word ranges_revoke(struct revocation *revocation, struct range_space *space, word at, word last)
{
    while (!stopped(revocation)) {
        spend(revocation, 1);
        spin_lock(&space->space.lock);
        struct range *range = range_next(space, at);
        bool found = range && range->mapping.base <= last;
        if (found && range->mapping.base > at)
            at = range->mapping.base;
        uint8_t lock = found ? range->mapping.lock : 0;
        spin_unlock(&space->space.lock);
        if (!found)
            return last + 1;

        mapping_lock(lock);
        spin_lock(&space->space.lock);
        range = range_find(space, at);
        bool same = range && range->mapping.lock == lock;
        spin_unlock(&space->space.lock);
        if (same) {
            struct mapping *top = &range->mapping;
            word stop = word_min(range_end(range) - 1, last);
            word from = top->value + (at - top->base), end = from + (stop - at) + 1;
            bool done = true;
            if (revocation->keep) {
                range_drop(revocation, range, from, end);
                done = !revocation->no_memory;
            } else
                done = tree_revoke(revocation, top, from, end);
            if (done)
                at = stop + 1;
        }
        mapping_unlock(lock);
        if (at > last || !at)
            return last + 1;
    }
    return at;
}

static word objects_revoke(struct revocation *revocation, struct object_space *space, word at, word last)
{
    while (!stopped(revocation)) {
        spend(revocation, 1);
        at = object_space_skip(space, at, last + 1);
        if (at > last)
            return at;
        struct mapping *slot = object_space_slot(space, at);
        if (!slot_capability(slot).object) {
            at++;
            continue;
        }
        uint8_t lock = __atomic_load_n(&slot->lock, __ATOMIC_RELAXED);
        bool done = true;
        mapping_lock(lock);
        if (slot->value && slot->lock == lock) {
            if (!revocation->keep)
                done = tree_revoke(revocation, slot, 0, 0);
            else {
                spend(revocation, CHANGE_COST);
                spin_lock(&space->space.lock);
                mapping_unlink(slot);
                slot_clear(revocation->cpu, slot);
                spin_unlock(&space->space.lock);
            }
        } else
            done = !slot->value;
        mapping_unlock(lock);
        if (done)
            at++;
    }
    return at;
}

/* One step in one space; true = the end is reached. */
static bool step(struct revocation *revocation, struct spaces *spaces, unsigned type, word *at, word last)
{
    switch (type) {
    case NOVA_CRD_MEM: *at = ranges_revoke(revocation, &spaces->memory, *at, last); break;
    case NOVA_CRD_PIO: *at = ranges_revoke(revocation, &spaces->ports, *at, last); break;
    case NOVA_CRD_OBJ: *at = objects_revoke(revocation, &spaces->objects, *at, last); break;
    }
    shootdown(revocation->cpu, &revocation->stale);
    return *at > last;
}

enum revoke_result space_revoke(struct cpu *cpu, struct spaces *spaces, word crd, bool self, bool keep, word *progress)
{
    struct revocation revocation = {
        .cpu = cpu, .permissions = nova_crd_perm(crd), .self = self, .keep = keep, .budget = REVOKE_LOOKS};
    word first, last;
    if (nova_crd_type(crd) == NOVA_CRD_NULL || !crd_range(crd, &first, &last))
        return REVOKE_DONE;
    word at = first + *progress;
    bool done = step(&revocation, spaces, nova_crd_type(crd), &at, last);
    *progress = at - first;
    return done ? REVOKE_DONE : revocation.no_memory ? REVOKE_NO_MEMORY : REVOKE_AGAIN;
}

/* Goes on at *at; starts anew when it has come to the end. */
bool space_empty(struct cpu *cpu, struct spaces *spaces, enum nova_crd_type type, word *progress)
{
    struct revocation all = {.cpu = cpu, .permissions = NOVA_PERM_ALL, .self = true, .budget = REVOKE_LOOKS};
    bool done = step(&all, spaces, type, progress, space_limit(type));
    if (done)
        *progress = 0;
    return done;
}

void space_take_memory(struct cpu *cpu, struct spaces *spaces, word page, word count)
{
    struct range_space *space = &spaces->memory;
    struct stale_set stale = {.count = 0};
    uint8_t lock = mapping_lock_choose(&space->space, page);
    mapping_lock(lock);
    spin_lock(&space->space.lock);
    struct range *range = range_find(space, page);
    ASSERT(range && range->count == count);
    bool complete = range_protect(space, range, page, page + count, 0);
    ASSERT(complete); /* entered as one range, never cut */
    (void)complete;
    stale_add(&stale, space, page, count);
    mapping_unlink(&range->mapping);
    range_remove(space, range);
    spin_unlock(&space->space.lock);
    mapping_unlock(lock);
    shootdown(cpu, &stale);
}
