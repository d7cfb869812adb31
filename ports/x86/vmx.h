/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Intel's virtualization: MSRs, VMCS fields and controls by the manual's names. Intel SDM vol. 3, chapters 23 to 27, appendix A and B.
 */
#ifndef PORTS_X86_VMX_H
#define PORTS_X86_VMX_H

#include "ports/x86/vcpu.h"

enum {
    MSR_FEATURE_CONTROL = 0x3a,
    FEATURE_CONTROL_LOCK = 1 << 0,
    FEATURE_CONTROL_VMX = 1 << 2,
    MSR_VMX_BASIC = 0x480,
    MSR_VMX_PIN = 0x481, /* the four that have "true" twins from MSR_VMX_TRUE_PIN on */
    MSR_VMX_PRIMARY = 0x482,
    MSR_VMX_EXIT = 0x483,
    MSR_VMX_ENTRY = 0x484,
    MSR_VMX_CR0_FIXED0 = 0x486,
    MSR_VMX_CR4_FIXED0 = 0x488,
    MSR_VMX_CR4_FIXED1 = 0x489,
    MSR_VMX_SECONDARY = 0x48b,
    MSR_VMX_EPT_VPID = 0x48c,
    MSR_VMX_TRUE_PIN = 0x48d
};

/* VMCS fields, appendix B. Guest state that is copied as it is: vcpu_state.c. */
enum vmcs_field {
    VMCS_VPID = 0x0000,
    VMCS_HOST_ES = 0x0c00, /* then CS, SS, DS, FS, GS, TR, 2 apart */
    VMCS_HOST_CS = 0x0c02,
    VMCS_HOST_SS = 0x0c04,
    VMCS_HOST_DS = 0x0c06,
    VMCS_HOST_TR = 0x0c0c,
    VMCS_IO_BITMAP_A = 0x2000,
    VMCS_IO_BITMAP_B = 0x2002,
    VMCS_MSR_BITMAP = 0x2004,
    VMCS_EXIT_STORE = 0x2006,
    VMCS_EXIT_LOAD = 0x2008,
    VMCS_ENTRY_LOAD = 0x200a,
    VMCS_TSC_OFFSET = 0x2010,
    VMCS_VIRTUAL_APIC = 0x2012,
    VMCS_EPT = 0x201a,
    VMCS_PHYSICAL_ADDRESS = 0x2400,
    VMCS_LINK = 0x2800,
    VMCS_GUEST_PAT = 0x2804,
    VMCS_GUEST_EFER = 0x2806,
    VMCS_PDPTE = 0x280a, /* four */
    VMCS_HOST_PAT = 0x2c00,
    VMCS_HOST_EFER = 0x2c02,
    VMCS_PIN = 0x4000,
    VMCS_PRIMARY = 0x4002,
    VMCS_EXCEPTIONS = 0x4004,
    VMCS_EXIT = 0x400c,
    VMCS_EXIT_STORE_COUNT = 0x400e,
    VMCS_EXIT_LOAD_COUNT = 0x4010,
    VMCS_ENTRY = 0x4012,
    VMCS_ENTRY_LOAD_COUNT = 0x4014,
    VMCS_INJECT = 0x4016,
    VMCS_INJECT_ERROR = 0x4018,
    VMCS_INJECT_LENGTH = 0x401a,
    VMCS_TPR_THRESHOLD = 0x401c,
    VMCS_SECONDARY = 0x401e,
    VMCS_EXIT_REASON = 0x4402,
    VMCS_EXIT_EVENT = 0x4404,
    VMCS_EXIT_EVENT_ERROR = 0x4406,
    VMCS_INTERRUPTED = 0x4408,
    VMCS_INTERRUPTED_ERROR = 0x440a,
    VMCS_EXIT_LENGTH = 0x440c,
    VMCS_CS_ACCESS = 0x4816,
    VMCS_SS_ACCESS = 0x4818,
    VMCS_INTERRUPTIBILITY = 0x4824,
    VMCS_ACTIVITY = 0x4826,
    VMCS_HOST_SYSENTER_CS = 0x4c00,
    VMCS_CR0_MASK = 0x6000,
    VMCS_CR4_MASK = 0x6002,
    VMCS_CR0_SHADOW = 0x6004,
    VMCS_CR4_SHADOW = 0x6006,
    VMCS_QUALIFICATION = 0x6400,
    VMCS_GUEST_CR0 = 0x6800,
    VMCS_GUEST_CR3 = 0x6802,
    VMCS_GUEST_CR4 = 0x6804,
    VMCS_GUEST_DR7 = 0x681a,
    VMCS_GUEST_SP = 0x681c,
    VMCS_GUEST_IP = 0x681e,
    VMCS_GUEST_FLAGS = 0x6820,
    VMCS_PENDING_DEBUG = 0x6822,
    VMCS_HOST_CR0 = 0x6c00,
    VMCS_HOST_CR3 = 0x6c02,
    VMCS_HOST_CR4 = 0x6c04,
    VMCS_HOST_GS_BASE = 0x6c08,
    VMCS_HOST_TR_BASE = 0x6c0a,
    VMCS_HOST_GDTR_BASE = 0x6c0c,
    VMCS_HOST_IDTR_BASE = 0x6c0e,
    VMCS_HOST_SYSENTER_SP = 0x6c10,
    VMCS_HOST_SYSENTER_IP = 0x6c12,
    VMCS_HOST_SP = 0x6c14,
    VMCS_HOST_IP = 0x6c16
};

