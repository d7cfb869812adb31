/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * VMX on the vTLB: always where there is no EPT, and without unrestricted guests as long as the guest's paging is off. The kernel owns all of CR0 and CR4 then, and
 * what the guest reads is in their shadows; exits say in their qualification what the instruction was.
 */
#include "hal/physical.h"
#include "ports/x86/control.h"
#include "ports/x86/msr.h"
#include "ports/x86/vmx_setup.h"

enum { FLAGS_AC = 1 << 18, EXCEPTION_PAGE = 14, CPL_SHIFT = 5 };
enum { TO_CR, FROM_CR, CLTS, LMSW };
#define ALL (~(word)0)

void vmx_mode_set(struct vmx *vmx)
{
    bool on = vmx->vcpu.vtlb.on;
    vmx_controls_set(vmx, vmx->vcpu.control[0], vmx->vcpu.control[1]);
    vmwrite(VMCS_EXCEPTIONS, 1 << VMX_EXCEPTION_AC | (on ? 1 << EXCEPTION_PAGE : 0));
    vmwrite(VMCS_CR0_MASK, on ? ALL : vmx_cr0_mask);
    vmwrite(VMCS_CR4_MASK, on ? ALL : VMX_CR4_MASK);
    vmx->vcpu.tag = 0;
    vmx->vcpu.vtlb.changed = true;
}

static void guest_64(bool on)
{
    uint32_t entry = (uint32_t)vmread(VMCS_ENTRY) & ~(uint32_t)ENTRY_GUEST_64;
    vmwrite(VMCS_ENTRY, entry | (on ? ENTRY_GUEST_64 : 0));
}

void vmx_guest_set(struct vmx *vmx, word cr0, word cr3, word cr4, uint64_t efer)
{
    struct vtlb *vtlb = &vmx->vcpu.vtlb;
    bool on = vcpu_needs_vtlb && (!vmx_ept || !(cr0 & CR0_PG));
    if (on)
        vtlb_load(vtlb, cr0, cr3, cr4, efer);
    else {
        vmwrite(VMCS_GUEST_CR0, (cr0 & ~(CR0_NW | CR0_CD)) | CR0_NE);
        vmwrite(VMCS_CR0_SHADOW, cr0);
        vmwrite(VMCS_GUEST_CR4, cr4 | CR4_VMXE);
        vmwrite(VMCS_CR4_SHADOW, cr4);
        vmwrite(VMCS_GUEST_CR3, cr3);
        vmwrite64(VMCS_GUEST_EFER, efer);
        guest_64(efer & EFER_LMA);
    }
    if (vtlb->on == on)
        return;
    vtlb->on = on;
    vmx_mode_set(vmx);
}

struct vtlb_hardware vmx_guest_get(const struct vmx *vmx)
{
    const struct vtlb *vtlb = &vmx->vcpu.vtlb;
    if (vtlb->on)
        return (struct vtlb_hardware){vtlb->cr0, vtlb->cr3, vtlb->cr4, vtlb->efer};
    return (struct vtlb_hardware){
        (vmread(VMCS_GUEST_CR0) & ~vmx_cr0_mask) | (vmread(VMCS_CR0_SHADOW) & vmx_cr0_mask), vmread(VMCS_GUEST_CR3),
        (vmread(VMCS_GUEST_CR4) & ~VMX_CR4_MASK) | (vmread(VMCS_CR4_SHADOW) & VMX_CR4_MASK), vmread64(VMCS_GUEST_EFER)};
}

static struct frame *memory(struct x86_cpu *cpu, struct vcpu *vcpu, unsigned access)
{
    vcpu->qual[0] = vcpu->vtlb.fault_rights << 3 | (access & FAULT_FETCH ? 4 : access & FAULT_WRITE ? 2 : 1);
    vcpu->qual[1] = vcpu->vtlb.fault_address;
    return kernel_vcpu_exit(cpu->core, REASON_EPT_VIOLATION, vcpu->qual[1]);
}

static struct frame *raise(struct x86_cpu *cpu, struct vcpu *vcpu)
{
    if (vcpu_inject_exception(vcpu, vcpu->vtlb.fault_vector, vcpu->vtlb.fault_error))
        return vcpu->frame;
    vcpu->inject = 0;
    vcpu->qual[0] = vcpu->qual[1] = 0;
    return kernel_vcpu_exit(cpu->core, REASON_TRIPLE_FAULT, 0);
}

