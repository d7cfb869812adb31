/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The MTRRs as read at boot. Where variable ranges overlap, uncached wins, write-through wins over write-back, and everything else that differs is
 * undefined and taken as uncached (SDM vol. 3, 11.11.4.1).
 */
#include "ports/x86/mtrr.h"

#include "ports/x86/features.h"
#include "ports/x86/msr.h"

enum {
    MSR_MTRR_CAP = 0xfe,
    MSR_MTRR_BASE_0 = 0x200,
    MSR_MTRR_FIX_64K = 0x250,
    MSR_MTRR_FIX_16K = 0x258, /* two */
    MSR_MTRR_FIX_4K = 0x268,  /* eight */
    MSR_MTRR_DEFAULT = 0x2ff,
    CAP_FIXED = 1 << 8,
    DEFAULT_FIXED = 1 << 10,
    DEFAULT_ENABLE = 1 << 11,
    MASK_VALID = 1 << 11,
    RANGES = 16,
    FIXED_END = 0x100 /* pages below 1 MiB */
};

static struct {
    uint64_t base, mask; /* in pages */
    word first, last;    /* all frames that match lie in between */
    bool solid;          /* and all of them match */
    unsigned type;
} ranges[RANGES];
static unsigned range_count, default_type = MTRR_WB;
static uint8_t fixed[FIXED_END];
static bool fixed_used; /* the first MiB has types of its own */

/* The frames of mappings fit a word; a range beyond them is one of frames that no mapping has. */
static word word_limit(uint64_t frame) { return frame < ~(word)0 ? (word)frame : ~(word)0; }

static void fixed_read(uint32_t msr, unsigned first, unsigned pages)
{
    uint64_t value = rdmsr(msr);
    for (unsigned i = 0; i < 8 * pages; i++)
        fixed[first + i] = (uint8_t)(value >> i / pages * 8);
}

void mtrr_boot(void)
{
    range_count = 0;
    if (!(cpuid(1, 0).d >> 12 & 1))
        return;
    uint64_t cap = rdmsr(MSR_MTRR_CAP), def = rdmsr(MSR_MTRR_DEFAULT);
    default_type = def & DEFAULT_ENABLE ? def & 0xff : MTRR_UC;
    if (!(def & DEFAULT_ENABLE))
        return;
    uint64_t address = ((uint64_t)1 << cpu_physical_bits()) - 1;
    for (unsigned i = 0; i < (cap & 0xff) && range_count < RANGES; i++) {
        uint64_t base = rdmsr(MSR_MTRR_BASE_0 + 2 * i), mask = rdmsr(MSR_MTRR_BASE_0 + 2 * i + 1);
        if (!(mask & MASK_VALID))
            continue;
        ranges[range_count].mask = (mask & address) >> PAGE_BITS;
        ranges[range_count].base = (base & address) >> PAGE_BITS & ranges[range_count].mask;
        uint64_t free = address >> PAGE_BITS & ~ranges[range_count].mask;
        ranges[range_count].first = word_limit(ranges[range_count].base);
        ranges[range_count].last = word_limit(ranges[range_count].base | free);
        ranges[range_count].solid = !(free & (free + 1));
        ranges[range_count++].type = base & 0xff;
    }
    if (!(cap & CAP_FIXED) || !(def & DEFAULT_FIXED))
        return;
    fixed_read(MSR_MTRR_FIX_64K, 0, 16);
    for (unsigned i = 0; i < 2; i++)
        fixed_read(MSR_MTRR_FIX_16K + i, 0x80 + i * 32, 4);
    for (unsigned i = 0; i < 8; i++)
        fixed_read(MSR_MTRR_FIX_4K + i, 0xc0 + i * 8, 1);
    fixed_used = true;
}

static unsigned combine(unsigned a, unsigned b)
{
    if (a == b)
        return a;
    return (a == MTRR_WT && b == MTRR_WB) || (a == MTRR_WB && b == MTRR_WT) ? MTRR_WT : MTRR_UC;
}

unsigned mtrr_type(uint64_t frame)
{
    if (fixed_used && frame < FIXED_END)
        return fixed[frame];
    bool found = false;
    unsigned type = default_type;
    for (unsigned i = 0; i < range_count; i++) {
        if ((frame & ranges[i].mask) != ranges[i].base)
            continue;
        type = found ? combine(type, ranges[i].type) : ranges[i].type;
        found = true;
    }
    return type;
}

bool mtrr_uniform(word frame, word count)
{
    if (fixed_used && frame < FIXED_END)
        return false;
    for (unsigned i = 0; i < range_count; i++) {
        word first = ranges[i].first, last = ranges[i].last, end = frame + (count - 1);
        if (frame <= last && end >= first && !(frame >= first && end <= last && ranges[i].solid))
            return false;
    }
    return true;
}
