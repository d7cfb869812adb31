/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the vTLB is compared with: a second, plain walk over the guest's tables, by the manuals' words (Intel SDM vol. 3, 4.3 to 4.8), and a processor that walks the shadow
 * tables and keeps nothing else. Also what the vTLB asks of the kernel around it.
 */
#include "tests/port/vtlb.h"

#include "core/lib/log.h"
#include "hal/physical.h"
#include "ports/x86/control.h"
#include "ports/x86/features.h"
#include "ports/x86/kernel_map.h"
#include "ports/x86/page_table.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

word physical_pool_offset;
uint64_t entry_no_execute = ENTRY_NX_BIT;
uint32_t features_used = 1u << FEATURE_PAGE_1G;
uint64_t memory[GUEST_PAGES][512] __attribute__((aligned(4096)));
uint8_t rights[GUEST_PAGES];
word generation;
struct vtlb vtlb;
unsigned paging;
unsigned long steps;

void fail(const char *format, ...)
{
    va_list list;
    va_start(list, format);
    printf("not ok step %lu: ", steps);
    vprintf(format, list);
    printf("\n");
    exit(1);
}

struct cpuid cpuid(uint32_t leaf, uint32_t subleaf)
{
    (void)subleaf;
    return leaf == 7 ? (struct cpuid){0, 1 | 1 << 7 | 1 << 20, 0, 0} : (struct cpuid){0, 0, 0, 0};
}
unsigned cpu_physical_bits(void) { return PHYSICAL_BITS; }
void fatal(const char *format, ...) { fail("%s", format); }

unsigned rights_of(uint64_t page)
{
    if (page >= LARGE_FROM && page < LARGE_FROM + LARGE_PAGES)
        return MMU_READ | MMU_WRITE | MMU_EXECUTE;
    return page < 1 << 18 ? rights[page % GUEST_PAGES] : 0;
}
uint64_t frame_of(uint64_t page)
{
    bool large = page >= LARGE_FROM && page < LARGE_FROM + LARGE_PAGES;
    return large ? LARGE_FRAME + page - LARGE_FROM : FRAMES + page % GUEST_PAGES;
}
struct mmu_leaf mmu_guest_find(const struct mmu *mmu, word page)
{
    (void)mmu;
    bool large = page >= LARGE_FROM && page < LARGE_FROM + LARGE_PAGES;
    return (struct mmu_leaf){frame_of(page), rights_of(page), large ? 2 : 1, MEMORY_WRITE_BACK};
}
word mmu_guest_generation(const struct mmu *mmu)
{
    (void)mmu;
    return generation;
}
void *kernel_map_frame(uint64_t frame)
{
    if (frame < FRAMES || frame >= FRAMES + GUEST_PAGES)
        return 0;
    return memory[frame - FRAMES];
}

static struct answer guest_fault(unsigned access, unsigned why)
{
    bool fetch = (vtlb.efer & EFER_NXE && vtlb.cr4 & CR4_PAE) || vtlb.cr4 & CR4_SMEP;
    return (struct answer){.outcome = VTLB_FAULT, .error = (access & 6) | (fetch ? access & 16 : 0) | why};
}

