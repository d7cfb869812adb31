/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ports/x86/mmu.c against a model of the hardware that keeps every translation as long as the manual lets it: TLBs with and without
 * PCIDs, with large pages as a whole or in parts, and on 32 bit the four page directory pointers that a CPU reads only when CR3 is
 * loaded. Random spaces, mappings from one page to gigabytes, switches and flushes; after each step every access of every CPU has to
 * see what a plain list of the test says.
 */
#include "tests/port/fake.h"
#include "tests/dice.h"

#include "core/lib/bits.h"
#include "core/lib/log.h"
#include "hal/boot_info.h"
#include "hal/cpu.h"
#include "hal/physical.h"
#include "ports/x86/features.h"
#include "ports/x86/kernel_map.h"
#include "ports/x86/mmu.h"
#include "ports/x86/mtrr.h"
#include "ports/x86/page_table.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "layout.h"

enum { CPUS = 3, LIVE = 6, SEGMENTS = 64, POOL_PAGES = 4096, TLB_SIZE = 256, KERNEL_ROOT = 0x7000 };
#define PAGES_2M ((word)1 << 9)
#define PAGES_1G ((word)1 << 18)

/* ---- what mmu.c needs of the rest of the kernel ---- */

word physical_pool_offset;
uint64_t entry_no_execute = ENTRY_NX_BIT;
uint32_t features_used;
uint64_t kernel_root[ROOT_ENTRIES];
static unsigned current;
static struct x86_cpu locals[CPUS];
static const char *phase = "";

static void __attribute__((format(printf, 1, 2), noreturn)) fail(const char *format, ...)
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
bool mtrr_uniform(uint64_t frame, uint64_t count)
{
    static const uint64_t odd[][2] = {{0xa0, 0xc0}, {0x54320, 0x54340}};
    for (unsigned i = 0; i < 2; i++) {
        bool outside = frame >= odd[i][1] || frame + count <= odd[i][0], inside = frame >= odd[i][0] && frame + count <= odd[i][1];
        if (!outside && !inside)
            return false;
    }
    return true;
}

static uint64_t seed = 1;

static unsigned pick(unsigned n) { return dice(&seed, n); }

/* ---- the hardware ---- */

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
static unsigned large_seen[4]; /* leaves by level */

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

static uint64_t access_page(const struct mmu *mmu, word page)
{
    for (unsigned tries = 0;; tries++) {
        uint64_t entry = access_once(page);
        if (entry || !mmu_fault_retry(mmu))
            return entry;
        if (tries == 3)
            fail("mmu_fault_retry goes on and on");
    }
}

/* ---- the kernel's memory ---- */

static char pool[POOL_PAGES][4096] __attribute__((aligned(4096)));
static void *free_pages[POOL_PAGES];
static unsigned free_count;

static void *page_get(void)
{
    if (!free_count)
        fail("the test's pool is empty");
    return memset(free_pages[--free_count], 0, 4096);
}

/* ---- the spaces as they should be ---- */

struct segment {
    word page, count;
    uint64_t frame;
    unsigned rights;
};

struct space {
    struct mmu mmu;
    bool live;
    unsigned pages, segments;
    struct segment segment[SEGMENTS];
};
static struct space spaces[LIVE];
static struct space *active[CPUS];
static uint64_t next_frame = 1;
static unsigned splits;
static const word user_pages = NOVA_USER_LIMIT >> 12;

static const struct segment *segment_at(const struct space *space, word page)
{
    for (unsigned i = 0; i < space->segments; i++)
        if (page - space->segment[i].page < space->segment[i].count)
            return &space->segment[i];
    return 0;
}

