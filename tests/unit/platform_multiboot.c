/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What boot loaders hand over, sound and damaged. Each damaged case says which words the fatal message or the log must have.
 */
#include "unit.h"

#include "platform_build.h"

static struct multiboot1 one;
static struct buffer two;

static void boots(uint32_t magic)
{
    if (!machine_boots(magic, INFO))
        unit_fail(__FILE__, __LINE__, "the boot ended in a fatal message");
    const char *wrong = machine_invariants();
    if (wrong)
        unit_fail(__FILE__, __LINE__, "%s", wrong);
}

static void stops(uint32_t magic, const char *message)
{
    if (machine_boots(magic, INFO))
        unit_fail(__FILE__, __LINE__, "the boot went on");
    const char *line = strstr(machine_log(), "FATAL: ");
    if (!line || !strstr(line, message))
        unit_fail(__FILE__, __LINE__, "the fatal message does not say \"%s\"", message);
}

static const struct nova_hip_memory *descriptor(int type, unsigned number)
{
    for (unsigned i = 0; i < boot_info.memories; i++)
        if (boot_info.memory[i].type == type && !number--)
            return &boot_info.memory[i];
    return 0;
}

TEST(bad_magic) { stops(0x12345678, "0x12345678"); }

/* ---- Multiboot 1 ---- */

