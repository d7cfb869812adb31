/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The vTLB of ports/x86 as a program: random page tables of a guest in every paging, tables that are data and each other's tables, changed entries with the
 * INVLPG or MOV CR3 that the manuals ask for, a guest view that loses pages. A processor that walks the shadow tables and keeps nothing else has to come to what
 * a second, plain walk over the guest's tables says, with the accessed and dirty bits that belong to it. And flushes are counted: no emulator keeps translations
 * that should have gone, so this is the place that sees a missing one.
 */
#include "tests/port/vtlb.h"
#include "tests/dice.h"

#include "ports/x86/control.h"
#include "ports/x86/page_table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TABLES = 16 };

static char pool[VTLB_PAGES_MIN * PAGE_SIZE] __attribute__((aligned(4096)));
static unsigned long counts[4], cached, recycled;
static uint64_t seed;

static unsigned chance(unsigned n) { return dice(&seed, n); }

static bool wide; /* more directory entries are in use than the pool has pages */
static const uint16_t indices[4] = {0, 1, 2, 511};
enum { WIDE = 64 };

static word address_pick(void)
{
    word address = chance(4096);
    if (paging <= 1)
        return address | (word)indices[chance(4)] << 12 | (word)indices[chance(4)] << 22;
    address |= (word)indices[chance(4)] << 12 | (word)(wide ? chance(WIDE) : indices[chance(4)]) << 21;
    if (paging == 2)
        return address | (word)chance(4) << 30;
#ifdef __x86_64__
    address |= (word)indices[chance(4)] << 30 | (word)indices[chance(4)] << 39;
    if (address >> 47 & 1)
        address |= (word)0xffff << 48;
#endif
    return address;
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
            fail("format %u: %lx access %u does not come through", paging, (unsigned long)address, access);
        outcome = vtlb_miss(&vtlb, address, access | FAULT_PRESENT);
        vtlb.flushed = false;
        if (outcome != VTLB_DONE)
            break;
    }
    cached += !tries;
    if (outcome != answer.outcome)
        fail("format %u: %lx access %u: outcome %u, not %u", paging, (unsigned long)address, access, outcome, answer.outcome);
    counts[outcome]++;
    if (outcome == VTLB_FAULT && (vtlb.fault_vector != 14 || vtlb.fault_error != answer.error))
        fail("format %u: %lx access %u: error %x, not %x", paging, (unsigned long)address, access, vtlb.fault_error, answer.error);
    if (outcome == VTLB_MEMORY && vtlb.fault_address != answer.address)
        fail("format %u: %lx: memory %llx, not %llx", paging, (unsigned long)address, (unsigned long long)vtlb.fault_address,
             (unsigned long long)answer.address);
    if (outcome != VTLB_DONE)
        return;
    if (frame != frame_of(answer.address >> 12))
        fail("format %u: %lx access %u: frame %llx, not %llx", paging, (unsigned long)address, access, (unsigned long long)frame,
             (unsigned long long)frame_of(answer.address >> 12));
    uint64_t leaf = answer.leaf64   ? *answer.leaf64
                    : answer.leaf32 ? *answer.leaf32
                                    : 0x60,
             need = access & FAULT_WRITE ? 0x60 : 0x20;
    if ((leaf & need) != need)
        fail("format %u: %lx access %u: no accessed or dirty bit", paging, (unsigned long)address, access);
}

static void entry_random(void)
{
    unsigned page = chance(TABLES), index = wide && chance(2) ? chance(WIDE) : indices[chance(4)];
    uint64_t target = chance(3) ? chance(TABLES) : chance(GUEST_PAGES), value = target << 12 | (chance(8) ? 7 : chance(8));
    if (!chance(4))
        value = (uint64_t)(chance(2) ? 0 : LARGE_FROM) << 12 | ENTRY_LARGE | 7;
    if (!chance(8))
        value &= ~(uint64_t)(2 << chance(2));
    if (paging == 1) {
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
        fail("format %u: INVLPG %lx leaves something", paging, (unsigned long)address);
    for (word other = address & ~(answer.span - 1), end = other + answer.span; answer.span > PAGE_SIZE && other != end;
         other += PAGE_SIZE)
        if (hardware_access(other, 0, &frame) || hardware_access(other, FAULT_USER, &frame))
            fail("format %u: INVLPG %lx leaves %lx of its large page", paging, (unsigned long)address, (unsigned long)other);
}

/* The guest has changed its tables: what the manuals ask of it. */
static void guest_flushes(void)
{
    uint32_t before = vtlb.flushes;
    vtlb.flushed = false;
    /* Where the pointers of PAE have gone, MOV CR3 does nothing. */
    if ((chance(2) || paging == 3) && vtlb_write(&vtlb, 3, vtlb.cr3, false) == VTLB_DONE) {
        if (paging && (!vtlb.flushed || vtlb.flushes != before + 1))
            fail("MOV CR3 is one flush");
        return;
    }
    for (unsigned a = 0; a < 4; a++)
        for (unsigned b = 0; b < (wide ? WIDE : 4); b++)
            for (unsigned c = 0; c < (paging == 2 ? 4 : 1); c++)
                vtlb_invalidate(&vtlb,
                                (word)indices[a] << 12 | (word)(wide ? b : indices[b]) << (paging == 2 ? 21 : 22) | (word)c << 30);
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
    paging = round % (sizeof(word) == 8 ? 4 : 3);
    memset(memory, 0, sizeof memory);
    memset(rights, 7, sizeof rights);
    wide = paging > 1 && round / 4 % 2;
    for (unsigned i = 0; i < (wide ? 800 : 60); i++)
        entry_random();
    if (paging == 2)
        for (unsigned i = 0; i < 4; i++)
            memory[20][i] = (uint64_t)chance(TABLES) << 12 | (chance(6) ? 1 : 0);
    word cr0 = CR0_PE | CR0_ET | (paging ? CR0_PG : 0) | (chance(2) ? CR0_WP : 0);
    word cr4 = (paging > 1 ? CR4_PAE : 0) | (chance(4) ? CR4_PSE : 0) | (chance(2) ? CR4_SMEP : 0) | (chance(2) ? CR4_SMAP : 0);
    memset(pool, 0, sizeof pool);
    memset(&vtlb, 0, sizeof vtlb);
    vtlb.generation = generation;
    vtlb_init(&vtlb, 0, pool, VTLB_PAGES_MIN);
    vtlb_load(&vtlb, cr0, paging == 2 ? 20 * PAGE_SIZE : 0, cr4, (paging == 3 ? EFER_LME : 0) | (chance(2) ? EFER_NXE : 0));
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
