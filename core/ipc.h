/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Call and reply. Between ECs of one CPU without locks: nobody else changes their call chains. Between CPUs see remote.h.
 */
#ifndef CORE_IPC_H
#define CORE_IPC_H

#include "core/remote.h"

/* Calls a portal for ec, the current EC. Status, or OUTCOME_NONE. no_block: do not wait for a busy callee. */
unsigned ipc_call(struct cpu *cpu, struct ec *ec, struct portal *portal, bool no_block);

/* TODO_RECEIVE: the handler goes on with the typed items of the call that entered it. When the call turns out to be impossible, the caller is told as by ipc_call. */
void ipc_receive(struct cpu *cpu, struct ec *ec);

/* The current EC's hypercall has done a bounded part of its work: it is repeated after an interrupt window. */
static inline unsigned hypercall_again(struct cpu *cpu, struct ec *ec)
{
    ec->todo = TODO_HYPERCALL;
    cpu->pending |= PENDING_WINDOW;
    return OUTCOME_NONE;
}

/* Replies for ec, the current EC; semaphore 0 or what the caller has to wait for before it repeats its call. */
void ipc_reply(struct cpu *cpu, struct ec *ec, struct semaphore *semaphore);

/* Sets cpu->current to what cpu->sc runs now; picks other SCs as long as the chosen one has nothing to run. */
void ipc_resolve(struct cpu *cpu);

/* Kills ec with one line in the log: what happened, where. */
void ec_kill(struct cpu *cpu, struct ec *ec, const char *why);

#endif
