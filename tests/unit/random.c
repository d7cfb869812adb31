/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Random hypercalls with random arguments from random threads: random [--calls N] [--seed N] [--verbose] [--threads].
 * CPU 0 has root, which builds two PDs with threads and portals on the other CPUs and throws it all away after a round. No assertion and no sanitizer may
 * fire, statuses are in range, and after each round the accounts and the page pool are back where they were. The same seed gives the same run;
 * --threads gives each CPU a thread of its own (for the thread sanitizer) and is not repeatable.
 */
#include "random.h"

#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ROUND_STEPS = 8000, TRACE = 40, TRACE_LINE = 160, THREAD_STEPS = 1000, THREAD_POLLS = 20000 };

struct random_state random_state[CPUS];
static char trace[TRACE][TRACE_LINE];
static unsigned traced;
static bool verbose, threads;
static unsigned long long seed = 1, calls_wanted = 200000;

void random_trace(const char *format, ...)
{
    if (threads)
        return;
    va_list list;
    va_start(list, format);
    char *line = trace[traced++ % TRACE];
    vsnprintf(line, TRACE_LINE, format, list);
    va_end(list);
    if (verbose)
        printf("%u: %s\n", traced, line);
    fflush(stdout);
}

_Noreturn void random_fail(const char *what)
{
    unsigned first = traced > TRACE ? traced - TRACE : 0;
    for (unsigned i = first; i < traced; i++)
        fprintf(stderr, "#   %u: %s\n", i + 1, trace[i % TRACE]);
    const char *log = machine_log();
    size_t length = strlen(log);
    fprintf(stderr, "# end of the kernel log:\n%s# %s\n", length > 2000 ? log + length - 2000 : log, what);
    fflush(stderr);
    printf("not ok random seed %llu after %u steps\n#   again: random --seed %llu --calls %llu%s\n", seed, traced, seed,
           calls_wanted, threads ? " --threads" : "");
    fflush(stdout);
    _exit(1);
}

static void stopped(void) { random_fail("the machine stopped"); }

unsigned long random_u64(struct random_state *random)
{
    random->state ^= random->state << 13;
    random->state ^= random->state >> 7;
    random->state ^= random->state << 17;
    return random->state * 0x2545f4914f6cdd1d;
}

unsigned random_below(struct random_state *random, unsigned limit) { return (unsigned)(random_u64(random) >> 33) % limit; }

/* ---- threads ---- */

static bool round_over, quiet_cpu[CPUS];
static unsigned running_threads;

/* The CPU only does what others want. It is quiet while it is outside of the kernel, with nothing to do. */
static void answer(unsigned cpu)
{
    __atomic_store_n(&quiet_cpu[cpu], false, __ATOMIC_SEQ_CST);
    while (machine_poll(cpu))
        ;
    __atomic_store_n(&quiet_cpu[cpu], true, __ATOMIC_SEQ_CST);
    sched_yield();
}

/* Nobody is in the kernel or on the way there: who is signalled stays quiet only until it looks. */
static bool all_quiet(void)
{
    for (unsigned twice = 0; twice < 2; twice++)
        for (unsigned cpu = 0; cpu < CPUS; cpu++)
            if (!__atomic_load_n(&quiet_cpu[cpu], __ATOMIC_SEQ_CST) || cpu_signal_pending(cpu))
                return false;
    return true;
}

static void *cpu_thread(void *argument)
{
    unsigned cpu = (unsigned)(uintptr_t)argument;
    for (unsigned work = 0, polls = 0; work < THREAD_STEPS && polls < THREAD_POLLS; polls++) {
        machine_poll(cpu);
        if (!cpu_frame(cpu) || cpu_idle(cpu)) {
            sched_yield(); /* until root wakes or makes somebody */
            continue;
        }
        random_step(&random_state[cpu], cpu);
        work++;
    }
    __atomic_sub_fetch(&running_threads, 1, __ATOMIC_SEQ_CST);
    while (!__atomic_load_n(&round_over, __ATOMIC_SEQ_CST))
        answer(cpu);
    return 0;
}

/* While the others run, root does its part; then it clears up while they only answer, until nothing is left to do. */
static void round_threads(void)
{
    pthread_t thread[CPUS];
    round_over = false;
    running_threads = CPUS - 1;
    for (unsigned cpu = 0; cpu < CPUS; cpu++)
        quiet_cpu[cpu] = false;
    for (unsigned cpu = 1; cpu < CPUS; cpu++)
        if (pthread_create(&thread[cpu], 0, cpu_thread, (void *)(uintptr_t)cpu))
            random_fail("pthread_create");
    while (__atomic_load_n(&running_threads, __ATOMIC_SEQ_CST)) {
        machine_poll(0);
        root_step(&random_state[0]);
    }
    root_clear();
    for (unsigned i = 0; i < 20; i++) {
        do
            answer(0);
        while (!all_quiet());
        machine_advance(10000000);
    }
    __atomic_store_n(&round_over, true, __ATOMIC_SEQ_CST);
    for (unsigned cpu = 1; cpu < CPUS; cpu++)
        pthread_join(thread[cpu], 0);
}

