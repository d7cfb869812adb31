/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Descriptor tables of 32- and 64-bit guests: flat segments in the order that SYSENTER and SYSCALL want them, and a TSS whose only use at first is the stack for traps from user code.
 */
#include "guest.h"

enum { TSS_SIZE = 104, TSS_TYPE = 0x89, SP0 = 4, MAP = 102 };

uint64_t gdt[GDT] __attribute__((aligned(8))) = {
    [CODE / 8] = BITS == 64 ? 0x00af9b000000ffff : 0x00cf9b000000ffff,
    [DATA / 8] = 0x00cf93000000ffff,
    [USER_CODE_32 / 8] = 0x00cffb000000ffff,
    [USER_DATA / 8] = 0x00cff3000000ffff,
    [USER_CODE_64 / 8] = 0x00affb000000ffff,
};
uint8_t tss[TSS_SIZE] __attribute__((aligned(8)));
volatile word user_by_sysret;
uint8_t user_stack[4096] __attribute__((aligned(4096)));
static uint8_t trap_stack[8192] __attribute__((aligned(16)));

void descriptor_set(unsigned selector, word base, uint32_t limit, unsigned type)
{
    gdt[selector / 8] = (limit & 0xffff) | (uint64_t)(base & 0xffffff) << 16 | (uint64_t)type << 40 |
                        (uint64_t)(limit >> 16 & 0xf) << 48 | (uint64_t)(base >> 24 & 0xff) << 56;
#if BITS == 64
    if (type == TSS_TYPE)
        gdt[selector / 8 + 1] = base >> 32;
#endif
}

void descriptors_init(void)
{
    struct {
        uint16_t limit;
        word base;
    } __attribute__((packed)) pointer = {sizeof gdt - 1, (word)gdt};
    *(word *)(tss + SP0) = (word)(trap_stack + sizeof trap_stack);
    *(uint32_t *)(tss + 8) = BITS == 64 ? *(uint32_t *)(tss + 8) : DATA;
    *(uint16_t *)(tss + MAP) = TSS_SIZE; /* user code has no ports */
    descriptor_set(TSS, (word)tss, TSS_SIZE - 1, TSS_TYPE);
    __asm__ volatile("lgdt %0" : : "m"(pointer));
#if BITS == 64
    __asm__ volatile("pushq %0; lea 1f(%%rip), %%rax; pushq %%rax; lretq; 1:" : : "i"(CODE) : "rax", "memory");
#else
    __asm__ volatile("ljmp %0, $1f; 1:" : : "i"(CODE) : "memory");
#endif
    __asm__ volatile("mov %0, %%ds; mov %0, %%es; mov %0, %%ss; mov %1, %%fs; mov %1, %%gs; ltr %w2"
                     :
                     : "r"(DATA), "r"(0), "r"(TSS)
                     : "memory");
}