static void check_page(const struct space *space, word page)
{
    if (page >= user_pages)
        return;
    const struct segment *segment = segment_at(space, page);
    unsigned want = segment ? segment->rights : 0;
    uint64_t frame = segment ? segment->frame + (page - segment->page) : 0, entry = access_page(&space->mmu, page), found = frame;
    unsigned rights = !entry ? 0 : MMU_READ | (entry & ENTRY_WRITE ? MMU_WRITE : 0) | (entry & ENTRY_NX_BIT ? 0 : MMU_EXECUTE);
    if (rights != want || (rights && (entry & ENTRY_ADDRESS) >> 12 != frame))
        fail("CPU %u page %lx: the hardware sees rights %u frame %llx, it should be %u %llx", current, (unsigned long)page, rights,
             (unsigned long long)(entry & ENTRY_ADDRESS) >> 12, want, (unsigned long long)frame);
    if (mmu_lookup(&space->mmu, MMU_HOST, page, &found) != want || (want && found != frame))
        fail("mmu_lookup of page %lx", (unsigned long)page);
}

/* A page in or around a segment, most often at a border of something. */
static word probe(const struct segment *segment)
{
    word first = segment->page, last = first + segment->count - 1, any = first + pick((unsigned)segment->count);
    switch (pick(8)) {
    case 0: return first;
    case 1: return last;
    case 2: return first - 1;
    case 3: return last + 1;
    case 4: return any & ~(PAGES_2M - 1);
    case 5: return (first | (PAGES_2M - 1)) + pick(2);
    case 6: return (last & ~(PAGES_1G - 1)) - pick(2);
    default: return any;
    }
}

static void check_all(void)
{
    unsigned saved = current;
    for (current = 0; current < CPUS; current++) {
        const struct space *space = active[current];
        for (unsigned i = 0; space && i < space->segments; i++)
            for (unsigned n = 0; n < 2; n++)
                check_page(space, probe(&space->segment[i]));
    }
    current = saved;
}

static void space_make(struct space *space)
{
    memset(space, 0, sizeof *space);
    mmu_init(&space->mmu, page_get());
    space->live = true;
    space->pages = 1;
}

static void space_destroy(struct space *space)
{
    struct page_reserve pages = {0, 0};
    for (unsigned i = 0; i < CPUS; i++)
        if (active[i] == space)
            return;
    unsigned max = 1 + pick(5), got = 0;
    for (bool done = false; !done;) {
        done = mmu_fini(&space->mmu, &pages, max);
        if (pages.count > max || (!done && !pages.count))
            fail("mmu_fini collected %u pages, %u allowed", pages.count, max);
        got += pages.count;
        while (pages.count)
            free_pages[free_count++] = page_reserve_take(&pages);
    }
    if (got != space->pages)
        fail("mmu_fini gave %u pages back, %u were taken", got, space->pages);
    space->live = false;
}

static void reserve_fill(struct page_reserve *reserve, unsigned count)
{
    while (reserve->count < count)
        page_reserve_put(reserve, page_get());
}

static void segment_add(struct space *space, struct segment segment)
{
    if (space->segments == SEGMENTS)
        fail("the test's list is full");
    space->segment[space->segments++] = segment;
}

static void map_segment(struct space *space, struct segment segment)
{
    unsigned need = mmu_need(&space->mmu, MMU_HOST, segment.page, segment.count, segment.frame);
    if (need > 300)
        return;
    struct page_reserve reserve = {0, 0};
    bool small = segment.count == mmu_piece(segment.page, segment.count, segment.frame);
    if (small && pick(4) &&
        mmu_map_quickly(&space->mmu, segment.page, segment.count, segment.frame, segment.rights, MEMORY_WRITE_BACK)) {
        segment_add(space, segment);
        return;
    }
    reserve_fill(&reserve, need);
    mmu_map(&space->mmu, MMU_HOST, segment.page, segment.count, segment.frame, segment.rights, MEMORY_WRITE_BACK, &reserve);
    if (reserve.count && segment.count <= PAGES_1G)
        fail("mmu_need said %u, mmu_map left %u", need, reserve.count);
    space->pages += need - reserve.count;
    while (reserve.count)
        free_pages[free_count++] = page_reserve_take(&reserve);
    segment_add(space, segment);
}

