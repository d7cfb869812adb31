/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ACPI tables, sound and damaged.
 */
#include "unit.h"

#include "platform/acpi.h"
#include "platform/platform.h"
#include "platform_build.h"

#include <stdio.h>

static struct acpi tables;

static void reads(uint32_t boot_id)
{
    acpi_rsdp_given(0, 0);
    if (!machine_reads_acpi(boot_id))
        unit_fail(__FILE__, __LINE__, "the boot ended in a fatal message");
    unsigned boots = 0;
    for (unsigned i = 0; i < boot_info.cpus; i++)
        boots += boot_info.cpu[i].boot;
    CHECK_EQ(boots, 1);
    CHECK(boot_info.cpus <= NOVA_CPUS && boot_info.cpu[boot_info.boot_cpu].boot &&
          boot_info.cpu[boot_info.boot_cpu].apic_id == boot_id);
}

static void stops(const char *message)
{
    acpi_rsdp_given(0, 0);
    if (machine_reads_acpi(0))
        unit_fail(__FILE__, __LINE__, "the boot went on");
    const char *line = strstr(machine_log(), "FATAL: ");
    if (!line || !strstr(line, message))
        unit_fail(__FILE__, __LINE__, "the fatal message does not say \"%s\"", message);
}

/* The statements come before lengths and checksums are made right, or after. */
#define DAMAGED(name, before, after, then)                                                                                         \
    TEST(acpi_##name)                                                                                                              \
    {                                                                                                                              \
        acpi_begin(&tables);                                                                                                       \
        before;                                                                                                                    \
        acpi_end(&tables);                                                                                                         \
        after;                                                                                                                     \
        acpi_place(&tables);                                                                                                       \
        then;                                                                                                                      \
    }
#define STOPS_IF(name, message, after) DAMAGED(name, (void)0, after, stops(message))
#define LOGS_IF(name, message, after) DAMAGED(name, (void)0, after, reads(0); CHECK_LOG(message))
#define STOPS_WITH(name, message, before) DAMAGED(name, before, (void)0, stops(message))
#define LOGS_WITH(name, message, before) DAMAGED(name, before, (void)0, reads(0); CHECK_LOG(message))

TEST(acpi_sound)
{
    acpi_begin(&tables);
    acpi_end(&tables);
    acpi_place(&tables);
    reads(4);
    CHECK_EQ(boot_info.cpus, 4);
    CHECK_EQ(boot_info.boot_cpu, 2);
    CHECK_EQ(boot_info.cpu[3].apic_id, 6);
    CHECK_EQ(boot_info.cpu[3].acpi_uid, 4);
    CHECK_EQ(madt.local_apic, 0xfee00000);
    CHECK_EQ(madt.io_apics, 1);
    CHECK_EQ(madt.overrides, 2);
    CHECK_EQ(acpi_machine.pm_timer.address, 0x608);
    CHECK(acpi_machine.pm_timer_wide);
    CHECK_EQ(acpi_machine.sleep_a.address, 0x604);
    CHECK_EQ(acpi_machine.hpet, 0xfed00000);
    CHECK_EQ(acpi_machine.ecams, 1);
    CHECK_EQ(acpi_machine.ecam[0].address, 0xb0000000);
    CHECK_EQ(acpi_machine.ecam[0].last_bus, 255);
    uint16_t flags;
    CHECK_EQ(platform_local_nmi(1, &flags), 1);
    CHECK_EQ(flags, 5);
    CHECK_EQ(boot_info.memories, 2);
    CHECK_EQ(boot_info.memory[0].type, NOVA_MEMORY_RSDT);
    CHECK_EQ(boot_info.memory[1].address, XSDT_AT);
    CHECK_LOG("XSDT at 0x7fe1000, 4 tables");
}

/* ---- RSDP ---- */

TEST(acpi_none) { stops("no RSDP from the boot loader, in the EBDA (0xa0000) or at 0xe0000-0xfffff"); }

STOPS_IF(rsdp_checksum, "the RSDP at 0xf5a00 has a wrong checksum", tables.rsdp.bytes[9] ^= 1)
LOGS_IF(rsdp_extended_checksum, "length or extended checksum of the RSDP is wrong", tables.rsdp.bytes[33] ^= 1)
LOGS_WITH(rsdp_length_0, "length or extended checksum of the RSDP is wrong", set(&tables.rsdp, 20, 0, 4))
DAMAGED(rsdp_length_40, set(&tables.rsdp, 20, 40, 4), (void)0, reads(0); CHECK_LOG("XSDT at"))
DAMAGED(rsdp_of_acpi_1, set(&tables.rsdp, 15, 0, 1), (void)0, reads(0); CHECK_LOG("RSDT at 0x7fe0000, 4 tables");
        CHECK_EQ(boot_info.memories, 1))
DAMAGED(rsdp_without_xsdt, set(&tables.rsdp, 24, 0, 8), (void)0, reads(0); CHECK_LOG("RSDT at"))
DAMAGED(rsdp_without_rsdt, set(&tables.rsdp, 16, 0, 4), (void)0, reads(0); CHECK_LOG("XSDT at"))
STOPS_WITH(rsdp_names_none, "the RSDP names none", set(&tables.rsdp, 16, 0, 4); set(&tables.rsdp, 24, 0, 8))

TEST(acpi_rsdp_at_the_last_place)
{
    acpi_begin(&tables);
    set(&tables.rsdp, 15, 0, 1);
    acpi_end(&tables);
    machine_place(0xfffe0, tables.rsdp.bytes, 20);
    tables.rsdp.length = 0;
    acpi_place(&tables);
    reads(0);
}

TEST(acpi_rsdp_in_ebda_after_a_bad_one)
{
    acpi_begin(&tables);
    acpi_end(&tables);
    machine_place(0x40e, "\xc0\x9f", 2);
    machine_place(0x9fc10, "RSD PTR garbage garbage garbage", 31);
    machine_place(0x9ffe0, tables.rsdp.bytes, 20);
    tables.rsdp.length = 0;
    acpi_place(&tables);
    reads(0);
    CHECK_EQ(boot_info.cpus, 4);
}

TEST(acpi_rsdp_from_the_loader)
{
    acpi_begin(&tables);
    acpi_end(&tables);
    uint8_t copy[36];
    memcpy(copy, tables.rsdp.bytes, sizeof copy);
    tables.rsdp.length = 0;
    acpi_place(&tables);
    acpi_rsdp_given(copy, sizeof copy);
    CHECK(machine_reads_acpi(0));
    CHECK_LOG("XSDT at");
    /* Only the old part: nothing beyond it counts. */
    acpi_rsdp_given(copy, 20);
    CHECK(machine_reads_acpi(0));
    CHECK_LOG("RSDT at");
}

TEST(acpi_rsdp_of_the_loader_damaged)
{
    acpi_begin(&tables);
    acpi_end(&tables);
    uint8_t copy[36];
    memcpy(copy, tables.rsdp.bytes, sizeof copy);
    copy[16] ^= 1;
    acpi_place(&tables);
    acpi_rsdp_given(copy, sizeof copy);
    CHECK(machine_reads_acpi(0));
    CHECK_LOG("the RSDP that the boot loader passed is damaged; looking for another one");
}

/* ---- RSDT, XSDT ---- */

LOGS_IF(xsdt_checksum, "the XSDT at 0x7fe1000 cannot be used: wrong checksum", tables.xsdt.bytes[36] ^= 1)
STOPS_IF(both_checksums, "neither the XSDT (0x7fe1000) nor the RSDT (0x7fe0000) can be used: wrong checksum",
         tables.xsdt.bytes[36] ^= 1;
         tables.rsdt.bytes[36] ^= 1)
STOPS_IF(both_signatures, "wrong signature", tables.xsdt.bytes[0] = 'Y'; tables.rsdt.bytes[0] = 'Y')
STOPS_IF(both_lengths_0, "truncated", set(&tables.xsdt, 4, 0, 4); set(&tables.rsdt, 4, 0, 4))
STOPS_IF(both_lengths_35, "truncated", set(&tables.xsdt, 4, 35, 4); set(&tables.rsdt, 4, 35, 4))
STOPS_IF(both_lengths_all_ones, "more than 1 MiB", set(&tables.xsdt, 4, UINT32_MAX, 4); set(&tables.rsdt, 4, UINT32_MAX, 4))
STOPS_IF(both_cut, "wrong checksum", set(&tables.xsdt, 4, 40, 4); set(&tables.rsdt, 4, 38, 4))
LOGS_WITH(xsdt_out_of_reach, "its address cannot be", set(&tables.rsdp, 24, (uint64_t)1 << 60, 8))
LOGS_WITH(xsdt_at_the_top, "its address cannot be", set(&tables.rsdp, 24, UINT64_MAX - 3, 8))
STOPS_WITH(no_tables, "there is no MADT", tables.xsdt.length = 36)
LOGS_WITH(xsdt_lists_itself, "entry 4 of the list of tables (0x7fe1000) is no table", put(&tables.xsdt, XSDT_AT, 8))
LOGS_WITH(xsdt_lists_zero, "entry 4 of the list of tables (0x0) is no table", put(&tables.xsdt, 0, 8))
LOGS_WITH(xsdt_lists_nowhere, "(0xffffffffffffffff) is no table", put(&tables.xsdt, UINT64_MAX, 8))
LOGS_WITH(xsdt_lists_empty_memory, "entry 4 of the list of tables (0xe0000000) is no table", put(&tables.xsdt, 0xe0000000, 8))
DAMAGED(xsdt_odd_length, put(&tables.xsdt, 1, 3), (void)0, reads(0))
DAMAGED(xsdt_300_entries, for (unsigned i = 0; i < 300; i++) put(&tables.xsdt, HPET_AT, 8), (void)0, reads(0);
        CHECK_LOG("the list of tables has 304 entries, the kernel reads 128"))

/* ---- MADT ---- */

STOPS_IF(madt_checksum, "the MADT cannot be used: wrong checksum", tables.madt.bytes[44] ^= 1)
STOPS_IF(madt_length_0, "the MADT cannot be used: truncated", set(&tables.madt, 4, 0, 4))
STOPS_WITH(madt_only_a_header, "the MADT at 0x7fe2000 is truncated: it has 36 bytes", tables.madt.length = 36)
STOPS_WITH(madt_no_cpu, "lists no enabled CPU", tables.madt.length = 44)
STOPS_WITH(madt_no_enabled_cpu, "lists no enabled CPU", tables.madt.length = 44; madt_cpu(&tables.madt, 1, 0, 2);
           madt_x2apic(&tables.madt, 1, 300, 0))
STOPS_WITH(madt_entry_length_0, "lists no enabled CPU", tables.madt.length = 44; put(&tables.madt, 0, 8))
LOGS_WITH(madt_last_entry_length_0, "has length 0, and 2 bytes are left", put(&tables.madt, 0, 2))
LOGS_WITH(madt_last_entry_length_1, "has length 1, and 2 bytes are left", put(&tables.madt, 0x100, 2))
LOGS_WITH(madt_one_byte_left, "has length 0, and 1 bytes are left", put(&tables.madt, 0, 1))
LOGS_WITH(madt_entry_too_long, "has length 9, and 8 bytes are left", put(&tables.madt, 0x900, 8))
LOGS_WITH(madt_entry_too_short, "(type 0) has only 7 bytes and is ignored", put(&tables.madt, 0x700, 7))
LOGS_WITH(madt_io_apic_at_0, "I/O APIC 9 has address 0x0; it is left out", madt_io_apic(&tables.madt, 9, 0, 24))
LOGS_WITH(madt_io_apic_odd, "address 0xfec01004", madt_io_apic(&tables.madt, 9, 0xfec01004, 24))
LOGS_WITH(madt_io_apic_twice, "is listed twice or shares GSI 24", madt_io_apic(&tables.madt, 9, 0xfec00000, 24))
LOGS_WITH(madt_io_apics_share, "is listed twice or shares GSI 0", madt_io_apic(&tables.madt, 9, 0xfec01000, 0))
LOGS_WITH(madt_20_io_apics, "more than 16 I/O APICs; I/O APIC 19 is left out",
          for (uint8_t i = 1; i < 20; i++) madt_io_apic(&tables.madt, i, 0xfec00000 + i * 0x1000, i * 24))
LOGS_WITH(madt_40_overrides, "more than 32 interrupt overrides",
          for (uint8_t i = 0; i < 40; i++) madt_override(&tables.madt, i % 16, i, 0))
LOGS_WITH(madt_override_source, "bus 0, source 16 is no ISA interrupt", madt_override(&tables.madt, 16, 16, 0))
LOGS_WITH(madt_nmi_source, "GSI 23 is wired as an NMI", put(&tables.madt, 3 | 8 << 8, 4); put(&tables.madt, 23, 4))
LOGS_WITH(madt_nmi_input, "local interrupt input 2 cannot be", put(&tables.madt, 4 | 6 << 8, 5); put(&tables.madt, 2, 1))
LOGS_WITH(
    madt_70_nmis, "more than 64 local NMI entries", for (unsigned i = 0; i < 70; i++) {
        put(&tables.madt, 4 | 6 << 8 | i << 16, 5);
        put(&tables.madt, 1, 1);
    })
DAMAGED(madt_unknown_types, put(&tables.madt, 0x0400 | 0x7f, 4); put(&tables.madt, 0x0200 | 0xff, 2), (void)0, reads(0);
        CHECK(!strstr(machine_log(), "ignored")))
DAMAGED(madt_cpu_twice, madt_cpu(&tables.madt, 9, 2, 1); madt_x2apic(&tables.madt, 9, 4, 1), (void)0, reads(0);
        CHECK_EQ(boot_info.cpus, 4))
DAMAGED(madt_broadcast_ids, madt_cpu(&tables.madt, 9, 0xff, 1); madt_x2apic(&tables.madt, 9, UINT32_MAX, 1), (void)0, reads(0);
        CHECK_EQ(boot_info.cpus, 4))
DAMAGED(madt_x2apic, madt_x2apic(&tables.madt, 0x1234, 70000, 1), (void)0, reads(70000); CHECK_EQ(boot_info.boot_cpu, 4);
        CHECK_EQ(boot_info.cpu[4].acpi_uid, 0x1234); CHECK_EQ(boot_info.cpu[4].acpi_id, 0x34))
DAMAGED(madt_address_override, put(&tables.madt, 5 | 12 << 8, 4); put(&tables.madt, 0x1fee00000, 8), (void)0, reads(0);
        CHECK_EQ(platform_local_apic(), 0x1fee00000))
LOGS_WITH(madt_address_0, "the local APIC cannot be at 0x0; 0xfee00000 is assumed", set(&tables.madt, 36, 0, 4))
LOGS_WITH(madt_address_all_ones, "cannot be at 0xffffffffffffffff", put(&tables.madt, 5 | 12 << 8, 4);
          put(&tables.madt, UINT64_MAX, 8))
DAMAGED(madt_boot_cpu_missing, (void)0, (void)0, reads(99); CHECK_EQ(boot_info.boot_cpu, 4);
        CHECK_LOG("the boot CPU (APIC id 99) is not listed"))

TEST(acpi_madt_all_cpus)
{
    acpi_begin(&tables);
    for (uint32_t i = 0; i < 1000; i++)
        madt_x2apic(&tables.madt, i + 10, i + 256, 1);
    acpi_end(&tables);
    acpi_place(&tables);
    reads(256 + 999);
    char text[80];
    snprintf(text, sizeof text, "%u CPUs left out: this kernel was built for %u (make CPUS=", 1004 - NOVA_CPUS, NOVA_CPUS);
    CHECK_LOG(text);
    CHECK_EQ(boot_info.cpus, NOVA_CPUS);
    CHECK_EQ(boot_info.boot_cpu, NOVA_CPUS - 1);
}

TEST(acpi_madt_local_nmi_of_one)
{
    acpi_begin(&tables);
    tables.madt.length -= 6;
    put(&tables.madt, 10 | 12 << 8 | 7 << 16, 4);
    put(&tables.madt, 3, 4);
    put(&tables.madt, 0, 4);
    acpi_end(&tables);
    acpi_place(&tables);
    reads(0);
    uint16_t flags = 0;
    CHECK_EQ(platform_local_nmi(0, &flags), -1);
    CHECK_EQ(platform_local_nmi(2, &flags), 0);
    CHECK_EQ(flags, 7);
}

/* ---- the others ---- */

LOGS_IF(fadt_checksum, "the table FACP cannot be used: wrong checksum", tables.fadt.bytes[50] ^= 1;)
LOGS_WITH(fadt_short, "the table FACP has 100 bytes, at least 109", tables.fadt.length = 100)
DAMAGED(fadt_old, tables.fadt.length = 116, (void)0, reads(0); CHECK_EQ(acpi_machine.pm_timer.address, 0x608))
DAMAGED(fadt_extended, set(&tables.fadt, 208, 1, 1); set(&tables.fadt, 212, 0xb008, 8), (void)0, reads(0);
        CHECK_EQ(acpi_machine.pm_timer.address, 0xb008))
DAMAGED(fadt_timer_port_impossible, set(&tables.fadt, 76, 0xffffffff, 4); set(&tables.fadt, 208, 1, 1);
        set(&tables.fadt, 212, 0x1b008, 8), (void)0, reads(0); CHECK_EQ(acpi_machine.pm_timer.address, 0))
DAMAGED(fadt_timer_in_memory, set(&tables.fadt, 208, 0, 1); set(&tables.fadt, 212, 0xfed81008, 8), (void)0, reads(0);
        CHECK_EQ(acpi_machine.pm_timer.address, 0xfed81008); CHECK_EQ(acpi_machine.pm_timer.space, 0))
DAMAGED(fadt_no_timer, set(&tables.fadt, 91, 0, 1), (void)0, reads(0); CHECK_EQ(acpi_machine.pm_timer.address, 0))
DAMAGED(fadt_hardware_reduced, set(&tables.fadt, 112, 1 << 20, 4), (void)0, reads(0); CHECK_EQ(acpi_machine.pm_timer.address, 0))
LOGS_IF(hpet_checksum, "the table HPET cannot be used: wrong checksum", tables.hpet.bytes[50] ^= 1)
LOGS_WITH(hpet_short, "the table HPET has 50 bytes, at least 56", tables.hpet.length = 50)
LOGS_WITH(hpet_at_0, "names no address in memory", set(&tables.hpet, 44, 0, 8))
LOGS_IF(mcfg_checksum, "the table MCFG cannot be used: wrong checksum", tables.mcfg.bytes[50] ^= 1)
LOGS_WITH(mcfg_buses, "buses 5-4) cannot be; ignored", set(&tables.mcfg, 54, 0x0405, 2))
LOGS_WITH(mcfg_address, "(0xb0000004, buses 0-255) cannot be", set(&tables.mcfg, 44, 0xb0000004, 8))
DAMAGED(mcfg_short, tables.mcfg.length = 43, (void)0, reads(0); CHECK_EQ(acpi_machine.ecams, 0))
DAMAGED(mcfg_cut, tables.mcfg.length -= 1, (void)0, reads(0); CHECK_EQ(acpi_machine.ecams, 0))
LOGS_WITH(
    mcfg_many, "MCFG has more than 16 entries", for (uint64_t i = 1; i < 20; i++) {
        put(&tables.mcfg, 0xb0000000 + (i << 28), 8);
        put(&tables.mcfg, i, 2);
        put(&tables.mcfg, 0, 6);
    })
