/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Running guests by VMX with EPT. Each CPU has one current VMCS; a virtual CPU is selected before its VMCS is touched. TLB tags (VPIDs) are given out per CPU as in
 * svm.c; what is cached of EPT itself is known by the root, not by the tag, and is dropped by INVEPT.
 */
#include "ports/x86/vmx.h"

#include "hal/physical.h"
#include "ports/x86/control.h"
#include "ports/x86/descriptors.h"
#include "ports/x86/page_table.h"
#include "ports/x86/vmx_setup.h"

enum {
    TAGS = 0x10000,
    EPT_POINTER = 3 << 3 | 6, /* four levels, write-back */
    INVALIDATE_SINGLE = 1,    /* INVEPT */
    INVALIDATE_ALL = 2,       /* INVVPID */
    ENTRY_FAILED = 1u << 31,
    EVENT_NMI = 2 << 8,
    EVENT_TYPE = 7 << 8,
    PAGE_FAULT = 14,
    UNBLOCKED_NMI = 1 << 12,
    BLOCKED_NMI = 1 << 3,
    ACTIVITY_HALTED = 1
};

struct invalidation {
    uint64_t what, address;
};

static void invept(paddr_t root)
{
    struct invalidation single = {root | EPT_POINTER, 0};
    asm volatile("invept %0, %1" : : "m"(single), "r"((word)INVALIDATE_SINGLE) : "memory", "cc");
}

static void invvpid_all(void)
{
    struct invalidation all = {0, 0};
    asm volatile("invvpid %0, %1" : : "m"(all), "r"((word)INVALIDATE_ALL) : "memory", "cc");
}

void vmcs_select(struct vmx *vmx)
{
    struct x86_cpu *cpu = x86_cpu_self();
    if (cpu->vcpu_current == vmx->vcpu.hardware)
        return;
    paddr_t vmcs = virt_to_phys(vmx->vcpu.hardware);
    if (!vmx->ready)
        asm volatile("vmclear %0" : : "m"(vmcs) : "memory", "cc");
    asm volatile("vmptrld %0" : : "m"(vmcs) : "memory", "cc");
    cpu->vcpu_current = vmx->vcpu.hardware;
    if (!vmx->ready)
        vmcs_fill(cpu, vmx);
    vmx->ready = true;
}

static void vmx_start(struct frame *frame, void *area, struct mmu *mmu)
{
    _Static_assert(sizeof(struct vmx) <= PAGE_SIZE, "the second page of the area");
    *(uint32_t *)area = vmx_revision();
    struct vcpu *vcpu = vcpu_start(frame, area, mmu);
    vcpu_vtlb_start(vcpu, VMX_VTLB_PAGE);
    vcpu->vtlb.on = vcpu_needs_vtlb; /* paging is off */
}

static void vmx_stop(struct frame *frame)
{
    struct vmx *vmx = vmx_of(frame);
    struct x86_cpu *cpu = x86_cpu_self();
    vcpu_stop(frame);
    if (!vmx->ready)
        return;
    /* The processor may hold the VMCS in a cache of its own and write it back later. */
    paddr_t vmcs = virt_to_phys(vmx->vcpu.hardware);
    asm volatile("vmclear %0" : : "m"(vmcs) : "memory", "cc");
    if (cpu->vcpu_current == vmx->vcpu.hardware)
        cpu->vcpu_current = 0;
    vmx->ready = false;
}

static void tag_choose(struct x86_cpu *cpu, struct vcpu *vcpu)
{
    paddr_t root = vcpu->vtlb.on ? 0 : vcpu_memory(vcpu);
    if (root && (vcpu->flushes != cpu->guest_flushes || vcpu->root != root)) {
        invept(root);
        vmwrite64(VMCS_EPT, root | EPT_POINTER);
        vcpu->flushes = cpu->guest_flushes;
        vcpu->root = root;
    }
    if (boot_info.options.novpid || (vcpu->tag && vcpu->tag_generation == cpu->vcpu_tag_generation))
        return;
    if (++cpu->vcpu_tag >= TAGS) {
        cpu->vcpu_tag = 1;
        cpu->vcpu_tag_generation++;
        invvpid_all();
    }
    vcpu->tag = cpu->vcpu_tag;
    vcpu->tag_generation = cpu->vcpu_tag_generation;
    vmwrite(VMCS_VPID, vcpu->tag);
}

