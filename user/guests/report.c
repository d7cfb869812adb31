/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * TAP over the serial port, and the end of the guest. Also the functions that the compiler itself calls.
 */
#include "guest.h"

enum { COM1 = 0x3f8, MODEM_CONTROL = 4, LINE_STATUS = 5, EMPTY = 0x20 };

static unsigned checks, failures;
const char *command_line = "";

void *memset(void *to, int value, size_t n)
{
    volatile char *at = to;
    while (n--)
        *at++ = (char)value;
    return to;
}

void *memcpy(void *to, const void *from, size_t n)
{
    volatile char *at = to;
    const char *source = from;
    while (n--)
        *at++ = *source++;
    return to;
}

void text_put(const char *text)
{
    while (!(inb(COM1 + LINE_STATUS) & EMPTY))
        ;
    while (*text)
        outb(COM1, (uint8_t)*text++);
}

void number_put(word value)
{
    char digits[12], *at = digits + sizeof digits - 1;
    uint32_t rest = (uint32_t)value;
    *at = 0;
    do
        *--at = (char)('0' + rest % 10);
    while (rest /= 10);
    text_put(at);
}

static void hex_put(word value)
{
    char digits[2 * sizeof value + 3], *at = digits + sizeof digits - 1;
    *at = 0;
    do
        *--at = "0123456789abcdef"[value & 15];
    while (value >>= 4);
    *--at = 'x';
    *--at = '0';
    text_put(at);
}

static void line(const char *first, const char *name)
{
    checks++;
    text_put(first);
    number_put(checks);
    text_put(" - ");
    text_put(name);
}

void check(const char *name, word got, word want)
{
    line(got == want ? "ok " : "not ok ", name);
    if (got != want) {
        failures++;
        text_put(" got ");
        hex_put(got);
        text_put(" want ");
        hex_put(want);
    }
    text_put("\n");
}

void skip(const char *name, const char *why)
{
    line("ok ", name);
    text_put(" # SKIP ");
    text_put(why);
    text_put("\n");
}

void remark(const char *text)
{
    text_put("# ");
    text_put(text);
    text_put("\n");
}

void finish(void)
{
    text_put("1..");
    number_put(checks);
    text_put(failures ? "\nGUEST-END bad\n" : "\nGUEST-END good\n");
    outb(BOARD_END, failures != 0);
    for (;;)
        __asm__ volatile("hlt");
}

void give_up(const char *why)
{
    outb(COM1 + MODEM_CONTROL, 0); /* out of loopback */
    line("not ok ", why);
    text_put(": vector ");
    hex_put(trap.vector);
    text_put(" error ");
    hex_put(trap.error);
    text_put(" ip ");
    hex_put(trap.ip);
    text_put(" cr2 ");
    hex_put(trap.cr2);
    text_put("\n");
    failures++;
    finish();
}

word option(const char *name, word otherwise)
{
    for (const char *at = command_line; *at; at++) {
        const char *rest = at, *wanted = name;
        word value = 0;
        while (*wanted && *rest == *wanted)
            rest++, wanted++;
        if (*wanted || *rest != '=')
            continue;
        for (rest++; *rest >= '0' && *rest <= '9'; rest++)
            value = 10 * value + (word)(*rest - '0');
        return value;
    }
    return otherwise;
}
