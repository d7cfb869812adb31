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
    unsigned status;
    if (transfer_page(&from->pd->spaces, &to->pd->spaces, from->utcb, typed, window, &from->moved, &status))
        return status;
    struct transfer transfer = {&from->pd->spaces, &to->pd->spaces, from->pd->root, from->utcb, 0, 0, window,
                                &from->moved,      &from->cursor,   from->cpu};
    return transfer_items(&transfer, typed);
}
