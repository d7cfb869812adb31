/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The demo's parts: the HIP as a table (table.c), the second protection domain with its service (service.c), and the callers,
 * one thread on every CPU (demo.c).
 */
#ifndef DEMO_H
#define DEMO_H

#include <user/lib/console.h>
#include <user/lib/event.h>
#include <user/lib/memory.h>
#include <user/lib/task.h>

enum { CALLS_PER_CPU = 8 };

/* What the demo knows of each online CPU; lives in shared memory, filled in by the thread of that CPU. */
struct worker {
    unsigned cpu;               /* number in the HIP */
    struct nova_thread *events; /* handler of startup and exceptions */
    struct nova_thread *service;
    struct nova_thread *thread;
    nova_word event_base, portal;
    unsigned calls, right; /* made, and answered as they should be */
    uint64_t ticks;        /* of all calls together */
    const char *wrong;     /* what the first wrong reply was about */
    nova_word got, want;
};

/* Reply of the service, word by word. */
enum { REPLY_COUNT, REPLY_SUM, REPLY_NUMBER, REPLY_CPU, REPLY_WORDS };

/* Prints the hypervisor information page. */
void table_print(const struct nova_hip *hip);

/* Creates the PD, shares with it what it needs, and makes a portal for every worker. Prints why, if it fails. */
int service_create(struct worker *workers, unsigned count);

/* Ends the demo after its last line: leaves the emulator if the command line says so, else sleeps for good. */
__attribute__((noreturn)) void demo_end(int good);

#endif
