/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Virtual CPUs. Each runs the kernel on a stack of its own, as a coroutine of the one thread that drives the machine: cpu_pause (a spinning CPU) goes
 * back to the driver, which lets every other CPU that is inside the kernel or has a signal pending do a step. With machine_options.threads the caller's
 * threads are the CPUs, and the kernel runs on their stacks.
 * Time is virtual: a tick for each look at the clock, and machine_advance.
 */
#include "hosted.h"
#include "hosted_cpu.h"

#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

enum { SPIN_LIMIT = 100000 };

static struct hosted_cpu cpus[NOVA_CPUS];
static _Thread_local struct hosted_cpu *self; /* whose kernel code runs on this thread */
static struct machine_options options;
static uint64_t now;
static bool stopped;

void (*machine_point_hook)(const void *where);

unsigned cpu_index(const struct hosted_cpu *cpu) { return (unsigned)(cpu - cpus); }

void cpu_reset(const struct machine_options *new_options)
{
    options = *new_options;
    for (unsigned i = 0; i < NOVA_CPUS; i++)
        cpus[i] = (struct hosted_cpu){.deadline = NO_DEADLINE};
    now = 1000000;
    stopped = false;
    self = 0;
    mmu_reset();
}

void machine_point(void)
{
    if (machine_point_hook && self && self->in_kernel)
        machine_point_hook(__builtin_return_address(0));
}

unsigned cpu_number(void) { return self ? cpu_index(self) : boot_info.boot_cpu; }

uint64_t time_now(void) { return __atomic_add_fetch(&now, 1, __ATOMIC_RELAXED); }

void time_pass(uint64_t ticks) { __atomic_add_fetch(&now, ticks, __ATOMIC_RELAXED); }

uint64_t machine_time(void) { return __atomic_load_n(&now, __ATOMIC_RELAXED); }

void timer_set(uint64_t deadline)
{
    if (!self)
        contract_broken("timer_set outside of a CPU");
    machine_point();
    self->deadline = deadline;
}

void cpu_signal(unsigned number)
{
    if (number >= boot_info.cpus || !boot_info.cpu[number].online)
        contract_broken("cpu_signal: CPU %u is not online", number);
    machine_point();
    __atomic_store_n(&cpus[number].signal, true, __ATOMIC_SEQ_CST);
    machine_point();
}

void cpu_pause(void)
{
    if (options.threads || !self)
        sched_yield();
    else
        fiber_leave(&self->fiber);
}

bool cpu_register(word number, bool write, uint64_t *value)
{
    static uint64_t variable[NOVA_CPUS];
    if (!self)
        contract_broken("cpu_register outside of a CPU");
    if (number == REGISTER_CONSTANT && !write)
        *value = REGISTER_VALUE + cpu_index(self);
    else if (number == REGISTER_VARIABLE && write)
        variable[cpu_index(self)] = *value;
    else if (number == REGISTER_VARIABLE)
        *value = variable[cpu_index(self)];
    else
        return false;
    return true;
}

bool machine_stopped(void) { return __atomic_load_n(&stopped, __ATOMIC_RELAXED); }

void machine_stop(void)
{
    bool again = __atomic_exchange_n(&stopped, true, __ATOMIC_RELAXED);
    if (options.threads && again)
        for (;;)
            pause(); /* another CPU is just ending the process */
    if (options.threads || getenv("HOSTED_TRACE"))
        stack_trace();
    if (self && !options.threads)
        for (;;)
            fiber_leave(&self->fiber);
    if (machine_stop_hook)
        machine_stop_hook();
    _exit(98);
}

void frame_switch(struct frame *from, struct frame *to)
{
    if (!self || !self->in_kernel)
        contract_broken("frame_switch outside of the kernel");
    machine_point();
    if (from && self->switched && from != self->switched && (self->switched_used || from->fpu_used))
        contract_broken("frame_switch on CPU %u: from %p, but the CPU runs %p", cpu_number(), (void *)from, (void *)self->switched);
    if (!to)
        contract_broken("frame_switch on CPU %u to nothing", cpu_number());
    self->switched = to;
    self->switched_used = to->fpu_used;
}

void frame_lend(struct frame *from, struct frame *to)
{
    if (from->resume != RESUME_VCPU)
        contract_broken("frame_lend on CPU %u from what is no virtual CPU", cpu_number());
    frame_switch(from, to);
}

static void fiber_main(void *argument)
{
    struct hosted_cpu *cpu = argument;
    for (;;) {
        cpu_kernel_run(cpu);
        cpu->inside = false;
        fiber_leave(&cpu->fiber);
    }
}

/* ---- the driver's side ---- */

static void step(struct hosted_cpu *cpu)
{
    self = cpu;
    fiber_enter(&cpu->fiber, fiber_main, cpu);
    self = 0;
    if (machine_stopped() && machine_stop_hook)
        machine_stop_hook();
}

static bool usable(const struct hosted_cpu *cpu) { return cpu->core && !cpu->inside; }

/* Lets all CPUs that are inside the kernel go on until all are out; while one spins, signals reach the others. */
static void run_all(void)
{
    for (unsigned long rounds = 0; !machine_stopped(); rounds++) {
        bool busy = false;
        for (unsigned i = 0; i < boot_info.cpus && !machine_stopped(); i++)
            if (cpus[i].inside) {
                step(&cpus[i]);
                busy |= cpus[i].inside;
            }
        if (!busy)
            return;
        for (unsigned i = 0; i < boot_info.cpus && !machine_stopped(); i++)
            if (usable(&cpus[i]) && cpus[i].signal) {
                cpus[i].entry = ENTER_SIGNAL;
                cpus[i].inside = true;
                step(&cpus[i]);
            }
        if (rounds == SPIN_LIMIT)
            contract_broken("a CPU has been spinning for %u rounds; nobody answers", SPIN_LIMIT);
    }
}