struct frame *vmx_vtlb_enter(struct x86_cpu *cpu, struct vmx *vmx)
{
    struct vtlb *vtlb = &vmx->vcpu.vtlb;
    enum vtlb_outcome outcome = vtlb->cr0 & CR0_PE && vtlb_good(vtlb) ? vtlb_prepare(vtlb) : VTLB_FAULT;
    if (outcome == VTLB_MEMORY)
        return memory(cpu, &vmx->vcpu, 0);
    if (outcome != VTLB_DONE)
        return kernel_vcpu_exit(cpu->core, REASON_INVALID_STATE, 0);
    if (vtlb->flushed)
        vmx->vcpu.tag = 0;
    vtlb->flushed = false;
    if (!vtlb->changed)
        return 0;
    struct vtlb_hardware hardware = vtlb_hardware(vtlb);
    vmwrite(VMCS_GUEST_CR0, hardware.cr0 | CR0_NE);
    vmwrite(VMCS_CR0_SHADOW, vtlb->cr0);
    vmwrite(VMCS_GUEST_CR3, hardware.cr3);
    vmwrite(VMCS_GUEST_CR4, hardware.cr4 | CR4_VMXE);
    vmwrite(VMCS_CR4_SHADOW, vtlb->cr4);
    if (vmx_efer)
        vmwrite64(VMCS_GUEST_EFER, hardware.efer);
    guest_64(vtlb_long(vtlb));
    vtlb->changed = false;
    return 0;
}

struct frame *vmx_vtlb_page_fault(struct x86_cpu *cpu, struct vmx *vmx, word address)
{
    struct vcpu *vcpu = &vmx->vcpu;
    struct vtlb *vtlb = &vcpu->vtlb;
    unsigned error = (unsigned)vmread(VMCS_EXIT_EVENT_ERROR);
    vtlb->strict =
        vtlb->cr4 & CR4_SMAP && ((vmread(VMCS_SS_ACCESS) >> CPL_SHIFT & 3) == 3 || !(vmread(VMCS_GUEST_FLAGS) & FLAGS_AC));
    switch (vtlb_miss(vtlb, address, error)) {
    case VTLB_FAULT: vmx->cr2 = address; return raise(cpu, vcpu);
    case VTLB_MEMORY: return memory(cpu, vcpu, error);
    default: return vcpu->frame;
    }
}

static word control_read(const struct vtlb *vtlb, unsigned number)
{
    return number == 0 ? vtlb->cr0 : number == 3 ? vtlb->cr3 : vtlb->cr4;
}

static enum vtlb_outcome perform(struct vmx *vmx, word qualification)
{
    struct vtlb *vtlb = &vmx->vcpu.vtlb;
    bool code_long = vmread(VMCS_CS_ACCESS) & VMX_ACCESS_LONG, mode_64 = code_long && vtlb_long(vtlb);
    unsigned number = qualification & 15, gpr = qualification >> 8 & 15;
    word value;
    if (number != 0 && number != 3 && number != 4)
        return VTLB_IMPOSSIBLE;
    switch (qualification >> 4 & 3) {
    case TO_CR:
        value = vmx_register_read(vmx->vcpu.frame, gpr);
        return vtlb_write(vtlb, number, mode_64 ? value : (uint32_t)value, code_long);
    case FROM_CR: vmx_register_write(vmx->vcpu.frame, gpr, control_read(vtlb, number)); return VTLB_DONE;
    case CLTS: return vtlb_write(vtlb, 0, vtlb->cr0 & ~CR0_TS, code_long);
    default: return vtlb_write(vtlb, 0, vcpu_machine_status(vtlb->cr0, qualification >> 16 & 0xffff), code_long);
    }
}

/* Paging is on, and EPT takes over with what the guest has: the pointers of PAE have been read, too. */
static void leave(struct vmx *vmx)
{
    struct vtlb *vtlb = &vmx->vcpu.vtlb;
    vmx_guest_set(vmx, vtlb->cr0, vtlb->cr3, vtlb->cr4, vtlb->efer);
    for (unsigned i = 0; i < 4; i++)
        vmwrite64((enum vmcs_field)(VMCS_PDPTE + 2 * i), vtlb->pointer[i]);
}

struct frame *vmx_vtlb_cr_access(struct x86_cpu *cpu, struct vmx *vmx)
{
    switch (perform(vmx, (word)vmx->vcpu.qual[0])) {
    case VTLB_DONE:
        if (vmx_ept && vtlb_paging(&vmx->vcpu.vtlb))
            leave(vmx);
        vmx_step(vmx);
        return vmx->vcpu.frame;
    case VTLB_FAULT: return raise(cpu, &vmx->vcpu);
    case VTLB_MEMORY: return memory(cpu, &vmx->vcpu, 0);
    default: return 0;
    }
}
