/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * VMX: MOV to CR0, CR3 or CR4 after which the four page directory pointers of PAE paging have to be read, which the monitor does; MOV to and from CR8; LMSW. Qualification:
 * Intel SDM vol. 3, table 27-3.
 */
#include "vmm.h"

enum { MOV_TO = 0, MOV_FROM = 1, LMSW = 3, LMSW_BITS = 0xe, LMSW_MAY = 0xf };

static nova_word *register_of(struct nova_state *s, unsigned number)
{
#ifdef __x86_64__
    if (number >= 8)
        return &(&s->r8)[number - 8];
#endif
    return &(&s->ax)[number & 7]; /* in the order of the encoding */
}

static int pointers_load(struct vm *vm, struct nova_state *s)
{
    uint64_t *pointers = guest_memory(vm, s->cr3 & ~(nova_word)31, 4 * sizeof *pointers);
    if (!pointers)
        return 0;
    for (unsigned i = 0; i < 4; i++)
        s->pdpte[i] = (nova_word)pointers[i];
    s->mtd |= NOVA_MTD_PDPTE;
    return 1;
}

void control_register_exit(struct vcpu *vcpu, struct nova_state *s)
{
    unsigned cr = s->qual[0] & 15, access = s->qual[0] >> 4 & 3;
    nova_word *reg = register_of(s, s->qual[0] >> 8 & 15);
    if (cr == 8 && access == MOV_TO)
        vcpu->cr8 = *reg & 15;
    else if (cr == 8 && access == MOV_FROM) {
        *reg = vcpu->cr8;
        s->mtd = NOVA_MTD_GPR_ACDB | NOVA_MTD_GPR_BSD | NOVA_MTD_SP | (NOVA_WORD_BITS == 64 ? NOVA_MTD_GPR_R8_R15 : 0);
    } else if (access == MOV_TO) {
        if (!pointers_load(vcpu->vm, s))
            vcpu_fail(vcpu, s, "its page directory pointers are not in memory");
    } else if (access == LMSW) {
        s->cr0 = (s->cr0 & ~(nova_word)LMSW_BITS) | (s->qual[0] >> 16 & LMSW_MAY);
        s->mtd = NOVA_MTD_CR;
    } else
        vcpu_fail(vcpu, s, "an access to a control register that is not known");
    state_finish(s, 3);
}
