/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Fuzzer: the input is the Multiboot 2 information; its total size is taken from it unless that is too much. Any input ends in a boot whose results hold together,
 * or in a fatal message.
 */
#include "fuzz.h"

static struct buffer b;

int LLVMFuzzerInitialize(int *count, char ***arguments)
{
    multiboot2_begin(&b);
    tag_line(&b, "hlt serial kmem=8M logmem vga word");
    tag_module(&b, ROOT_BEGIN, ROOT_END, "root argument");
    tag_module(&b, 0x2000000, 0x2000456, "");
    tag_map(&b);
    static const struct {
        uint32_t type, size;
    } more[] = {{4, 16}, {8, 38}, {11, 12}, {12, 16}, {14, 28}, {15, 44}, {21, 12}};
    for (size_t i = 0; i < sizeof more / sizeof more[0]; i++) {
        size_t tag = tag_begin(&b, more[i].type);
        for (uint32_t at = 8; at < more[i].size; at++)
            put(&b, at, 1);
        tag_end(&b, tag);
    }
    tag_end(&b, tag_begin(&b, 0));
    set(&b, 0, b.length, 4);
    seed_write(*count, *arguments, "all", b.bytes, b.length);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    machine_reset();
    machine_place(INFO, data, size);
    if (!machine_boots(MAGIC_2, INFO))
        return 0;
    const char *wrong = machine_invariants();
    if (wrong)
        fail(wrong);
    return 0;
}
