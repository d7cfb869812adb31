/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * clock: a root task that checks what the kernel does with time, and prints TAP: accounts of SCs and ECs that add up, slices as long as asked for, timeouts by the
 * thousand, wake-ups of other CPUs. Meant for an emulator whose TSC counts instructions: the limits are narrow.
 */
#ifndef CLOCK_H
#define CLOCK_H

#include <user/lib/console.h>
#include <user/lib/event.h>
#include <user/lib/item.h>
#include <user/lib/memory.h>
#include <user/lib/task.h>
#include <user/lib/x86.h>

enum { CPUS_MAX = 8, PRIORITY_CONTROL = 100 };

extern unsigned cpus, cpu_list[CPUS_MAX]; /* the first one is the boot CPU */
extern nova_word freed;                   /* for revoke: memory is free */

/* One line of TAP. */
void check(int good, const char *what);

/* TSC ticks of a number of microseconds; TSC value that far from now; sleeping, and computing, that long. */
uint64_t ticks(unsigned us);
uint64_t deadline_us(unsigned us);
void nap(unsigned us);
void compute(unsigned us);

/* A new semaphore. */
nova_word semaphore(void);

/* Event base of a CPU's threads (by index in cpu_list), and the handler of these events. */
nova_word events_of(unsigned index);
struct nova_thread *event_handler_of(unsigned index);

/* Prepares and starts a thread. */
struct nova_thread *thread_start(unsigned index, unsigned priority, unsigned quantum_us, void (*entry)(void *), void *argument);

void test_accounts(void);
void test_slices(void);
void test_wake_ups(void);
void test_timeouts(void);
void test_signals(void);

#endif
