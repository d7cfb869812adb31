/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kernel as a function: entries from the port, and the one way out. On the way out everything that waits for this CPU is attended to, the current EC does what
 * it still has to do, and its address space and registers are made ready. Interrupts are off throughout; when an EC keeps the kernel busy, the port opens a window.
 */
#include "core/arrive.h"
#include "core/event.h"
#include "core/hypercall.h"
#include "core/resume.h"
#include "core/run_queue.h"
#include "core/schedule.h"
#include "core/shootdown.h"

/* What a step of an EC's unfinished work costs, roughly, beside what it counts itself. */
enum { PROCEED_WORK = 500 };

/* What other CPUs and this one left to do, and whoever waits for it. */
static __attribute__((noinline)) void attend_others(struct cpu *cpu)
{
    if (cpu->pending & PENDING_FLUSH)
        shootdown_serve(cpu);
    if (cpu->pending & PENDING_SETTLE && object_settle(cpu))
        cpu->pending &= ~(uint32_t)PENDING_SETTLE;
    if (cpu->pending & PENDING_INBOX) {
        cpu->pending &= ~(uint32_t)PENDING_INBOX;
        inbox_deliver(cpu);
    }
    if (cpu->pending & PENDING_STIRRED)
        schedule_stirred(cpu);
}

/* Everything but reclaim: that comes last. False = interrupts have to get in before the rest. */
static bool attend(struct cpu *cpu)
{
    cpu->pending |= __atomic_exchange_n(&cpu->posted, 0, __ATOMIC_SEQ_CST);
    if (cpu->pending & (PENDING_FLUSH | PENDING_SETTLE | PENDING_INBOX | PENDING_STIRRED))
        attend_others(cpu);
    if (cpu->pending & (PENDING_SCHEDULE | PENDING_CHECK))
        ipc_resolve(cpu);
    if (!list_empty(&cpu->dropped))
        arrive_settle(cpu);
    bool window = cpu->pending & (PENDING_SETTLE | PENDING_WINDOW);
    cpu->pending &= ~(uint32_t)(PENDING_FLUSH | PENDING_WINDOW);
    return !window;
}

/* One step of what the EC has to do before it can run user code. */
static void proceed(struct cpu *cpu, struct ec *ec)
{
    if (ec->event_lost)
        ec_kill(cpu, ec, "the portal's handler died before it replied");
    else if (ec->todo == TODO_HYPERCALL) {
        ec->todo = TODO_NONE;
        hypercall_execute(cpu, ec);
    } else if (ec->todo == TODO_RECEIVE) {
        ec->todo = TODO_NONE;
        ipc_receive(cpu, ec);
    } else if (ec->todo == TODO_EVENT)
        event_deliver(cpu, ec);
    else {
        POKE(ec->recall, false);
        event_raise(ec, ec->kind == EC_VCPU ? NOVA_VM_RECALL : NOVA_EVENT_RECALL, 0, 0);
    }
}

/*
 * What the idle SC is charged for is the idle EC's time and nobody else's: also while the kernel found out that there is nothing to run, or that there is
 * something again.
 */
static __attribute__((noinline)) void resume_about_idle(struct cpu *cpu, struct ec *from, struct ec *to)
{
    struct ec *idle_ec = cpu->idle_ec;
    uint64_t now = time_now(), idle = cpu->idle_sc->time;
    if (cpu->sc == cpu->idle_sc)
        idle += now;
    ec_resume(cpu, from, to, now);
    if (from == idle_ec) {
        POKE(to->time, to->time + (from->time - idle));
        POKE(from->time, idle);
    } else {
        POKE(from->time, from->time - (idle - cpu->idle_seen));
        POKE(idle_ec->time, idle_ec->time + (idle - cpu->idle_seen));
    }
    cpu->idle_seen = idle;
}

/* The idle EC and guests need no space of their own: the last one stays until somebody else comes, or until it dies. */
static inline bool ec_without_space(const struct ec *ec) { return ec->kind == EC_IDLE || ec->kind == EC_VCPU; }

/* Another EC's frame is resumed: time is charged, registers and address space follow. */
static inline struct frame *switch_to(struct cpu *cpu, struct ec *ec)
{
    struct ec *from = cpu->resumed;
    if (__builtin_expect(from->kind == EC_IDLE || ec->kind == EC_IDLE || cpu->idle_sc->time != cpu->idle_seen, 0))
        resume_about_idle(cpu, from, ec);
    else
        ec_resume(cpu, from, ec, time_now());
    if (from->kind == EC_VCPU && ec->caller == from)
        frame_lend(&from->frame, &ec->frame);
    else if (__builtin_expect(from->frame.fpu_used | ec->frame.fpu_used, 0))
        frame_switch(&from->frame, &ec->frame);
    if (ec->kind == EC_VCPU && cpu->sc->ec == ec) {
        virtualization->pause(&ec->frame, cpu->sc->waited);
        cpu->sc->waited = 0;
    }
    if (ec->pd != cpu->space && !ec_without_space(ec))
        space_enter(cpu, ec->pd);
    return &ec->frame;
}

