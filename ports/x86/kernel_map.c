/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Fills in the kernel tables that layout.h lays out and boot.S links. All entries are global (the same in every address space)
 * except windows and the 1:1 view. Boot CPU only, before user threads run: no locks.
 */
#include "ports/x86/kernel_map.h"

#include "core/lib/log.h"
#include "core/lib/string.h"
#include "hal/boot_info.h"
#include "hal/cpu.h"
#include "hal/physical.h"
#include "layout.h"
#include "platform/platform.h"
#include "ports/x86/control.h"
#include "ports/x86/features.h"
#include "ports/x86/page_table.h"

/* Borders of the image, from the linker script; all page aligned. The first two are physical: code that runs 1:1. */
extern char _boot_begin[], _boot_end[], _text_begin[], _text_end[], _rodata_begin[], _rodata_end[], _data_begin[], _image_end[];

word physical_pool_offset;
uint64_t entry_no_execute;

/* For the pool's first and last pages where they do not fill a large page. */
static uint64_t pool_edge_table[2][TABLE_ENTRIES] __attribute__((aligned(4096)));
static unsigned pool_edges;
static word device_next = DEVICE_BASE;

paddr_t kernel_image_phys(const void *pointer) { return (word)pointer - KERNEL_OFFSET; }

paddr_t kernel_root_phys(void) { return kernel_image_phys(kernel_root); }

/* Drops all translations of this CPU, also global ones (SDM vol. 3, 4.10.4.1). */
static void flush_all(void)
{
    word cr4 = cr4_read();
    if (cr4 & CR4_PGE) {
        cr4_write(cr4 & ~CR4_PGE);
        cr4_write(cr4);
    }
    cr3_write(cr3_read());
}

static bool within(word address, const char *begin, const char *end) { return address >= (word)begin && address < (word)end; }

void kernel_map_protect(void)
{
    entry_no_execute = feature(FEATURE_NX) ? ENTRY_NX_BIT : 0;
    const uint64_t bits = ENTRY_PRESENT | ENTRY_GLOBAL | ENTRY_ACCESSED | ENTRY_DIRTY;
    for (paddr_t at = 0; at < KERNEL_PHYSICAL_LIMIT; at += PAGE_SIZE) {
        word address = (word)at + KERNEL_OFFSET;
        uint64_t value = 0;
        if (within(address, _text_begin, _text_end))
            value = at | bits;
        else if (within(address, _rodata_begin, _rodata_end))
            value = at | bits | entry_no_execute;
        else if (within((word)at, _boot_begin, _boot_end))
            value = at | ENTRY_PRESENT | ENTRY_ACCESSED; /* other CPUs start there; goes with the 1:1 view */
        else if (within(address, _data_begin, _image_end))
            value = at | bits | ENTRY_WRITE | entry_no_execute;
        entry_write(&kernel_table_image[at / LARGE_PAGE_SIZE][at / PAGE_SIZE % TABLE_ENTRIES], value);
    }
    flush_all();
}

static uint64_t *pool_entry(word address)
{
#ifdef __x86_64__
    uint64_t *directory = kernel_directory_pool[(address - POOL_BASE) >> 30];
#else
    uint64_t *directory = kernel_directory;
#endif
    return &directory[address / LARGE_PAGE_SIZE % TABLE_ENTRIES];
}

paddr_t port_pool_max(void) { return (paddr_t)POOL_SIZE - LARGE_PAGE_SIZE; /* the pool may begin inside a large page */ }

void *kernel_map_pool(void)
{
    paddr_t at = boot_info.pool_begin, end = boot_info.pool_end;
    word address = POOL_BASE + (word)(at % LARGE_PAGE_SIZE);
    void *begin = (void *)address;
    if (at >= end || end - at > port_pool_max())
        fatal("kernel memory pool %llx-%llx: the kernel can map at most %llu MiB; give it less memory", (unsigned long long)at,
              (unsigned long long)end, (unsigned long long)(port_pool_max() >> 20));
    physical_pool_offset = address - (word)at;
    const uint64_t bits = ENTRY_PRESENT | ENTRY_WRITE | ENTRY_GLOBAL | ENTRY_ACCESSED | ENTRY_DIRTY | entry_no_execute;
    while (at < end) {
        uint64_t *entry = pool_entry(address);
        if (at % LARGE_PAGE_SIZE == 0 && end - at >= LARGE_PAGE_SIZE) {
            entry_write(entry, at | bits | ENTRY_LARGE);
            at += LARGE_PAGE_SIZE;
            address += LARGE_PAGE_SIZE;
            continue;
        }
        uint64_t *table = pool_edge_table[pool_edges++];
        entry_write(entry, kernel_image_phys(table) | ENTRY_PRESENT | ENTRY_WRITE);
        do {
            entry_write(&table[at / PAGE_SIZE % TABLE_ENTRIES], at | bits);
            at += PAGE_SIZE;
            address += PAGE_SIZE;
        } while (at < end && at % LARGE_PAGE_SIZE);
    }
    return begin;
}

