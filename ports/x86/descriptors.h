/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * GDT, IDT, TSS and the registers that lead into the kernel. The IDT is one for all CPUs, made by the boot CPU; GDT and TSS lie in each CPU's block.
 */
#ifndef PORTS_X86_DESCRIPTORS_H
#define PORTS_X86_DESCRIPTORS_H

#include "hal/types.h"
#include "ports/x86/cpu_local.h"

/*
 * Prepares the zeroed, aligned block of a CPU and returns its x86_cpu: everything but the work that only the CPU itself can do. number and apic_id may
 * be changed until the CPU runs user code. Boot CPU.
 */
struct x86_cpu *cpu_block_init(struct cpu_block *block, unsigned number, uint32_t apic_id);

/* Boot CPU, from boot.S before port_boot: its block, the IDT, and descriptors_load. From here on exceptions of the kernel give a message. */
void descriptors_boot(void);

/* On the CPU itself: loads GDT, IDT, TSS, the base of x86_cpu_self, and the SYSCALL or SYSENTER registers. From boot.S before port_ap_boot. */
void descriptors_load(struct x86_cpu *cpu);

/* GDT and TSS again, after something has changed their limits. */
void descriptors_reload(struct x86_cpu *cpu);

/* ports/ARCH/entry_registers.c: what differs. Descriptors of the GDT, one gate of the IDT, the MSRs; pops every segment register. */
void gdt_init(struct cpu_block *block);
void segments_load(struct x86_cpu *cpu);
void gate_init(uint64_t *idt, unsigned vector, const void *entry, bool user);
void entry_registers_load(struct x86_cpu *cpu);
enum { GATE_WORDS = sizeof(word) / 4 }; /* of 64 bit, one gate */

/*
 * Where other CPUs come in: ports/ARCH/boot.S has ap_start, entered in flat 32-bit protected mode without paging, interrupts off (its physical address is
 * the symbol's value; kernel_root maps low memory 1:1 meanwhile). The CPU takes a ticket, the block ap_cpu[ticket], and calls port_ap_boot on its stack. The boot CPU
 * fills ap_cpu before; a CPU without a block halts for good.
 */
extern const char ap_start[];
extern struct x86_cpu *ap_cpu[NOVA_CPUS];
extern uint32_t ap_ticket;

/* boot.c. Neither returns. */
_Noreturn void port_boot(uint32_t magic, uint32_t info_physical);
_Noreturn void port_ap_boot(struct x86_cpu *cpu);

#endif
