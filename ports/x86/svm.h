/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * AMD's virtualization: the VMCB and the numbers around it. AMD APM vol. 2, chapter 15 and appendix B and C.
 */
#ifndef PORTS_X86_SVM_H
#define PORTS_X86_SVM_H

#include "ports/x86/vcpu.h"

enum {
    MSR_VM_CR = 0xc0010114,
    MSR_VM_HSAVE_PA = 0xc0010117,
    VM_CR_DISABLED = 1 << 4,

    SVM_FEATURE_NPT = 1 << 0, /* CPUID 8000000A EDX */
    SVM_FEATURE_NEXT_IP = 1 << 3,
    SVM_FEATURE_DECODE = 1 << 7,

    /* Intercepts, words at 0x0c and 0x10. */
    INTERCEPT_INTR = 1 << 0,
    INTERCEPT_NMI = 1 << 1,
    INTERCEPT_INIT = 1 << 3,
    INTERCEPT_VINTR = 1 << 4,
    INTERCEPT_INVD = 1 << 22,
    INTERCEPT_HLT = 1 << 24,
    INTERCEPT_INVLPG = 1 << 25,
    INTERCEPT_IO = 1 << 27,
    INTERCEPT_MSR = 1 << 28,
    INTERCEPT_TASK_SWITCH = 1 << 29,
    INTERCEPT2_VMRUN = 1 << 0,
    INTERCEPT2_VMLOAD = 1 << 2,
    INTERCEPT2_VMSAVE = 1 << 3,
    INTERCEPT2_CLGI = 1 << 5,
    INTERCEPT2_SKINIT = 1 << 6,
    INTERCEPT2_XSETBV = 1 << 13,
    INTERCEPT3_INVPCID = 1 << 2,
    INTERCEPT_EXCEPTION_AC = 1 << 17,
    INTERCEPT_EXCEPTION_PAGE = 1 << 14,
    INTERCEPT_CR_034 = 1 << 0 | 1 << 3 | 1 << 4,

    TLB_KEEP = 0,
    TLB_FLUSH_ALL = 1,

    /* Virtual interrupts, 0x60. */
    VINTR_TPR = 0xf,
    VINTR_IRQ = 1 << 8,
    VINTR_IGNORE_TPR = 1 << 20,
    VINTR_MASKING = 1 << 24,

    SHADOW_ACTIVE = 1,

    EXIT_CR_WRITE = 0x10, /* 16 of them, after as many reads */
    EXIT_CR_LAST = 0x1f,
    EXIT_EXCEPTION = 0x40, /* 32 of them */
    EXIT_INTR = 0x60,
    EXIT_NMI = 0x61,
    EXIT_INIT = 0x63,
    EXIT_VINTR = 0x64,
    EXIT_INVLPG = 0x79,
    EXIT_SHUTDOWN = 0x7f,
    EXIT_INVPCID = 0xa2,
    EXIT_NPF = 0x400,
    EXIT_LAST = 250 /* as an event of its own: abi.md section 5 */
};
#define INTERCEPTS                                                                                                                 \
    (INTERCEPT_INTR | INTERCEPT_NMI | INTERCEPT_INIT | INTERCEPT_INVD | INTERCEPT_HLT | INTERCEPT_IO | INTERCEPT_MSR | 1u << 31)
#define INTERCEPTS2 (INTERCEPT2_VMLOAD | INTERCEPT2_VMSAVE | INTERCEPT2_CLGI | INTERCEPT2_SKINIT)
/* What the vTLB needs beside these. A task switch would load CR3. */
#define INTERCEPTS_VTLB (INTERCEPT_INVLPG | INTERCEPT_TASK_SWITCH)
#define EXIT_INVALID (~(uint64_t)0)

/* Pages of the area: VMCB, struct vcpu, then the vTLB's. */
enum { SVM_VTLB_PAGE = 2 };

