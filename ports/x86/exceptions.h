/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Between the entry code (ports/ARCH/entry.S, traps.S) and core: the C side of exceptions, interrupts and returns. Everything runs with interrupts off.
 */
#ifndef PORTS_X86_EXCEPTIONS_H
#define PORTS_X86_EXCEPTIONS_H

#include "ports/x86/cpu_local.h"

struct trap_registers; /* ports/ARCH/registers.h */

/* Exceptions, SDM vol. 3, 6.3.1, as far as the port treats them specially. */
enum {
    EXCEPTION_DEBUG = 1,
    EXCEPTION_NMI = 2,
    EXCEPTION_NO_FPU = 7,
    EXCEPTION_DOUBLE_FAULT = 8,
    EXCEPTION_PROTECTION = 13,
    EXCEPTION_PAGE_FAULT = 14,
    EXCEPTION_MACHINE_CHECK = 18,
    EXCEPTION_LAST = 29 /* last one that can become an event */
};

/* Labels of the entry stubs. */
extern const char exception_stubs[], interrupt_stubs[];
enum { EXCEPTION_STUB_SIZE = 16, INTERRUPT_STUB_SIZE = 8 };

/* Each returns the frame to resume, or 0 for the interrupt window, as hal/upcall.h says. An exception of user mode, whose registers are in cpu->frame: */
struct frame *trap_user(struct x86_cpu *cpu, unsigned vector, word error);
/* An interrupt (vector 32-255) of user mode, of idle_wait or of the window: */
struct frame *trap_interrupt(struct x86_cpu *cpu, unsigned vector);
/* cpu->frame would go on at or above the user limit: */
struct frame *trap_limit(struct x86_cpu *cpu);
/* A virtual CPU is to be resumed: */
struct frame *trap_resume_vcpu(struct x86_cpu *cpu, struct frame *frame);

/* Exception of the kernel itself, or NMI or machine check at any place. If it returns, the interrupted context goes on with the registers as changed. */
void trap_kernel(struct trap_registers *registers);

/* A debug exception of the kernel itself: can only be user mode's TF flag that came along (ports/ARCH/entry_registers.c). */
void trap_kernel_debug(struct trap_registers *registers);

/* 32 bit: body of the double fault task. */
_Noreturn void trap_double_fault(void);

/* Waits for an interrupt with interrupts on, for ever; an interrupt gives this context up. Called on the empty stack with interrupts off. */
_Noreturn void idle_wait(struct x86_cpu *cpu);

/*
 * What runs virtual CPUs puts itself here: prepares the guest and enters it, or returns what to resume instead; what an exit, whose registers are in
 * cpu->frame, leads to. vcpu_exit always comes first: a frame that needs nothing but a fast return, or 0: vcpu_exit_rest does it. 0 = there are no virtual
 * CPUs, so core never resumes one.
 */
extern struct frame *(*vcpu_resume)(struct x86_cpu *cpu, struct frame *frame);
extern struct frame *(*vcpu_exit)(struct x86_cpu *cpu);
extern struct frame *(*vcpu_exit_rest)(struct x86_cpu *cpu);

#endif
