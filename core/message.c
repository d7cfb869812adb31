/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Typed items of messages and of replies to events: which spaces and windows they go through.
 */
#include "core/message.h"

unsigned message_copy_items(struct ec *from, struct ec *to, struct ec *handler, unsigned typed)
{
    struct transfer transfer = {&from->pd->spaces, &to->pd->spaces, from->pd->root,  from->utcb,       to->utcb,
                                to->utcb->xlt,     to->utcb->del,   &handler->moved, &handler->cursor, handler->cpu};
    return transfer_items(&transfer, typed);
}

unsigned message_copy_to_event(struct ec *from, struct ec *to)
{
    unsigned typed = items_typed(__atomic_load_n(&from->utcb->items, __ATOMIC_RELAXED));
    word window = nova_crd(NOVA_CRD_MEM, to->event_address >> PAGE_BITS, 31, NOVA_PERM_ALL);
    if (!typed && !transfer_begun(&from->moved))
        return NOVA_SUCCESS;
    const volatile struct nova_item *item = nova_item(from->utcb, 0);
    word crd = item->crd, control = item->control, result;
    if (__builtin_expect(typed == 1 && !nova_crd_order(crd), 1) &&
        (control & (NOVA_ITEM_KIND | NOVA_ITEM_KERNEL)) == NOVA_ITEM_DELEGATE && !transfer_begun(&from->moved)) {
        /* What most replies to page faults have: one page, to be delegated. It goes through or not, as a whole. */
        unsigned budget = TRANSFER_BUDGET;
        struct transfer_order order; /* all of it is set one by one: cheaper than a loop that clears it */
        order.from = &from->pd->spaces;
        order.to = &to->pd->spaces;
        order.crd = crd;
        order.control = control;
        order.window = window;
        order.at = 0;
        order.budget = &budget;
        order.cursor = 0;
        order.attempt = 0;
        order.last = true;
        order.target = 0;
        return space_delegate(&order, &result);
    }
    struct transfer transfer = {&from->pd->spaces, &to->pd->spaces, from->pd->root, from->utcb, 0, 0, window,
                                &from->moved,      &from->cursor,   from->cpu};
    return transfer_items(&transfer, typed);
}
