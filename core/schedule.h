/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which SC has the CPU: 128 priorities, round robin inside one, the next in O(1). Everything here is called on the SC's own CPU; others post to its inbox.
 */
#ifndef CORE_SCHEDULE_H
#define CORE_SCHEDULE_H

#include "core/sc.h"

/* Puts a new, sleeping or stopped SC into its ready queue; asks for a switch if it goes first. A dead one is dropped instead. */
void schedule_ready(struct cpu *cpu, struct sc *sc);

/* The same for the first of a list of sleeping SCs; for all in cpu->stirred, some at a time (PENDING_STIRRED). */
void schedule_wake(struct cpu *cpu, struct list *sleepers);
void schedule_stirred(struct cpu *cpu);

/* The running SC stops here (state SC_ASLEEP, the caller links it where it belongs); another one must be picked before the kernel is left. */
void schedule_sleep(struct cpu *cpu);

/* Starts an SC that is new or comes from another CPU, takes a dead one out of its queue. */
void schedule_arrive(struct cpu *cpu, struct sc *sc);

/* Takes an SC out of whatever it is in here, with a new state; false = it was dead and has been dropped. If it was running, another one has been picked. */
bool schedule_remove(struct cpu *cpu, struct sc *sc, enum sc_state state);

/* Whether the time of an SC counts as a visitor's, from now on. */
void schedule_visits(struct cpu *cpu, struct sc *sc, bool visits);

/* Charges the running SC and gives the CPU to the first ready one, or to the idle SC. */
void schedule_pick(struct cpu *cpu);

/* The running SC gives up the rest of its slice. */
static inline void schedule_yield(struct cpu *cpu)
{
    cpu->sc->allowed = 0;
    cpu->visit_end = 0;
    cpu->pending |= PENDING_SCHEDULE;
}

#endif
