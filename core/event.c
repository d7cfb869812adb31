/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * An event is a call whose message is the EC's own state. Only the portal's MTD decides what the handler sees.
 */
#include "core/event.h"

#include "core/lib/log.h"

/* Bits that mean something for threads (abi.md section 4). */
static const word thread_mtd = NOVA_MTD_GPR_ACDB | NOVA_MTD_GPR_BSD | NOVA_MTD_SP | NOVA_MTD_IP | NOVA_MTD_FLAGS | NOVA_MTD_QUAL |
                               NOVA_MTD_GPR_R8_R15 | NOVA_MTD_FPU;

/* The handler is idle and on this CPU. */
static inline void event_enter(struct cpu *cpu, struct ec *ec, struct portal *portal)
{
    struct ec *handler = portal->ec;
    word mtd = portal->mtd;
    if (ec->kind == EC_VCPU) {
        cpu_set_add(ec->pd->cpus, cpu->number); /* its guest is about to run here, perhaps with another space than its own */
        vcpu_state_save(ec, &handler->utcb->state, mtd, ec->event);
    } else {
        mtd &= thread_mtd;
        frame_state_save(&ec->frame, &handler->utcb->state, mtd, ec->event_error, ec->event_address);
        handler->utcb->state.mtd = mtd;
    }
    handler->utcb->items = nova_items(event_words(mtd), 0);
    ec->todo = TODO_NONE;
    POKE(ec->in_event, true);
    ec->callee = handler;
    chain_enter(cpu, ec, portal);
}

void event_deliver(struct cpu *cpu, struct ec *ec)
{
    struct object *object = object_space_find(&ec->pd->spaces.objects, ec->event_base + ec->event, &portal_type, 0);
    struct portal *portal = object ? CONTAINER(object, struct portal, object) : 0;
    struct ec *handler = portal ? portal->ec : 0;
    if (__builtin_expect(handler && handler->cpu == cpu && !GLANCE(handler->involved), 1))
        event_enter(cpu, ec, portal);
    else if (!portal)
        ec_kill(cpu, ec, "no portal for it");
    else if (GLANCE(handler->dead))
        ec_kill(cpu, ec, "the portal's handler is dead");
    else if (handler->cpu != cpu)
        ec_kill(cpu, ec, "the portal's handler is on another CPU");
    else if (handler->busy)
        remote_help(cpu, ec, handler);
    else
        event_enter(cpu, ec, portal);
}
