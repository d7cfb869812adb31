/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Runs the tests of a program, unit or platform: PROGRAM [WORD...] those whose names contain a word, PROGRAM --list the names, PROGRAM --here NAME one in this process (for a
 * debugger). What the two have different is in unit_begin and unit_log.
 */
#define _GNU_SOURCE
#include "unit.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { TIME_LIMIT = 60, LOG_LINES = 40 };

static struct unit_test *first, **last = &first;

void unit_register(struct unit_test *test)
{
    *last = test;
    last = &test->next;
}

static void show_log(void)
{
    const char *log = unit_log(), *at = log + strlen(log);
    for (int lines = 0; at > log && lines <= LOG_LINES; at--)
        lines += at[-1] == '\n';
    fprintf(stderr, "kernel log:\n%s", at > log ? at + 2 : log);
}

_Noreturn void unit_fail(const char *file, int line, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    fprintf(stderr, "%s:%d: ", file, line);
    vfprintf(stderr, format, list);
    fputc('\n', stderr);
    va_end(list);
    show_log();
    _exit(1);
}

void unit_check_text(const char *file, int line, const char *what, const char *left, const char *right)
{
    if (strcmp(left, right) != 0)
        unit_fail(file, line, "%s is \"%s\", not \"%s\"", what, left, right);
}

void unit_check_log(const char *file, int line, const char *text)
{
    if (!strstr(unit_log(), text))
        unit_fail(file, line, "the log does not say \"%s\"", text);
}

void unit_child(void (*function)(const void *), const void *argument, const char *what)
{
    enum { CHILD_LIMIT = 20 };
    int status = -1;
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        alarm(CHILD_LIMIT);
        function(argument);
        fflush(stdout);
        _exit(0);
    }
    if (child < 0 || waitpid(child, &status, 0) != child || status)
        unit_fail(__FILE__, __LINE__, "%s: %s %d", what, WIFSIGNALED(status) ? "killed by signal" : "status",
                  WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
}

_Noreturn void unit_stopped(void)
{
    fprintf(stderr, "the machine stopped\n");
    show_log();
    _exit(1);
}

static void run_here(const struct unit_test *test)
{
    unit_begin();
    test->function();
}

/* Runs the test in a child; its output goes to 'output'. */
static bool run(const struct unit_test *test, FILE *output)
{
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        dup2(fileno(output), 1);
        dup2(fileno(output), 2);
        alarm(TIME_LIMIT);
        run_here(test);
        fflush(stdout);
        _exit(0);
    }
    int status;
    if (child < 0 || waitpid(child, &status, 0) != child)
        return false;
    if (WIFSIGNALED(status))
        dprintf(fileno(output), "killed by signal %d (%s)%s\n", WTERMSIG(status), strsignal(WTERMSIG(status)),
                WTERMSIG(status) == SIGALRM ? ": took too long" : "");
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void show(FILE *output)
{
    char line[1024];
    rewind(output);
    while (fgets(line, sizeof line, output))
        printf("#   %s%s", line, strchr(line, '\n') ? "" : "\n");
}

static bool wanted(const struct unit_test *test, int count, char **words)
{
    for (int i = 0; i < count; i++)
        if (strstr(test->name, words[i]))
            return true;
    return count == 0;
}

int main(int count, char **arguments)
{
    unsigned passed = 0, failed = 0;
    bool list = count > 1 && strcmp(arguments[1], "--list") == 0, here = count > 1 && strcmp(arguments[1], "--here") == 0;
    int skip = 1 + (list || here);
    for (const struct unit_test *test = first; test; test = test->next) {
        if (!wanted(test, count - skip, arguments + skip))
            continue;
        if (list) {
            printf("%-40s %s\n", test->name, test->file);
            continue;
        }
        if (here) {
            run_here(test);
            printf("ok %s\n", test->name);
            continue;
        }
        FILE *output = tmpfile();
        bool good = output && run(test, output);
        printf("%s %s%s\n", good ? "ok" : "not ok", unit_prefix, test->name);
        if (!good && output) {
            show(output);
            printf("#   again: %s %s\n", arguments[0], test->name);
        }
        if (output)
            fclose(output);
        passed += good;
        failed += !good;
    }
    if (!list && !here)
        printf("# %u passed, %u failed\n", passed, failed);
    return failed || (!list && !here && !passed);
}
