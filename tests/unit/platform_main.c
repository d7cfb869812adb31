/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Runs the platform tests: platform [WORD...] those whose names contain a word, --here NAME one in this process. Each has a process of its own.
 */
#include "unit.h"

#include "platform_machine.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { TIME_LIMIT = 60 };

static struct unit_test *first, **last = &first;

void unit_register(struct unit_test *test)
{
    *last = test;
    last = &test->next;
}

_Noreturn void unit_fail(const char *file, int line, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    printf("# %s:%d: ", file, line);
    vprintf(format, list);
    va_end(list);
    printf("\n# log:\n%s", machine_log());
    fflush(stdout);
    _exit(1);
}

void unit_check_text(const char *file, int line, const char *what, const char *left, const char *right)
{
    if (strcmp(left, right) != 0)
        unit_fail(file, line, "%s is \"%s\", not \"%s\"", what, left, right);
}

void unit_check_log(const char *file, int line, const char *text)
{
    if (!strstr(machine_log(), text))
        unit_fail(file, line, "the log does not say \"%s\"", text);
}

static bool run(const struct unit_test *test, bool here)
{
    fflush(stdout);
    pid_t child = here ? 0 : fork();
    if (!child) {
        alarm(TIME_LIMIT);
        machine_reset();
        test->function();
        fflush(stdout);
        if (here)
            return true;
        exit(0);
    }
    int status;
    return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) && !WEXITSTATUS(status);
}

int main(int count, char **arguments)
{
    unsigned passed = 0, failed = 0;
    bool here = count > 1 && !strcmp(arguments[1], "--here");
    for (const struct unit_test *test = first; test; test = test->next) {
        bool wanted = count == 1 + here;
        for (int i = 1 + here; i < count; i++)
            wanted |= strstr(test->name, arguments[i]) != 0;
        if (!wanted)
            continue;
        bool good = run(test, here);
        printf("%s platform_%s\n", good ? "ok" : "not ok", test->name);
        if (!good)
            printf("#   again: %s %s\n", arguments[0], test->name);
        passed += good;
        failed += !good;
    }
    return failed || !passed;
}
