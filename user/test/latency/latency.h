/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * latency: a root task that builds what makes a kernel's paths long (crowds of threads, long call chains, deep and wide derivations, full tables) and then
 * ends it in one go. How long the kernel runs with interrupts off meanwhile is measured from outside (doc/measuring.md); here the results are
 * checked. Words of the command line: only=NAME runs one case, scale=N makes everything N per cent as large.
 */
#ifndef LATENCY_H
#define LATENCY_H

#include <user/lib/console.h>
#include <user/lib/event.h>
#include <user/lib/item.h>
#include <user/lib/memory.h>
#include <user/lib/string.h>
#include <user/lib/task.h>
#include <user/lib/x86.h>

extern unsigned boot_cpu, other_cpu; /* the same if there is one CPU */
extern nova_word freed;              /* a semaphore for the memory of what is revoked */

/* Counts what went wrong in this case. */
void expect(const char *what, nova_word got, nova_word want);

/* That many, as the command line scales it. */
unsigned scaled(unsigned count);

/* TSC value some microseconds from now; sleeping until then. */
uint64_t deadline_us(unsigned us);
void nap(unsigned us);

/* Event base for threads of a CPU. */
nova_word events_of(unsigned cpu);

/* Revokes from everybody and waits until the memory is free. */
void destroy(nova_word crd);

/* Delegates one range between two PDs; flags as in nova_delegate_range. */
enum nova_status grant(nova_word from, nova_word to, enum nova_crd_type type, nova_word source, nova_word target, unsigned order,
                       unsigned perm, unsigned flags);

/* The cases (threads.c, rights.c). */
void waiters_here(void);
void waiters_there(void);
void timeouts(void);
void helpers_here(void);
void helpers_there(void);
void long_chain(void);
void broken_chain(void);
void dying_threads(void);
void ready_threads(void);
void signals(void);
void wide_memory(void);
void crowded_range(void);
void deep_memory(void);
void many_ranges(void);
void scattered_tables(void);
void large_memory(void);
void many_objects(void);
void deep_objects(void);
void full_message(void);
void short_message(void);
void ports(void);

#endif
