/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Items are taken out one at a time: a delivered item may be posted again at once.
 */
#include "core/inbox.h"

static void post(struct cpu *from, struct cpu *to, struct inbox_item *item, bool first)
{
    /* Two CPUs may post the same item to different ones at once (an SC moves): one wins, and the item is looked at after both have left their word. */
    if (__atomic_exchange_n(&item->posted, 1, __ATOMIC_ACQ_REL))
        return;
    if (!object_ref(item->object))
        return;
    spin_lock(&to->inbox_lock);
    if (first)
        list_prepend(&to->inbox, &item->link);
    else
        list_append(&to->inbox, &item->link);
    spin_unlock(&to->inbox_lock);
    if (from == to)
        to->pending |= PENDING_INBOX;
    else
        cpu_post(to, PENDING_INBOX);
}

void inbox_post(struct cpu *from, struct cpu *to, struct inbox_item *item) { post(from, to, item, false); }

void inbox_again(struct cpu *cpu, struct inbox_item *item)
{
    post(cpu, cpu, item, true);
    cpu->pending |= PENDING_WINDOW;
}

/* What an item costs, roughly. */
enum { DELIVER_WORK = 500 };

void inbox_deliver(struct cpu *cpu)
{
    do {
        struct inbox_item *item = 0;
        spin_lock(&cpu->inbox_lock);
        if (!list_empty(&cpu->inbox)) {
            item = CONTAINER(cpu->inbox.next, struct inbox_item, link);
            list_remove(&item->link);
        }
        bool more = !list_empty(&cpu->inbox);
        spin_unlock(&cpu->inbox_lock);
        if (!item)
            return;
        struct object *object = item->object;
        __atomic_exchange_n(&item->posted, 0, __ATOMIC_ACQ_REL);
        item->deliver(cpu, item);
        object_unref(cpu, object);
        if (!more)
            return; /* who has posted something since then has said so */
    } while (cpu_work(cpu, DELIVER_WORK));
    cpu->pending |= PENDING_INBOX | PENDING_WINDOW;
}