/* A place where tables begin or end, or one of a few regions that are used again and again. */
static word any_page(void)
{
    switch (pick(8)) {
    case 0: return pick(4);
    case 1: return user_pages - 1 - pick(4);
    case 2: return PAGES_2M - pick(4);
    case 3: return PAGES_1G - pick(4);
    case 4: return ((word)pick(1 << 30) << 8) % user_pages;
    default: return PAGES_1G + pick(PAGES_2M * 4);
    }
}

static void space_map(struct space *space)
{
    struct segment segment = {.page = any_page(), .count = 1 + pick(4), .rights = MMU_READ | pick(8)};
    unsigned size = pick(8);
    word align = size >= 6 ? PAGES_1G : size >= 2 ? PAGES_2M : 1;
    if (size >= 2) {
        segment.count = size == 7 ? PAGES_1G + pick(PAGES_1G) : size == 6 ? PAGES_1G : 1 + pick(PAGES_2M * 3);
        if (pick(2))
            segment.page &= ~(align - 1);
        if (pick(2))
            segment.count = (segment.count + PAGES_2M - 1) & ~(PAGES_2M - 1);
    }
    if (segment.count > user_pages - segment.page || space->segments > SEGMENTS - 4)
        return;
    for (unsigned i = 0; i < space->segments; i++)
        if (segment.page < space->segment[i].page + space->segment[i].count &&
            space->segment[i].page < segment.page + segment.count)
            return;
    /* Most often so that page and frame are aligned alike. */
    segment.frame = next_frame;
    if (pick(4))
        segment.frame = ((next_frame + align - 1) & ~(uint64_t)(align - 1)) + (segment.page & (align - 1));
    if (!pick(8))
        segment.frame = (pick(2) ? 0x54200 : 0) + (segment.page & (align - 1));
    else
        next_frame = segment.frame + segment.count;
    map_segment(space, segment);
}

/* Leaves only rights in the model. */
static void segments_protect(struct space *space, word begin, word count, unsigned rights)
{
    unsigned old = space->segments;
    struct segment before[SEGMENTS];
    memcpy(before, space->segment, sizeof before);
    space->segments = 0;
    for (unsigned i = 0; i < old; i++) {
        struct segment s = before[i];
        word end = s.page + s.count, from = begin > s.page ? begin : s.page, to = begin + count < end ? begin + count : end;
        if (from >= to) {
            segment_add(space, s);
            continue;
        }
        if (from > s.page)
            segment_add(space, (struct segment){s.page, from - s.page, s.frame, s.rights});
        if (rights)
            segment_add(space, (struct segment){from, to - from, s.frame + (from - s.page), s.rights & (rights | MMU_READ)});
        if (to < end)
            segment_add(space, (struct segment){to, end - to, s.frame + (to - s.page), s.rights});
    }
}

static void protect(struct space *space, word begin, word count, unsigned rights)
{
    struct page_reserve reserve = {0, 0};
    unsigned need = mmu_protect(&space->mmu, MMU_HOST, begin, count, rights, &reserve);
    if (need) {
        check_all(); /* nothing has changed */
        reserve_fill(&reserve, need - 1);
        unsigned again = mmu_protect(&space->mmu, MMU_HOST, begin, count, rights, &reserve);
        if (again != need)
            fail("mmu_protect wants %u pages, then %u", need, again);
        reserve_fill(&reserve, need);
        if (mmu_protect(&space->mmu, MMU_HOST, begin, count, rights, &reserve) || reserve.count)
            fail("mmu_protect wanted %u pages and left %u", need, reserve.count);
        space->pages += need;
        splits += need;
    }
    segments_protect(space, begin, count, rights);
}

