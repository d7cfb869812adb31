/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Exceptions and software interrupts of the guest, which it handles itself: vector, error code, where it goes on.
 */
#include "guest.h"

/* bound %eax, (%ecx): assemblers do not agree on how to write it. */
#if BITS == 16
#define BOUND ".byte 0x66, 0x67, 0x62, 0x01"
#else
#define BOUND ".byte 0x62, 0x01"
#endif

static void faults(void)
{
    check("divide error", TRIES("divl %%ecx", : : "a"(1), "d"(0), "c"(0)), 0);
    check("invalid opcode", TRIES("ud2"), 6);
    word before = trap_counts[6];
    for (unsigned i = 0; i < 100; i++)
        TRIES("ud2");
    check("100 invalid opcodes", trap_counts[6] - before, 100);
#if BITS != 16
    check("general protection: selector", TRIES("mov %0, %%fs", : : "r"(0xff8)), 13);
    check("... error code", trap.error, 0xff8);
#if BITS == 32
    check("general protection: no selector", TRIES("mov %0, %%ss", : : "r"(0)), 13);
    check("... error code", trap.error, 0);
#endif
    descriptor_set(TSS_3, 0, 0xfffff, 0x13); /* data, not present */
    check("segment not present", TRIES("mov %0, %%fs", : : "r"(TSS_3)), 11);
    check("... error code", trap.error, TSS_3);
#endif
#if BITS == 64
    check("not canonical", TRIES("movb (%%rbx), %%al", : : "b"((word)1 << 63) : "rax"), 13);
#endif
}

static void traps(void)
{
    word before = trap.count;
    __asm__ volatile("int3");
    check("breakpoint", trap.vector, 3);
    __asm__ volatile("int $0x50");
    check("software interrupt", trap.vector, SOFT);
    check("... one trap each", trap.count - before, 2);
#if BITS != 64
    __asm__ volatile("movb $0x7f, %%al; addb $1, %%al; into" : : : "eax", "cc");
    check("overflow", trap.vector, 4);
    static const struct {
        word low, high;
    } bounds = {10, 20};
    check("bound, inside", TRIES(BOUND, : : "a"(15), "c"(&bounds) : "memory"), NOTHING);
    check("bound, outside", TRIES(BOUND, : : "a"(21), "c"(&bounds) : "memory"), 5);
#endif
}

void test_exceptions(void)
{
    faults();
    traps();
}
