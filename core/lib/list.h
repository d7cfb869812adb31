/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Circular doubly linked lists with the links inside the members. An unlinked member points to itself, so that removing it twice is harmless.
 * The owner of the list head says which lock covers it.
 */
#ifndef CORE_LIB_LIST_H
#define CORE_LIB_LIST_H

#include "hal/types.h"

struct list {
    struct list *next, *prev;
};

#define CONTAINER(pointer, type, member) ((type *)((char *)(pointer)-offsetof(type, member)))

static inline void list_init(struct list *list) { list->next = list->prev = list; }

static inline bool list_empty(const struct list *list) { return list->next == list; }

static inline void list_insert_before(struct list *place, struct list *member)
{
    member->next = place;
    member->prev = place->prev;
    place->prev->next = member;
    place->prev = member;
}

/* At the tail / at the head of the list. */
static inline void list_append(struct list *list, struct list *member) { list_insert_before(list, member); }
static inline void list_prepend(struct list *list, struct list *member) { list_insert_before(list->next, member); }

/* For a member whose links are not looked at before it is in a list again. */
static inline void list_unlink(struct list *member)
{
    struct list *next = member->next, *prev = member->prev;
    prev->next = next;
    next->prev = prev;
}

static inline void list_remove(struct list *member)
{
    list_unlink(member);
    list_init(member);
}

/* All members of 'from' to the tail of 'to'. */
static inline void list_splice(struct list *to, struct list *from)
{
    if (list_empty(from))
        return;
    from->next->prev = to->prev;
    to->prev->next = from->next;
    from->prev->next = to;
    to->prev = from->prev;
    list_init(from);
}

#endif
