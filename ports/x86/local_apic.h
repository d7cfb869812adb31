/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Local APIC of each CPU: xAPIC through memory, x2APIC through MSRs where the CPU has it (then ids have 32 bit). Intel SDM vol. 3
 * chapter 11. All CPUs run in the same mode. No locks: each CPU only talks to its own APIC, with interrupts off.
 */
#ifndef PORTS_X86_LOCAL_APIC_H
#define PORTS_X86_LOCAL_APIC_H

#include "hal/types.h"

/*
 * Boot CPU, after platform_acpi_boot: finds and maps the registers. Then every CPU: switches its APIC on, with only error and NMI
 * inputs unmasked.
 */
void local_apic_boot(void);
void local_apic_cpu_init(void);

/* APIC id of the executing CPU, by CPUID. */
uint32_t local_apic_id(void);

/* End of interrupt for all vectors from VECTOR_PIC on, but not for VECTOR_SPURIOUS. */
void local_apic_eoi(void);

/* Handler of VECTOR_APIC_ERROR: one log line per CPU and kind of error; end of interrupt is the caller's. */
void local_apic_error(void);

/* Interprocessor interrupts. */
void local_apic_send(uint32_t apic_id, unsigned vector);
void local_apic_send_nmi(uint32_t apic_id);
void local_apic_send_init(uint32_t apic_id);
void local_apic_send_startup(uint32_t apic_id, paddr_t page);

/* What the APIC works with, for timer.c. */
bool local_apic_x2(void);
uint32_t local_apic_read(unsigned offset);
void local_apic_write(unsigned offset, uint32_t value);

#endif
