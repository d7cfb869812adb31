/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * bench: a root task that measures kernel paths in ticks of the time stamp counter and prints `BENCH name value`. Where the emulator counts
 * one tick for each instruction (doc/measuring.md), a value is a number of instructions, user side included, and the same in each run.
 * The user side is a hypercall in a loop; BENCH empty_loop says what the loop alone costs. It is in every value, not taken off.
 */
#ifndef BENCH_H
#define BENCH_H

#include <user/lib/console.h>
#include <user/lib/event.h>
#include <user/lib/item.h>
#include <user/lib/memory.h>
#include <user/lib/task.h>
#include <user/lib/x86.h>

extern unsigned boot_cpu;
extern struct nova_utcb *root_utcb;

/* One line of results. */
void result(const char *name, uint64_t ticks);

/* Reports a step that failed; the run then counts as failed. */
void expect(const char *what, enum nova_status status);

/* Average ticks of a statement, after two rounds that fill what is filled on first use. */
#define AVERAGE(name, count, statement)                                                                                            \
    do {                                                                                                                           \
        uint64_t start_, ticks_;                                                                                                   \
        statement;                                                                                                                 \
        statement;                                                                                                                 \
        start_ = nova_tsc();                                                                                                       \
        for (unsigned i_ = 0; i_ < (count); i_++) {                                                                                \
            statement;                                                                                                             \
        }                                                                                                                          \
        ticks_ = nova_tsc() - start_;                                                                                              \
        result(name, (uint32_t)ticks_ / (count));                                                                                  \
    } while (0)

/* A portal handler that replies at once: one instruction or two, no stack. */
void reply_at_once(void);

/* A handler in a PD on a CPU whose events go to `event_base`; a portal to it. */
struct nova_thread *handler_create(nova_word pd, unsigned cpu, nova_word event_base);
nova_word portal_create(const struct nova_thread *handler, void (*entry)(void));
nova_word semaphore_create(void);

/* Portals for startup and exceptions of threads on a CPU; the event base. */
nova_word events_create(unsigned cpu);

/* Second online CPU, or -1. */
int other_cpu(void);

void bench_calls(void);
void bench_memory(void);
void bench_objects(void);
void bench_cross_cpu(void);
void bench_vm(void);

#endif
