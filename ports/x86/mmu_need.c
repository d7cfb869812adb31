/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How many tables a mapping takes, and how much of it goes in one piece. Says at least what mmu.c will do; where a count is exact, tests/port/mmu.c holds both to it.
 */
#include "ports/x86/mmu_walk.h"
#include "ports/x86/mtrr.h"

/* The highest level at which pages and frames are aligned alike. */
static SELDOM unsigned leaf_level(enum mmu_view view, word page, word frame)
{
    unsigned level = 1;
    while (level < leaf_levels(view) && !((page ^ frame) & (entry_span(level + 1) - 1)))
        level++;
    return level;
}

/*
 * Tables of 'level' and below for the pages if none exists. Below the level of the leaves there are tables only where a large page
 * would reach across the first or last page.
 */
static SELDOM unsigned tables_for(enum mmu_view view, unsigned level, word page, word count, word frame)
{
    unsigned leaf = mtrr_uniform(frame, count) ? leaf_level(view, page, frame) : 1, need = 0;
    for (; level > 0; level--) {
        word shift = TABLE_BITS * level, first = page >> shift, last = (page + count - 1) >> shift;
        bool head = page & (((word)1 << shift) - 1), tail = (page + count) & (((word)1 << shift) - 1);
        if (level >= leaf)
            need += (unsigned)(last - first) + 1;
        else
            need += first == last ? head || tail : head + tail;
    }
    return need;
}

/* Tables that are missing below a table of this level, or below the entry where such a table is missing (0) but counted already. */
static SELDOM unsigned need_below(enum mmu_view view, const uint64_t *table, unsigned level, word page, word count, word frame)
{
    unsigned need = 0;
    while (count) {
        word part = word_min(count, entry_rest(page, level));
        uint64_t entry = table ? table[table_index(page, level)] : 0;
        if (entry & ENTRY_PRESENT)
            need += level > 2 && !(entry & ENTRY_LARGE) ? need_below(view, table_of(entry), level - 1, page, part, frame) : 0;
        else if (level == 2 || mtrr_uniform(frame, part))
            need += tables_for(view, level - 1, page, part, frame);
        else
            need += 1 + need_below(view, 0, level - 1, page, part, frame);
        page += part;
        frame += part;
        count -= part;
    }
    return need;
}

/* The same as mmu_need, for what is not in the table that was used last. */
static SELDOM unsigned tables_need(const struct mmu *mmu, enum mmu_view view, word page, word count, word frame)
{
    count = within(view, page, count);
    if (view == MMU_DEVICE || !count)
        return 0;
    if (!mmu->root[view])
        return 1 + need_below(view, 0, levels(view), page, count, frame);
    unsigned level;
    walk(mmu, view, page, &level);
    if (count == 1 || (level == 1 && count <= entry_rest(page, 2)))
        return level - 1;
    /* Ranges of more than 1 GiB get the bound of an empty space instead of a long walk. */
    if (count > entry_span(3) && mtrr_uniform(frame, count))
        return tables_for(view, levels(view) - 1, page, count, frame);
    return need_below(view, phys_to_virt(mmu->root[view]), levels(view), page, count, frame);
}

unsigned mmu_need(const struct mmu *mmu, enum mmu_view view, word page, word count, word frame)
{
    return leaves_again(mmu, view, page, count) ? 0 : tables_need(mmu, view, page, count, frame);
}

word mmu_piece(word page, word count, word frame)
{
    word huge = entry_span(3), large = entry_span(2);
    if (leaf_levels(MMU_HOST) > 2 && (!mmu_ept || mmu_ept_leaf_levels > 2) && !((page ^ frame) & (huge - 1))) {
        word whole = word_min(count, PIECE_LARGE * huge) & ~(huge - 1);
        if (!(page & (huge - 1)) && whole && mtrr_uniform(frame, whole))
            return whole;
        count = word_min(count, entry_rest(page, 3));
    }
    if ((page ^ frame) & (large - 1) || leaf_levels(MMU_HOST) < 2)
        return word_min(count, PIECE_SMALL);
    if (page & (large - 1) || count < large)
        return word_min(word_min(count, entry_rest(page, 2)), PIECE_SMALL);
    word whole = word_min(count, PIECE_LARGE * large) & ~(large - 1);
    return mtrr_uniform(frame, whole) ? whole : large;
}