static void ports_choose(struct vcpu *vcpu)
{
    paddr_t ports = vcpu_ports(vcpu);
    if (vcpu->ports == ports)
        return;
    vcpu->ports = ports;
    vmwrite64(VMCS_IO_BITMAP_A, ports);
    vmwrite64(VMCS_IO_BITMAP_B, ports + PAGE_SIZE);
}

static void inject(struct vcpu *vcpu)
{
    vmwrite(VMCS_INJECT, (uint32_t)vcpu->inject);
    if (!(vcpu->inject & INJECT_VALID))
        return;
    vmwrite(VMCS_INJECT_ERROR, (word)(vcpu->inject >> 32));
    vmwrite(VMCS_INJECT_LENGTH, vcpu->injected_length);
}

static struct frame *vmx_resume(struct x86_cpu *cpu, struct frame *frame)
{
    struct vmx *vmx = vmx_of(frame);
    struct vcpu *vcpu = &vmx->vcpu;
    vmcs_select(vmx);
    /* A guest that waits for a startup IPI, or is shut down, would not be interrupted by anything. */
    if (vmread(VMCS_ACTIVITY) > ACTIVITY_HALTED || vmx->long_bad)
        return kernel_vcpu_exit(cpu->core, REASON_INVALID_STATE, 0);
    if (vcpu->vtlb.on) {
        struct frame *instead = vmx_vtlb_enter(cpu, vmx);
        if (instead)
            return instead;
    }
    uint32_t primary = vmx->primary | (vcpu->window ? PRIMARY_WINDOW : 0) | (vcpu->nmi_window ? PRIMARY_NMI_WINDOW : 0);
    vmwrite(VMCS_PRIMARY, primary);
    vmwrite64(VMCS_TSC_OFFSET, vcpu->clock);
    word cr3 = cr3_read();
    if (vmx->host_cr3 != cr3) {
        vmwrite(VMCS_HOST_CR3, cr3);
        vmx->host_cr3 = cr3;
    }
    inject(vcpu);
    ports_choose(vcpu);
    tag_choose(cpu, vcpu);
    if (cpu->vcpu_debug != vcpu)
        vcpu_debug_take(cpu, vcpu);
    vcpu_switch_in(vcpu);
    asm volatile("mov %0, %%cr2" : : "r"(vmx->cr2));
    vmx_enter(frame, vcpu->launched);
}

/* An exit leaves the largest possible limits: user mode must not find descriptors behind the GDT, and needs the I/O bitmap behind the TSS. */
static struct vcpu *leave(struct x86_cpu *cpu, struct frame *frame)
{
    struct vmx *vmx = vmx_of(frame);
    descriptors_reload(cpu);
    asm volatile("mov %%cr2, %0" : "=r"(vmx->cr2));
    vcpu_switch_out(&vmx->vcpu);
    return &vmx->vcpu;
}

/* The processor refused without looking at the guest: what is to be injected, or the controls, are nonsense. */
struct frame *vmx_failed(struct x86_cpu *cpu)
{
    struct vcpu *vcpu = vcpu_of(cpu->frame);
    vcpu_switch_out(vcpu);
    vcpu->qual[0] = vcpu->qual[1] = 0;
    return kernel_vcpu_exit(cpu->core, REASON_INVALID_STATE, 0);
}

static struct frame *exception_exit(struct x86_cpu *cpu, struct vcpu *vcpu)
{
    uint32_t event = (uint32_t)vmread(VMCS_EXIT_EVENT);
    vcpu->inject = vcpu->interrupted;
    vcpu->injected_length = vcpu->instruction_length;
    if ((event & EVENT_TYPE) == EVENT_NMI) {
        asm volatile("int $2"); /* the host's: its IRET lets the next one in */
        return cpu->frame;
    }
    if (event & UNBLOCKED_NMI)
        vmwrite(VMCS_INTERRUPTIBILITY, vmread(VMCS_INTERRUPTIBILITY) | BLOCKED_NMI);
    if (vcpu->vtlb.on && (event & INJECT_VECTOR) == PAGE_FAULT)
        return vmx_vtlb_page_fault(cpu, (struct vmx *)vcpu, (word)vcpu->qual[0]);
    return kernel_vcpu_exit(cpu->core, REASON_EXCEPTION_NMI, 0);
}

