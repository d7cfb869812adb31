/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The PC around the CPU, as the x86 ports see it: boot loader, memory, ACPI, consoles, interrupt controllers, timers for calibration.
 * platform defines boot_info, console_write (hal/cpu.h) and all of hal/interrupt.h. Order of boot, all on the boot CPU:
 *   port sets boot_info.image_begin and image_end; physical_window and physical_device (of a few pages) work
 *   platform_boot        command line, consoles, memory, pool            (fatal messages work before, too)
 *   kernel_memory_init   by the port, with boot_info.pool_begin .. pool_end
 *   platform_acpi_boot   CPUs, interrupt controllers
 * Nothing here takes a lock of core; the I/O APICs have one of their own.
 */
#ifndef PLATFORM_PLATFORM_H
#define PLATFORM_PLATFORM_H

#include "hal/boot_info.h"

/* ---- what the port provides ---- */

/* APIC id of the executing (boot) CPU: 32 bit from CPUID leaf 0xb if there is one, else the 8 bit of leaf 1. */
uint32_t port_boot_apic_id(void);

/* Most bytes of kernel pool that the port can map (a multiple of 2 MiB); the pool lies below 4 GiB in any case. */
paddr_t port_pool_max(void);

/* First line of the boot log: version and port. Called by platform_boot as soon as the consoles are up. */
void port_greet(void);

/* ---- boot ---- */

/*
 * magic and info as the boot loader handed them over. Fills boot_info except CPUs, features and tsc_khz: command line and options, memory descriptors,
 * root module, pool, hidden ranges known so far, log page. Consoles are up afterwards. No return if the machine cannot be used (fatal message).
 */
void platform_boot(uint32_t magic, paddr_t info);

/*
 * Reads the ACPI tables: boot_info.cpu[] (apic_id, acpi_uid, acpi_id, boot), cpus, boot_cpu; the rest of hidden[]; RSDT and XSDT descriptors. Masks the PICs (their vectors
 * are 0x20-0x2f, spurious ones may still come and mean nothing) and sets all I/O APIC pins up, masked.
 */
void platform_acpi_boot(void);

/* A free page below 640 KiB for starting CPUs, the same at every call; already hidden and listed as kernel memory. 0: there is none. After platform_boot. */
paddr_t platform_low_page(void);

/* Local interrupt input (0 or 1) that the MADT connects to NMI on this CPU, -1 = none; flags as in the MADT: bits 0-1 polarity, 2-3 trigger. */
int platform_local_nmi(unsigned cpu, uint16_t *flags);

/* Physical address of the local APICs as the MADT says; valid after platform_acpi_boot. */
paddr_t platform_local_apic(void);

/* ---- interrupts ---- */

/* Vector of GSI g = PLATFORM_GSI_VECTOR + g, the same on every CPU, for pins and MSIs. The port calls kernel_gsi(cpu, vector - PLATFORM_GSI_VECTOR). */
enum { PLATFORM_PIC_VECTOR = 0x20, PLATFORM_GSI_VECTOR = 0x30, PLATFORM_GSIS = 192 };

/*
 * The port calls this for each interrupt at PLATFORM_GSI_VECTOR + gsi BEFORE it acknowledges the local APIC: a level triggered pin is masked here, otherwise it
 * would interrupt a second time after the EOI. Returns true if the interrupt was the kernel's own (keyboard) and is done with; else the port goes on with EOI
 * and kernel_gsi. (True: only the EOI.) Any CPU.
 */
bool platform_interrupt(unsigned gsi);

/* Option 'spinner': turns the spinner of this kind of event (0-31) of this CPU on the VGA screen; nothing without the option. Any context. */
void platform_spin(unsigned cpu, unsigned event);

/* ---- timers for calibration; boot CPU only ---- */

enum { PM_TIMER_HZ = 3579545, PIT_HZ = 1193182 };

/* ACPI PM timer: valid after platform_acpi_boot. Ticks from one reading to a later one, less than a wrap (4.6 s with 24 bit) apart. */
bool pm_timer_present(void);
uint32_t pm_timer_read(void);
uint32_t pm_timer_elapsed(uint32_t from, uint32_t to);

/*
 * Lets PIT channel 2 count 'ticks' (1-65535) down and returns when it is done; false if it does not count within a bounded number of port reads.
 * The caller reads its clock before and after.
 */
bool pit_wait(uint16_t ticks);

#endif
