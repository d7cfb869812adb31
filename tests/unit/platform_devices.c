/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the platform does to devices: I/O APIC, PIC, timers, keyboard. Each device is a model behind the port and register hooks.
 */
#include "unit.h"

#include "hal/interrupt.h"
#include "platform/acpi.h"
#include "platform/interrupt.h"
#include "platform/platform.h"
#include "platform/timer.h"
#include "platform_build.h"

/* ---- I/O APICs: two, with 24 and 8 pins; a third address is empty ---- */

static uint32_t pins[2][48], io_apic_index[2];

static uint32_t io_apic_read(paddr_t address)
{
    unsigned which = address >> 12 & 0xf;
    if (which > 1)
        return UINT32_MAX;
    uint32_t reg = io_apic_index[which];
    return reg == 1 ? (which ? 7u : 23u) << 16 | 0x20 : reg >= 0x10 ? pins[which][reg - 0x10] : 0;
}

static void io_apic_write(paddr_t address, uint32_t value)
{
    unsigned which = address >> 12 & 0xf;
    if (which > 1)
        return;
    if (address & 0x10) {
        CHECK(io_apic_index[which] >= 0x10 && io_apic_index[which] < (which ? 0x20u : 0x40u));
        pins[which][io_apic_index[which] - 0x10] = value;
    } else {
        io_apic_index[which] = value;
    }
}

static void interrupts_on(void)
{
    static const uint32_t ids[] = {3, 5, 0x12345};
    for (unsigned i = 0; i < 3; i++)
        boot_info.cpu[i] = (struct boot_cpu){.apic_id = ids[i]};
    boot_info.cpus = 3;
    boot_info.boot_cpu = 0;
    memset(&madt, 0, sizeof madt);
    madt.io_apic[0] = (struct madt_io_apic){1, 0, 0xfec00000};
    madt.io_apic[1] = (struct madt_io_apic){2, 24, 0xfec01000};
    madt.io_apic[2] = (struct madt_io_apic){3, 60, 0xfec02000};
    madt.io_apics = 3;
    madt.override[0] = (struct madt_override){0, 0, 2};
    madt.override[1] = (struct madt_override){9, 13, 9};
    madt.override[2] = (struct madt_override){10, MADT_LOW | MADT_EDGE, 10};
    madt.override[3] = (struct madt_override){11, MADT_HIGH | MADT_LEVEL, 20};
    madt.override[4] = (struct madt_override){12, 0, 5000};
    madt.overrides = 5;
    machine_register_read = io_apic_read;
    machine_register_write = io_apic_write;
    io_apic_boot();
}

enum { MASKED = 1 << 16, LEVEL = 1 << 15, LOW = 1 << 13 };

static void check_msi(unsigned gsi, unsigned cpu, uint32_t address, uint32_t data)
{
    uint32_t got_address = 1, got_data = 1;
    gsi_route(gsi, cpu, -1, &got_address, &got_data);
    CHECK_EQ(got_address, address);
    CHECK_EQ(got_data, data);
}

TEST(io_apic_boot)
{
    interrupts_on();
    CHECK_EQ(gsi_count(), 192);
    for (unsigned i = 0; i < 24; i++)
        CHECK_EQ(pins[0][2 * i], MASKED);
    CHECK(gsi_has_pin(0) && gsi_has_pin(31) && !gsi_has_pin(32) && !gsi_has_pin(60) && !gsi_has_pin(191) && !gsi_has_pin(192));
    CHECK_LOG("I/O APIC 2 at 0xfec01000: GSI 24-31");
    CHECK_LOG("I/O APIC 3 at 0xfec02000: nothing there");
    CHECK_EQ(boot_info.hiddens, 1);
    CHECK_EQ(boot_info.hidden[0].end, 0xfec03);
    CHECK_EQ(isa_gsi(0), 2);
    CHECK_EQ(isa_gsi(1), 1);
}

