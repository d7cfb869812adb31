/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One entry of a virtual CPU into the kernel, as a port's entry code does it: the fast ways for what happens all the time (and the general one instead, now and then), interrupt
 * windows, and what hal/ says about the frame that is resumed.
 */
#include "hosted_cpu.h"

#include <nova/hypercall.h>

enum { WINDOW_TICKS = 200000 };

void (*machine_window_hook)(unsigned cpu);
unsigned machine_window_limit = 32;

static struct frame *take_pending(struct hosted_cpu *cpu)
{
    if (__atomic_exchange_n(&cpu->signal, false, __ATOMIC_SEQ_CST))
        return kernel_signal(cpu->core);
    if (cpu->deadline <= machine_time()) {
        cpu->deadline = NO_DEADLINE;
        return kernel_timer(cpu->core);
    }
    uint64_t gsis = __atomic_load_n(&cpu->gsis, __ATOMIC_RELAXED);
    if (gsis) {
        unsigned gsi = (unsigned)__builtin_ctzl(gsis);
        __atomic_fetch_and(&cpu->gsis, ~(1ul << gsi), __ATOMIC_RELAXED);
        return kernel_gsi(cpu->core, gsi);
    }
    return kernel_continue(cpu->core);
}

static struct frame *enter_hypercall(struct hosted_cpu *cpu)
{
    struct frame *frame = cpu->current, *next = 0;
    word arg1 = frame->arg[0], status = KERNEL_SLOW;
    uint64_t time = time_now();
    switch (time % 8 ? arg1 & 63 : 63) { /* now and then the general way */
    case NOVA_CALL: next = kernel_call(cpu->core, arg1); break;
    case NOVA_REPLY:
        next = arg1 == NOVA_REPLY ? kernel_reply(cpu->core) : 0;
        if ((uintptr_t)next & 1) {
            next = (struct frame *)((uintptr_t)next - 1);
            return next ? next : kernel_hypercall(cpu->core);
        }
        break;
    case NOVA_PT_CTRL: status = kernel_quick_pt_ctrl(arg1, frame->arg[1], cpu->core); break;
    case NOVA_SM_CTRL | NOVA_SM_UP << 4: status = kernel_quick_up(arg1, frame->arg[1], cpu->core); break;
    case NOVA_SM_CTRL | NOVA_SM_DOWN << 4: status = kernel_quick_down(arg1, frame->arg[1], cpu->core); break;
    }
    if (status < KERNEL_SLOW) {
        frame->arg[0] = status;
        return frame;
    }
    if ((arg1 & 63) == (NOVA_SM_CTRL | NOVA_SM_UP << 4) && time % 8)
        next = kernel_up(cpu->core, status);
    else if ((arg1 & 63) == (NOVA_SM_CTRL | NOVA_SM_DOWN << 4) && time % 8)
        next = kernel_down(cpu->core, status);
    if (next && (arg1 & 15) == NOVA_SM_CTRL)
        return next;
    if (next && next->resume != RESUME_HYPERCALL)
        contract_broken("CPU %u is to return fast to frame %p with resume = %u", cpu_index(cpu), (void *)next, next->resume);
    return next ? next : kernel_hypercall(cpu->core);
}

static struct frame *enter_guest_exit(struct hosted_cpu *cpu)
{
    uint64_t time = time_now();
    struct frame *next = time % 8 ? kernel_vcpu_event(cpu->core, cpu->number, cpu->address) : 0;
    if (next && next->resume != RESUME_HYPERCALL)
        contract_broken("CPU %u is to return fast to handler %p with resume = %u", cpu_index(cpu), (void *)next, next->resume);
    return next ? next : kernel_vcpu_exit(cpu->core, cpu->number, cpu->address);
}

static struct frame *first_step(struct hosted_cpu *cpu)
{
    switch (cpu->entry) {
    case ENTER_INIT: kernel_init(); return 0;
    case ENTER_START:
        cpu->core = kernel_cpu(cpu_index(cpu));
        if (!cpu->core)
            contract_broken("kernel_cpu(%u) is null", cpu_index(cpu));
        return kernel_start(cpu->core);
    case ENTER_HYPERCALL: return enter_hypercall(cpu);
    case ENTER_EXCEPTION: return kernel_exception(cpu->core, cpu->number, cpu->error, cpu->address);
    case ENTER_TIMER: cpu->deadline = NO_DEADLINE; return kernel_timer(cpu->core);
    case ENTER_GSI: return kernel_gsi(cpu->core, cpu->number);
    case ENTER_CONTINUE: return take_pending(cpu);
    case ENTER_GUEST: return enter_guest_exit(cpu);
    case ENTER_SIGNAL: __atomic_store_n(&cpu->signal, false, __ATOMIC_SEQ_CST); return kernel_signal(cpu->core);
    }
    contract_broken("entry %d", (int)cpu->entry);
}

static void check_resume(struct hosted_cpu *cpu, struct frame *frame)
{
    unsigned number = cpu_index(cpu);
    if (frame->resume > RESUME_VCPU)
        contract_broken("CPU %u resumes frame %p with resume = %u", number, (void *)frame, frame->resume);
    if (cpu->switched && frame != cpu->switched && (cpu->switched_used || frame->fpu_used))
        contract_broken("CPU %u resumes frame %p, but frame_switch prepared %p", number, (void *)frame, (void *)cpu->switched);
    if (frame->resume == RESUME_IDLE) {
        mmu_guest_set(number, 0);
        return;
    }
    if (!(frame->flags & 1 << 9))
        contract_broken("CPU %u resumes a thread with interrupts off: flags %#lx", number, frame->flags);
    mmu_guest_set(number, frame->resume == RESUME_VCPU ? guest_resume(frame) : 0);
    if (mmu_active(number) != kernel_current_mmu(cpu->core))
        contract_broken("CPU %u resumes a thread of mmu %p, but %p is active", number, (void *)kernel_current_mmu(cpu->core),
                        (void *)mmu_active(number));
}

void cpu_kernel_run(struct hosted_cpu *cpu)
{
    unsigned number = cpu_index(cpu);
    cpu->in_kernel = true;
    __atomic_store_n(&cpu->idle, false, __ATOMIC_RELAXED);
    if (cpu->current)
        fpu_enter(number, cpu->current);
    struct frame *frame = first_step(cpu);
    if (cpu->entry != ENTER_INIT) {
        for (;;) {
            for (unsigned windows = 0; !frame && windows < machine_window_limit; windows++) {
                cpu->windows++;
                /* The longer it keeps on, the more time passes. */
                unsigned ticks = 100u << (windows < 16 ? windows : 16);
                time_pass(ticks < WINDOW_TICKS ? ticks : WINDOW_TICKS);
                if (machine_window_hook)
                    machine_window_hook(number);
                frame = take_pending(cpu);
            }
            if (!frame) {
                /* As good as for ever, until something else happens: the driver goes on, later with ENTER_CONTINUE. */
                cpu->current = 0;
                break;
            }
            check_resume(cpu, frame);
            /* Returning there faults in that thread. */
            if (frame->resume == RESUME_IDLE || frame->ip < NOVA_USER_LIMIT)
                break;
            cpu->current = frame;
            frame->resume = RESUME_FULL;
            frame = kernel_exception(cpu->core, 13, 0, 0);
        }
        if (frame) {
            cpu->current = cpu->switched = frame;
            cpu->switched_used = frame->fpu_used;
            fpu_resume(number, frame);
            __atomic_store_n(&cpu->idle, frame->resume == RESUME_IDLE, __ATOMIC_RELAXED);
        }
    }
    cpu->in_kernel = false;
}
