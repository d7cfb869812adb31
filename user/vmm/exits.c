/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The events of a virtual CPU, each with its own portal, which delivers just the state that its handler looks at. Numbers: Intel SDM vol. 3, appendix C; AMD APM vol. 2,
 * appendix C. An event that is in no table ends the machine with a report.
 */
#include "vmm.h"

enum {
    MTD_ALL = NOVA_MTD_GPR_ACDB | NOVA_MTD_GPR_BSD | NOVA_MTD_SP | NOVA_MTD_IP | NOVA_MTD_FLAGS | NOVA_MTD_DS_ES | NOVA_MTD_FS_GS |
              NOVA_MTD_CS_SS | NOVA_MTD_TR | NOVA_MTD_LDTR | NOVA_MTD_GDTR | NOVA_MTD_IDTR | NOVA_MTD_CR | NOVA_MTD_DR |
              NOVA_MTD_QUAL | NOVA_MTD_INJ | NOVA_MTD_STA | NOVA_MTD_PDPTE |
              (NOVA_WORD_BITS == 64 ? NOVA_MTD_EFER | NOVA_MTD_GPR_R8_R15 : 0),
    MTD_DONE = NOVA_MTD_IP | NOVA_MTD_FLAGS | NOVA_MTD_STA,
    MTD_FINISH = MTD_DONE | NOVA_MTD_INJ,
    CHUNK_ORDER = 4, /* pages of RAM that a guest gets when it first touches one of them */
};

/* What every handler begins with: nothing is written back, nothing comes along. */
static struct vcpu *event_begin(struct nova_utcb *utcb)
{
    struct vcpu *vcpu = (struct vcpu *)nova_self()->user[0];
    vcpu->exits++;
    utcb->items = 0;
    utcb->state.mtd = 0;
    return vcpu;
}

