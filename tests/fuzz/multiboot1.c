/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Fuzzer: the input is the Multiboot 1 structure and, right behind it, whatever it points to. Any input ends in a boot whose results hold together, or in a fatal
 * message.
 */
#include "fuzz.h"

int LLVMFuzzerInitialize(int *count, char ***arguments)
{
    static struct multiboot1 m;
    static struct buffer all;
    multiboot1_begin(&m, "hlt serial kmem=8M logmem vga word");
    multiboot1_memory(&m, 0x3000123, 0x1001, 2);
    multiboot1_memory(&m, 0x3000800, 0x4000, 4);
    multiboot1_module(&m, 0x2000000, 0x2000456, 0);
    multiboot1_end(&m);
    set(&m.info, 0, 1 | 1 << 2 | 1 << 3 | 1 << 6 | 1 << 12, 4);
    put_bytes(&all, m.info.bytes, m.info.length);
    set(&all, 16, INFO + all.length, 4);
    put_bytes(&all, m.line.bytes, m.line.length);
    set(&all, 24, INFO + all.length, 4);
    put_bytes(&all, m.modules.bytes, m.modules.length);
    set(&all, 48, INFO + all.length, 4);
    put_bytes(&all, m.map.bytes, m.map.length);
    seed_write(*count, *arguments, "all", all.bytes, all.length);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    machine_reset();
    machine_place(INFO, data, size);
    if (!machine_boots(MAGIC_1, INFO))
        return 0;
    const char *wrong = machine_invariants();
    if (wrong)
        fail(wrong);
    return 0;
}
