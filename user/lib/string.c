/* SPDX-License-Identifier: MIT */
/*
 * Freestanding string functions. Compiled with -fno-builtin, and the byte loops are kept as they are
 * (-fno-tree-loop-distribute-patterns on gcc), or the compiler would turn memset into a call of itself.
 */
#include <user/lib/string.h>

void *memcpy(void *to, const void *from, size_t n)
{
    void *start = to;
    __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(n) : : "memory");
    return start;
}

void *memmove(void *to, const void *from, size_t n)
{
    char *t = to;
    const char *f = from;

    if (t <= f || t >= f + n)
        return memcpy(to, from, n);
    while (n--)
        t[n] = f[n];
    return to;
}

void *memset(void *to, int value, size_t n)
{
    void *start = to;
    __asm__ volatile("rep stosb" : "+D"(to), "+c"(n) : "a"(value) : "memory");
    return start;
}

int memcmp(const void *a, const void *b, size_t n)
{
    const unsigned char *x = a, *y = b;

    for (; n; n--, x++, y++)
        if (*x != *y)
            return *x - *y;
    return 0;
}

size_t strlen(const char *s)
{
    size_t n = 0;
    while (s[n])
        n++;
    return n;
}

int strcmp(const char *a, const char *b)
{
    while (*a && *a == *b)
        a++, b++;
    return (unsigned char)*a - (unsigned char)*b;
}

int nova_command_line_has(const char *line, const char *word)
{
    size_t n = strlen(word), length;

    for (; *line; line += length) {
        while (*line == ' ')
            line++;
        for (length = 0; line[length] && line[length] != ' '; length++)
            ;
        if (length && length == n && !memcmp(line, word, n))
            return 1;
    }
    return 0;
}

unsigned nova_command_line_number(const char *line, const char *name, unsigned otherwise)
{
    size_t length = strlen(name);

    for (int begins = 1; *line; begins = *line++ == ' ') {
        unsigned value = 0;
        const char *digit = line + length + 1;

        for (size_t i = 0; begins && i < length; i++) /* not past the line's end */
            begins = line[i] == name[i];
        if (!begins || line[length] != '=' || *digit < '0' || *digit > '9')
            continue;
        for (; *digit >= '0' && *digit <= '9'; digit++)
            value = 10 * value + (unsigned)(*digit - '0');
        return value;
    }
    return otherwise;
}
