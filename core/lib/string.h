/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The memory and string functions that compilers expect even of freestanding code, and the few others that the kernel needs.
 */
#ifndef CORE_LIB_STRING_H
#define CORE_LIB_STRING_H

#include <stddef.h>

void *memcpy(void *restrict to, const void *restrict from, size_t length);
void *memmove(void *to, const void *from, size_t length);
void *memset(void *to, int value, size_t length);
int memcmp(const void *left, const void *right, size_t length);
size_t strlen(const char *text);

#endif
