/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The parts of the random test: random.c (rounds), random_steps.c (what a thread does), random_root.c (what root builds and destroys).
 */
#ifndef TESTS_RANDOM_H
#define TESTS_RANDOM_H

#include "hosted.h"

#include <nova/crd.h>
#include <nova/hypercall.h>
#include <nova/utcb.h>

enum { CPUS = 4, STATUSES = NOVA_QUO_OOM + 2 };

struct random_state {
    unsigned long state;
    unsigned long long migrations;              /* that worked */
    unsigned long long exits;                   /* of guests */
    unsigned long long calls, status[STATUSES]; /* the last: did not return at once */
};
extern struct random_state random_state[CPUS];

unsigned long random_u64(struct random_state *random);
unsigned random_below(struct random_state *random, unsigned limit);
void random_trace(const char *format, ...) __attribute__((format(printf, 1, 2)));
_Noreturn void random_fail(const char *what);

/* Where things are. Root: its objects of a round in [BASE, BASE + 256). In the PDs the same objects are at selector - BASE. */
enum {
    BASE = 0x100,
    PDS = 2,
    O_PD = 0x00,     /* + pd */
    O_LOCAL = 0x08,  /* + 2 * cpu + pd */
    O_GLOBAL = 0x10, /* + 3 * cpu + n */
    O_SC = 0x20,     /* + 3 * cpu + n */
    O_VCPU = 0x0f,   /* + cpu */
    O_VCPU_SC = 0x1f,
    O_PORTAL = 0x30, /* + 2 * cpu + pd: call portals */
    O_SM = 0x38,     /* + n */
    O_EVENTS = 0x40, /* + 32 * cpu + event: event base of the threads of a CPU */
    O_END = 0xc0,
    MEMORY = 0x5200, /* pages */
    MEMORY_ORDER = 5
};
#define HANDLER_IP ((word)ROOT_TEXT + 0x100)
#define THREAD_IP ((word)ROOT_TEXT + 0x200)
#define UTCB_BASE ((word)0x10000000)

/* A step of whoever runs on the CPU. */
void random_step(struct random_state *random, unsigned cpu);

/* Any word, a likely selector, a likely CRD. */
word random_word(struct random_state *random);
word random_selector(struct random_state *random);
word random_crd(struct random_state *random);

struct round_base {
    word used, limit, pages;
};
void root_build(struct random_state *random);
void root_step(struct random_state *random);
void root_clear(void);
struct round_base root_usage(void);

/* A hypercall that is counted and checked. */
word random_call(struct random_state *random, unsigned cpu, word arg1, word arg2, word arg3, word arg4, word arg5);

#endif
