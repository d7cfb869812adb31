/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Builders of what boot loaders and firmware hand over. They write little-endian fields into a growing buffer; tests start from sound data and damage it.
 */
#ifndef TESTS_PLATFORM_BUILD_H
#define TESTS_PLATFORM_BUILD_H

#include "platform_machine.h"

#include <string.h>

struct buffer {
    uint8_t bytes[65536];
    size_t length;
};

static inline void put(struct buffer *buffer, uint64_t value, unsigned size)
{
    memcpy(buffer->bytes + buffer->length, &value, size);
    buffer->length += size;
}

static inline void put_bytes(struct buffer *buffer, const void *bytes, size_t size)
{
    memcpy(buffer->bytes + buffer->length, bytes, size);
    buffer->length += size;
}

static inline void put_text(struct buffer *buffer, const char *text) { put_bytes(buffer, text, strlen(text) + 1); }

static inline void set(struct buffer *buffer, size_t at, uint64_t value, unsigned size)
{
    memcpy(buffer->bytes + at, &value, size);
}

/* ---- Multiboot 1: the structure at INFO, lists behind it ---- */

enum { INFO = 0x9000, MAP_AT = 0xa000, MODULES_AT = 0xb000, TEXT_AT = 0xc000, LINE_AT = 0xd000 };

struct multiboot1 {
    struct buffer info, map, modules, text, line;
};

static inline void multiboot1_memory(struct multiboot1 *m, uint64_t begin, uint64_t size, uint32_t type)
{
    put(&m->map, 20, 4);
    put(&m->map, begin, 8);
    put(&m->map, size, 8);
    put(&m->map, type, 4);
}

static inline void multiboot1_module(struct multiboot1 *m, uint32_t begin, uint32_t end, const char *text)
{
    put(&m->modules, begin, 4);
    put(&m->modules, end, 4);
    put(&m->modules, text ? TEXT_AT + m->text.length : 0, 4);
    put(&m->modules, 0, 4);
    if (text)
        put_text(&m->text, text);
}

/* A PC with 128 MiB and a root task; tests add to it, damage it, and then call multiboot1_place. */
static inline void multiboot1_begin(struct multiboot1 *m, const char *line)
{
    memset(m, 0, sizeof *m);
    m->info.length = 116;
    set(&m->info, 0, 1 | 1 << 2 | 1 << 3 | 1 << 6, 4);
    set(&m->info, 4, 639, 4);
    set(&m->info, 8, 127 * 1024, 4);
    put_text(&m->line, line);
    multiboot1_memory(m, 0, 0x9fc00, 1);
    multiboot1_memory(m, 0x9fc00, 0x400, 2);
    multiboot1_memory(m, 0xf0000, 0x10000, 2);
    multiboot1_memory(m, 0x100000, 0x7ee0000, 1);
    multiboot1_memory(m, 0x7fe0000, 0x20000, 3);
    multiboot1_module(m, ROOT_BEGIN, ROOT_END, "root argument");
}

static inline void multiboot1_end(struct multiboot1 *m)
{
    set(&m->info, 16, LINE_AT, 4);
    set(&m->info, 20, m->modules.length / 16, 4);
    set(&m->info, 24, MODULES_AT, 4);
    set(&m->info, 44, m->map.length, 4);
    set(&m->info, 48, MAP_AT, 4);
}

static inline void multiboot1_place(struct multiboot1 *m)
{
    machine_place(INFO, m->info.bytes, m->info.length);
    machine_place(LINE_AT, m->line.bytes, m->line.length);
    machine_place(MAP_AT, m->map.bytes, m->map.length);
    machine_place(MODULES_AT, m->modules.bytes, m->modules.length);
    machine_place(TEXT_AT, m->text.bytes, m->text.length);
}

/* ---- Multiboot 2 ---- */

static inline size_t tag_begin(struct buffer *b, uint32_t type)
{
    b->length = (b->length + 7) & ~(size_t)7;
    put(b, type, 4);
    put(b, 0, 4);
    return b->length - 8;
}

static inline void tag_end(struct buffer *b, size_t tag) { set(b, tag + 4, b->length - tag, 4); }

static inline size_t tag_line(struct buffer *b, const char *line)
{
    size_t tag = tag_begin(b, 1);
    put_text(b, line);
    tag_end(b, tag);
    return tag;
}

static inline size_t tag_module(struct buffer *b, uint32_t begin, uint32_t end, const char *text)
{
    size_t tag = tag_begin(b, 3);
    put(b, begin, 4);
    put(b, end, 4);
    put_text(b, text);
    tag_end(b, tag);
    return tag;
}

static inline size_t tag_map(struct buffer *b)
{
    static const uint64_t map[][3] = {
        {0, 0x9fc00, 1}, {0x9fc00, 0x400, 2}, {0xf0000, 0x10000, 2}, {0x100000, 0x7ee0000, 1}, {0x7fe0000, 0x20000, 3}};
    size_t tag = tag_begin(b, 6);
    put(b, 24, 4);
    put(b, 0, 4);
    for (unsigned i = 0; i < 5; i++) {
        put(b, map[i][0], 8);
        put(b, map[i][1], 8);
        put(b, map[i][2], 8);
    }
    tag_end(b, tag);
    return tag;
}

static inline void multiboot2_begin(struct buffer *b)
{
    memset(b, 0, sizeof *b);
    b->length = 8;
}

/* Ends the list and puts it at INFO. */
static inline void multiboot2_place(struct buffer *b)
{
    tag_end(b, tag_begin(b, 0));
    set(b, 0, b->length, 4);
    machine_place(INFO, b->bytes, b->length);
}

