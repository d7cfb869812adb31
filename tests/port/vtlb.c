/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The vTLB of ports/x86 as a program: random page tables of a guest in every format, tables that are data and each other's tables, changed entries with the
 * INVLPG or MOV CR3 that the manuals ask for, a guest view that loses pages. A processor that walks the shadow tables and keeps nothing else has to come to what
 * a second, plain walk over the guest's tables says, with the accessed and dirty bits that belong to it. And flushes are counted: no emulator keeps translations
 * that should have gone, so this is the place that sees a missing one.
 */
#include "ports/x86/vtlb.h"

#include "core/lib/log.h"
#include "hal/physical.h"
#include "ports/x86/control.h"
#include "ports/x86/features.h"
#include "ports/x86/kernel_map.h"
#include "ports/x86/page_table.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    GUEST_PAGES = 64,
    TABLES = 16,
    FRAMES = 1000,
    LARGE_FROM = 1024,
    LARGE_PAGES = 512,
    LARGE_FRAME = 5 * 512,
    PHYSICAL_BITS = 40
};

word physical_pool_offset;
uint64_t entry_no_execute = ENTRY_NX_BIT;
uint32_t features_used = 1u << FEATURE_PAGE_1G;
static uint64_t memory[GUEST_PAGES][512] __attribute__((aligned(4096)));
static uint8_t rights[GUEST_PAGES];
static char pool[VTLB_PAGES_MIN * PAGE_SIZE] __attribute__((aligned(4096)));
static struct vtlb vtlb;
static word generation;
static unsigned long steps, counts[4], cached, recycled;

static void __attribute__((format(printf, 1, 2), noreturn)) fail(const char *format, ...)
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

/* The guest view: small pages that repeat, with holes, and one large page. */
static unsigned rights_of(uint64_t page)
{
    if (page >= LARGE_FROM && page < LARGE_FROM + LARGE_PAGES)
        return MMU_READ | MMU_WRITE | MMU_EXECUTE;
    return page < 1 << 18 ? rights[page % GUEST_PAGES] : 0;
}
static uint64_t frame_of(uint64_t page)
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

static uint64_t seed;
static unsigned chance(unsigned n)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (unsigned)(seed >> 20) % n;
}

static unsigned format; /* 0 none, 1 two levels, 2 PAE, 3 four levels */
static bool wide;       /* more directory entries are in use than the pool has pages */
static const uint16_t indices[4] = {0, 1, 2, 511};
enum { WIDE = 64 };

static word address_pick(void)
{
    word address = chance(4096);
    if (format <= 1)
        return address | (word)indices[chance(4)] << 12 | (word)indices[chance(4)] << 22;
    address |= (word)indices[chance(4)] << 12 | (word)(wide ? chance(WIDE) : indices[chance(4)]) << 21;
    if (format == 2)
        return address | (word)chance(4) << 30;
#ifdef __x86_64__
    address |= (word)indices[chance(4)] << 30 | (word)indices[chance(4)] << 39;
    if (address >> 47 & 1)
        address |= (word)0xffff << 48;
#endif
    return address;
}

/* What the guest's tables say. */
struct answer {
    enum vtlb_outcome outcome;
    unsigned error;
    uint64_t address;
    uint64_t *leaf64;
    uint32_t *leaf32;
    word span; /* of the guest's page */
    bool dirty;
};

static struct answer guest_fault(unsigned access, unsigned why)
{
    bool fetch = (vtlb.efer & EFER_NXE && vtlb.cr4 & CR4_PAE) || vtlb.cr4 & CR4_SMEP;
    return (struct answer){.outcome = VTLB_FAULT, .error = (access & 6) | (fetch ? access & 16 : 0) | why};
}

