/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * MOV to CR0 or CR4 that exits because a bit changes that the kernel owns (VMX_CR0_MASK, VMX_CR4_MASK): done here as the processor would have done it, so that
 * the guest cannot tell. When PAE page directory pointers have to be read from guest memory, the monitor does that part (abi.md section 5).
 */
#include "ports/x86/control.h"
#include "ports/x86/vmx.h"
#include "registers.h"

enum { ACCESS_MOV_TO_CR = 0, PROTECTION = 13, REGISTER_SP = 4 };

/* SDM vol. 3, table 27-3: number of the general register. */
static word register_read(struct frame *frame, unsigned number)
{
#ifdef __x86_64__
    static const uint8_t places[16] = {
        [0] = offsetof(struct frame, arg[ARG_AX]) / 8,   [1] = offsetof(struct frame, reg[REG_CX]) / 8,
        [2] = offsetof(struct frame, arg[ARG_DX]) / 8,   [3] = offsetof(struct frame, reg[REG_BX]) / 8,
        [5] = offsetof(struct frame, reg[REG_BP]) / 8,   [6] = offsetof(struct frame, arg[ARG_SI]) / 8,
        [7] = offsetof(struct frame, arg[ARG_DI]) / 8,   [8] = offsetof(struct frame, arg[ARG_R8]) / 8,
        [9] = offsetof(struct frame, reg[REG_R9]) / 8,   [10] = offsetof(struct frame, reg[REG_R10]) / 8,
        [11] = offsetof(struct frame, reg[REG_R11]) / 8, [12] = offsetof(struct frame, reg[REG_R12]) / 8,
        [13] = offsetof(struct frame, reg[REG_R13]) / 8, [14] = offsetof(struct frame, reg[REG_R14]) / 8,
        [15] = offsetof(struct frame, reg[REG_R15]) / 8};
#else
    static const uint8_t places[8] = {[0] = offsetof(struct frame, arg[ARG_AX]) / 4, [1] = offsetof(struct frame, reg[REG_CX]) / 4,
                                      [2] = offsetof(struct frame, reg[REG_DX]) / 4, [3] = offsetof(struct frame, arg[ARG_BX]) / 4,
                                      [5] = offsetof(struct frame, arg[ARG_BP]) / 4, [6] = offsetof(struct frame, arg[ARG_SI]) / 4,
                                      [7] = offsetof(struct frame, arg[ARG_DI]) / 4};
#endif
    if (number == REGISTER_SP)
        return vmread(VMCS_GUEST_SP);
    return ((word *)frame)[places[number % sizeof places]];
}

static void refuse(struct vmx *vmx) { vmx->vcpu.inject = INJECT_VALID | INJECT_ERROR | INJECT_EXCEPTION << 8 | PROTECTION; }

static void go_on(struct vmx *vmx)
{
    vmwrite(VMCS_GUEST_IP, vmread(VMCS_GUEST_IP) + vmx->vcpu.instruction_length);
    vmwrite(VMCS_INTERRUPTIBILITY, vmread(VMCS_INTERRUPTIBILITY) & ~(word)3); /* the shadow of STI or MOV SS is over */
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
    if (bad || (off && efer & EFER_LMA && vmread(VMCS_CS_ACCESS) & 1 << 13)) { /* CS.L: not out of 64-bit mode */
        refuse(vmx);
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
    go_on(vmx);
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
    go_on(vmx);
    return true;
}

bool vmx_cr_access(struct vmx *vmx, struct frame *frame)
{
    word qualification = vmread(VMCS_QUALIFICATION);
    if ((qualification >> 4 & 3) != ACCESS_MOV_TO_CR)
        return false;
    word value = register_read(frame, qualification >> 8 & 15);
    switch (qualification & 15) {
    case 0: return cr0_write_guest(vmx, value);
    case 4: return cr4_write_guest(vmx, value);
    default: return false;
    }
}
