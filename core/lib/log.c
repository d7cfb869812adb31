/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Formatting and output of log lines. A line is built on the stack and written in one piece under the lock.
 */
#include "core/lib/log.h"

#include "core/lib/bits.h"
#include "core/lib/spinlock.h"
#include "core/lib/string.h"

enum { LINE_MAX = 256 };

static struct spinlock log_lock;

struct output {
    char *buffer;
    size_t size, length;
};

struct conversion {
    bool left, zero;
    int width, precision, longs;
};

static void put(struct output *out, char c)
{
    if (out->length + 1 < out->size)
        out->buffer[out->length++] = c;
}

static void put_padded(struct output *out, const struct conversion *conv, const char *text, size_t length)
{
    int pad = conv->width - (int)length;
    if (!conv->left)
        for (; pad > 0; pad--)
            put(out, conv->zero ? '0' : ' ');
    for (size_t i = 0; i < length; i++)
        put(out, text[i]);
    for (; pad > 0; pad--)
        put(out, ' ');
}

static void put_number(struct output *out, const struct conversion *conv, uint64_t value, uint32_t base, bool negative)
{
    char digits[24];
    size_t at = sizeof digits;
    do {
        uint32_t digit;
        value = div_u64(value, base, &digit);
        digits[--at] = "0123456789abcdef"[digit];
    } while (value);
    struct conversion rest = *conv;
    if (negative && conv->zero) {
        put(out, '-');
        rest.width--;
    } else if (negative)
        digits[--at] = '-';
    put_padded(out, &rest, digits + at, sizeof digits - at);
}

static const char *parse_conversion(const char *format, struct conversion *conv)
{
    *conv = (struct conversion){.precision = -1};
    for (;; format++) {
        if (*format == '-')
            conv->left = true;
        else if (*format == '0')
            conv->zero = true;
        else
            break;
    }
    for (; *format >= '0' && *format <= '9'; format++)
        conv->width = conv->width * 10 + *format - '0';
    if (*format == '.')
        for (conv->precision = 0, format++; *format >= '0' && *format <= '9'; format++)
            conv->precision = conv->precision * 10 + *format - '0';
    for (; *format == 'l' || *format == 'z'; format++)
        conv->longs += *format == 'z' ? (sizeof(size_t) == sizeof(long) ? 1 : 0) : 1;
    return format;
}

size_t format_text_list(char *buffer, size_t size, const char *format, va_list list)
{
    struct output out = {buffer, size, 0};
    struct conversion conv;
    for (; *format; format++) {
        if (*format != '%') {
            put(&out, *format);
            continue;
        }
        format = parse_conversion(format + 1, &conv);
        switch (*format) {
        case 'c': {
            char c = (char)va_arg(list, int);
            put_padded(&out, &conv, &c, 1);
            break;
        }
        case 's': {
            const char *text = va_arg(list, const char *);
            size_t length = 0;
            if (!text)
                text = "(null)";
            while ((conv.precision < 0 || length < (size_t)conv.precision) && text[length])
                length++;
            conv.zero = false;
            put_padded(&out, &conv, text, length);
            break;
        }
        case 'd': {
            int64_t value = conv.longs > 1 ? va_arg(list, long long) : conv.longs ? va_arg(list, long) : va_arg(list, int);
            put_number(&out, &conv, value < 0 ? -(uint64_t)value : (uint64_t)value, 10, value < 0);
            break;
        }
        case 'u':
        case 'x': {
            uint64_t value = conv.longs > 1 ? va_arg(list, unsigned long long)
                             : conv.longs   ? va_arg(list, unsigned long)
                                            : va_arg(list, unsigned);
            put_number(&out, &conv, value, *format == 'u' ? 10 : 16, false);
            break;
        }
        case 'p': put_number(&out, &conv, (uintptr_t)va_arg(list, void *), 16, false); break;
        case 0: format--; break;
        default: put(&out, *format);
        }
    }
    if (size)
        buffer[out.length] = 0;
    return out.length;
}

size_t format_text(char *buffer, size_t size, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    size_t length = format_text_list(buffer, size, format, list);
    va_end(list);
    return length;
}

static void write_line(const char *prefix, const char *format, va_list list, bool wait)
{
    char line[LINE_MAX];
    size_t length = format_text(line, sizeof line - 1, "[%u] %s", cpu_number(), prefix);
    length += format_text_list(line + length, sizeof line - 1 - length, format, list);
    line[length++] = '\n';
    /* A fatal line must come out even if the CPU that holds the lock is the one that fails. */
    unsigned tries = wait ? ~0u : 10000000;
    while (!spin_try(&log_lock) && tries) {
        cpu_pause();
        if (!wait)
            tries--;
    }
    console_write(line, length);
    spin_unlock(&log_lock);
}

void log_line(const char *format, ...)
{
    va_list list;
    va_start(list, format);
    write_line("", format, list, true);
    va_end(list);
}

void fatal(const char *format, ...)
{
    va_list list;
    va_start(list, format);
    write_line("FATAL: ", format, list, false);
    va_end(list);
    machine_stop();
}
