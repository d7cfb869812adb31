/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The tables that the kernel can do without: FADT (ACPI Specification 6.4, section 5.2.9), HPET (IA-PC HPET Specification 1.0a, section 3.2.4), MCFG (PCI
 * Firmware Specification 3.0, section 4.1.2). Fields beyond a table's length count as absent.
 */
#include "platform/acpi.h"

#include "core/lib/log.h"
#include "platform/bytes.h"

struct acpi_machine acpi_machine;

enum {
    FADT_FACS = 36,
    FADT_SCI = 46,
    FADT_CONTROL_A = 64,
    FADT_CONTROL_B = 68,
    FADT_TIMER = 76,
    FADT_TIMER_LENGTH = 91,
    FADT_BOOT_FLAGS = 109,
    FADT_FLAGS = 112,
    FADT_X_FACS = 132,
    FADT_X_CONTROL_A = 172,
    FADT_X_CONTROL_B = 184,
    FADT_X_TIMER = 208
};
enum { FLAG_TIMER_WIDE = 1 << 8, FLAG_HARDWARE_REDUCED = 1 << 20, SPACE_MEMORY = 0, SPACE_PORT = 1, GAS_SIZE = 12 };
enum { HPET_ADDRESS = 40, HPET_SIZE = 56, MCFG_ENTRIES = 44, MCFG_ENTRY = 16 };

static bool table_found(const char *signature, uint32_t least, struct acpi_table *table)
{
    int found = acpi_table(signature, table);
    if (found < 0)
        log_line("ACPI: the table %s cannot be used: %s; the kernel does without it", signature, acpi_damage());
    else if (found && table->length < least)
        log_line("ACPI: the table %s has %u bytes, at least %u are needed; the kernel does without it", signature, table->length,
                 least);
    return found > 0 && table->length >= least;
}

/* A register block: the 64-bit field if the table is new enough and it names one, else the old field, which is an I/O port. */
static struct acpi_register block(const struct acpi_table *table, uint32_t old, uint32_t extended)
{
    if (table->length >= extended + GAS_SIZE) {
        struct acpi_register wide = {bytes_u64(table->view + extended + 4), table->view[extended]};
        if (wide.address && (wide.space == SPACE_MEMORY || (wide.space == SPACE_PORT && wide.address <= 0xfffc)))
            return wide;
    }
    uint32_t port = table->length >= old + 4 ? bytes_u32(table->view + old) : 0;
    return (struct acpi_register){port <= 0xfffc ? port : 0, SPACE_PORT};
}

static void fadt_read(void)
{
    struct acpi_table table;
    if (!table_found("FACP", FADT_BOOT_FLAGS, &table))
        return;
    uint32_t flags = table.length >= FADT_FLAGS + 4 ? bytes_u32(table.view + FADT_FLAGS) : 0;
    acpi_machine.sci = bytes_u16(table.view + FADT_SCI);
    acpi_machine.sleep_a = block(&table, FADT_CONTROL_A, FADT_X_CONTROL_A);
    acpi_machine.sleep_b = block(&table, FADT_CONTROL_B, FADT_X_CONTROL_B);
    if (!(flags & FLAG_HARDWARE_REDUCED) && table.view[FADT_TIMER_LENGTH] == 4) {
        acpi_machine.pm_timer = block(&table, FADT_TIMER, FADT_X_TIMER);
        acpi_machine.pm_timer_wide = flags & FLAG_TIMER_WIDE;
    }
    if (table.length >= FADT_BOOT_FLAGS + 2)
        acpi_machine.boot_flags = bytes_u16(table.view + FADT_BOOT_FLAGS);
    acpi_machine.facs = table.length >= FADT_X_FACS + 8 ? bytes_u64(table.view + FADT_X_FACS) : 0;
    if (!acpi_machine.facs)
        acpi_machine.facs = bytes_u32(table.view + FADT_FACS);
}

static void hpet_read(void)
{
    struct acpi_table table;
    if (!table_found("HPET", HPET_SIZE, &table))
        return;
    uint64_t address = bytes_u64(table.view + HPET_ADDRESS + 4);
    if (table.view[HPET_ADDRESS] == SPACE_MEMORY && address && !(address & 7))
        acpi_machine.hpet = address;
    else
        log_line("ACPI: the table HPET names no address in memory (0x%llx); the kernel does without it",
                 (unsigned long long)address);
}

static void mcfg_read(void)
{
    struct acpi_table table;
    if (!table_found("MCFG", MCFG_ENTRIES, &table))
        return;
    for (uint32_t at = MCFG_ENTRIES; table.length - at >= MCFG_ENTRY; at += MCFG_ENTRY) {
        const uint8_t *entry = table.view + at;
        struct acpi_ecam ecam = {bytes_u64(entry), bytes_u16(entry + 8), entry[10], entry[11]};
        if (!ecam.address || ecam.address & 0xfffff || ecam.address >> 52 || ecam.last_bus < ecam.first_bus)
            log_line("ACPI: MCFG entry at offset %u (0x%llx, buses %u-%u) cannot be; ignored", at, (unsigned long long)ecam.address,
                     ecam.first_bus, ecam.last_bus);
        else if (acpi_machine.ecams == ECAM_MAX)
            log_line("ACPI: MCFG has more than %u entries; the one at offset %u is ignored", ECAM_MAX, at);
        else
            acpi_machine.ecam[acpi_machine.ecams++] = ecam;
    }
}

void acpi_tables_read(void)
{
    acpi_machine = (struct acpi_machine){0};
    fadt_read();
    hpet_read();
    mcfg_read();
}
