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
        revocation->no_memory = true;
    else if (m->value < from && !(m->flags & MAPPING_PART) && !(range = range_cut(space, range, m->base + (from - m->value))))
        revocation->no_memory = true;
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
    if (range && revocation->mode == REVOKE_REDUCE) {
        struct mapping *m = &range->mapping;
        unsigned left = m->rights & ~revocation->permissions;
        bool closed = left == m->rights || range_close(revocation, space, range, left);
        if (closed && left)
            m->rights = (uint8_t)left;
        else if (closed) {
            mapping_unlink(m);
            range_remove(space, range);
        } else
            range = 0;
    }
    spin_unlock(&space->space.lock);
    return range;
}

/* Whether the revocation concerns a mapping below the one that it is about; if not, nothing below this one either. */
static bool concerned(const struct revocation *revocation, struct mapping *m, bool slots)
{
    if (slots)
        return m != revocation->spared && slot_capability(m).permissions & revocation->permissions;
    struct range *range = range_of(m);
    return overlaps(revocation, range) &&
           (crosses(revocation, range) || (revocation->mode == REVOKE_REDUCE && m->rights & revocation->permissions));
}

bool below_revoke(struct revocation *revocation, struct mapping *top)
{
    bool slots = top->space->type == NOVA_CRD_OBJ;
    struct walk walk = walk_begin(top, revocation->cursor);
    for (;;) {
        struct mapping *m = walk.next;
        if (!m && walk.parent == top)
            return !revocation->no_memory;
        if (stopped(revocation))
            break;
        spend(revocation, LOOK_COST);
        if (m && __builtin_expect(m->flags & (MAPPING_CURSOR | MAPPING_FIXED | MAPPING_PART), 0)) {
            if (!(m->flags & MAPPING_PART))
                walk.next = m->next;
            else if (!settled(revocation, m))
                return false; /* the cursor is with the parts */
            continue;
        }
        if (m && !concerned(revocation, m, slots)) {
            walk.next = m->next;
            continue;
        }
        if (m && m->child) {
            walk.parent = m;
            walk.next = m->child;
            continue;
        }
        if (!m) {
            m = walk.parent;
            walk.parent = m->parent;
        }
        walk.next = m->next;
        if (slots)
            slot_revoke(revocation, m);
        else if (!range_revoke(revocation, range_of(m)))
            walk.next = m;
    }
    walk_park(&walk, revocation->cursor);
    return false;
}
