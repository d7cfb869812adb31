/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A fuzzer finds little from nothing: each one writes a sound input into its corpus folder first (the last argument, if it is a folder).
 */
#ifndef TESTS_FUZZ_H
#define TESTS_FUZZ_H

#include "platform_build.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerInitialize(int *count, char ***arguments);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline void seed_write(int count, char **arguments, const char *name, const void *bytes, size_t size)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/seed-%s", arguments[count - 1], name);
    FILE *file = count > 1 && arguments[count - 1][0] != '-' ? fopen(path, "wb") : 0;
    if (file) {
        fwrite(bytes, 1, size, file);
        fclose(file);
    }
}

static inline void fail(const char *what)
{
    fprintf(stderr, "%s\n%s", what, machine_log());
    abort();
}

#endif
