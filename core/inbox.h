/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Work for another CPU's own data: an item is linked into that CPU's inbox and delivered there, before it next leaves the kernel. An item is linked once at a
 * time; posting a linked one is harmless, so deliver looks at what there is to do. Lock: inbox_lock, innermost.
 */
#ifndef CORE_INBOX_H
#define CORE_INBOX_H

#include "core/object.h"

struct inbox_item;
typedef void (*inbox_handler)(struct cpu *cpu, struct inbox_item *item);

struct inbox_item {
    struct list link;
    uint8_t posted;        /* on its way: set by the one who posts, taken back before it is delivered */
    struct object *object; /* that it belongs to; a posted item holds a reference */
    inbox_handler deliver;
};

static inline void inbox_item_init(struct inbox_item *item, struct object *object, inbox_handler deliver)
{
    list_init(&item->link);
    item->posted = 0;
    item->object = object;
    item->deliver = deliver;
}

/* Posts an item to a CPU, also to the calling one itself. Nothing happens if its object is gone already. */
void inbox_post(struct cpu *from, struct cpu *to, struct inbox_item *item);

/* For deliver: there is more to do than one go may take; the item comes again, before all others, when interrupts have had a chance. */
void inbox_again(struct cpu *cpu, struct inbox_item *item);

/* Delivers what is there, some at a time: what is left stays PENDING_INBOX. */
void inbox_deliver(struct cpu *cpu);

#endif
