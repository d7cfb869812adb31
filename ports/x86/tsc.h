/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Frequencies of the time stamp counter and of the local APIC's timer. Boot CPU only, once.
 */
#ifndef PORTS_X86_TSC_H
#define PORTS_X86_TSC_H

#include "hal/types.h"

static inline uint64_t rdtsc(void)
{
    uint32_t low, high;
    asm volatile("rdtsc" : "=a"(low), "=d"(high));
    return (uint64_t)high << 32 | low;
}

/*
 * After platform_acpi_boot and local_apic_cpu_init: sets boot_info.tsc_khz and says in the log where it comes from. Fatal if
 * nothing can tell.
 */
void tsc_boot(void);

/* Local APIC timer ticks (divider 1) that passed while the TSC counted *tsc ticks during tsc_boot's measurement. */
uint32_t tsc_apic_ticks(uint64_t *tsc);

/* Makes the TSC of this CPU count as that of the boot CPU where firmware left them apart (TSC_ADJUST). Boot CPU first. */
void tsc_cpu_init(void);

#endif