/* Takes rights of a range away and flushes every CPU in one of the ways that core has. */
static void space_protect(struct space *space)
{
    if (!space->segments)
        return;
    const struct segment *segment = &space->segment[pick(space->segments)];
    unsigned rights = pick(2) || space->segments > SEGMENTS / 2 ? 0 : pick(8);
    word begin = segment->page, count = segment->count, skip = 0;
    switch (pick(space->segments > SEGMENTS / 2 ? 3 : 8)) {
    case 0: break;
    case 1: count += begin, begin = 0; break;
    case 2: count = user_pages - begin; break;
    case 3: count = 1 + pick((unsigned)count); break;
    case 4: skip = pick((unsigned)count) & ~(PAGES_2M - 1); break;
    default: skip = pick((unsigned)count);
    }
    begin += skip;
    count -= skip;
    if (skip && pick(2))
        count = 1 + pick(count < 40 ? (unsigned)count : 40);
    protect(space, begin, count, rights);
    unsigned how = pick(3), saved = current;
    /* Programs go on until their CPU is asked: what they find is not certain, but no CPU may break down. */
    for (current = 0; current < CPUS; current++)
        for (unsigned i = 0; i < 4 && active[current] == space; i++) {
            word page = pick(2) ? begin + pick((unsigned)word_min(count, PAGES_2M)) : (begin & ~(PAGES_2M - 1)) + pick(PAGES_2M);
            if (page < user_pages)
                access_page(&space->mmu, page);
        }
    for (current = 0; current < CPUS; current++)
        mmu_flush(how == 0 ? 0 : &space->mmu, MMU_HOST, how == 1 ? begin : 0, how == 1 ? count : 0);
    current = saved;
}

static void run(const char *name, uint32_t features, unsigned steps)
{
    phase = name;
    features_used = features;
    memset(large_seen, 0, sizeof large_seen);
    splits = 0;
    for (current = 0; current < CPUS; current++) {
        hardware[current].count = 0;
        active[current] = 0;
        mmu_cpu_init();
    }
    for (unsigned step = 0; step < steps; step++) {
        struct space *space = &spaces[pick(LIVE)];
        current = pick(CPUS);
        if (!space->live)
            space_make(space);
        switch (pick(8)) {
        case 0: space_destroy(space); break;
        case 1:
        case 2:
            mmu_activate(0, &space->mmu);
            active[current] = space;
            break;
        case 3: space_protect(space); break;
        default: space_map(space);
        }
        if (step % 4 == 0)
            check_all();
    }
    for (unsigned i = 0; i < CPUS; i++)
        active[i] = 0;
    for (unsigned i = 0; i < LIVE; i++)
        if (spaces[i].live)
            space_destroy(&spaces[i]);
    if (free_count != POOL_PAGES)
        fail("%u table pages are lost", POOL_PAGES - free_count);
    bool giant = features >> FEATURE_PAGE_1G & 1;
    if (!feature(FEATURE_RESIZE)) {
        if (large_seen[2] || large_seen[3] || splits)
            fail("large pages on a CPU that does not bear that they are split");
    } else if (large_seen[1] < 1000 || large_seen[2] < 1000 || (giant && large_seen[3] < 1000) || splits < 100)
        fail("only %u, %u, %u leaves by size, %u splits", large_seen[1], large_seen[2], large_seen[3], splits);
    printf("ok %s\n", name);
}

static unsigned need_of(const struct space *space, word page, word count, uint64_t frame)
{
    return mmu_need(&space->mmu, MMU_HOST, page, count, frame);
}

static void test_need(void)
{
    phase = "mmu_need of large ranges";
    features_used = 1u << FEATURE_RESIZE;
    struct space *space = &spaces[0];
    space_make(space);
    if (need_of(space, 0, 0, 0) || mmu_need(&space->mmu, MMU_DEVICE, 0, 99, 0))
        fail("nothing needs nothing");
    if (mmu_need(&space->mmu, MMU_GUEST, 0, 99, 1) != (sizeof(word) == 8 ? 4 : 3))
        fail("the first guest mapping needs a root and all levels");
    unsigned levels = TABLE_LEVELS - 2;
    if (need_of(space, 0, 1, 1) != levels + 1 || need_of(space, 511, 2, 1) != levels + 2)
        fail("small ranges");
    word all = user_pages;
    unsigned whole = need_of(space, 0, all, 1 << 20 | 1);
    unsigned expect = 0;
    for (unsigned level = 1; level < TABLE_LEVELS; level++)
        expect += (unsigned)((all + ((word)1 << 9 * level) - 1) >> 9 * level);
    if (whole != expect)
        fail("all of it in small pages needs %u, not %u", whole, expect);
    whole = need_of(space, 0, all, 1 << 20);
    expect -= (unsigned)(all / PAGES_2M);
    if (whole != expect)
        fail("all of it in pages of 2 MiB needs %u, not %u", whole, expect);
    space_destroy(space);
    printf("ok %s\n", phase);
}