enum {
    PIN_INTERRUPT = 1 << 0,
    PIN_NMI = 1 << 3,
    PIN_VIRTUAL_NMI = 1 << 5,

    PRIMARY_WINDOW = 1 << 2,
    PRIMARY_TSC_OFFSET = 1 << 3,
    PRIMARY_HLT = 1 << 7,
    PRIMARY_INVLPG = 1 << 9,
    PRIMARY_CR3_LOAD = 1 << 15,
    PRIMARY_CR3_STORE = 1 << 16,
    PRIMARY_CR8_LOAD = 1 << 19,
    PRIMARY_CR8_STORE = 1 << 20,
    PRIMARY_TPR_SHADOW = 1 << 21,
    PRIMARY_NMI_WINDOW = 1 << 22,
    PRIMARY_IO_BITMAP = 1 << 25,
    PRIMARY_MSR_BITMAP = 1 << 28,

    SECONDARY_EPT = 1 << 1,
    SECONDARY_VPID = 1 << 5,
    SECONDARY_UNRESTRICTED = 1 << 7,
    SECONDARY_INVPCID = 1 << 12,

    EXIT_HOST_64 = 1 << 9,
    EXIT_LOAD_PAT = 1 << 19,
    EXIT_SAVE_EFER = 1 << 20,
    EXIT_LOAD_EFER = 1 << 21,
    EXIT_SAVE_DEBUG = 1 << 2,
    ENTRY_LOAD_DEBUG = 1 << 2,
    ENTRY_GUEST_64 = 1 << 9,
    ENTRY_LOAD_PAT = 1 << 14,
    ENTRY_LOAD_EFER = 1 << 15
};
#define PRIMARY_SECONDARY (1u << 31)

/* Appendix C. */
enum {
    REASON_EXCEPTION_NMI = 0,
    REASON_INTERRUPT = 1,
    REASON_TRIPLE_FAULT = 2,
    REASON_INVLPG = 14,
    REASON_CR_ACCESS = 28,
    REASON_INVALID_STATE = 33,
    REASON_EPT_VIOLATION = 48
};

/* What the CPUs can do, found at boot: bits that have to be set and that may be set. */
struct vmx_controls {
    uint32_t must, may;
};
extern struct vmx_controls vmx_pin, vmx_primary, vmx_secondary, vmx_exit_controls, vmx_entry_controls;

/* Bits that CR4 may have (IA32_VMX_CR4_FIXED1). */
extern uint64_t vmx_cr4_known;

/* What they lack is done without: EPT, guests without paging, EFER of the guest in the VMCS. */
extern bool vmx_ept, vmx_unrestricted, vmx_efer;

/* Bits of CR0 and CR4 that the guest does not decide, with EPT; what it reads there is in the shadow. */
extern word vmx_cr0_mask;
#define VMX_CR4_MASK CR4_VMXE

enum { VMX_EXCEPTION_AC = 17, VMX_ACCESS_LONG = 1 << 13 };

