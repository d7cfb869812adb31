/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the CPU of an EC or SC does with the word that others left in its inbox: wake-ups, new and moving SCs, deaths. All state changes of ECs and SCs that
 * begin on another CPU end here, on their own one.
 */
#include "core/arrive.h"

#include "core/schedule.h"

/* The dead EC leaves its call chain: the caller gets COM_ABT (or is killed, for an event, when it runs next), the callee has nobody to reply to. */
static void ec_leave_chain(struct cpu *cpu, struct ec *ec)
{
    ec_stir(cpu, ec);
    remote_leave(cpu, ec);
    if (ec->caller) {
        struct ec *caller = ec->caller;
        caller->callee = 0;
        ec->caller = 0;
        if (caller->in_event)
            caller->event_lost = true;
        else
            caller->frame.arg[0] = NOVA_COM_ABT;
        caller->in_event = false;
    }
    if (ec->callee) {
        ec->callee->caller = 0;
        ec->callee = 0;
    }
    cpu->pending |= PENDING_CHECK;
}

/* Unblocked by another CPU; if by the reply to a call there, the call is over. */
static void ec_come_back(struct cpu *cpu, struct ec *ec)
{
    if (ec->remote_portal)
        object_unref(cpu, ec->remote_portal);
    ec->remote_portal = 0;
    ec_unblock(cpu, ec);
}

static void ec_arrive(struct cpu *cpu, struct inbox_item *item)
{
    struct ec *ec = CONTAINER(item, struct ec, inbox);
    if (__atomic_exchange_n(&ec->woken, false, __ATOMIC_ACQ_REL))
        ec_come_back(cpu, ec);
    remote_look_after(cpu, ec);
    if (!ec->dead || ec->gone)
        return;
    ec->gone = true;
    timeout_cancel(cpu, &ec->timeout);
    ec_leave_chain(cpu, ec);
    object_unref(cpu, &ec->object);
}

const inbox_handler ec_inbox_handler = ec_arrive;

static void sc_arrive(struct cpu *cpu, struct inbox_item *item)
{
    struct sc *sc = CONTAINER(item, struct sc, inbox);
    if (sc->cpu != cpu) {
        /* It has moved on since somebody left word for it here. */
        inbox_post(cpu, sc->cpu, item);
        return;
    }
    bool arrives = sc->state == SC_MOVING;
    struct ec *host = !arrives ? 0 : sc->entering ? sc->portal->ec : sc->carried ? sc->start : 0;
    if (host)
        list_append(&host->visitors, &sc->visit);
    schedule_arrive(cpu, sc);
    if (host)
        remote_look_after(cpu, host);
}

const inbox_handler sc_inbox_handler = sc_arrive;

/* A dead SC is in no queue any more: whoever called through it goes on without it. */
static void sc_leave(struct cpu *cpu, struct sc *sc)
{
    list_remove(&sc->visit);
    while (sc->carried) {
        struct ec *caller = sc->carried;
        sc->carried = caller->home_carried;
        caller->home_carried = 0;
        object_unref(cpu, &caller->object);
    }
    sc->entering = false;
}

void arrive_settle(struct cpu *cpu)
{
    while (!list_empty(&cpu->dropped)) {
        struct sc *sc = CONTAINER(cpu->dropped.next, struct sc, link);
        list_remove(&sc->link);
        sc_leave(cpu, sc);
        object_unref(cpu, &sc->object);
    }
}
