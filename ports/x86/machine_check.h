/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Machine checks: hardware errors that the CPU found. They may come at any instruction, also inside the log's lock.
 */
#ifndef PORTS_X86_MACHINE_CHECK_H
#define PORTS_X86_MACHINE_CHECK_H

#include "ports/x86/cpu_local.h"

/* Handler: returns if the interrupted code can go on; the log line may come later (cpu->machine_checks), otherwise a fatal message. */
void machine_check(struct x86_cpu *cpu, bool user);

/* Writes the log line of machine checks that came where no line could be written. From an interrupt. */
void machine_check_report(struct x86_cpu *cpu);

#endif
