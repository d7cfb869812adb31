/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kernel's consoles: serial port, VGA text screen, log page. console_write (hal/cpu.h) is here; core/lib/log serialises it.
 */
#ifndef PLATFORM_CONSOLE_H
#define PLATFORM_CONSOLE_H

#include "hal/boot_info.h"

/* Brings up what the options ask for. text_mode: the screen is VGA text as far as the loader says. */
void console_boot(const struct boot_options *options, bool text_mode);

/* From here on lines also go to the log page, those since console_boot first; false: the page cannot be mapped. */
bool console_log_page(paddr_t page);

/*
 * One console each. serial_start and vga_start return false if there is no such device. The write functions are bounded in time whatever the device does.
 */
bool serial_start(bool only_standard_port);
void serial_write(const char *text, size_t length);
bool vga_start(void);
void vga_write(const char *text, size_t length);
void vga_cell(unsigned row, unsigned column, char c, uint8_t colour);
bool log_page_start(paddr_t page);
void log_page_write(const char *text, size_t length);

#endif
