/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The handler gets three words: its portal's id, the id of ec's own OOM portal as far as that is its business, and the reason.
 */
#include "core/oom.h"

/* The id of ec's OOM portal for a handler that lives in this PD: 0 if it lives elsewhere, all ones if ec has none. */
static word oom_id(struct ec *ec, const struct pd *pd)
{
    struct object *object = __atomic_load_n(&ec->oom_portal, __ATOMIC_ACQUIRE);
    struct portal *portal = object ? CONTAINER(object, struct portal, object) : 0;
    return !portal ? ~(word)0 : portal->ec->pd == pd ? portal->id : 0;
}

bool oom_call(struct cpu *cpu, struct ec *ec, struct ec *receiver, enum oom_reason reason)
{
    struct object *object = __atomic_load_n(&receiver->oom_portal, __ATOMIC_ACQUIRE);
    struct portal *portal = object ? CONTAINER(object, struct portal, object) : 0;
    struct ec *handler = portal ? portal->ec : 0;
    bool failed = ec->oom_failed;
    ec->oom_failed = false;
    if (!portal || GLANCE(handler->dead) || failed || (handler == ec && reason != OOM_REPLY))
        return false;
    ec->oom_id = oom_id(ec, handler->pd);
    ec->oom_reason = (uint8_t)reason;
    if (handler == ec) {
        /* It answers itself: entered once more, still with the same caller; its next reply is this one again. */
        ec->oom_reason |= OOM_SELF;
        ec->frame.arg[0] = portal->id;
        ec->frame.ip = portal->ip;
        oom_words(ec, ec);
        ec->oom_reason = 0;
    } else if (handler->cpu != cpu) {
        if (remote_call(cpu, ec, portal) != OUTCOME_NONE) {
            ec->oom_reason = 0;
            return false;
        }
    } else if (handler->busy) {
        ec->oom_reason = 0;
        ec->todo = TODO_HYPERCALL;
        remote_help(cpu, ec, handler);
    } else {
        ec->callee = handler;
        chain_enter(cpu, ec, portal);
        oom_words(ec, handler);
    }
    return true;
}
