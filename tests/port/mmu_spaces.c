/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What each space should be, as a plain list of segments, and the calls of hal/mmu.h that make it so: pages are reserved as core does it, and counted.
 */
#include "tests/port/mmu.h"

#include "hal/physical.h"

#include <string.h>

enum { POOL_PAGES = 4096 };

struct space *active[CPUS];
unsigned splits;

static char pool[POOL_PAGES][4096] __attribute__((aligned(4096)));
static void *free_pages[POOL_PAGES];
static unsigned free_count;

void pool_init(void)
{
    physical_pool_offset = (word)pool - 0x100000;
    for (unsigned i = 0; i < POOL_PAGES; i++)
        free_pages[free_count++] = pool[i];
}

unsigned pool_missing(void) { return POOL_PAGES - free_count; }

static void *page_get(void)
{
    if (!free_count)
        fail("the test's pool is empty");
    return memset(free_pages[--free_count], 0, 4096);
}

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

void check_all(void)
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

void space_make(struct space *space)
{
    memset(space, 0, sizeof *space);
    mmu_init(&space->mmu, page_get());
    space->live = true;
    space->pages = 1;
}

void space_destroy(struct space *space)
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

void map_segment(struct space *space, struct segment segment)
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

void protect(struct space *space, word begin, word count, unsigned rights)
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
