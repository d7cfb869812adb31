/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * An SC on the move (SC_MOVING) belongs to nobody but its inbox item; it is posted only after this CPU has stopped using it. The caller is woken through its own inbox
 * item, so that it goes on even if its SC has died on the way. Deaths: whoever dies on one CPU leaves word for the other by an inbox item.
 */
#include "core/remote.h"

#include "core/schedule.h"

/* Takes an SC off this CPU, wherever it is, and sends it to another one. */
static void sc_send(struct cpu *cpu, struct sc *sc, struct cpu *to)
{
    if (!schedule_remove(cpu, sc, SC_MOVING))
        return; /* it has died: schedule has dropped it */
    sc->helping = false;
    sc->cpu = to;
    inbox_post(cpu, to, &sc->inbox);
}

/* The SC goes back to where it left its caller; what it carried is over. */
static void sc_send_home(struct cpu *cpu, struct sc *sc)
{
    struct ec *caller = sc->carried;
    struct cpu *home = caller->cpu;
    list_remove(&sc->visit);
    sc->carried = caller->home_carried;
    sc->start = caller->home_start;
    sc->entering = caller->home_entering;
    if (sc->entering)
        sc->portal = CONTAINER(sc->carried->remote_portal, struct portal, object);
    caller->home_carried = 0;
    sc_send(cpu, sc, home);
    object_unref(cpu, &caller->object);
}

/* Ends the caller's wait with a status, and sends its SC home. */
static void remote_end(struct cpu *cpu, struct sc *sc, enum nova_status status)
{
    sc->carried->frame.arg[0] = status;
    ec_wake(cpu, sc->carried);
    sc_send_home(cpu, sc);
}

/* The SC that carries the call of this caller to ec; 0 = it has died or gone home before. */
static struct sc *visitor_of(struct ec *ec, const struct ec *caller)
{
    for (struct list *at = ec->visitors.next; at != &ec->visitors; at = at->next) {
        struct sc *sc = CONTAINER(at, struct sc, visit);
        if (sc->carried == caller)
            return sc;
    }
    return 0;
}

void remote_call(struct cpu *cpu, struct ec *ec, struct portal *portal)
{
    struct sc *sc = cpu->sc;
    if (!object_ref(&portal->object)) {
        ec->frame.arg[0] = NOVA_BAD_CAP; /* it went between lookup and now */
        return;
    }
    object_ref(&ec->object);
    ec->remote_portal = &portal->object;
    ec->remote_ec = portal->ec;
    ec->let_go = false;
    ec->home_start = sc->start;
    ec->home_carried = sc->carried;
    ec->home_entering = sc->entering;
    ec_block(cpu, ec, WAIT_REMOTE);
    list_remove(&sc->visit);
    sc->carried = ec;
    sc->entering = true;
    sc->portal = portal;
    sc_send(cpu, sc, portal->ec->cpu);
}

void remote_enter(struct cpu *cpu, struct sc *sc)
{
    struct ec *caller = sc->carried;
    struct portal *portal = sc->portal;
    struct ec *callee = portal->ec;
    if (caller->dead)
        sc_send_home(cpu, sc);
    else if (callee->dead)
        remote_end(cpu, sc, NOVA_COM_TIM);
    else if (callee->busy && caller->frame.arg[0] >> 4 & NOVA_CALL_NOBLOCK)
        remote_end(cpu, sc, NOVA_COM_TIM);
    else if (callee->busy)
        chain_help(cpu, 0, callee);
    else {
        enum nova_status status = message_copy(caller, callee);
        if (status != NOVA_SUCCESS) {
            remote_end(cpu, sc, status);
            return;
        }
        object_ref(&caller->object);
        sc->entering = false;
        sc->start = callee;
        chain_enter(cpu, caller, portal);
    }
}

void remote_reply(struct cpu *cpu, struct ec *ec, struct ec *caller, struct semaphore *semaphore)
{
    struct sc *sc = visitor_of(ec, caller);
    enum nova_status status = caller->dead ? NOVA_COM_ABT : message_copy(ec, caller);
    bool wake = true, repeat = semaphore && status == NOVA_SUCCESS;
    if (repeat) {
        caller->todo = TODO_HYPERCALL;
        enum semaphore_wait wait = semaphore_wait(cpu, semaphore, caller, WAIT_CALL);
        /* Once it is in the queue it may be woken at any moment: hands off. */
        wake = wait != SEMAPHORE_QUEUED;
        if (wait == SEMAPHORE_DEAD) {
            caller->todo = TODO_NONE;
            caller->frame.arg[0] = NOVA_BAD_CAP;
        }
    } else
        caller->frame.arg[0] = status;
    if (wake)
        ec_wake(cpu, caller);
    if (sc)
        sc_send_home(cpu, sc);
    object_unref(cpu, &caller->object);
    cpu->pending |= PENDING_CHECK;
}

/* The callee died: its caller hears of it. */
static void remote_abort(struct cpu *cpu, struct ec *ec)
{
    struct ec *caller = ec->caller;
    struct sc *sc = visitor_of(ec, caller);
    ec->caller = 0;
    if (sc)
        remote_end(cpu, sc, NOVA_COM_ABT);
    else {
        caller->frame.arg[0] = NOVA_COM_ABT;
        ec_wake(cpu, caller);
    }
    object_unref(cpu, &caller->object);
}

void remote_leave(struct cpu *cpu, struct ec *ec)
{
    if (ec->caller && ec->caller->cpu != cpu)
        remote_abort(cpu, ec);
    struct ec *end = ec_chain_end(ec);
    if (end->blocked && end->wait == WAIT_REMOTE) {
        end->let_go = true;
        inbox_post(cpu, end->remote_ec->cpu, &end->remote_ec->inbox);
    }
}

void remote_look_after(struct cpu *cpu, struct ec *ec)
{
    for (struct list *at = ec->visitors.next, *next; at != &ec->visitors; at = next) {
        struct sc *sc = CONTAINER(at, struct sc, visit);
        next = at->next;
        if (sc->carried->let_go || sc->carried->dead)
            sc_send_home(cpu, sc);
    }
    struct ec *caller = ec->caller;
    if (caller && caller->cpu != cpu && caller->dead) {
        ec->caller = 0;
        object_unref(cpu, &caller->object);
    }
}
