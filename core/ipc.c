/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The message is copied before the callee is entered, so that a call that fails has changed nothing in the chain.
 */
#include "core/ipc.h"

#include "core/arrive.h"
#include "core/lib/log.h"
#include "core/oom.h"
#include "core/schedule.h"

/* The handler has its caller, and moves the items between windows before it runs. */
static void receive_later(struct cpu *cpu, struct ec *handler)
{
    handler->todo = TODO_RECEIVE;
    cpu->pending |= PENDING_WINDOW;
}

unsigned ipc_call(struct cpu *cpu, struct ec *ec, struct portal *portal, bool no_block)
{
    struct ec *callee = portal->ec;
    if (__builtin_expect(ec->oom_callee, 0)) {
        ec->oom_callee = false;
        return oom_call(cpu, ec, callee, OOM_CALL) ? OUTCOME_NONE : NOVA_QUO_OOM;
    }
    if (__builtin_expect(callee->cpu != cpu, 0)) {
        /* Looked at from here first: going there means waiting behind whoever is busy. */
        if (no_block && (__atomic_load_n(&callee->busy, __ATOMIC_RELAXED) || GLANCE(callee->dead)))
            return NOVA_COM_TIM;
        return remote_call(cpu, ec, portal);
    }
    if (GLANCE(callee->dead))
        return NOVA_COM_TIM;
    if (callee->busy) {
        if (no_block)
            return NOVA_COM_TIM;
        ec->todo = TODO_HYPERCALL;
        remote_help(cpu, ec, callee);
        return OUTCOME_NONE;
    }
    unsigned status = message_copy(ec, callee, callee);
    if (__builtin_expect(status == NOVA_QUO_OOM, 0))
        return oom_call(cpu, ec, callee, OOM_CALL) ? OUTCOME_NONE : NOVA_QUO_OOM;
    ec->callee = callee;
    chain_enter(cpu, ec, portal);
    if (__builtin_expect(status == TRANSFER_AGAIN, 0))
        receive_later(cpu, callee);
    return OUTCOME_NONE;
}

void ipc_receive(struct cpu *cpu, struct ec *ec)
{
    struct ec *caller = ec->caller;
    unsigned status = caller ? message_copy(caller, ec, ec) : NOVA_COM_ABT;
    if (status == TRANSFER_AGAIN)
        receive_later(cpu, ec);
    if (status == TRANSFER_AGAIN || status == NOVA_SUCCESS)
        return;
    /* The call has not taken place. */
    transfer_end(&ec->moved, &ec->cursor);
    ec->caller = 0;
    POKE(ec->busy, false);
    cpu->pending |= PENDING_CHECK;
    if (!caller)
        return;
    if (caller->cpu != cpu) {
        remote_undo(cpu, ec, caller);
        return;
    }
    caller->callee = 0;
    caller->oom_callee = true;
    caller->todo = TODO_HYPERCALL;
    POKE(cpu->current, caller);
}

/* The state last: it is taken over once, however often the items have to be repeated. */
static unsigned event_reply(struct ec *ec, struct ec *caller)
{
    unsigned status = message_copy_to_event(ec, caller);
    if (status != NOVA_SUCCESS)
        return status;
    word mtd = __atomic_load_n(&ec->utcb->state.mtd, __ATOMIC_RELAXED);
    if (__builtin_expect(caller->kind == EC_VCPU, 0))
        virtualization->load(&caller->frame, &ec->utcb->state, mtd);
    else
        frame_state_load(&caller->frame, &ec->utcb->state, mtd);
    return NOVA_SUCCESS;
}

/* What the reply to a call brings. */
static unsigned call_reply(struct ec *ec, struct ec *caller)
{
    return GLANCE(caller->dead) ? NOVA_COM_ABT : message_copy(ec, caller, ec);
}

/* The caller of this CPU goes on, or sleeps on the semaphore first. */
static void caller_resume(struct cpu *cpu, struct ec *caller, enum nova_status status, struct semaphore *semaphore)
{
    bool event = caller->in_event;
    caller->callee = 0;
    cpu->walking = false;
    POKE(caller->in_event, false);
    POKE(cpu->current, caller);
    if (GLANCE(caller->dead))
        cpu->pending |= PENDING_CHECK; /* it does not come back from this call */
    if (__builtin_expect(caller->successor != 0, 0)) {
        /* It has moved on, and must not run here again. */
        ec_stop(cpu, caller);
        cpu->pending |= PENDING_CHECK;
        return;
    }
    if (caller->oom_reason) {
        oom_end(caller, false);
        return;
    }
    if (status != NOVA_SUCCESS && event) {
        ec_kill(cpu, caller, "no kernel memory left in its PD for what the reply maps");
        return;
    }
    if (semaphore && status == NOVA_SUCCESS) {
        if (!event)
            caller->todo = TODO_HYPERCALL;
        if (semaphore_wait(cpu, semaphore, caller, event ? WAIT_EVENT : WAIT_CALL) != SEMAPHORE_DEAD || event)
            return;
        caller->todo = TODO_NONE;
        status = NOVA_BAD_CAP;
    }
    if (!event)
        caller->frame.arg[0] = status;
}

