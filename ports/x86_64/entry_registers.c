/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Descriptors and entry registers, 64 bit. Formats: Intel SDM vol. 3, 3.4.5, 5.2.1, 6.14.1, 8.2.3.
 */
#include "ports/x86/control.h"
#include "ports/x86/descriptors.h"
#include "ports/x86/exceptions.h"
#include "ports/x86/msr.h"
#include "ports/x86_64/registers.h"
#include "ports/x86_64/segments.h"

void entry_syscall(void);

void gdt_init(struct cpu_block *block)
{
    uint64_t *gdt = block->cpu.gdt, base = (word)&block->tss;
    uint64_t limit = (word)&block->io_end - base;
    gdt[SELECTOR_KERNEL_CODE / 8] = 0x00af9b000000ffff;
    gdt[SELECTOR_KERNEL_DATA / 8] = 0x00cf93000000ffff;
    gdt[SELECTOR_USER_DATA / 8] = 0x00cff3000000ffff;
    gdt[SELECTOR_USER_CODE / 8] = 0x00affb000000ffff;
    gdt[SELECTOR_TSS / 8] =
        (limit & 0xffff) | (base & 0xffffff) << 16 | (uint64_t)0x89 << 40 | (limit & 0xf0000) << 32 | (base >> 24 & 0xff) << 56;
    gdt[SELECTOR_TSS / 8 + 1] = base >> 32;

    block->tss.sp[0] = (word)&block->cpu;
    for (unsigned i = 0; i < CPU_EXTRA_STACKS; i++)
        block->tss.ist[i] = (word)(block->extra_stack[i] + CPU_EXTRA_STACK_SIZE);
}

void segments_load(struct x86_cpu *cpu)
{
    /* CS and SS have the values of boot.S, which mean the same here. A load of FS or GS clears its base. */
    asm volatile("mov %0, %%ds; mov %0, %%es; mov %0, %%fs; mov %0, %%gs; mov %1, %%ss" : : "r"(0), "r"(SELECTOR_KERNEL_DATA));
    wrmsr(MSR_GS_BASE, (word)cpu);
    wrmsr(MSR_KERNEL_GS_BASE, 0);
}

void gate_init(uint64_t *idt, unsigned vector, const void *entry, bool user)
{
    enum { IST_FIRST = 1 };
    uint64_t stack = vector == EXCEPTION_DOUBLE_FAULT    ? IST_FIRST + STACK_DOUBLE_FAULT
                     : vector == EXCEPTION_NMI           ? IST_FIRST + STACK_NMI
                     : vector == EXCEPTION_MACHINE_CHECK ? IST_FIRST + STACK_MACHINE_CHECK
                     : vector == EXCEPTION_DEBUG         ? IST_FIRST + STACK_DEBUG
                                                         : 0;
    uint64_t address = (word)entry, rights = user ? 0xee : 0x8e; /* present, interrupt gate */
    idt[2 * vector] = (address & 0xffff) | SELECTOR_KERNEL_CODE << 16 | stack << 32 | rights << 40 | (address >> 16 & 0xffff) << 48;
    idt[2 * vector + 1] = address >> 32;
}

void entry_registers_load(struct x86_cpu *cpu)
{
    (void)cpu;
    wrmsr(MSR_STAR, (uint64_t)SELECTOR_SYSRET << 48 | (uint64_t)SELECTOR_KERNEL_CODE << 32);
    wrmsr(MSR_LSTAR, (word)entry_syscall);
    wrmsr(MSR_CSTAR, 0);                  /* no 32-bit code */
    wrmsr(MSR_SFMASK, 0x47700 | 0x10000); /* AC, NT, IOPL, DF, IF, TF, RF */
    wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_SCE);
    /* Intel has SYSENTER in 64-bit mode; with a null selector it is a #GP. AMD: #UD. CPUID leaf 1 EDX bit 11 holds for every CPU with 64-bit mode. */
    wrmsr(MSR_SYSENTER_CS, 0);
}

void trap_kernel_debug(struct trap_registers *registers) { registers->flags &= ~(word)0x100; }
