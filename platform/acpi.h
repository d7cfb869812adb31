/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ACPI tables (ACPI Specification 6.4, chapter 5.2) as far as the kernel reads them. Boot CPU only. Tables are looked at through window slot 1, the lists of
 * them through slot 0; a table's view is valid until the next acpi_table call. Checked here: signature, length, checksum; by each reader: its own fields.
 */
#ifndef PLATFORM_ACPI_H
#define PLATFORM_ACPI_H

#include "hal/boot_info.h"

enum { ACPI_HEADER = 36, ACPI_TABLES_MAX = 128, IO_APIC_MAX = 16, OVERRIDE_MAX = 32, LOCAL_NMI_MAX = 64, ECAM_MAX = 16 };

struct acpi_table {
    const uint8_t *view;
    paddr_t address;
    uint32_t length; /* at least ACPI_HEADER */
};

/* The RSDP that the boot loader passed: length valid bytes, 0 = none. */
void acpi_rsdp_given(const uint8_t *rsdp, size_t length);

/* Finds RSDP and root table, notes where the tables are; fatal if there is none that can be used. Adds RSDT and XSDT descriptors to the memory map. */
void acpi_boot(void);

/* The table with this signature: 1 = *table is valid, 0 = there is none, -1 = it is damaged (reason in acpi_damage). */
int acpi_table(const char *signature, struct acpi_table *table);
const char *acpi_damage(void);

/* What platform and port need of the tables; filled by madt_read and acpi_tables_read. */
struct madt {
    paddr_t local_apic;
    struct madt_io_apic {
        uint32_t id, gsi;
        paddr_t address;
    } io_apic[IO_APIC_MAX];
    unsigned io_apics;
    struct madt_override {
        uint8_t source; /* ISA interrupt */
        uint16_t flags; /* bits 0-1 polarity, 2-3 trigger */
        uint32_t gsi;
    } override[OVERRIDE_MAX];
    unsigned overrides;
    struct madt_local_nmi {
        uint32_t uid; /* ACPI id of the CPU, all ones = all */
        uint16_t flags;
        uint8_t input;
    } local_nmi[LOCAL_NMI_MAX];
    unsigned local_nmis;
};
extern struct madt madt;

enum { MADT_POLARITY = 3, MADT_HIGH = 1, MADT_LOW = 3, MADT_TRIGGER = 3 << 2, MADT_EDGE = 1 << 2, MADT_LEVEL = 3 << 2 };

/* A register as the generic address structure names it; space 0 = memory, 1 = I/O port; address 0 = none. */
struct acpi_register {
    uint64_t address;
    uint8_t space;
};

struct acpi_machine {
    struct acpi_register pm_timer, sleep_a, sleep_b;
    bool pm_timer_wide; /* 32 bit, not 24 */
    uint16_t boot_flags;
    uint16_t sci;
    paddr_t hpet, facs;
    struct acpi_ecam {
        paddr_t address;
        uint16_t segment;
        uint8_t first_bus, last_bus;
    } ecam[ECAM_MAX];
    unsigned ecams;
};
extern struct acpi_machine acpi_machine;

/* Fills madt and boot_info.cpu[]; boot_id = APIC id of the boot CPU. Fatal without a valid MADT or a CPU. */
void madt_read(uint32_t boot_id);

/* FADT, HPET, MCFG: each is left out with a log line if it is damaged. */
void acpi_tables_read(void);

/* boot.c: begin of the BIOS's extended data area, or 640 KiB. */
paddr_t platform_ebda(void);

#endif
