/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A unit test is TEST(name) { ... CHECK(...); }. The runner gives each a process of its own (the kernel has one machine per process) and 60 seconds.
 */
#ifndef TESTS_UNIT_H
#define TESTS_UNIT_H

#include <stdbool.h>
#include <stddef.h>

struct unit_test {
    const char *name, *file;
    void (*function)(void);
    struct unit_test *next;
};

void unit_register(struct unit_test *test);
_Noreturn void unit_fail(const char *file, int line, const char *format, ...) __attribute__((format(printf, 3, 4)));

#define TEST(test_name)                                                                                                            \
    static void test_##test_name(void);                                                                                            \
    __attribute__((constructor)) static void register_##test_name(void)                                                            \
    {                                                                                                                              \
        static struct unit_test test = {#test_name, __FILE__, test_##test_name, 0};                                                \
        unit_register(&test);                                                                                                      \
    }                                                                                                                              \
    static void test_##test_name(void)

#define CHECK(condition)                                                                                                           \
    do {                                                                                                                           \
        if (!(condition))                                                                                                          \
            unit_fail(__FILE__, __LINE__, "%s", #condition);                                                                       \
    } while (0)

/* Compares as 64-bit numbers and shows both. */
#define CHECK_EQ(left, right)                                                                                                      \
    do {                                                                                                                           \
        unsigned long long left_value = (unsigned long long)(left), right_value = (unsigned long long)(right);                     \
        if (left_value != right_value)                                                                                             \
            unit_fail(__FILE__, __LINE__, "%s is %#llx, not %s = %#llx", #left, left_value, #right, right_value);                  \
    } while (0)

#define CHECK_TEXT(left, right) unit_check_text(__FILE__, __LINE__, #left, left, right)
void unit_check_text(const char *file, int line, const char *what, const char *left, const char *right);

/* Does function(argument) in a child process (which calls machine_private first, if it goes on with the machine); 'what' is reported if that fails. */
void unit_child(void (*function)(const void *), const void *argument, const char *what);

/* The boot log (or what was logged since machine_log_clear) contains the text. */
#define CHECK_LOG(text) unit_check_log(__FILE__, __LINE__, text)
void unit_check_log(const char *file, int line, const char *text);

/* ---- of each program (setup.c, platform_setup.c), for main.c ---- */

extern const char unit_prefix[]; /* of the names that are printed */
void unit_begin(void);           /* in the process of each test, before it */
const char *unit_log(void);

/* The machine has stopped, which no test expects. */
_Noreturn void unit_stopped(void);

#endif
