/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * An exit of an SVM guest that becomes an event, and the way back from its handler, in their common form: nothing is injected, no window is asked for, no delivery
 * was interrupted, only the instruction pointer is looked at. Functions here end with what they call, so that little has to be saved.
 */
#include "ports/x86/svm.h"
#include "ports/x86/vcpu_state.h"
#include "registers.h"

struct frame *svm_exit(struct x86_cpu *cpu)
{
    struct frame *frame = cpu->frame;
    struct vcpu *vcpu = vcpu_of(frame);
    struct vmcb *vmcb = vcpu->hardware;
    vcpu_switch_out(vcpu);
    uint32_t code = (uint32_t)vmcb->exit_code;
    if (__builtin_expect(vcpu->due || (uint32_t)vmcb->exit_interrupted & INJECT_VALID, 0))
        return 0;
    frame->arg[ARG_AX] = (word)vmcb->ax;
    frame->ip = (word)vmcb->ip;
    if (__builtin_expect(code - (EXIT_VINTR + 1) <= EXIT_LAST - (EXIT_VINTR + 1), 1))
        return kernel_vcpu_event(cpu->core, code, 0);
    return code == EXIT_NPF ? kernel_vcpu_event(cpu->core, NOVA_VM_NPT_FAULT, (word)vmcb->exit_info[1]) : 0;
}

struct frame *svm_deliver(struct frame *frame, struct frame *handler, struct nova_state *state)
{
    if (__builtin_expect(x86_cpu_self()->fpu_owner != frame || handler->fpu_used || handler->words != NOVA_MTD_IP, 0))
        return vcpu_deliver(frame, handler, state);
    const struct vmcb *vmcb = vcpu_of(frame)->hardware;
    handler->fpu_used = FPU_LENT;
    state->ip = (word)vmcb->ip;
    state->inst_len = 0;
    return handler;
}

struct frame *svm_take(struct frame *frame, struct frame *handler, const struct nova_state *state)
{
    struct x86_cpu *cpu = x86_cpu_self();
    struct vcpu *vcpu = vcpu_of(frame);
    struct vmcb *vmcb = vcpu->hardware;
    if (__builtin_expect(cpu->fpu_owner != frame || READ_ONCE(state->mtd) != NOVA_MTD_IP || !svm_prepared(cpu, vcpu), 0))
        return vcpu_take(frame, handler, state);
    vmcb_word_set(&vmcb->ip, READ_ONCE(state->ip));
    handler->fpu_used &= (uint8_t)~FPU_LENT;
    cpu->frame = frame;
    svm_run(cpu, frame, vcpu, vmcb, frame->arg[ARG_AX]);
}
