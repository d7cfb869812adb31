/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Page tables as they are: what a page leads to, and all tables of a space that goes.
 */
#include "ports/x86/mmu_walk.h"
#include "ports/x86/mtrr.h"

static SELDOM struct mmu_leaf leaf_find(const struct mmu *mmu, enum mmu_view view, word page)
{
    struct mmu_leaf leaf = {0, 0, 0, MEMORY_WRITE_BACK};
    if (!mmu->root[view] || !within(view, page, 1))
        return leaf;
    uint64_t entry;
    do /* another CPU may put a table in the place of a large page meanwhile */
        entry = entry_read(walk(mmu, view, page, &leaf.level));
    while (leaf.level > 1 && leads_on(entry));
    if (!(entry & ENTRY_PRESENT))
        return leaf;
    leaf.frame = (entry & ENTRY_ADDRESS) >> PAGE_BITS | (page & (entry_span(leaf.level) - 1));
    bool execute = is_ept(view) ? entry & EPT_EXECUTE : !entry_no_execute || !(entry & entry_no_execute);
    leaf.rights = MMU_READ | (entry & ENTRY_WRITE ? MMU_WRITE : 0) | (execute ? MMU_EXECUTE : 0);
    if (is_ept(view))
        leaf.type = (entry >> EPT_TYPE_SHIFT & 7) == MTRR_WB ? MEMORY_WRITE_BACK : MEMORY_UNCACHED;
    else if (entry & ENTRY_PWT)
        leaf.type = entry & ENTRY_PCD ? MEMORY_UNCACHED : MEMORY_WRITE_COMBINE;
    return leaf;
}

SELDOM unsigned mmu_lookup(const struct mmu *mmu, enum mmu_view view, word page, uint64_t *frame)
{
    struct mmu_leaf leaf = leaf_find(mmu, view, page);
    if (leaf.rights)
        *frame = leaf.frame;
    return leaf.rights;
}

struct mmu_leaf mmu_guest_find(const struct mmu *mmu, word page) { return leaf_find(mmu, MMU_GUEST, page); }

word mmu_guest_generation(const struct mmu *mmu) { return __atomic_load_n(&mmu->port[PORT_GUEST_GENERATION], __ATOMIC_ACQUIRE); }

/* What one go may do yet: pages to collect, and tables of tables to look through; the way down to the first one takes two. */
struct collection {
    struct page_reserve *pages;
    unsigned left, scans;
};
enum { SCANS = 3 };

/*
 * Collects what hangs below the first 'entries' entries of a table, deepest first, so that an interrupted collection finds the rest
 * again.
 */
static SELDOM bool collect(uint64_t *table, unsigned level, unsigned entries, struct collection *go)
{
    for (unsigned i = 0; i < entries; i++) {
        uint64_t entry = table[i];
        if (!entry)
            continue; /* as most are */
        if (!leads_on(entry))
            continue;
        uint64_t *child = table_of(entry);
        if (level > 2 && (!go->scans-- || !collect(child, level - 1, TABLE_ENTRIES, go)))
            return false;
        if (!go->left)
            return false;
        go->left--;
        table[i] = 0;
        page_reserve_put(go->pages, child);
    }
    return true;
}

bool mmu_fini(struct mmu *mmu, struct page_reserve *pages, unsigned max)
{
    struct collection go = {pages, max, SCANS};
    for (unsigned view = 0; view < MMU_VIEWS; view++) {
        if (!mmu->root[view])
            continue;
        uint64_t *root = phys_to_virt(mmu->root[view]);
        if (!collect(root, levels(view), view == MMU_HOST ? ROOT_USER_ENTRIES : TABLE_ENTRIES, &go) || !go.left)
            return false;
        go.left--;
        page_reserve_put(pages, root);
        mmu->root[view] = 0;
    }
    return true;
}
