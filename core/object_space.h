/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The object space: selectors to capabilities. A radix table that grows in height on demand: pages of pointers above, pages of slots at the bottom.
 * Lookup is a bounds check and at most three dependent loads, without lock or fault. Slots change under the space lock and the tree lock of their mapping; 'value'
 * is written last when a slot is filled, first when it is emptied. A table whose last capability goes is unhooked and freed after a grace period.
 */
#ifndef CORE_OBJECT_SPACE_H
#define CORE_OBJECT_SPACE_H

#include "core/object.h"
#include "core/space.h"

enum {
    SLOT_BITS = PAGE_BITS - (sizeof(word) == 8 ? 6 : 5),  /* slots of a bottom page */
    TABLE_BITS = PAGE_BITS - (sizeof(word) == 8 ? 3 : 2), /* pointers of an upper page */
    TABLE_HEIGHT_MAX = 2                                  /* upper pages on the way to a slot */
};
_Static_assert(SLOT_BITS + TABLE_HEIGHT_MAX * TABLE_BITS >= SELECTOR_BITS, "every selector has a place");

struct object_space {
    struct space space;
    word root;       /* page address | height */
    word limit;      /* selectors below are found in one step: in the pages that ... */
    const word *low; /* ... this points to. It may be older than the root: what is not found there is looked for from the root */
    word lowest;     /* where 'low' points to as long as there has never been more than one page */
    struct object *owner; /* the PD: tables that wait for their grace period refer to it */
};

/* A capability as read once: the object and the permissions held. object = 0: none. */
struct capability {
    struct object *object;
    unsigned permissions;
};

void object_space_init(struct object_space *space, struct account *account, struct object *owner);

enum { HEIGHT_MASK = 3 };

/* The entry for a selector in a table page of this level; level 1 points to slots. */
static inline word *table_entry(word page, word selector, unsigned level)
{
    return (word *)(page & ~(PAGE_SIZE - 1)) + (selector >> (SLOT_BITS + (level - 1) * TABLE_BITS) & (((word)1 << TABLE_BITS) - 1));
}

/* From the root: the bottom page with the slot of a selector, 0 if it does not exist. */
word object_space_page_search(const struct object_space *space, word selector);

/* The page for a selector below 'limit'; 'low' is not older than that: it reaches as far at least. */
static inline word object_space_page_below(const struct object_space *space, word selector)
{
    __atomic_thread_fence(__ATOMIC_ACQUIRE); /* not before the limit */
    return __atomic_load_n(&__atomic_load_n(&space->low, __ATOMIC_ACQUIRE)[selector >> SLOT_BITS], __ATOMIC_ACQUIRE);
}

/* The page of any selector without calling a function. 0: it does not exist, or the tables are just changing. */
static inline __attribute__((always_inline)) word object_space_page_quick(const struct object_space *space, word selector)
{
    if (__builtin_expect(selector < GLANCE(space->limit), 1))
        return object_space_page_below(space, selector);
    word page = __atomic_load_n(&space->root, __ATOMIC_ACQUIRE);
    if ((page & HEIGHT_MASK) < TABLE_HEIGHT_MAX || selector >> SELECTOR_BITS)
        return 0;
    page = __atomic_load_n(table_entry(page, selector, 2), __ATOMIC_ACQUIRE);
    return page ? __atomic_load_n(table_entry(page, selector, 1), __ATOMIC_ACQUIRE) : 0;
}

/* The page of any selector, 0 if it does not exist. */
static inline word object_space_page(const struct object_space *space, word selector)
{
    word page = object_space_page_quick(space, selector);
    return __builtin_expect(page != 0, 1) ? page : object_space_page_search(space, selector);
}

/* The slot of a selector in its bottom page. */
static inline struct mapping *page_slot(word page, word selector)
{
    return (struct mapping *)page + (selector & (((word)1 << SLOT_BITS) - 1));
}

/* The slot of a selector, 0 if its table does not exist. */
static inline struct mapping *object_space_slot(const struct object_space *space, word selector)
{
    word page = object_space_page(space, selector);
    return page ? page_slot(page, selector) : 0;
}