TEST(gsi_modes_as_acpi_says)
{
    interrupts_on();
    CHECK(!gsi_is_level(1) && !gsi_is_level(2) && gsi_is_level(9) && !gsi_is_level(10) && gsi_is_level(16) && gsi_is_level(20) &&
          gsi_is_level(31));
    CHECK(!gsi_is_level(100) && !gsi_is_level(1000));
    check_msi(9, 0, 0, 0);
    CHECK_EQ(pins[0][18], 0x39 | LEVEL);
    CHECK_EQ(pins[0][19], 3u << 24);
    check_msi(10, 1, 0, 0);
    CHECK_EQ(pins[0][20], 0x3a | LOW);
    CHECK_EQ(pins[0][21], 5u << 24);
    check_msi(20, 1, 0, 0);
    CHECK_EQ(pins[0][40], 0x44 | LEVEL);
    check_msi(31, 1, 0, 0);
    CHECK_EQ(pins[1][14], 0x4f | LEVEL | LOW);
}

TEST(gsi_mode_given)
{
    interrupts_on();
    uint32_t address, data;
    gsi_route(4, 1, 3, &address, &data);
    CHECK_EQ(pins[0][8], 0x34 | LEVEL | LOW);
    CHECK(gsi_is_level(4));
    gsi_route(4, 1, -1, &address, &data);
    CHECK_EQ(pins[0][8], 0x34 | LEVEL | LOW);
    gsi_route(4, 1, 0, &address, &data);
    CHECK_EQ(pins[0][8], 0x34);
}

TEST(gsi_masking)
{
    interrupts_on();
    gsi_mask(4, false);
    CHECK(pins[0][8] & MASKED);
    check_msi(4, 0, 0, 0);
    CHECK(!(pins[0][8] & MASKED));
    gsi_mask(4, true);
    CHECK(pins[0][8] & MASKED);
    gsi_mask(4, false);
    CHECK_EQ(pins[0][8], 0x34);
    gsi_mask(100, true);
    gsi_mask(5000, true);
}

TEST(gsi_level_is_masked_when_it_comes)
{
    interrupts_on();
    check_msi(16, 0, 0, 0);
    check_msi(4, 0, 0, 0);
    CHECK(!platform_interrupt(16) && !platform_interrupt(4) && !platform_interrupt(100));
    CHECK_EQ(pins[0][32], 0x40 | LEVEL | LOW | MASKED);
    CHECK_EQ(pins[0][8], 0x34);
    gsi_mask(16, true);
    gsi_mask(16, false);
    CHECK_EQ(pins[0][32], 0x40 | LEVEL | LOW);
}

TEST(gsi_msi)
{
    interrupts_on();
    check_msi(191, 1, 0xfee05000, 0xef);
    check_msi(32, 0, 0xfee03000, 0x50);
    check_msi(192, 0, 0, 0);
    /* An APIC id of more than 8 bits: the boot CPU. */
    check_msi(100, 2, 0xfee03000, 0x94);
    check_msi(5, 2, 0, 0);
    CHECK_EQ(pins[0][11], 3u << 24);
}

TEST(io_apic_not_mapped)
{
    machine_device_room = 1;
    interrupts_on();
    CHECK_LOG("I/O APIC 2 at 0xfec01000: no room to map it; left out");
    CHECK(gsi_has_pin(0) && !gsi_has_pin(24));
    CHECK_EQ(boot_info.hidden[0].end, 0xfec03);
}

TEST(io_apic_beyond_the_gsis)
{
    madt.io_apic[0] = (struct madt_io_apic){7, 180, 0xfec00000};
    madt.io_apic[1] = (struct madt_io_apic){8, UINT32_MAX - 3, 0xfec01000};
    madt.io_apics = 2;
    machine_register_read = io_apic_read;
    machine_register_write = io_apic_write;
    io_apic_boot();
    CHECK(gsi_has_pin(180) && gsi_has_pin(191) && !gsi_has_pin(0) && !gsi_has_pin(3));
    CHECK_LOG("I/O APIC 7: 12 pins cannot be used");
    CHECK_LOG("I/O APIC 8: 8 pins cannot be used");
}

TEST(io_apic_none)
{
    io_apic_boot();
    CHECK_LOG("no I/O APIC: devices can only interrupt by MSI");
    CHECK(!gsi_has_pin(0));
    check_msi(0, 0, 0xfee00000, 0x30);
}

