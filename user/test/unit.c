/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Hosted test of what in user/lib needs no kernel: the printf core (against the C library's), string functions, message building.
 * Prints TAP; `make -C user ARCH=... check` builds it for the word size of ARCH and runs it.
 */
#include <limits.h>
#include <stdio.h>

#include <user/lib/format.h>
#include <user/lib/item.h>
#include <user/lib/string.h>

static unsigned tests, failures;

static void check(int right, const char *name)
{
    failures += !right;
    printf("%sok %u - %s\n", right ? "" : "not ", ++tests, name);
}

/* The same format and arguments must give the same text and length as snprintf. */
#define SAME(...)                                                                                                                  \
    do {                                                                                                                           \
        char ours[200], theirs[200];                                                                                               \
        unsigned count = nova_format(ours, sizeof(ours), __VA_ARGS__);                                                             \
        int right = (int)count == snprintf(theirs, sizeof(theirs), __VA_ARGS__) && !strcmp(ours, theirs);                          \
        check(right, #__VA_ARGS__);                                                                                                \
        if (!right)                                                                                                                \
            printf("# got \"%s\" want \"%s\"\n", ours, theirs);                                                                    \
    } while (0)

static void test_format(void)
{
    char small[4];
    unsigned rest;

    SAME("plain");
    SAME("%d|%d|%d|%i", 0, -1, INT_MIN, INT_MAX);
    SAME("%u|%x|%X", UINT_MAX, 0xdeadbeefu, 0xdeadbeefu);
    SAME("%ld|%lu|%lx", LONG_MIN, ULONG_MAX, ULONG_MAX);
    SAME("%lld|%lld|%llu|%llx", LLONG_MIN, LLONG_MAX, ULLONG_MAX, ULLONG_MAX);
    SAME("%llu|%llu|%llu", 4294967295ull, 4294967296ull, 10000000000000000000ull);
    SAME("%zu", (size_t)12345);
    SAME("%5d|%-5d|%05d|%2d", 42, 42, 42, 12345);
    SAME("%5d|%05d|%-5d|", -42, -42, -42);
    SAME("%08x|%8x|%-8x|", 0xabcu, 0xabcu, 0xabcu);
    SAME("%*d|%-*d|%*d|", 6, 1, 6, 2, -6, 3);
    SAME("%s|%10s|%-10s|%.2s|%.*s|%10.3s|", "text", "text", "text", "text", 1, "text", "text");
    SAME("%c%c|%3c|%-3c|", 'a', 'b', 'c', 'd');
    SAME("%%|%p", (void *)(size_t)0x1234);
    SAME("%hu", (unsigned short)65535);
    check(nova_format(small, sizeof(small), "%s", "abcdef") == 6 && !strcmp(small, "abc"),
          "cut to the buffer, length of the whole");
    check(nova_format(small, 0, "x") == 1 && !strcmp(small, "abc"), "an empty buffer is not written");
    check(nova_divide(~0ull, 10, &rest) == ~0ull / 10 && rest == ~0ull % 10, "division of the largest value");
    check(nova_divide(0x123456789abcdefull, 65535, &rest) == 0x123456789abcdefull / 65535 && rest == 0x123456789abcdefull % 65535,
          "division by the largest divisor");
}

static void test_string(void)
{
    char text[] = "0123456789";

    memmove(text + 2, text, 5);
    check(!strcmp(text, "0101234789"), "memmove upward");
    memmove(text, text + 2, 5);
    check(!strcmp(text, "0123434789"), "memmove downward");
    memset(text, 'x', 3);
    check(!strcmp(text, "xxx3434789"), "memset");
    check(memcmp("ab", "aa", 2) > 0 && memcmp("ab", "ac", 2) < 0 && !memcmp("ab", "ac", 1), "memcmp");
    check(strcmp("a", "ab") < 0 && strcmp("b", "ab") > 0 && !strcmp("", ""), "strcmp");
    check(nova_command_line_has("demo exit", "exit"), "command line: last word");
    check(nova_command_line_has("demo exit  now", "exit") && nova_command_line_has("demo exit  now", "now"), "command line: words");
    check(nova_command_line_number("demo seed=12 limit=7", "limit", 1) == 7 && nova_command_line_number("seed=12", "seed", 1) == 12,
          "command line: numbers");
    check(nova_command_line_number("demo unseed=12 seed= seed=x see", "seed", 5) == 5, "command line: no such number");
    check(nova_command_line_has("exit", "exit"), "command line: a word alone");
    check(!nova_command_line_has("demo exits", "exit") && !nova_command_line_has("demo exi", "exit"),
          "command line: whole words only");
    check(!nova_command_line_has("build/exit now", "exit"), "command line: a path is another word");
    check(!nova_command_line_has("", "exit") && !nova_command_line_has("demo ", "exit"), "command line: empty");
}

static void test_items(void)
{
    static struct nova_utcb utcb;
    unsigned n = 0;

    nova_message_begin(&utcb);
    check(nova_message_word(&utcb, 1) && nova_message_word(&utcb, 2), "words are added");
    check(nova_message_item(&utcb, 3, 4) && nova_message_item(&utcb, 5, 6), "items are added");
    check(utcb.items == nova_items(2, 2) && utcb.mr[0] == 1 && utcb.mr[1] == 2, "words come first");
    check(utcb.mr[NOVA_UTCB_WORDS - 2] == 3 && utcb.mr[NOVA_UTCB_WORDS - 1] == 4 && utcb.mr[NOVA_UTCB_WORDS - 4] == 5 &&
              utcb.mr[NOVA_UTCB_WORDS - 3] == 6,
          "items grow down from the end, CRD first");
    while (nova_message_item(&utcb, 7, 8))
        n++;
    check(n == NOVA_UTCB_WORDS / 2 - 3 && !nova_message_room(&utcb) && utcb.mr[0] == 1 && utcb.mr[1] == 2,
          "items stop at the words");
    check(!nova_message_word(&utcb, 9) && utcb.mr[2] == 7, "a full message takes no word");
    nova_message_begin(&utcb);
    for (n = 0; nova_message_word(&utcb, n); n++)
        ;
    check(n == NOVA_UTCB_WORDS && nova_untyped(utcb.items) == n, "words fill the page");
}

int main(void)
{
    test_format();
    test_string();
    test_items();
    printf("1..%u\n", tests);
    return failures != 0;
}
