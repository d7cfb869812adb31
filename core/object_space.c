/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The radix table. 'root' holds the height in its low bits, so that a lock-free reader gets both at once; growing in height puts a new page on top whose
 * first entry is the old root. New pages are published with release stores. The first slot of a bottom page counts, in its 'type', the slots that are used,
 * and in its 'rights' who holds the table.
 */
#include "core/object_space.h"

#include "core/lib/assert.h"

_Static_assert((SLOT_BITS == 6 && sizeof(struct mapping) == 64) || (SLOT_BITS == 7 && sizeof(struct mapping) == 32),
               "a bottom page is full of slots");

enum { TABLE_SIZE = 1 << TABLE_BITS };

static word *table_of(word page) { return (word *)(page & ~(PAGE_SIZE - 1)); }

static word no_entries[TABLE_SIZE]; /* never written */

/*
 * Tables at the top have changed: publishes where the low selectors are. Only a space that has never had more than one page has a 'low' that does not reach as far as a
 * table: once it does, it always does, so that no reader combines a higher limit with it.
 */
static void low_update(struct object_space *space)
{
    word page = space->root;
    unsigned height = page & HEIGHT_MASK;
    if (!height && space->limit <= (word)1 << SLOT_BITS) {
        __atomic_store_n(&space->lowest, page, __ATOMIC_RELEASE);
        __atomic_store_n(&space->low, &space->lowest, __ATOMIC_RELEASE);
        __atomic_store_n(&space->limit, (word)1 << SLOT_BITS, __ATOMIC_RELEASE);
        return;
    }
    page = height == TABLE_HEIGHT_MAX ? *table_of(page) : height ? page : 0;
    __atomic_store_n(&space->low, page ? table_of(page) : no_entries, __ATOMIC_RELEASE);
    __atomic_store_n(&space->limit, (word)1 << (SLOT_BITS + TABLE_BITS), __ATOMIC_RELEASE);
}

word object_space_page_search(const struct object_space *space, word selector)
{
    word page = __atomic_load_n(&space->root, __ATOMIC_ACQUIRE);
    unsigned height = page & HEIGHT_MASK;
    if (selector >> (SLOT_BITS + height * TABLE_BITS) || selector >> SELECTOR_BITS)
        return 0;
    if (height > 1)
        page = __atomic_load_n(table_entry(page, selector, 2), __ATOMIC_ACQUIRE);
    return height && page ? __atomic_load_n(table_entry(page, selector, 1), __ATOMIC_ACQUIRE) : page;
}

void object_space_init(struct object_space *space, struct account *account, struct object *owner)
{
    *space = (struct object_space){.space = {.type = NOVA_CRD_OBJ, .account = account}, .owner = owner};
}

bool object_space_grow(struct object_space *space, word selector)
{
    if (!space->root) {
        /* As high as this selector needs: a PD whose selectors are all low pays for one page. */
        word page = (word)account_page_alloc(space->space.account, 0);
        if (!page)
            return false;
        while (selector >> (SLOT_BITS + (page & HEIGHT_MASK) * TABLE_BITS))
            page++;
        __atomic_store_n(&space->root, page, __ATOMIC_RELEASE);
        low_update(space);
    }
    unsigned height = space->root & HEIGHT_MASK;
    while (selector >> (SLOT_BITS + height * TABLE_BITS)) {
        word *page = account_page_alloc(space->space.account, 0);
        if (!page)
            return false;
        page[0] = space->root & ~(word)HEIGHT_MASK;
        height++;
        __atomic_store_n(&space->root, (word)page | height, __ATOMIC_RELEASE);
        low_update(space);
    }
    word page = space->root;
    for (; height; height--) {
        word *entry = table_entry(page, selector, height);
        if (!*entry) {
            word below = (word)account_page_alloc(space->space.account, 0);
            if (!below)
                return false;
            __atomic_store_n(entry, below, __ATOMIC_RELEASE);
        }
        page = *entry;
    }
    low_update(space);
    return true;
}

/* The slots of a page that names something, or the one at the first of them that has to be looked at next. */
static word slots_next(const struct mapping *slots, word from, word end)
{
    const struct mapping *slot = slots + (from & (((word)1 << SLOT_BITS) - 1));
    do
        if (__atomic_load_n(&slot++->value, __ATOMIC_RELAXED))
            return from;
    while (++from < end && from & (((word)1 << SLOT_BITS) - 1));
    return from;
}

