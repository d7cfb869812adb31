/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Deadlines of one CPU, by TSC value, in a tree: O(log n). A timeout is armed, fires and is cancelled on its own CPU.
 */
#ifndef CORE_TIMEOUT_H
#define CORE_TIMEOUT_H

#include "core/cpu.h"

struct timeout {
    struct treap node;
    bool armed;
    void (*fire)(struct cpu *cpu, struct timeout *timeout);
};

/* fire is called when the deadline (TSC) has passed; the timer is updated when an SC is picked next. */
void timeout_arm(struct cpu *cpu, struct timeout *timeout, uint64_t deadline);
void timeout_cancel(struct cpu *cpu, struct timeout *timeout);

/* Fires what is due; of very many only some: the timer comes for the next ones at once. */
void timeout_expire(struct cpu *cpu);

#endif