static struct answer plain_walk(word address, unsigned access)
{
    struct answer answer = {.outcome = VTLB_DONE, .dirty = true};
    bool w = true, u = true, x = true, user = access & FAULT_USER;
    int level = format == 3 ? 4 : 2;
    uint64_t table = vtlb.cr3 & ~(uint64_t)0xfff;
    if (format == 0)
        answer.address = (uint32_t)address;
    if (format == 2) {
        if (!(vtlb.pointer[address >> 30 & 3] & 1))
            return guest_fault(access, 0);
        table = vtlb.pointer[address >> 30 & 3] & ~(uint64_t)0xfff;
    }
    for (; format; level--) {
        unsigned bits = format == 1 ? 10 : 9, shift = 12 + bits * (unsigned)(level - 1),
                 index = (unsigned)(address >> shift) & ((1u << bits) - 1);
        uint64_t page = table >> 12, at = table + index * (format == 1 ? 4 : 8), entry;
        if (!rights_of(page) || page >= LARGE_FROM)
            if (!rights_of(page) || !kernel_map_frame(frame_of(page)))
                return (struct answer){.outcome = VTLB_MEMORY, .address = at};
        void *place = (char *)kernel_map_frame(frame_of(page)) + at % 4096;
        entry = format == 1 ? *(uint32_t *)place : *(uint64_t *)place;
        if (!(entry & 1))
            return guest_fault(access, 0);
        bool large = level > 1 && level < 4 && entry & ENTRY_LARGE && (format > 1 || vtlb.cr4 & CR4_PSE);
        bool bad =
            format == 1 ? large && entry >> 21 & 1 : (entry >> PHYSICAL_BITS & (((uint64_t)1 << (52 - PHYSICAL_BITS)) - 1)) != 0;
        if (format > 1) {
            bad |= entry >> 63 && !(vtlb.efer & EFER_NXE);
            bad |= format == 2 && entry >> 52 & 0x7ff;
            bad |= level == 4 && entry & ENTRY_LARGE;
            bad |= large && level == 2 && entry >> 13 & 0xff;
            bad |= large && level == 3 && entry >> 13 & 0x1ffff;
        }
        if (bad)
            return guest_fault(access, FAULT_PRESENT | FAULT_RESERVED);
        w = w && entry & 2;
        u = u && entry & 4;
        x = x && !(format > 1 && entry >> 63);
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
            if (format == 1)
                base = (entry & 0xfffff000) | (large ? (entry >> 13 & 0xff) << 32 : 0);
            answer.address = (base & ~mask) | (address & mask);
            answer.span = (word)mask + 1;
            if (format == 1)
                answer.leaf32 = place;
            else
                answer.leaf64 = place;
            break;
        }
        table = format == 1 ? entry & 0xfffff000 : entry & 0xffffffffff000;
    }
    unsigned has = rights_of(answer.address >> 12);
    if (!has || (access & FAULT_WRITE && !(has & MMU_WRITE)) || (access & FAULT_FETCH && !(has & MMU_EXECUTE)))
        answer.outcome = VTLB_MEMORY;
    return answer;
}

/* A processor that walks the shadow tables: true = the access goes to *frame. */
static bool hardware_access(word address, unsigned access, uint64_t *frame)
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

static void access_random(void)
{
    static const uint8_t kinds[] = {0, 2, 4, 6, 16, 20};
    word address = address_pick();
    unsigned access = kinds[chance(6)];
    /* Without write protection a page may be hidden from user mode, and so from SMAP: see shadow_entry. */
    vtlb.strict = vtlb.cr4 & CR4_SMAP && vtlb.cr0 & CR0_WP && chance(2);
    struct answer answer = plain_walk(address, access);
    uint64_t frame = 0;
    enum vtlb_outcome outcome = VTLB_DONE;
    unsigned tries = 0;
    while (!hardware_access(address, access, &frame)) {
        if (++tries > 3)
            fail("format %u: %lx access %u does not come through", format, (unsigned long)address, access);
        outcome = vtlb_miss(&vtlb, address, access | FAULT_PRESENT);
        vtlb.flushed = false;
        if (outcome != VTLB_DONE)
            break;
    }
    cached += !tries;
    if (outcome != answer.outcome)
        fail("format %u: %lx access %u: outcome %u, not %u", format, (unsigned long)address, access, outcome, answer.outcome);
    counts[outcome]++;
    if (outcome == VTLB_FAULT && (vtlb.fault_vector != 14 || vtlb.fault_error != answer.error))
        fail("format %u: %lx access %u: error %x, not %x", format, (unsigned long)address, access, vtlb.fault_error, answer.error);
    if (outcome == VTLB_MEMORY && vtlb.fault_address != answer.address)
        fail("format %u: %lx: memory %llx, not %llx", format, (unsigned long)address, (unsigned long long)vtlb.fault_address,
             (unsigned long long)answer.address);
    if (outcome != VTLB_DONE)
        return;
    if (frame != frame_of(answer.address >> 12))
        fail("format %u: %lx access %u: frame %llx, not %llx", format, (unsigned long)address, access, (unsigned long long)frame,
             (unsigned long long)frame_of(answer.address >> 12));
    uint64_t leaf = answer.leaf64   ? *answer.leaf64
                    : answer.leaf32 ? *answer.leaf32
                                    : 0x60,
             need = access & FAULT_WRITE ? 0x60 : 0x20;
    if ((leaf & need) != need)
        fail("format %u: %lx access %u: no accessed or dirty bit", format, (unsigned long)address, access);
}

