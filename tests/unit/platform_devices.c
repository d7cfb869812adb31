/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the platform does to devices: serial port, screen, I/O APIC, PIC, timers, keyboard, PCI. Each device is a model behind the port and register hooks.
 */
#include "unit.h"

#include "hal/cpu.h"
#include "hal/interrupt.h"
#include "platform/acpi.h"
#include "platform/console.h"
#include "platform/interrupt.h"
#include "platform/platform.h"
#include "platform/timer.h"
#include "platform_build.h"

#include <stdio.h>

static struct boot_options options;

/* ---- serial port: a UART at uart_base that takes a character every uart_pace reads of its status ---- */

static uint16_t uart_base;
static uint8_t uart_registers[8];
static unsigned uart_pace, uart_busy, uart_reads;
static char uart_text[8192];
static size_t uart_length;

static uint32_t uart_read(uint16_t port, unsigned size)
{
    uart_reads++;
    if (size != 1 || port < uart_base || port > uart_base + 7)
        return UINT32_MAX;
    if (port - uart_base != 5)
        return uart_registers[port - uart_base];
    if (uart_busy && uart_pace)
        uart_busy--;
    return uart_busy ? 0 : 0x60;
}

static void uart_write(uint16_t port, unsigned size, uint32_t value)
{
    if (size != 1 || port < uart_base || port > uart_base + 7)
        return;
    if (port == uart_base && !(uart_registers[3] & 0x80)) {
        CHECK(!uart_busy);
        uart_text[uart_length++] = (char)value;
        uart_text[uart_length] = 0;
        uart_busy = uart_pace;
    } else if (port != uart_base || uart_registers[3] & 0x80) {
        uart_registers[port - uart_base] = (uint8_t)value;
    }
}

static void uart_at(uint16_t base, unsigned pace)
{
    uart_base = base;
    uart_pace = pace;
    machine_port_read = uart_read;
    machine_port_write = uart_write;
}

static void serial_on(void)
{
    options.serial = true;
    console_boot(&options, true);
}

TEST(serial_port_of_the_bios)
{
    machine_place(0x400, "\0\0\xf8\x02\0\0\0\0", 8);
    uart_at(0x2f8, 1);
    serial_on();
    console_write("hello\n", 6);
    CHECK_TEXT(uart_text, "hello\r\n");
    CHECK_EQ(uart_registers[3], 3);
    CHECK_EQ(uart_registers[1], 0);
}

TEST(serial_standard_port_if_the_bios_names_none)
{
    machine_place(0x400, "\0\0\0\0\0\0\0\0", 8);
    uart_at(0x3f8, 1);
    serial_on();
    console_write("hello\n", 6);
    CHECK_TEXT(uart_text, "hello\r\n");
}

TEST(serial_bios_port_that_does_not_answer)
{
    machine_place(0x400, "\xe8\x03\x01\0\xff\xff\0\0", 8);
    uart_at(0x3f8, 1);
    serial_on();
    console_write("x", 1);
    CHECK_TEXT(uart_text, "x");
}

TEST(serial_none)
{
    serial_on();
    CHECK_LOG("no serial port found");
}

TEST(serial_slow)
{
    uart_at(0x3f8, 5000);
    serial_on();
    console_write("slow but all of it\n", 19);
    CHECK_TEXT(uart_text, "slow but all of it\r\n");
}

TEST(serial_stuck_is_bounded)
{
    uart_at(0x3f8, 0);
    serial_on();
    uart_busy = 1;
    uart_reads = 0;
    char text[1000];
    memset(text, 'x', sizeof text);
    console_write(text, sizeof text);
    CHECK(uart_reads < 40000);
    CHECK_EQ(uart_length, 0);
    uart_busy = 0;
    console_write("again", 5);
    CHECK_TEXT(uart_text, "again");
}

TEST(serial_vanished)
{
    uart_at(0x3f8, 1);
    serial_on();
    uart_base = 0;
    uart_reads = 0;
    console_write("nobody reads this", 17);
    CHECK(uart_reads < 1000);
}

TEST(consoles_silent_without_options)
{
    uart_at(0x3f8, 1);
    console_boot(&options, true);
    console_write("[0] quiet\n", 10);
    CHECK_EQ(uart_length, 0);
    CHECK(!machine_device(0xb8000));
}

TEST(fatal_lines_always_come_out)
{
    uart_at(0x3f8, 1);
    console_boot(&options, true);
    CHECK(!machine_boots(1, 0));
    CHECK(strstr(uart_text, "FATAL: boot: the loader's magic number is 0x1"));
    const uint16_t *screen = machine_device(0xb8000);
    CHECK(screen && (uint8_t)screen[0] == '[' && (uint8_t)screen[4] == 'F');
}