static inline struct capability slot_capability(const struct mapping *slot)
{
    word value = __atomic_load_n(&slot->value, __ATOMIC_ACQUIRE);
    return (struct capability){(struct object *)(value & ~(word)NOVA_PERM_ALL), value & NOVA_PERM_ALL};
}

/* Takes the lock of the tree that a slot is in; false = the slot is empty (no lock is taken). */
bool slot_lock(struct mapping *slot);

/* Whether the next slot of the same table names something, too. */
static inline bool slot_follows(const struct mapping *slot)
{
    return (word)(slot + 1) & (PAGE_SIZE - 1) && __atomic_load_n(&slot[1].value, __ATOMIC_RELAXED);
}

/* What a selector names; any selector is allowed. */
static inline struct capability object_space_lookup(const struct object_space *space, word selector)
{
    word page = object_space_page(space, selector);
    return page ? slot_capability(page_slot(page, selector)) : (struct capability){0, 0};
}

/* What the slot of a selector in this page (or 0) names if it is of this type and all of these permissions are held. An empty slot holds none. */
static inline __attribute__((always_inline)) struct object *page_find(word page, word selector, const struct object_type *type,
                                                                      unsigned permissions)
{
    if (!page)
        return 0;
    struct capability cap = slot_capability(page_slot(page, selector));
    if (permissions ? (cap.permissions & permissions) != permissions : !cap.object)
        return 0;
    if (!cap.object)
        __builtin_unreachable();
    return object_is(cap.object, type) ? cap.object : 0;
}

/* What a selector names, but 0 unless it is of this type and all of these permissions are held. */
static inline struct object *object_space_find(const struct object_space *space, word selector, const struct object_type *type,
                                               unsigned permissions)
{
    return page_find(object_space_page(space, selector), selector, type, permissions);
}

/* The same without calling a function, for what happens all the time. It may miss what object_space_find sees while the tables change. */
static inline __attribute__((always_inline)) struct object *
object_space_find_inline(const struct object_space *space, word selector, const struct object_type *type, unsigned permissions)
{
    return page_find(object_space_page_quick(space, selector), selector, type, permissions);
}

/* Makes the table of a selector; false = the account is exhausted. Selector below 2^SELECTOR_BITS. Under the space lock. */
bool object_space_grow(struct object_space *space, word selector);

/*
 * Makes the table of a selector and keeps it, even while there is nothing in it, until it is let go: so a capability can be put there. False = the account is
 * exhausted, or 255 hold it already. Selector below 2^SELECTOR_BITS; takes the space lock.
 */
bool object_space_hold(struct object_space *space, word selector);
void object_space_let_go(struct cpu *cpu, struct object_space *space, word selector);

/*
 * First selector >= from and < end that names something; end if there is none. Spends up to the whole budget (a step is about 25 instructions); then the result is
 * how far it came.
 */
word object_space_next(const struct object_space *space, word from, word end, unsigned *budget);

/* Fills an empty slot, under tree and space lock. The slot is one name of the object. */
void slot_fill(struct object_space *space, struct mapping *slot, word selector, struct object *object, unsigned permissions,
               struct mapping *parent, uint8_t lock);

/* Empties the slot of a selector that is out of its tree, under the same locks. True = a table went, too: that costs some thousand instructions. */
bool slot_clear(struct cpu *cpu, struct mapping *slot);

/* Makes a slot that is out of its tree name another object, or nothing for the time being: its table stays. Under the same locks. */
void slot_change(struct cpu *cpu, struct mapping *slot, struct object *object, unsigned permissions);

/*
 * A new object's first capability. False = the place is taken (status NOVA_BAD_CAP) or the account exhausted; nothing changed.
 */
enum object_insert { OBJECT_INSERTED, OBJECT_OCCUPIED, OBJECT_NO_MEMORY };
enum object_insert object_space_insert(struct object_space *space, word selector, struct object *object, unsigned permissions);

/* Gives what is left of the tables back, at most max pages at a time; true = all. The space is empty and nobody looks anything up in it any more. */
bool object_space_fini(struct object_space *space, unsigned max);

#endif
