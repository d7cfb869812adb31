/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * platform_boot: what the boot loader handed over, in the order that lets every later message be seen: command line, consoles, complaints, memory.
 */
#include "platform/platform.h"

#include "core/lib/log.h"
#include "core/lib/string.h"
#include "hal/physical.h"
#include "platform/acpi.h"
#include "platform/bytes.h"
#include "platform/command_line.h"
#include "platform/console.h"
#include "platform/loader.h"
#include "platform/memory_map.h"

/* Multiboot Specification 0.6.96 section 3.2, Multiboot2 Specification 2.0 section 3.3: EAX at entry. */
enum { MAGIC_1 = 0x2badb002, MAGIC_2 = 0x36d76289 };
enum { CONVENTIONAL_END = 640 << 10, EBDA_LEAST = 0x400, BIOS_EBDA = 0x40e };

struct boot_info boot_info;

static struct loader loader;
static paddr_t low_page;

paddr_t platform_low_page(void) { return low_page; }

/* Where the BIOS's extended data area begins (its segment is in the BIOS data area), or the end of conventional memory. */
paddr_t platform_ebda(void)
{
    const uint8_t *view = physical_window(2, BIOS_EBDA, sizeof(uint16_t));
    paddr_t ebda = view ? (paddr_t)bytes_u16(view) << 4 : 0;
    return ebda >= EBDA_LEAST && ebda < CONVENTIONAL_END ? ebda : CONVENTIONAL_END;
}

/* The highest free page below the EBDA: low ones may be of use to option ROMs and user space's BIOS emulators. */
static paddr_t choose_low_page(void)
{
    paddr_t begin, end, found = 0, limit = align_down(platform_ebda(), PAGE_SIZE);
    for (paddr_t from = PAGE_SIZE; memory_map_free(from, limit, &begin, &end); from = end)
        found = end - PAGE_SIZE;
    if (found)
        memory_map_take(found, found + PAGE_SIZE);
    else
        log_line("memory map: no free page below 640 KiB: only the boot CPU will be used");
    return found;
}

/* Near the pool, so that memory does not fall to pieces. */
static paddr_t choose_log_page(void)
{
    paddr_t begin, end;
    if (!memory_map_free(boot_info.pool_end, (paddr_t)1 << 32, &begin, &end) &&
        !memory_map_free((paddr_t)1 << 20, (paddr_t)1 << 32, &begin, &end)) {
        log_line("logmem: no free page for the log");
        return 0;
    }
    memory_map_take(begin, begin + PAGE_SIZE);
    return begin;
}

static void memory_boot(void)
{
    memory_map_begin(&loader, boot_info.image_begin, boot_info.image_end);
    low_page = choose_low_page();
    pool_choose(boot_info.image_end, boot_info.options.kmem, port_pool_max());
    if (boot_info.options.logmem)
        boot_info.log_page = choose_log_page();
    if (boot_info.log_page && !console_log_page(boot_info.log_page)) {
        log_line("logmem: the log page at 0x%llx cannot be mapped", (unsigned long long)boot_info.log_page);
        boot_info.log_page = 0;
    }
    memory_hide(boot_info.image_begin, boot_info.image_end);
    memory_hide(boot_info.pool_begin, boot_info.pool_end);
    if (low_page)
        memory_hide(low_page, low_page + PAGE_SIZE);
    memory_map_publish(&loader, low_page);
    boot_info.root_begin = loader.module[0].begin;
    boot_info.root_end = loader.module[0].end;
    acpi_rsdp_given(loader.rsdp, loader.rsdp_length);
}

void platform_boot(uint32_t magic, paddr_t info)
{
    bool text_mode;
    memset(&loader, 0, sizeof loader);
    if (magic == MAGIC_1)
        multiboot1_console(info, boot_info.command_line, &text_mode);
    else if (magic == MAGIC_2)
        multiboot2_console(info, boot_info.command_line, &text_mode);
    else
        fatal("boot: the loader's magic number is 0x%x; it must be a Multiboot loader (0x%x) or a Multiboot 2 loader (0x%x)", magic,
              MAGIC_1, MAGIC_2);
    command_line_parse(boot_info.command_line, &boot_info.options);
    console_boot(&boot_info.options, text_mode);
    port_greet();
    command_line_report(boot_info.command_line);

    if (magic == MAGIC_1)
        multiboot1_parse(info, &loader);
    else
        multiboot2_parse(info, &loader);
    loader_check(&loader, boot_info.image_begin, boot_info.image_end);
    memory_boot();
    log_line("%s: %u MiB of RAM, %u modules, kernel memory 0x%llx-0x%llx", loader.name, (unsigned)(memory_map_ram() >> 20),
             loader.modules, (unsigned long long)boot_info.pool_begin, (unsigned long long)boot_info.pool_end);
}
