/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * From the RSDP to the list of tables. The RSDP comes from the boot loader (UEFI has no other place) or from the BIOS's memory. A damaged XSDT is replaced by the
 * RSDT and the other way round as long as one of them is good.
 */
#include "platform/acpi.h"

#include "core/lib/log.h"
#include "core/lib/string.h"
#include "hal/physical.h"
#include "platform/bytes.h"
#include "platform/loader.h"
#include "platform/memory_map.h"

/* ACPI Specification 6.4, section 5.2.5: where the RSDP can be, and its fields. */
enum { BIOS_BEGIN = 0xe0000, BIOS_SIZE = 0x20000, EBDA_SEARCHED = 0x400, EBDA_LIMIT = 640 << 10, RSDP_ALIGN = 16, RSDP_OLD = 20 };
enum { RSDP_REVISION = 15, RSDP_RSDT = 16, RSDP_LENGTH = 20, RSDP_XSDT = 24 };
enum { TABLE_LENGTH = 4 };

static uint8_t rsdp[RSDP_SIZE];
static paddr_t rsdp_found; /* where; 0 = from the loader */
static bool have_rsdp, damaged_rsdp;
static paddr_t damaged_at;

static struct {
    char signature[4];
    paddr_t address;
} tables[ACPI_TABLES_MAX];
static unsigned table_count;
static const char *damage = "";

/* Takes a candidate of which size bytes can be read, if its checksums are right. */
static bool rsdp_take(const uint8_t *candidate, size_t size, paddr_t where)
{
    if (size < RSDP_OLD || memcmp(candidate, "RSD PTR ", 8))
        return false;
    bool wide = candidate[RSDP_REVISION] >= 2 && size >= RSDP_SIZE;
    bool good = !bytes_sum(candidate, RSDP_OLD);
    uint32_t length = wide ? bytes_u32(candidate + RSDP_LENGTH) : 0;
    /* A longer RSDP of a later revision has its sum over bytes that we may not see; its first sum has to do. */
    if (good && wide && (length < RSDP_SIZE || (length == RSDP_SIZE && bytes_sum(candidate, RSDP_SIZE)))) {
        log_line("ACPI: length or extended checksum of the RSDP is wrong; the XSDT is not used");
        wide = false;
    }
    if (!good) {
        damaged_rsdp = true;
        damaged_at = where;
        return false;
    }
    memset(rsdp, 0, sizeof rsdp);
    memcpy(rsdp, candidate, wide ? RSDP_SIZE : RSDP_OLD);
    rsdp[RSDP_REVISION] = wide ? 2 : 0;
    rsdp_found = where;
    have_rsdp = true;
    return true;
}

void acpi_rsdp_given(const uint8_t *given, size_t length)
{
    have_rsdp = damaged_rsdp = false;
    if (length && !rsdp_take(given, length, 0))
        log_line("ACPI: the RSDP that the boot loader passed is damaged; looking for another one");
}

static bool rsdp_search(paddr_t begin, size_t size)
{
    const uint8_t *view = physical_window(0, begin, size);
    for (size_t at = 0; view && at + RSDP_OLD <= size; at += RSDP_ALIGN)
        if (rsdp_take(view + at, size - at < RSDP_SIZE ? RSDP_OLD : RSDP_SIZE, begin + at))
            return true;
    return false;
}

/* A look at the table at address; false and a reason if it is damaged. signature may be null. */
static bool table_view(unsigned slot, paddr_t address, const char *signature, struct acpi_table *table)
{
    const uint8_t *view = address ? physical_window(slot, address, ACPI_HEADER) : 0;
    damage = "its address cannot be";
    if (!view)
        return false;
    uint32_t length = bytes_u32(view + TABLE_LENGTH);
    damage = "wrong signature";
    if (memcmp(view, signature, 4))
        return false;
    damage = "truncated: its length is less than a table header";
    if (length < ACPI_HEADER)
        return false;
    damage = "its length is more than 1 MiB";
    if (length > PHYSICAL_WINDOW_SIZE)
        return false;
    view = physical_window(slot, address, length);
    damage = "its address cannot be";
    if (!view)
        return false;
    damage = "wrong checksum";
    if (bytes_sum(view, length))
        return false;
    *table = (struct acpi_table){view, address, length};
    return true;
}