/* ---- ACPI ---- */

enum {
    RSDP_AT = 0xf5a00,
    RSDT_AT = 0x7fe0000,
    XSDT_AT = 0x7fe1000,
    MADT_AT = 0x7fe2000,
    FADT_AT = 0x7ff0000,
    HPET_AT = 0x7ff1000,
    MCFG_AT = 0x7ff2000
};

static inline void sum_fix(struct buffer *b, size_t at, size_t length)
{
    uint8_t sum = 0;
    b->bytes[at] = 0;
    for (size_t i = 0; i < length; i++)
        sum = (uint8_t)(sum + b->bytes[i]);
    b->bytes[at] = (uint8_t)-sum;
}

static inline void table_begin(struct buffer *b, const char *signature)
{
    memset(b, 0, sizeof *b);
    put_bytes(b, signature, 4);
    b->length = 36;
}

/* Length and checksum as they have to be. */
static inline void table_end(struct buffer *b)
{
    set(b, 4, b->length, 4);
    sum_fix(b, 9, b->length);
}

struct acpi {
    struct buffer rsdp, rsdt, xsdt, madt, fadt, hpet, mcfg;
};

static inline void madt_cpu(struct buffer *b, uint8_t uid, uint8_t id, uint32_t flags)
{
    put(b, 8 << 8, 2);
    put(b, uid, 1);
    put(b, id, 1);
    put(b, flags, 4);
}

static inline void madt_x2apic(struct buffer *b, uint32_t uid, uint32_t id, uint32_t flags)
{
    put(b, 9 | 16 << 8, 4);
    put(b, id, 4);
    put(b, flags, 4);
    put(b, uid, 4);
}

static inline void madt_io_apic(struct buffer *b, uint8_t id, uint32_t address, uint32_t gsi)
{
    put(b, 1 | 12 << 8, 2);
    put(b, id, 2);
    put(b, address, 4);
    put(b, gsi, 4);
}

static inline void madt_override(struct buffer *b, uint8_t source, uint32_t gsi, uint16_t flags)
{
    put(b, 2 | 10 << 8, 2);
    put(b, 0, 1);
    put(b, source, 1);
    put(b, gsi, 4);
    put(b, flags, 2);
}

/* An ACPI 2 machine with four CPUs, APIC ids 0, 2, 4, 6. */
static inline void acpi_begin(struct acpi *a)
{
    memset(a, 0, sizeof *a);
    put_bytes(&a->rsdp, "RSD PTR ", 8);
    a->rsdp.length = 36;
    set(&a->rsdp, 15, 2, 1);
    set(&a->rsdp, 16, RSDT_AT, 4);
    set(&a->rsdp, 20, 36, 4);
    set(&a->rsdp, 24, XSDT_AT, 8);
    table_begin(&a->rsdt, "RSDT");
    table_begin(&a->xsdt, "XSDT");
    static const uint32_t list[] = {FADT_AT, MADT_AT, HPET_AT, MCFG_AT};
    for (unsigned i = 0; i < 4; i++) {
        put(&a->rsdt, list[i], 4);
        put(&a->xsdt, list[i], 8);
    }
    table_begin(&a->madt, "APIC");
    put(&a->madt, 0xfee00000, 4);
    put(&a->madt, 1, 4);
    for (uint8_t i = 0; i < 4; i++)
        madt_cpu(&a->madt, (uint8_t)(i + 1), (uint8_t)(2 * i), 1);
    madt_io_apic(&a->madt, 8, 0xfec00000, 0);
    madt_override(&a->madt, 0, 2, 0);
    madt_override(&a->madt, 9, 9, 13);
    put(&a->madt, 4 | 6 << 8 | 0xff << 16, 3);
    put(&a->madt, 5, 2);
    put(&a->madt, 1, 1);
    table_begin(&a->fadt, "FACP");
    a->fadt.length = 244;
    set(&a->fadt, 46, 9, 2);
    set(&a->fadt, 64, 0x604, 4);
    set(&a->fadt, 76, 0x608, 4);
    set(&a->fadt, 91, 4, 1);
    set(&a->fadt, 112, 1 << 8, 4);
    table_begin(&a->hpet, "HPET");
    a->hpet.length = 56;
    set(&a->hpet, 44, 0xfed00000, 8);
    table_begin(&a->mcfg, "MCFG");
    a->mcfg.length = 44;
    put(&a->mcfg, 0xb0000000, 8);
    put(&a->mcfg, 0, 2);
    put(&a->mcfg, 0xff00, 2);
    put(&a->mcfg, 0, 4);
}

static inline void acpi_end(struct acpi *a)
{
    sum_fix(&a->rsdp, 8, 20);
    sum_fix(&a->rsdp, 32, 36);
    table_end(&a->rsdt);
    table_end(&a->xsdt);
    table_end(&a->madt);
    table_end(&a->fadt);
    table_end(&a->hpet);
    table_end(&a->mcfg);
}

static inline void acpi_place(struct acpi *a)
{
    machine_place(RSDP_AT, a->rsdp.bytes, a->rsdp.length);
    machine_place(RSDT_AT, a->rsdt.bytes, a->rsdt.length);
    machine_place(XSDT_AT, a->xsdt.bytes, a->xsdt.length);
    machine_place(MADT_AT, a->madt.bytes, a->madt.length);
    machine_place(FADT_AT, a->fadt.bytes, a->fadt.length);
    machine_place(HPET_AT, a->hpet.bytes, a->hpet.length);
    machine_place(MCFG_AT, a->mcfg.bytes, a->mcfg.length);
}

#endif
