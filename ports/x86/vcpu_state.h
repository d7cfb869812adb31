/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Guest state by MTD (abi.md section 4): one table says for each field of struct nova_state which bit names it and where VMCB and VMCS have it. What is not simply
 * copied (control registers of VMX, injection, TSC) is done by svm_state.c and vmx_state.c.
 */
#ifndef PORTS_X86_VCPU_STATE_H
#define PORTS_X86_VCPU_STATE_H

#include "ports/x86/vcpu.h"

/* Attributes of segments differ: bits 8-11 here and in a VMCB are bits 12-15 of a VMCS, bit 12 here is bit 16 there. */
enum place_kind { PLACE_PLAIN, PLACE_ATTRIBUTES };

struct state_place {
    uint16_t offset; /* in struct nova_state */
    uint8_t size;    /* there, in bytes */
    uint8_t kind;    /* enum place_kind */
    uint16_t vmcb;   /* offset; 0 = not there */
    uint8_t vmcb_size;
    uint16_t vmcs; /* encoding; 0 = not there */
};

typedef uint64_t (*place_reader)(struct vcpu *vcpu, const struct state_place *place);
typedef void (*place_writer)(struct vcpu *vcpu, const struct state_place *place, uint64_t value);

/* Bits of an MTD that are not in the table. */
#define STATE_NO_TABLE (NOVA_MTD_IP | NOVA_MTD_GPR_ACDB | NOVA_MTD_GPR_BSD | NOVA_MTD_GPR_R8_R15 | NOVA_MTD_QUAL | NOVA_MTD_INJ)

/* Walks the places that mtd names. */
void vcpu_state_read(struct vcpu *vcpu, struct nova_state *state, word mtd, place_reader read);
void vcpu_state_write(struct vcpu *vcpu, const struct nova_state *state, word mtd, place_writer write);

/* Bits that vcpu_common_save and vcpu_common_load have something to do for; and what of it is in the frame. */
#define STATE_FRAME (NOVA_MTD_GPR_ACDB | NOVA_MTD_GPR_BSD | NOVA_MTD_GPR_R8_R15 | NOVA_MTD_FPU)
#define STATE_COMMON (STATE_FRAME | NOVA_MTD_TSC | NOVA_MTD_TSC_AUX | NOVA_MTD_XSAVE)

/* General registers, FPU, TSC, XCR0, TSC_AUX, which need no hardware. */
void vcpu_common_save(struct vcpu *vcpu, struct nova_state *state, word mtd);
void vcpu_common_load(struct vcpu *vcpu, const struct nova_state *state, word mtd);

/* The guest's control registers on the vTLB, in the place of the hardware's. efer_set: bits that the monitor sees set beside the guest's. */
void vcpu_vtlb_save(const struct vcpu *vcpu, struct nova_state *state, word mtd, uint64_t efer_set);

/* A field of user memory, once. */
#define READ_ONCE(lvalue) (*(const volatile __typeof__(lvalue) *)&(lvalue))

#endif