/* What leads to an event at once. */
static struct frame *vmx_exit(struct x86_cpu *cpu)
{
    static const uint64_t special = 1 << REASON_EXCEPTION_NMI | 1 << REASON_INTERRUPT | 1 << REASON_INVLPG | 1 << REASON_CR_ACCESS |
                                    (uint64_t)1 << REASON_INVALID_STATE | (uint64_t)1 << REASON_EPT_VIOLATION;
    struct frame *frame = cpu->frame;
    struct vcpu *vcpu = leave(cpu, frame);
    word reason = vmread(VMCS_EXIT_REASON);
    if (reason >= 64 || special >> reason & 1 || vmread(VMCS_INTERRUPTED) & INJECT_VALID)
        return 0;
    frame->ip = vmread(VMCS_GUEST_IP);
    vcpu->qual[0] = vmread(VMCS_QUALIFICATION);
    vcpu->qual[1] = vmread64(VMCS_PHYSICAL_ADDRESS);
    vcpu->launched = true;
    vcpu->instruction_length = (uint8_t)vmread(VMCS_EXIT_LENGTH);
    vcpu->interrupted = vcpu->inject = 0;
    return kernel_vcpu_event(cpu->core, (unsigned)reason, 0);
}

static struct frame *vmx_exit_rest(struct x86_cpu *cpu)
{
    struct frame *frame = cpu->frame;
    struct vcpu *vcpu = vcpu_of(frame);
    uint32_t reason = (uint32_t)vmread(VMCS_EXIT_REASON);
    frame->ip = vmread(VMCS_GUEST_IP);
    vcpu->qual[0] = vmread(VMCS_QUALIFICATION);
    vcpu->qual[1] = 0;
    if (reason & ENTRY_FAILED) /* what was to be injected still is */
        return kernel_vcpu_exit(cpu->core, reason & 0xff, 0);
    vcpu->launched = true;
    uint32_t interrupted = (uint32_t)vmread(VMCS_INTERRUPTED);
    vcpu->interrupted = 0;
    if (interrupted & INJECT_VALID) {
        vcpu->interrupted = interrupted & INJECT_FIELDS;
        if (interrupted & INJECT_ERROR)
            vcpu->interrupted |= (uint64_t)vmread(VMCS_INTERRUPTED_ERROR) << 32;
    }
    vcpu->instruction_length = (uint8_t)vmread(VMCS_EXIT_LENGTH);
    vcpu->inject = 0;
    switch (reason) {
    case REASON_EXCEPTION_NMI: return exception_exit(cpu, vcpu);
    case REASON_INTERRUPT:
        vcpu->inject = vcpu->interrupted;
        vcpu->injected_length = vcpu->instruction_length;
        return 0;
    case REASON_CR_ACCESS:
        if (vcpu->vtlb.on) {
            struct frame *handled = vmx_vtlb_cr_access(cpu, (struct vmx *)vcpu);
            if (handled)
                return handled;
        } else if (vmx_cr_access((struct vmx *)vcpu, frame))
            return frame;
        break;
    case REASON_INVLPG:
        if (!vcpu->vtlb.on)
            break;
        vtlb_invalidate(&vcpu->vtlb, (word)vcpu->qual[0]);
        vmx_step((struct vmx *)vcpu);
        return frame;
    case REASON_EPT_VIOLATION:
        vcpu->qual[1] = vmread64(VMCS_PHYSICAL_ADDRESS);
        if (!vcpu->interrupted && vcpu->qual[0] & UNBLOCKED_NMI)
            vmwrite(VMCS_INTERRUPTIBILITY, vmread(VMCS_INTERRUPTIBILITY) | BLOCKED_NMI);
        return kernel_vcpu_exit(cpu->core, REASON_EPT_VIOLATION, vcpu->qual[1]);
    }
    vcpu->qual[1] = vmread64(VMCS_PHYSICAL_ADDRESS);
    return kernel_vcpu_exit(cpu->core, reason < NOVA_VM_UNKNOWN ? reason : NOVA_VM_UNKNOWN, 0);
}

const struct vcpu_hardware vmx_hardware = {
    .feature = NOVA_FEATURE_VMX,
    .boot = vmx_boot,
    .cpu_init = vmx_cpu_init,
    .resume = vmx_resume,
    .exit = vmx_exit,
    .exit_rest = vmx_exit_rest,
    .operations = {VMX_AREA_ORDER, vmx_start, vmx_stop, vmx_save, vmx_load, vcpu_deliver, vcpu_take, vcpu_pause},
};
