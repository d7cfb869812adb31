/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * MSRs that user space may access (abi.md section 10): power and temperature. A table says for each by what the CPU announces it, and which bits may be written. Where
 * CPUID has no bit of its own for a register (C-state residencies, energy), it has one for what comes with it, and the CPU has the last word:
 * an access that faults has failed.
 */
#include "core/lib/bits.h"
#include "hal/cpu.h"
#include "ports/x86/cpu_local.h"
#include "ports/x86/features.h"
#include "ports/x86/msr.h"

enum cpuid_register { A, C, D };

/* Intel SDM vol. 2, CPUID; vol. 3, chapters 15.2, 15.4, 15.7, 15.8, 15.10. AMD APM vol. 2, 17.1 and 17.3. */
enum condition { FREQUENCY, THERMAL, PACKAGE_THERMAL, SENSOR, BIAS, HWP, HWP_PACKAGE, RESIDENCY, ENERGY, PSTATE };

static const struct {
    uint32_t leaf;
    uint8_t vendor; /* enum vendor, VENDOR_OTHER = any */
    uint8_t reg, bit;
} conditions[] = {
    [FREQUENCY] = {6, VENDOR_OTHER, C, 0},     [THERMAL] = {1, VENDOR_INTEL, D, 22},  [PACKAGE_THERMAL] = {6, VENDOR_INTEL, A, 6},
    [SENSOR] = {6, VENDOR_INTEL, A, 0},        [BIAS] = {6, VENDOR_INTEL, C, 3},      [HWP] = {6, VENDOR_INTEL, A, 7},
    [HWP_PACKAGE] = {6, VENDOR_INTEL, A, 11},  [RESIDENCY] = {5, VENDOR_INTEL, C, 0}, /* MWAIT tells about its C-states */
    [ENERGY] = {6, VENDOR_INTEL, A, 4},                                               /* notification of power limits */
    [PSTATE] = {0x80000007, VENDOR_AMD, D, 7},
};

/* Intel SDM vol. 4, table 2-2 and those of the Core families; AMD as above. */
static const struct {
    uint32_t number;
    uint8_t condition, writable; /* so many low bits */
} accessible[] = {
    {0x0e7, FREQUENCY, 0},       /* MPERF */
    {0x0e8, FREQUENCY, 0},       /* APERF */
    {0x19c, THERMAL, 0},         /* thermal status */
    {0x1b1, PACKAGE_THERMAL, 0}, /* the same of the package */
    {0x1a2, SENSOR, 0},          /* temperature target */
    {0x1b0, BIAS, 4},            /* energy-performance bias */
    {0x770, HWP, 1},             /* HWP enable */
    {0x771, HWP, 0},             /* HWP capabilities */
    {0x774, HWP, 64},            /* HWP request */
    {0x772, HWP_PACKAGE, 64},    /* the same of the package */
    {0x3f8, RESIDENCY, 0},       /* package C3 (C2 on some) */
    {0x3f9, RESIDENCY, 0},       /* package C6 */
    {0x3fa, RESIDENCY, 0},       /* package C7 */
    {0x3fc, RESIDENCY, 0},       /* core C3 */
    {0x3fd, RESIDENCY, 0},       /* core C6 */
    {0x3fe, RESIDENCY, 0},       /* core C7 */
    {0x60d, RESIDENCY, 0},       /* package C2 */
    {0x630, RESIDENCY, 0},       /* package C8 */
    {0x631, RESIDENCY, 0},       /* package C9 */
    {0x632, RESIDENCY, 0},       /* package C10 */
    {0x660, RESIDENCY, 0},       /* core C1 */
    {0x606, ENERGY, 0},          /* units */
    {0x611, ENERGY, 0},          /* energy: package */
    {0x619, ENERGY, 0},          /* memory */
    {0x639, ENERGY, 0},          /* cores */
    {0x641, ENERGY, 0},          /* graphics */
    {0x64d, ENERGY, 0},          /* platform */
    {0x614, ENERGY, 0},          /* power info: package */
    {0x61c, ENERGY, 0},          /* memory */
    {0xc0010061, PSTATE, 0},     /* P-state limit */
    {0xc0010062, PSTATE, 4},     /* P-state control */
    {0xc0010063, PSTATE, 0},     /* P-state status */
};

static bool announced(enum condition condition)
{
    enum vendor vendor = (enum vendor)conditions[condition].vendor;
    if (vendor != VENDOR_OTHER && vendor != cpu_vendor())
        return false;
    struct cpuid r = cpuid(conditions[condition].leaf, 0);
    const uint32_t reg[] = {r.a, r.c, r.d};
    return reg[conditions[condition].reg] >> conditions[condition].bit & 1;
}

/* A hint for MWAIT is good for any CPU that has it: an unknown one counts as the lowest of its kind (SDM vol. 2, MWAIT). */
static bool hint_set(uint64_t hint)
{
    if (!feature(FEATURE_MWAIT) || hint >> 32)
        return false;
    x86_cpu_self()->mwait_hint = hint;
    return true;
}

bool cpu_register(word number, bool write, uint64_t *value)
{
    if (!number)
        return write && hint_set(*value);
    for (size_t i = 0; i < ARRAY_SIZE(accessible); i++) {
        if (accessible[i].number != number)
            continue;
        unsigned writable = accessible[i].writable;
        if (!announced(accessible[i].condition) || (write && !writable))
            return false;
        return write ? wrmsr_safe(accessible[i].number, *value & ~(uint64_t)0 >> (64 - writable))
                     : rdmsr_safe(accessible[i].number, value);
    }
    return false;
}
