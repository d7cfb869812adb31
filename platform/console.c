/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Distributes lines to the consoles that are up. A fatal line also goes to the standard serial port and the VGA screen if nobody asked for a console or the command
 * line is not known yet: the machine is about to stop, and it is nobody else's any more. Only the boot CPU runs during the start functions.
 */
#include "platform/console.h"

#include "core/lib/log.h"
#include "core/lib/string.h"
#include "hal/cpu.h"
#include "platform/platform.h"

enum { EARLY_SIZE = 2048, SPIN_ROWS = 24 };

static struct {
    bool booted, serial, vga, log_page, spinner, emergency;
} on;

/* What was written before the log page came up. */
static char early[EARLY_SIZE];
static size_t early_length;

void console_boot(const struct boot_options *options, bool text_mode)
{
    /* A complaint about the information block itself may have brought up consoles that nobody asked for. */
    on.emergency = on.log_page = false;
    on.serial = options->serial && serial_start(false);
    bool screen = (options->vga || options->spinner) && text_mode && vga_start();
    on.vga = screen && options->vga;
    on.spinner = screen && options->spinner;
    on.booted = true;
    if (options->serial && !on.serial)
        log_line("serial: no serial port found; the kernel goes on without");
    if ((options->vga || options->spinner) && !screen)
        log_line("vga: the screen is not in VGA text mode; the kernel goes on without");
}

bool console_log_page(paddr_t page)
{
    on.log_page = log_page_start(page);
    if (on.log_page)
        log_page_write(early, early_length);
    return on.log_page;
}

static bool is_fatal(const char *text, size_t length)
{
    static const char mark[] = "] FATAL: ";
    for (size_t i = 0; i < 6 && i + sizeof mark - 1 <= length; i++)
        if (!memcmp(text + i, mark, sizeof mark - 1))
            return true;
    return false;
}

static void emergency(void)
{
    if (on.emergency)
        return;
    on.emergency = true;
    if (!on.serial && !on.vga) {
        on.serial = serial_start(true);
        on.vga = vga_start();
    }
}

void console_write(const char *text, size_t length)
{
    if (!on.booted || is_fatal(text, length))
        emergency();
    if (on.serial)
        serial_write(text, length);
    if (on.vga)
        vga_write(text, length);
    if (on.log_page)
        log_page_write(text, length);
    else if (length <= EARLY_SIZE - early_length) {
        memcpy(early + early_length, text, length);
        early_length += length;
    }
}

void platform_spin(unsigned cpu, unsigned event)
{
    static uint8_t turn[SPIN_ROWS][4];
    if (!on.spinner)
        return;
    /* One row per event, one column per CPU; more CPUs than columns share them. CPUs may race for a cell, that only looks funny. */
    unsigned row = event % SPIN_ROWS, column = 40 + cpu % 40;
    vga_cell(row, column, "|/-\\"[turn[row][cpu % 4]++ % 4], (uint8_t)(1 + cpu % 15));
}