static void request(struct hosted_cpu *cpu, enum entry entry, unsigned number, word error, word address)
{
    cpu->entry = entry;
    cpu->number = number;
    cpu->error = error;
    cpu->address = address;
    cpu->inside = true;
}

struct frame *cpu_enter(unsigned number, enum entry entry, unsigned argument, word error, word address)
{
    struct hosted_cpu *cpu = &cpus[number];
    while (options.threads && machine_stopped())
        pause();
    if (number >= boot_info.cpus || cpu->inside || machine_stopped() || (entry > ENTER_START && !cpu->core))
        contract_broken("test: CPU %u cannot enter the kernel now (entry %d)", number, (int)entry);
    request(cpu, entry, argument, error, address);
    if (options.threads) {
        self = cpu;
        cpu_kernel_run(cpu);
        cpu->inside = false;
        return cpu->current;
    }
    run_all();
    if (!options.no_settle && entry > ENTER_START)
        machine_settle();
    return cpu->current;
}

void cpu_begin(unsigned number, enum entry entry, unsigned argument, word error, word address)
{
    struct hosted_cpu *cpu = &cpus[number];
    if (options.threads || number >= boot_info.cpus || cpu->inside || machine_stopped() || !cpu->core)
        contract_broken("test: CPU %u cannot enter the kernel now (entry %d)", number, (int)entry);
    request(cpu, entry, argument, error, address);
    if (entry == ENTER_GSI)
        cpu->gsis &= ~(1ul << argument);
}

void cpu_start(unsigned number, enum entry entry) { cpu_begin(number, entry, 0, 0, 0); }

bool cpu_step(unsigned number)
{
    if (!cpus[number].inside)
        contract_broken("test: CPU %u is not in the kernel", number);
    step(&cpus[number]);
    return cpus[number].inside;
}

bool cpu_inside(unsigned number) { return cpus[number].inside; }

uint64_t cpu_gsis(unsigned number) { return cpus[number].gsis; }

void cpu_run(void)
{
    run_all();
    if (!options.no_settle)
        machine_settle();
}

void machine_settle(void)
{
    bool spins[NOVA_CPUS] = {false};
    uint64_t until = now; /* what comes due because time passes in here waits for the next time */
    for (bool again = true; again && !machine_stopped();) {
        again = false;
        for (unsigned i = 0; i < boot_info.cpus && !machine_stopped(); i++) {
            struct hosted_cpu *cpu = &cpus[i];
            /* A CPU that only opens windows lets time pass by that: its timer is always due. It gets one go. */
            if (!usable(cpu) || spins[i] || (cpu->current && !cpu->signal && cpu->deadline > until && !cpu->gsis))
                continue;
            unsigned gsi = cpu->gsis ? (unsigned)__builtin_ctzl(cpu->gsis) : 0;
            cpu->entry = cpu->signal || !cpu->current ? ENTER_SIGNAL : cpu->deadline <= until ? ENTER_TIMER : ENTER_GSI;
            if (cpu->entry == ENTER_GSI)
                cpu->gsis &= ~(1ul << gsi);
            cpu->number = gsi;
            cpu->inside = true;
            run_all();
            spins[i] = !cpu->current;
            again = true;
        }
    }
}

bool machine_poll(unsigned number)
{
    struct hosted_cpu *cpu = &cpus[number];
    enum entry entry = __atomic_load_n(&cpu->signal, __ATOMIC_SEQ_CST) ? ENTER_SIGNAL
                       : cpu->deadline <= machine_time()               ? ENTER_TIMER
                                                                       : ENTER_CONTINUE;
    if (entry == ENTER_CONTINUE && (cpu->current || !cpu->core))
        return false;
    cpu_enter(number, entry, 0, 0, 0);
    return true;
}

void machine_advance(uint64_t ticks)
{
    time_pass(ticks);
    if (!options.no_settle && !options.threads)
        machine_settle();
}

bool machine_advance_to_timer(void)
{
    uint64_t earliest = NO_DEADLINE;
    for (unsigned i = 0; i < boot_info.cpus; i++)
        if (cpus[i].deadline < earliest)
            earliest = cpus[i].deadline;
    if (earliest == NO_DEADLINE)
        return false;
    machine_advance(earliest > now ? earliest - now : 0);
    return true;
}

struct frame *cpu_frame(unsigned number) { return cpus[number].current; }

bool cpu_idle(unsigned number) { return __atomic_load_n(&cpus[number].idle, __ATOMIC_RELAXED); }

struct cpu *cpu_core(unsigned number) { return cpus[number].core; }

bool cpu_signal_pending(unsigned number) { return __atomic_load_n(&cpus[number].signal, __ATOMIC_SEQ_CST); }

uint64_t cpu_deadline(unsigned number) { return cpus[number].deadline; }

unsigned long machine_windows(void)
{
    unsigned long sum = 0;
    for (unsigned i = 0; i < boot_info.cpus; i++)
        sum += cpus[i].windows;
    return sum;
}

void cpu_raise_gsi(unsigned number, unsigned gsi)
{
    __atomic_fetch_or(&cpus[number].gsis, 1ul << gsi, __ATOMIC_RELAXED);
    if (!options.no_settle && !options.threads && !self)
        machine_settle();
}