static void entry_random(void)
{
    unsigned page = chance(TABLES), index = wide && chance(2) ? chance(WIDE) : indices[chance(4)];
    uint64_t target = chance(3) ? chance(TABLES) : chance(GUEST_PAGES), value = target << 12 | (chance(8) ? 7 : chance(8));
    if (!chance(4))
        value = (uint64_t)(chance(2) ? 0 : LARGE_FROM) << 12 | ENTRY_LARGE | 7;
    if (!chance(8))
        value &= ~(uint64_t)(2 << chance(2));
    if (format == 1) {
        if (!chance(30))
            value |= 1 << 21;
        ((uint32_t *)memory[page])[index] = (uint32_t)value;
    } else {
        if (!chance(20))
            value |= ENTRY_NX_BIT;
        if (!chance(60))
            value |= (uint64_t)1 << (40 + chance(12));
        memory[page][index] = value;
    }
}

/* INVLPG of what the hardware may hold: it is out of the tables, and the hardware is to be flushed. */
static void invalidate_random(void)
{
    word address = address_pick();
    uint64_t frame;
    vtlb.strict = false;
    struct answer answer = plain_walk(address, 0);
    if (answer.outcome != VTLB_DONE || answer.span > (word)LARGE_PAGE_SIZE * 2)
        answer.span = 0;
    for (unsigned i = 0; i < 8 && answer.span > PAGE_SIZE; i++)
        vtlb_miss(&vtlb, (address & ~(answer.span - 1)) + chance((unsigned)(answer.span / PAGE_SIZE)) * PAGE_SIZE, 0);
    if (!hardware_access(address, 0, &frame) && !hardware_access(address, FAULT_USER, &frame))
        return;
    vtlb.flushed = false;
    vtlb_invalidate(&vtlb, address);
    if (!vtlb.flushed || hardware_access(address, 0, &frame) || hardware_access(address, FAULT_USER, &frame))
        fail("format %u: INVLPG %lx leaves something", format, (unsigned long)address);
    for (word other = address & ~(answer.span - 1), end = other + answer.span; answer.span > PAGE_SIZE && other != end;
         other += PAGE_SIZE)
        if (hardware_access(other, 0, &frame) || hardware_access(other, FAULT_USER, &frame))
            fail("format %u: INVLPG %lx leaves %lx of its large page", format, (unsigned long)address, (unsigned long)other);
}

/* The guest has changed its tables: what the manuals ask of it. */
static void guest_flushes(void)
{
    uint32_t before = vtlb.flushes;
    vtlb.flushed = false;
    /* Where the pointers of PAE have gone, MOV CR3 does nothing. */
    if ((chance(2) || format == 3) && vtlb_write(&vtlb, 3, vtlb.cr3, false) == VTLB_DONE) {
        if (format && (!vtlb.flushed || vtlb.flushes != before + 1))
            fail("MOV CR3 is one flush");
        return;
    }
    for (unsigned a = 0; a < 4; a++)
        for (unsigned b = 0; b < (wide ? WIDE : 4); b++)
            for (unsigned c = 0; c < (format == 2 ? 4 : 1); c++)
                vtlb_invalidate(&vtlb,
                                (word)indices[a] << 12 | (word)(wide ? b : indices[b]) << (format == 2 ? 21 : 22) | (word)c << 30);
    if (vtlb.flushes != before && !vtlb.huge)
        fail("INVLPG drops pages, not everything");
}

