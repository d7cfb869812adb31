/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The CPU goes on with another EC, or in another address space: what all ways out of the kernel have in common.
 */
#ifndef CORE_RESUME_H
#define CORE_RESUME_H

#include "core/ec.h"

/* Makes the memory of a PD the active one. Returns result, so that the caller can end with this. */
static inline void *space_enter_again(struct cpu *cpu, struct pd *pd, void *result)
{
    cpu->space = pd;
    return mmu_activate(result, &pd->mmu);
}

/* The same for a PD that may be new to this CPU. */
static inline void space_enter(struct cpu *cpu, struct pd *pd)
{
    cpu_set_add(pd->cpus, cpu->number);
    space_enter_again(cpu, pd, 0);
}

/* The CPU goes on with another EC: time is charged. */
static inline void ec_resume(struct cpu *cpu, struct ec *from, struct ec *to, uint64_t now)
{
    POKE(from->time, from->time + now);
    POKE(to->time, to->time - now);
    cpu->resumed = to;
}

#endif
