/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * An SC on the move (SC_MOVING) belongs to nobody but its inbox item; it is posted only after this CPU has stopped using it. The caller is woken by its own SC when that
 * comes home, or through its own inbox item: then it and its SC arrive in any order.
 */
#include "core/remote.h"

#include "core/schedule.h"

unsigned remote_call(struct cpu *cpu, struct ec *ec, struct portal *portal)
{
    if (!object_ref(&portal->object))
        return NOVA_BAD_CAP; /* it went between lookup and now */
    ec->remote_portal = &portal->object;
    ec->let_go = false;
    __atomic_store_n(&ec->remote_ec, portal->ec, __ATOMIC_RELEASE);
    ec_block(cpu, ec, WAIT_REMOTE);
    return OUTCOME_NONE;
}

/* Takes an SC off this CPU, wherever it is, and sends it to another one. False = it has died: schedule has dropped it. */
static bool sc_send(struct cpu *cpu, struct sc *sc, struct cpu *to)
{
    if (!schedule_remove(cpu, sc, SC_MOVING))
        return false;
    sc->visits = sc->carried != 0;
    POKE(sc->cpu, to);
    inbox_post(cpu, to, &sc->inbox);
    return true;
}

void remote_forget(struct cpu *cpu, struct sc *sc)
{
    list_remove(&sc->visit);
    if (!sc->carried)
        return;
    object_unref(cpu, &sc->carried->object);
    object_unref(cpu, &sc->start->object);
    POKE(sc->carried, 0);
    sc->start = sc->ec;
}

bool remote_follow(struct cpu *cpu, struct sc *sc, struct ec *caller)
{
    struct ec *callee = __atomic_load_n(&caller->remote_ec, __ATOMIC_ACQUIRE);
    if (!callee || !object_ref(&callee->object))
        return false;
    object_ref(&caller->object); /* it has its own one until it leaves the chain, which is on this CPU */
    remote_forget(cpu, sc);
    POKE(sc->carried, caller);
    sc->start = callee;
    sc_send(cpu, sc, callee->cpu);
    return true;
}

/*
 * User space may have built a circle of calls, in which a helper would go round for ever. It is in one when it comes again to the EC at which it was after 1, 2, 4, 8 ...
 * hops (Brent). That EC is compared and never looked into; if another one has its place, or the calls have changed, the helper only sleeps with it until it wakes.
 */
static bool circle_closed(struct sc *sc, const struct ec *at)
{
    if (sc->hop_mark == at)
        return true;
    sc->hops++;
    if (!(sc->hops & (sc->hops - 1)))
        sc->hop_mark = at;
    return false;
}

static void hops_begin(struct sc *sc)
{
    sc->hops = 0;
    sc->hop_mark = 0;
}

bool remote_help(struct cpu *cpu, struct ec *self, struct ec *busy)
{
    struct ec *end = ec_chain_end(cpu, busy, WALK_HELP);
    struct sc *sc = cpu->sc;
    if (!end)
        return false; /* it is looked at again after the window */
    if (end->blocked) {
        /* Not for one that is dead: it is about to leave the chain, which wakes who sleeps with it. */
        if (GLANCE(end->remote_ec) && !GLANCE(end->dead) && !circle_closed(sc, end) && remote_follow(cpu, sc, end))
            return false;
        hops_begin(sc);
        schedule_sleep(cpu);
        list_append(&end->sleepers, &sc->link);
        return false;
    }
    if (end != self) {
        cpu->helping = true;
        POKE(cpu->current, end);
    }
    return true;
}

/* Where its own EC is, it looks again what there is to run. False = it does not get there any more. */
static bool sc_go_home(struct cpu *cpu, struct sc *sc)
{
    remote_forget(cpu, sc);
    hops_begin(sc);
    if (sc->ec->cpu != cpu)
        return sc_send(cpu, sc, sc->ec->cpu);
    schedule_visits(cpu, sc, false);
    if (sc->state == SC_ASLEEP && schedule_remove(cpu, sc, SC_NEW))
        schedule_ready(cpu, sc);
    else
        cpu->pending |= PENDING_CHECK;
    return true;
}

