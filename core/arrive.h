/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What an EC's or SC's CPU does with the word that others left, and the end of dead SCs.
 */
#ifndef CORE_ARRIVE_H
#define CORE_ARRIVE_H

#include "core/remote.h"

/* Inbox handlers, given to every EC and SC when it is made. */
void ec_arrive(struct cpu *cpu, struct inbox_item *item);
void sc_arrive(struct cpu *cpu, struct inbox_item *item);

/* The end of a dead EC, on its own CPU: it leaves its call chain; false = the chain is long: again, after a window. For who finds it dead before its inbox item has come; at any time, any number of times. */
bool ec_leave(struct cpu *cpu, struct ec *ec);

/* Lets go of the SCs that schedule has dropped because they are dead. */
void arrive_settle(struct cpu *cpu);

#endif
