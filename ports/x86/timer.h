/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The CPU's one timer (timer_set of hal/cpu.h): TSC deadline or the local APIC's one-shot counter.
 */
#ifndef PORTS_X86_TIMER_H
#define PORTS_X86_TIMER_H

#include "hal/types.h"

/*
 * Boot CPU: chooses the way and, for the one-shot counter, takes its rate from tsc.c. Then every CPU: sets its timer entry up,
 * nothing armed.
 */
void timer_choose(void);
void timer_cpu_init(void);

/*
 * Handler of VECTOR_TIMER: true if the deadline has really passed (then call kernel_timer); otherwise the rest has been armed. EOI
 * is the caller's.
 */
bool timer_interrupt(void);

#endif
