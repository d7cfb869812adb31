/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Start of the other CPUs, and how they wait for core. See smp.c.
 */
#ifndef PORTS_X86_SMP_H
#define PORTS_X86_SMP_H

#include "hal/types.h"

/* Boot CPU: starts every CPU of boot_info.cpu[] and waits until each is online or given up. Pool and local APIC are up. */
void smp_start(void);

/* Boot CPU, after kernel_init: lets the waiting CPUs go on to kernel_start. */
void smp_release(void);

/* machine_stop has been called; an NMI that comes now only stops this CPU (machine_stop_here). */
extern bool machine_stopping;
_Noreturn void machine_stop_here(void);

#endif