struct answer plain_walk(word address, unsigned access)
{
    struct answer answer = {.outcome = VTLB_DONE, .dirty = true};
    bool w = true, u = true, x = true, user = access & FAULT_USER;
    int level = paging == 3 ? 4 : 2;
    uint64_t table = vtlb.cr3 & ~(uint64_t)0xfff;
    if (paging == 0)
        answer.address = (uint32_t)address;
    if (paging == 2) {
        if (!(vtlb.pointer[address >> 30 & 3] & 1))
            return guest_fault(access, 0);
        table = vtlb.pointer[address >> 30 & 3] & ~(uint64_t)0xfff;
    }
    for (; paging; level--) {
        unsigned bits = paging == 1 ? 10 : 9, shift = 12 + bits * (unsigned)(level - 1),
                 index = (unsigned)(address >> shift) & ((1u << bits) - 1);
        uint64_t page = table >> 12, at = table + index * (paging == 1 ? 4 : 8), entry;
        if (!rights_of(page) || page >= LARGE_FROM)
            if (!rights_of(page) || !kernel_map_frame(frame_of(page)))
                return (struct answer){.outcome = VTLB_MEMORY, .address = at};
        void *place = (char *)kernel_map_frame(frame_of(page)) + at % 4096;
        entry = paging == 1 ? *(uint32_t *)place : *(uint64_t *)place;
        if (!(entry & 1))
            return guest_fault(access, 0);
        bool large = level > 1 && level < 4 && entry & ENTRY_LARGE && (paging > 1 || vtlb.cr4 & CR4_PSE);
        bool bad =
            paging == 1 ? large && entry >> 21 & 1 : (entry >> PHYSICAL_BITS & (((uint64_t)1 << (52 - PHYSICAL_BITS)) - 1)) != 0;
        if (paging > 1) {
            bad |= entry >> 63 && !(vtlb.efer & EFER_NXE);
            bad |= paging == 2 && entry >> 52 & 0x7ff;
            bad |= level == 4 && entry & ENTRY_LARGE;
            bad |= large && level == 2 && entry >> 13 & 0xff;
            bad |= large && level == 3 && entry >> 13 & 0x1ffff;
        }
        if (bad)
            return guest_fault(access, FAULT_PRESENT | FAULT_RESERVED);
        w = w && entry & 2;
        u = u && entry & 4;
        x = x && !(paging > 1 && entry >> 63);
        bool leaf = large || level == 1;
        if (leaf) {
            bool good = !user || u;
            good = good && (!(access & FAULT_WRITE) || w || (!user && !(vtlb.cr0 & CR0_WP)));
            if (access & FAULT_FETCH)
                good = good && x && (user || !(vtlb.cr4 & CR4_SMEP && u));
            else
                good = good && (user || !u || !vtlb.strict);
            if (!good)
                return guest_fault(access, FAULT_PRESENT);
        }
        uint64_t need = 0x20 | (leaf && access & FAULT_WRITE ? 0x40 : 0);
        if ((entry & need) != need && !(rights_of(page) & MMU_WRITE))
            return (struct answer){.outcome = VTLB_MEMORY, .address = at};
        if (leaf) {
            uint64_t mask = ((uint64_t)1 << shift) - 1, base = entry & 0xffffffffff000;
            if (paging == 1)
                base = (entry & 0xfffff000) | (large ? (entry >> 13 & 0xff) << 32 : 0);
            answer.address = (base & ~mask) | (address & mask);
            answer.span = (word)mask + 1;
            if (paging == 1)
                answer.leaf32 = place;
            else
                answer.leaf64 = place;
            break;
        }
        table = paging == 1 ? entry & 0xfffff000 : entry & 0xffffffffff000;
    }
    unsigned has = rights_of(answer.address >> 12);
    if (!has || (access & FAULT_WRITE && !(has & MMU_WRITE)) || (access & FAULT_FETCH && !(has & MMU_EXECUTE)))
        answer.outcome = VTLB_MEMORY;
    return answer;
}

bool hardware_access(word address, unsigned access, uint64_t *frame)
{
    struct vtlb_hardware hardware = vtlb_hardware(&vtlb);
    if (!(hardware.cr0 & CR0_WP) || !(hardware.cr0 & CR0_PG) || !(hardware.cr4 & CR4_PAE) || hardware.cr4 & CR4_PGE)
        fail("registers of the hardware");
    uint64_t *table = (uint64_t *)(word)hardware.cr3, entry = 0;
    bool w = true, u = true, x = true, user = access & FAULT_USER;
    int level = hardware.efer & EFER_LMA ? 4 : 3;
    if (level == 3)
        address = (uint32_t)address;
    for (;; level--) {
        unsigned index = (unsigned)(address >> (12 + 9 * (level - 1))) & (level == 3 && !(hardware.efer & EFER_LMA) ? 3 : 511);
        entry = table[index];
        if (!(entry & 1))
            return false;
        if (hardware.efer & EFER_LMA || level < 3) {
            w = w && entry & 2;
            u = u && entry & 4;
            x = x && !(entry >> 63);
        } else if (entry & 0x1e6)
            fail("reserved bits in a pointer");
        if (level == 1 || entry & ENTRY_LARGE)
            break;
        if (level == 2)
            table[index] |= ENTRY_ACCESSED;
        table = (uint64_t *)(word)(entry & ENTRY_ADDRESS);
    }
    *frame = ((entry & ENTRY_ADDRESS) >> 12) + (level == 2 ? address >> 12 & 511 : 0);
    if ((user && !u) || (access & FAULT_WRITE && !w))
        return false;
    if (access & FAULT_FETCH)
        return x && (user || !(hardware.cr4 & CR4_SMEP && u));
    return user || !u || !vtlb.strict || !(hardware.cr4 & CR4_SMAP);
}
