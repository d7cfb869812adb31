/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Model-specific registers: names and access. Numbers: Intel SDM vol. 4, AMD APM vol. 2 appendix A.
 * rdmsr and wrmsr are for registers whose existence CPUID has told; the _safe ones survive the #GP of a register that is not there.
 */
#ifndef PORTS_X86_MSR_H
#define PORTS_X86_MSR_H

#include "hal/types.h"

enum {
    MSR_TSC = 0x10,
    MSR_PLATFORM_ID = 0x17,
    MSR_APIC_BASE = 0x1b,
    MSR_TSC_ADJUST = 0x3b,
    MSR_MICROCODE = 0x8b, /* Intel: BIOS_SIGN_ID; AMD: patch level */
    MSR_PLATFORM_INFO = 0xce,
    MSR_SYSENTER_CS = 0x174,
    MSR_SYSENTER_SP = 0x175,
    MSR_SYSENTER_IP = 0x176,
    MSR_MISC_ENABLE = 0x1a0,
    MSR_PAT = 0x277,
    MSR_ARCH_CAPABILITIES = 0x10a,
    MSR_TSC_DEADLINE = 0x6e0,
    MSR_X2APIC = 0x800, /* register of offset o: MSR_X2APIC + o / 16 */
    MSR_EFER = 0xc0000080,
    MSR_STAR = 0xc0000081,
    MSR_LSTAR = 0xc0000082,
    MSR_CSTAR = 0xc0000083,
    MSR_SFMASK = 0xc0000084,
    MSR_FS_BASE = 0xc0000100,
    MSR_GS_BASE = 0xc0000101,
    MSR_KERNEL_GS_BASE = 0xc0000102,
    MSR_TSC_AUX = 0xc0000103,
    MSR_AMD_HWCR = 0xc0010015,
    MSR_AMD_PSTATE_0 = 0xc0010064
};

static inline uint64_t rdmsr(uint32_t number)
{
    uint32_t low, high;
    asm volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(number));
    return (uint64_t)high << 32 | low;
}

static inline void wrmsr(uint32_t number, uint64_t value)
{
    asm volatile("wrmsr" : : "c"(number), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)) : "memory");
}

/* False if the CPU refuses; *value is unchanged then. Usable as soon as the CPU's exception table is loaded. */
bool rdmsr_safe(uint32_t number, uint64_t *value);
bool wrmsr_safe(uint32_t number, uint64_t value);

#endif
