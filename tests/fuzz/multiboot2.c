/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Fuzzer: the input is the Multiboot 2 information. Any input ends in a boot whose results hold together, or in a fatal
 * message.
 */
#include "platform_build.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    machine_reset();
    machine_place(INFO, data, size);
    if (!machine_boots(MAGIC_2, INFO))
        return 0;
    const char *wrong = machine_invariants();
    if (wrong) {
        fprintf(stderr, "%s\n%s", wrong, machine_log());
        abort();
    }
    return 0;
}
