/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the threads of parallel.c do next.
 */
#ifndef TESTS_MODEL_PARALLEL_H
#define TESTS_MODEL_PARALLEL_H

#include "model.h"

enum {
    CPUS = 4,
    ROUND = 40,
    MEMORY = 0x5200,
    PORTS = 0x300,
    PDS = 0x100,
    KEPT = 0x1000,
    OBJECTS = 0x40,
    QUOTA = 150,
    THREAD_UTCB = 0x50000,
    CALLED_UTCBS = 0x58000, /* + CPU: handlers in every PD */
    CALLED =
        5, /* of a PD in root: its handlers, and (with a place between them: no out-of-memory portals) the portals to them; + CPU */
    CALLED_PORTALS = 10,
    CALLS = 0x90 /* of a PD: portals to the handlers of PD n, + n */
};
#define CALLED_IP ((word)0x400300)

static inline struct nova_utcb *utcb_at(unsigned cpu, word address) { return user_pointer(cpu, address, MMU_READ | MMU_WRITE); }

static inline word own_utcb(unsigned cpu) { return cpu ? THREAD_UTCB << 12 : NOVA_ROOT_UTCB_ADDRESS; }

/* Before anything else, while CPU 0 runs root. */
void steps_begin(void);

/* A random hypercall of the CPU's thread, which is not a call of a handler without 'calls'; the reply of the handler that runs there. */
void next_call(struct random_source *random, unsigned cpu, word *arg, bool calls);
void next_reply(struct random_source *random, unsigned cpu, word *arg);

/* Now and then the account of one of the PDs is short for a while. All CPUs are outside. */
struct shortage {
    void *pd; /* 0 = none is */
    word taken;
};
struct shortage shortage_begin(struct random_source *random);
void shortage_end(struct shortage *shortage);

#endif
