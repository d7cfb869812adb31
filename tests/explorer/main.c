/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * explorer [--schedules N] [--scenario NAME] [--first SEED] [--jobs N]   N schedules of each scenario
 * explorer --scenario NAME --seed SEED [--trace]                         one of them again
 * explorer --list
 * Each scenario has a process that boots the machine and runs a plain schedule; each schedule is a child of it, so that it depends on nothing but its seed.
 */
#include "scenarios.h"

#include <sanitizer/common_interface_defs.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { TRACE_LINES = 60, TRACE_LINE = 200, TIME_LIMIT = 30, POOL = 2 << 20 };

const struct scenario *scenario;
bool tracing;

/* What a child leaves: in memory that it shares with its parent. */
static struct shared {
    unsigned long steps, points, traced;
    char message[1500];
    char trace[TRACE_LINES][TRACE_LINE];
} * shared;
static bool to_output, is_child;
static struct usage base;

void trace(const char *format, ...)
{
    if (!tracing)
        return;
    char line[TRACE_LINE];
    va_list list;
    va_start(list, format);
    vsnprintf(line, sizeof line, format, list);
    va_end(list);
    if (to_output)
        printf("%lu: %s\n", shared->traced, line), fflush(stdout);
    strcpy(shared->trace[shared->traced++ % TRACE_LINES], line);
}

void trace_place(unsigned cpu, const void *where)
{
    char place[TRACE_LINE - 40];
    __sanitizer_symbolize_pc((void *)(uintptr_t)where, "%f %S", place, sizeof place);
    trace("cpu %u gives way in %s", cpu, place);
}

static const char *log_end(void)
{
    const char *log = machine_log();
    size_t length = strlen(log);
    return length > 400 ? log + length - 400 : log;
}

void fail(const char *format, ...)
{
    va_list list;
    va_start(list, format);
    vsnprintf(shared->message, sizeof shared->message, format, list);
    va_end(list);
    if (!is_child)
        printf("not ok explorer %s, plain schedule: %s\n", scenario->name, shared->message);
    if (to_output)
        printf("failed: %s\nkernel log:\n%s\n", shared->message, log_end());
    fflush(stdout);
    _exit(1);
}

static void stopped(void) { fail("the machine stopped: %s", log_end()); }

static void one_schedule(uint64_t seed, bool plain)
{
    inspect_begin();
    schedule_begin(seed, plain);
    machine_log_clear();
    scenario_build();
    schedule_run();
    inspect_ended();
    if (scenario->end)
        scenario->end();
    scenario_clear();
}

static void child(uint64_t seed)
{
    alarm(TIME_LIMIT);
    is_child = true;
    machine_private();
    one_schedule(seed, false);
    struct usage now = usage_now();
    if (now.used != base.used || now.limit != base.limit || now.pages != base.pages)
        fail("memory is lost: before %lu pages used of %lu, %lu free; all destroyed: %lu of %lu, %lu free", base.used, base.limit,
             base.pages, now.used, now.limit, now.pages);
    shared->steps = schedule_steps;
    shared->points = schedule_points;
    _exit(0);
}

/* 0 = good. */
static int run_child(uint64_t seed)
{
    memset(shared, 0, offsetof(struct shared, trace));
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0)
        child(seed);
    int status = -1;
    if (pid < 0 || waitpid(pid, &status, 0) != pid)
        return -1;
    if (WIFSIGNALED(status))
        snprintf(shared->message, sizeof shared->message, "killed by signal %d (%s)", WTERMSIG(status),
                 strsignal(WTERMSIG(status)));
    else if (status && !*shared->message)
        snprintf(shared->message, sizeof shared->message, "stopped by a sanitizer");
    return status;
}

static void show_failure(const char *self, uint64_t seed, unsigned long count)
{
    char message[1500];
    strcpy(message, shared->message);
    tracing = true;
    int again = run_child(seed);
    unsigned long first = shared->traced > TRACE_LINES ? shared->traced - TRACE_LINES : 0;
    for (unsigned long i = first; i < shared->traced; i++)
        printf("#   %lu: %s\n", i, shared->trace[i % TRACE_LINES]);
    printf("not ok explorer %s, seed %llu (schedule %lu): %s\n#   again: %s --scenario %s --seed %llu --trace%s\n", scenario->name,
           (unsigned long long)seed, count, message, self, scenario->name, (unsigned long long)seed,
           again && !strcmp(message, shared->message) ? "" : " (it was another failure the second time)");
}

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

