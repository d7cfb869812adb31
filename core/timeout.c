/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The first timeout of the tree decides what the timer is set to; see run_queue.h.
 */
#include "core/timeout.h"

void timeout_arm(struct cpu *cpu, struct timeout *timeout, uint64_t deadline)
{
    timeout->node.key = deadline;
    timeout->armed = true;
    treap_insert(&cpu->timeouts, &timeout->node);
}

void timeout_cancel(struct cpu *cpu, struct timeout *timeout)
{
    if (!timeout->armed)
        return;
    timeout->armed = false;
    treap_remove(&cpu->timeouts, &timeout->node);
}

/* What one costs, roughly. */
enum { FIRE_WORK = 400 };

void timeout_expire(struct cpu *cpu)
{
    uint64_t now = time_now();
    for (struct treap *first; (first = treap_first(cpu->timeouts)) && first->key <= now;) {
        struct timeout *timeout = CONTAINER(first, struct timeout, node);
        timeout_cancel(cpu, timeout);
        timeout->fire(cpu, timeout);
        if (!cpu_work(cpu, FIRE_WORK))
            return;
    }
}
