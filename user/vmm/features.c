/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the guest's processor is: CPUID of the host without what this machine lacks (local APIC, virtualization, power management; on 32-bit hosts long mode and NX), the MSRs
 * that the interface has state for, XSETBV. Bits: Intel SDM vol. 2, CPUID; AMD APM vol. 3, appendix E.
 */
#include "vmm.h"

enum {
    CPUID_LAST = 13,
    CPUID_XSAVE = 13,
    /* leaf 1, ecx: MONITOR VMX SMX EST TM2 PDCM PCID DCA x2APIC deadline */
    HIDE_1C = 1 << 3 | 1 << 5 | 1 << 6 | 1 << 7 | 1 << 8 | 1 << 15 | 1 << 17 | 1 << 18 | 1 << 21 | 1 << 24,
    /* leaf 1, edx: MCE APIC MTRR MCA DS ACPI HTT TM */
    HIDE_1D = 1 << 7 | 1 << 9 | 1 << 12 | 1 << 14 | 1 << 21 | 1 << 22 | 1 << 28 | 1 << 29,
    HIDE_1C_XSAVE = 1 << 12 | 1 << 26 | 1 << 28 | 1 << 29, /* FMA XSAVE AVX F16C */
    OSXSAVE = 1 << 27,
    /* leaf 7, ebx: SGX HLE INVPCID RTM MPX PT; ecx: PKU OSPKE LA57 */
    HIDE_7B = 1 << 2 | 1 << 4 | 1 << 10 | 1 << 11 | 1 << 14 | 1 << 25,
    HIDE_7C = 1 << 3 | 1 << 4 | 1 << 16,
    HIDE_8C = 1 << 2 | 1 << 12,               /* SVM SKINIT */
    HIDE_8D_32 = 1 << 11 | 1 << 20 | 1 << 29, /* SYSCALL NX LM */
    XSAVES = 1 << 3,
    CR4_OSXSAVE = 1 << 18
};
#define CPUID_HYPERVISOR (1u << 31)
#define CPUID_HYPERVISOR_LEAF 0x40000000u

enum {
    MSR_TSC = 0x10,
    MSR_APIC_BASE = 0x1b,
    MSR_MICROCODE = 0x8b,
    MSR_SYSENTER_CS = 0x174,
    MSR_SYSENTER_SP = 0x175,
    MSR_SYSENTER_IP = 0x176,
    MSR_PAT = 0x277
};
#define MSR_EFER 0xc0000080u
#define MSR_STAR 0xc0000081u
#define MSR_LSTAR 0xc0000082u
#define MSR_CSTAR 0xc0000083u
#define MSR_SFMASK 0xc0000084u
#define MSR_TSC_AUX 0xc0000103u
enum { CR0_PE = 1 };
#define CR0_PG ((nova_word)1 << 31)
enum { EFER_SCE = 1, EFER_LME = 1 << 8, EFER_LMA = 1 << 10, EFER_NXE = 1 << 11, EFER_SVME = 1 << 12 };

static void leaf_1(const struct vcpu *vcpu, const struct nova_state *s, struct nova_cpuid *r)
{
    int xsave = r->cx & OSXSAVE; /* the kernel has it switched on */
    r->bx = (r->bx & 0xffff) | vcpu->number << 24 | vcpu->vm->guest->vcpus << 16;
    r->cx = (r->cx & ~(uint32_t)(HIDE_1C | OSXSAVE)) | CPUID_HYPERVISOR;
    r->dx &= ~(uint32_t)HIDE_1D;
    if (!xsave)
        r->cx &= ~(uint32_t)HIDE_1C_XSAVE;
    else if (s->cr4 & CR4_OSXSAVE)
        r->cx |= OSXSAVE;
}

void cpuid_exit(struct vcpu *vcpu, struct nova_state *s)
{
    uint32_t leaf = (uint32_t)s->ax, subleaf = (uint32_t)s->cx;
    struct nova_cpuid r = nova_cpuid_sub(leaf, subleaf);
    switch (leaf) {
    case 0: r.ax = r.ax < CPUID_LAST ? r.ax : CPUID_LAST; break;
    case 1: leaf_1(vcpu, s, &r); break;
    case 7:
        r.bx &= ~(uint32_t)HIDE_7B;
        r.cx &= ~(uint32_t)HIDE_7C;
        break;
    case CPUID_XSAVE:
        if (subleaf == 1)
            r.ax &= ~(uint32_t)XSAVES;
        break;
    case 5:
    case 6:
    case 10:
    case 11:
    case 0x8000000a: r = (struct nova_cpuid){0, 0, 0, 0}; break;
    case CPUID_HYPERVISOR_LEAF: r = (struct nova_cpuid){leaf, 0x41564f4e, 0x432d, 0}; break; /* NOVA-C */
    case 0x80000001:
        r.cx &= ~(uint32_t)HIDE_8C;
        r.dx &= NOVA_WORD_BITS == 64 ? ~0u : ~(uint32_t)HIDE_8D_32;
        break;
    }
    s->ax = r.ax;
    s->bx = r.bx;
    s->cx = r.cx;
    s->dx = r.dx;
    s->mtd = NOVA_MTD_GPR_ACDB;
    state_finish(s, 2);
}