/* Appendix B. The save area is described by vcpu_state.c; what the kernel itself looks at is named here. */
struct vmcb {
    uint16_t cr_reads, cr_writes, dr_reads, dr_writes;
    uint32_t exceptions, intercepts, intercepts2, intercepts3;
    uint8_t reserved0[0x40 - 0x18];
    uint64_t io_bitmap, msr_bitmap, tsc_offset;
    uint32_t asid;
    uint8_t tlb_control, reserved1[3];
    uint32_t vintr, vintr_vector;
    uint64_t shadow, exit_code, exit_info[2], exit_interrupted, nested;
    uint8_t reserved2[0xa8 - 0x98];
    uint64_t inject, nested_root, virtual_features;
    uint32_t clean, reserved3;
    uint64_t next_ip;
    uint8_t reserved4[0x400 - 0xd0];
    uint8_t segments[0xcb]; /* 0x400 */
    uint8_t cpl;
    uint32_t reserved5;
    uint64_t efer;
    uint8_t reserved6[0x548 - 0x4d8];
    uint64_t cr4, cr3, cr0, dr7, dr6, flags, ip;
    uint8_t reserved7[0x5d8 - 0x580];
    uint64_t sp;
    uint8_t reserved8[0x5f8 - 0x5e0];
    uint64_t ax;
    uint8_t reserved9[0x640 - 0x600];
    uint64_t cr2;
    uint8_t reserved10[0x668 - 0x648];
    uint64_t pat;
};
_Static_assert(offsetof(struct vmcb, io_bitmap) == 0x40 && offsetof(struct vmcb, asid) == 0x58 &&
                   offsetof(struct vmcb, vintr) == 0x60 && offsetof(struct vmcb, shadow) == 0x68 &&
                   offsetof(struct vmcb, nested) == 0x90 && offsetof(struct vmcb, inject) == 0xa8 &&
                   offsetof(struct vmcb, cpl) == 0x4cb && offsetof(struct vmcb, efer) == 0x4d0 &&
                   offsetof(struct vmcb, ip) == 0x578 && offsetof(struct vmcb, ax) == 0x5f8 &&
                   offsetof(struct vmcb, cr2) == 0x640 && offsetof(struct vmcb, pat) == 0x668,
               "AMD APM vol. 2, appendix B");

/* The processor says what CR accesses and INVLPG are about. Fixed at boot. */
extern bool svm_decode_assists;

/* svm_vtlb.c: an exit of a guest on the vTLB; 0 = it is no business of the vTLB. And the event for memory that the vTLB does not find. */
struct frame *svm_vtlb_exit(struct x86_cpu *cpu, struct vcpu *vcpu, unsigned code);
struct frame *svm_vtlb_memory(struct x86_cpu *cpu, struct vcpu *vcpu);

/* svm_fast.c: an exit and a reply in their common form; otherwise svm.c and vcpu.c do it. */
struct frame *svm_exit(struct x86_cpu *cpu);
struct frame *svm_deliver(struct frame *frame, struct frame *handler, struct nova_state *state);
struct frame *svm_take(struct frame *frame, struct frame *handler, const struct nova_state *state);

/* svm_state.c */
void svm_save(struct frame *frame, struct nova_state *state, word mtd, unsigned event);
void svm_load(struct frame *frame, const struct nova_state *state, word mtd);

/* ports/ARCH/vcpu.S: runs the guest with the registers of frame (AX: in the VMCB); vmcb: physical address. Goes on in vcpu_exit on the empty stack. */
_Noreturn void svm_enter(struct frame *frame, word vmcb, struct x86_cpu *cpu);

/* A general register: in a 32-bit host its upper half is 0. */
static inline void vmcb_word_set(uint64_t *field, word value) { *(word *)(void *)field = value; }

/* Nothing but what the last exit left has to be looked at before the guest runs again. */
static inline bool svm_prepared(const struct x86_cpu *cpu, const struct vcpu *vcpu)
{
    return !vcpu->due && vcpu->flushes == cpu->guest_flushes && cpu->vcpu_debug == vcpu &&
           vcpu->bitmap == __atomic_load_n(&vcpu->mmu->io_guest, __ATOMIC_RELAXED);
}

static inline _Noreturn void svm_run(struct x86_cpu *cpu, struct frame *frame, struct vcpu *vcpu, struct vmcb *vmcb, word ax)
{
    vmcb_word_set(&vmcb->ax, ax);
    vcpu_switch_in(vcpu);
    svm_enter(frame, vcpu->physical, cpu);
}

#endif
