/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Typed items of messages and of replies to events: which spaces and windows they go through.
 */
#include "core/message.h"

unsigned message_copy_items(struct ec *from, struct ec *to, struct ec *handler, unsigned typed)
{
    struct transfer transfer = {&from->pd->spaces, &to->pd->spaces, from->pd->root,  from->utcb,      to->utcb,
                                to->utcb->xlt,     to->utcb->del,   &handler->moved, &handler->cursor};
    return transfer_items(&transfer, typed);
}

/* What most replies to page faults have: one item, to be delegated. */
static inline bool plain_item(const struct ec *from, unsigned typed)
{
    const volatile struct nova_item *item = nova_item(from->utcb, 0);
    return typed == 1 && (item->control & (NOVA_ITEM_KIND | NOVA_ITEM_KERNEL)) == NOVA_ITEM_DELEGATE &&
           !transfer_begun(&from->moved);
}

unsigned message_copy_to_event(struct ec *from, struct ec *to)
{
    unsigned typed = items_typed(__atomic_load_n(&from->utcb->items, __ATOMIC_RELAXED));
    word window = nova_crd(NOVA_CRD_MEM, to->event_address >> PAGE_BITS, 31, NOVA_PERM_ALL);
    if (!typed)
        return NOVA_SUCCESS;
    if (__builtin_expect(plain_item(from, typed), 1)) {
        const volatile struct nova_item *item = nova_item(from->utcb, 0);
        unsigned budget = TRANSFER_BUDGET;
        word result;
        struct transfer_order order = {
            &from->pd->spaces, &to->pd->spaces, item->crd, item->control & ~(word)NOVA_ITEM_KERNEL, window, 0,
            &budget,           &from->cursor};
        unsigned status = space_delegate(&order, &result);
        from->moved.at = status == TRANSFER_AGAIN ? order.at : 0;
        return status;
    }
    struct transfer transfer = {&from->pd->spaces, &to->pd->spaces, from->pd->root, from->utcb, 0, 0, window,
                                &from->moved,      &from->cursor};
    return transfer_items(&transfer, typed);
}
