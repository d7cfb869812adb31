/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Command line, choice of kernel memory, memory descriptors, hidden ranges.
 */
#include "unit.h"

#include "platform/command_line.h"
#include "platform/memory_map.h"
#include "platform/platform.h"
#include "platform_build.h"

static struct multiboot1 one;

static void boots(void)
{
    multiboot1_end(&one);
    multiboot1_place(&one);
    if (!machine_boots(MAGIC_1, INFO))
        unit_fail(__FILE__, __LINE__, "the boot ended in a fatal message");
    const char *wrong = machine_invariants();
    if (wrong)
        unit_fail(__FILE__, __LINE__, "%s", wrong);
}

static void boots_with(const char *line)
{
    multiboot1_begin(&one, line);
    boots();
}

static uint64_t pool_size(void) { return boot_info.pool_end - boot_info.pool_begin; }

/* ---- command line ---- */

TEST(line_every_word)
{
    boots_with("iommu_intel iommu_amd keyb serial spinner logmem vtlb nopcid novpid vga nodl fpu_lazy hlt");
    const struct boot_options *o = &boot_info.options;
    CHECK(o->iommu_intel && o->iommu_amd && o->keyb && o->serial && o->spinner && o->logmem && o->vtlb && o->nopcid && o->novpid);
    CHECK(o->vga && o->nodl && o->fpu_lazy && o->hlt);
    CHECK(!strstr(machine_log(), "unknown"));
}

TEST(line_unknown_words)
{
    boots_with("  hlt unknwon\tseria serial1 =  nodl");
    CHECK(boot_info.options.hlt && boot_info.options.nodl && !boot_info.options.serial);
    CHECK_LOG("unknown word 'unknwon'");
    CHECK_LOG("unknown word 'seria'");
    CHECK_LOG("unknown word 'serial1'");
    CHECK_LOG("unknown word '='");
}

TEST(line_file_name_first)
{
    boots_with("hypervisor-x86_32 hlt /boot/x");
    CHECK(!strstr(machine_log(), "hypervisor-x86_32"));
    CHECK_LOG("unknown word '/boot/x'");
}

TEST(line_sizes)
{
    static const struct {
        const char *line;
        uint64_t size;
    } cases[] = {{"kmem=4096", 4096},
                 {"kmem=64K", 65536},
                 {"kmem=16M", 16 << 20},
                 {"kmem=2g", (uint64_t)2 << 30},
                 {"kmem=", 0},
                 {"kmem=M", 0},
                 {"kmem=12X", 0},
                 {"kmem=12MM", 0},
                 {"kmem=-1", 0},
                 {"kmem=99999999999999999999", 0},
                 {"kmem=99999999999G", 0},
                 {"kmem=0", 0},
                 {"kmem=1 kmem=2", 2}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct boot_options options = {0};
        command_line_parse(cases[i].line, &options);
        CHECK_EQ(options.kmem, cases[i].size);
    }
    command_line_report("kmem=12X");
    CHECK_LOG("'kmem=12X' is not kmem=SIZE");
}

TEST(line_control_characters)
{
    boots_with("\x1b[2Jx \x80\xff");
    CHECK_LOG("unknown word '?[2Jx'");
    CHECK_LOG("unknown word '?"
              "?'");
}

TEST(line_longest)
{
    static char line[5000];
    memset(line, 'x', sizeof line - 1);
    memcpy(line, "hlt ", 4);
    boots_with(line);
    CHECK_LOG("longer than 1023 characters");
    CHECK(boot_info.options.hlt);
    CHECK_EQ(strlen(boot_info.command_line), 1023);
}

TEST(line_without_end)
{
    multiboot1_begin(&one, "hlt");
    one.line.length--;
    boots();
    CHECK_LOG("longer than 1023 characters");
    /* The loader's memory goes on with ones, so the word is 'hlt\xff...'. */
    CHECK(!boot_info.options.hlt);
}

TEST(line_many_unknown)
{
    static char line[900];
    for (size_t i = 0; i < sizeof line - 2; i += 2)
        memcpy(line + i, "w ", 2);
    boots_with(line);
    CHECK_LOG("433 more unknown words");
}

/* ---- kernel memory ---- */

TEST(pool_as_asked)
{
    boots_with("kmem=33M");
    CHECK_EQ(pool_size(), 34 << 20);
    /* The root task at 16 MiB is in the way right behind the image. */
    CHECK_EQ(boot_info.pool_begin, 0x1200000);
}

TEST(pool_more_than_mapped)
{
    machine_pool_max = 16 << 20;
    boots_with("kmem=1G");
    CHECK_LOG("kmem=1024M is more than this kernel can use; it gets 16M");
    CHECK_EQ(pool_size(), 16 << 20);
}

