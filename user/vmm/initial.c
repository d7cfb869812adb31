/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * State in which a virtual CPU starts: real mode for flat images, else 32-bit protected mode, flat, without paging, as Multiboot 1 describes it (section 3.2). The guest
 * sets up its own descriptor tables. Attributes of segments: Intel SDM vol. 3, 24.4.1, with the high bits moved as in include/nova/utcb.h.
 */
#include "vmm.h"

enum { DATA_RW = 0x93, CODE_RX = 0x9b, LDT = 0x82, TSS_BUSY_32 = 0x8b, FLAT = 0xc00 };
enum { SVM_CPUID = 1 << 18, SVM_VMRUN = 1 << 0, VMX_TSC_OFFSET = 1 << 3, VMX_RDTSCP = 1 << 3 };
enum { CR0_PE = 1, CR0_ET = 0x10, DR7_RESET = 0x400, FLAGS_RESET = 2 };

static void segment(struct nova_segment *s, unsigned attributes, uint32_t limit)
{
    *s = (struct nova_segment){0, (uint16_t)attributes, limit, 0};
}

void state_initial(const struct vcpu *vcpu, struct nova_state *s)
{
    int real = vcpu->vm->real_mode && !vcpu->number;
    unsigned size = real ? 0 : FLAT;
    uint32_t limit = real ? 0xffff : 0xffffffff;
    memset(&s->ip, 0, sizeof *s - offsetof(struct nova_state, ip));
    segment(&s->cs, CODE_RX | size, limit);
    segment(&s->ss, DATA_RW | size, limit);
    segment(&s->ds, DATA_RW | size, limit);
    segment(&s->es, DATA_RW | size, limit);
    segment(&s->fs, DATA_RW | size, limit);
    segment(&s->gs, DATA_RW | size, limit);
    segment(&s->ldtr, LDT, 0xffff);
    segment(&s->tr, TSS_BUSY_32, 0xffff);
    segment(&s->gdtr, 0, 0xffff);
    segment(&s->idtr, 0, 0x3ff);
    s->ip = vcpu->start;
    s->ax = vcpu->number ? 0 : vcpu->vm->boot_ax;
    s->bx = vcpu->number ? 0 : vcpu->vm->boot_bx;
    s->flags = FLAGS_RESET;
    s->cr0 = CR0_ET | (real ? 0 : CR0_PE);
    s->dr7 = DR7_RESET;
    s->ctrl[0] = is_svm ? SVM_CPUID : VMX_TSC_OFFSET;
    s->ctrl[1] = is_svm ? SVM_VMRUN : VMX_RDTSCP;
    s->xcr0 = 1;
    s->mtd = (((nova_word)NOVA_MTD_XSAVE << 1) - 1) & ~(nova_word)NOVA_MTD_QUAL;
}
