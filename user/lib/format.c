/* SPDX-License-Identifier: MIT */
/*
 * printf without a C library. Division of 64-bit values goes in 16-bit steps that each fit a 32-bit division, since x86_32 has
 * no other without the compiler's run-time library.
 */
#include <user/lib/format.h>

struct output {
    nova_sink sink;
    void *context;
    unsigned count;
};

struct field {
    unsigned width;
    int precision;           /* -1: none */
    char left, zero, length; /* length: 0 int, 1 long, 2 long long */
};

uint64_t nova_divide(uint64_t value, uint16_t divisor, unsigned *remainder)
{
    uint64_t quotient = 0;
    uint32_t rest = 0;

    for (int shift = 48; shift >= 0; shift -= 16) {
        uint32_t part = rest << 16 | (uint16_t)(value >> shift);
        quotient = quotient << 16 | part / divisor;
        rest = part % divisor;
    }
    if (remainder)
        *remainder = rest;
    return quotient;
}

static void put(struct output *out, char c)
{
    out->sink(out->context, c);
    out->count++;
}

static void pad(struct output *out, char c, unsigned width, unsigned length)
{
    for (; width > length; width--)
        put(out, c);
}

static void put_text(struct output *out, const struct field *field, const char *text)
{
    unsigned length = 0;

    if (!text)
        text = "(null)";
    while (text[length] && (field->precision < 0 || length < (unsigned)field->precision))
        length++;
    if (!field->left)
        pad(out, ' ', field->width, length);
    for (unsigned i = 0; i < length; i++)
        put(out, text[i]);
    if (field->left)
        pad(out, ' ', field->width, length);
}

static void put_number(struct output *out, const struct field *field, uint64_t value, const char *prefix, unsigned base, char ten)
{
    char digits[20];
    unsigned count = 0, prefixes = 0, digit;

    do {
        value = nova_divide(value, base, &digit);
        digits[count++] = digit < 10 ? '0' + digit : ten + digit - 10;
    } while (value);
    while (prefix[prefixes])
        prefixes++;
    if (!field->left && !field->zero)
        pad(out, ' ', field->width, count + prefixes);
    while (*prefix)
        put(out, *prefix++);
    if (!field->left && field->zero)
        pad(out, '0', field->width, count + prefixes);
    for (unsigned i = count; i--;)
        put(out, digits[i]);
    if (field->left)
        pad(out, ' ', field->width, count + prefixes);
}

/* Flags, width, precision and length. va_list goes by pointer: it must advance for the caller. */
static const char *parse_field(const char *f, struct field *field, va_list *args)
{
    *field = (struct field){.precision = -1};
    for (;; f++) {
        if (*f == '-')
            field->left = 1;
        else if (*f == '0')
            field->zero = 1;
        else
            break;
    }
    if (*f == '*') {
        int width = va_arg(*args, int);
        field->left |= width < 0;
        field->width = width < 0 ? -(unsigned)width : (unsigned)width;
        f++;
    } else {
        while (*f >= '0' && *f <= '9')
            field->width = 10 * field->width + (unsigned)(*f++ - '0');
    }
    if (*f == '.') {
        field->precision = 0;
        if (*++f == '*') {
            field->precision = va_arg(*args, int);
            f++;
        } else {
            while (*f >= '0' && *f <= '9')
                field->precision = 10 * field->precision + (*f++ - '0');
        }
    }
    for (; *f == 'l' || *f == 'z' || *f == 'h'; f++)
        field->length += *f != 'h';
    return f;
}

static uint64_t unsigned_argument(const struct field *field, va_list *args)
{
    return field->length > 1 ? va_arg(*args, unsigned long long)
           : field->length   ? va_arg(*args, unsigned long)
                             : va_arg(*args, unsigned);
}

static int64_t signed_argument(const struct field *field, va_list *args)
{
    return field->length > 1 ? va_arg(*args, long long) : field->length ? va_arg(*args, long) : va_arg(*args, int);
}

unsigned nova_vformat(nova_sink sink, void *context, const char *format, va_list arguments)
{
    struct output out = {sink, context, 0};
    va_list args;

    va_copy(args, arguments);
    for (const char *f = format; *f; f++) {
        struct field field;
        const char *start = f;

        if (*f != '%') {
            put(&out, *f);
            continue;
        }
        f = parse_field(f + 1, &field, &args);
        switch (*f) {
        case '%': put(&out, '%'); break;
        case 'c': {
            char text[2] = {(char)va_arg(args, int), 0};
            field.precision = -1;
            put_text(&out, &field, text);
            break;
        }
        case 's': put_text(&out, &field, va_arg(args, const char *)); break;
        case 'd':
        case 'i': {
            int64_t value = signed_argument(&field, &args);
            put_number(&out, &field, value < 0 ? -(uint64_t)value : (uint64_t)value, value < 0 ? "-" : "", 10, 'a');
            break;
        }
        case 'u': put_number(&out, &field, unsigned_argument(&field, &args), "", 10, 'a'); break;
        case 'x':
        case 'X': put_number(&out, &field, unsigned_argument(&field, &args), "", 16, *f == 'x' ? 'a' : 'A'); break;
        case 'p': put_number(&out, &field, (uintptr_t)va_arg(args, void *), "0x", 16, 'a'); break;
        default:
            for (; start <= f && *start; start++)
                put(&out, *start);
            f = start - 1;
        }
    }
    va_end(args);
    return out.count;
}

struct buffer {
    char *next, *end;
};

static void buffer_put(void *context, char c)
{
    struct buffer *buffer = context;
    if (buffer->next < buffer->end)
        *buffer->next++ = c;
}

unsigned nova_format(char *text, size_t size, const char *format, ...)
{
    struct buffer buffer = {text, size ? text + size - 1 : text};
    unsigned count;
    va_list args;

    va_start(args, format);
    count = nova_vformat(buffer_put, &buffer, format, args);
    va_end(args);
    if (size)
        *buffer.next = 0;
    return count;
}
