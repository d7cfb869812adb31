/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ports/x86/mmu*.c against models of the hardware and of the spaces (mmu.h). Random spaces, mappings from one page to gigabytes, switches and flushes; after each step every
 * access of every CPU has to see what a plain list of the test says.
 */
#include "tests/port/mmu.h"

#include "ports/x86/mmu.h"

#include <stdio.h>
#include <string.h>

static struct space spaces[LIVE];
static uint64_t next_frame = 1;

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
        mmu_flush(how == 0 ? 0 : &space->mmu, how == 1 ? begin : 0, how == 1 ? count : 0);
    current = saved;
}

static void run(const char *name, uint32_t features, unsigned steps)
{
    phase = name;
    features_used = features;
    memset(large_seen, 0, sizeof large_seen);
    splits = 0;
    for (current = 0; current < CPUS; current++) {
        hardware_reset();
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
    if (pool_missing())
        fail("%u table pages are lost", pool_missing());
    bool giant = features >> FEATURE_PAGE_1G & 1;
    if (!feature(FEATURE_RESIZE)) {
        if (large_seen[2] || large_seen[3] || splits)
            fail("large pages on a CPU that does not bear that they are split");
    } else if (large_seen[1] < 1000 || large_seen[2] < 1000 || (giant && large_seen[3] < 1000) || splits < 100)
        fail("only %u, %u, %u leaves by size, %u splits", large_seen[1], large_seen[2], large_seen[3], splits);
    printf("ok %s\n", name);
}

static unsigned need_of(const struct space *space, word page, word count, word frame)
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
    mmu_flush(&space->mmu, begin, count);
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
    pool_init();
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
