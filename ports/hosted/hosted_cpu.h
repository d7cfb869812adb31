/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A virtual CPU as cpu.c (whose turn it is) and entry.c (what it does in the kernel) know it. What other threads look at is read and written by atomic operations.
 */
#ifndef HOSTED_CPU_H
#define HOSTED_CPU_H

#include "fiber.h"
#include "hosted.h"

struct hosted_cpu {
    struct fiber fiber;
    struct cpu *core;
    struct frame *current;  /* what user mode runs */
    struct frame *switched; /* what frame_switch prepared */
    bool switched_used;     /* its fpu_used */
    bool inside;            /* in the kernel: running or spinning */
    bool in_kernel;         /* between entry and resume, for checks */
    bool signal;
    bool idle; /* outside of the kernel, with nothing to run: for other threads to see */
    uint64_t deadline;
    uint64_t gsis; /* pending device interrupts */
    /* the request that the coroutine takes up */
    enum entry entry;
    unsigned number;
    word error, address;
    unsigned long windows;
};

unsigned cpu_index(const struct hosted_cpu *cpu);

/* Time goes on. */
void time_pass(uint64_t ticks);

/* The kernel from the requested entry to the frame that it resumes, with all windows in between; on the CPU's own stack. */
void cpu_kernel_run(struct hosted_cpu *cpu);

#endif
