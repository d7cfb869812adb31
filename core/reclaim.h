/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Grace periods: what other CPUs may still be looking at is freed only when each CPU has left the kernel once since it was retired.
 * A CPU leaves the kernel = it is quiescent = it holds no pointer to anything without a reference. No locks: each CPU has its own lists.
 */
#ifndef CORE_RECLAIM_H
#define CORE_RECLAIM_H

#include "core/cpu.h"
#include "core/lib/bits.h"

/* What can be retired carries an item; its class knows how to free it. 'class' stays readable until then. */
struct reclaim_item {
    struct reclaim_item *next;
    const struct reclaim_class *class;
};

struct reclaim_class {
    void (*free)(struct cpu *cpu, struct reclaim_item *item);
};

/* Frees the item after a grace period. No new pointer to it can be found any more. */
void reclaim_retire(struct cpu *cpu, struct reclaim_item *item);

/* Called when the CPU is about to leave the kernel and PENDING_RECLAIM is set: reports quiescence, frees what is due, starts the next grace period. */
void reclaim_poll(struct cpu *cpu);

#endif
