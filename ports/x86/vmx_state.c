/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * State of a VMX guest. The guest area of a VMCS cannot harm the host, as the processor checks it at entry; of the controls the monitor gets those that only make
 * more exits or that switch on instructions.
 */
#include "ports/x86/control.h"
#include "ports/x86/vcpu_state.h"
#include "ports/x86/vmx.h"

enum {
    /* INVLPG, MWAIT, RDPMC, RDTSC, CR3, MOV DR, all I/O, MTF, MONITOR and PAUSE exits: what a monitor may choose. SDM vol. 3, 24.6.2. */
    PRIMARY_MAY = 1 << 9 | 1 << 10 | 1 << 11 | 1 << 12 | 1 << 15 | 1 << 16 | 1 << 23 | 1 << 24 | 1 << 27 | 1 << 29 | 1 << 30 |
                  PRIMARY_TSC_OFFSET | PRIMARY_CR8_LOAD | PRIMARY_CR8_STORE | PRIMARY_TPR_SHADOW,
    /* Descriptor table, WBINVD, RDRAND, RDSEED exits; RDTSCP, INVPCID, XSAVES. */
    SECONDARY_MAY = 1 << 2 | 1 << 3 | 1 << 6 | 1 << 11 | 1 << 12 | 1 << 16 | 1 << 20,
    ACCESS_UNUSABLE = 1 << 16
};
#define PRIMARY_ALWAYS (PRIMARY_HLT | PRIMARY_IO_BITMAP | PRIMARY_MSR_BITMAP | PRIMARY_SECONDARY)
#define PRIMARY_VTLB (PRIMARY_INVLPG | PRIMARY_CR3_LOAD | PRIMARY_CR3_STORE)

static bool field_is_64(uint16_t field) { return (field & 0x6000) == 0x2000; }

static uint64_t vmcs_read(struct vcpu *vcpu, const struct state_place *place)
{
    (void)vcpu;
    if (!place->vmcs)
        return 0;
    uint64_t value = field_is_64(place->vmcs) ? vmread64(place->vmcs) : vmread(place->vmcs);
    if (place->kind == PLACE_ATTRIBUTES)
        value = (value & 0xff) | (value >> 4 & 0xf00) | (value & ACCESS_UNUSABLE ? 1 << 12 : 0);
    return value;
}

static void vmcs_write(struct vcpu *vcpu, const struct state_place *place, uint64_t value)
{
    (void)vcpu;
    if (!place->vmcs)
        return;
    if (place->kind == PLACE_ATTRIBUTES)
        value = (value & 0xff) | (value & 0xf00) << 4 | (value >> 12 & 1 ? ACCESS_UNUSABLE : 0);
    if (field_is_64(place->vmcs))
        vmwrite64(place->vmcs, value);
    else
        vmwrite(place->vmcs, (word)value);
}

static void registers_save(struct vmx *vmx, struct nova_state *state)
{
    state->cr0 = (vmread(VMCS_GUEST_CR0) & ~vmx_cr0_mask) | (vmread(VMCS_CR0_SHADOW) & vmx_cr0_mask);
    state->cr4 = (vmread(VMCS_GUEST_CR4) & ~VMX_CR4_MASK) | (vmread(VMCS_CR4_SHADOW) & VMX_CR4_MASK);
    state->cr2 = vmx->cr2;
}

/* Control registers and EFER, as far as mtd names them; what the table wrote of them does not count. */
static void registers_load(struct vmx *vmx, const struct nova_state *state, word mtd)
{
    struct vtlb_hardware guest = vmx_guest_get(vmx);
    if (mtd & NOVA_MTD_CR) {
        guest.cr0 = READ_ONCE(state->cr0);
        guest.cr3 = READ_ONCE(state->cr3);
        guest.cr4 = READ_ONCE(state->cr4);
        vmx->cr2 = READ_ONCE(state->cr2);
    }
#ifdef __x86_64__
    if (mtd & NOVA_MTD_EFER)
        guest.efer = READ_ONCE(state->efer);
#endif
    vmx_guest_set(vmx, guest.cr0, guest.cr3, guest.cr4, guest.efer);
    vmx->long_bad = guest.efer & EFER_LMA && !vmx->vcpu.vtlb.on && (~guest.cr0 & (CR0_PG | CR0_PE) || !(guest.cr4 & CR4_PAE));
}

#ifdef __x86_64__
static const struct {
    uint16_t offset, index;
} msrs[] = {{offsetof(struct nova_state, kernel_gs_base), VMX_MSR_KERNEL_GS},
            {offsetof(struct nova_state, star), VMX_MSR_STAR},
            {offsetof(struct nova_state, lstar), VMX_MSR_LSTAR},
            {offsetof(struct nova_state, cstar), VMX_MSR_CSTAR},
            {offsetof(struct nova_state, sfmask), VMX_MSR_SFMASK}};
#endif

