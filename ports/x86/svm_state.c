/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * State of an SVM guest: the table's fields go straight into the VMCB, whose checks and the intercepts stand between them and the host. What the
 * format of the VMCB does not say the same way is translated here.
 */
#include "ports/x86/control.h"
#include "ports/x86/svm.h"
#include "ports/x86/vcpu_state.h"

enum { ATTRIBUTES = 0xfff, ATTRIBUTES_UNUSABLE = 1 << 12, ATTRIBUTES_PRESENT = 1 << 7, VMCB_SS_ATTRIBUTES = 0x422 };

static uint64_t vmcb_read(struct vcpu *vcpu, const struct state_place *place)
{
    const void *at = (char *)vcpu->hardware + place->vmcb;
    if (!place->vmcb)
        return 0;
    switch (place->vmcb_size) {
    case 2: return *(const uint16_t *)at;
    case 4: return *(const uint32_t *)at;
    default: return *(const uint64_t *)at;
    }
}

static void vmcb_write(struct vcpu *vcpu, const struct state_place *place, uint64_t value)
{
    void *at = (char *)vcpu->hardware + place->vmcb;
    if (!place->vmcb)
        return;
    if (place->kind == PLACE_ATTRIBUTES)
        value &= value & ATTRIBUTES_UNUSABLE ? ATTRIBUTES & ~ATTRIBUTES_PRESENT : ATTRIBUTES;
    switch (place->vmcb_size) {
    case 2: *(uint16_t *)at = (uint16_t)value; break;
    case 4: *(uint32_t *)at = (uint32_t)value; break;
    default: *(uint64_t *)at = value;
    }
}

void svm_save(struct frame *frame, struct nova_state *state, word mtd, unsigned event)
{
    struct vcpu *vcpu = vcpu_of(frame);
    struct vmcb *vmcb = vcpu->hardware;
    if (mtd & NOVA_MTD_IP) {
        state->ip = (word)vmcb->ip;
        state->inst_len = 0;
    }
    if (__builtin_expect(!(mtd & ~(word)NOVA_MTD_IP), 1))
        return;
    if (mtd & STATE_COMMON)
        vcpu_common_save(vcpu, state, mtd);
    if (mtd & ~(word)STATE_NO_TABLE)
        vcpu_state_read(vcpu, state, mtd, vmcb_read);
    if (vcpu->vtlb.on)
        vcpu_vtlb_save(vcpu, state, mtd, EFER_SVME);
    if (mtd & NOVA_MTD_INJ)
        state->inj = event >= NOVA_VM_INVALID_STATE ? vcpu->inject : vcpu->interrupted;
    if (mtd & NOVA_MTD_QUAL) {
        state->qual[0] = vmcb->exit_info[0];
        state->qual[1] = vmcb->exit_info[1];
    }
    if (mtd & NOVA_MTD_STA) {
        state->intr_state = vmcb->shadow & SHADOW_ACTIVE;
        state->actv_state = 0;
    }
#ifdef __x86_64__
    if (mtd & NOVA_MTD_CR)
        state->cr8 = vmcb->vintr & VINTR_TPR;
#endif
}

/* What the table has put into the VMCB is the guest's; the hardware gets other registers. */
static void vtlb_take(struct vtlb *vtlb, const struct vmcb *vmcb, word mtd)
{
    bool control = mtd & NOVA_MTD_CR, efer = mtd & NOVA_MTD_EFER;
    if (control || efer)
        vtlb_load(vtlb, control ? (word)vmcb->cr0 : vtlb->cr0, control ? (word)vmcb->cr3 : vtlb->cr3,
                  control ? (word)vmcb->cr4 : vtlb->cr4, efer ? vmcb->efer & ~EFER_SVME : vtlb->efer);
}

void svm_load(struct frame *frame, const struct nova_state *state, word mtd)
{
    struct vcpu *vcpu = vcpu_of(frame);
    struct vmcb *vmcb = vcpu->hardware;
    if (mtd & NOVA_MTD_IP)
        vmcb->ip = READ_ONCE(state->ip);
    if (mtd & STATE_COMMON)
        vcpu_common_load(vcpu, state, mtd);
    if (mtd & ~(word)(STATE_FRAME | NOVA_MTD_IP))
        vcpu->due = true;
    if (!(mtd & ~(word)STATE_NO_TABLE & ~(word)STATE_COMMON) && !(mtd & NOVA_MTD_INJ))
        return;
    vcpu_state_write(vcpu, state, mtd, vmcb_write);
    if (mtd & NOVA_MTD_CS_SS)
        vmcb->cpl = (uint8_t)(*(uint16_t *)((char *)vmcb + VMCB_SS_ATTRIBUTES) >> 5 & 3);
    if (mtd & NOVA_MTD_EFER)
        vmcb->efer |= EFER_SVME;
    if (vcpu->vtlb.on)
        vtlb_take(&vcpu->vtlb, vmcb, mtd);
    if (mtd & (NOVA_MTD_CR | NOVA_MTD_EFER))
        vcpu->tag = 0; /* as if the guest had written them, and more */
    if (mtd & NOVA_MTD_CTRL) {
        vmcb->intercepts =
            (READ_ONCE(state->ctrl[0]) & ~(uint32_t)INTERCEPT_VINTR) | INTERCEPTS | (vcpu->vtlb.on ? INTERCEPTS_VTLB : 0);
        vmcb->intercepts2 = READ_ONCE(state->ctrl[1]) | INTERCEPTS2;
        vcpu->sets_xcr0 = !(vmcb->intercepts2 & INTERCEPT2_XSETBV);
        vcpu_switches_set(vcpu);
        vcpu->window = false;
    }
    if (mtd & NOVA_MTD_INJ) {
        uint64_t inject = READ_ONCE(state->inj);
        vcpu->inject = inject & INJECT_FIELDS;
        vcpu->window = inject & INJECT_WINDOW;
    }
    if (mtd & NOVA_MTD_STA)
        vmcb->shadow = READ_ONCE(state->intr_state) & SHADOW_ACTIVE;
#ifdef __x86_64__
    if (mtd & NOVA_MTD_CR)
        vmcb->vintr = (vmcb->vintr & ~(uint32_t)VINTR_TPR) | (READ_ONCE(state->cr8) & VINTR_TPR);
#endif
}
