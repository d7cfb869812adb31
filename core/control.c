/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ec_ctrl, sc_ctrl, pt_ctrl, sm_ctrl and the assignment of devices.
 */
#include "core/hypercall.h"
#include "core/lib/bits.h"
#include "core/migrate.h"
#include "core/schedule.h"
#include "hal/interrupt.h"

/* sc_ctrl; the last two are the same number for the idle SC and for others. */
enum { SC_TIME = 0, SC_VISITORS = 1, SC_GONE = 2, SC_GONE_BOTH = 3, SC_BOTH = 3 };

/* A time in ticks as microseconds in two words: bits 32-63, low word. */
static void time_store(uint64_t ticks, word *high, word *low)
{
    uint64_t us = scale_u64(ticks, 1000, boot_info.tsc_khz);
    *high = (word)(us >> 32);
    *low = (word)(sizeof(word) == 8 ? us & 0xffffffff : us);
}

/* Execution time of an EC so far; it counts as read. */
static uint64_t ec_time(struct ec *ec) { return ec->time_read = time_used(&ec->time); }

/* Time of an SC so far; it counts as read. */
static uint64_t sc_time(struct sc *sc) { return sc->time_read = time_used(&sc->time); }

/* General registers, SP, IP and flags of another thread into the caller's UTCB; for one inside a hypercall what it returns to. */
static void ec_fetch(struct ec *ec, struct ec *target)
{
    static const word mtd = NOVA_MTD_GPR_ACDB | NOVA_MTD_GPR_BSD | NOVA_MTD_SP | NOVA_MTD_IP | NOVA_MTD_FLAGS | NOVA_MTD_GPR_R8_R15;
    frame_state_save(&target->frame, &ec->utcb->state, mtd, 0, 0);
    ec->utcb->state.mtd = mtd;
    ec->utcb->state.qual[0] = GLANCE(target->in_event) && target->event < NOVA_EVENT_STARTUP && target->event != HAL_PAGE_FAULT;
}

static bool ec_runs(const struct ec *ec) { return __atomic_load_n(&ec->cpu->current, __ATOMIC_ACQUIRE) == ec; }

static unsigned ec_recall(struct cpu *cpu, struct ec *ec, struct ec *target, bool fetch)
{
    __atomic_store_n(&target->recall, true, __ATOMIC_SEQ_CST);
    struct ec *successor = __atomic_load_n(&target->successor, __ATOMIC_SEQ_CST);
    if (__builtin_expect(successor != 0, 0)) {
        /* It is moving this very moment (ec_succeed). */
        __atomic_store_n(&successor->recall, true, __ATOMIC_RELAXED);
        cpu_post(successor->cpu, PENDING_CHECK);
    }
    /* One that is running on its CPU at this very moment: its state is not to be had. That CPU hears of the recall only after this has been seen. */
    bool elsewhere = target->cpu != cpu;
    unsigned status = elsewhere && fetch && ec_runs(target) ? NOVA_COM_TIM : NOVA_SUCCESS;
    if (fetch && status == NOVA_SUCCESS) {
        ec_fetch(ec, target);
        status = elsewhere && ec_runs(target) ? NOVA_COM_TIM : NOVA_SUCCESS; /* it has begun to run meanwhile */
    }
    if (elsewhere)
        cpu_post(target->cpu, PENDING_CHECK);
    return status;
}

/* The virtual CPU does not run: its CPU runs the caller. Its last event, as long as that waits for a reply, otherwise as a recall would deliver it. */
static __attribute__((cold, noinline)) unsigned vcpu_get(struct ec *ec, struct ec *target, word mtd)
{
    POKE(target->recall, true);
    vcpu_state_save(target, &ec->utcb->state, mtd, target->in_event || target->todo == TODO_EVENT ? target->event : NOVA_VM_RECALL);
    return NOVA_SUCCESS;
}

static __attribute__((cold, noinline)) unsigned vcpu_set(struct ec *ec, struct ec *target, bool recall)
{
    POKE(target->recall, recall);
    virtualization->load(&target->frame, &ec->utcb->state, __atomic_load_n(&ec->utcb->state.mtd, __ATOMIC_RELAXED));
    return NOVA_SUCCESS;
}

static __attribute__((cold, noinline)) unsigned ec_help(struct cpu *cpu, struct ec *ec, struct ec *target, word tls)
{
    if (target->cpu != cpu)
        return NOVA_BAD_CPU;
    if (target->pd != ec->pd || target->kind == EC_IDLE || target->kind == EC_VCPU || target == ec || GLANCE(target->dead) ||
        target->successor || target->utcb->tls != tls)
        return NOVA_BAD_PAR;
    struct ec *end = ec_chain_end(cpu, target, WALK_HELP);
    if (!end) {
        ec->todo = TODO_HYPERCALL;
        return OUTCOME_NONE;
    }
    if (end->blocked || end == ec || (target->kind == EC_LOCAL && !target->busy))
        return NOVA_BAD_PAR;
    ec->frame.arg[0] = NOVA_SUCCESS; /* before another EC runs: the caller looks at its own frame alone */
    cpu->helping = true;
    POKE(cpu->current, end);
    return NOVA_SUCCESS;
}

