/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The MADT (ACPI Specification 6.4, section 5.2.12): CPUs, local APICs, I/O APICs and how interrupts are wired to them. CPUs keep the order of the table; the
 * boot CPU always gets a place.
 */
#include "platform/acpi.h"

#include "core/lib/log.h"
#include "platform/bytes.h"
#include "platform/platform.h"

enum { MADT_LOCAL_APIC = 36, MADT_ENTRIES = 44, ENTRY_HEAD = 2, ENABLED = 1, ALL_CPUS_8 = 0xff };
/* SDM vol. 3, section 10.4.1. */
#define USUAL_ADDRESS 0xfee00000u

enum entry_type {
    LOCAL_APIC = 0,
    IO_APIC = 1,
    OVERRIDE = 2,
    NMI_SOURCE = 3,
    LOCAL_NMI = 4,
    ADDRESS_OVERRIDE = 5,
    LOCAL_X2APIC = 9,
    X2APIC_NMI = 10,
    ENTRY_TYPES
};
static const uint8_t entry_size[ENTRY_TYPES] = {8, 12, 10, 8, 6, 12, 0, 0, 0, 16, 12};

struct madt madt;

static unsigned cpus_out;
static bool boot_seen;

static void cpu_add(uint32_t apic_id, uint32_t uid, uint32_t boot_id)
{
    for (unsigned i = 0; i < boot_info.cpus; i++)
        if (boot_info.cpu[i].apic_id == apic_id)
            return;
    bool boot = apic_id == boot_id;
    unsigned place = boot_info.cpus;
    if (place == NOVA_CPUS) {
        cpus_out++;
        if (!boot)
            return;
        place--;
    } else {
        boot_info.cpus++;
    }
    boot_info.cpu[place] = (struct boot_cpu){.apic_id = apic_id, .acpi_uid = uid, .acpi_id = (uint8_t)uid, .boot = boot};
    if (boot) {
        boot_info.boot_cpu = place;
        boot_seen = true;
    }
}

static void io_apic_add(uint32_t id, paddr_t address, uint32_t gsi)
{
    if (!address || address & 0xf) {
        log_line("MADT: I/O APIC %u has address 0x%llx; it is left out", id, (unsigned long long)address);
        return;
    }
    for (unsigned i = 0; i < madt.io_apics; i++)
        if (madt.io_apic[i].address == address || madt.io_apic[i].gsi == gsi) {
            log_line("MADT: I/O APIC %u is listed twice or shares GSI %u; it is left out", id, gsi);
            return;
        }
    if (madt.io_apics == IO_APIC_MAX)
        log_line("MADT: more than %u I/O APICs; I/O APIC %u is left out", IO_APIC_MAX, id);
    else
        madt.io_apic[madt.io_apics++] = (struct madt_io_apic){id, gsi, address};
}

static void local_nmi_add(uint32_t uid, uint16_t flags, uint8_t input)
{
    if (input > 1)
        log_line("MADT: an NMI at local interrupt input %u cannot be; ignored", input);
    else if (madt.local_nmis == LOCAL_NMI_MAX)
        log_line("MADT: more than %u local NMI entries; the one of CPU id %u is ignored", LOCAL_NMI_MAX, uid);
    else
        madt.local_nmi[madt.local_nmis++] = (struct madt_local_nmi){uid, flags, input};
}

static void override_add(uint8_t bus, uint8_t source, uint32_t gsi, uint16_t flags)
{
    if (bus || source > 15)
        log_line("MADT: interrupt override of bus %u, source %u is no ISA interrupt; ignored", bus, source);
    else if (madt.overrides == OVERRIDE_MAX)
        log_line("MADT: more than %u interrupt overrides; the one of source %u is ignored", OVERRIDE_MAX, source);
    else
        madt.override[madt.overrides++] = (struct madt_override){source, flags, gsi};
}