/* ---- PIC: the last byte written to each port ---- */

static uint8_t last_written[65536];
static void note_write(uint16_t port, unsigned size, uint32_t value)
{
    CHECK_EQ(size, 1);
    last_written[port] = (uint8_t)value;
}

TEST(pic_masked)
{
    machine_port_write = note_write;
    pic_boot();
    CHECK_EQ(last_written[0x21], 0xff);
    CHECK_EQ(last_written[0xa1], 0xff);
}

/* ---- timers ---- */

static uint32_t pm_value, speaker_reads;
static uint32_t timer_port_read(uint16_t port, unsigned size)
{
    if (port == 0x608 && size == 4)
        return pm_value;
    return port == 0x61 ? (++speaker_reads > 100 ? 0x20 : 0) : UINT32_MAX;
}
static uint32_t never_ends(uint16_t port, unsigned size)
{
    (void)size;
    return port == 0x61 ? 0 : UINT32_MAX;
}

static uint32_t timer_register_read(paddr_t address)
{
    CHECK_EQ(address, 0xfed81008);
    return 0x12345678;
}

TEST(pm_timer)
{
    timer_boot();
    CHECK(!pm_timer_present());
    machine_port_read = timer_port_read;
    acpi_machine.pm_timer = (struct acpi_register){0x608, 1};
    timer_boot();
    CHECK(pm_timer_present());
    pm_value = 0xfffffff0;
    CHECK_EQ(pm_timer_read(), 0xfffff0);
    CHECK_EQ(pm_timer_elapsed(0xfffff0, 0x10), 0x20);
    acpi_machine.pm_timer_wide = true;
    timer_boot();
    CHECK_EQ(pm_timer_read(), 0xfffffff0);
    CHECK_EQ(pm_timer_elapsed(0xfffffff0, 0x10), 0x20);
}

TEST(pm_timer_in_memory)
{
    machine_register_read = timer_register_read;
    acpi_machine.pm_timer = (struct acpi_register){0xfed81008, 0};
    timer_boot();
    CHECK(pm_timer_present());
    CHECK_EQ(pm_timer_read(), 0x345678);
}

TEST(pit)
{
    machine_port_read = timer_port_read;
    machine_port_write = note_write;
    CHECK(pit_wait(0x1234));
    CHECK_EQ(last_written[0x42], 0x12);
    CHECK_EQ(last_written[0x43], 0xb0);
    machine_port_read = never_ends;
    CHECK(!pit_wait(1));
}

/* ---- keyboard ---- */

static uint8_t keys[8], key_count, controller_config;
static bool config_asked;

static uint32_t keyboard_read(uint16_t port, unsigned size)
{
    (void)size;
    if (port == 0x64)
        return key_count || config_asked;
    if (port != 0x60)
        return UINT32_MAX;
    if (config_asked) {
        config_asked = false;
        return controller_config;
    }
    return key_count ? keys[--key_count] : 0;
}
static void keyboard_write(uint16_t port, unsigned size, uint32_t value)
{
    (void)size;
    if (port == 0x64 && value == 0x20)
        config_asked = true;
    if (port == 0x60)
        controller_config = (uint8_t)value;
}

TEST(keyboard)
{
    interrupts_on();
    machine_port_read = keyboard_read;
    machine_port_write = keyboard_write;
    controller_config = 0x30;
    keyboard_boot();
    CHECK_EQ(controller_config, 0x61);
    CHECK_EQ(pins[0][2], 0x31);
    keys[0] = 1;
    key_count = 1;
    CHECK(platform_interrupt(1));
    CHECK_LOG("keyb: the kernel is alive: 3 CPUs");
    CHECK_EQ(key_count, 0);
    CHECK(!platform_interrupt(2));
    /* Core cannot take it away. */
    uint32_t address, data;
    gsi_route(1, 1, 3, &address, &data);
    gsi_mask(1, true);
    CHECK_EQ(pins[0][2], 0x31);
}

TEST(keyboard_missing)
{
    interrupts_on();
    keyboard_boot();
    CHECK_LOG("no keyboard controller that answers");
    CHECK(!platform_interrupt(1));
}
