/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Virtual CPUs: what SVM and VMX have in common. The area of a virtual CPU is a page for the hardware (VMCB or VMCS) followed by struct vcpu. Only the CPU that a
 * virtual CPU is bound to touches either. The general registers are in the frame; the entry and exit stubs are in ports/ARCH/vcpu.S.
 */
#ifndef PORTS_X86_VCPU_H
#define PORTS_X86_VCPU_H

#include "hal/upcall.h"
#include "hal/virtualization.h"
#include <nova/hypercall.h>
#include "ports/x86/cpu_local.h"
#include "ports/x86/fpu.h"
#include "ports/x86/msr.h"
#include "ports/x86/vtlb.h"

enum { VCPU_AREA_ORDER = 1, VCPU_AREA_ORDER_VTLB = 5, REG_VCPU = FRAME_REGS - 1 };

/* Pending injections and interrupted deliveries, the same in both formats: SDM vol. 3, 24.8.3; AMD APM vol. 2, 15.20. The upper half is an error code. */
enum { INJECT_VECTOR = 0xff, INJECT_TYPE = 7 << 8, INJECT_ERROR = 1 << 11, INJECT_WINDOW = 1 << 12, INJECT_NMI_WINDOW = 1 << 13 };
#define INJECT_VALID ((uint64_t)1 << 31)
#define INJECT_FIELDS (~(uint64_t)0 << 32 | INJECT_VALID | INJECT_ERROR | INJECT_TYPE | INJECT_VECTOR)
/* What neither SVM nor VMX switch. XCR0_READ: the guest may change it. */
enum { SWITCH_XCR0 = 1, SWITCH_XCR0_READ = 2, SWITCH_TSC_AUX = 4 };

enum inject_type {
    INJECT_INTERRUPT = 0,
    INJECT_NMI = 2,
    INJECT_EXCEPTION = 3,
    INJECT_SOFTWARE = 4,
    INJECT_PRIVILEGED = 5,
    INJECT_TRAP = 6
};

struct vcpu {
    void *hardware; /* VMCB or VMCS */
    struct frame *frame;
    struct mmu *mmu;
    uint64_t qual[2];
    uint64_t inject;      /* goes into the hardware field at the next entry; bit 31 off = nothing */
    uint64_t interrupted; /* delivery that the last exit interrupted */
    uint64_t clock;       /* added to the guest's TSC */
    struct fpu_guest xcr0;
    uint32_t tsc_aux;
    uint32_t flushes; /* cpu->guest_flushes that its TLB tag knows of */
    uint32_t tag, tag_generation;
    uint64_t root, ports; /* physical, as the hardware has them: a change drops its cached translations */
    word physical;        /* address of 'hardware' */
    const void *bitmap;   /* SVM: mmu->io_guest that 'ports' is of */
    bool due;             /* SVM: the next entry has to look at all of it, not only at what the exit has left */
    uint8_t switches;     /* SWITCH_* that this guest needs */
    bool sets_xcr0;       /* XSETBV of the guest does not exit */
    uint64_t shadow_ip;   /* SVM on QEMU: where the guest was in an interrupt shadow, which counts for so many exits more */
    uint8_t shadow_left;
    bool window, nmi_window;
    bool launched;              /* VMX */
    uint8_t instruction_length; /* VMX: of the exit */
    uint8_t injected_length;    /* VMX: for software interrupts */
    word debug[5];              /* DR0-3 while they are not in the registers, and for VMX DR6 */
    uint32_t control[2];        /* VMX: what the monitor asked for */
    struct vtlb vtlb;
};

static inline struct vcpu *vcpu_of(struct frame *frame) { return (struct vcpu *)frame->reg[REG_VCPU]; }

/* One kind of hardware. boot: boot CPU; says why not in the log. cpu_init: every CPU, false = this one cannot. */
struct vcpu_hardware {
    uint32_t feature; /* NOVA_FEATURE_* */
    bool (*boot)(void);
    bool (*cpu_init)(struct x86_cpu *cpu);
    struct frame *(*resume)(struct x86_cpu *cpu, struct frame *frame);
    struct frame *(*exit)(struct x86_cpu *cpu);
    struct frame *(*exit_rest)(struct x86_cpu *cpu);
    struct virtualization_ops operations;
};
extern const struct vcpu_hardware svm_hardware, vmx_hardware;

/* Virtual CPUs have memory for a vTLB. Set by boot of the hardware. */
extern bool vcpu_needs_vtlb;

/* Boot CPU, before the others start; every CPU, when its descriptors are final; boot CPU, when all are there: features are known, root is not. */
void vcpu_boot(void);
void vcpu_cpu_init(struct x86_cpu *cpu);
void vcpu_boot_done(void);

/* The part of hal/virtualization.h that both need. */
struct vcpu *vcpu_start(struct frame *frame, void *area, struct mmu *mmu);
void vcpu_pause(struct frame *frame, uint64_t ticks);
void vcpu_stop(struct frame *frame);

/* Gives a new virtual CPU the part of its area from this page on for its vTLB. */
void vcpu_vtlb_start(struct vcpu *vcpu, unsigned page);

/* A general register by its number in instructions; 4 is SP, which the hardware keeps elsewhere, too. */
word *vcpu_register(struct frame *frame, unsigned number);

/* CR0 after LMSW. */
word vcpu_machine_status(word cr0, word value);

/*
 * Puts an exception with its error code (if it has one) up for injection, as the second one if the exit interrupted the delivery of another: SDM vol. 3,
 * table 6-5. False = that makes a triple fault.
 */
bool vcpu_inject_exception(struct vcpu *vcpu, unsigned vector, uint32_t error);

/* Changes DR0-3, which belong to vcpu_debug of this CPU, over to this virtual CPU. */
void vcpu_debug_take(struct x86_cpu *cpu, struct vcpu *vcpu);

/* What the hardware does not switch: before an entry, after an exit. vcpu_switches_set: xcr0, sets_xcr0 or tsc_aux has changed. */
void vcpu_switches_set(struct vcpu *vcpu);

static inline void vcpu_switch_in(const struct vcpu *vcpu)
{
    if (vcpu->switches) {
        if (vcpu->switches & SWITCH_XCR0)
            fpu_guest_enter(&vcpu->xcr0);
        if (vcpu->switches & SWITCH_TSC_AUX)
            wrmsr(MSR_TSC_AUX, vcpu->tsc_aux);
    }
}

static inline void vcpu_switch_out(struct vcpu *vcpu)
{
    if (vcpu->switches) {
        if (vcpu->switches & SWITCH_XCR0)
            fpu_guest_leave(&vcpu->xcr0, vcpu->switches & SWITCH_XCR0_READ);
        if (vcpu->switches & SWITCH_TSC_AUX)
            wrmsr(MSR_TSC_AUX, 0);
    }
}

/* The general way of deliver and take. */
struct frame *vcpu_deliver(struct frame *frame, struct frame *handler, struct nova_state *state);
struct frame *vcpu_take(struct frame *frame, struct frame *handler, const struct nova_state *state);

/* Root of the guest view: an empty one as long as the PD has none. The I/O bitmap: all ones as long as it has none. Physical addresses. */
paddr_t vcpu_memory(const struct vcpu *vcpu);
paddr_t vcpu_ports(const struct vcpu *vcpu);

#endif