/* Where nothing is, ones are read. */
static bool is_signature(const uint8_t *text)
{
    bool good = true;
    for (unsigned i = 0; i < 4; i++)
        good &= text[i] >= ' ' && text[i] <= '~';
    return good;
}

/* Notes the tables that an RSDT or XSDT lists. */
static void list_tables(const struct acpi_table *root, size_t entry)
{
    size_t count = (root->length - ACPI_HEADER) / entry, noted = 0;
    table_count = 0;
    for (size_t i = 0; i < count && table_count < ACPI_TABLES_MAX; i++, noted++) {
        const uint8_t *place = root->view + ACPI_HEADER + i * entry;
        paddr_t address = entry == 8 ? bytes_u64(place) : bytes_u32(place);
        const uint8_t *head = address && address != root->address ? physical_window(1, address, ACPI_HEADER) : 0;
        if (!head || !is_signature(head)) {
            log_line("ACPI: entry %u of the list of tables (0x%llx) is no table", (unsigned)i, (unsigned long long)address);
            continue;
        }
        memcpy(tables[table_count].signature, head, 4);
        tables[table_count++].address = address;
    }
    if (noted < count)
        log_line("ACPI: the list of tables has %u entries, the kernel reads %u", (unsigned)count, (unsigned)noted);
}

static bool read_root(const char *signature, paddr_t address, size_t entry)
{
    struct acpi_table root;
    if (!address)
        return false;
    if (!table_view(0, address, signature, &root)) {
        log_line("ACPI: the %s at 0x%llx cannot be used: %s", signature, (unsigned long long)address, damage);
        return false;
    }
    list_tables(&root, entry);
    return true;
}

void acpi_boot(void)
{
    table_count = 0;
    if (!have_rsdp) {
        paddr_t ebda = platform_ebda();
        /* Without an EBDA, what is at 640 KiB is the screen. */
        if (!(ebda < EBDA_LIMIT && rsdp_search(ebda, EBDA_SEARCHED)) && !rsdp_search(BIOS_BEGIN, BIOS_SIZE)) {
            if (damaged_rsdp)
                fatal("ACPI: the RSDP %s0x%llx has a wrong checksum: the firmware is damaged",
                      damaged_at ? "at " : "of the boot loader, ", (unsigned long long)damaged_at);
            fatal("ACPI: no RSDP from the boot loader, in the EBDA (0x%llx) or at 0x%x-0x%x: this kernel needs ACPI to find its "
                  "CPUs; "
                  "switch ACPI on in the firmware, or on UEFI use multiboot2",
                  (unsigned long long)ebda, BIOS_BEGIN, BIOS_BEGIN + BIOS_SIZE - 1);
        }
    }
    paddr_t rsdt = bytes_u32(rsdp + RSDP_RSDT), xsdt = rsdp[RSDP_REVISION] >= 2 ? bytes_u64(rsdp + RSDP_XSDT) : 0;
    bool wide = read_root("XSDT", xsdt, 8);
    if (!wide && !read_root("RSDT", rsdt, 4))
        fatal("ACPI: neither the XSDT (0x%llx) nor the RSDT (0x%llx) can be used: %s", (unsigned long long)xsdt,
              (unsigned long long)rsdt, xsdt || rsdt ? damage : "the RSDP names none");
    if (rsdt)
        memory_map_add(rsdt, NOVA_MEMORY_RSDT);
    if (xsdt)
        memory_map_add(xsdt, NOVA_MEMORY_XSDT);
    log_line("ACPI: %s at 0x%llx, %u tables", wide ? "XSDT" : "RSDT", (unsigned long long)(wide ? xsdt : rsdt), table_count);
}

int acpi_table(const char *signature, struct acpi_table *table)
{
    for (unsigned i = 0; i < table_count; i++)
        if (!memcmp(tables[i].signature, signature, 4))
            return table_view(1, tables[i].address, signature, table) ? 1 : -1;
    return 0;
}

const char *acpi_damage(void) { return damage; }
