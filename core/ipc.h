/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Call and reply between ECs of one CPU, and helping. All on the CPU of the ECs, without locks: nobody else changes a call chain.
 */
#ifndef CORE_IPC_H
#define CORE_IPC_H

#include "core/portal.h"
#include "core/semaphore.h"

/* A hypercall's result beside the status codes: the frame is not to be touched (the EC blocks, helps, or another one goes on). */
enum { OUTCOME_NONE = 0x100 };

/* Calls a portal for ec, the current EC. Status, or OUTCOME_NONE. no_block: do not wait for a busy callee. */
unsigned ipc_call(struct cpu *cpu, struct ec *ec, struct portal *portal, bool no_block);

/* Replies for ec, the current EC; semaphore 0 or what the caller has to wait for before it repeats its call. */
void ipc_reply(struct cpu *cpu, struct ec *ec, struct semaphore *semaphore);

/* Makes portal's EC run with ec as its caller; it is idle and on this CPU. */
static inline void ipc_enter(struct cpu *cpu, struct ec *ec, struct portal *portal)
{
    struct ec *callee = portal->ec;
    callee->caller = ec;
    callee->busy = true;
    ec->callee = callee;
    callee->frame.arg[0] = portal->id;
    callee->frame.ip = portal->ip;
    callee->frame.resume = RESUME_HYPERCALL;
    cpu->current = callee;
}

/* ec waits for a busy EC: its SC runs the end of that one's chain, or sleeps with it. ec tries again when it is chosen again. */
void ipc_help(struct cpu *cpu, struct ec *ec, struct ec *busy);

/* Sets cpu->current to what cpu->sc runs now; picks other SCs as long as the chosen one has nothing to run. */
void ipc_resolve(struct cpu *cpu);

/* Kills ec with one line in the log: what happened, where. */
void ec_kill(struct cpu *cpu, struct ec *ec, const char *why);

#endif