TEST(pool_more_than_there_is)
{
    boots_with("kmem=300M");
    CHECK_LOG("300 MiB wanted, but only 111 MiB are contiguous");
    CHECK(pool_size() >> 20 == 111);
}

TEST(pool_less_than_possible)
{
    boots_with("kmem=1K");
    CHECK_LOG("it gets that");
    CHECK_EQ(pool_size(), 4 << 20);
}

TEST(pool_grows_with_memory)
{
    multiboot1_begin(&one, "");
    multiboot1_memory(&one, 0x100000000, (uint64_t)8 << 30, 1);
    multiboot1_memory(&one, 0x10000000, (uint64_t)1 << 30, 1);
    boots();
    CHECK_EQ(pool_size() >> 20, (((9ull << 30) + 0x7ee0000 + 0x9fc00) / 64 + 0x1fffff) >> 21 << 1);
}

/* A map with nothing in it yet but the memory below the first megabyte. */
static void low_memory_alone(const char *line)
{
    multiboot1_begin(&one, line);
    one.map.length = 0;
    multiboot1_memory(&one, 0, 0x9fc00, 1);
}

TEST(pool_takes_what_there_is)
{
    low_memory_alone("");
    multiboot1_memory(&one, 0x100000, 0x1200000, 1);
    multiboot1_memory(&one, 0x701000, 0x1000, 2);
    boots();
    CHECK_LOG("12 MiB wanted, but only 8 MiB");
    CHECK_EQ(boot_info.pool_begin, 0x702000);
}

TEST(pool_below_the_image)
{
    boot_info.image_begin = 0x4000000;
    boot_info.image_end = 0x4100000;
    low_memory_alone("");
    multiboot1_memory(&one, 0x100000, 0x4100000, 1);
    boots();
    CHECK_EQ(boot_info.pool_begin, 0x3400000);
}

TEST(pool_only_small_pages)
{
    low_memory_alone("");
    multiboot1_memory(&one, 0x301000, 0xc00000, 1);
    boots();
    CHECK_EQ(boot_info.pool_begin, 0x301000);
    CHECK_EQ(pool_size(), 0xc00000);
}

TEST(pool_from_touching_entries)
{
    low_memory_alone("");
    for (unsigned i = 20; i-- > 1;)
        multiboot1_memory(&one, 0x100000 * i, 0x100000, 1);
    multiboot1_memory(&one, 0x1000000, 0x800000, 1);
    boots();
    CHECK_EQ(boot_info.pool_begin, 0x400000);
}

TEST(pool_avoids_what_is_in_use)
{
    multiboot1_begin(&one, "");
    multiboot1_module(&one, 0x500000, 0x500001, "x");
    multiboot1_module(&one, 0x1600000, 0x1600001, 0);
    /* A command line in the way: the next large page is taken. */
    set(&one.modules, 16 + 8, 0x1200010, 4);
    machine_place(0x1200010, "text", 5);
    boots();
    CHECK(boot_info.pool_begin >= 0x1601000);
}

TEST(low_page)
{
    boots_with("");
    CHECK_EQ(platform_low_page(), 0x9e000);
}

TEST(low_page_below_the_ebda)
{
    machine_place(0x40e, "\x00\x80", 2);
    boots_with("");
    CHECK_EQ(platform_low_page(), 0x7f000);
}

TEST(low_page_none)
{
    multiboot1_begin(&one, "");
    set(&one.map, 12, 0x1000, 8);
    boots();
    CHECK_EQ(platform_low_page(), 0);
    CHECK_LOG("only the boot CPU will be used");
}

TEST(log_page)
{
    boots_with("logmem strange");
    CHECK_EQ(boot_info.log_page, 0x1011000);
    const uint8_t *page = machine_device(boot_info.log_page);
    CHECK(page && !memcmp(page + 4, "[0] command line: unknown word 'strange'", 40));
    CHECK_EQ(*(const uint32_t *)page, strlen(machine_log()));
}

TEST(log_page_not_mapped)
{
    machine_device_room = 0;
    boots_with("logmem");
    CHECK_LOG("cannot be mapped");
    CHECK_EQ(boot_info.log_page, 0);
}

TEST(log_page_none_left)
{
    low_memory_alone("logmem kmem=1G");
    multiboot1_memory(&one, 0x301000, 0x800000, 1);
    boots();
    CHECK_LOG("no free page for the log");
    CHECK_EQ(boot_info.log_page, 0);
}

/* ---- descriptors ---- */

static uint64_t bytes_of(int type)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < boot_info.memories; i++)
        sum += boot_info.memory[i].type == type ? boot_info.memory[i].size : 0;
    return sum;
}