/* The call that the visitor carries is over, or it is wanted back. */
static bool visit_over(const struct ec *ec, const struct ec *caller)
{
    return __atomic_load_n(&caller->remote_ec, __ATOMIC_ACQUIRE) != ec ||
           (ec->sweeping &&
            (__atomic_load_n(&caller->let_go, __ATOMIC_ACQUIRE) || __atomic_load_n(&caller->dead, __ATOMIC_RELAXED)));
}

/* What looking at a visitor costs, and sending it home; roughly. */
enum { LOOK_WORK = 30, HOME_WORK = 500 };

/* Visitors from the first one up to the mark go home or behind it; what is left when it is enough is left to the EC's inbox item. */
static void visitors_look(struct cpu *cpu, struct ec *ec)
{
    while (ec->visitors.next != &ec->swept) {
        struct sc *sc = CONTAINER(ec->visitors.next, struct sc, visit);
        bool over = visit_over(ec, sc->carried);
        if (over)
            sc_go_home(cpu, sc);
        else {
            list_remove(&sc->visit);
            list_append(&ec->visitors, &sc->visit);
        }
        if (!cpu_work(cpu, over ? HOME_WORK : LOOK_WORK)) {
            inbox_again(cpu, &ec->inbox);
            return;
        }
    }
    list_remove(&ec->swept);
    ec->sweeping = false;
}

/* All SCs go home whose visits to ec are over. */
static void visitors_go_home(struct cpu *cpu, struct ec *ec)
{
    if (list_empty(&ec->visitors))
        return;
    list_remove(&ec->swept);
    list_append(&ec->visitors, &ec->swept);
    visitors_look(cpu, ec);
}

/* The call is over: from now on no visit for it is good. Before the caller can be woken: it may begin the next one at once. */
static void remote_close(struct cpu *cpu, struct ec *caller)
{
    __atomic_store_n(&caller->remote_ec, 0, __ATOMIC_RELEASE);
    object_drop(cpu, &caller->remote_portal);
}

/* As a rule it has one visitor, the caller's own SC that has brought the call. */
static bool visitor_alone(const struct ec *ec, const struct ec *caller)
{
    const struct list *first = ec->visitors.next;
    const struct sc *sc = CONTAINER(first, const struct sc, visit);
    return first != &ec->visitors && first->next == &ec->visitors && first != &ec->swept && sc->carried == caller &&
           sc->ec == caller;
}

static void remote_over(struct cpu *cpu, struct ec *ec, struct ec *caller)
{
    remote_close(cpu, caller);
    if (__builtin_expect(visitor_alone(ec, caller), 1)) {
        /* It takes the word along (sc_arrive). */
        __atomic_store_n(&caller->woken, true, __ATOMIC_RELEASE);
        if (!sc_go_home(cpu, CONTAINER(ec->visitors.next, struct sc, visit)))
            inbox_post(cpu, caller->cpu, &caller->inbox);
        return;
    }
    ec_wake(cpu, caller);
    visitors_go_home(cpu, ec);
}

static void remote_end(struct cpu *cpu, struct ec *ec, struct ec *caller, enum nova_status status)
{
    if (caller->oom_reason)
        oom_end(caller, status != NOVA_SUCCESS);
    else
        caller->frame.arg[0] = status;
    remote_over(cpu, ec, caller);
}

/* The callee's OOM portal is called from the caller's own CPU. */
static void caller_short(struct cpu *cpu, struct ec *ec, struct ec *caller)
{
    caller->oom_callee = true;
    caller->todo = TODO_HYPERCALL;
    remote_over(cpu, ec, caller);
}

void remote_undo(struct cpu *cpu, struct ec *ec, struct ec *caller)
{
    caller_short(cpu, ec, caller);
    object_unref(cpu, &caller->object);
}