/*
 * The list of register operations in the caller's UTCB. Every word is read once: it is user memory. An operation whose words are not all there fails, as does one
 * that the CPU refuses.
 */
static __attribute__((cold, noinline)) unsigned registers_access(struct ec *ec)
{
    enum { WORD_BITS = 8 * sizeof(word), VALUE_WORDS = sizeof(uint64_t) / sizeof(word), WRITE = 1 << 29 };
    volatile word *mr = ec->utcb->mr;
    unsigned count = items_untyped(__atomic_load_n(&ec->utcb->items, __ATOMIC_RELAXED));
    word done = 0;
    if (count > WORD_BITS - 1)
        count = WORD_BITS - 1;
    for (unsigned at = 0, operation = 0; at < count; operation++) {
        word number = mr[at];
        bool write = number & WRITE;
        uint64_t value = 0;
        unsigned place = at + write; /* of the value: a read's is the register number's own */
        at = place + VALUE_WORDS;
        if (at > count)
            break;
        for (unsigned i = 0; write && i < VALUE_WORDS; i++)
            value |= (uint64_t)mr[place + i] << i * (WORD_BITS % 64);
        if (!cpu_register(number & ~(word)WRITE, write, &value))
            continue;
        done |= (word)1 << operation;
        for (unsigned i = 0; !write && i < VALUE_WORDS; i++)
            mr[place + i] = (word)(value >> i * (WORD_BITS % 64));
    }
    ec->utcb->items = done;
    return NOVA_SUCCESS;
}

/*
 * One copy of the look-up for all operations. Twice, if need be: a thread that moves to another CPU is found at any moment (migrate.h), but the first look may have
 * been at what was there just before, and at its type just after.
 */
static __attribute__((noinline)) void *find_moving(const struct ec *ec, word selector, const struct object_type *type,
                                                   unsigned permissions, size_t offset)
{
    void *found = find_object(ec, selector, type, permissions, offset);
    if (found)
        return found;
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    return find_object(ec, selector, type, permissions, offset);
}

static struct ec *ec_target(const struct ec *ec, word selector, unsigned permissions)
{
    return find_moving(ec, selector, &ec_type, permissions, offsetof(struct ec, object));
}

__attribute__((cold)) unsigned hypercall_ec_ctrl(struct cpu *cpu, struct ec *ec, word *arg)
{
    unsigned operation = arg_flags(arg);
    word selector = arg_selector(arg);
    struct ec *target;
    switch (operation) {
    case NOVA_EC_RECALL:
        if (!(target = ec_target(ec, selector, NOVA_EC_CTRL_PERM)))
            return NOVA_BAD_CAP;
        return ec_recall(cpu, ec, target, arg[1] == 1);
    case NOVA_EC_YIELD: schedule_yield(cpu); return NOVA_SUCCESS;
    case NOVA_EC_HELP:
        if (!(target = ec_target(ec, selector, 0)))
            return NOVA_BAD_CAP;
        return ec_help(cpu, ec, target, arg[1]);
    case NOVA_EC_RESCHEDULE:
        cpu->sc->to_tail = true;
        cpu->pending |= PENDING_SCHEDULE;
        return NOVA_SUCCESS;
    case NOVA_EC_TIME:
        if (!(target = ec_target(ec, selector, 0)))
            return NOVA_BAD_CAP;
        time_store(ec_time(target), &arg[1], &arg[2]);
        return NOVA_SUCCESS;
    case NOVA_EC_MIGRATE: return hypercall_migrate(cpu, ec, arg);
    case NOVA_EC_GET_STATE:
    case NOVA_EC_SET_STATE:
        target = ec_target(ec, selector, NOVA_EC_CTRL_PERM);
        /* A dead one has no state any more: its CPU has stopped it. */
        if (!target || target->kind != EC_VCPU || GLANCE(target->dead))
            return NOVA_BAD_CAP;
        return target->cpu != cpu               ? NOVA_BAD_CPU
               : operation == NOVA_EC_GET_STATE ? vcpu_get(ec, target, arg[1])
                                                : vcpu_set(ec, target, arg[1] == 1);
    case NOVA_EC_MSR: {
        struct semaphore *semaphore = FIND(semaphore, ec, selector, 0);
        return semaphore && semaphore == kernel_register_semaphore ? registers_access(ec) : NOVA_BAD_CAP;
    }
    default: return NOVA_BAD_PAR;
    }
}

/* The idle SC of a CPU stands for what no other SC tells. */
static unsigned sc_ctrl_idle(const struct cpu *of, unsigned operation, word *arg)
{
    switch (operation) {
    case SC_VISITORS: time_store(time_used(&of->visitor_time), &arg[1], &arg[2]); return NOVA_SUCCESS;
    case SC_GONE_BOTH: time_store(of->gone_ec_time, &arg[3], &arg[4]); /* fall through */
    case SC_GONE: time_store(of->gone_sc_time, &arg[1], &arg[2]); return NOVA_SUCCESS;
    default: return NOVA_BAD_PAR;
    }
}

