/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * If the end of the chain is the one who wants to call, nothing can be done (user space has built a circle): it keeps trying, interruptibly, on its own time.
 */
#include "core/chain.h"

#include "core/schedule.h"

void chain_help(struct cpu *cpu, struct ec *self, struct ec *busy)
{
    struct ec *end = ec_chain_end(busy);
    if (end->blocked) {
        schedule_sleep(cpu);
        list_append(&end->sleepers, &cpu->sc->link);
    } else if (end != self && !end->gone) {
        cpu->sc->helping = true;
        cpu->current = end;
    }
}
