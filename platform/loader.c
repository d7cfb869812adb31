/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Checks that Multiboot 1 and 2 have in common. Each value from outside passes exactly one of these functions on its way into struct loader.
 */
#include "platform/loader.h"

#include "core/lib/log.h"
#include "core/lib/string.h"
#include "hal/physical.h"

enum { FRAMEBUFFER_TEXT = 2, MEBIBYTE = 1 << 20 };

const uint8_t *loader_view(unsigned slot, paddr_t address, size_t size, const char *what)
{
    const uint8_t *view = physical_window(slot, address, size);
    if (!view)
        fatal("multiboot: %s at 0x%llx is out of this CPU's reach: the boot loader handed over a wrong address", what,
              (unsigned long long)address);
    return view;
}

void loader_line_copy(char *line, const uint8_t *text, size_t length)
{
    size_t i = 0;
    while (i < length && i < BOOT_COMMAND_LINE_MAX - 1 && text[i]) {
        line[i] = (char)text[i];
        i++;
    }
    line[i] = 0;
    if (i == BOOT_COMMAND_LINE_MAX - 1 && i < length && text[i])
        log_line("command line: longer than %u characters, the rest is ignored", BOOT_COMMAND_LINE_MAX - 1);
    else if (i == length)
        log_line("command line: no terminating 0 within %u bytes; the part up to there is used", (unsigned)length);
}

void loader_memory_add(struct loader *loader, uint64_t address, uint64_t size, uint32_t type)
{
    unsigned number = loader->memories_seen++;
    if (!size)
        return;
    if (address + size < address && address + size) {
        log_line("%s: memory map entry %u (0x%llx + 0x%llx) wraps around and is left out", loader->name, number,
                 (unsigned long long)address, (unsigned long long)size);
        return;
    }
    /* The very last byte of the address space is nobody's RAM; without it an end is always above its begin. */
    if (!(address + size))
        size--;
    if (loader->memories == LOADER_MEMORY_MAX)
        return;
    bool known = type >= NOVA_MEMORY_AVAILABLE && type <= NOVA_MEMORY_ACPI_NVS;
    loader->memory[loader->memories++] =
        (struct loader_memory){address, address + size, known ? (int32_t)type : NOVA_MEMORY_RESERVED};
}

void loader_memory_basic(struct loader *loader, uint32_t lower_kib, uint32_t upper_kib)
{
    if (lower_kib > 640)
        lower_kib = 640;
    loader_memory_add(loader, 0, (uint64_t)lower_kib << 10, NOVA_MEMORY_AVAILABLE);
    loader_memory_add(loader, MEBIBYTE, (uint64_t)upper_kib << 10, NOVA_MEMORY_AVAILABLE);
}

/* Length of the command line incl. its 0, or 0 if there is none within LOADER_TEXT_MAX bytes. */
static size_t text_length(paddr_t text)
{
    const uint8_t *view = physical_window(1, text, LOADER_TEXT_MAX);
    for (size_t i = 0; view && i < LOADER_TEXT_MAX; i++)
        if (!view[i])
            return i + 1;
    return 0;
}

void loader_module_add(struct loader *loader, paddr_t begin, paddr_t end, paddr_t text)
{
    unsigned number = loader->modules_seen++;
    if (begin >= end) {
        if (!number)
            fatal("%s: the first module (0x%llx-0x%llx) is empty or ends before it begins: it must be the root task", loader->name,
                  (unsigned long long)begin, (unsigned long long)end);
        log_line("%s: module %u (0x%llx-0x%llx) is empty or ends before it begins and is left out", loader->name, number,
                 (unsigned long long)begin, (unsigned long long)end);
        return;
    }
    for (unsigned i = 0; i < loader->modules; i++)
        if (begin < loader->module[i].end && loader->module[i].begin < end) {
            log_line("%s: module %u (0x%llx-0x%llx) overlaps another one at 0x%llx-0x%llx and is left out", loader->name, number,
                     (unsigned long long)begin, (unsigned long long)end, (unsigned long long)loader->module[i].begin,
                     (unsigned long long)loader->module[i].end);
            return;
        }
    if (loader->modules == LOADER_MODULE_MAX)
        return;
    size_t length = text ? text_length(text) : 0;
    if (text && !length)
        log_line("%s: the command line of module %u at 0x%llx has no end within %u bytes; the module counts as having none",
                 loader->name, number, (unsigned long long)text, LOADER_TEXT_MAX);
    /* The HIP has 32 bits for its address. */
    if (!length || text + length > 0xffffffff)
        text = length = 0;
    loader->module[loader->modules++] = (struct loader_module){begin, end, text, text + length};
}

void loader_framebuffer(struct loader *loader, uint64_t address, uint32_t pitch, uint32_t width, uint32_t height, uint8_t bits,
                        uint8_t type)
{
    loader->text_mode = type == FRAMEBUFFER_TEXT;
    if (width >> 24 || height >> 24) {
        log_line("%s: framebuffer of %u x %u points cannot be and is left out", loader->name, width, height);
        return;
    }
    uint64_t shape = (uint64_t)width << 40 | (uint64_t)height << 16 | (uint64_t)type << 8 | bits;
    loader->framebuffer = (struct nova_hip_memory){address, shape, NOVA_MEMORY_FRAMEBUFFER, pitch};
}

void loader_check(struct loader *loader, paddr_t image_begin, paddr_t image_end)
{
    if (!loader->memories)
        fatal("%s: neither a memory map nor a memory size that can be used: the boot loader has to pass one", loader->name);
    if (!loader->modules)
        fatal("%s: no module: the first module must be the root task (GRUB: module /path/to/root)", loader->name);
    unsigned kept = 0;
    for (unsigned i = 0; i < loader->modules; i++) {
        const struct loader_module *module = &loader->module[i];
        if (module->begin < image_end && image_begin < module->end) {
            if (!i)
                fatal("%s: the root task (module 0, 0x%llx-0x%llx) overlaps the kernel at 0x%llx-0x%llx", loader->name,
                      (unsigned long long)module->begin, (unsigned long long)module->end, (unsigned long long)image_begin,
                      (unsigned long long)image_end);
            log_line("%s: the module at 0x%llx-0x%llx overlaps the kernel and is left out", loader->name,
                     (unsigned long long)module->begin, (unsigned long long)module->end);
            continue;
        }
        loader->module[kept++] = *module;
    }
    loader->modules = kept;
    if (loader->modules_seen > LOADER_MODULE_MAX)
        log_line("%s: %u modules, the kernel takes %u: the others are left out", loader->name, loader->modules_seen,
                 LOADER_MODULE_MAX);
    if (loader->memories_seen > LOADER_MEMORY_MAX)
        log_line("%s: %u memory map entries, the kernel takes %u: the others are left out", loader->name, loader->memories_seen,
                 LOADER_MEMORY_MAX);
}
