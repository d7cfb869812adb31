/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Page tables of a protection domain: one per view, shared by all CPUs, and its I/O port bitmap.
 * Ranges are given in pages. Mapping takes table pages from a reserve that core filled and accounted before (mmu_need), so that it cannot fail.
 * Core serialises calls for one struct mmu by its space lock; mmu_activate and mmu_flush need no lock.
 */
#ifndef HAL_MMU_H
#define HAL_MMU_H

#include "hal/types.h"

enum mmu_view { MMU_HOST = 0, MMU_GUEST = 1, MMU_DEVICE = 2, MMU_VIEWS = 3 };

/* Rights of a mapping; bits 0-2 as in a memory CRD. */
enum { MMU_READ = 1, MMU_WRITE = 2, MMU_EXECUTE = 4 };

struct mmu {
    paddr_t root[MMU_VIEWS];  /* 0 = the view has no table yet */
    const uint8_t *io_bitmap; /* 8192 bytes, bit set = port denied; 0 = no port allowed. Core's memory */
    const uint8_t *io_guest;  /* the same for virtual CPUs, with 4096 more bytes of ones at its end; 0 = no port */
    uint32_t io_generation;   /* core counts it up whenever a bit of io_bitmap changes */
    uint32_t tag;             /* the port's: PCID or the like */
    word port[8];             /* the port's own */
};

/* Chain of free, zeroed pages; each page's first word points to the next. Core allocates and accounts them, the port takes them. */
struct page_reserve {
    void *first;
    unsigned count;
};

/* Takes one page from the reserve: all zero, page aligned. Must not be called with an empty one (assertion). Provided here for ports. */
static inline void *page_reserve_take(struct page_reserve *reserve)
{
    void *page = reserve->first;
    reserve->first = *(void **)page;
    reserve->count--;
    *(void **)page = 0;
    return page;
}

/* Adds a page to the reserve; its other words must be zero already. */
static inline void page_reserve_put(struct page_reserve *reserve, void *page)
{
    *(void **)page = reserve->first;
    reserve->first = page;
    reserve->count++;
}

/* Makes an empty host view, in which the kernel is mapped but nothing for user mode. root: a zeroed page. Caller: PD creation and boot, any CPU. */
void mmu_init(struct mmu *mmu, void *root);

/*
 * Upper bound of table pages that mmu_map of these pages to these frames takes (0 if all tables are there, or none is needed because large pages are used),
 * with the root of a guest view that has none. page and count below the user limit for MMU_HOST.
 */
unsigned mmu_need(const struct mmu *mmu, enum mmu_view view, word page, word count, word frame);

/*
 * How many of count pages from 'page' on, 1 at least, core is to map to frames from 'frame' on in one go, so that mmu_map, and mmu_protect of the same pages, stay
 * far below 20,000 instructions. In such pieces large pages are used wherever mmu_map would use them for all of the count.
 */
word mmu_piece(word page, word count, word frame);

/*
 * Maps count pages from 'page' on to the frames from 'frame' (physical address >> 12) on, with rights (bits MMU_*; READ is implied by any) and type;
 * in large pages where page, frame and count allow. The places are empty. The reserve holds at least mmu_need pages. Cannot fail. No flush is needed (absent
 * entries are not cached).
 */
void mmu_map(struct mmu *mmu, enum mmu_view view, word page, word count, word frame, unsigned rights, enum memory_type type,
             struct page_reserve *reserve);

/*
 * The same for the host view, count as mmu_piece allows, where that is quickly done without a table page; false = it is not, or count is too large, and
 * nothing was done.
 */
bool mmu_map_quickly(struct mmu *mmu, word page, word count, word frame, unsigned rights, enum memory_type type);

/*
 * Leaves of each mapping in the range only the given rights (0 = unmaps). Never adds rights. Empty places stay empty. Table pages stay until mmu_fini.
 * Large pages that reach across a border of the range are split, with table pages from the reserve (0 = there is none). Returns 0 = done; otherwise nothing
 * was changed, and the result is how many pages the reserve has to hold.
 * The caller flushes the range (mmu_flush here, a shoot-down for other CPUs) before it relies on it.
 */
unsigned mmu_protect(struct mmu *mmu, enum mmu_view view, word page, word count, unsigned rights, struct page_reserve *reserve);

/* Looks a page of the host view up; returns its rights (0 = nothing there) and its frame in *frame. For checks and tests, not for hot paths. */
unsigned mmu_lookup(const struct mmu *mmu, enum mmu_view view, word page, uint64_t *frame);

/* Collects table pages of all views into *pages (dirty pages, chained by page_reserve_put), at most max; returns true when all are collected. Nobody uses the tables any more. */
bool mmu_fini(struct mmu *mmu, struct page_reserve *pages, unsigned max);

/* Loads the host view of mmu on this CPU; no user thread of another PD runs here until the next call. The I/O bitmap is taken over lazily by the
 * port. Returns result: what the caller itself returns, so that it can end with this. */
void *mmu_activate(void *result, struct mmu *mmu);

/*
 * Drops this CPU's cached translations of the mmu (active or tagged) in this range, in all views, and its copy of the I/O bitmap if that changed.
 * count 0 = everything of that mmu; mmu 0 = everything of every mmu, also of inactive tags.
 */
void mmu_flush(struct mmu *mmu, word page, word count);

#endif
