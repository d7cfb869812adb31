/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Start of the other CPUs, and how they wait for core. See smp.c.
 */
#ifndef PORTS_X86_SMP_H
#define PORTS_X86_SMP_H

#include "ports/x86/cpu_local.h"

/*
 * What every CPU does for itself before it is online; number and kernel_root are set. The boot CPU does the rest of its part in
 * boot.c.
 */
void smp_cpu_init(unsigned number);

/*
 * Boot CPU: starts every CPU of boot_info.cpu[] and waits until each is online or given up. Pool, local APIC and TSC frequency are
 * there.
 */
void smp_start(void);

/* Boot CPU, after kernel_init: lets the waiting CPUs go on. */
void smp_release(void);

/* VECTOR_SIGNAL on a CPU that has not entered core yet (cpu->core is 0): does so, or waits on. Returns the frame to resume. */
struct frame *smp_enter(struct x86_cpu *cpu);

/* machine_stop has been called; an NMI that comes now only stops this CPU (machine_stop_here). */
extern bool machine_stopping;
_Noreturn void machine_stop_here(void);

#endif
