/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Single-step and breakpoints by debug registers.
 */
#include "guest.h"

enum { TRAP_FLAG = 0x100, STEP = 1 << 14, HIT_0 = 1, DR7_WRITE_0 = 0xd0402, DR7_OFF = 0x400 };

#if BITS == 64
#define FLAGS_ON "pushfq; orl $0x100, (%%rsp); popfq\n\t"
#define FLAGS_OFF "pushfq; andl $~0x100, (%%rsp); popfq\n\t"
#else
#define FLAGS_ON "pushfl; orl $0x100, (%%esp); popfl\n\t"
#define FLAGS_OFF "pushfl; andl $~0x100, (%%esp); popfl\n\t"
#endif

void test_step(void)
{
    unsigned before = trap_counts[1];
    dr6_write(0);
    /* Steps: three NOPs, then PUSHF, AND, and POPF, which turns it off but is stepped over still. */
    __asm__ volatile(FLAGS_ON "nop; nop; nop\n\t" FLAGS_OFF "nop; nop" : : : "memory", "cc");
    check("single-step: instructions", trap_counts[1] - before, 6);
    check("single-step: DR6", dr6_read() & STEP, STEP);
    check("single-step: the last one is behind POPF", trap.flags & TRAP_FLAG, 0);
}

static volatile uint32_t watched;

void test_breakpoints(void)
{
    word before = trap_counts[1];
    dr6_write(0);
    dr0_write((word)&watched);
    dr7_write(DR7_WRITE_0);
    watched = 1;
    check("breakpoint on a write", trap_counts[1] - before, 1);
    check("breakpoint: DR6", dr6_read() & HIT_0, HIT_0);
    dr7_write(DR7_OFF);
    watched = 2;
    check("... and off again", trap_counts[1] - before, 1);
    check("dr0 is kept over events", (cpuid(0, 0), dr0_read()), (word)&watched);
    dr6_write(0);
}

/* The trap behind an instruction that the monitor does is the monitor's, too. */
void test_step_over(void)
{
    unsigned before = trap_counts[1];
    __asm__ volatile(FLAGS_ON "cpuid\n\t" FLAGS_OFF "nop" : : "a"(0), "c"(0) : "ebx", "edx", "memory", "cc");
    check("single-step over cpuid", trap_counts[1] - before, 4);
    before = trap_counts[1];
    __asm__ volatile(FLAGS_ON "outb %%al, %%dx; inb %%dx, %%al\n\t" FLAGS_OFF "nop" : : "a"(0x77), "d"(0x3ff) : "memory", "cc");
    check("single-step over out and in", trap_counts[1] - before, 5);
    before = trap_counts[1];
    __asm__ volatile(FLAGS_ON "rdmsr\n\t" FLAGS_OFF "nop" : : "c"(0x174) : "eax", "edx", "memory", "cc");
    check("single-step over rdmsr", trap_counts[1] - before, 4);
    check("... the last one is behind POPF", trap.flags & TRAP_FLAG, 0);
}
