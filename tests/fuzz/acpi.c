/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Fuzzer: the input is cut into an RSDP and pieces of memory that tables lie in; the first byte says which checksums are made right afterwards, because a fuzzer
 * does not guess them. Any input ends in a list of CPUs that holds together, or in a fatal message.
 */
#include "fuzz.h"
#include "platform/acpi.h"

enum { TABLES = 6 };
static const paddr_t places[TABLES] = {RSDT_AT, XSDT_AT, MADT_AT, FADT_AT, HPET_AT, MCFG_AT};

int LLVMFuzzerInitialize(int *count, char ***arguments)
{
    static struct acpi a;
    static struct buffer all;
    acpi_begin(&a);
    madt_x2apic(&a.madt, 0x1234, 70000, 1);
    put(&a.madt, 5 | 12 << 8, 4);
    put(&a.madt, 0x1fee00000, 8);
    put(&a.madt, 10 | 12 << 8 | 7 << 16, 4);
    put(&a.madt, 3, 8);
    acpi_end(&a);
    put(&all, 0xff, 2);
    put_bytes(&all, a.rsdp.bytes, a.rsdp.length);
    const struct buffer *tables[TABLES] = {&a.rsdt, &a.xsdt, &a.madt, &a.fadt, &a.hpet, &a.mcfg};
    for (unsigned i = 0; i < TABLES; i++) {
        put(&all, tables[i]->length, 2);
        put_bytes(&all, tables[i]->bytes, tables[i]->length);
    }
    seed_write(*count, *arguments, "all", all.bytes, all.length);
    return 0;
}

static void place(unsigned number, const uint8_t *data, size_t size, bool repair)
{
    static const char *const signatures[TABLES] = {"RSDT", "XSDT", "APIC", "FACP", "HPET", "MCFG"};
    static struct buffer table;
    memcpy(table.bytes, data, table.length = size);
    if (repair && size >= 36) {
        memcpy(table.bytes, signatures[number], 4);
        uint32_t length;
        memcpy(&length, table.bytes + 4, 4);
        if (length < 36 || length > size)
            set(&table, 4, length = (uint32_t)size, 4);
        sum_fix(&table, 9, length);
    }
    machine_place(places[number], table.bytes, table.length);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct buffer rsdp;
    if (size < 38)
        return 0;
    machine_reset();
    uint8_t repair = data[0], boot_id = data[1];
    memcpy(rsdp.bytes, data + 2, rsdp.length = 36);
    if (repair & 0x80) {
        memcpy(rsdp.bytes, "RSD PTR ", 8);
        set(&rsdp, 16, RSDT_AT, 4);
        set(&rsdp, 24, XSDT_AT, 8);
        sum_fix(&rsdp, 8, 20);
        sum_fix(&rsdp, 32, 36);
    }
    machine_place(RSDP_AT, rsdp.bytes, rsdp.length);
    /* Each table: two bytes of length, then its bytes. */
    size_t at = 38;
    for (unsigned i = 0; i < TABLES && size - at >= 2; i++) {
        size_t length = (size_t)(data[at] | (data[at + 1] & 0xf) << 8);
        at += 2;
        if (length > size - at)
            length = size - at;
        place(i, data + at, length, repair >> i & 1);
        at += length;
    }
    acpi_rsdp_given(rsdp.bytes, repair & 0x40 ? rsdp.length : 0);
    if (!machine_reads_acpi(boot_id))
        return 0;
    unsigned boots = 0;
    for (unsigned i = 0; i < boot_info.cpus; i++) {
        boots += boot_info.cpu[i].boot;
        for (unsigned j = 0; j < i; j++)
            if (boot_info.cpu[i].apic_id == boot_info.cpu[j].apic_id)
                fail("a CPU is listed twice");
    }
    if (!boot_info.cpus || boot_info.cpus > NOVA_CPUS || boots != 1 || !boot_info.cpu[boot_info.boot_cpu].boot)
        fail("the CPUs do not hold together");
    if (madt.io_apics > IO_APIC_MAX || madt.overrides > OVERRIDE_MAX || madt.local_nmis > LOCAL_NMI_MAX ||
        acpi_machine.ecams > ECAM_MAX)
        fail("more entries than there is room for");
    return 0;
}