void ipc_reply(struct cpu *cpu, struct ec *ec, struct semaphore *semaphore)
{
    if (ec->kind != EC_LOCAL) {
        ec_block(cpu, ec, WAIT_EVER);
        return;
    }
    struct ec *caller = ec->caller;
    unsigned status = NOVA_SUCCESS;
    if (caller && !caller->oom_reason && !caller->successor) /* otherwise it brings nothing */
        status = caller->in_event ? event_reply(ec, caller) : call_reply(ec, caller);
    if (caller && (GLANCE(caller->involved) & ~(uint32_t)EC_BUSY) == EC_IN_EVENT && status == NOVA_SUCCESS && !caller->successor &&
        !semaphore && !cpu->helping && !transfer_begun(&ec->moved)) {
        /* All that the rest comes to for most events. */
        ec->caller = 0;
        POKE(ec->busy, false);
        caller->callee = 0;
        cpu->walking = false;
        POKE(caller->in_event, false);
        POKE(cpu->current, caller);
        return;
    }
    if (__builtin_expect(status == TRANSFER_AGAIN, 0)) {
        hypercall_again(cpu, ec);
        return;
    }
    if (__builtin_expect(transfer_begun(&ec->moved), 0))
        transfer_end(&ec->moved, &ec->cursor); /* the caller has died meanwhile */
    if (__builtin_expect(status == NOVA_QUO_OOM, 0) && oom_call(cpu, ec, caller, OOM_REPLY))
        return;
    ec->caller = 0;
    POKE(ec->busy, false);
    if (!caller || cpu->helping)
        cpu->pending |= PENDING_CHECK;
    if (!caller)
        return;
    if (__builtin_expect(caller->cpu != cpu, 0))
        remote_reply(cpu, ec, caller, status, semaphore);
    else
        caller_resume(cpu, caller, status, semaphore);
}

/* One look at the SC that has the CPU; false = it has nothing to run here, and another one is to be looked at. */
static bool resolve_once(struct cpu *cpu)
{
    cpu->pending &= ~(uint32_t)PENDING_CHECK;
    if (cpu->pending & PENDING_SCHEDULE) {
        cpu->pending &= ~(uint32_t)PENDING_SCHEDULE;
        schedule_pick(cpu);
    }
    struct sc *sc = cpu->sc;
    cpu->helping = false;
    if (sc->carried) {
        enum remote_visit visit = remote_visit(cpu, sc);
        if (visit != REMOTE_RUN)
            return visit == REMOTE_BUSY;
    }
    struct ec *start = sc->start, *end = ec_chain_end(cpu, start, WALK_RESOLVE);
    if (!end)
        return false;
    if (end != start && __atomic_load_n(&end->dead, __ATOMIC_ACQUIRE)) {
        /* Not when its inbox item comes: until then the SC might follow a call of a caller that is no more, there and back again. */
        ec_leave(cpu, end);
        return false;
    }
    bool dead = __atomic_load_n(&start->dead, __ATOMIC_RELAXED);
    if (!dead && !end->blocked) {
        POKE(cpu->current, end);
        return true;
    }
    if (!dead && GLANCE(end->remote_ec) && remote_follow(cpu, sc, end))
        return false;
    /* Nothing to run: sleep with the end of the chain; with a dead EC, for good. */
    schedule_sleep(cpu);
    if (dead)
        list_init(&sc->link);
    else
        list_append(&end->sleepers, &sc->link);
    return false;
}

/* What a look at an SC that cannot run costs, roughly. */
enum { RESOLVE_WORK = 700 };

void ipc_resolve(struct cpu *cpu)
{
    while (!resolve_once(cpu))
        if (!cpu_work(cpu, RESOLVE_WORK)) {
            cpu->pending |= PENDING_CHECK | PENDING_WINDOW;
            return;
        }
}

void ec_kill(struct cpu *cpu, struct ec *ec, const char *why)
{
    if (GLANCE(ec->dead))
        return;
    /* Not for a whole PD that is going, from its last name on; and not for what a thread leaves behind that has moved. */
    if (__atomic_load_n(&ec->pd->object.caps, __ATOMIC_RELAXED) && (!ec->successor || ec->successor_sc))
        log_line("%s killed: event %u at ip 0x%lx, error 0x%lx, address 0x%lx: %s", ec->kind == EC_VCPU ? "virtual CPU" : "thread",
                 ec->event, (unsigned long)ec->frame.ip, (unsigned long)ec->event_error, (unsigned long)ec->event_address, why);
    ec_stop(cpu, ec);
}