static void revoke_random(void)
{
    static const uint8_t some[] = {0, 1, 3, 5, 7, 7, 7, 7};
    uint32_t before = vtlb.flushes;
    rights[chance(GUEST_PAGES)] = some[chance(8)];
    vtlb.flushed = false;
    generation++;
    if (vtlb_prepare(&vtlb) != VTLB_DONE)
        fail("pointers that nobody asked for");
    if (vtlb.flushes != before + 1 || !vtlb.flushed)
        fail("a revoke is one flush");
    if (vtlb_prepare(&vtlb) != VTLB_DONE || vtlb.flushes != before + 1)
        fail("nothing has changed: no flush");
}

static void control_random(void)
{
    static const word bits[] = {CR4_SMEP, CR4_SMAP, CR4_PGE, CR4_PSE};
    uint32_t before = vtlb.flushes;
    word old_0 = vtlb.cr0, old_4 = vtlb.cr4;
    vtlb.flushed = false;
    if (chance(2)) {
        enum vtlb_outcome outcome = vtlb_write(&vtlb, 0, vtlb.cr0 ^ CR0_WP, false);
        if (outcome != VTLB_DONE || vtlb.cr0 != (old_0 ^ CR0_WP) || vtlb.flushes != before + 1)
            fail("CR0.WP: one flush");
    } else if (vtlb_write(&vtlb, 4, vtlb.cr4 ^ bits[chance(4)], false) == VTLB_DONE) {
        if (vtlb.flushes != before + 1 || !vtlb.flushed)
            fail("CR4: one flush");
    } else if (vtlb.cr4 != old_4 || vtlb.flushes != before)
        fail("a refused write has changed something");
    before = vtlb.flushes;
    if (vtlb_write(&vtlb, 0, vtlb.cr0 ^ CR0_TS, false) != VTLB_DONE || vtlb.flushes != before)
        fail("CR0.TS: no flush");
    enum vtlb_outcome real_mode = vtlb.cr0 & CR0_PG ? VTLB_FAULT : VTLB_DONE;
    if (vtlb_write(&vtlb, 4, vtlb.cr4 | CR4_PCIDE, false) != VTLB_FAULT ||
        vtlb_write(&vtlb, 0, vtlb.cr0 & ~CR0_PE, false) != real_mode)
        fail("what the processor refuses");
    if (!(vtlb.cr0 & CR0_PE))
        vtlb_write(&vtlb, 0, vtlb.cr0 | CR0_PE, false);
}

static void guest_new(unsigned round)
{
    format = round % (sizeof(word) == 8 ? 4 : 3);
    memset(memory, 0, sizeof memory);
    memset(rights, 7, sizeof rights);
    wide = format > 1 && round / 4 % 2;
    for (unsigned i = 0; i < (wide ? 800 : 60); i++)
        entry_random();
    if (format == 2)
        for (unsigned i = 0; i < 4; i++)
            memory[20][i] = (uint64_t)chance(TABLES) << 12 | (chance(6) ? 1 : 0);
    word cr0 = CR0_PE | CR0_ET | (format ? CR0_PG : 0) | (chance(2) ? CR0_WP : 0);
    word cr4 = (format > 1 ? CR4_PAE : 0) | (chance(4) ? CR4_PSE : 0) | (chance(2) ? CR4_SMEP : 0) | (chance(2) ? CR4_SMAP : 0);
    memset(pool, 0, sizeof pool);
    memset(&vtlb, 0, sizeof vtlb);
    vtlb.generation = generation;
    vtlb_init(&vtlb, 0, pool, VTLB_PAGES_MIN);
    vtlb_load(&vtlb, cr0, format == 2 ? 20 * PAGE_SIZE : 0, cr4, (format == 3 ? EFER_LME : 0) | (chance(2) ? EFER_NXE : 0));
    if (!vtlb_good(&vtlb) || vtlb_prepare(&vtlb) != VTLB_DONE)
        fail("a good state");
}

