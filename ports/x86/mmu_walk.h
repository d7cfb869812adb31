/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The way down through page tables, for what maps, counts and looks up (mmu.c, mmu_need.c, mmu_find.c).
 */
#ifndef PORTS_X86_MMU_WALK_H
#define PORTS_X86_MMU_WALK_H

#include "core/lib/bits.h"
#include "hal/physical.h"
#include "ports/x86/features.h"
#include "ports/x86/mmu.h"
#include "ports/x86/page_table.h"

static inline uint64_t *table_of(uint64_t entry) { return phys_to_virt(entry & ENTRY_ADDRESS); }

/* Whether an entry above the lowest level leads to a table. */
static inline bool leads_on(uint64_t entry) { return ((word)entry & (word)(ENTRY_PRESENT | ENTRY_LARGE)) == (word)ENTRY_PRESENT; }

static inline unsigned table_index(word page, unsigned level)
{
    return (unsigned)(page >> TABLE_BITS * (level - 1)) & (TABLE_ENTRIES - 1);
}

static inline bool is_ept(enum mmu_view view) { return view == MMU_GUEST && mmu_ept; }

static inline unsigned levels(enum mmu_view view) { return is_ept(view) ? EPT_LEVELS : TABLE_LEVELS; }

/* How many of count pages lie where tables of this view reach. */
static inline word within(enum mmu_view view, word page, word count)
{
    uint64_t end = (uint64_t)1 << TABLE_BITS * levels(view);
    return page >= end ? 0 : count > end - page ? (word)(end - page) : count;
}

/* Pages from 'page' to the end of what an entry of this level covers. */
static inline word entry_rest(word page, unsigned level)
{
    word span = (word)1 << TABLE_BITS * (level - 1);
    return span - (page & (span - 1));
}

/* Highest level with leaves. */
static inline unsigned leaf_levels(enum mmu_view view)
{
    if (!feature(FEATURE_RESIZE))
        return 1;
    return is_ept(view) ? mmu_ept_leaf_levels : TABLE_LEVELS == 4 && feature(FEATURE_PAGE_1G) ? 3 : 2;
}

/* Pages that an entry of this level covers. */
static inline word entry_span(unsigned level) { return (word)1 << TABLE_BITS * (level - 1); }

/* Whether count pages of the host view are in the table that was used last; then, the leaf of one of them. */
static inline bool leaves_again(const struct mmu *mmu, enum mmu_view view, word page, word count)
{
    return view == MMU_HOST && mmu->port[PORT_LEAVES_OF] == page >> TABLE_BITS && count <= entry_rest(page, 2);
}
static inline uint64_t *leaf_again(const struct mmu *mmu, word page)
{
    return (uint64_t *)mmu->port[PORT_LEAVES] + (page & (TABLE_ENTRIES - 1));
}

/* The entry of a page at which a walk ends: the page's leaf, or the empty entry where a table is missing. */
static inline uint64_t *walk(const struct mmu *mmu, enum mmu_view view, word page, unsigned *level)
{
    uint64_t *table = phys_to_virt(mmu->root[view]);
    for (unsigned at = levels(view);; at--) {
        uint64_t *entry = &table[table_index(page, at)];
        if (at == 1 || !leads_on(*entry)) {
            *level = at;
            return entry;
        }
        table = table_of(*entry);
    }
}

/* Entries that are written in one go: of large pages, and of 4 KiB pages, which are dearer with 32-bit registers. */
enum { PIECE_LARGE = 24, PIECE_SMALL = sizeof(word) == 8 ? 512 : 256 };

#endif
