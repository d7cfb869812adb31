/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kernel log: lines of text to every console that is up. Each line starts with "[c] ", c = number of the CPU that writes it.
 * Lines of different CPUs do not mix (one lock, also taken by fatal, which gives up waiting for it after a while).
 */
#ifndef CORE_LIB_LOG_H
#define CORE_LIB_LOG_H

#include "hal/types.h"
#include <stdarg.h>

/*
 * Formats into buffer (always terminated if size > 0); returns the length written. Conversions: %c %s %d %u %x %p %% with l, ll, z, a width,
 * '-' and '0', a precision for %s. %s of a null pointer prints "(null)".
 */
size_t format_text(char *buffer, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));
size_t format_text_list(char *buffer, size_t size, const char *format, va_list list) __attribute__((format(printf, 3, 0)));

/* One line; the newline is added. Longer lines than 240 characters are cut. */
void log_line(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Prints "FATAL: " and the message and stops the machine. What happened, where, what to do. */
_Noreturn void fatal(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
