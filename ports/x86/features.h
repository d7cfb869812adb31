/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a CPU can do, as far as the kernel uses it, and what the HIP says about it. The boot CPU decides what is used; another CPU
 * that lacks one of these features is left out, so that every CPU runs the same way. Only the extras of the FPU go when one CPU
 * lacks them. Fixed when all CPUs are there.
 */
#ifndef PORTS_X86_FEATURES_H
#define PORTS_X86_FEATURES_H

#include "hal/boot_info.h"

enum feature {
    /* no kernel without these: */
    FEATURE_TSC,
    FEATURE_MSR,
    FEATURE_APIC,
    FEATURE_SYSENTER,
    FEATURE_FXSR,
    FEATURE_SSE,
    /* used where the boot CPU has them: */
    FEATURE_PAT,
    FEATURE_PGE,
    FEATURE_NX,
    FEATURE_SMEP,
    FEATURE_SMAP,
    FEATURE_UMIP,
    FEATURE_PCID,
    FEATURE_X2APIC,
    FEATURE_TSC_DEADLINE,
    FEATURE_MWAIT,
    FEATURE_PAGE_1G,
    FEATURE_RESIZE, /* a page's size may change while translations of it are cached */
    FEATURE_XSAVE,
    /* used where all CPUs have them: */
    FEATURE_XSAVEOPT,
    FEATURE_AVX,
    FEATURE_AVX512,
    /* may differ between CPUs: */
    FEATURE_TSC_ADJUST,
    FEATURE_TSC_INVARIANT,
    FEATURE_HYBRID,
    FEATURE_HYPERVISOR,
    FEATURES
};

enum vendor { VENDOR_OTHER, VENDOR_INTEL, VENDOR_AMD };

struct cpuid {
    uint32_t a, b, c, d;
};

/* CPUID; all zero for a leaf beyond what the CPU has in that range. */
struct cpuid cpuid(uint32_t leaf, uint32_t subleaf);

/* Bit set of enum feature that the boot CPU has and the command line leaves on. */
extern uint32_t features_used;

static inline bool feature(enum feature name) { return features_used >> name & 1; }

enum vendor cpu_vendor(void);
unsigned cpu_family(void);
unsigned cpu_model(void);

/* Width of physical addresses in bits. */
unsigned cpu_physical_bits(void);

/*
 * Boot CPU, first of all: fills features_used. features_apply_options: after platform_boot, takes out what the command line turns
 * off, and says what the kernel cannot live without (fatal).
 */
void features_boot(void);
void features_apply_options(void);

/*
 * Another CPU: takes out of features_used what all have to have and it has not; returns what it lacks beyond that, then it cannot
 * be used.
 */
uint32_t features_common(void);

/*
 * Any CPU, early: switches on in CR0, CR4, EFER and PAT what is used. PCIDs later, when the options are known and kernel_root is
 * loaded.
 */
void features_enable(void);
void features_enable_pcid(void);

/* Fills in the HIP fields of CPU 'number', which executes this; it can handle exceptions. flags are without NOVA_CPU_ONLINE. */
void features_describe(unsigned number);

/* The line of CPU 'number' for the boot log. */
void features_log(unsigned number);

/* The names of a set of features, each after a blank, into text (always terminated). */
void features_names(uint32_t set, char *text, size_t size);

#endif