void kernel_map_identity(paddr_t address)
{
    entry_write(&kernel_table_image[0][address / PAGE_SIZE], address | ENTRY_PRESENT | ENTRY_ACCESSED);
}

void kernel_map_identity_drop(void)
{
    entry_write(&kernel_root[0], 0);
#ifdef __x86_64__
    entry_write(&kernel_top_image[0], 0);
#endif
    for (paddr_t at = 0; at < (word)_boot_end; at += PAGE_SIZE)
        entry_write(&kernel_table_image[0][at / PAGE_SIZE], 0);
    memset(kernel_table_window, 0, sizeof kernel_table_window);
    flush_all();
}

/* The range does not wrap and the CPU has address lines for it. */
static bool addressable(paddr_t address, size_t size)
{
    return address + size >= address && (address + size) >> cpu_physical_bits() == 0;
}

void *physical_window(unsigned slot, paddr_t address, size_t size)
{
    if (slot >= PHYSICAL_WINDOWS || size > PHYSICAL_WINDOW_SIZE || !addressable(address, size))
        return 0;
    word base = WINDOW_BASE + slot * (word)WINDOW_STRIDE;
    paddr_t frame = address & ~(paddr_t)(PAGE_SIZE - 1);
    for (unsigned i = 0; frame < address + size; i++, frame += PAGE_SIZE) {
        entry_write(&kernel_table_window[slot][i],
                    frame | ENTRY_PRESENT | ENTRY_WRITE | ENTRY_ACCESSED | ENTRY_DIRTY | entry_no_execute);
        page_flush(base + i * PAGE_SIZE);
    }
    return (void *)(base + (word)(address % PAGE_SIZE));
}

/* The second half of the first window's table holds a page for each CPU. Global, so that INVLPG reaches what is cached under any PCID. */
void *kernel_map_frame(uint64_t frame)
{
    enum { FIRST = PHYSICAL_WINDOW_SIZE / PAGE_SIZE };
    _Static_assert(FIRST + NOVA_CPUS <= TABLE_ENTRIES, "one page table");
    if (frame >> (cpu_physical_bits() - PAGE_BITS))
        return 0;
    unsigned slot = FIRST + cpu_number();
    uint64_t value =
        frame << PAGE_BITS | ENTRY_PRESENT | ENTRY_WRITE | ENTRY_GLOBAL | ENTRY_ACCESSED | ENTRY_DIRTY | entry_no_execute;
    word address = WINDOW_BASE + slot * (word)PAGE_SIZE;
    if (kernel_table_window[0][slot] != value) {
        entry_write(&kernel_table_window[0][slot], 0);
        entry_write(&kernel_table_window[0][slot], value);
        page_flush(address);
    }
    return (void *)address;
}

void *physical_device(paddr_t address, size_t size, enum memory_type type)
{
    word offset = (word)(address % PAGE_SIZE);
    if (!size || size > DEVICE_SIZE || !addressable(address, size))
        return 0;
    word length = (offset + size + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1), base = device_next;
    if (length > DEVICE_BASE + DEVICE_SIZE - base)
        return 0;
    device_next += length;
    uint64_t *entry = &kernel_table_device[0][(base - DEVICE_BASE) / PAGE_SIZE];
    for (paddr_t frame = address - offset; frame < address + size; frame += PAGE_SIZE)
        entry_write(entry++, frame | ENTRY_PRESENT | ENTRY_WRITE | ENTRY_GLOBAL | ENTRY_ACCESSED | ENTRY_DIRTY | entry_type(type) |
                                 entry_no_execute);
    return (void *)(base + offset);
}
