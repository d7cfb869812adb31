/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the boot loader said, in one form for Multiboot 1 and 2. The parsers check each number where it enters; what is in struct loader is sound: ranges do not
 * wrap and are not empty, command lines are terminated. Parsers use window slots 0 (information block) and 1 (what it points to).
 */
#ifndef PLATFORM_LOADER_H
#define PLATFORM_LOADER_H

#include "hal/boot_info.h"

enum { LOADER_MEMORY_MAX = 256, LOADER_MODULE_MAX = 128, LOADER_TEXT_MAX = 4096, RSDP_SIZE = 36 };

struct loader_memory {
    paddr_t begin, end;
    int32_t type; /* NOVA_MEMORY_AVAILABLE .. NOVA_MEMORY_ACPI_NVS */
};

struct loader_module {
    paddr_t begin, end;
    paddr_t text, text_end; /* command line with its terminating 0; both 0 = none */
};

struct loader {
    const char *name; /* for messages */
    paddr_t info_begin, info_end;
    struct loader_memory memory[LOADER_MEMORY_MAX];
    struct loader_module module[LOADER_MODULE_MAX];
    unsigned memories, memories_seen;
    unsigned modules, modules_seen;
    bool text_mode;                     /* the screen is VGA text, as far as the loader says */
    struct nova_hip_memory framebuffer; /* type 0 = none */
    paddr_t efi;                        /* EFI system table, 0 = none */
    uint8_t rsdp[RSDP_SIZE];            /* copy of the ACPI RSDP */
    size_t rsdp_length;                 /* valid bytes of it: 0, 20 or 36 */
};

/* First look: only what the consoles need. line has BOOT_COMMAND_LINE_MAX bytes and is terminated afterwards. */
void multiboot1_console(paddr_t info, char *line, bool *text_mode);
void multiboot2_console(paddr_t info, char *line, bool *text_mode);

/* Everything else. loader is all zero before. */
void multiboot1_parse(paddr_t info, struct loader *loader);
void multiboot2_parse(paddr_t info, struct loader *loader);

/* For the parsers: check and add one item. Bad ones are named in the log and left out, a bad first module is fatal. */
void loader_memory_add(struct loader *loader, uint64_t address, uint64_t size, uint32_t type);
void loader_memory_basic(struct loader *loader, uint32_t lower_kib, uint32_t upper_kib);
void loader_module_add(struct loader *loader, paddr_t begin, paddr_t end, paddr_t text);
void loader_framebuffer(struct loader *loader, uint64_t address, uint32_t pitch, uint32_t width, uint32_t height, uint8_t bits,
                        uint8_t type);

/* Bytes at a physical address; a fatal message naming 'what' if there can be none. */
const uint8_t *loader_view(unsigned slot, paddr_t address, size_t size, const char *what);

/* Copies a command line of at most length bytes; one that is too long is cut with a log line. */
void loader_line_copy(char *line, const uint8_t *text, size_t length);

/* After parsing: modules and memory must be there; says what did not fit; the image must not lie in a module. */
void loader_check(struct loader *loader, paddr_t image_begin, paddr_t image_end);

#endif