static void expect_pages(struct space *space, word begin, word count, unsigned rights, unsigned pages)
{
    unsigned before = space->pages;
    protect(space, begin, count, rights);
    mmu_flush(&space->mmu, MMU_HOST, begin, count);
    check_all();
    if (space->pages - before != pages)
        fail("%lx + %lx: %u pages for splitting, not %u", (unsigned long)begin, (unsigned long)count, space->pages - before, pages);
}

/* Each way in which borders can cut large pages. */
static void test_split(void)
{
    phase = "large pages are split where they must be";
    features_used = 1u << FEATURE_RESIZE | (TABLE_LEVELS == 4 ? 1u << FEATURE_PAGE_1G : 0);
    struct space *space = &spaces[0];
    space_make(space);
    current = 0;
    mmu_cpu_init();
    mmu_activate(0, &space->mmu);
    active[0] = space;
    word two = 2 * PAGES_1G - 8 * PAGES_2M;
    map_segment(space, (struct segment){two, 6 * PAGES_2M, 1 << 20, 7});
    if (space->pages != TABLE_LEVELS - 1)
        fail("6 pages of 2 MiB take %u tables", space->pages);
    expect_pages(space, two, PAGES_2M, 0, 0);
    expect_pages(space, two + PAGES_2M + 5, 7, 7, 0);
    expect_pages(space, two + PAGES_2M + 5, 7, MMU_READ, 1);
    expect_pages(space, two + PAGES_2M + 9, PAGES_2M * 2 - 9, 0, 0);
    expect_pages(space, two + 3 * PAGES_2M + 1, 2 * PAGES_2M, MMU_READ | MMU_WRITE, 2);
    if (TABLE_LEVELS == 4) {
        word giant = 8 * PAGES_1G;
        unsigned before = space->pages;
        map_segment(space, (struct segment){giant, 6 * PAGES_1G, 1 << 24, 7});
        if (space->pages != before)
            fail("pages of 1 GiB take tables");
        expect_pages(space, giant, PAGES_1G, 0, 0);
        expect_pages(space, giant + PAGES_1G + PAGES_2M, PAGES_2M, 0, 1);
        expect_pages(space, giant + 2 * PAGES_1G + 1, 1, MMU_READ, 2);
        expect_pages(space, giant + 3 * PAGES_1G + 1, PAGES_2M, 0, 3);
        expect_pages(space, giant + 4 * PAGES_1G + 1, PAGES_1G, 0, 4);
    }
    active[0] = 0;
    space_destroy(space);
    printf("ok %s\n", phase);
}

int main(void)
{
    physical_pool_offset = (word)pool - 0x100000;
    for (unsigned i = 0; i < POOL_PAGES; i++)
        free_pages[free_count++] = pool[i];
    test_need();
    test_split();
    run("spaces without PCIDs", 1u << FEATURE_RESIZE, 20000);
    run("spaces without large pages", 0, 12000);
    if (TABLE_LEVELS == 4) {
        run("spaces with PCIDs", 1u << FEATURE_RESIZE | 1u << FEATURE_PCID, 12000);
        run("spaces with PCIDs and pages of 1 GiB", 1u << FEATURE_RESIZE | 1u << FEATURE_PCID | 1u << FEATURE_PAGE_1G, 20000);
        run("spaces with PCIDs without large pages", 1u << FEATURE_PCID | 1u << FEATURE_PAGE_1G, 12000);
    }
    return 0;
}
