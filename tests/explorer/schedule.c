/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Who goes next. A CPU that is in the kernel gives way at points: before atomic operations, in functions of hal/, and in every second schedule in all basic blocks of
 * core. Half of the schedules change at random points; the others give CPUs priorities and change them at few points only (as PCT does), which finds what needs
 * a long delay at one place; and in some, whatever else they are like, a CPU is held for long where it is delicate (inspect_delicate). Interrupts are delivered, and time passes, when the source of choices says so.
 */
#include "explorer.h"

#include <string.h>

enum { STEP_LIMIT = 400000, SPIN_LIMIT = 5000, CHANGES_MAX = 4, FAIR_STEPS = 200, HOLDS_MAX = 6, HOLD_BITS = 9 };

unsigned long schedule_steps, schedule_points, schedule_length[2] = {2000, 10000};

static uint64_t source;
static bool armed, plain, blocks, priorities, gave_way;
static uint64_t mask;
static unsigned running, turn_mask;
static int priority[CPUS_MAX], lowest;
static unsigned long change[CHANGES_MAX + 1];
static unsigned changes;
static unsigned holds;                     /* that are left */
static unsigned long held_until[CPUS_MAX]; /* step */

uint64_t choose_u64(void)
{
    source ^= source << 13;
    source ^= source >> 7;
    source ^= source << 17;
    return source * 0x2545f4914f6cdd1d;
}

unsigned choose(unsigned limit) { return (unsigned)(choose_u64() >> 33) % limit; }

void schedule_begin(uint64_t seed, bool new_plain)
{
    /* Seeds that lie close together give choices that do not. */
    source = (seed + 1) * 0x9e3779b97f4a7c15;
    source = (source ^ source >> 30) * 0xbf58476d1ce4e5b9;
    source = (source ^ source >> 27) * 0x94d049bb133111eb;
    source |= 1;
    plain = new_plain;
    schedule_steps = schedule_points = 0;
    blocks = chance(2);
    priorities = chance(2);
    /* Torn into small pieces or into few. */
    mask = ((uint64_t)1 << (blocks ? 3 + choose(7) : 1 + choose(6))) - 1;
    turn_mask = (1u << choose(3)) - 1;
    lowest = 0;
    for (unsigned i = 0; i < CPUS_MAX; i++) {
        unsigned other = choose(i + 1);
        priority[i] = priority[other];
        priority[other] = (int)i + 1;
    }
    holds = chance(2) ? choose(HOLDS_MAX) : 0;
    memset(held_until, 0, sizeof held_until);
    changes = choose(CHANGES_MAX);
    for (unsigned i = 0; i < changes; i++)
        change[i] = 1 + choose_u64() % (schedule_length[blocks] * 5 / 4 + 1);
    change[changes] = 0;
}

static bool interrupted(unsigned cpu) { return cpu_signal_pending(cpu) || cpu_gsis(cpu) || cpu_deadline(cpu) <= machine_time(); }

static bool runnable(unsigned cpu) { return cpu_inside(cpu) || !cpu_frame(cpu) || !cpu_idle(cpu) || interrupted(cpu); }

static bool held(unsigned cpu) { return held_until[cpu] > schedule_steps; }

/* The running one goes behind all others. */
static void demote(unsigned cpu) { priority[cpu] = lowest--; }

static bool preempted(void)
{
    for (unsigned i = 0; i < boot_info.cpus; i++)
        if (priority[i] > priority[running] && runnable(i) && !held(i))
            return true;
    return false;
}

static void point(const void *where, bool block)
{
    if (!armed)
        return;
    if (block)
        schedule_length[1] += plain;
    else
        schedule_length[0] += plain, schedule_length[1] += plain;
    if (plain || (block && !blocks))
        return;
    schedule_points++;
    if (holds && inspect_delicate(running) && chance(4)) {
        holds--;
        held_until[running] = schedule_steps + ((unsigned long)1 << choose(HOLD_BITS));
    } else if (priorities) {
        bool now = false;
        for (unsigned i = 0; i < changes; i++)
            now |= change[i] == schedule_points;
        if (now)
            demote(running);
        if (!now && (block || !preempted()))
            return;
    } else if (choose_u64() >> 20 & mask)
        return;
    gave_way = true;
    if (tracing)
        trace_place(running, where);
    cpu_pause();
}

static void point_hook(const void *where) { point(where, false); }

void __sanitizer_cov_trace_pc(void);
void __sanitizer_cov_trace_pc(void) { point(__builtin_return_address(0), true); }

