/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The radix table. 'root' holds the height in its low bits, so that a lock-free reader gets both at once; growing in height puts a new page on top whose
 * first entry is the old root. New pages are published with release stores.
 */
#include "core/object_space.h"

#include "core/lib/assert.h"

_Static_assert((SLOT_BITS == 6 && sizeof(struct mapping) == 64) || (SLOT_BITS == 7 && sizeof(struct mapping) == 32),
               "a bottom page is full of slots");

void object_space_init(struct object_space *space, struct account *account)
{
    *space = (struct object_space){.space = {.type = NOVA_CRD_OBJ, .account = account}};
}

bool object_space_grow(struct object_space *space, word selector)
{
    if (!space->root) {
        /* The first bottom page decides the height: a PD whose selectors are all low pays for one page. */
        word page = (word)account_page_alloc(space->space.account, 0);
        if (!page)
            return false;
        if (selector >> SLOT_BITS == 0) {
            __atomic_store_n(&space->root, page, __ATOMIC_RELEASE);
            return true;
        }
        __atomic_store_n(&space->root, page | 1, __ATOMIC_RELEASE);
    }
    unsigned height = space->root & HEIGHT_MASK;
    while (selector >> (SLOT_BITS + height * TABLE_BITS)) {
        word *page = account_page_alloc(space->space.account, 0);
        if (!page)
            return false;
        page[0] = space->root & ~(word)HEIGHT_MASK;
        height++;
        __atomic_store_n(&space->root, (word)page | height, __ATOMIC_RELEASE);
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
    return true;
}

word object_space_skip(const struct object_space *space, word from, word end)
{
    while (from < end) {
        word page = __atomic_load_n(&space->root, __ATOMIC_ACQUIRE);
        unsigned height = page & HEIGHT_MASK;
        if (!page || from >> (SLOT_BITS + height * TABLE_BITS))
            return end;
        while (height && (page = __atomic_load_n(table_entry(page, from, height), __ATOMIC_ACQUIRE)))
            height--;
        if (!height)
            return from;
        /* Nothing below this entry: go on at the next one. */
        word step = (word)1 << (SLOT_BITS + (height - 1) * TABLE_BITS);
        from = (from & ~(step - 1)) + step;
    }
    return end;
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

void slot_fill(struct object_space *space, struct mapping *slot, word selector, struct object *object, unsigned permissions,
               struct mapping *parent, uint8_t lock)
{
    ASSERT(!slot->value && !((word)object & NOVA_PERM_ALL));
    slot->space = &space->space;
    slot->base = selector;
    __atomic_store_n(&slot->lock, lock, __ATOMIC_RELAXED); /* others look at it before they take it */
    mapping_link(slot, parent);
    object_name(object);
    __atomic_store_n(&slot->value, (word)object | permissions, __ATOMIC_RELEASE);
}

enum object_insert object_space_insert(struct object_space *space, word selector, struct object *object, unsigned permissions)
{
    uint8_t lock = mapping_lock_choose(&space->space, selector);
    enum object_insert result = OBJECT_NO_MEMORY;
    mapping_lock(lock);
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
    mapping_unlock(lock);
    return result;
}

/* Frees the pages that a table points to; true = all are free. */
static bool table_fini(struct object_space *space, word *table, unsigned *max)
{
    for (word i = 0; i < (word)1 << TABLE_BITS; i++) {
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
    for (word i = 0; height == 2 && i < (word)1 << TABLE_BITS; i++)
        if (top[i] && !table_fini(space, (word *)top[i], &max))
            return false;
    if (height && !table_fini(space, top, &max))
        return false;
    account_page_free(space->space.account, top, 0);
    space->root = 0;
    return true;
}
