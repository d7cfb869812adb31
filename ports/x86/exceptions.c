/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The C side of exceptions and interrupts: the port's own business first (FPU, I/O bitmap, spurious interrupts), the rest goes to core. Exceptions of the
 * kernel itself are fatal unless fixup.h has an answer. No locks; log lines only where the interrupted code cannot hold the log's.
 */
#include "ports/x86/exceptions.h"

#include "core/lib/log.h"
#include "hal/upcall.h"
#include "platform/platform.h"
#include "ports/x86/fixup.h"
#include "ports/x86/fpu.h"
#include "ports/x86/io_bitmap.h"
#include "ports/x86/local_apic.h"
#include "ports/x86/machine_check.h"
#include "ports/x86/mmu.h"
#include "ports/x86/page_table.h"
#include "ports/x86/smp.h"
#include "ports/x86/timer.h"
#include "ports/x86/vectors.h"
#include "registers.h"

struct frame *(*vcpu_resume)(struct x86_cpu *cpu, struct frame *frame);
struct frame *(*vcpu_exit)(struct x86_cpu *cpu);
struct frame *(*vcpu_exit_rest)(struct x86_cpu *cpu);

/* Rows of the 'spinner' option for what is not an exception. */
enum { SPIN_DEVICE = 15, SPIN_TIMER = 30, SPIN_SIGNAL = 31 };

static void spin(struct x86_cpu *cpu, unsigned event)
{
    if (__builtin_expect(boot_info.options.spinner, 0))
        platform_spin(cpu->number, event);
}

static word fault_address(void)
{
    word address;
    asm volatile("mov %%cr2, %0" : "=r"(address));
    return address;
}

/* The thread uses the FPU for the first time, since its state was replaced, or, with fpu_lazy, since it left the CPU. */
static bool fpu_take(struct x86_cpu *cpu)
{
    struct frame *frame = cpu->frame;
    if (!frame->fpu)
        return false;
    fpu_on();
    if (frame->fpu_used & FPU_LENT) {
        frame->fpu_used &= (uint8_t)~FPU_LENT;
        if (cpu->fpu_owner)
            fpu_save(cpu->fpu_owner->fpu);
    }
    fpu_load(frame->fpu);
    frame->fpu_used |= FPU_USED;
    cpu->fpu_owner = frame;
    return true;
}

struct frame *trap_user(struct x86_cpu *cpu, unsigned vector, word error)
{
    word address = 0;
    spin(cpu, vector);
    switch (vector) {
    case EXCEPTION_PAGE_FAULT:
        address = fault_address();
        if (TABLE_LEVELS == 3 && mmu_fault_retry(kernel_current_mmu(cpu->core)))
            return cpu->frame;
        break;
    case EXCEPTION_NO_FPU:
        if (fpu_take(cpu))
            return cpu->frame;
        break;
    case EXCEPTION_PROTECTION:
        if (io_bitmap_update(cpu, kernel_current_mmu(cpu->core)))
            return cpu->frame;
        break;
    default:
        if (vector > EXCEPTION_LAST) {
            cpu->unknown_interrupts++;
            return cpu->frame;
        }
    }
    return kernel_exception(cpu->core, vector, error, address);
}

struct frame *trap_limit(struct x86_cpu *cpu)
{
    cpu->frame->resume = RESUME_FULL;
    return kernel_exception(cpu->core, EXCEPTION_PROTECTION, 0, 0);
}

struct frame *trap_resume_vcpu(struct x86_cpu *cpu, struct frame *frame)
{
    if (!vcpu_resume)
        fatal("a virtual CPU is to run on CPU %u, but this kernel has no code for it; please report this with the boot log",
              cpu->number);
    return vcpu_resume(cpu, frame);
}

struct frame *trap_interrupt(struct x86_cpu *cpu, unsigned vector)
{
    if (cpu->machine_checks)
        machine_check_report(cpu);

    if (vector - VECTOR_GSI < VECTOR_GSIS) {
        spin(cpu, SPIN_DEVICE);
        bool done = platform_interrupt(vector - VECTOR_GSI);
        local_apic_eoi();
        return done ? cpu->frame : kernel_gsi(cpu->core, vector - VECTOR_GSI);
    }

    bool due;
    switch (vector) {
    case VECTOR_TIMER:
        spin(cpu, SPIN_TIMER);
        due = timer_interrupt();
        local_apic_eoi();
        return due ? kernel_timer(cpu->core) : cpu->frame;
    case VECTOR_SIGNAL:
        spin(cpu, SPIN_SIGNAL);
        local_apic_eoi();
        return cpu->core ? kernel_signal(cpu->core) : smp_enter(cpu);
    case VECTOR_APIC_ERROR: local_apic_error(); break;
    case VECTOR_SPURIOUS: return cpu->frame; /* has no EOI: SDM vol. 3, 10.9 */
    default:
        cpu->unknown_interrupts++;
        if (vector < VECTOR_GSI)
            return cpu->frame; /* from a masked 8259 (spurious) or by nothing at all: not from the local APIC */
    }
    local_apic_eoi();
    return cpu->frame;
}

static const char *exception_name(unsigned vector)
{
    static const char name[][16] = {"divide", "debug",      "NMI",          "breakpoint", "overflow", "bound",
                                    "opcode", "no FPU",     "double fault", "9",          "TSS",      "segment",
                                    "stack",  "protection", "page fault",   "15",         "FPU",      "alignment",
                                    "check",  "SIMD",       "EPT",          "control"};
    return vector < sizeof name / sizeof name[0] ? name[vector] : "reserved";
}

static _Noreturn void exception_fatal(const struct trap_registers *registers)
{
    bool user = registers->cs & 3;
#ifdef __x86_64__
    word sp = registers->sp;
#else
    word sp = user ? registers->sp : (word)&registers->sp; /* not pushed */
#endif
    fatal("exception %lu (%s) in %s mode: ip=%lx sp=%lx flags=%lx error=%lx address=%lx ax=%lx; a kernel or hardware fault, please "
          "report it with the boot log",
          registers->vector, exception_name((unsigned)registers->vector), user ? "user" : "kernel", registers->ip, sp,
          registers->flags, registers->error, fault_address(), registers->ax);
}

void trap_kernel(struct trap_registers *registers)
{
    struct x86_cpu *cpu = x86_cpu_self();
    switch (registers->vector) {
    case EXCEPTION_NMI:
        if (machine_stopping)
            machine_stop_here();
        cpu->unknown_interrupts++;
        return;
    case EXCEPTION_MACHINE_CHECK: machine_check(cpu, registers->cs & 3); return;
    case EXCEPTION_DEBUG: trap_kernel_debug(registers); return;
    }
    for (const struct fixup *fixup = _fixup_begin; fixup != _fixup_end; fixup++)
        if (registers->ip == fixup->from) {
            registers->ip = fixup->to;
            return;
        }
    exception_fatal(registers);
}
