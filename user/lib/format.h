/* SPDX-License-Identifier: MIT */
/* The core of printf, for any sink of characters. It allocates nothing and runs hosted too. */
#ifndef NOVA_LIB_FORMAT_H
#define NOVA_LIB_FORMAT_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

typedef void (*nova_sink)(void *context, char c);

/*
 * Conversions %c %s %d %i %u %x %X %p %%, flags - 0, width and precision (number or *; precision for %s only), lengths h l ll z.
 * An unknown conversion is printed as it stands. Returns the number of characters.
 */
unsigned nova_vformat(nova_sink sink, void *context, const char *format, va_list args);

/* Into a buffer of `size` bytes, always terminated; returns what the length would be in a buffer that is large enough. */
__attribute__((format(printf, 3, 4))) unsigned nova_format(char *buffer, size_t size, const char *format, ...);

/* Quotient; *remainder may be 0. For 32-bit code without the compiler's division library. */
uint64_t nova_divide(uint64_t value, uint16_t divisor, unsigned *remainder);

#endif
