/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Control registers: bits and access. Intel SDM vol. 3, 2.5 and 2.6; EFER: AMD APM vol. 2, 3.1.7.
 */
#ifndef PORTS_X86_CONTROL_H
#define PORTS_X86_CONTROL_H

#include "hal/types.h"

#define CR0_PE ((word)1 << 0)
#define CR0_MP ((word)1 << 1)
#define CR0_EM ((word)1 << 2)
#define CR0_TS ((word)1 << 3)
#define CR0_ET ((word)1 << 4)
#define CR0_NE ((word)1 << 5)
#define CR0_WP ((word)1 << 16)
#define CR0_AM ((word)1 << 18)
#define CR0_NW ((word)1 << 29)
#define CR0_CD ((word)1 << 30)
#define CR0_PG ((word)1 << 31)

#define CR4_DE ((word)1 << 3)
#define CR4_PSE ((word)1 << 4)
#define CR4_PAE ((word)1 << 5)
#define CR4_MCE ((word)1 << 6)
#define CR4_PGE ((word)1 << 7)
#define CR4_OSFXSR ((word)1 << 9)
#define CR4_OSXMMEXCPT ((word)1 << 10)
#define CR4_VMXE ((word)1 << 13)
#define CR4_UMIP ((word)1 << 11)
#define CR4_FSGSBASE ((word)1 << 16)
#define CR4_PCIDE ((word)1 << 17)
#define CR4_OSXSAVE ((word)1 << 18)
#define CR4_SMEP ((word)1 << 20)
#define CR4_SMAP ((word)1 << 21)

#define EFER_SCE ((uint64_t)1)
#define EFER_LME ((uint64_t)1 << 8)
#define EFER_LMA ((uint64_t)1 << 10)
#define EFER_NXE ((uint64_t)1 << 11)
#define EFER_SVME ((uint64_t)1 << 12)

static inline word cr0_read(void)
{
    word value;
    asm volatile("mov %%cr0, %0" : "=r"(value));
    return value;
}
static inline void cr0_write(word value) { asm volatile("mov %0, %%cr0" : : "r"(value) : "memory"); }
static inline word cr3_read(void)
{
    word value;
    asm volatile("mov %%cr3, %0" : "=r"(value));
    return value;
}
static inline void cr3_write(word value) { asm volatile("mov %0, %%cr3" : : "r"(value) : "memory"); }
static inline word cr4_read(void)
{
    word value;
    asm volatile("mov %%cr4, %0" : "=r"(value));
    return value;
}
static inline void cr4_write(word value) { asm volatile("mov %0, %%cr4" : : "r"(value) : "memory"); }
static inline void page_flush(word address) { asm volatile("invlpg (%0)" : : "r"(address) : "memory"); }

#endif