/* Where the next entry of a table of this level begins that is not empty, or the table ends. */
static word entries_next(word page, unsigned level, word from, unsigned *budget)
{
    unsigned shift = SLOT_BITS + (level - 1) * TABLE_BITS;
    word first = from >> shift & (TABLE_SIZE - 1), index = first;
    while (++index < TABLE_SIZE && !__atomic_load_n(table_of(page) + index, __ATOMIC_RELAXED))
        ;
    word cost = (index - first) / 4;
    *budget -= cost < *budget ? (unsigned)cost : *budget;
    return ((from >> (shift + TABLE_BITS) << TABLE_BITS) + index) << shift;
}

word object_space_next(const struct object_space *space, word from, word end, unsigned *budget)
{
    while (from < end && *budget) {
        word page = __atomic_load_n(&space->root, __ATOMIC_ACQUIRE), below;
        unsigned height = page & HEIGHT_MASK;
        if (!page || from >> (SLOT_BITS + height * TABLE_BITS))
            return end;
        while (height && (below = __atomic_load_n(table_entry(page, from, height), __ATOMIC_ACQUIRE))) {
            page = below;
            height--;
        }
        if (height) {
            from = entries_next(page, height, from, budget);
            continue;
        }
        const struct mapping *slots = (const struct mapping *)table_of(page);
        word at = slots_next(slots, from, end);
        --*budget;
        if (at < end && (at == from || at & (((word)1 << SLOT_BITS) - 1)))
            return at;
        from = at;
    }
    return from < end ? from : end;
}

bool slot_lock(struct mapping *slot)
{
    while (__atomic_load_n(&slot->value, __ATOMIC_ACQUIRE)) {
        uint8_t lock = __atomic_load_n(&slot->lock, __ATOMIC_RELAXED);
        mapping_lock(lock);
        if (__builtin_expect(slot->value && slot->lock == lock, 1))
            return true;
        mapping_unlock(lock);
    }
    return false;
}

static struct mapping *page_slots(const struct mapping *slot) { return (struct mapping *)((word)slot & ~(PAGE_SIZE - 1)); }

void slot_fill(struct object_space *space, struct mapping *slot, word selector, struct object *object, unsigned permissions,
               struct mapping *parent, uint8_t lock)
{
    ASSERT(!slot->value && !((word)object & NOVA_PERM_ALL));
    slot->space = &space->space;
    slot->base = selector;
    __atomic_store_n(&slot->lock, lock, __ATOMIC_RELAXED); /* others look at it before they take it */
    page_slots(slot)->type++;
    if (parent)
        mapping_link(slot, parent); /* an empty slot has no links */
    object_name(object);
    __atomic_store_n(&slot->value, (word)object | permissions, __ATOMIC_RELEASE);
}

/* A table out of its space, until nobody can be looking at it any more. */
struct retired_table {
    struct reclaim_item item;
    struct object_space *space;
    void *page;
};

static void retired_free(struct cpu *cpu, struct reclaim_item *item)
{
    struct retired_table *retired = CONTAINER(item, struct retired_table, item);
    struct object_space *space = retired->space;
    account_page_free(space->space.account, retired->page, 0);
    slab_free(space->space.account, retired, sizeof *retired);
    object_unref(cpu, space->owner);
}

static const struct reclaim_class retired_class = {retired_free};

/* Under the space lock: *place leads to an empty table and gets another value. False = it stays, for want of memory. */
static bool table_retire(struct cpu *cpu, struct object_space *space, word *place, word value)
{
    void *page = table_of(*place);
    if (!object_ref(space->owner)) {
        /* A PD that nobody refers to any more: nobody looks, either. */
        *place = value;
        account_page_free(space->space.account, page, 0);
        return true;
    }
    struct retired_table *retired = slab_take(space->space.account, slab_class(sizeof *retired), true);
    if (!retired) {
        object_unref(cpu, space->owner);
        return false;
    }
    __atomic_store_n(place, value, __ATOMIC_RELEASE);
    *retired = (struct retired_table){.item.class = &retired_class, .space = space, .page = page};
    reclaim_retire(cpu, &retired->item);
    return true;
}

/* No entry from this one on. Several at a time: this may be done for four tables in one go. */
static bool table_empty(const word *table, word from)
{
    for (; from % 8; from++)
        if (table[from])
            return false;
    for (const word *at = table + from; at < table + TABLE_SIZE; at += 8)
        if (at[0] | at[1] | at[2] | at[3] | at[4] | at[5] | at[6] | at[7])
            return false;
    return true;
}