/* Until nothing is pending and the current EC can run user code; 0 = interrupts first. */
static __attribute__((noinline)) struct frame *leave_slowly(struct cpu *cpu)
{
    for (;;) {
        if ((cpu->pending & ~(uint32_t)PENDING_RECLAIM) | __atomic_load_n(&cpu->posted, __ATOMIC_RELAXED)) {
            if (!attend(cpu))
                break;
            continue;
        }
        struct ec *ec = cpu->current;
        if (GLANCE(ec->unfinished)) {
            if (!cpu_work(cpu, PROCEED_WORK))
                break;
            proceed(cpu, ec);
            continue;
        }
        if (ec != cpu->resumed)
            switch_to(cpu, ec);
        if (!cpu->pending) {
            cpu->work = 0;
            cpu->walking = false;
            return &ec->frame;
        }
        /* Nothing of this entry is needed any more. What is freed may belong to a PD whose space is still loaded. */
        if (__atomic_load_n(&cpu->space->dying, __ATOMIC_RELAXED) && ec_without_space(ec))
            space_enter(cpu, ec->pd);
        cpu->pending = 0;
        reclaim_poll(cpu);
    }
    cpu->work = 0;
    return 0;
}

static inline struct frame *kernel_leave(struct cpu *cpu)
{
    struct ec *ec = cpu->current;
    if (__builtin_expect(cpu->pending | __atomic_load_n(&cpu->posted, __ATOMIC_RELAXED) | GLANCE(ec->unfinished), 0))
        return leave_slowly(cpu);
    return ec == cpu->resumed ? &ec->frame : switch_to(cpu, ec);
}

static inline struct frame *any_hypercall(struct cpu *cpu, struct ec *ec)
{
    word *arg = ec->frame.arg;
    if (arg[0] == NOVA_REPLY) {
        /* Mostly to an event: kernel_reply has done the others. */
        ipc_reply(cpu, ec, 0);
        return kernel_leave(cpu);
    }
    unsigned outcome = hypercall_handlers[arg[0] & (NOVA_HYPERCALLS - 1)](cpu, ec, arg);
    if (__builtin_expect(outcome < NOVA_QUO_OOM, 1))
        arg[0] = outcome;
    else
        hypercall_finish(cpu, ec, outcome);
    return kernel_leave(cpu);
}

struct frame *kernel_hypercall(struct cpu *cpu) { return any_hypercall(cpu, cpu->current); }

/* The event of the current EC that was just raised. */
static inline struct frame *event_now(struct cpu *cpu, struct ec *ec)
{
    if (__builtin_expect(cpu->pending | __atomic_load_n(&cpu->posted, __ATOMIC_RELAXED) | (GLANCE(ec->unfinished) ^ TODO_EVENT), 0))
        return leave_slowly(cpu);
    event_deliver(cpu, ec);
    return kernel_leave(cpu);
}

struct frame *kernel_exception(struct cpu *cpu, unsigned vector, word error, word address)
{
    struct ec *ec = cpu->current;
    event_raise(ec, vector, error, address);
    return event_now(cpu, ec);
}

struct frame *kernel_vcpu_exit(struct cpu *cpu, unsigned event, uint64_t address)
{
    struct ec *ec = cpu->current;
    event_raise(ec, event, 0, (word)address);
    return event_now(cpu, ec);
}

struct frame *kernel_timer(struct cpu *cpu)
{
    cpu->timer_deadline = ~(uint64_t)0;
    timeout_expire(cpu);
    cpu->pending |= PENDING_SCHEDULE;
    return kernel_leave(cpu);
}

struct frame *kernel_signal(struct cpu *cpu) { return kernel_leave(cpu); }

struct frame *kernel_gsi(struct cpu *cpu, unsigned gsi)
{
    interrupt_raise(cpu, gsi);
    return kernel_leave(cpu);
}

struct frame *kernel_continue(struct cpu *cpu) { return kernel_leave(cpu); }

struct mmu *kernel_current_mmu(struct cpu *cpu) { return &cpu->space->mmu; }

struct frame *kernel_start(struct cpu *cpu)
{
    uint64_t now = time_now();
    cpu->resumed->time -= now;
    sc_start(cpu, cpu->sc, now);
    space_enter(cpu, cpu->idle_ec->pd);
    cpu->pending |= PENDING_SCHEDULE;
    return kernel_leave(cpu);
}
