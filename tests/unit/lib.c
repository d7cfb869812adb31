/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * core/lib: formatting, 64-bit arithmetic, bits, memory functions.
 */
#include "unit.h"

#include "core/lib/bits.h"
#include "core/lib/log.h"
#include "core/lib/spinlock.h"
#include "hosted.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Odd formats are the point here. */
#pragma GCC diagnostic ignored "-Wformat-security"
#pragma GCC diagnostic ignored "-Wformat-zero-length"

/* core/lib/string.h under the names that ports/hosted/rename.h gives it. */
void *kernel_memcpy(void *restrict to, const void *restrict from, size_t length);
void *kernel_memmove(void *to, const void *from, size_t length);
void *kernel_memset(void *to, int value, size_t length);
int kernel_memcmp(const void *left, const void *right, size_t length);
size_t kernel_strlen(const char *text);

static uint64_t random_state = 88172645463325252;

static uint64_t random_u64(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

/* Numbers of all sizes, not only large ones. */
static uint64_t random_size(void)
{
    uint64_t value = random_u64();
    return value >> random_u64() % 64;
}

#define FORMAT(expected, ...)                                                                                                      \
    do {                                                                                                                           \
        char buffer[200], reference[200];                                                                                          \
        size_t length = format_text(buffer, sizeof buffer, __VA_ARGS__);                                                           \
        (void)snprintf(reference, sizeof reference, __VA_ARGS__);                                                                  \
        CHECK_TEXT(buffer, expected);                                                                                              \
        CHECK_TEXT(buffer, reference);                                                                                             \
        CHECK_EQ(length, strlen(buffer));                                                                                          \
    } while (0)

TEST(format_numbers)
{
    FORMAT("0 1 4294967295", "%u %u %u", 0, 1, 0xffffffffu);
    FORMAT("-1 -2147483648 2147483647", "%d %d %d", -1, -2147483647 - 1, 2147483647);
    FORMAT("ffffffffffffffff 18446744073709551615", "%lx %llu", ~0ul, ~0ull);
    FORMAT("-9223372036854775808", "%lld", (long long)(1ull << 63));
    FORMAT("-5 5", "%ld %zu", -5l, (size_t)5);
    FORMAT("[    7][7    ][00007]", "[%5u][%-5u][%05u]", 7, 7, 7);
    FORMAT("[0000abcd][    abcd]", "[%08x][%8x]", 0xabcd, 0xabcd);
    FORMAT("[123456]", "[%3u]", 123456);
    FORMAT("[   -3][-3   ]", "[%5d][%-5d]", -3, -3);
    FORMAT("100%", "100%%");
}

TEST(format_zero_padded_negative) { FORMAT("-0003", "%05d", -3); }

TEST(format_strings)
{
    char text[64];
    const char *volatile null = 0;
    FORMAT("[abc][  abc][abc  ]", "[%s][%5s][%-5s]", "abc", "abc", "abc");
    FORMAT("[ab][   ab]", "[%.2s][%5.2s]", "abc", "abc");
    FORMAT("x y", "%c %c", 'x', 'y');
    FORMAT("", "%s", "");
    format_text(text, sizeof text, "%s", null);
    CHECK_TEXT(text, "(null)");
    /* A precision reads no further than it says: no terminator is there. */
    char open[3] = {'a', 'b', 'c'};
    format_text(text, sizeof text, "%.3s", open);
    CHECK_TEXT(text, "abc");
    format_text(text, sizeof text, "%p", (void *)0x1234);
    CHECK_TEXT(text, "1234");
}

TEST(format_cuts_at_the_end_of_the_buffer)
{
    char *buffer = malloc(5);
    CHECK_EQ(format_text(buffer, 5, "%s", "123456789"), 4);
    CHECK_TEXT(buffer, "1234");
    CHECK_EQ(format_text(buffer, 5, "%u", 987654321), 4);
    CHECK_TEXT(buffer, "9876");
    CHECK_EQ(format_text(buffer, 5, "%8u", 1), 4);
    CHECK_TEXT(buffer, "    ");
    CHECK_EQ(format_text(buffer, 1, "%s", "1"), 0);
    CHECK_EQ(buffer[0], 0);
    buffer[0] = 'x';
    CHECK_EQ(format_text(buffer, 0, "%s", "1"), 0);
    CHECK_EQ(buffer[0], 'x');
    free(buffer);
}

TEST(format_ends_inside_a_conversion)
{
    char buffer[32];
    const char *broken[] = {"a%", "a%5", "a%-", "a%l", "a%.3"};
    for (unsigned i = 0; i < ARRAY_SIZE(broken); i++) {
        format_text(buffer, sizeof buffer, broken[i]);
        CHECK_TEXT(buffer, "a");
    }
}

TEST(log_line_has_prefix_and_newline)
{
    log_line("hello %u", 5);
    CHECK_TEXT(machine_log(), "[0] hello 5\n");
}

TEST(log_line_cuts_long_lines)
{
    char text[1000];
    memset(text, 'a', sizeof text);
    text[999] = 0;
    log_line("%s", text);
    const char *log = machine_log();
    CHECK(strlen(log) >= 240 && strlen(log) <= 256);
    CHECK_EQ(log[strlen(log) - 1], '\n');
    CHECK(strchr(log, '\n') == log + strlen(log) - 1);
    machine_log_clear();
    log_line("next");
    CHECK_TEXT(machine_log(), "[0] next\n");
}

TEST(division_agrees_with_the_machine)
{
    for (unsigned i = 0; i < 200000; i++) {
        uint64_t dividend = random_size();
        uint32_t divisor = (uint32_t)random_size(), rest;
        if (!divisor)
            divisor = 1;
        CHECK_EQ(div_u64(dividend, divisor, &rest), dividend / divisor);
        CHECK_EQ(rest, dividend % divisor);
        CHECK_EQ(div_u64(dividend, divisor, 0), dividend / divisor);
    }
}

TEST(division_extremes)
{
    static const uint64_t dividends[] = {0, 1, 0xffffffff, 0x100000000, ~0ull, 1ull << 63};
    static const uint32_t divisors[] = {1, 2, 10, 1000, 0x7fffffff, 0x80000000, 0xffffffff};
    for (unsigned i = 0; i < ARRAY_SIZE(dividends); i++)
        for (unsigned k = 0; k < ARRAY_SIZE(divisors); k++) {
            uint32_t rest = 77;
            CHECK_EQ(div_u64(dividends[i], divisors[k], &rest), dividends[i] / divisors[k]);
            CHECK_EQ(rest, dividends[i] % divisors[k]);
        }
}

TEST(scaling_agrees_with_128_bit)
{
    unsigned compared = 0;
    for (unsigned i = 0; i < 400000; i++) {
        uint64_t value = random_size();
        uint32_t numerator = (uint32_t)random_size(), denominator = (uint32_t)random_size();
        if (!denominator)
            continue;
        unsigned __int128 expected = (unsigned __int128)value * numerator / denominator;
        if (expected >> 64)
            continue; /* the result does not fit: nothing is promised */
        CHECK_EQ(scale_u64(value, numerator, denominator), (uint64_t)expected);
        compared++;
    }
    CHECK(compared > 200000);
    CHECK_EQ(scale_u64(~0ull, 1, 1), ~0ull);
    CHECK_EQ(scale_u64(~0ull, 0xffffffff, 0xffffffff), ~0ull);
}

TEST(bits_and_ranges)
{
    for (unsigned bit = 0; bit < 64; bit++) {
        CHECK_EQ(bit_highest(1ul << bit), bit);
        CHECK_EQ(bit_lowest(1ul << bit), bit);
        CHECK_EQ(bit_highest(~0ul >> bit), 63 - bit);
        CHECK_EQ(bit_lowest(~0ul << bit), bit);
    }
    CHECK_EQ(word_min(3, 5), 3);
    CHECK_EQ(word_max(3, 5), 5);
    for (unsigned i = 0; i < 20000; i++) {
        word base = random_size(), count = random_size() | 1;
        unsigned order = range_order(base, count);
        CHECK(order < 64 && (word)1 << order <= count);
        CHECK_EQ(base & (((word)1 << order) - 1), 0);
        /* the next order does not fit or is not aligned */
        CHECK(order == 63 || (word)2 << order > count || base & ((word)1 << order));
    }
    CHECK_EQ(range_order(0, 1ul << 63), 63);
    CHECK_EQ(range_order(0, ~0ul), 63);
}

TEST(memory_functions)
{
    unsigned char a[300], b[300];
    for (unsigned round = 0; round < 3000; round++) {
        size_t from = random_u64() % 100, to = random_u64() % 100, length = random_u64() % 200;
        for (unsigned i = 0; i < sizeof a; i++)
            a[i] = b[i] = (unsigned char)random_u64();
        CHECK(kernel_memmove(a + to, a + from, length) == a + to);
        memmove(b + to, b + from, length);
        CHECK(memcmp(a, b, sizeof a) == 0);
        int value = (int)random_u64();
        CHECK(kernel_memset(a + to, value, length) == a + to);
        memset(b + to, value, length);
        CHECK(memcmp(a, b, sizeof a) == 0);
        if (length > 1)
            b[to + length / 2]++;
        int expected = memcmp(a + to, b + to, length), result = kernel_memcmp(a + to, b + to, length);
        CHECK((expected < 0) == (result < 0) && (expected > 0) == (result > 0));
    }
    char copy[6];
    CHECK(kernel_memcpy(copy, "hello", 6) == copy && strcmp(copy, "hello") == 0);
    CHECK_EQ(kernel_strlen(""), 0);
    CHECK_EQ(kernel_strlen("four"), 4);
}

TEST(spinlock_excludes)
{
    struct spinlock lock = {0};
    CHECK(spin_try(&lock));
    CHECK(!spin_try(&lock));
    spin_unlock(&lock);
    spin_lock(&lock);
    CHECK(!spin_try(&lock));
    spin_unlock(&lock);
    CHECK(spin_try(&lock));
}
