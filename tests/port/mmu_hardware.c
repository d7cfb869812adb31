/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A model of the hardware that keeps every translation as long as the manual lets it (Intel SDM vol. 3, 4.10): TLBs with and without PCIDs, with large pages as a whole or in
 * parts, and on 32 bit the four page directory pointers that a CPU reads only when CR3 is loaded. And what mmu*.c need of the rest of the kernel.
 */
#include "tests/port/mmu.h"
#include "tests/dice.h"

#include "core/lib/log.h"
#include "hal/boot_info.h"
#include "hal/cpu.h"
#include "hal/physical.h"
#include "ports/x86/kernel_map.h"
#include "ports/x86/mmu.h"
#include "ports/x86/mtrr.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TLB_SIZE = 256, KERNEL_ROOT = 0x7000 };

word physical_pool_offset;
uint64_t entry_no_execute = ENTRY_NX_BIT;
uint32_t features_used;
uint64_t kernel_root[ROOT_ENTRIES];
unsigned current;
static struct x86_cpu locals[CPUS];
const char *phase = "";

void fail(const char *format, ...)
{
    va_list list;
    va_start(list, format);
    printf("not ok %s: ", phase);
    vprintf(format, list);
    printf("\n");
    exit(1);
}

unsigned cpu_number(void) { return current; }
void cpu_pause(void) {}
struct x86_cpu *x86_cpu_self(void) { return &locals[current]; }
void io_bitmap_reset(struct x86_cpu *cpu) { cpu->io_mmu = 0; }
void io_bitmap_invalidate(void) { io_bitmap_reset(&locals[current]); }
paddr_t kernel_root_phys(void) { return KERNEL_ROOT; }
void fatal(const char *format, ...) { fail("fatal: %s", format); }
void log_line(const char *format, ...) { (void)format; }

/* Two places with memory types of their own. */
bool mtrr_uniform(word frame, word count)
{
    static const uint64_t odd[][2] = {{0xa0, 0xc0}, {0x54320, 0x54340}};
    for (unsigned i = 0; i < 2; i++) {
        bool outside = frame >= odd[i][1] || frame + count <= odd[i][0], inside = frame >= odd[i][0] && frame + count <= odd[i][1];
        if (!outside && !inside)
            return false;
    }
    return true;
}

unsigned pick(unsigned n)
{
    static uint64_t seed = 1;
    return dice(&seed, n);
}

/* What a TLB entry says of the pages from 'page' on; entry is of the first of them. */
struct translation {
    unsigned tag, level; /* level: of the leaf that it comes from */
    word page, span;
    uint64_t entry;
};

static struct {
    uint64_t cr3, pointers[4];
    unsigned count;
    struct translation tlb[TLB_SIZE];
} hardware[CPUS];
unsigned large_seen[4];

void hardware_reset(void) { hardware[current].count = 0; }

static unsigned tag_now(void) { return features_used >> FEATURE_PCID & 1 ? hardware[current].cr3 & 0xfff : 0; }

static void drop(bool all, word page)
{
    struct translation *t = hardware[current].tlb;
    unsigned kept = 0;
    for (unsigned i = 0; i < hardware[current].count; i++)
        if (t[i].tag != tag_now() || !(all || page - t[i].page < t[i].span))
            t[kept++] = t[i];
    hardware[current].count = kept;
}

word cr3_read(void) { return (word)hardware[current].cr3; }

void cr3_write(word value)
{
    bool keep = (uint64_t)value >> 63 && features_used >> FEATURE_PCID & 1;
    hardware[current].cr3 = (uint64_t)value & ~ENTRY_NX_BIT;
    if (!keep)
        drop(true, 0);
    paddr_t root = hardware[current].cr3 & ENTRY_ADDRESS;
    if (TABLE_LEVELS == 3 && root != KERNEL_ROOT)
        memcpy(hardware[current].pointers, phys_to_virt(root), sizeof hardware[current].pointers);
}

