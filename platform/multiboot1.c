/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Multiboot 1 information (Multiboot Specification 0.6.96, section 3.3): one structure with flags saying which fields are valid, and pointers to lists.
 * Every list is looked at through a window of bounded size.
 */
#include "platform/loader.h"

#include "core/lib/log.h"
#include "hal/physical.h"
#include "platform/bytes.h"

/* Offsets in the information structure, and flag bits that make them valid. */
enum {
    INFO_SIZE = 116,
    FLAGS = 0,
    LOWER = 4,
    UPPER = 8,
    LINE = 16,
    MODULE_COUNT = 20,
    MODULE_LIST = 24,
    MAP_LENGTH = 44,
    MAP = 48
};
enum {
    SCREEN_ADDRESS = 88,
    SCREEN_PITCH = 96,
    SCREEN_WIDTH = 100,
    SCREEN_HEIGHT = 104,
    SCREEN_BITS = 108,
    SCREEN_TYPE = 109,
    TYPE_TEXT = 2
};
enum { HAS_SIZES = 1 << 0, HAS_LINE = 1 << 2, HAS_MODULES = 1 << 3, HAS_MAP = 1 << 6, HAS_SCREEN = 1 << 12 };
/* A map entry: size (not counting itself), address, length, type; a module: begin, end, command line, 0. */
enum { ENTRY_HEAD = 4, ENTRY_MIN = 20, MODULE_SIZE = 16 };

static const uint8_t *information(paddr_t info) { return loader_view(0, info, INFO_SIZE, "the information structure"); }

void multiboot1_console(paddr_t info, char *line, bool *text_mode)
{
    const uint8_t *view = information(info);
    uint32_t flags = bytes_u32(view + FLAGS);
    *text_mode = !(flags & HAS_SCREEN) || view[SCREEN_TYPE] == TYPE_TEXT;
    line[0] = 0;
    if (flags & HAS_LINE && bytes_u32(view + LINE))
        loader_line_copy(line, loader_view(1, bytes_u32(view + LINE), LOADER_TEXT_MAX, "the command line"), LOADER_TEXT_MAX);
}

static void parse_map(struct loader *loader, paddr_t map, uint32_t length)
{
    if (length > PHYSICAL_WINDOW_SIZE)
        fatal("multiboot: the memory map says it has %u bytes; more than %u cannot be right", length, PHYSICAL_WINDOW_SIZE);
    const uint8_t *view = loader_view(1, map, length, "the memory map");
    uint32_t at = 0;
    while (length - at >= ENTRY_HEAD) {
        uint32_t size = bytes_u32(view + at);
        if (size < ENTRY_MIN)
            fatal("multiboot: memory map entry %u at 0x%llx has %u bytes, at least %u are needed", loader->memories_seen,
                  (unsigned long long)(map + at), size, ENTRY_MIN);
        if (size > length - at - ENTRY_HEAD)
            fatal("multiboot: memory map entry %u at 0x%llx runs past the end of the map at 0x%llx", loader->memories_seen,
                  (unsigned long long)(map + at), (unsigned long long)(map + length));
        const uint8_t *entry = view + at + ENTRY_HEAD;
        loader_memory_add(loader, bytes_u64(entry), bytes_u64(entry + 8), bytes_u32(entry + 16));
        at += ENTRY_HEAD + size;
    }
}

static void parse_modules(struct loader *loader, paddr_t list, uint32_t count)
{
    /* The list is read module by module: checking a command line uses the other window. */
    uint32_t taken = count < LOADER_MODULE_MAX ? count : LOADER_MODULE_MAX;
    for (uint32_t i = 0; i < taken; i++) {
        const uint8_t *view = loader_view(0, list + (paddr_t)i * MODULE_SIZE, MODULE_SIZE, "the list of modules");
        loader_module_add(loader, bytes_u32(view), bytes_u32(view + 4), bytes_u32(view + 8));
    }
    loader->modules_seen = count;
}

void multiboot1_parse(paddr_t info, struct loader *loader)
{
    uint8_t copy[INFO_SIZE];
    __builtin_memcpy(copy, information(info), INFO_SIZE);
    uint32_t flags = bytes_u32(copy + FLAGS);
    loader->name = "multiboot";
    loader->info_begin = info;
    loader->info_end = info + INFO_SIZE;
    loader->text_mode = true;
    if (flags & HAS_SCREEN)
        loader_framebuffer(loader, bytes_u64(copy + SCREEN_ADDRESS), bytes_u32(copy + SCREEN_PITCH), bytes_u32(copy + SCREEN_WIDTH),
                           bytes_u32(copy + SCREEN_HEIGHT), copy[SCREEN_BITS], copy[SCREEN_TYPE]);
    if (flags & HAS_MAP)
        parse_map(loader, bytes_u32(copy + MAP), bytes_u32(copy + MAP_LENGTH));
    if (!loader->memories && flags & HAS_SIZES)
        loader_memory_basic(loader, bytes_u32(copy + LOWER), bytes_u32(copy + UPPER));
    if (flags & HAS_MODULES)
        parse_modules(loader, bytes_u32(copy + MODULE_LIST), bytes_u32(copy + MODULE_COUNT));
}