unsigned hypercall_sc_ctrl(struct cpu *cpu, struct ec *ec, word *arg)
{
    (void)cpu;
    unsigned operation = arg_flags(arg);
    struct sc *sc = find_moving(ec, arg_selector(arg), &sc_type, NOVA_SC_CTRL_PERM, offsetof(struct sc, object));
    if (!sc)
        return NOVA_BAD_CAP;
    if (operation != SC_TIME && sc == sc->cpu->idle_sc)
        return sc_ctrl_idle(sc->cpu, operation, arg);
    if (operation == SC_BOTH) {
        struct ec *target = FIND(ec, ec, arg[1], 0);
        if (!target)
            return NOVA_BAD_CAP;
        time_store(ec_time(target), &arg[3], &arg[4]);
    } else if (operation != SC_TIME)
        return NOVA_BAD_PAR;
    time_store(sc_time(sc), &arg[1], &arg[2]);
    return NOVA_SUCCESS;
}

unsigned hypercall_pt_ctrl(struct cpu *cpu, struct ec *ec, word *arg)
{
    (void)cpu;
    struct portal *portal = FIND(portal, ec, arg_selector(arg), NOVA_PT_CTRL_PERM);
    if (!portal)
        return NOVA_BAD_CAP;
    POKE(portal->id, arg[1]);
    return NOVA_SUCCESS;
}

static unsigned sm_down(struct cpu *cpu, struct ec *ec, struct semaphore *semaphore, word *arg)
{
    struct down down = {.to_zero = arg_flags(arg) & NOVA_SM_ZERO, .deadline = (uint64_t)arg[1] << 32 | (uint32_t)arg[2]};
    if (GLANCE(semaphore->queue.kind) == SEMAPHORE_SIGNAL)
        return NOVA_BAD_CAP;
    if (GLANCE(semaphore->queue.kind) == SEMAPHORE_GSI) {
        interrupt_unmask(signal_of(semaphore));
        if (signal_of(semaphore)->target)
            return NOVA_SUCCESS;
    }
    if (!semaphore_down(cpu, semaphore, ec, &down))
        return OUTCOME_NONE;
    if (down.signalled) {
        arg[1] = down.value;
        arg[2] = down.count;
    }
    return down.timed_out ? NOVA_COM_TIM : NOVA_SUCCESS;
}

unsigned hypercall_sm_ctrl(struct cpu *cpu, struct ec *ec, word *arg)
{
    bool down = arg_flags(arg) & NOVA_SM_DOWN;
    struct semaphore *semaphore = FIND(semaphore, ec, arg_selector(arg), down ? NOVA_SM_DOWN_PERM : NOVA_SM_UP_PERM);
    if (!semaphore)
        return NOVA_BAD_CAP;
    if (down)
        return sm_down(cpu, ec, semaphore, arg);
    semaphore_up(cpu, semaphore);
    return NOVA_SUCCESS;
}

unsigned hypercall_assign_pci(struct cpu *cpu, struct ec *ec, word *arg)
{
    (void)cpu;
    return FIND(pd, ec, arg_selector(arg), 0) ? NOVA_BAD_DEV : NOVA_BAD_CAP; /* no IOMMU is driven: boot_info.features */
}

unsigned hypercall_assign_gsi(struct cpu *cpu, struct ec *ec, word *arg)
{
    struct semaphore *semaphore = FIND(semaphore, ec, arg_selector(arg), 0), *target = 0;
    unsigned flags = arg_flags(arg);
    if (!semaphore || GLANCE(semaphore->queue.kind) != SEMAPHORE_GSI)
        return NOVA_BAD_CAP;
    if (arg[3] != ~(word)0) {
        target = FIND(semaphore, ec, arg[3], 0);
        if (!target || (GLANCE(target->queue.kind) != SEMAPHORE_PLAIN && target != semaphore))
            return NOVA_BAD_CAP;
    }
    struct signal *signal = signal_of(semaphore);
    if (target == semaphore) {
        interrupt_chain(cpu, signal, 0);
        return NOVA_SUCCESS;
    }
    if (!cpu_online(arg[2]))
        return NOVA_BAD_CPU;
    bool pin = gsi_has_pin(signal->gsi);
    /* An MSI needs the page of a device that may send it; no device page is known here, so a GSI without a pin has none. */
    if (!pin || arg[1])
        return NOVA_BAD_DEV;
    uint32_t address, data;
    if (target)
        interrupt_chain(cpu, signal, target);
    gsi_route(signal->gsi, (unsigned)arg[2], flags & NOVA_GSI_MODE ? (int)(flags & (NOVA_GSI_LOW | NOVA_GSI_LEVEL)) : -1, &address,
              &data);
    arg[1] = address;
    arg[2] = data;
    return NOVA_SUCCESS;
}
