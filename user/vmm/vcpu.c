/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A virtual CPU as the monitor sees it: its handler, its interrupts, and how it is made to look at them. Interrupts come from the PIC (first virtual CPU alone) and from
 * the doorbell of another virtual CPU. All of it under the lock of the machine.
 */
#include "vmm.h"

enum { PRIORITY = 1, QUANTUM_US = 1000 };

NOVA_PORTAL(vcpu_drain);

static void vcpu_drain_handler(nova_word id, struct nova_utcb *utcb)
{
    (void)id;
    utcb->items = 0;
}

int vcpu_create(struct vcpu *vcpu)
{
    vcpu->ec = nova_selectors(4, 4);
    vcpu->drain = nova_selectors(1, 1);
    vcpu->wake = nova_selectors(1, 1);
    vcpu->handler = nova_thread_prepare(NULL, vcpu->cpu);
    if (!vcpu->handler || nova_handler_create(vcpu->handler, nova_pd, crash_portals(vcpu->cpu)))
        return 0;
    vcpu->handler->user[0] = (nova_word)vcpu;
    return !nova_portal_create(vcpu->drain, nova_pd, vcpu->handler, 0, vcpu_drain, 0) && !nova_create_sm(vcpu->wake, nova_pd, 0) &&
           !exits_create(vcpu);
}

enum nova_status vcpu_run(struct vcpu *vcpu)
{
    enum nova_status status = nova_create_sc(vcpu->ec + 2, vcpu->vm->pd, vcpu->ec, nova_qpd(PRIORITY, QUANTUM_US));
    vcpu->runs = !status;
    return status;
}

void vcpu_kick(struct vcpu *vcpu)
{
    if (!vcpu->runs || (vcpu->halted && vcpu->deaf))
        return;
    nova_ec_recall(vcpu->ec, 0);
    if (vcpu->halted) {
        vcpu->halted = 0;
        nova_sm_up(vcpu->wake);
    }
}

void vcpu_ask(struct vcpu *vcpu)
{
    enum { PATIENCE_MS = 100 };
    uint64_t until = nova_tsc() + (uint64_t)PATIENCE_MS * nova_hip->tsc_khz;
    if (!vcpu->runs)
        return;
    if (vcpu->halted) {
        nova_printf("vmm: %s, virtual CPU %u: halted, %s\n", vcpu->vm->guest->name, vcpu->number,
                    vcpu->deaf              ? "interrupts are off"
                    : interrupt_waits(vcpu) ? "an interrupt waits"
                                            : "no interrupt waits");
        return;
    }
    vcpu->asked_where = 1;
    nova_ec_recall(vcpu->ec, 0);
    while (vcpu->asked_where && nova_tsc() < until)
        nova_sm_down(supervisor_wake, 0, until);
    if (vcpu->asked_where)
        nova_printf("vmm: %s, virtual CPU %u: no answer to a recall\n", vcpu->vm->guest->name, vcpu->number);
}

void vm_interrupt(struct vm *vm)
{
    if (pic_waits(vm))
        vcpu_kick(&vm->vcpu[0]);
}

int interrupt_waits(const struct vcpu *vcpu)
{
    for (unsigned i = 0; i < 8; i++)
        if (vcpu->doorbell[i])
            return 1;
    return !vcpu->number && pic_waits(vcpu->vm);
}

int interrupt_take(struct vcpu *vcpu)
{
    for (unsigned i = 8; i-- > 0;)
        if (vcpu->doorbell[i]) {
            unsigned bit = 31 - (unsigned)__builtin_clz(vcpu->doorbell[i]);
            vcpu->doorbell[i] &= ~(1u << bit);
            return (int)(32 * i + bit);
        }
    return vcpu->number ? -1 : pic_take(vcpu->vm);
}

void vcpu_end(struct vcpu *vcpu, int status)
{
    struct nova_utcb *utcb = nova_self()->utcb;
    struct vm *vm = vcpu->vm;
    vm_lock(vm);
    if (vm->state == VM_RUNS) {
        vm->status = status;
        vm->state = VM_ENDED;
    }
    vm_unlock(vm);
    nova_sm_up(supervisor_wake);
    utcb->items = 0;
    utcb->state.mtd = 0;
    nova_reply(vm->hold);
}

void vcpu_fail(struct vcpu *vcpu, const struct nova_state *s, const char *why)
{
    nova_printf("vmm: %s, virtual CPU %u: %s; event %llu, ip 0x%lx, qual 0x%llx 0x%llx\n", vcpu->vm->guest->name, vcpu->number, why,
                (unsigned long long)s->exit_reason, s->ip, (unsigned long long)s->qual[0], (unsigned long long)s->qual[1]);
    nova_printf("vmm:   ax 0x%lx bx 0x%lx cx 0x%lx dx 0x%lx si 0x%lx di 0x%lx bp 0x%lx sp 0x%lx flags 0x%lx inj 0x%llx\n", s->ax,
                s->bx, s->cx, s->dx, s->si, s->di, s->bp, s->sp, s->flags, (unsigned long long)s->inj);
    nova_printf("vmm:   cr0 0x%lx cr2 0x%lx cr3 0x%lx cr4 0x%lx cs 0x%x base 0x%llx attributes 0x%x ss 0x%x attributes 0x%x\n",
                s->cr0, s->cr2, s->cr3, s->cr4, s->cs.selector, (unsigned long long)s->cs.base, s->cs.attributes, s->ss.selector,
                s->ss.attributes);
    vcpu_end(vcpu, -1);
}
