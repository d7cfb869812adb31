/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Plain loops: nothing here is on a hot path (message words are copied by core/ipc itself, pages are cleared when they are allocated).
 */
#include "core/lib/string.h"

#include "hal/types.h"

/* build/Makefile keeps the compiler from turning these loops into calls of themselves. */

void *memcpy(void *restrict to, const void *restrict from, size_t length)
{
    char *t = to;
    const char *f = from;
    while (length--)
        *t++ = *f++;
    return to;
}

void *memmove(void *to, const void *from, size_t length)
{
    char *t = to;
    const char *f = from;
    if (t <= f || t >= f + length)
        return memcpy(to, from, length);
    while (length--)
        t[length] = f[length];
    return to;
}

void *memset(void *to, int value, size_t length)
{
    char *t = to;
    while (length--)
        *t++ = (char)value;
    return to;
}

int memcmp(const void *left, const void *right, size_t length)
{
    const unsigned char *l = left, *r = right;
    for (; length; length--, l++, r++)
        if (*l != *r)
            return *l - *r;
    return 0;
}

size_t strlen(const char *text)
{
    size_t length = 0;
    while (text[length])
        length++;
    return length;
}