/* 64-bit values in word-sized fields: on 32-bit hosts the upper half does not exist. */
static int sysenter(struct nova_state *s, uint32_t msr, uint64_t *value, int write)
{
    nova_word *field = msr == MSR_SYSENTER_CS ? &s->sysenter_cs : msr == MSR_SYSENTER_SP ? &s->sysenter_sp : &s->sysenter_ip;
    if (write) {
        *field = (nova_word)*value;
        s->mtd |= NOVA_MTD_SYSENTER;
    } else
        *value = *field;
    return 1;
}

#ifdef __x86_64__
static int efer(struct nova_state *s, uint64_t *value, int write)
{
    uint64_t known = EFER_SCE | EFER_LME | EFER_NXE;
    if (!write) {
        *value = s->efer & ~(uint64_t)EFER_SVME;
        return 1;
    }
    if (*value & ~(known | EFER_LMA) || ((*value ^ s->efer) & EFER_LME && s->cr0 & CR0_PG))
        return 0;
    s->efer = (s->efer & ~known) | (*value & known);
    s->mtd |= NOVA_MTD_EFER;
    return 1;
}

static int canonical(uint64_t value) { return (int64_t)(value << 16) >> 16 == (int64_t)value; }

static int syscall_msr(struct nova_state *s, uint32_t msr, uint64_t *value, int write)
{
    uint64_t *field = msr == MSR_STAR ? &s->star : msr == MSR_LSTAR ? &s->lstar : msr == MSR_CSTAR ? &s->cstar : &s->sfmask;
    if (!write)
        *value = *field;
    else if ((msr == MSR_LSTAR || msr == MSR_CSTAR) && !canonical(*value))
        return 0;
    else {
        *field = *value;
        s->mtd |= NOVA_MTD_SYSCALL;
    }
    return 1;
}
#endif

static int stored(uint64_t *field, uint64_t *value, int write)
{
    if (write)
        *field = *value;
    else
        *value = *field;
    return 1;
}

/* 0: this MSR does not exist, or not with this value. */
static int msr_access(struct vcpu *vcpu, struct nova_state *s, uint32_t msr, uint64_t *value, int write)
{
    switch (msr) {
    case MSR_TSC:
        if (write) {
            s->tsc_off = *value - s->tsc_val - s->tsc_off; /* a reply adds it */
            s->mtd |= NOVA_MTD_TSC;
        } else
            *value = s->tsc_val + s->tsc_off;
        return 1;
    case MSR_APIC_BASE: return stored(&vcpu->apic_base, value, write);
    case MSR_MICROCODE: *value = 0; return 1;
    case MSR_SYSENTER_CS ... MSR_SYSENTER_IP: return sysenter(s, msr, value, write);
    case MSR_PAT: return stored(&vcpu->pat, value, write);
#ifdef __x86_64__
    case MSR_EFER: return efer(s, value, write);
    case MSR_STAR ... MSR_SFMASK: return syscall_msr(s, msr, value, write);
#endif
    case MSR_TSC_AUX:
        if (write) {
            s->tsc_aux = (uint32_t)*value;
            s->mtd |= NOVA_MTD_TSC_AUX;
        } else
            *value = s->tsc_aux;
        return 1;
    default: return 0;
    }
}

void msr_exit(struct vcpu *vcpu, struct nova_state *s, int write)
{
    uint64_t value = (uint64_t)s->dx << 32 | (uint32_t)s->ax;
    if (!msr_access(vcpu, s, (uint32_t)s->cx, &value, write)) {
        s->mtd = 0;
        state_inject(s, INJECT_EXCEPTION, EXCEPTION_GP, s->cr0 & CR0_PE ? 0 : -1); /* no error codes in real mode */
        return;
    }
    if (!write) {
        s->ax = (uint32_t)value;
        s->dx = (uint32_t)(value >> 32);
        s->mtd = NOVA_MTD_GPR_ACDB;
    }
    state_finish(s, 2);
}

void xsetbv_exit(struct vcpu *vcpu, struct nova_state *s)
{
    uint64_t value = (uint64_t)s->dx << 32 | (uint32_t)s->ax;
    struct nova_cpuid may = nova_cpuid_sub(CPUID_XSAVE, 0);
    (void)vcpu;
    if ((uint32_t)s->cx || !(value & 1) || value & ~((uint64_t)may.dx << 32 | may.ax) || (value & 6) == 4 ||
        (s->ss.attributes >> 5 & 3)) {
        state_inject(s, INJECT_EXCEPTION, EXCEPTION_GP, 0);
        return;
    }
    s->xcr0 = value;
    s->mtd = NOVA_MTD_XSAVE;
    state_finish(s, 3);
}