/* Unhooks the empty slots of this selector, and the tables above as far as they get empty by that, too. */
static void tables_shrink(struct cpu *cpu, struct object_space *space, word selector)
{
    for (;;) {
        word *place = &space->root;
        unsigned height = space->root & HEIGHT_MASK, left = height;
        /* Down to the last table on the way that is there: an empty one, or one that has just lost an entry. */
        for (word *next; left && *(next = table_entry(*place, selector, left)); left--)
            place = next;
        if (left && !table_empty(table_of(*place), 0))
            break;
        if (!table_retire(cpu, space, place, 0) || !height || place == &space->root)
            return;
    }
    /* A root that is needed for its first entry alone. */
    for (unsigned height; (height = space->root & HEIGHT_MASK) && table_empty(table_of(space->root), 1);) {
        word first = table_of(space->root)[0];
        if (!table_retire(cpu, space, &space->root, first ? first | (height - 1) : 0))
            return;
    }
}

/* Nothing is in the table of this selector any more: it goes, unless somebody holds it. */
static __attribute__((noinline)) bool table_emptied(struct cpu *cpu, struct object_space *space, const struct mapping *first,
                                                    word selector)
{
    if (first->rights)
        return false;
    tables_shrink(cpu, space, selector);
    low_update(space);
    return true;
}

void slot_change(struct cpu *cpu, struct mapping *slot, struct object *object, unsigned permissions)
{
    struct object *before = slot_capability(slot).object;
    if (object)
        object_name(object);
    else
        page_slots(slot)->type--;
    slot->flags = 0;
    __atomic_store_n(&slot->value, object ? (word)object | permissions : 0, __ATOMIC_RELEASE);
    object_unname(cpu, before);
}

bool slot_clear(struct cpu *cpu, struct mapping *slot)
{
    struct object *object = slot_capability(slot).object;
    __atomic_store_n(&slot->value, 0, __ATOMIC_RELEASE);
    slot->flags = 0;
    struct mapping *first = page_slots(slot);
    bool empty = !--first->type && table_emptied(cpu, CONTAINER(slot->space, struct object_space, space), first, slot->base);
    object_unname(cpu, object);
    return empty;
}

bool object_space_hold(struct object_space *space, word selector)
{
    spin_lock(&space->space.lock);
    bool held = object_space_grow(space, selector);
    if (held) {
        uint8_t *holders = &page_slots(object_space_slot(space, selector))->rights;
        held = ++*holders;
        *holders -= !held;
    }
    spin_unlock(&space->space.lock);
    return held;
}

void object_space_let_go(struct cpu *cpu, struct object_space *space, word selector)
{
    spin_lock(&space->space.lock);
    struct mapping *first = page_slots(object_space_slot(space, selector));
    first->rights--;
    if (!first->type)
        table_emptied(cpu, space, first, selector);
    spin_unlock(&space->space.lock);
}

enum object_insert object_space_insert(struct object_space *space, word selector, struct object *object, unsigned permissions)
{
    uint8_t lock = mapping_lock_choose(&space->space, selector);
    enum object_insert result = OBJECT_NO_MEMORY;
    /* Not the tree's lock: nobody can come to the new tree before the slot's value is there. */
    spin_lock(&space->space.lock);
    struct mapping *slot = object_space_slot(space, selector);
    if (selector >> SELECTOR_BITS)
        result = OBJECT_OCCUPIED;
    else if (slot || object_space_grow(space, selector)) {
        if (!slot)
            slot = object_space_slot(space, selector);
        result = slot->value ? OBJECT_OCCUPIED : OBJECT_INSERTED;
        if (!slot->value)
            slot_fill(space, slot, selector, object, permissions, 0, lock);
    }
    spin_unlock(&space->space.lock);
    return result;
}

/* Frees the pages that a table points to; true = all are free. */
static bool table_fini(struct object_space *space, word *table, unsigned *max)
{
    for (word i = 0; i < TABLE_SIZE; i++) {
        if (!table[i])
            continue;
        if (!(*max)--)
            return false;
        account_page_free(space->space.account, (void *)table[i], 0);
        table[i] = 0;
    }
    return true;
}

bool object_space_fini(struct object_space *space, unsigned max)
{
    unsigned height = space->root & HEIGHT_MASK;
    word *top = (word *)(space->root & ~(PAGE_SIZE - 1));
    if (!top)
        return true;
    for (word i = 0; height == 2 && i < TABLE_SIZE; i++)
        if (top[i] && !table_fini(space, (word *)top[i], &max))
            return false;
    if (height && !table_fini(space, top, &max))
        return false;
    account_page_free(space->space.account, top, 0);
    space->root = 0;
    low_update(space);
    return true;
}
