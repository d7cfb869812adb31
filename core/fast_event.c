/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Events of virtual CPUs and the replies to them in their common form: same CPU, idle handler, no typed items, nothing else to do. As in fast_path.c everything is
 * looked at before anything is changed; if one thing is not common, the general way does it all (event.c, ipc.c), with the same result. The handler's address space
 * stays active while the guest runs.
 */
#include "core/fast_event.h"
#include "core/lib/assert.h"
#include "core/portal.h"
#include "core/resume.h"

struct frame *kernel_vcpu_event(struct cpu *cpu, unsigned event, word address)
{
    struct ec *ec = cpu->current;
    struct object *object = object_space_find_inline(&ec->pd->spaces.objects, ec->event_base + event, &portal_type, 0);
    if (__builtin_expect(!object, 0))
        return 0;
    struct portal *portal = CONTAINER(object, struct portal, object);
    struct ec *handler = portal->ec;
    if (__builtin_expect(handler->cpu != cpu || GLANCE(handler->condition) || handler->frame.resume || GLANCE(ec->unfinished), 0))
        return 0;
    ec->event = event;
    ec->event_address = address;
    ec->callee = handler;
    POKE(ec->in_event, true);
    handler->caller = ec;
    POKE(handler->busy, true);
    handler->frame.arg[0] = GLANCE(portal->id);
    handler->frame.ip = portal->ip;
    POKE(cpu->current, handler);
    ec_resume(cpu, ec, handler, time_now());
    if (__builtin_expect(handler->pd != cpu->space, 0))
        space_enter_again(cpu, handler->pd, 0); /* it has run here before: fast_path.c */
    struct nova_utcb *utcb = handler->utcb;
    uint32_t mtd = portal->mtd;
    handler->frame.words = mtd;
    utcb->items = nova_items(event_words(mtd), 0);
    utcb->state.mtd = mtd;
    utcb->state.exit_reason = event;
    return virtualization->deliver(&ec->frame, &handler->frame, &utcb->state);
}

/* Waits for the reply to an event, and nothing else is to be done with it. */
static inline bool waits_plainly(const struct ec *ec)
{
    return sizeof(word) == sizeof ec->condition ? GLANCE(ec->condition) == EC_IN_EVENT
                                                : GLANCE(ec->involved) == EC_IN_EVENT && !GLANCE(ec->unfinished);
}

struct frame *fast_event_reply(struct cpu *cpu)
{
    struct ec *ec = cpu->current, *caller = ec->caller;
    if (__builtin_expect(!waits_plainly(caller) || cpu->helping, 0))
        return frame_marked(0);
    struct nova_utcb *utcb = ec->utcb;
    if (__builtin_expect(items_typed(__atomic_load_n(&utcb->items, __ATOMIC_RELAXED)), 0))
        return frame_marked(0);
    /* Its clock has to be set back. */
    if (__builtin_expect(cpu->sc->waited && cpu->sc->ec == caller, 0))
        return frame_marked(0);
    ASSERT(caller->cpu == cpu);
    ec->caller = 0;
    POKE(ec->busy, false);
    caller->callee = 0;
    POKE(caller->in_event, false);
    POKE(cpu->current, caller);
    ec_resume(cpu, ec, caller, time_now());
    return virtualization->take(&caller->frame, &ec->frame, &utcb->state);
}
