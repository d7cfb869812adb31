/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Boot of the root task: ELF files good and bad, root's first state.
 */
#include "scenario.h"

#include "core/lib/bits.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *fatal_text;

static void fatal_seen(void)
{
    if (!strstr(machine_log(), "FATAL: ") || !strstr(machine_log(), fatal_text)) {
        fprintf(stderr, "expected a fatal message with \"%s\"; log:\n%s", fatal_text, machine_log());
        _Exit(1);
    }
    _Exit(0);
}

/* Boots with the image and ends the test well when the kernel says FATAL and the text. */
static void boot_fails(const void *image, size_t size, const char *text)
{
    fatal_text = text;
    machine_stop_hook = fatal_seen;
    machine_prepare(&(struct machine_options){.cpus = 1}, image, size);
    machine_start();
    CHECK(!"the kernel booted");
}

static void put16(uint8_t *at, uint16_t value) { memcpy(at, &value, sizeof value); }

static void put64(uint8_t *at, uint64_t value) { memcpy(at, &value, sizeof value); }

/* A default root image with one 64-bit field of program header 'phdr' changed. */
enum { P_OFFSET = 8, P_VADDR = 16, P_PADDR = 24, P_FILESZ = 32, P_MEMSZ = 40 };
static struct elf_image root_with(unsigned phdr, unsigned field, uint64_t value)
{
    struct elf_image image = default_root();
    put64(image.data + ELF_HEADER + phdr * ELF_PHDR + field, value);
    return image;
}

TEST(boot_no_module)
{
    fatal_text = "module";
    machine_stop_hook = fatal_seen;
    machine_prepare(&(struct machine_options){.cpus = 1, .no_module = true}, 0, 0);
    machine_start();
    CHECK(!"the kernel booted");
}

TEST(boot_not_an_elf)
{
    static const char text[8192] = "#!/bin/sh\n";
    boot_fails(text, sizeof text, "not an ELF");
}

TEST(boot_module_of_one_byte) { boot_fails("\x7f", 1, "ELF"); }

TEST(boot_module_cut_in_the_header)
{
    struct elf_image image = default_root();
    boot_fails(image.data, ELF_HEADER - 1, "ELF");
}

TEST(boot_wrong_word_size)
{
    struct elf_image image = default_root();
    image.data[ELF_CLASS] = 1;
    boot_fails(image.data, image.size, "64");
}

TEST(boot_wrong_byte_order)
{
    struct elf_image image = default_root();
    image.data[ELF_DATA] = 2;
    boot_fails(image.data, image.size, "ELF");
}

TEST(boot_not_executable)
{
    struct elf_image image = default_root();
    put16(image.data + ELF_TYPE, 1); /* relocatable */
    boot_fails(image.data, image.size, "execut");
}

TEST(boot_other_machine)
{
    struct elf_image image = default_root();
    put16(image.data + ELF_MACHINE, 40);
    boot_fails(image.data, image.size, "machine");
}

TEST(boot_segment_outside_the_module)
{
    struct elf_image image = root_with(1, P_OFFSET, 12288);
    boot_fails(image.data, image.size, "outside");
}

TEST(boot_segment_offset_extreme)
{
    struct elf_image image = root_with(1, P_OFFSET, ~0xfffull);
    boot_fails(image.data, image.size, "outside");
}

TEST(boot_segment_size_extreme)
{
    struct elf_image image = root_with(1, P_FILESZ, ~0ull);
    put64(image.data + ELF_HEADER + ELF_PHDR + P_MEMSZ, ~0ull);
    boot_fails(image.data, image.size, "outside");
}

TEST(boot_segment_end_wraps)
{
    struct elf_image image = root_with(1, P_FILESZ, 0 - 8192ull);
    put64(image.data + ELF_HEADER + ELF_PHDR + P_MEMSZ, 0 - 8192ull);
    boot_fails(image.data, image.size, "outside");
}

TEST(boot_segment_above_user_memory)
{
    struct elf_image image = root_with(1, P_VADDR, NOVA_USER_LIMIT);
    boot_fails(image.data, image.size, "0x");
}

TEST(boot_segment_wraps_around_the_address_space)
{
    struct elf_image image = root_with(1, P_VADDR, ~0xfffull);
    boot_fails(image.data, image.size, "0x");
}