#define EVENT(name)                                                                                                                \
    NOVA_PORTAL(event_##name);                                                                                                     \
    static void do_##name(struct vcpu *vcpu, struct nova_state *s);                                                                \
    static void event_##name##_handler(nova_word id, struct nova_utcb *utcb)                                                       \
    {                                                                                                                              \
        (void)id;                                                                                                                  \
        do_##name(event_begin(utcb), &utcb->state);                                                                                \
    }                                                                                                                              \
    static void do_##name(struct vcpu *vcpu, struct nova_state *s)

EVENT(startup) { state_initial(vcpu, s); }

EVENT(cpuid) { cpuid_exit(vcpu, s); }

EVENT(io)
{
    vm_lock(vcpu->vm);
    io_exit(vcpu, s);
    state_offer(vcpu, s);
    vm_unlock(vcpu->vm);
}

EVENT(msr_read) { msr_exit(vcpu, s, 0); }

EVENT(msr_write) { msr_exit(vcpu, s, 1); }

/* SVM has one event for both. */
EVENT(msr) { msr_exit(vcpu, s, s->qual[0] & 1); }

EVENT(halt)
{
    int sleeps;
    vm_lock(vcpu->vm);
    state_finish(s, 1);
    state_offer(vcpu, s);
    sleeps = !(s->inj_info >> 31);
    vcpu->halted = sleeps;
    vcpu->deaf = !(s->flags & FLAGS_IF);
    vm_unlock(vcpu->vm);
    if (sleeps)
        nova_reply(vcpu->wake);
}

/* Also the event of an interrupt window. */
EVENT(attention)
{
    if (vcpu->asked_where) {
        vcpu->asked_where = 0;
        nova_printf("vmm: %s, virtual CPU %u: ip 0x%lx flags 0x%lx shadow %u inj 0x%llx, %s\n", vcpu->vm->guest->name, vcpu->number,
                    s->ip, s->flags, s->intr_state, (unsigned long long)s->inj,
                    interrupt_waits(vcpu) ? "an interrupt waits" : "no interrupt waits");
    }
    vm_lock(vcpu->vm);
    state_offer(vcpu, s);
    vm_unlock(vcpu->vm);
}

/* RAM comes in chunks. What was being delivered meanwhile is delivered again. */
EVENT(memory)
{
    struct vm *vm = vcpu->vm;
    nova_word page = (nova_word)(s->qual[1] >> NOVA_PAGE_BITS) & -((nova_word)1 << CHUNK_ORDER);
    if (s->qual[1] >= vm->ram_size)
        vcpu_fail(vcpu, s, "nothing is at this physical address");
    vm_lock(vm);
    state_offer(vcpu, s);
    vm_unlock(vm);
    nova_message_item(nova_self()->utcb,
                      nova_crd(NOVA_CRD_MEM, ((nova_word)vm->ram >> NOVA_PAGE_BITS) + page, CHUNK_ORDER, NOVA_MEM_RWX),
                      nova_control(NOVA_ITEM_DELEGATE | NOVA_ITEM_GUEST, page));
}

EVENT(alignment)
{
    (void)vcpu;
    state_inject(s, INJECT_EXCEPTION, EXCEPTION_AC, 0);
}

EVENT(undefined)
{
    (void)vcpu;
    state_inject(s, INJECT_EXCEPTION, EXCEPTION_UD, -1);
}

/* INVD: nothing is lost when it is not done. */
EVENT(invd)
{
    (void)vcpu;
    state_finish(s, 2);
}

EVENT(control_register) { control_register_exit(vcpu, s); }

EVENT(xsetbv) { xsetbv_exit(vcpu, s); }

EVENT(task) { task_switch(vcpu, s); }

EVENT(shutdown) { vcpu_fail(vcpu, s, "shut down (triple fault)"); }

EVENT(invalid) { vcpu_fail(vcpu, s, "the processor does not take this state"); }

EVENT(other) { vcpu_fail(vcpu, s, "no handler for this event"); }

static const struct event {
    uint8_t first, last;
    void (*portal)(void);
    nova_word mtd;
} common[] =
    {
        {0, 255, event_other, MTD_ALL},
        {NOVA_VM_INVALID_STATE, NOVA_VM_INVALID_STATE, event_invalid, MTD_ALL},
        {NOVA_VM_STARTUP, NOVA_VM_STARTUP, event_startup, NOVA_MTD_IP},
        {NOVA_VM_RECALL, NOVA_VM_RECALL, event_attention, MTD_FINISH},
},
  svm[] =
      {
          {0x51, 0x51, event_alignment, NOVA_MTD_INJ},
          {0x64, 0x64, event_attention, MTD_FINISH},
          {0x72, 0x72, event_cpuid, NOVA_MTD_GPR_ACDB | NOVA_MTD_CR | MTD_DONE},
          {0x76, 0x76, event_invd, MTD_DONE},
          {0x78, 0x78, event_halt, MTD_FINISH},
          {0x7b, 0x7b, event_io, MTD_ALL},
          {0x7c, 0x7c, event_msr, MSR_MTD | MTD_DONE | NOVA_MTD_QUAL},
          {0x7d, 0x7d, event_task, MTD_ALL},
          {0x7f, 0x7f, event_shutdown, MTD_ALL},
          {0x80, 0x86, event_undefined, NOVA_MTD_INJ},
          {NOVA_VM_NPT_FAULT, NOVA_VM_NPT_FAULT, event_memory, MTD_FINISH | NOVA_MTD_QUAL},
},
  vmx[] = {
      {0, 0, event_alignment, NOVA_MTD_INJ},
      {2, 2, event_shutdown, MTD_ALL},
      {7, 7, event_attention, MTD_FINISH},
      {9, 9, event_task, MTD_ALL},
      {10, 10, event_cpuid, NOVA_MTD_GPR_ACDB | NOVA_MTD_CR | MTD_DONE},
      {12, 12, event_halt, MTD_FINISH},
      {13, 13, event_invd, MTD_DONE},
      {18, 27, event_undefined, NOVA_MTD_INJ},
      {28, 28, event_control_register, MTD_ALL},
      {30, 30, event_io, MTD_ALL},
      {31, 31, event_msr_read, MSR_MTD | MTD_DONE},
      {32, 32, event_msr_write, MSR_MTD | MTD_DONE},
      {33, 33, event_invalid, MTD_ALL},
      {48, 48, event_memory, MTD_FINISH | NOVA_MTD_QUAL},
      {55, 55, event_xsetbv, NOVA_MTD_GPR_ACDB | MTD_DONE | NOVA_MTD_CS_SS | NOVA_MTD_XSAVE},
};

static const struct event *find(const struct event *table, unsigned count, unsigned number)
{
    for (unsigned i = count; i-- > 0;)
        if (number >= table[i].first && number <= table[i].last)
            return &table[i];
    return NULL;
}

enum nova_status exits_create(struct vcpu *vcpu)
{
    enum nova_status status = NOVA_SUCCESS;
    for (unsigned i = 0; i < NOVA_EVENTS_VM && !status; i++) {
        const struct event *event = is_svm ? find(svm, sizeof svm / sizeof svm[0], i) : find(vmx, sizeof vmx / sizeof vmx[0], i);
        if (!event)
            event = find(common, sizeof common / sizeof common[0], i);
        status = nova_portal_create(vcpu->portals + i, nova_pd, vcpu->handler, event->mtd, event->portal, i);
    }
    return status;
}