void page_flush(word address) { drop(false, address >> PAGE_BITS); }

/* The leaf as if it were one of a small page. */
static uint64_t part_of(uint64_t entry, word offset) { return entry + ((uint64_t)offset << PAGE_BITS); }

/* Leaf entry that an access of user mode uses, 0 = page fault. */
static uint64_t access_once(word page)
{
    struct translation *t = hardware[current].tlb;
    bool ahead = !pick(16); /* the CPU may walk although it has it */
    for (unsigned i = 0; i < hardware[current].count && !ahead; i++)
        if (t[i].tag == tag_now() && page - t[i].page < t[i].span)
            return part_of(t[i].entry, page - t[i].page);
    paddr_t table = hardware[current].cr3 & ENTRY_ADDRESS;
    if (table == KERNEL_ROOT)
        return 0;
    uint64_t entry = 0;
    int level = TABLE_LEVELS;
    for (;; level--) {
        unsigned index = (unsigned)(page >> 9 * (level - 1)) & 511;
        bool pointer = TABLE_LEVELS == 3 && level == 3;
        if (pointer) {
            entry = hardware[current].pointers[index];
            if (entry & 0x1e6)
                fail("reserved bits in a page directory pointer: %llx", (unsigned long long)entry);
        } else {
            entry = ((uint64_t *)phys_to_virt(table))[index];
        }
        if (!(entry & ENTRY_PRESENT))
            return 0;
        if (!pointer && !(entry & ENTRY_USER))
            fail("page %lx: level %d is the kernel's: %llx", (unsigned long)page, level, (unsigned long long)entry);
        if (level == 1 || entry & ENTRY_LARGE)
            break;
        if (!pointer && (!(entry & ENTRY_WRITE) || entry & ENTRY_NX_BIT))
            fail("page %lx: level %d takes rights away: %llx", (unsigned long)page, level, (unsigned long long)entry);
        table = entry & ENTRY_ADDRESS;
    }
    if (level == 1 && entry & ENTRY_LARGE)
        fail("page %lx: the bit of large pages chooses another memory type in a small one", (unsigned long)page);
    word span = (word)1 << 9 * (level - 1), offset = page & (span - 1);
    uint64_t frame = (entry & ENTRY_ADDRESS) >> PAGE_BITS;
    if (level > (features_used >> FEATURE_PAGE_1G & 1 ? 3 : 2) || frame & (span - 1))
        fail("page %lx: a leaf of level %d with frame %llx", (unsigned long)page, level, (unsigned long long)frame);
    if (!mtrr_uniform(frame, span))
        fail("page %lx: frame %llx, level %d: more than one memory type", (unsigned long)page, (unsigned long long)frame, level);
    large_seen[level]++;
    if (level > 1)
        entry &= ~ENTRY_LARGE;
    struct translation new = {tag_now(), (unsigned)level, page - offset, span, entry};
    if (pick(2))
        new = (struct translation){tag_now(), (unsigned)level, page, 1, part_of(entry, offset)};
    for (unsigned i = 0; i < hardware[current].count && !feature(FEATURE_RESIZE); i++)
        if (t[i].tag == new.tag && t[i].level != new.level && (t[i].page - new.page < new.span || new.page - t[i].page < t[i].span))
            fail("page %lx: machine check, it is in the TLB as a leaf of level %u and %u", (unsigned long)page, t[i].level, level);
    unsigned at = hardware[current].count < TLB_SIZE ? hardware[current].count++ : pick(TLB_SIZE);
    t[at] = new;
    return part_of(entry, offset);
}

uint64_t access_page(const struct mmu *mmu, word page)
{
    for (unsigned tries = 0;; tries++) {
        uint64_t entry = access_once(page);
        if (entry || !mmu_fault_retry(mmu))
            return entry;
        if (tries == 3)
            fail("mmu_fault_retry goes on and on");
    }
}
