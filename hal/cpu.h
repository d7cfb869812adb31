/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * CPUs, time and signals between CPUs. The kernel runs with interrupts off on one stack per CPU.
 */
#ifndef HAL_CPU_H
#define HAL_CPU_H

#include "hal/types.h"

/* Number of the executing CPU, 0 .. NOVA_CPUS-1. Any context, also before core runs (then the boot CPU's number, or 0). */
unsigned cpu_number(void);

/* Hint in a spin loop. Any context. */
void cpu_pause(void);

/* Makes CPU 'number' enter the kernel soon (kernel_signal), also from user mode, idle or a guest. Signals may merge. Orders earlier stores before it. */
void cpu_signal(unsigned number);

/* Time stamp counter, the same on all CPUs as far as the machine allows; frequency in boot_info.tsc_khz. Any context. */
uint64_t time_now(void);
#ifdef TIME_NOW /* part of every switch: a port's build may say what it is in place */
#define time_now() TIME_NOW
#endif

/* Asks for kernel_timer on this CPU when time_now() reaches deadline (in the past: at once); replaces the former deadline; all ones = none. */
void timer_set(uint64_t deadline);

/*
 * Reads or writes one of this CPU's registers that user space with the right may see (abi.md section 10; 0 = how deep idle sleeps): *value is read from or written to.
 * False = there is no such register here, or the CPU refused; nothing has changed then. Hypercalls, interrupts off; bounded by a few hundred instructions.
 */
bool cpu_register(word number, bool write, uint64_t *value);

/* Stops this machine for good after a fatal message: no return, other CPUs stop as well as far as they can be reached. Any context. */
_Noreturn void machine_stop(void);

/* Writes text to every console that is up. Any context, also before core runs; the caller (core/lib/log) serialises. */
void console_write(const char *text, size_t length);

#endif
