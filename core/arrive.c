/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the CPU of an EC or SC does with the word that others left in its inbox: wake-ups, new and moving SCs, deaths. All state changes of ECs and SCs that
 * begin on another CPU end here, on their own one.
 */
#include "core/arrive.h"

#include "core/schedule.h"

/* The dead EC leaves its call chain: the caller gets COM_ABT (or is killed, for an event, when it runs next), the callee has nobody to reply to. */
static void ec_leave_chain(struct cpu *cpu, struct ec *ec, struct ec *end)
{
    ec_stir(cpu, end);
    remote_leave(cpu, ec, end);
    cpu->walking = false;
    if (ec->caller) {
        struct ec *caller = ec->caller;
        caller->callee = 0;
        ec->caller = 0;
        if (caller->oom_reason)
            oom_end(caller, true);
        else if (caller->in_event)
            caller->event_lost = true;
        else
            caller->frame.arg[0] = NOVA_COM_ABT;
        POKE(caller->in_event, false);
    }
    if (ec->callee) {
        ec->callee->caller = 0;
        ec->callee = 0;
    }
    cpu->pending |= PENDING_CHECK;
}

/*
 * What a thread that has moved on left behind (migrate.h) is not needed any more; if the move is not complete, its successor stops, too, even if names are its own
 * already: it has no time yet, and never would.
 */
static void remains_drop(struct cpu *cpu, struct ec *ec)
{
    struct sc *sc = ec->successor_sc;
    if (sc) {
        ec_stop(cpu, ec->successor);
        object_unname(cpu, &ec->successor->object);
        object_unname(cpu, &sc->object);
        object_space_let_go(cpu, &ec->pd->spaces.objects, ec->successor_name);
    }
    ec->successor_sc = 0;
    object_unname(cpu, &ec->left_sc->object);
    object_unname(cpu, &ec->object);
}

bool ec_leave(struct cpu *cpu, struct ec *ec)
{
    if (ec->gone)
        return true;
    struct ec *end = ec_chain_end(cpu, ec, WALK_LEAVE);
    if (!end)
        return false;
    ec->gone = true;
    if (ec->kind == EC_VCPU)
        virtualization->stop(&ec->frame);
    timeout_cancel(cpu, &ec->timeout);
    ec_leave_chain(cpu, ec, end);
    if (cursor_parked(&ec->cursor))
        cursor_drop(&ec->cursor);
    if (ec->making)
        object_discard(cpu, &ec->making->object);
    if (ec->successor)
        remains_drop(cpu, ec);
    if (ec->notice)
        reclaim_retire(cpu, ec->notice);
    ec->notice = 0;
    if (ec->revoking)
        object_unref(cpu, &ec->revoking->object);
    ec->revoking = 0;
    /* Not later: a portal keeps its EC's memory, and two dead ECs that wait for each other would keep each other's. */
    object_drop(cpu, &ec->remote_portal);
    object_drop(cpu, &ec->oom_portal);
    object_unref(cpu, &ec->object);
    return true;
}

/* Another CPU may have asked to wake it. */
static void ec_hear(struct cpu *cpu, struct ec *ec)
{
    if (__atomic_exchange_n(&ec->woken, false, __ATOMIC_ACQ_REL))
        ec_unblock(cpu, ec);
}

void ec_arrive(struct cpu *cpu, struct inbox_item *item)
{
    struct ec *ec = CONTAINER(item, struct ec, inbox);
    ec_hear(cpu, ec);
    remote_look_after(cpu, ec);
    if (__atomic_load_n(&ec->dead, __ATOMIC_ACQUIRE) && !ec_leave(cpu, ec))
        inbox_again(cpu, item);
}

void sc_arrive(struct cpu *cpu, struct inbox_item *item)
{
    struct sc *sc = CONTAINER(item, struct sc, inbox);
    if (sc->cpu != cpu) {
        /* It has moved on since somebody left word for it here. */
        inbox_post(cpu, sc->cpu, item);
        return;
    }
    if (sc->state == SC_MOVING && sc->carried)
        list_append(&sc->start->visitors, &sc->visit);
    else if (sc->state == SC_MOVING)
        ec_hear(cpu, sc->ec);
    schedule_arrive(cpu, sc);
}

void arrive_settle(struct cpu *cpu)
{
    while (!list_empty(&cpu->dropped)) {
        struct sc *sc = CONTAINER(cpu->dropped.next, struct sc, link);
        list_remove(&sc->link);
        remote_forget(cpu, sc);
        object_unref(cpu, &sc->object);
    }
}
