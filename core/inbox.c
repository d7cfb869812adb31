/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Items are taken out one at a time: a delivered item may be posted again at once.
 */
#include "core/inbox.h"

void inbox_post(struct cpu *from, struct cpu *to, struct inbox_item *item)
{
    spin_lock(&to->inbox_lock);
    bool link = list_empty(&item->link) && object_ref(item->object);
    if (link)
        list_append(&to->inbox, &item->link);
    spin_unlock(&to->inbox_lock);
    if (!link)
        return;
    if (from == to)
        to->pending |= PENDING_INBOX;
    else
        cpu_post(to, PENDING_INBOX);
}

void inbox_deliver(struct cpu *cpu)
{
    for (;;) {
        struct inbox_item *item = 0;
        spin_lock(&cpu->inbox_lock);
        if (!list_empty(&cpu->inbox)) {
            item = CONTAINER(cpu->inbox.next, struct inbox_item, link);
            list_remove(&item->link);
        }
        spin_unlock(&cpu->inbox_lock);
        if (!item)
            return;
        struct object *object = item->object;
        item->deliver(cpu, item);
        object_unref(cpu, object);
    }
}
