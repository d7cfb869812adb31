/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Moving a thread to another CPU (abi.md section 6, ec_ctrl 4), by the handler of an event that it waits for. The thread goes on in a new EC with a new SC; the
 * old EC stays as the handler's caller, and the old SC pays for the handler, until the handler replies or dies. Both are named by the kernel alone from then on
 * (old EC: successor, left_sc), and so are the new ones until the capabilities of the old ones are gone and theirs are in place (successor_sc).
 */
#ifndef CORE_MIGRATE_H
#define CORE_MIGRATE_H

#include "core/hypercall.h"

unsigned hypercall_migrate(struct cpu *cpu, struct ec *ec, word *arg);

#endif
