/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Dropping cached translations on all CPUs that may hold them. The caller holds no lock: a CPU that waits here serves the requests of others meanwhile,
 * a CPU that spins for a lock does not.
 */
#ifndef CORE_SHOOTDOWN_H
#define CORE_SHOOTDOWN_H

#include "core/cpu.h"
#include "core/range_space.h"

/* Spaces whose mappings lost rights; collected under locks, flushed afterwards. */
enum { STALE_MAX = 8 };
struct stale_set {
    struct {
        struct range_space *space;
        word page, count; /* count 0 = everything */
    } entry[STALE_MAX];
    unsigned count;
    bool everything; /* more spaces than entries: all CPUs drop all */
};

static inline void stale_init(struct stale_set *set)
{
    set->count = 0;
    set->everything = false;
}

void stale_add(struct stale_set *set, struct range_space *space, word page, word count);

/* When it returns, no CPU uses what was collected. */
void shootdown(struct cpu *cpu, const struct stale_set *set);

/* The same for one range of a space of memory. */
void shootdown_one(struct cpu *cpu, struct range_space *space, word page, word count);

/* Does what others asked this CPU for. Called for PENDING_FLUSH and while waiting. */
void shootdown_serve(struct cpu *cpu);

/* This CPU is about to use the space's page tables. */
static inline void cpu_set_add(word *cpus, unsigned number)
{
    word bit = (word)1 << number % (8 * sizeof(word)), *set = cpus + number / (8 * sizeof(word));
    if (!(__atomic_load_n(set, __ATOMIC_RELAXED) & bit))
        __atomic_fetch_or(set, bit, __ATOMIC_SEQ_CST);
}

static inline bool cpu_set_has(const word *cpus, unsigned number)
{
    return __atomic_load_n(cpus + number / (8 * sizeof(word)), __ATOMIC_RELAXED) >> number % (8 * sizeof(word)) & 1;
}

#endif
