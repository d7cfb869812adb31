/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The message is copied before the callee is entered, so that a call that fails has changed nothing in the chain. UTCB words are copied one by one: both sides may
 * change their own UTCB meanwhile, which harms nobody but themselves.
 */
#include "core/ipc.h"

#include "core/lib/log.h"
#include "core/schedule.h"
#include "core/transfer.h"

static void words_copy(const struct nova_utcb *from, struct nova_utcb *to, unsigned count)
{
    const word *source = from->mr;
    word *target = to->mr;
    for (; count >= 4; count -= 4, source += 4, target += 4) {
        word a = source[0], b = source[1], c = source[2], d = source[3];
        target[0] = a;
        target[1] = b;
        target[2] = c;
        target[3] = d;
    }
    for (; count; count--)
        *target++ = *source++;
}

/* Words and items from one EC to another. NOVA_QUO_OOM: the receiver's account is exhausted. */
static enum nova_status message_copy(struct ec *from, struct ec *to)
{
    word items = __atomic_load_n(&from->utcb->items, __ATOMIC_RELAXED);
    unsigned untyped = items_untyped(items), typed = items_typed(items);
    words_copy(from->utcb, to->utcb, untyped);
    if (__builtin_expect(typed, 0)) {
        struct transfer transfer = {&from->pd->spaces, &to->pd->spaces, from->pd->root, from->utcb,
                                    to->utcb,          to->utcb->xlt,   to->utcb->del};
        enum nova_status status = transfer_items(&transfer, typed);
        if (status != NOVA_SUCCESS)
            return status;
    }
    to->utcb->items = nova_items(untyped, typed);
    return NOVA_SUCCESS;
}

unsigned ipc_call(struct cpu *cpu, struct ec *ec, struct portal *portal, bool no_block)
{
    struct ec *callee = portal->ec;
    if (callee->cpu != cpu)
        return NOVA_BAD_CPU;
    if (callee->dead)
        return NOVA_COM_TIM;
    if (callee->busy) {
        if (no_block)
            return NOVA_COM_TIM;
        ec->todo = TODO_HYPERCALL;
        ipc_help(cpu, ec, callee);
        return OUTCOME_NONE;
    }
    enum nova_status status = message_copy(ec, callee);
    if (status != NOVA_SUCCESS)
        return status;
    ipc_enter(cpu, ec, portal);
    return OUTCOME_NONE;
}

void ipc_help(struct cpu *cpu, struct ec *ec, struct ec *busy)
{
    struct ec *end = ec_chain_end(busy);
    if (end->blocked) {
        schedule_sleep(cpu);
        list_append(&end->sleepers, &cpu->sc->link);
    } else if (end != ec && !end->gone) {
        cpu->sc->helping = true;
        cpu->current = end;
    }
}

/* The reply to an event: state, and memory at the fault address. */
static enum nova_status event_reply(struct ec *ec, struct ec *caller)
{
    word items = __atomic_load_n(&ec->utcb->items, __ATOMIC_RELAXED);
    word mtd = __atomic_load_n(&ec->utcb->state.mtd, __ATOMIC_RELAXED);
    unsigned typed = items_typed(items);
    frame_state_load(&caller->frame, &ec->utcb->state, mtd);
    if (!typed)
        return NOVA_SUCCESS;
    word window = nova_crd(NOVA_CRD_MEM, 0, 31, NOVA_PERM_ALL);
    struct transfer transfer = {&ec->pd->spaces, &caller->pd->spaces, ec->pd->root, ec->utcb, 0, 0, window};
    return transfer_items(&transfer, typed);
}

void ipc_reply(struct cpu *cpu, struct ec *ec, struct semaphore *semaphore)
{
    if (ec->kind != EC_LOCAL) {
        ec_block(cpu, ec, WAIT_EVER);
        return;
    }
    struct ec *caller = ec->caller;
    ec->caller = 0;
    ec->busy = false;
    if (!caller || cpu->sc->helping)
        cpu->pending |= PENDING_CHECK;
    if (!caller)
        return;
    bool event = caller->in_event;
    caller->callee = 0;
    caller->in_event = false;
    cpu->current = caller;
    enum nova_status status = event ? event_reply(ec, caller) : message_copy(ec, caller);
    if (status != NOVA_SUCCESS && event) {
        ec_kill(cpu, caller, "no kernel memory left in its PD for what the reply maps");
        return;
    }
    if (semaphore && status == NOVA_SUCCESS) {
        if (!event)
            caller->todo = TODO_HYPERCALL;
        if (semaphore_wait(cpu, semaphore, caller, event ? WAIT_EVENT : WAIT_CALL) || event)
            return;
        caller->todo = TODO_NONE;
        status = NOVA_BAD_CAP;
    }
    if (!event)
        caller->frame.arg[0] = status;
}

void ipc_resolve(struct cpu *cpu)
{
    for (;;) {
        if (cpu->pending & PENDING_SCHEDULE) {
            cpu->pending &= ~(uint32_t)PENDING_SCHEDULE;
            schedule_pick(cpu);
        }
        struct sc *sc = cpu->sc;
        struct ec *end = ec_chain_end(sc->ec);
        sc->helping = false;
        if (!sc->ec->dead && !end->blocked) {
            cpu->current = end;
            return;
        }
        /* Nothing to run: sleep with the end of the chain; with a dead EC, for good. */
        schedule_sleep(cpu);
        if (!sc->ec->dead)
            list_append(&end->sleepers, &sc->link);
    }
}

void ec_kill(struct cpu *cpu, struct ec *ec, const char *why)
{
    if (ec->dead)
        return;
    if (!ec->pd->dying)
        log_line("thread killed: event %u at ip 0x%lx, error 0x%lx, address 0x%lx: %s", ec->event, (unsigned long)ec->frame.ip,
                 (unsigned long)ec->event_error, (unsigned long)ec->event_address, why);
    ec_stop(cpu, ec);
}