/* A CPU that can go on, or -1. */
static int pick(void)
{
    unsigned can[CPUS_MAX], count = 0;
    for (unsigned i = 0; i < boot_info.cpus; i++)
        if (runnable(i) && !held(i))
            can[count++] = i;
    for (unsigned i = 0; i < boot_info.cpus && !count; i++)
        if (runnable(i))
            can[count++] = i;
    if (!count)
        return -1;
    if (plain) {
        for (unsigned i = 0; i < count; i++)
            if (can[i] == running && !gave_way)
                return (int)running;
        for (unsigned i = 0; i < count; i++)
            if (can[i] > running)
                return (int)can[i];
        return (int)can[0];
    }
    if (!priorities) {
        if (!gave_way && choose_u64() >> 20 & turn_mask)
            for (unsigned i = 0; i < count; i++)
                if (can[i] == running)
                    return (int)running;
        return (int)can[choose(count)];
    }
    /* Every now and then somebody else, whatever the priorities: CPUs are not stopped for ever. */
    if (schedule_steps % FAIR_STEPS == 0)
        return (int)can[choose(count)];
    unsigned best = can[0];
    for (unsigned i = 1; i < count; i++)
        if (priority[can[i]] > priority[best])
            best = can[i];
    return (int)best;
}

/* Starts what the CPU does next; false = it was a step of a thread that did not enter the kernel. */
static bool begin(unsigned cpu)
{
    static const char *const names[] = {"a timer", "a signal", "a device interrupt"};
    enum entry entry = cpu_signal_pending(cpu) ? ENTER_SIGNAL : cpu_deadline(cpu) <= machine_time() ? ENTER_TIMER : ENTER_GSI;
    unsigned gsi = cpu_gsis(cpu) ? (unsigned)__builtin_ctzl(cpu_gsis(cpu)) : 0;
    if (!cpu_frame(cpu)) {
        trace("cpu %u goes on after an interrupt window", cpu);
        cpu_begin(cpu, ENTER_CONTINUE, 0, 0, 0);
    } else if (interrupted(cpu) && (cpu_idle(cpu) || plain || !chance(4))) {
        trace("cpu %u takes %s in %s", cpu, names[entry - ENTER_TIMER], actor_name(cpu_frame(cpu)));
        cpu_begin(cpu, entry, gsi, 0, 0);
    } else
        actor_step(cpu);
    return cpu_inside(cpu);
}

static void step(unsigned cpu)
{
    static unsigned spins[CPUS_MAX];
    running = cpu;
    schedule_steps++;
    if (!cpu_inside(cpu)) {
        inspect_enter(cpu);
        if (!begin(cpu))
            return;
    }
    gave_way = false;
    armed = true;
    bool inside = cpu_step(cpu);
    armed = false;
    actor_watch();
    inspect_step(cpu);
    bool spinning = (inside && !gave_way) || (!inside && !cpu_frame(cpu));
    if (spinning) {
        demote(cpu);
        if (++spins[cpu] > SPIN_LIMIT)
            fail("CPU %u spins or opens interrupt windows for ever", cpu);
    } else
        spins[cpu] = 0;
    gave_way |= spinning;
    if (inside)
        return;
    trace("cpu %u leaves the kernel: %s", cpu, cpu_frame(cpu) ? actor_name(cpu_frame(cpu)) : "interrupt window");
    inspect_cpu(cpu);
}

/* Slices end and deadlines come in the middle of things. */
static void pass_time(void)
{
    if (plain)
        return;
    machine_advance(choose(100));
    if (chance(100))
        machine_advance((uint64_t)1 << choose(22));
}

static uint64_t next_deadline(void)
{
    uint64_t earliest = NO_DEADLINE;
    for (unsigned i = 0; i < boot_info.cpus; i++)
        if (cpu_deadline(i) < earliest)
            earliest = cpu_deadline(i);
    return earliest;
}

void schedule_run(void)
{
    machine_point_hook = point_hook;
    running = 0;
    if (plain)
        schedule_length[0] = schedule_length[1] = 0;
    for (;;) {
        int cpu = pick();
        if (cpu >= 0) {
            step((unsigned)cpu);
            if (scenario->inspect)
                scenario->inspect();
            pass_time();
        } else if (next_deadline() < root_deadline) {
            trace("all idle: time passes");
            machine_advance(next_deadline() - machine_time());
        } else
            break;
        if (schedule_steps > STEP_LIMIT)
            inspect_ended(), fail("no end after %lu steps", schedule_steps);
    }
    machine_point_hook = 0;
}