static void entry_read(uint8_t type, const uint8_t *e, uint32_t boot_id)
{
    switch ((enum entry_type)type) {
    case LOCAL_APIC:
        if (bytes_u32(e + 4) & ENABLED && e[3] != ALL_CPUS_8)
            cpu_add(e[3], e[2], boot_id);
        break;
    case LOCAL_X2APIC:
        if (bytes_u32(e + 8) & ENABLED && bytes_u32(e + 4) != UINT32_MAX)
            cpu_add(bytes_u32(e + 4), bytes_u32(e + 12), boot_id);
        break;
    case IO_APIC: io_apic_add(e[2], bytes_u32(e + 4), bytes_u32(e + 8)); break;
    case OVERRIDE: override_add(e[2], e[3], bytes_u32(e + 4), bytes_u16(e + 8)); break;
    case NMI_SOURCE: log_line("MADT: GSI %u is wired as an NMI; it stays masked", bytes_u32(e + 4)); break;
    case LOCAL_NMI: local_nmi_add(e[2] == ALL_CPUS_8 ? UINT32_MAX : e[2], bytes_u16(e + 3), e[5]); break;
    case X2APIC_NMI: local_nmi_add(bytes_u32(e + 4), bytes_u16(e + 2), e[8]); break;
    case ADDRESS_OVERRIDE: madt.local_apic = bytes_u64(e + 4); break;
    default: break;
    }
}

void madt_read(uint32_t boot_id)
{
    struct acpi_table table;
    int found = acpi_table("APIC", &table);
    if (!found)
        fatal("ACPI: there is no MADT (table 'APIC'): this kernel needs it to find its CPUs; switch the APIC on in the firmware");
    if (found < 0)
        fatal("ACPI: the MADT cannot be used: %s", acpi_damage());
    if (table.length < MADT_ENTRIES)
        fatal("ACPI: the MADT at 0x%llx is truncated: it has %u bytes, at least %u are needed", (unsigned long long)table.address,
              table.length, MADT_ENTRIES);
    madt = (struct madt){.local_apic = bytes_u32(table.view + MADT_LOCAL_APIC)};
    boot_info.cpus = boot_info.boot_cpu = cpus_out = 0;
    boot_seen = false;

    for (uint32_t at = MADT_ENTRIES; at < table.length;) {
        const uint8_t *entry = table.view + at;
        uint32_t left = table.length - at, length = left >= ENTRY_HEAD ? entry[1] : 0;
        if (length < ENTRY_HEAD || length > left) {
            log_line("MADT: the entry at offset %u has length %u, and %u bytes are left; it and the rest are ignored", at, length,
                     left);
            break;
        }
        if (entry[0] < ENTRY_TYPES && length < entry_size[entry[0]])
            log_line("MADT: the entry at offset %u (type %u) has only %u bytes and is ignored", at, entry[0], length);
        else
            entry_read(entry[0], entry, boot_id);
        at += length;
    }
    if (!madt.local_apic || madt.local_apic % PAGE_SIZE || madt.local_apic >> 52) {
        log_line("MADT: the local APIC cannot be at 0x%llx; 0x%x is assumed", (unsigned long long)madt.local_apic, USUAL_ADDRESS);
        madt.local_apic = USUAL_ADDRESS;
    }
    if (!boot_info.cpus)
        fatal("ACPI: the MADT at 0x%llx lists no enabled CPU", (unsigned long long)table.address);
    if (!boot_seen) {
        log_line("MADT: the boot CPU (APIC id %u) is not listed; it is added", boot_id);
        cpu_add(boot_id, boot_id, boot_id);
    }
    if (cpus_out)
        log_line("%u CPUs left out: this kernel was built for %u (make CPUS=%u)", cpus_out, NOVA_CPUS, NOVA_CPUS + cpus_out);
}

int platform_local_nmi(unsigned cpu, uint16_t *flags)
{
    for (unsigned i = 0; i < madt.local_nmis && cpu < boot_info.cpus; i++)
        if (madt.local_nmi[i].uid == UINT32_MAX || madt.local_nmi[i].uid == boot_info.cpu[cpu].acpi_uid) {
            *flags = madt.local_nmi[i].flags;
            return madt.local_nmi[i].input;
        }
    return -1;
}

paddr_t platform_local_apic(void) { return madt.local_apic; }