TEST(boot_segment_over_the_utcb)
{
    struct elf_image image = root_with(1, P_VADDR, NOVA_ROOT_UTCB_ADDRESS - 4096);
    boot_fails(image.data, image.size, "0x");
}

TEST(boot_segments_overlap)
{
    struct elf_image image = root_with(1, P_VADDR, ROOT_TEXT + 4096);
    boot_fails(image.data, image.size, "shares a page");
}

TEST(boot_phoff_extremes)
{
    struct elf_image image = default_root();
    put64(image.data + ELF_PHOFF, ~0ull);
    boot_fails(image.data, image.size, "reach beyond the module");
}

TEST(boot_phoff_wraps)
{
    struct elf_image image = default_root();
    put64(image.data + ELF_PHOFF, 0 - (uint64_t)ELF_PHDR);
    boot_fails(image.data, image.size, "reach beyond the module");
}

TEST(boot_phoff_just_past_the_end)
{
    struct elf_image image = default_root();
    put64(image.data + ELF_PHOFF, image.size - 2 * ELF_PHDR + 1);
    boot_fails(image.data, image.size, "reach beyond the module");
}

TEST(boot_too_many_program_headers)
{
    struct elf_image image = default_root();
    put16(image.data + ELF_PHNUM, 0xffff);
    boot_fails(image.data, image.size, "reach beyond the module");
}

TEST(boot_program_headers_of_wrong_size)
{
    struct elf_image image = default_root();
    put16(image.data + ELF_PHENTSIZE, 32);
    boot_fails(image.data, image.size, "header");
}

TEST(boot_nothing_to_load)
{
    struct elf_image image = default_root();
    put16(image.data + ELF_PHNUM, 0);
    boot_fails(image.data, image.size, "program headers");
}

/* File size and memory size differ: a clear message, or made to work by a copy (abi.md section 8). */
TEST(boot_bss)
{
    struct elf_image image = root_with(1, P_MEMSZ, 3 * 4096);
    machine_stop_hook = fatal_seen;
    fatal_text = "segment";
    machine_prepare(&(struct machine_options){.cpus = 1}, image.data, image.size);
    /* What happens to lie behind the module is not what .bss has to be. */
    memset(machine_memory(MODULE_BEGIN + image.size), 0x5a, 8192);
    machine_start();
    const uint8_t *end = user_pointer(0, ROOT_DATA + 2 * 4096, MMU_READ | MMU_WRITE);
    for (unsigned i = 0; i < 4096; i++)
        CHECK_EQ(end[i], 0);
}

TEST(boot_offset_and_address_not_congruent)
{
    struct elf_image image = root_with(1, P_VADDR, ROOT_DATA + 16);
    machine_stop_hook = fatal_seen;
    fatal_text = "segment";
    machine_prepare(&(struct machine_options){.cpus = 1}, image.data, image.size);
    machine_start();
    CHECK_EQ(*(uint8_t *)user_pointer(0, ROOT_DATA + 16, MMU_READ), image.data[8192]);
}

TEST(boot_entry_above_user_memory)
{
    struct elf_image image = default_root();
    put64(image.data + ELF_ENTRY, NOVA_USER_LIMIT);
    boot_fails(image.data, image.size, "entry");
}

TEST(boot_segment_without_permissions)
{
    static const struct elf_segment segments[] = {
        {1, 5, 0, ROOT_TEXT, 0, 4096, 4096},
        {1, 0, 4096, ROOT_DATA, 0, 4096, 4096},
    };
    struct elf_image image = elf_write(ROOT_ENTRY, segments, 2, 8192);
    machine_stop_hook = fatal_seen;
    fatal_text = "segment";
    machine_prepare(&(struct machine_options){.cpus = 1}, image.data, image.size);
    machine_start();
    CHECK(user_try(0, ROOT_TEXT, MMU_EXECUTE));
    CHECK(!user_try(0, ROOT_DATA, MMU_READ));
}