struct order {
    uint64_t first;
    unsigned long schedules;
    bool one;
};

/* In a process of its own. */
static void run_scenario(const char *self, const struct order *order)
{
    machine_stop_hook = stopped;
    hypercall_patience = 1000;
    machine_window_limit = 1;
    machine_prepare(&(struct machine_options){.cpus = scenario->cpus, .pool = POOL, .no_settle = true, .guests = true}, 0, 0);
    if (!machine_start())
        stopped();
    machine_settle();
    machine_build();
    /* Afterwards root has all tables that it needs. */
    bool trace_all = tracing;
    tracing = false;
    for (unsigned i = 0; i < 2; i++)
        one_schedule(0, true);
    tracing = trace_all;
    base = usage_now();
    if (order->one) {
        to_output = true;
        _exit(run_child(order->first) ? 1 : 0);
    }
    unsigned long steps = 0, points = 0;
    double begin = seconds();
    for (unsigned long i = 0; i < order->schedules; i++) {
        if (run_child(order->first + i)) {
            show_failure(self, order->first + i, i + 1);
            fflush(stdout);
            _exit(1);
        }
        steps += shared->steps;
        points += shared->points;
    }
    printf("ok explorer %s: %lu schedules of %lu steps, %lu points; %.0f a second\n", scenario->name, order->schedules,
           steps / order->schedules, points / order->schedules, (double)order->schedules / (seconds() - begin));
    fflush(stdout);
    _exit(0);
}

static bool start_scenario(const char *self, const struct scenario *which, const struct order *order)
{
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        scenario = which;
        shared = mmap(0, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (shared == MAP_FAILED)
            _exit(1);
        run_scenario(self, order);
    }
    return pid > 0;
}

static int wait_one(void)
{
    int status;
    if (wait(&status) < 0)
        return 1;
    return status != 0;
}

/* 0 = there are no more. */
static const struct scenario *scenario_number(unsigned number)
{
    static const struct scenario *const tables[] = {calls_scenarios, semaphores_scenarios, rights_scenarios,
                                                    lives_scenarios, guests_scenarios,     moves_scenarios};
    for (unsigned i = 0; i < sizeof tables / sizeof *tables; i++)
        for (const struct scenario *at = tables[i]; at->name; at++)
            if (!number--)
                return at;
    return 0;
}

static int run_all(const char *self, const char *name, const struct order *order, unsigned jobs)
{
    unsigned running = 0, failures = 0, found = 0;
    const struct scenario *which;
    for (unsigned i = 0; (which = scenario_number(i)); i++) {
        if (name && strcmp(name, which->name) != 0)
            continue;
        found++;
        if (running == jobs)
            failures += (unsigned)wait_one(), running--;
        running += start_scenario(self, which, order);
    }
    while (running--)
        failures += (unsigned)wait_one();
    if (!found)
        fprintf(stderr, "%s: no such scenario (--list names them)\n", self);
    return failures || !found;
}

int main(int count, char **arguments)
{
    struct order order = {.first = 1, .schedules = 100};
    const char *name = 0;
    unsigned jobs = 2;
    for (int i = 1; i < count; i++) {
        const char *option = arguments[i], *value = i + 1 < count ? arguments[i + 1] : 0;
        if (!strcmp(option, "--list")) {
            for (unsigned k = 0; scenario_number(k); k++)
                printf("%s\n", scenario_number(k)->name);
            return 0;
        }
        if (!strcmp(option, "--trace")) {
            tracing = true;
            continue;
        }
        if (!value) {
            fprintf(stderr, "%s: --schedules N, --scenario NAME, --first SEED, --seed SEED, --trace, --jobs N, --list\n",
                    arguments[0]);
            return 2;
        }
        if (!strcmp(option, "--schedules"))
            order.schedules = strtoul(value, 0, 0);
        else if (!strcmp(option, "--scenario"))
            name = value;
        else if (!strcmp(option, "--first") || !strcmp(option, "--seed"))
            order.first = strtoull(value, 0, 0);
        else if (!strcmp(option, "--jobs"))
            jobs = (unsigned)strtoul(value, 0, 0);
        order.one |= !strcmp(option, "--seed");
        i++;
    }
    if (!order.schedules || !jobs)
        return 2;
    return run_all(arguments[0], name, &order, jobs);
}