/* ---- rounds ---- */

static void round_sequential(void)
{
    for (unsigned step = 0; step < ROUND_STEPS; step++) {
        struct random_state *random = &random_state[0];
        unsigned cpu = random_below(random, CPUS);
        /* Root also wakes those that sleep. */
        if (cpu == 0 || (cpu_idle(cpu) && random_below(random, 2)))
            root_step(random);
        else
            random_step(random, cpu);
    }
    root_clear();
}

static void check_back(const struct round_base *base, unsigned long long round)
{
    struct round_base now = root_usage();
    for (unsigned cpu = 1; cpu < CPUS; cpu++)
        if (!cpu_idle(cpu))
            random_fail("a CPU is not idle although everything was destroyed");
    if (guests_alive())
        random_fail("a guest has not been stopped although everything was destroyed");
    if (!threads && tlb_stale())
        random_fail("a CPU holds stale translations");
    if (now.used == base->used && now.limit == base->limit && now.pages == base->pages)
        return;
    random_trace("round %llu: before: %lu used of %lu, %lu free pages; now: %lu used of %lu, %lu free pages", round, base->used,
                 base->limit, base->pages, now.used, now.limit, now.pages);
    random_fail("the accounts are not back where they were");
}

int main(int count, char **arguments)
{
    for (int i = 1; i < count; i++) {
        if (strcmp(arguments[i], "--verbose") == 0)
            verbose = true;
        else if (strcmp(arguments[i], "--threads") == 0)
            threads = true;
        else if (strcmp(arguments[i], "--seed") == 0 && i + 1 < count)
            seed = strtoull(arguments[++i], 0, 0);
        else if (strcmp(arguments[i], "--calls") == 0 && i + 1 < count)
            calls_wanted = strtoull(arguments[++i], 0, 0);
        else {
            fprintf(stderr, "usage: %s [--calls N] [--seed N] [--verbose] [--threads]\n", arguments[0]);
            return 2;
        }
    }
    for (unsigned cpu = 0; cpu < CPUS; cpu++)
        random_state[cpu].state = (seed + 1) * 0x9e3779b97f4a7c15 + cpu;
    machine_stop_hook = stopped;
    /* Deadlocks of threads are all in the day's work. */
    hypercall_patience = 0;
    machine_window_limit = 4;
    machine_prepare(&(struct machine_options){.cpus = CPUS, .threads = threads, .guests = true}, 0, 0);
    if (!machine_start())
        stopped();

    struct round_base base = {0, 0, 0};
    unsigned long long calls = 0, rounds = 0;
    for (; calls < calls_wanted; rounds++) {
        root_build(&random_state[0]);
        if (threads)
            round_threads();
        else
            round_sequential();
        machine_log_clear();
        calls = 0;
        for (unsigned cpu = 0; cpu < CPUS; cpu++)
            calls += random_state[cpu].calls;
        /* The first rounds fill root's own tables. */
        if (rounds >= 2)
            check_back(&base, rounds);
        else
            base = root_usage();
    }
    printf("ok random seed %llu: %llu hypercalls in %llu rounds", seed, calls, rounds);
    for (unsigned status = 0; status <= NOVA_QUO_OOM + 1; status++) {
        unsigned long long sum = 0;
        for (unsigned cpu = 0; cpu < CPUS; cpu++)
            sum += random_state[cpu].status[status];
        printf("%s%s %llu", status ? "," : "; ",
               (const char *[]){"success", "timeout", "abort", "bad_hyp", "bad_cap", "bad_par", "bad_ftr", "bad_cpu", "bad_dev",
                                "oom", "blocked"}[status],
               sum);
    }
    unsigned long long migrations = 0, exits = 0;
    for (unsigned cpu = 0; cpu < CPUS; cpu++) {
        migrations += random_state[cpu].migrations;
        exits += random_state[cpu].exits;
    }
    printf("; %llu threads moved, %llu exits of guests\n", migrations, exits);
    if (calls_wanted >= 100000 && (!migrations || !exits))
        random_fail("no thread ever moved to another CPU, or no guest ran");
    return 0;
}