TEST(fatal_lines_go_where_the_others_go)
{
    uart_at(0x3f8, 1);
    serial_on();
    CHECK(!machine_boots(1, 0));
    CHECK(strstr(uart_text, "FATAL: boot"));
    CHECK(!machine_device(0xb8000));
}

/* ---- VGA ---- */

static void row_text(char *text, unsigned row)
{
    const uint16_t *screen = machine_device(0xb8000);
    for (unsigned i = 0; i < 80; i++)
        text[i] = (char)screen[row * 80 + i];
    text[80] = 0;
}

static void check_row(unsigned row, const char *start)
{
    char text[81], wanted[81];
    row_text(text, row);
    snprintf(wanted, sizeof wanted, "%-80s", start);
    CHECK_TEXT(text, wanted);
}

TEST(vga_scrolls)
{
    options.vga = true;
    console_boot(&options, true);
    for (unsigned i = 0; i < 30; i++) {
        char line[20];
        int length = snprintf(line, sizeof line, "line %u\n", i);
        console_write(line, (size_t)length);
    }
    check_row(0, "line 6");
    check_row(23, "line 29");
    check_row(24, "");
}

TEST(vga_wraps_long_lines)
{
    options.vga = true;
    console_boot(&options, true);
    char line[162];
    memset(line, 'a', 80);
    memset(line + 80, 'b', 80);
    memcpy(line + 160, "\n\t", 2);
    console_write(line, sizeof line);
    console_write("c", 1);
    char second[81];
    row_text(second, 1);
    CHECK(!memcmp(second, line + 80, 80));
    check_row(2, "        c");
}

TEST(vga_not_in_text_mode)
{
    options.vga = true;
    console_boot(&options, false);
    CHECK_LOG("not in VGA text mode");
    CHECK(!machine_device(0xb8000));
}

TEST(spinner)
{
    platform_spin(0, 0);
    options.spinner = true;
    console_boot(&options, true);
    platform_spin(1, 3);
    platform_spin(1, 3);
    platform_spin(4000, 4000);
    const uint16_t *screen = machine_device(0xb8000);
    CHECK_EQ((uint8_t)screen[3 * 80 + 41], '/');
    console_write("not on the screen\n", 18);
    check_row(1, "");
}

/* ---- log page ---- */

TEST(log_page_ring)
{
    CHECK(console_log_page(0x5000));
    const uint8_t *page = machine_device(0x5000);
    char text[100];
    for (unsigned i = 0; i < 50; i++) {
        memset(text, 'a' + (int)i % 26, sizeof text);
        console_write(text, sizeof text);
    }
    CHECK_EQ(*(const uint32_t *)page, 5000 - 4092);
    CHECK_EQ(page[4], (uint8_t)('a' + 40 % 26));
    CHECK_EQ(page[4 + 908], 'a' + 9);
}

TEST(log_page_position_is_not_trusted)
{
    CHECK(console_log_page(0x5000));
    uint8_t *page = machine_device(0x5000);
    *(uint32_t *)page = 0xfffffff0;
    console_write("text", 4);
    CHECK_EQ(*(uint32_t *)page, 4);
    CHECK(!memcmp(page + 4, "text", 4));
    *(uint32_t *)page = 4091;
    console_write("xy", 2);
    CHECK_EQ(page[4095], 'x');
    CHECK_EQ(page[4], 'y');
}

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
    CHECK_EQ(boot_info.hidden[0].end, 0xfec03000);
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
    CHECK_EQ(boot_info.hidden[0].end, 0xfec03000);
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

/* ---- PCI serial card at 3:4.1, port 0xd000, behind a multi-function device ---- */

static uint32_t pci_address, pci_command;
static uint32_t pci_port_read(uint16_t port, unsigned size)
{
    if (port >= 0xd000 && port < 0xd008)
        return uart_read(port, size);
    if (port != 0xcfc || size != 4)
        return UINT32_MAX;
    switch (pci_address) {
    case 0x80032000: return 0x12345678;
    case 0x8003200c: return 0x800000;
    case 0x80032100: return 0x00021b36;
    case 0x80032104: return pci_command;
    case 0x80032108: return 0x07000201;
    case 0x8003210c: return 0;
    case 0x80032110: return 0xfe000000;
    case 0x80032114: return 0xd001;
    default: return UINT32_MAX;
    }
}
static void pci_port_write(uint16_t port, unsigned size, uint32_t value)
{
    if (port == 0xcf8)
        pci_address = value;
    else if (port == 0xcfc && pci_address == 0x80032104)
        pci_command = value;
    else if (port >= 0xd000 && port < 0xd008)
        uart_write(port, size, value);
}

TEST(serial_card)
{
    uart_at(0xd000, 1);
    machine_port_read = pci_port_read;
    machine_port_write = pci_port_write;
    pci_command = 0xffff0100;
    serial_on();
    CHECK_EQ(pci_command, 0x101);
    console_write("card\n", 5);
    CHECK_TEXT(uart_text, "card\r\n");
}
