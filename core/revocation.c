/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The walk over one derivation tree. What a mapping loses, its page table or bitmap loses under the lock of its space; shoot-down follows when no lock is held.
 */
#include "core/revocation.h"

#include "core/lib/bits.h"

static bool overlaps(const struct revocation *revocation, const struct range *range)
{
    return range->mapping.value < revocation->end && range->mapping.value + range->count > revocation->from;
}

void slot_revoke(struct revocation *revocation, struct mapping *slot)
{
    struct capability cap = slot_capability(slot);
    unsigned left = cap.permissions & ~revocation->permissions;
    if (!cap.object || left == cap.permissions)
        return;
    struct space *space = slot->space;
    spend(revocation, CHANGE_COST);
    spin_lock(&space->lock);
    if (left)
        __atomic_store_n(&slot->value, (word)cap.object | left, __ATOMIC_RELEASE);
    else {
        mapping_unlink(slot);
        if (slot_clear(revocation->cpu, slot))
            spend(revocation, TABLE_COST);
    }
    spin_unlock(&space->lock);
}

struct range *range_isolate(struct revocation *revocation, struct range *range)
{
    struct mapping *m = &range->mapping;
    struct range_space *space = range_space_of(m->space);
    word from = revocation->from, end = revocation->end;
    if (m->value + range->count > end && !range_cut(space, range, m->base + (end - m->value)))
        memory_short(revocation);
    else if (m->value < from && !(m->flags & MAPPING_PART) && !(range = range_cut(space, range, m->base + (from - m->value))))
        memory_short(revocation);
    return revocation->no_memory || m->flags & MAPPING_PART ? 0 : range;
}

bool settled(struct revocation *revocation, struct mapping *m)
{
    unsigned looks = revocation->budget / LOOK_COST, left = looks;
    bool done = !(m->flags & MAPPING_PART) || range_settle(range_of(m), revocation->cursor, &left);
    spend(revocation, done ? LOOK_COST * (looks - left) : revocation->budget);
    return done;
}

/* Cut even where nothing is lost: what it derives from may be cut at the same places, and no child may reach across. */
bool range_revoke(struct revocation *revocation, struct range *range)
{
    struct range_space *space = range_space_of(range->mapping.space);
    spin_lock(&space->space.lock);
    if (crosses(revocation, range))
        range = range_isolate(revocation, range);
    if (range && range->mapping.rights & revocation->permissions) {
        struct mapping *m = &range->mapping;
        unsigned left = m->rights & ~revocation->permissions;
        if (!range_close(revocation, space, range, left))
            range = 0;
        else if (left)
            m->rights = (uint8_t)left;
        else {
            mapping_unlink(m);
            range_remove(space, range);
        }
    } else
        spend(revocation, LOOK_COST);
    spin_unlock(&space->space.lock);
    return range;
}

/* Whether the revocation concerns a mapping below the one that it is about; if not, nothing below this one either. */
static bool concerned(const struct revocation *revocation, struct mapping *m, bool slots)
{
    if (slots)
        return m != revocation->spared && slot_capability(m).permissions & revocation->permissions;
    struct range *range = range_of(m);
    return overlaps(revocation, range) && (m->rights & revocation->permissions || crosses(revocation, range));
}

bool below_revoke(struct revocation *revocation, struct mapping *top)
{
    bool slots = top->space->type == NOVA_CRD_OBJ;
    struct walk walk = walk_begin(top, revocation->cursor);
    struct mapping *parent = walk.parent, *m = walk.next;
    while (m || parent != top) {
        if (stopped(revocation)) {
            walk_park(&(struct walk){top, parent, m}, revocation->cursor);
            return false;
        }
        if (m && __builtin_expect(m->flags & (MAPPING_CURSOR | MAPPING_FIXED | MAPPING_PART), 0)) {
            spend(revocation, LOOK_COST);
            if (!(m->flags & MAPPING_PART))
                m = m->next;
            else if (!settled(revocation, m))
                return false; /* the cursor is with the parts */
            continue;
        }
        if (m && !concerned(revocation, m, slots)) {
            spend(revocation, LOOK_COST);
            m = m->next;
            continue;
        }
        if (m && m->child) {
            spend(revocation, LOOK_COST);
            parent = m;
            m = m->child;
            continue;
        }
        if (!m) {
            m = parent;
            parent = m->parent;
        }
        struct mapping *next = m->next;
        if (slots)
            slot_revoke(revocation, m);
        else if (!range_revoke(revocation, range_of(m)))
            next = m;
        m = next;
    }
    return !revocation->no_memory;
}
