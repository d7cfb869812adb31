/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Blocks of the CPUs, and GDT, IDT and TSS as far as both ports agree. The I/O bitmap of the TSS denies everything until io_bitmap.c says otherwise.
 */
#include "ports/x86/descriptors.h"

#include "ports/x86/exceptions.h"
#include "ports/x86/io_bitmap.h"
#include "segments.h"

struct cpu_block boot_cpu_block;
struct x86_cpu *ap_cpu[NOVA_CPUS];
uint32_t ap_ticket;

enum { IDT_ENTRIES = 256, EXCEPTIONS = 32 };
static uint64_t idt[IDT_ENTRIES * GATE_WORDS] __attribute__((aligned(16)));

/* Operand of LGDT and LIDT. */
struct table_register {
    uint16_t limit;
    word base;
} __attribute__((packed));

static void idt_init(void)
{
    enum { BREAKPOINT = 3, OVERFLOW = 4 }; /* the two that user mode raises by an instruction of its own: INT3 and INTO */
    for (unsigned vector = 0; vector < IDT_ENTRIES; vector++) {
        const char *entry = vector < EXCEPTIONS ? exception_stubs + vector * EXCEPTION_STUB_SIZE
                                                : interrupt_stubs + (vector - EXCEPTIONS) * INTERRUPT_STUB_SIZE;
        gate_init(idt, vector, entry, vector == BREAKPOINT || vector == OVERFLOW);
    }
}

struct x86_cpu *cpu_block_init(struct cpu_block *block, unsigned number, uint32_t apic_id)
{
    struct x86_cpu *cpu = &block->cpu;
    cpu->self = cpu;
    cpu->number = number;
    cpu->apic_id = apic_id;
    cpu->user_limit = NOVA_USER_LIMIT;
    block->io_end = 0xff;
    gdt_init(block);
    io_bitmap_reset(cpu);
    return cpu;
}

void descriptors_load(struct x86_cpu *cpu)
{
    struct table_register gdt_register = {sizeof cpu->gdt - 1, (word)cpu->gdt}, idt_register = {sizeof idt - 1, (word)idt};
    asm volatile("lgdt %0" : : "m"(gdt_register));
    segments_load(cpu);
    asm volatile("lidt %0" : : "m"(idt_register));
    asm volatile("lldt %0" : : "r"((uint16_t)0));
    asm volatile("ltr %0" : : "r"((uint16_t)SELECTOR_TSS));
    entry_registers_load(cpu);
}

void descriptors_reload(struct x86_cpu *cpu)
{
    static const uint64_t busy = (uint64_t)1 << 41;
    struct table_register gdt_register = {sizeof cpu->gdt - 1, (word)cpu->gdt};
    asm volatile("lgdt %0" : : "m"(gdt_register));
    cpu->gdt[SELECTOR_TSS / 8] &= ~busy;
    asm volatile("ltr %0" : : "r"((uint16_t)SELECTOR_TSS) : "memory");
}

void descriptors_boot(void)
{
    idt_init();
    descriptors_load(cpu_block_init(&boot_cpu_block, 0, 0));
}
