/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Inbox handlers of ECs and SCs (ec.h, sc.h name them), and the end of dead SCs.
 */
#ifndef CORE_ARRIVE_H
#define CORE_ARRIVE_H

#include "core/remote.h"

/* Lets go of the SCs that schedule has dropped because they are dead. */
void arrive_settle(struct cpu *cpu);

#endif
