/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Calls to portals of another CPU. An SC runs the end of the call chain that begins at its own EC, wherever that is: when the chain leads to a caller A that waits for
 * an EC R of another CPU (WAIT_REMOTE, A->remote_ec == R), the SC goes to that CPU, with its priority and what is left of its slice, and runs R there. When that
 * call is over it goes home and looks again. Nothing is allocated and nothing about the way is remembered, so no call can get lost, whoever helps or dies.
 *
 * A visiting SC has carried == A and start == R, both references, and is in R->visitors. A->remote_ec is set by A's CPU, and cleared, with
 * A->remote_portal, by R's CPU when the call is over, before A is woken: as long as it names R, the visit is good. R->caller == A (a reference) once the call has entered R.
 */
#ifndef CORE_REMOTE_H
#define CORE_REMOTE_H

#include "core/chain.h"
#include "core/message.h"
#include "core/semaphore.h"

/* Starts a call from ec, the current EC, to a portal whose EC is on another CPU: ec is blocked, and its SC follows when it is resolved. */
unsigned remote_call(struct cpu *cpu, struct ec *ec, struct portal *portal);

/* The running SC follows the call of this blocked caller to another CPU. False = the call is just over: nothing to follow. */
bool remote_follow(struct cpu *cpu, struct sc *sc, struct ec *caller);

/* For a running SC that visits: what it can do here. */
enum remote_visit {
    REMOTE_RUN,  /* the call has entered: the chain from start on is to be run */
    REMOTE_BUSY, /* cpu->current has been set: it helps whoever keeps R busy */
    REMOTE_LEFT  /* it sleeps or is on its way home: look at cpu->sc again */
};
enum remote_visit remote_visit(struct cpu *cpu, struct sc *sc);

/*
 * The running SC waits for a busy EC of this CPU: it runs the end of that one's chain, here or where that leads, or sleeps with it. 'self' tries again when its SC is
 * resolved again. False = the SC is not running here any more. If the end of the chain is 'self' (user space has built a circle), nothing can be done: it keeps
 * trying, interruptibly, on its own time.
 */
bool remote_help(struct cpu *cpu, struct ec *self, struct ec *busy);

/* Ends the call of a caller on another CPU with ec's reply, whose message has been copied with this status. */
void remote_reply(struct cpu *cpu, struct ec *ec, struct ec *caller, enum nova_status status, struct semaphore *semaphore);

/* A call that has entered ec did not take place, because ec's PD is short of memory: its caller asks ec's OOM portal, from its own CPU. */
void remote_undo(struct cpu *cpu, struct ec *ec, struct ec *caller);

/* A dying EC's part in calls between CPUs: as the callee, and the part of the end of the chain that starts at it. */
void remote_leave(struct cpu *cpu, struct ec *ec, struct ec *end);

/* On the callee's CPU: callers that died, SCs that are wanted back. */
void remote_look_after(struct cpu *cpu, struct ec *ec);

/* An SC's visit is over; it is in no queue. */
void remote_forget(struct cpu *cpu, struct sc *sc);

#endif
