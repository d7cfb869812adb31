/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Entering a callee: what calls, events and OOM portals have in common. On the CPU of the callee, without locks.
 */
#ifndef CORE_CHAIN_H
#define CORE_CHAIN_H

#include "core/portal.h"

/* Makes portal's EC run with ec as its caller; it is idle and on this CPU. */
static inline void chain_enter(struct cpu *cpu, struct ec *ec, struct portal *portal)
{
    struct ec *callee = portal->ec;
    callee->caller = ec;
    POKE(callee->busy, true);
    callee->frame.arg[0] = GLANCE(portal->id);
    callee->frame.ip = portal->ip;
    POKE(cpu->current, callee);
}

/* A hypercall's result beside the status codes: the frame is not to be touched (the EC blocks, helps, or another one goes on). */
enum { OUTCOME_NONE = 0x100 };

#endif
