/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Looking into an object space from outside, for tests.
 */
#ifndef TESTS_OBJECT_TABLES_H
#define TESTS_OBJECT_TABLES_H

#include "core/object_space.h"

/* First selector >= from and < end whose table exists; end if there is none. */
static inline word object_tables_next(const struct object_space *space, word from, word end)
{
    while (from < end) {
        word page = space->root;
        unsigned height = page & HEIGHT_MASK;
        if (!page || from >> (SLOT_BITS + height * TABLE_BITS))
            return end;
        while (height && (page = *table_entry(page, from, height)))
            height--;
        if (!height)
            return from;
        word step = (word)1 << (SLOT_BITS + (height - 1) * TABLE_BITS);
        from = (from & ~(step - 1)) + step;
    }
    return end;
}

/* Each table of slots counts those that are used, in the 'type' of its first one. */
static inline bool object_tables_counted(const struct object_space *space)
{
    const word end = (word)1 << SELECTOR_BITS, slots = (word)1 << SLOT_BITS;
    for (word at = 0; (at = object_tables_next(space, at, end)) < end; at += slots) {
        const struct mapping *slot = object_space_slot(space, at & ~(slots - 1));
        unsigned used = 0;
        for (word i = 0; i < slots; i++)
            used += slot[i].value != 0;
        if (used != slot->type)
            return false;
        at &= ~(slots - 1);
    }
    return true;
}

#endif
