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
    struct stale_set stale;
    bool no_memory;
};

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
        range_protect(space, range, m->base, range_end(range), left);
        stale_add(&revocation->stale, space, m->base, range->count);
        m->rights = (uint8_t)left;
        if (!left) {
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
        range_protect(space, range, range->mapping.base, range_end(range), 0);
        stale_add(&revocation->stale, space, range->mapping.base, range->count);
        mapping_unlink(&range->mapping);
        range_remove(space, range);
    }
    spin_unlock(&space->space.lock);
}

/* Everything in [first, last] of one space of ranges. */
static void ranges_revoke(struct revocation *revocation, struct range_space *space, word first, word last, bool self, bool keep)
{
    for (word at = first; !revocation->no_memory;) {
        spin_lock(&space->space.lock);
        struct range *range = range_next(space, at);
        bool found = range && range->mapping.base <= last;
        if (found && range->mapping.base > at)
            at = range->mapping.base;
        uint8_t lock = found ? range->mapping.lock : 0;
        spin_unlock(&space->space.lock);
        if (!found)
            return;

        mapping_lock(lock);
        spin_lock(&space->space.lock);
        range = range_find(space, at);
        bool same = range && range->mapping.lock == lock;
        spin_unlock(&space->space.lock);
        if (same) {
            struct mapping *top = &range->mapping;
            word stop = word_min(range_end(range) - 1, last);
            word from = top->value + (at - top->base), end = from + (stop - at) + 1;
            if (keep)
                range_drop(revocation, range, from, end);
            else {
                for (struct mapping *m = mapping_walk_first(top), *next; m != top && !revocation->no_memory; m = next) {
                    next = mapping_walk_next(m);
                    range_revoke(revocation, range_of(m), from, end);
                }
                if (self && !revocation->no_memory)
                    range_revoke(revocation, range, from, end);
            }
            at = stop;
        }
        mapping_unlock(lock);
        if (same && at++ == last)
            return;
    }
}

static void objects_revoke(struct revocation *revocation, struct object_space *space, word first, word last, bool self, bool keep)
{
    for (word at = first; (at = object_space_skip(space, at, last + 1)) <= last; at++) {
        struct mapping *slot = object_space_slot(space, at);
        if (!slot->value)
            continue;
        uint8_t lock = __atomic_load_n(&slot->lock, __ATOMIC_RELAXED);
        mapping_lock(lock);
        bool same = slot->lock == lock;
        if (same && slot->value && keep) {
            spin_lock(&space->space.lock);
            mapping_unlink(slot);
            slot_clear(revocation->cpu, slot);
            spin_unlock(&space->space.lock);
        } else if (same && slot->value) {
            for (struct mapping *m = mapping_walk_first(slot), *next; m != slot; m = next) {
                next = mapping_walk_next(m);
                slot_revoke(revocation, m);
            }
            if (self)
                slot_revoke(revocation, slot);
        }
        mapping_unlock(lock);
        if (!same)
            at--;
    }
}

enum nova_status space_revoke(struct cpu *cpu, struct spaces *spaces, word crd, bool self, bool keep)
{
    struct revocation revocation = {.cpu = cpu, .permissions = nova_crd_perm(crd), .stale = {.count = 0}};
    word first, last;
    if (nova_crd_type(crd) == NOVA_CRD_NULL || !crd_range(crd, &first, &last))
        return NOVA_SUCCESS;
    switch (nova_crd_type(crd)) {
    case NOVA_CRD_MEM: ranges_revoke(&revocation, &spaces->memory, first, last, self, keep); break;
    case NOVA_CRD_PIO: ranges_revoke(&revocation, &spaces->ports, first, last, self, keep); break;
    case NOVA_CRD_OBJ: objects_revoke(&revocation, &spaces->objects, first, last, self, keep); break;
    }
    shootdown(cpu, &revocation.stale);
    object_settle(cpu);
    return revocation.no_memory ? NOVA_QUO_OOM : NOVA_SUCCESS;
}

void space_empty_objects(struct cpu *cpu, struct spaces *spaces)
{
    struct revocation all = {.cpu = cpu, .permissions = NOVA_PERM_ALL, .stale = {.count = 0}};
    objects_revoke(&all, &spaces->objects, 0, space_limit(NOVA_CRD_OBJ), true, false);
}

void space_empty(struct cpu *cpu, struct spaces *spaces)
{
    struct revocation all = {.cpu = cpu, .permissions = NOVA_PERM_ALL, .stale = {.count = 0}};
    ranges_revoke(&all, &spaces->memory, 0, space_limit(NOVA_CRD_MEM), true, false);
    ranges_revoke(&all, &spaces->ports, 0, space_limit(NOVA_CRD_PIO), true, false);
    shootdown(cpu, &all.stale);
    space_empty_objects(cpu, spaces);
    object_settle(cpu);
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
    range_protect(space, range, page, page + count, 0);
    stale_add(&stale, space, page, count);
    mapping_unlink(&range->mapping);
    range_remove(space, range);
    spin_unlock(&space->space.lock);
    mapping_unlock(lock);
    shootdown(cpu, &stale);
}