TEST(boot_root_state)
{
    machine_prepare(&(struct machine_options){.cpus = 3, .boot_cpu = 1}, 0, 0);
    CHECK(machine_start());
    struct frame *frame = cpu_frame(1);
    CHECK_EQ(frame->ip, ROOT_ENTRY);
    CHECK_EQ(frame->sp, NOVA_HIP_ADDRESS);
    CHECK_EQ(frame->arg[0], 1);
    CHECK_EQ(frame->resume, RESUME_FULL);
    CHECK(cpu_idle(0) && cpu_idle(2) && !cpu_idle(1));
    for (unsigned i = 0; i < FRAME_REGS; i++)
        CHECK_EQ(frame->reg[i], 0);
    for (unsigned i = 1; i < FRAME_ARGS; i++)
        CHECK_EQ(frame->arg[i], 0);
    /* The UTCB: there, empty, writable. The information page: read only. */
    const word *utcb = user_pointer(1, NOVA_ROOT_UTCB_ADDRESS, MMU_READ | MMU_WRITE);
    for (unsigned i = 0; i < 512; i++)
        CHECK_EQ(utcb[i], 0);
    CHECK(user_try(1, NOVA_HIP_ADDRESS, MMU_READ));
    CHECK(!user_try(1, NOVA_HIP_ADDRESS, MMU_WRITE));
    CHECK(!user_try(1, NOVA_HIP_ADDRESS, MMU_EXECUTE));
    CHECK(!user_try(1, NOVA_USER_LIMIT, MMU_READ));
    CHECK(!user_try(1, 0, MMU_READ));
    /* No port is open. */
    CHECK(!user_port(1, 0x3f8) && !user_port(1, 0) && !user_port(1, 65535));
}

TEST(boot_segments_are_mapped_in_place)
{
    machine_boot(1);
    for (unsigned page = 0; page < 4; page++) {
        const uint8_t *text = user_pointer(0, ROOT_TEXT + page * 4096, MMU_READ);
        CHECK(text == (uint8_t *)machine_memory(MODULE_BEGIN) + page * 4096);
    }
    CHECK(user_try(0, ROOT_TEXT, MMU_READ | MMU_EXECUTE) && !user_try(0, ROOT_TEXT, MMU_WRITE));
    CHECK(user_try(0, ROOT_DATA, MMU_READ | MMU_WRITE) && !user_try(0, ROOT_DATA, MMU_EXECUTE));
    CHECK(!user_try(0, ROOT_TEXT - 1, MMU_READ) && !user_try(0, ROOT_DATA + 8192, MMU_READ));
}

TEST(boot_other_segments_are_ignored)
{
    static const struct elf_segment segments[] = {
        {0x6474e551, 6, 0, 0, 0, 0, 0},               /* PT_GNU_STACK */
        {4, 4, 0x200, 0xffff000000000200, 0, 16, 16}, /* PT_NOTE far away */
        {1, 5, 0, ROOT_TEXT, 0, 4096, 4096},
        {1, 6, 8192, ROOT_DATA, 0, 0, 0},    /* empty */
        {1, 4, 4096, 0x500000, 0, 100, 100}, /* read only, a part of a page */
    };
    struct elf_image image = elf_write(ROOT_ENTRY, segments, 5, 12288);
    machine_prepare(&(struct machine_options){.cpus = 1}, image.data, image.size);
    CHECK(machine_start());
    CHECK(user_try(0, ROOT_TEXT, MMU_EXECUTE));
    CHECK(!user_try(0, ROOT_DATA, MMU_READ));
    CHECK(user_try(0, 0x500000, MMU_READ) && !user_try(0, 0x500000, MMU_WRITE) && !user_try(0, 0x500000, MMU_EXECUTE));
}

TEST(boot_root_capabilities)
{
    static const unsigned permissions[] = {NOVA_PD_ALL, NOVA_EC_ALL, NOVA_SC_ALL, NOVA_SM_ALL, NOVA_SM_ALL};
    machine_boot(1);
    for (word i = 0; i < 64; i++) {
        word expected = i >= 32 && i < 32 + ARRAY_SIZE(permissions) ? nova_crd(NOVA_CRD_OBJ, i, 0, permissions[i - 32]) : 0;
        CHECK_EQ(lookup(0, nova_crd(NOVA_CRD_OBJ, i, 0, NOVA_PERM_ALL)), expected);
    }
}

TEST(boot_all_cpus)
{
    machine_boot(NOVA_CPUS);
    for (unsigned i = 1; i < NOVA_CPUS; i++)
        CHECK(cpu_idle(i));
}