enum remote_visit remote_visit(struct cpu *cpu, struct sc *sc)
{
    struct ec *caller = sc->carried, *callee = sc->start;
    if (callee->caller == caller)
        return REMOTE_RUN;
    /* In this order: if the call is good, so is its portal, since only this CPU ends the call. A dying caller drops it, too. */
    bool good = __atomic_load_n(&caller->remote_ec, __ATOMIC_ACQUIRE) == callee && !GLANCE(caller->dead);
    struct object *object = __atomic_load_n(&caller->remote_portal, __ATOMIC_ACQUIRE);
    if (!good || !object)
        sc_go_home(cpu, sc);
    else if (GLANCE(callee->dead) || (callee->busy && !caller->oom_reason && caller->frame.arg[0] >> 4 & NOVA_CALL_NOBLOCK))
        remote_end(cpu, callee, caller, NOVA_COM_TIM);
    else if (callee->busy) {
        return remote_help(cpu, 0, callee) ? REMOTE_BUSY : REMOTE_LEFT;
    } else {
        unsigned status = caller->oom_reason ? NOVA_SUCCESS : message_copy(caller, callee, callee);
        if ((status == NOVA_SUCCESS || status == TRANSFER_AGAIN) && object_ref(&caller->object)) {
            chain_enter(cpu, caller, CONTAINER(object, struct portal, object));
            if (caller->oom_reason)
                oom_words(caller, callee);
            if (status == TRANSFER_AGAIN) {
                callee->todo = TODO_RECEIVE;
                cpu->pending |= PENDING_WINDOW;
            }
            return REMOTE_RUN;
        }
        if (status == NOVA_QUO_OOM)
            caller_short(cpu, callee, caller);
        else {
            transfer_end(&callee->moved, &callee->cursor);
            remote_end(cpu, callee, caller, status == TRANSFER_AGAIN ? NOVA_COM_ABT : status);
        }
    }
    return REMOTE_LEFT;
}

void remote_reply(struct cpu *cpu, struct ec *ec, struct ec *caller, enum nova_status status, struct semaphore *semaphore)
{
    if (semaphore && status == NOVA_SUCCESS && !caller->oom_reason) {
        caller->todo = TODO_HYPERCALL;
        remote_close(cpu, caller);
        switch (semaphore_wait(cpu, semaphore, caller, WAIT_CALL)) {
        case SEMAPHORE_QUEUED: break; /* it may be woken at any moment: hands off */
        case SEMAPHORE_TAKEN: ec_wake(cpu, caller); break;
        case SEMAPHORE_DEAD:
            caller->todo = TODO_NONE;
            caller->frame.arg[0] = NOVA_BAD_CAP;
            ec_wake(cpu, caller);
        }
        visitors_go_home(cpu, ec);
    } else
        remote_end(cpu, ec, caller, status);
    object_unref(cpu, &caller->object);
    cpu->pending |= PENDING_CHECK;
}

void remote_leave(struct cpu *cpu, struct ec *ec, struct ec *end)
{
    struct ec *caller = ec->caller;
    if (caller && caller->cpu != cpu) {
        ec->caller = 0;
        remote_end(cpu, ec, caller, NOVA_COM_ABT);
        object_unref(cpu, &caller->object);
    }
    struct ec *callee = __atomic_load_n(&end->remote_ec, __ATOMIC_ACQUIRE);
    if (end->blocked && callee) {
        __atomic_store_n(&end->let_go, true, __ATOMIC_RELEASE);
        __atomic_store_n(&callee->sweep, true, __ATOMIC_RELEASE);
        inbox_post(cpu, callee->cpu, &callee->inbox);
    }
}

void remote_look_after(struct cpu *cpu, struct ec *ec)
{
    struct ec *caller = ec->caller;
    if (__atomic_exchange_n(&ec->sweep, false, __ATOMIC_ACQ_REL)) {
        ec->sweeping = !list_empty(&ec->visitors);
        visitors_go_home(cpu, ec);
    } else if (!list_empty(&ec->swept))
        visitors_look(cpu, ec);
    if (caller && caller->cpu != cpu && GLANCE(caller->dead)) {
        ec->caller = 0;
        object_unref(cpu, &caller->object);
    }
}
