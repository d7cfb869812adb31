/* SPDX-License-Identifier: MIT */
/*
 * Text output of a root task: a COM port if one answers, else the VGA text screen. Lines of different threads do not mix.
 */
#ifndef NOVA_LIB_CONSOLE_H
#define NOVA_LIB_CONSOLE_H

#include <user/lib/format.h>

enum nova_console_kind { NOVA_CONSOLE_NONE, NOVA_CONSOLE_COM, NOVA_CONSOLE_VGA };

/* Takes ports and memory from the kernel and sets the console up; to be called once, before all output. */
enum nova_console_kind nova_console_init(void);

/* Base of the COM port in use, 0 if it is another console. */
uint16_t nova_console_port(void);

/* printf; holds the console's lock, which may sleep. */
__attribute__((format(printf, 1, 2))) void nova_printf(const char *format, ...);

/* printf for crash reports, where the crashed thread may hold the lock: takes none. */
__attribute__((format(printf, 1, 2))) void nova_printf_unlocked(const char *format, ...);

#endif