static unsigned count_of(int type)
{
    unsigned count = 0;
    for (unsigned i = 0; i < boot_info.memories; i++)
        count += boot_info.memory[i].type == type;
    return count;
}

TEST(descriptors_overlapping)
{
    multiboot1_begin(&one, "");
    one.map.length = 0;
    multiboot1_memory(&one, 0, 0x8000000, 1);
    multiboot1_memory(&one, 0x3000000, 0x10000, 2);
    multiboot1_memory(&one, 0x3008000, 0x10000, 3);
    multiboot1_memory(&one, 0x2ff0000, 0x40000, 4);
    multiboot1_memory(&one, 0x3000000, 0x10000, 2);
    boots();
    CHECK_EQ(bytes_of(2), 0x10000);
    CHECK_EQ(bytes_of(3), 0x8000);
    CHECK_EQ(bytes_of(4), 0x40000 - 0x18000);
}

TEST(descriptors_joined)
{
    multiboot1_begin(&one, "");
    for (unsigned i = 0; i < 100; i++)
        multiboot1_memory(&one, 0x10000000 + i * 0x1000, 0x1000, 2);
    boots();
    CHECK_EQ(bytes_of(2), 0x10400 + 100 * 0x1000);
    CHECK(!strstr(machine_log(), "left out"));
}

TEST(descriptors_share_the_room)
{
    multiboot1_begin(&one, "");
    for (unsigned i = 0; i < 120; i++)
        multiboot1_module(&one, 0x2000000 + i * 0x1000, 0x2000001 + i * 0x1000, 0);
    for (unsigned i = 0; i < 100; i++)
        multiboot1_memory(&one, 0x100000000 + i * 0x2000ull, 0x1000, 1);
    boots();
    CHECK_EQ(count_of(1), 65);
    CHECK_EQ(count_of(-2), 66);
    CHECK_EQ(boot_info.memories, 134);
    CHECK_LOG("holds 136 entries; left out: 37 of available memory, 3 of other memory, 55 modules");
}

TEST(descriptors_many_modules_little_memory)
{
    multiboot1_begin(&one, "");
    for (unsigned i = 0; i < 127; i++)
        multiboot1_module(&one, 0x2000000 + i * 0x1000, 0x2000001 + i * 0x1000, 0);
    for (unsigned i = 0; i < 8; i++)
        multiboot1_memory(&one, 0x100000000 + i * 0x2000ull, 0x1000, 1);
    boots();
    CHECK_EQ(count_of(1), 10);
    CHECK_EQ(count_of(-2), 121);
}

TEST(descriptors_reserved_below_modules)
{
    multiboot1_begin(&one, "");
    multiboot1_memory(&one, ROOT_BEGIN - 0x1000, 0x40000, 2);
    boots();
    CHECK_EQ(bytes_of(-2), ROOT_END - ROOT_BEGIN);
    CHECK_EQ(bytes_of(2), 0x10400 + 0x40000 - (ROOT_END - ROOT_BEGIN));
}

/* ---- hidden ranges ---- */

static void hide_all(void *unused)
{
    (void)unused;
    for (paddr_t i = 0; i < 40; i++)
        memory_hide(i * 0x10000, i * 0x10000 + 1);
}

TEST(hidden_ranges_merge)
{
    memory_hide(0x5001, 0x6fff);
    memory_hide(0x9000, 0xa000);
    memory_hide(0x1000, 0x1001);
    CHECK_EQ(boot_info.hiddens, 3);
    CHECK_EQ(boot_info.hidden[1].first, 0x5);
    CHECK_EQ(boot_info.hidden[1].end, 0x7);
    memory_hide(0x7000, 0x9000);
    CHECK_EQ(boot_info.hiddens, 2);
    CHECK_EQ(boot_info.hidden[1].end, 0xa);
    memory_hide(0x3000, 0x4000);
    CHECK_EQ(boot_info.hiddens, 3);
    memory_hide(0, 0x100000);
    CHECK_EQ(boot_info.hiddens, 1);
    CHECK_EQ(boot_info.hidden[0].end, 0x100);
}

TEST(hidden_ranges_move_down)
{
    for (paddr_t i = 1; i < 8; i++)
        memory_hide(i * 0x10000, i * 0x10000 + PAGE_SIZE);
    memory_hide(0x20000, 0x50000);
    CHECK_EQ(boot_info.hiddens, 4);
    CHECK_EQ(boot_info.hidden[1].end, 0x51);
    CHECK_EQ(boot_info.hidden[2].first, 0x60);
    CHECK_EQ(boot_info.hidden[3].first, 0x70);
}

TEST(hidden_ranges_full)
{
    CHECK(!machine_runs(hide_all, 0));
    CHECK_LOG("more than 32 ranges");
}
