/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Copying goes by four words and filling by eight, then by bytes: the largest ones of the kernel (8 and 16 KiB of I/O bitmaps) run with interrupts
 * off. Words are read and written wherever they lie; the CPUs of all ports can do that.
 */
#include "core/lib/string.h"

#include "hal/types.h"

/* build/Makefile keeps the compiler from turning these loops into calls of themselves. */

typedef word any_word __attribute__((may_alias, aligned(1)));

enum { STEP = 4 * sizeof(word) };

/* Also right where they overlap, if 'to' is the lower one: four words are read before the first of them is written. */
static void copy_up(char *t, const char *f, size_t length)
{
    for (; length >= STEP; length -= STEP, t += STEP, f += STEP) {
        const any_word *source = (const any_word *)f;
        any_word *target = (any_word *)t;
        word a = source[0], b = source[1], c = source[2], d = source[3];
        target[0] = a;
        target[1] = b;
        target[2] = c;
        target[3] = d;
    }
    while (length--)
        *t++ = *f++;
}

void *memcpy(void *restrict to, const void *restrict from, size_t length)
{
    copy_up(to, from, length);
    return to;
}

void *memmove(void *to, const void *from, size_t length)
{
    char *t = to;
    const char *f = from;
    if (t <= f || t >= f + length)
        copy_up(t, f, length);
    else
        while (length--)
            t[length] = f[length];
    return to;
}

void *memset(void *to, int value, size_t length)
{
    char *t = to;
    word pattern = ~(word)0 / 0xff * (unsigned char)value;
    for (; length >= 2 * STEP; length -= 2 * STEP, t += 2 * STEP) {
        any_word *target = (any_word *)t;
        target[0] = target[1] = target[2] = target[3] = pattern;
        target[4] = target[5] = target[6] = target[7] = pattern;
    }
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