void vmx_save(struct frame *frame, struct nova_state *state, word mtd, unsigned event)
{
    struct vmx *vmx = vmx_of(frame);
    struct vcpu *vcpu = &vmx->vcpu;
    vmcs_select(vmx);
    if (mtd & STATE_COMMON)
        vcpu_common_save(vcpu, state, mtd);
    if (mtd & ~(word)STATE_NO_TABLE)
        vcpu_state_read(vcpu, state, mtd, vmcs_read);
    if (mtd & NOVA_MTD_IP) {
        state->ip = vmread(VMCS_GUEST_IP);
        state->inst_len = vcpu->instruction_length;
    }
    if (mtd & NOVA_MTD_QUAL) {
        state->qual[0] = vcpu->qual[0];
        state->qual[1] = vcpu->qual[1];
    }
    if (mtd & NOVA_MTD_CR)
        registers_save(vmx, state);
    if (vcpu->vtlb.on)
        vcpu_vtlb_save(vcpu, state, mtd, 0);
    if (mtd & NOVA_MTD_INJ)
        state->inj = event >= NOVA_VM_INVALID_STATE || event == REASON_INVALID_STATE ? vcpu->inject : vcpu->interrupted;
#ifdef __x86_64__
    for (unsigned i = 0; mtd & NOVA_MTD_SYSCALL && i < sizeof msrs / sizeof msrs[0]; i++)
        *(uint64_t *)((char *)state + msrs[i].offset) = vmx->msr[msrs[i].index].value;
    if (mtd & NOVA_MTD_TPR) {
        state->tpr = vmx_apic(vmx)[APIC_TPR];
        state->tpr_threshold = (uint32_t)vmread(VMCS_TPR_THRESHOLD);
    }
#endif
}

void vmx_controls_set(struct vmx *vmx, uint32_t primary, uint32_t secondary)
{
    bool vtlb = vmx->vcpu.vtlb.on;
    vmx->vcpu.control[0] = primary;
    vmx->vcpu.control[1] = secondary;
    primary = (primary & PRIMARY_MAY) | PRIMARY_ALWAYS | (vtlb ? PRIMARY_VTLB : 0);
    /* Without a shadow CR8 would be that of the host, which a guest could close to interrupts. */
    if (!(primary & PRIMARY_TPR_SHADOW & vmx_primary.may))
        primary |= PRIMARY_CR8_LOAD | PRIMARY_CR8_STORE;
    vmx->primary = (primary | vmx_primary.must) & vmx_primary.may;
    secondary = (secondary & SECONDARY_MAY) | (boot_info.options.novpid ? 0 : SECONDARY_VPID);
    if (vtlb)
        secondary &= ~(uint32_t)SECONDARY_INVPCID; /* then it is #UD: the vTLB has no process contexts */
    else
        secondary |= SECONDARY_EPT | (vmx_unrestricted ? SECONDARY_UNRESTRICTED : 0);
    vmx->secondary = (secondary | vmx_secondary.must) & vmx_secondary.may;
    if (vmx_primary.may & PRIMARY_SECONDARY)
        vmwrite(VMCS_SECONDARY, vmx->secondary);
}

void vmx_load(struct frame *frame, const struct nova_state *state, word mtd)
{
    struct vmx *vmx = vmx_of(frame);
    struct vcpu *vcpu = &vmx->vcpu;
    vmcs_select(vmx);
    if (mtd & STATE_COMMON)
        vcpu_common_load(vcpu, state, mtd);
    if (mtd & ~(word)STATE_NO_TABLE)
        vcpu_state_write(vcpu, state, mtd, vmcs_write);
    if (mtd & NOVA_MTD_IP) {
        vmwrite(VMCS_GUEST_IP, READ_ONCE(state->ip));
        vcpu->injected_length = (uint8_t)READ_ONCE(state->inst_len);
    }
    if (mtd & (NOVA_MTD_CR | NOVA_MTD_EFER))
        registers_load(vmx, state, mtd);
    if (mtd & (NOVA_MTD_CR | NOVA_MTD_EFER | NOVA_MTD_PDPTE))
        vcpu->tag = 0;
    if (mtd & NOVA_MTD_CTRL) {
        vmx_controls_set(vmx, READ_ONCE(state->ctrl[0]), READ_ONCE(state->ctrl[1]));
        vcpu->window = vcpu->nmi_window = false;
    }
    if (mtd & NOVA_MTD_INJ) {
        uint64_t inject = READ_ONCE(state->inj);
        vcpu->inject = inject & ~(uint64_t)(INJECT_WINDOW | INJECT_NMI_WINDOW);
        vcpu->window = inject & INJECT_WINDOW;
        vcpu->nmi_window = inject & INJECT_NMI_WINDOW && vmx_primary.may & PRIMARY_NMI_WINDOW && vmx_pin.may & PIN_VIRTUAL_NMI;
    }
#ifdef __x86_64__
    for (unsigned i = 0; mtd & NOVA_MTD_SYSCALL && i < sizeof msrs / sizeof msrs[0]; i++)
        vmx->msr[msrs[i].index].value = *(const volatile uint64_t *)((const char *)state + msrs[i].offset);
    if (mtd & NOVA_MTD_TPR) {
        vmx_apic(vmx)[APIC_TPR] = (uint8_t)READ_ONCE(state->tpr);
        vmwrite(VMCS_TPR_THRESHOLD, READ_ONCE(state->tpr_threshold) & 0xf);
    }
#endif
}
