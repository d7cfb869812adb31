/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Call and reply in their common form, written out: same CPU, idle callee, no typed items, nothing pending. Everything is looked at before anything is changed; if
 * one thing is not common, false is returned and hypercall_execute does it all, with the same result. Included by kernel.c alone.
 */
#ifndef CORE_FAST_PATH_H
#define CORE_FAST_PATH_H

#include "core/ipc.h"

/* Words of a message without typed items; false = it has some, or too many words. */
static inline bool fast_message(const struct ec *from, struct ec *to)
{
    word items = __atomic_load_n(&from->utcb->items, __ATOMIC_RELAXED);
    if (__builtin_expect(items > NOVA_UTCB_WORDS, 0))
        return false;
    if (items)
        words_copy(from->utcb, to->utcb, (unsigned)items);
    to->utcb->items = items;
    return true;
}

/* ARG_1 = call without flags. */
static inline bool fast_call(struct cpu *cpu, struct ec *ec)
{
    struct capability cap = object_space_lookup(&ec->pd->spaces.objects, ec->frame.arg[0] >> 8);
    if (__builtin_expect(!cap.object || !object_is(cap.object, &portal_type) || !(cap.permissions & NOVA_PT_CALL_PERM), 0))
        return false;
    struct portal *portal = CONTAINER(cap.object, struct portal, object);
    struct ec *callee = portal->ec;
    if (__builtin_expect(callee->cpu != cpu || callee->condition || !fast_message(ec, callee), 0))
        return false;
    ec->callee = callee;
    chain_enter(cpu, ec, portal);
    return true;
}

/* ARG_1 = reply without flags or semaphore. */
static inline bool fast_reply(struct cpu *cpu, struct ec *ec)
{
    struct ec *caller = ec->caller;
    if (__builtin_expect(!caller || caller->cpu != cpu || caller->condition & ~(uint32_t)CONDITION_BUSY || cpu->sc->helping, 0))
        return false;
    if (!fast_message(ec, caller))
        return false;
    ec->caller = 0;
    ec->busy = false;
    caller->callee = 0;
    caller->frame.arg[0] = NOVA_SUCCESS;
    cpu->current = caller;
    return true;
}

#endif
