/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * siege: a root task whose domains do whatever comes to their mind. Each CPU has a keeper, which makes a domain (a victim), lets its threads make
 * random hypercalls and execute what a program should not, disturbs them, and ends it all. The kernel must survive that, give back every page, and let the keepers go on.
 * A victim runs this program's text, and has beside it only pages of its own: its functions may use no variable of the program.
 */
#ifndef SIEGE_H
#define SIEGE_H

#include <user/lib/console.h>
#include <user/lib/item.h>
#include <user/lib/task.h>
#include <user/lib/x86.h>

enum {
    SLOTS = 8,        /* stacks and UTCBs of a victim; the keeper makes threads on the first ones, the victim uses any */
    THREADS = 3,      /* made by the keeper: two on its CPU, one on the next */
    STACK_ORDER = 1,  /* pages of a stack (NOVA_STACK_SIZE) */
    SPARE_PAGES = 16, /* nothing in particular */
    PAGES = (SLOTS << STACK_ORDER) + SPARE_PAGES,
    PAGES_ORDER = 5,
    PORT = 0x80,
    SELECTORS = 256 /* that a victim uses; it starts with these: */,
    SEL_PD = 0,
    SEL_SM = 1,
    SEL_EVENTS = 64, /* of the keeper's CPU, then those of the next */
    SEL_THREADS = 128
};
_Static_assert(PAGES == 1 << PAGES_ORDER, "one item");

/* Addresses in a victim. */
#define VICTIM_STACKS ((nova_word)0x50000000)
#define VICTIM_SPARE (VICTIM_STACKS + (nova_word)SLOTS * NOVA_STACK_SIZE)
#define VICTIM_UTCBS ((nova_word)0x51000000)

/* What a victim finds in struct nova_thread.user of each slot. */
enum { USER_RANDOM, USER_CPUS, USER_DONE };

static inline nova_word random_next(nova_word *state)
{
    uint32_t x = (uint32_t)*state; /* xorshift; never 0 */
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    *state = x;
    return x;
}

static inline struct nova_thread *slot_thread(nova_word stacks, unsigned slot)
{
    return nova_stack_thread((void *)(stacks + (nova_word)slot * NOVA_STACK_SIZE));
}

/* Runs on a victim's stack, never returns. */
void victim_main(void);

/* Portal entry in a victim. */
void victim_portal(void);

/* Something that a program should not do. */
void victim_instruction(nova_word *random);

/* An address, a CRD, a number: what comes. */
nova_word victim_word(nova_word *random);

#endif
