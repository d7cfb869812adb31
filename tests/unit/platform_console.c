/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Consoles: serial port, PCI serial card, screen, log page. Each device is a model behind the port hooks.
 */
#include "unit.h"

#include "hal/cpu.h"
#include "platform/console.h"
#include "platform/platform.h"
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