/* Touches a page; returns how many misses that takes. */
static unsigned touch(word address)
{
    unsigned misses = 0;
    uint64_t frame;
    for (; !hardware_access(address, 0, &frame); misses++) {
        uint32_t before = vtlb.recycled;
        vtlb.flushed = false;
        if (misses > 2 || vtlb_miss(&vtlb, address, 0) != VTLB_DONE)
            fail("page %lx of a sweep", (unsigned long)address);
        if (vtlb.recycled != before && !vtlb.flushed)
            fail("a table was given up, and the hardware's TLB is to keep what it has of it");
    }
    return misses;
}

/* A guest that uses more tables than there are: each new one costs one old one, and those that are used all the time stay. */
static void sweep(void)
{
    enum { REGIONS = 200, PASSES = 3, HOT = 8, FIXED = 5 };
    const unsigned room = VTLB_PAGES_MIN - FIXED;
    guest_new(2);
    vtlb_load(&vtlb, vtlb.cr0, vtlb.cr3, vtlb.cr4 & ~(word)(CR4_SMEP | CR4_SMAP), vtlb.efer);
    memory[20][0] = (uint64_t)1 << 12 | 1;
    for (unsigned i = 0; i < REGIONS; i++)
        memory[1][i] = ENTRY_LARGE | 7;
    if (vtlb_prepare(&vtlb) != VTLB_DONE)
        fail("a good state");
    uint32_t flushes = vtlb.flushes;
    unsigned misses = 0;
    for (unsigned i = 0; i < PASSES * REGIONS; i++)
        misses += touch((word)(i % REGIONS) << 21);
    if (misses != PASSES * REGIONS || vtlb.recycled != misses - room || vtlb.flushes != flushes)
        fail("a sweep: %u misses, %u tables given up, %u flushes", misses, vtlb.recycled, vtlb.flushes - flushes);
    vtlb_flush(&vtlb);
    misses = 0;
    for (unsigned i = 0; i < PASSES * REGIONS; i++) {
        touch((word)(HOT + i % (REGIONS - HOT)) << 21);
        for (unsigned j = 0; j < HOT; j++)
            misses += touch((word)j << 21);
    }
    if (misses > 2 * HOT) /* once when they are new, perhaps once when the clock has gone round for the first time */
        fail("a sweep with %u tables that are used all the time: %u misses of theirs", HOT, misses);
}

int main(int count, char **arguments)
{
    seed = count > 1 ? strtoull(arguments[1], 0, 0) * 0x9e3779b97f4a7c15 | 1 : 0x2545f4914f6cdd1d;
    unsigned long rounds = count > 2 ? strtoul(arguments[2], 0, 0) : 2000;
    vtlb_boot();
    for (unsigned round = 0; round < rounds; round++) {
        guest_new(round);
        for (unsigned i = 0; i < 300; i++, steps++) {
            unsigned what = chance(wide ? 1000 : 40); /* so that the pool fills between two flushes */
            if (what == 0) {
                entry_random();
                guest_flushes();
            } else if (what == 1)
                revoke_random();
            else if (what == 2)
                control_random();
            else if (what == 3)
                invalidate_random();
            else
                access_random();
        }
        recycled += vtlb.recycled;
    }
    printf("# %lu steps: %lu accesses done, %lu of them at once, %lu faults, %lu for the monitor, %lu tables given up\n", steps,
           counts[VTLB_DONE], cached, counts[VTLB_FAULT], counts[VTLB_MEMORY], recycled);
    if (!cached || !counts[VTLB_FAULT] || !counts[VTLB_MEMORY] || !recycled)
        fail("something never happened");
    sweep();
    printf("ok vTLB, %u bit\n", (unsigned)(8 * sizeof(word)));
    return 0;
}