#define ONE_BOOTS(name, ...)                                                                                                       \
    TEST(multiboot1_##name)                                                                                                        \
    {                                                                                                                              \
        multiboot1_begin(&one, "");                                                                                                \
        multiboot1_end(&one);                                                                                                      \
        __VA_ARGS__;                                                                                                               \
    }
#define ONE_STOPS(name, message, ...) ONE_BOOTS(name, __VA_ARGS__; multiboot1_place(&one); stops(MAGIC_1, message))
#define ONE_LOGS(name, message, ...) ONE_BOOTS(name, __VA_ARGS__; multiboot1_place(&one); boots(MAGIC_1); CHECK_LOG(message))

TEST(multiboot1_sound)
{
    multiboot1_begin(&one, "/boot/hypervisor hlt");
    multiboot1_end(&one);
    multiboot1_place(&one);
    boots(MAGIC_1);
    CHECK_TEXT(boot_info.command_line, "/boot/hypervisor hlt");
    CHECK(boot_info.options.hlt && !boot_info.options.serial);
    CHECK(!strstr(machine_log(), "unknown"));
    CHECK_EQ(boot_info.root_begin, ROOT_BEGIN);
    CHECK_EQ(boot_info.root_end, ROOT_END);
    CHECK_EQ(boot_info.pool_begin, 0x400000);
    CHECK_EQ(boot_info.pool_end - boot_info.pool_begin, 12 << 20);
    CHECK_EQ(descriptor(1, 1)->address, 0x100000);
    CHECK_EQ(descriptor(1, 1)->size, 0x7ee0000);
    CHECK_EQ(descriptor(-2, 0)->address, ROOT_BEGIN);
    CHECK_EQ(descriptor(-2, 0)->aux, TEXT_AT);
    CHECK_EQ(descriptor(3, 0)->address, 0x7fe0000);
    CHECK_EQ(descriptor(-1, 0)->address, IMAGE_BEGIN);
    CHECK_EQ(descriptor(-1, 1)->address, boot_info.pool_begin);
    CHECK_EQ(descriptor(-1, 2)->size, PAGE_SIZE);
}

TEST(multiboot1_information_out_of_reach)
{
    if (machine_boots(MAGIC_1, (paddr_t)1 << 60))
        unit_fail(__FILE__, __LINE__, "the boot went on");
    CHECK_LOG("out of this CPU's reach");
}

TEST(multiboot1_nothing_there) { stops(MAGIC_1, "memory map says it has 4294967295 bytes"); }

ONE_STOPS(no_flags, "neither a memory map nor a memory size", set(&one.info, 0, 0, 4))
ONE_STOPS(no_module_flag, "no module: the first module must be the root task", set(&one.info, 0, 1 | 1 << 6, 4))
ONE_STOPS(zero_modules, "no module", set(&one.info, 20, 0, 4))
ONE_STOPS(first_module_empty, "empty or ends before", set(&one.modules, 4, ROOT_BEGIN, 4))
ONE_STOPS(first_module_backwards, "empty or ends before", set(&one.modules, 4, ROOT_BEGIN - 1, 4))
ONE_STOPS(first_module_on_kernel, "overlaps the kernel", set(&one.modules, 0, IMAGE_END - 1, 4))
ONE_STOPS(modules_in_nothing, "empty or ends before", set(&one.info, 24, 0xe0000000, 4))
ONE_STOPS(modules_past_4g, "empty or ends before", set(&one.info, 24, 0xfffffffc, 4))
ONE_STOPS(map_entry_size_0, "memory map entry 0 at 0xa000 has 0 bytes", set(&one.map, 0, 0, 4))
ONE_STOPS(map_entry_size_19, "has 19 bytes, at least 20", set(&one.map, 24, 19, 4))
ONE_STOPS(map_entry_too_long, "memory map entry 4 at 0xa060 runs past the end", set(&one.map, 96, 21, 4))
ONE_STOPS(map_entry_size_all_ones, "runs past the end", set(&one.map, 0, UINT32_MAX, 4))
ONE_STOPS(map_cut, "runs past the end", set(&one.info, 44, one.map.length - 7, 4))
ONE_STOPS(map_too_long, "memory map says it has 4294967280 bytes", set(&one.info, 44, 0xfffffff0, 4))
ONE_STOPS(no_available_memory, "of 0 MiB of RAM", set(&one.map, 20, 2, 4); set(&one.map, 24 * 3 + 20, 2, 4))
ONE_STOPS(little_memory, "the biggest free piece has", set(&one.map, 24 * 3 + 12, 0x400000, 8))

ONE_LOGS(second_module_empty, "module 1 (0x2000000-0x2000000) is empty", multiboot1_module(&one, 0x2000000, 0x2000000, "x");
         multiboot1_end(&one))
ONE_LOGS(second_module_backwards, "module 1 (0x2000000-0x1000) is empty", multiboot1_module(&one, 0x2000000, 0x1000, "x");
         multiboot1_end(&one))
ONE_LOGS(second_module_twice, "module 1 (0x1000000-0x1010123) overlaps another one",
         multiboot1_module(&one, ROOT_BEGIN, ROOT_END, "x");
         multiboot1_end(&one))
ONE_LOGS(second_module_on_kernel, "overlaps the kernel and is left out", multiboot1_module(&one, 0x100000, 0x300000, "x");
         multiboot1_end(&one))
ONE_LOGS(module_text_endless, "has no end within 4096 bytes", set(&one.modules, 8, 0x3000000, 4); CHECK(!descriptor(-2, 0)))
ONE_LOGS(map_entry_wraps, "wraps around and is left out", multiboot1_memory(&one, (uint64_t)-4096, 8192, 1); multiboot1_end(&one))

ONE_BOOTS(module_text_at_the_end_of_4g, static const char text[] = "root"; machine_place(0xfffffffe, text, sizeof text);
          set(&one.modules, 8, 0xfffffffe, 4); multiboot1_place(&one); boots(MAGIC_1); CHECK_EQ(descriptor(-2, 0)->aux, 0))

ONE_BOOTS(module_without_text, set(&one.modules, 8, 0, 4); multiboot1_place(&one); boots(MAGIC_1);
          CHECK_EQ(descriptor(-2, 0)->aux, 0))

ONE_BOOTS(sizes_only, set(&one.info, 0, 1 | 1 << 3, 4); multiboot1_place(&one); boots(MAGIC_1);
          CHECK_EQ(descriptor(1, 0)->size, 639 << 10); CHECK_EQ(descriptor(1, 1)->size, 127 << 20))

ONE_BOOTS(map_empty_then_sizes, set(&one.info, 44, 0, 4); multiboot1_place(&one); boots(MAGIC_1);
          CHECK_EQ(descriptor(1, 1)->size, 127 << 20))

ONE_BOOTS(map_entry_longer, set(&one.map, 96, 24, 4); put(&one.map, 0, 4); set(&one.info, 44, one.map.length, 4);
          multiboot1_place(&one); boots(MAGIC_1); CHECK_EQ(descriptor(3, 0)->size, 0x20000))

ONE_BOOTS(map_up_to_the_last_byte, multiboot1_memory(&one, (uint64_t)1 << 63, (uint64_t)1 << 63, 2); multiboot1_end(&one);
          multiboot1_place(&one); boots(MAGIC_1))

ONE_BOOTS(map_unknown_type, multiboot1_memory(&one, 0x100000000, 0x1000, 0xfffffffe); multiboot1_end(&one); multiboot1_place(&one);
          boots(MAGIC_1); CHECK_EQ(descriptor(2, 2)->address, 0x100000000))

TEST(multiboot1_200_modules)
{
    multiboot1_begin(&one, "");
    for (uint32_t i = 0; i < 199; i++)
        multiboot1_module(&one, 0x2000000 + i * 0x1000, 0x2000800 + i * 0x1000, "m");
    multiboot1_end(&one);
    multiboot1_place(&one);
    boots(MAGIC_1);
    CHECK_LOG("200 modules, the kernel takes 128");
    CHECK_EQ(descriptor(-2, 0)->address, ROOT_BEGIN);
    CHECK(descriptor(1, 1) && descriptor(-2, 100));
}

TEST(multiboot1_all_modules)
{
    multiboot1_begin(&one, "");
    multiboot1_end(&one);
    set(&one.info, 20, UINT32_MAX, 4);
    multiboot1_place(&one);
    boots(MAGIC_1);
    CHECK_LOG("4294967295 modules, the kernel takes 128");
}

TEST(multiboot1_400_memory_entries)
{
    multiboot1_begin(&one, "");
    for (uint64_t i = 0; i < 395; i++)
        multiboot1_memory(&one, 0x100000000 + i * 0x200000, 0x100000, (uint32_t)(1 + i % 4));
    multiboot1_end(&one);
    /* The list is longer than the place before the modules. */
    set(&one.info, 48, 0x8000000, 4);
    machine_place(0x8000000, one.map.bytes, one.map.length);
    one.map.length = 0;
    multiboot1_place(&one);
    boots(MAGIC_1);
    CHECK_LOG("400 memory map entries, the kernel takes 256");
    CHECK_LOG("the hypervisor information page holds");
    CHECK(descriptor(-2, 0) && descriptor(1, 40));
}

TEST(multiboot1_framebuffer)
{
    multiboot1_begin(&one, "vga");
    multiboot1_end(&one);
    set(&one.info, 0, 1 | 1 << 2 | 1 << 3 | 1 << 6 | 1 << 12, 4);
    set(&one.info, 88, 0xfd000000, 8);
    set(&one.info, 96, 4096, 4);
    set(&one.info, 100, 1024, 4);
    set(&one.info, 104, 768, 4);
    set(&one.info, 108, 32, 1);
    set(&one.info, 109, 1, 1);
    multiboot1_place(&one);
    boots(MAGIC_1);
    CHECK_EQ(descriptor(-5, 0)->address, 0xfd000000);
    CHECK_EQ(descriptor(-5, 0)->size, 1024ull << 40 | 768 << 16 | 1 << 8 | 32);
    CHECK_EQ(descriptor(-5, 0)->aux, 4096);
    CHECK_LOG("not in VGA text mode");
}

TEST(multiboot1_framebuffer_impossible)
{
    multiboot1_begin(&one, "");
    multiboot1_end(&one);
    set(&one.info, 0, 1 | 1 << 2 | 1 << 3 | 1 << 6 | 1 << 12, 4);
    set(&one.info, 100, 1 << 24, 4);
    multiboot1_place(&one);
    boots(MAGIC_1);
    CHECK(!descriptor(-5, 0));
    CHECK_LOG("framebuffer of 16777216 x 0 points cannot be");
}

/* ---- Multiboot 2 ---- */

static size_t last_tag;

#define TWO(name, ...)                                                                                                             \
    TEST(multiboot2_##name)                                                                                                        \
    {                                                                                                                              \
        multiboot2_begin(&two);                                                                                                    \
        tag_line(&two, "hlt");                                                                                                     \
        last_tag = tag_module(&two, ROOT_BEGIN, ROOT_END, "root argument");                                                        \
        __VA_ARGS__;                                                                                                               \
    }
#define TWO_STOPS(name, message, ...) TWO(name, __VA_ARGS__; multiboot2_place(&two); stops(MAGIC_2, message))
#define TWO_BOOTS(name, ...) TWO(name, last_tag = tag_map(&two); __VA_ARGS__; multiboot2_place(&two); boots(MAGIC_2))
#define TWO_LOGS(name, message, ...)                                                                                               \
    TWO(name, last_tag = tag_map(&two); __VA_ARGS__; multiboot2_place(&two); boots(MAGIC_2); CHECK_LOG(message))

TWO(sound, tag_map(&two); multiboot2_place(&two); boots(MAGIC_2); CHECK_EQ(boot_info.root_begin, ROOT_BEGIN);
    CHECK(boot_info.options.hlt); CHECK_EQ(descriptor(-2, 0)->aux, INFO + last_tag + 16);
    CHECK_EQ(descriptor(1, 1)->size, 0x7ee0000); CHECK_EQ(boot_info.pool_begin, 0x400000))

TEST(multiboot2_total_size_0)
{
    uint8_t zero[16] = {0};
    machine_place(INFO, zero, sizeof zero);
    stops(MAGIC_2, "says it has 0 bytes");
}

TEST(multiboot2_nothing_there) { stops(MAGIC_2, "says it has 4294967295 bytes"); }

TEST(multiboot2_only_a_head)
{
    uint8_t head[8] = {8};
    machine_place(INFO, head, sizeof head);
    stops(MAGIC_2, "neither a memory map nor a memory size");
}

TWO(end_tag_missing, tag_map(&two); set(&two, 0, two.length, 4); machine_place(INFO, two.bytes, two.length); boots(MAGIC_2))
TWO(cut_in_a_tag, tag_map(&two); set(&two, 0, two.length - 4, 4); machine_place(INFO, two.bytes, two.length);
    stops(MAGIC_2, "runs past the end of the information"))

TWO_STOPS(no_memory, "neither a memory map nor a memory size", (void)0)
TWO_STOPS(tag_size_0, "says it has 0 bytes, at least 8", set(&two, last_tag + 4, 0, 4))
TWO_STOPS(tag_size_7, "says it has 7 bytes, at least 8", set(&two, last_tag + 4, 7, 4))
TWO_STOPS(tag_size_all_ones, "runs past the end", set(&two, last_tag + 4, UINT32_MAX, 4))
TWO_STOPS(tag_size_wraps, "runs past the end", set(&two, last_tag + 4, UINT32_MAX - 3, 4))
TWO_STOPS(module_backwards, "empty or ends before", set(&two, last_tag + 8, ROOT_END + 1, 4))
TWO_STOPS(module_tag_short, "no module", tag_map(&two); set(&two, last_tag, 77, 4); tag_end(&two, tag_begin(&two, 3)))
TWO_STOPS(map_entry_size_0, "entries have 0 bytes, at least 24", last_tag = tag_map(&two); set(&two, last_tag + 8, 0, 4))
TWO_STOPS(map_entry_size_20, "entries have 20 bytes, at least 24", last_tag = tag_map(&two); set(&two, last_tag + 8, 20, 4))
TWO_STOPS(map_entry_size_all_ones, "neither a memory map", last_tag = tag_map(&two); set(&two, last_tag + 8, UINT32_MAX, 4))

TWO_LOGS(line_tag_short_of_text, "ignored", tag_end(&two, tag_begin(&two, 4)))
TWO_LOGS(module_text_endless, "has no end in its tag", size_t tag = tag_module(&two, 0x2000000, 0x2001000, "text");
         set(&two, tag + 20, 'x', 1))
TWO_LOGS(rsdp_tag_short, "(type 14) has only 8 bytes and is ignored", tag_end(&two, tag_begin(&two, 14)))
TWO_LOGS(framebuffer_tag_short, "(type 8) has only 8 bytes", tag_end(&two, tag_begin(&two, 8)))

TWO_BOOTS(map_entry_bigger, two.length = last_tag; (void)tag_begin(&two, 6); put(&two, 40, 4); put(&two, 0, 4);
          put(&two, 0x100000, 8); put(&two, 0x7ee0000, 8); put(&two, 1, 8); put(&two, 0, 8); put(&two, 0, 8);
          tag_end(&two, last_tag))

TWO(sizes_only, size_t tag = tag_begin(&two, 4); put(&two, 639, 4); put(&two, 65536, 4); tag_end(&two, tag); multiboot2_place(&two);
    boots(MAGIC_2); CHECK_EQ(descriptor(1, 1)->size, 64 << 20))

TWO(efi_and_unknown_tags, tag_map(&two); size_t tag = tag_begin(&two, 12); put(&two, 0x7ff00018, 8); tag_end(&two, tag);
    tag = tag_begin(&two, 4711); put(&two, 0, 1); tag_end(&two, tag); multiboot2_place(&two); boots(MAGIC_2);
    CHECK_EQ(descriptor(-7, 0)->address, 0x7ff00018); CHECK_EQ(descriptor(-7, 0)->size, 0))

TEST(multiboot2_150_modules)
{
    multiboot2_begin(&two);
    tag_map(&two);
    for (uint32_t i = 0; i < 150; i++)
        tag_module(&two, ROOT_BEGIN + i * 0x1000, ROOT_BEGIN + i * 0x1000 + 1, "m");
    multiboot2_place(&two);
    boots(MAGIC_2);
    CHECK_LOG("150 modules, the kernel takes 128");
}

TEST(multiboot2_framebuffer_and_rsdp)
{
    multiboot2_begin(&two);
    tag_line(&two, "vga");
    tag_module(&two, ROOT_BEGIN, ROOT_END, "root");
    tag_map(&two);
    size_t tag = tag_begin(&two, 8);
    put(&two, 0x80000000, 8);
    put(&two, 3200, 4);
    put(&two, 800, 4);
    put(&two, 600, 4);
    put(&two, 24 | 1 << 8, 4);
    tag_end(&two, tag);
    tag = tag_begin(&two, 11);
    put(&two, 0x7ff00018, 4);
    tag_end(&two, tag);
    /* An RSDP of ACPI 1 and one of ACPI 2, both without valid checksums: the second one counts. */
    tag = tag_begin(&two, 14);
    put_bytes(&two, "RSD PTR first.......", 20);
    tag_end(&two, tag);
    tag = tag_begin(&two, 15);
    put_bytes(&two, "RSD PTR second......................", 36);
    tag_end(&two, tag);
    multiboot2_place(&two);
    boots(MAGIC_2);
    CHECK_EQ(descriptor(-5, 0)->address, 0x80000000);
    CHECK_EQ(descriptor(-5, 0)->size, 800ull << 40 | 600 << 16 | 1 << 8 | 24);
    CHECK_EQ(descriptor(-7, 0)->address, 0x7ff00018);
    CHECK_LOG("not in VGA text mode");
    CHECK_LOG("the RSDP that the boot loader passed is damaged");
}

TEST(multiboot2_line_without_end)
{
    multiboot2_begin(&two);
    size_t tag = tag_begin(&two, 1);
    put_bytes(&two, "hlt nodl", 8);
    tag_end(&two, tag);
    tag_module(&two, ROOT_BEGIN, ROOT_END, "root");
    tag_map(&two);
    multiboot2_place(&two);
    boots(MAGIC_2);
    CHECK_LOG("no terminating 0 within 8 bytes");
    CHECK_TEXT(boot_info.command_line, "hlt nodl");
}
