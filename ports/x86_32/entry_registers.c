/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Descriptors and entry registers, 32 bit. Formats: Intel SDM vol. 3, 3.4.5, 6.11, 8.2. A double fault switches to a task of its own, with kernel_root
 * and a fresh stack, so that its message comes out whatever had happened.
 */
#include "core/lib/log.h"
#include "ports/x86/descriptors.h"
#include "ports/x86/exceptions.h"
#include "ports/x86/msr.h"
#include "ports/x86_32/layout.h"
#include "ports/x86_32/registers.h"
#include "ports/x86_32/segments.h"

void entry_sysenter(void);
void entry_sysenter_traced(void);
void double_fault_task(void);

static uint64_t tss_descriptor(const struct tss *tss, word limit)
{
    uint64_t base = (word)tss;
    return (limit & 0xffff) | (base & 0xffffff) << 16 | (uint64_t)0x89 << 40 | (uint64_t)(limit & 0xf0000) << 32 |
           (base >> 24) << 56;
}

void gdt_init(struct cpu_block *block)
{
    struct x86_cpu *cpu = &block->cpu;
    cpu->gdt[SELECTOR_KERNEL_CODE / 8] = 0x00cf9b000000ffff;
    cpu->gdt[SELECTOR_KERNEL_DATA / 8] = 0x00cf93000000ffff;
    cpu->gdt[SELECTOR_USER_CODE / 8] = 0x00cffb000000ffff;
    cpu->gdt[SELECTOR_USER_DATA / 8] = 0x00cff3000000ffff;
    cpu->gdt[SELECTOR_TSS / 8] = tss_descriptor(&block->tss, (word)(&block->io_end - (uint8_t *)&block->tss));
    cpu->gdt[SELECTOR_DOUBLE_FAULT / 8] = tss_descriptor(&cpu->double_fault, sizeof cpu->double_fault - 1);

    block->tss.sp0 = (word)cpu;
    block->tss.ss0 = SELECTOR_KERNEL_DATA;

    cpu->double_fault = (struct tss){
        .cr3 = (word)kernel_root - KERNEL_OFFSET,
        .ip = (word)double_fault_task,
        .flags = 2,
        .sp = (word)(block->extra_stack[STACK_DOUBLE_FAULT] + CPU_EXTRA_STACK_SIZE),
        .cs = SELECTOR_KERNEL_CODE,
        .ss = SELECTOR_KERNEL_DATA,
        .ds = SELECTOR_USER_DATA,
        .es = SELECTOR_USER_DATA,
        .io_base = sizeof(struct tss),
    };
}

void segments_load(struct x86_cpu *cpu)
{
    (void)cpu;
    /* CS and SS have the values of boot.S, which mean the same here. */
    asm volatile("mov %0, %%ds; mov %0, %%es; mov %1, %%fs; mov %1, %%gs; mov %2, %%ss"
                 :
                 : "r"(SELECTOR_USER_DATA), "r"(0), "r"(SELECTOR_KERNEL_DATA));
}

void gate_init(uint64_t *idt, unsigned vector, const void *entry, bool user)
{
    uint64_t address = (word)entry, rights = user ? 0xee : 0x8e; /* present, interrupt gate */
    if (vector == EXCEPTION_DOUBLE_FAULT)
        idt[vector] = SELECTOR_DOUBLE_FAULT << 16 | (uint64_t)0x85 << 40; /* present, task gate */
    else
        idt[vector] = (address & 0xffff) | SELECTOR_KERNEL_CODE << 16 | rights << 40 | (address >> 16) << 48;
}

void entry_registers_load(struct x86_cpu *cpu)
{
    wrmsr(MSR_SYSENTER_CS, SELECTOR_KERNEL_CODE);
    wrmsr(MSR_SYSENTER_SP, (word)cpu);
    wrmsr(MSR_SYSENTER_IP, (word)entry_sysenter);
}

/* SYSENTER leaves TF as it is: the exception comes before the first instruction of the kernel, and TF is still to be put into the frame. */
void trap_kernel_debug(struct trap_registers *registers)
{
    registers->flags &= ~(word)0x100;
    if (registers->ip == (word)entry_sysenter)
        registers->ip = (word)entry_sysenter_traced;
}

void trap_double_fault(void)
{
    const struct tss *tss = &cpu_block_of(x86_cpu_self())->tss;
    word address;
    asm volatile("mov %%cr2, %0" : "=r"(address));
    fatal("double fault in the kernel: ip=%x sp=%x flags=%x address=%lx; please report it with the boot log", tss->ip, tss->sp,
          tss->flags, address);
}
