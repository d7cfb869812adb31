/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Multiboot 2 information (Multiboot2 Specification 2.0, section 3.6): a list of tags, each with its type and size, aligned to 8 bytes.
 * The walk checks that each tag lies in the list; each handler checks that its fields lie in the tag.
 */
#include "platform/loader.h"

#include "core/lib/log.h"
#include "hal/physical.h"
#include "platform/bytes.h"

enum { LIST_HEAD = 8, TAG_HEAD = 8, TAG_ALIGN = 8 };
enum tag_type {
    TAG_END = 0,
    TAG_LINE = 1,
    TAG_MODULE = 3,
    TAG_SIZES = 4,
    TAG_MAP = 6,
    TAG_SCREEN = 8,
    TAG_EFI32 = 11,
    TAG_EFI64 = 12,
    TAG_RSDP1 = 14,
    TAG_RSDP2 = 15
};
enum { MODULE_TEXT = 16, MAP_HEAD = 16, MAP_ENTRY_MIN = 24, RSDP1_SIZE = 20, SCREEN_TYPE = 29, TYPE_TEXT = 2 };

/* Fewest bytes of a tag that has what we read of it. */
static const struct {
    uint32_t type, size;
} tag_sizes[] = {{TAG_LINE, TAG_HEAD},
                 {TAG_MODULE, MODULE_TEXT},
                 {TAG_SIZES, 16},
                 {TAG_MAP, MAP_HEAD},
                 {TAG_SCREEN, 30},
                 {TAG_EFI32, 12},
                 {TAG_EFI64, 16},
                 {TAG_RSDP1, TAG_HEAD + RSDP1_SIZE},
                 {TAG_RSDP2, TAG_HEAD + RSDP_SIZE}};

struct tag {
    const uint8_t *view;
    paddr_t address;
    uint32_t type, size;
};

struct walk {
    const uint8_t *view;
    paddr_t info;
    uint32_t total, at;
};

static struct walk walk_begin(paddr_t info)
{
    const uint8_t *view = loader_view(0, info, LIST_HEAD, "the information");
    uint32_t total = bytes_u32(view);
    if (total < LIST_HEAD || total > PHYSICAL_WINDOW_SIZE)
        fatal("multiboot 2: the information at 0x%llx says it has %u bytes; between %u and %u can be right",
              (unsigned long long)info, total, LIST_HEAD, PHYSICAL_WINDOW_SIZE);
    return (struct walk){loader_view(0, info, total, "the information"), info, total, LIST_HEAD};
}

/* The next tag, false at the end of the list. Each one is at least TAG_HEAD bytes, so the walk ends. */
static bool walk_next(struct walk *walk, struct tag *tag)
{
    for (;;) {
        if (walk->at >= walk->total || walk->total - walk->at < TAG_HEAD)
            return false;
        tag->view = walk->view + walk->at;
        tag->address = walk->info + walk->at;
        tag->type = bytes_u32(tag->view);
        tag->size = bytes_u32(tag->view + 4);
        if (tag->size < TAG_HEAD)
            fatal("multiboot 2: the tag at 0x%llx (type %u) says it has %u bytes, at least %u are needed",
                  (unsigned long long)tag->address, tag->type, tag->size, TAG_HEAD);
        if (tag->size > walk->total - walk->at)
            fatal("multiboot 2: the tag at 0x%llx (type %u, %u bytes) runs past the end of the information at 0x%llx",
                  (unsigned long long)tag->address, tag->type, tag->size, (unsigned long long)(walk->info + walk->total));
        if (tag->type == TAG_END)
            return false;
        walk->at += (uint32_t)align_up(tag->size, TAG_ALIGN);
        bool whole = true;
        for (size_t i = 0; i < sizeof tag_sizes / sizeof tag_sizes[0]; i++)
            whole &= tag->type != tag_sizes[i].type || tag->size >= tag_sizes[i].size;
        if (whole)
            return true;
        log_line("multiboot 2: the tag at 0x%llx (type %u) has only %u bytes and is ignored", (unsigned long long)tag->address,
                 tag->type, tag->size);
    }
}

void multiboot2_console(paddr_t info, char *line, bool *text_mode)
{
    struct walk walk = walk_begin(info);
    struct tag tag;
    bool found = false;
    *text_mode = true;
    line[0] = 0;
    while (walk_next(&walk, &tag)) {
        if (tag.type == TAG_LINE && !found) {
            loader_line_copy(line, tag.view + TAG_HEAD, tag.size - TAG_HEAD);
            found = true;
        }
        if (tag.type == TAG_SCREEN)
            *text_mode = tag.view[SCREEN_TYPE] == TYPE_TEXT;
    }
}

static void parse_map(struct loader *loader, const struct tag *tag)
{
    uint32_t size = bytes_u32(tag->view + 8);
    if (size < MAP_ENTRY_MIN)
        fatal("multiboot 2: the memory map at 0x%llx says that its entries have %u bytes, at least %u are needed",
              (unsigned long long)tag->address, size, MAP_ENTRY_MIN);
    for (uint32_t at = MAP_HEAD; tag->size - at >= size; at += size)
        loader_memory_add(loader, bytes_u64(tag->view + at), bytes_u64(tag->view + at + 8), bytes_u32(tag->view + at + 16));
}

static void parse_module(struct loader *loader, const struct tag *tag)
{
    paddr_t text = 0;
    for (uint32_t at = MODULE_TEXT; at < tag->size && !text; at++)
        if (!tag->view[at])
            text = tag->address + MODULE_TEXT;
    if (!text)
        log_line("multiboot 2: the command line of module %u has no end in its tag at 0x%llx; the module counts as having none",
                 loader->modules_seen, (unsigned long long)tag->address);
    loader_module_add(loader, bytes_u32(tag->view + 8), bytes_u32(tag->view + 12), text);
}

void multiboot2_parse(paddr_t info, struct loader *loader)
{
    struct walk walk = walk_begin(info);
    struct tag tag;
    uint32_t lower = 0, upper = 0;
    loader->name = "multiboot 2";
    loader->info_begin = info;
    loader->info_end = info + walk.total;
    loader->text_mode = true;
    while (walk_next(&walk, &tag)) {
        switch (tag.type) {
        case TAG_MODULE: parse_module(loader, &tag); break;
        case TAG_SIZES:
            lower = bytes_u32(tag.view + 8);
            upper = bytes_u32(tag.view + 12);
            break;
        case TAG_MAP: parse_map(loader, &tag); break;
        case TAG_SCREEN:
            loader_framebuffer(loader, bytes_u64(tag.view + 8), bytes_u32(tag.view + 16), bytes_u32(tag.view + 20),
                               bytes_u32(tag.view + 24), tag.view[28], tag.view[SCREEN_TYPE]);
            break;
        case TAG_EFI32:
            if (!loader->efi)
                loader->efi = bytes_u32(tag.view + 8);
            break;
        case TAG_EFI64: loader->efi = bytes_u64(tag.view + 8); break;
        case TAG_RSDP1:
            if (!loader->rsdp_length)
                __builtin_memcpy(loader->rsdp, tag.view + TAG_HEAD, loader->rsdp_length = RSDP1_SIZE);
            break;
        case TAG_RSDP2: __builtin_memcpy(loader->rsdp, tag.view + TAG_HEAD, loader->rsdp_length = RSDP_SIZE); break;
        default: break;
        }
    }
    if (!loader->memories)
        loader_memory_basic(loader, lower, upper);
}
