/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The small change of hal/cpu.h, the way to stop the machine, waiting for interrupts, and MSR access that may fail.
 */
#include "hal/cpu.h"

#include "hal/boot_info.h"
#include "ports/x86/cpu_local.h"
#include "ports/x86/exceptions.h"
#include "ports/x86/features.h"
#include "ports/x86/fixup.h"
#include "ports/x86/local_apic.h"
#include "ports/x86/msr.h"
#include "ports/x86/smp.h"
#include "ports/x86/vectors.h"

bool machine_stopping;

unsigned cpu_number(void) { return x86_cpu_self()->number; }

void cpu_pause(void) { asm volatile("pause" : : : "memory"); }

void cpu_signal(unsigned number) { local_apic_send(boot_info.cpu[number].apic_id, VECTOR_SIGNAL); }

void machine_stop_here(void)
{
    for (;;)
        asm volatile("cli; hlt");
}

void machine_stop(void)
{
    /* The first one stops the others, by NMI because interrupts are off in the kernel. Before SMP start nobody else is online. */
    if (!__atomic_exchange_n(&machine_stopping, true, __ATOMIC_SEQ_CST))
        for (unsigned i = 0; i < boot_info.cpus; i++)
            if (boot_info.cpu[i].online && i != cpu_number())
                local_apic_send_nmi(boot_info.cpu[i].apic_id);
    machine_stop_here();
}

void idle_wait(struct x86_cpu *cpu)
{
    /* STI takes effect after the next instruction, so no interrupt gets between it and the wait. An NMI comes back here. */
    if (feature(FEATURE_MWAIT))
        for (;;) {
            asm volatile("monitor" : : "a"(&cpu->self), "c"(0), "d"(0) : "memory"); /* a line that nobody writes */
            asm volatile("sti; mwait" : : "a"((uint32_t)cpu->mwait_hint), "c"(0) : "memory");
        }
    for (;;)
        asm volatile("sti; hlt" : : : "memory");
}

bool rdmsr_safe(uint32_t number, uint64_t *value)
{
    uint32_t low = 0, high = 0;
    asm goto("1: rdmsr" FIXUP("1b", "%l[bad]") : "=a"(low), "=d"(high) : "c"(number) : : bad);
    *value = (uint64_t)high << 32 | low;
    return true;
bad:
    return false;
}

bool wrmsr_safe(uint32_t number, uint64_t value)
{
    asm goto("1: wrmsr" FIXUP("1b", "%l[bad]")
             :
             : "c"(number), "a"((uint32_t)value), "d"((uint32_t)(value >> 32))
             : "memory"
             : bad);
    return true;
bad:
    return false;
}
