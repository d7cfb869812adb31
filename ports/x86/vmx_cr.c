/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * MOV to CR0 or CR4 that exits because a bit changes that the kernel owns (vmx_cr0_mask, VMX_CR4_MASK): done here as the processor would have done it, so that
 * the guest cannot tell. When PAE page directory pointers have to be read from guest memory, the monitor does that part (abi.md section 5).
 */
#include "ports/x86/control.h"
#include "ports/x86/vmx.h"

enum { ACCESS_MOV_TO_CR = 0, PROTECTION = 13, REGISTER_SP = 4, FLAGS_TRAP = 1 << 8, PENDING_STEP = 1 << 14 };

/* SDM vol. 3, table 27-3: number of the general register. */
word vmx_register_read(struct frame *frame, unsigned number)
{
    return number == REGISTER_SP ? vmread(VMCS_GUEST_SP) : *vcpu_register(frame, number);
}

void vmx_register_write(struct frame *frame, unsigned number, word value)
{
    *vcpu_register(frame, number) = value;
    if (number == REGISTER_SP)
        vmwrite(VMCS_GUEST_SP, value);
}

static void refuse(struct vmx *vmx) { vmx->vcpu.inject = INJECT_VALID | INJECT_ERROR | INJECT_EXCEPTION << 8 | PROTECTION; }

void vmx_step(struct vmx *vmx)
{
    vmx->vcpu.frame->ip = vmread(VMCS_GUEST_IP) + vmx->vcpu.instruction_length;
    vmwrite(VMCS_GUEST_IP, vmx->vcpu.frame->ip);
    vmwrite(VMCS_INTERRUPTIBILITY, vmread(VMCS_INTERRUPTIBILITY) & ~(word)3); /* the shadow of STI or MOV SS is over */
    if (vmread(VMCS_GUEST_FLAGS) & FLAGS_TRAP)
        vmwrite(VMCS_PENDING_DEBUG, vmread(VMCS_PENDING_DEBUG) | PENDING_STEP);
}

/* PAE paging outside long mode, whose four pointers the processor holds. */
static bool needs_pointers(word cr0, word cr4, uint64_t efer) { return cr0 & CR0_PG && cr4 & CR4_PAE && !(efer & EFER_LMA); }

static bool cr0_write_guest(struct vmx *vmx, word value)
{
    word old = vmread(VMCS_GUEST_CR0), cr4 = vmread(VMCS_GUEST_CR4);
    uint64_t efer = vmread64(VMCS_GUEST_EFER);
    bool bad = (value & CR0_PG && !(value & CR0_PE)) || (value & CR0_NW && !(value & CR0_CD));
    if (sizeof(word) == 8)
        bad = bad || (uint64_t)value >> 32;
    bool on = value & CR0_PG && !(old & CR0_PG), off = !(value & CR0_PG) && old & CR0_PG;
    if (on && efer & EFER_LME)
        bad = bad || !(cr4 & CR4_PAE);
    if (bad || (off && efer & EFER_LMA && vmread(VMCS_CS_ACCESS) & VMX_ACCESS_LONG)) { /* CS.L: not out of 64-bit mode */
        refuse(vmx);
        return true;
    }
    if (off && !vmx_unrestricted) {
        struct vtlb_hardware now = vmx_guest_get(vmx);
        vmx_guest_set(vmx, value | CR0_ET, now.cr3, now.cr4, now.efer);
        vmx_step(vmx);
        return true;
    }
    vmwrite(VMCS_GUEST_CR0, (value & ~(CR0_NW | CR0_CD)) | CR0_NE | CR0_ET);
    vmwrite(VMCS_CR0_SHADOW, value);
    if ((on && efer & EFER_LME) || off) {
        efer = on ? efer | EFER_LMA : efer & ~EFER_LMA;
        vmwrite64(VMCS_GUEST_EFER, efer);
        uint32_t entry = (uint32_t)vmread(VMCS_ENTRY) & ~(uint32_t)ENTRY_GUEST_64;
        vmwrite(VMCS_ENTRY, entry | (efer & EFER_LMA ? ENTRY_GUEST_64 : 0));
    }
    vmx->vcpu.tag = 0;
    if (needs_pointers(value, cr4, efer) && (value ^ old) & (CR0_PG | CR0_CD | CR0_NW))
        return false;
    vmx_step(vmx);
    return true;
}

static bool cr4_write_guest(struct vmx *vmx, word value)
{
    word old = vmread(VMCS_GUEST_CR4), cr0 = vmread(VMCS_GUEST_CR0);
    uint64_t efer = vmread64(VMCS_GUEST_EFER);
    word known = (word)vmx_cr4_known;
    if (value & ~known || (efer & EFER_LMA && !(value & CR4_PAE)) || (value & ~old & CR4_PCIDE && !(efer & EFER_LMA))) {
        refuse(vmx);
        return true;
    }
    vmwrite(VMCS_GUEST_CR4, value | CR4_VMXE);
    vmwrite(VMCS_CR4_SHADOW, value);
    vmx->vcpu.tag = 0;
    if (needs_pointers(cr0, value, efer) && (value ^ old) & (CR4_PAE | CR4_PGE | CR4_PSE | CR4_SMEP))
        return false;
    vmx_step(vmx);
    return true;
}

bool vmx_cr_access(struct vmx *vmx, struct frame *frame)
{
    word qualification = vmread(VMCS_QUALIFICATION);
    if ((qualification >> 4 & 3) != ACCESS_MOV_TO_CR)
        return false;
    word value = vmx_register_read(frame, qualification >> 8 & 15);
    switch (qualification & 15) {
    case 0: return cr0_write_guest(vmx, value);
    case 4: return cr4_write_guest(vmx, value);
    default: return false;
    }
}
