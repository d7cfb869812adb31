/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Calls to portals of another CPU: the caller's SC itself goes there, with its priority and what is left of its slice, runs the callee as if it were at home, and comes
 * back with the reply. Nothing is allocated for it, so no call can get lost for want of anything.
 *
 * A = the caller, blocked on its own CPU (WAIT_REMOTE). S = the SC: S->carried == A from the moment it leaves until it is back. On the callee's CPU S is in
 * callee->visitors; first S->entering (the callee may be busy), then S->start == callee and callee->caller == A. S->carried and callee->caller are references.
 */
#ifndef CORE_REMOTE_H
#define CORE_REMOTE_H

#include "core/message.h"
#include "core/chain.h"
#include "core/semaphore.h"

/* Starts a call from ec, the current EC, to a portal whose EC is on another CPU. The running SC leaves this CPU. */
void remote_call(struct cpu *cpu, struct ec *ec, struct portal *portal);

/* Resolves a running SC that is still entering: enters the callee, helps it, or sends the SC home with an error. */
void remote_enter(struct cpu *cpu, struct sc *sc);

/* A dying EC's part in calls between CPUs: as the callee, and as the last caller of the chain that starts at it. */
void remote_leave(struct cpu *cpu, struct ec *ec);

/* SCs that visit this EC for callers that are gone or want them back go home. */
void remote_look_after(struct cpu *cpu, struct ec *ec);

/* The callee's reply to a caller on another CPU. */
void remote_reply(struct cpu *cpu, struct ec *ec, struct ec *caller, struct semaphore *semaphore);

#endif
