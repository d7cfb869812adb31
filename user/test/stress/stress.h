/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * stress: a root task with 16 threads on each CPU that call portals on all CPUs, wait, and wake each other, while others are created, recalled,
 * moved and destroyed. Stable threads and servers must never see anything but the right answer; what is destroyed on purpose ("doomed") may
 * fail in the ways that the interface names. Random numbers come from a seed on the command line.
 */
#ifndef STRESS_H
#define STRESS_H

#include <user/lib/console.h>
#include <user/lib/event.h>
#include <user/lib/item.h>
#include <user/lib/memory.h>
#include <user/lib/string.h>
#include <user/lib/task.h>
#include <user/lib/x86.h>

enum {
    CPUS_MAX = 8,
    SERVERS = 4,
    DOOMED = 2,
    CALLERS = 7,
    VICTIMS = 3,
    STABLE = CALLERS + 6 /* and mover, ping, pong, waiter, churner, recaller */
};

/* A thread that comes and goes, or stays. Its nova_thread, with stack, UTCB and selectors, is used again and again. */
struct actor {
    struct nova_thread *thread;
    struct cpu_state *cpu; /* whose actor it is; the thread may run on another CPU */
    unsigned index;
    uint32_t random;
    volatile nova_word rounds; /* grows as long as it lives */
    nova_word seen;            /* rounds, when the root EC last looked */
    uint64_t seen_at;
    nova_word event_base;           /* of a mover: its own, as its handler changes */
    volatile nova_word here, moved; /* of a mover: index of its CPU; it is at its new one */
};

/* A portal handler with one portal; semaphore: for replies that make the caller come again. */
struct server {
    struct nova_thread *thread;
    nova_word portal, semaphore, level;
    volatile nova_word calls, wrong;
};

struct cpu_state {
    unsigned cpu;
    nova_word event_base; /* portals for events of threads on this CPU */
    struct nova_thread *events;
    volatile nova_word recalls;
    struct server servers[SERVERS], doomed[DOOMED];
    struct actor stable[STABLE], victims[VICTIMS];
    nova_word ping, pong, timed, nap, freed; /* semaphores */
    volatile nova_word pings, pongs, pong_stop, ups, downs, timeouts;
    volatile nova_word called, refused, created, recalled, moves, faults;
};

/* What a run leaves out, to find out what a failure depends on: words no-NAME of the command line. */
struct leave_out {
    unsigned nesting, again, doomed, recalls, births, ups;
};
extern struct leave_out leave_out;

extern struct cpu_state states[CPUS_MAX];
extern unsigned cpus;
extern volatile int started, stop; /* all stable threads exist; all are to end */
extern nova_word finished;
extern volatile nova_word failures;

/* Counts a failure, and prints the first ones. */
void fail(const struct actor *actor, const char *what, nova_word got, nova_word want);

/* 16 random bits. */
unsigned random_next(uint32_t *state);

/* TSC value some microseconds from now. */
uint64_t deadline_us(unsigned us);

/* (Re)creates a server on a CPU: EC, portal, portal id = address of the struct. */
enum nova_status server_create(struct server *server, unsigned cpu);

/* Event base for ECs of a CPU. */
nova_word events_of(unsigned cpu);

/* Portal entry for recall events (main.c); id: index of the CPU. */
void recall_event(void);

/* What the stable threads do (roles.c). */
void role_caller(void *actor);
void role_mover(void *actor);
void role_ping(void *actor);
void role_pong(void *actor);
void role_waiter(void *actor);
void role_churner(void *actor);
void role_recaller(void *actor);
void role_victim(void *actor);

/* The portals of a mover's events lead to the handler of this CPU (index) from now on; its OOM portal, too. */
enum nova_status mover_portals(struct actor *actor, unsigned index);

/* Starts an actor's thread on a CPU. */
enum nova_status actor_start(struct actor *actor, unsigned cpu, void (*role)(void *), unsigned priority);

#endif