/* MSRs that only 64-bit mode has, loaded at entry; the first one is also stored at exit. */
enum { VMX_MSR_KERNEL_GS, VMX_MSR_STAR, VMX_MSR_LSTAR, VMX_MSR_CSTAR, VMX_MSR_SFMASK, VMX_MSRS };
struct vmx_msr {
    uint32_t number, reserved;
    uint64_t value;
};

/* Pages of the area: VMCS, struct vmx, virtual APIC page, then the vTLB's. */
enum { VMX_AREA_ORDER = 2, VMX_APIC_PAGE = 2, VMX_VTLB_PAGE = 3, APIC_TPR = 0x80 };
struct vmx {
    struct vcpu vcpu;
    struct vmx_msr msr[VMX_MSRS] __attribute__((aligned(16)));
    word cr2;
    word host_cr3;               /* as in the VMCS */
    uint32_t primary, secondary; /* as the monitor asks, sanitised; windows come on top */
    bool ready;                  /* the VMCS has been filled in */
    bool long_bad;               /* long mode without paging or PAE: not every processor says so before it is confused */
};

static inline struct vmx *vmx_of(struct frame *frame) { return (struct vmx *)vcpu_of(frame); }
static inline uint8_t *vmx_apic(struct vmx *vmx) { return (uint8_t *)vmx->vcpu.hardware + VMX_APIC_PAGE * PAGE_SIZE; }

static inline word vmread(enum vmcs_field field)
{
    word value = 0; /* if there is no such field */
    asm volatile("vmread %1, %0" : "+rm"(value) : "r"((word)field) : "cc");
    return value;
}

static inline void vmwrite(enum vmcs_field field, word value)
{
    asm volatile("vmwrite %1, %0" : : "r"((word)field), "rm"(value) : "cc");
}

/* Fields of 64 bit have a second half on 32-bit CPUs. */
static inline void vmwrite64(enum vmcs_field field, uint64_t value)
{
    vmwrite(field, (word)value);
    if (sizeof(word) == 4)
        vmwrite((enum vmcs_field)(field + 1), (word)(value >> 32));
}
static inline uint64_t vmread64(enum vmcs_field field)
{
    uint64_t value = vmread(field);
    if (sizeof(word) == 4)
        value |= (uint64_t)vmread((enum vmcs_field)(field + 1)) << 32;
    return value;
}

/* vmx.c: makes the VMCS the current one of this CPU, filled in. */
void vmcs_select(struct vmx *vmx);

/* vmx_state.c */
void vmx_save(struct frame *frame, struct nova_state *state, word mtd, unsigned event);
void vmx_load(struct frame *frame, const struct nova_state *state, word mtd);
void vmx_controls_set(struct vmx *vmx, uint32_t primary, uint32_t secondary);

/* vmx_cr.c: a CR access that only the kernel's own mask caused; false = it is the monitor's. The VMCS is current. */
bool vmx_cr_access(struct vmx *vmx, struct frame *frame);

/* General registers by number; and the end of an instruction that was done for the guest. */
word vmx_register_read(struct frame *frame, unsigned number);
void vmx_register_write(struct frame *frame, unsigned number, word value);
void vmx_step(struct vmx *vmx);

/* vmx_vtlb.c, with the VMCS current: the guest's control registers, wherever they are; setting them chooses between EPT and vTLB. */
struct vtlb_hardware vmx_guest_get(const struct vmx *vmx);
void vmx_guest_set(struct vmx *vmx, word cr0, word cr3, word cr4, uint64_t efer);

/* Makes the controls those of EPT or vTLB. */
void vmx_mode_set(struct vmx *vmx);

/* Before an entry on the vTLB: 0 = go on, otherwise what to do instead. Exits: 0 = it is the monitor's. */
struct frame *vmx_vtlb_enter(struct x86_cpu *cpu, struct vmx *vmx);
struct frame *vmx_vtlb_page_fault(struct x86_cpu *cpu, struct vmx *vmx, word address);
struct frame *vmx_vtlb_cr_access(struct x86_cpu *cpu, struct vmx *vmx);

/* ports/ARCH/vcpu.S: runs the guest. Goes on in vcpu_exit on the empty stack, or in vmx_failed if the processor refuses. */
_Noreturn void vmx_enter(struct frame *frame, bool launched);
struct frame *vmx_failed(struct x86_cpu *cpu);
void vmx_exit_entry(void);

#endif
