/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * platform_acpi_boot: tables first, then the devices that they describe.
 */
#include "platform/platform.h"

#include "core/lib/log.h"
#include "platform/acpi.h"
#include "platform/interrupt.h"
#include "platform/memory_map.h"
#include "platform/timer.h"

void platform_acpi_boot(void)
{
    acpi_boot();
    madt_read(port_boot_apic_id());
    acpi_tables_read();
    memory_hide(madt.local_apic, madt.local_apic + PAGE_SIZE);
    timer_boot();
    pic_boot();
    io_apic_boot();
    if (boot_info.options.keyb)
        keyboard_boot();
    log_line("ACPI: %u CPUs, %u I/O APICs, PM timer %s, HPET %s, %u PCI Express ranges", boot_info.cpus, madt.io_apics,
             pm_timer_present() ? (acpi_machine.pm_timer_wide ? "32 bit" : "24 bit") : "none", acpi_machine.hpet ? "yes" : "no",
             acpi_machine.ecams);
}
