/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Page tables of protection domains for the host and for guests. The kernel's half of each root is a copy of
 * kernel_root's entries, whose tables are shared. Core serialises changes of one space; walks by other CPUs' hardware go on
 * meanwhile. Leaves are written accessed and dirty, so the CPU never writes them.
 *
 * Pages of 2 MiB and 1 GiB are leaves in tables of level 2 and 3, used where page and frame are aligned to it, no table is in the
 * way, and the MTRRs give all of it one type. A table, once there, stays: other CPUs may have cached the way to it. Splitting
 * leaves each translation as it was, so that nothing must be flushed for it (SDM vol. 3, 4.10.2.3 and 4.10.4.3); INVLPG of each
 * 4 KiB page in it drops the large page from the TLB, too. On CPUs that do not bear that, FEATURE_RESIZE is missing, and all user
 * pages are small: user code can never meet two sizes of the same page.
 *
 * The guest view has the format of the host's tables (nested paging of SVM), or with mmu_ept the one of EPT. Its root appears with
 * the first mapping. Cached translations of it belong to virtual CPUs: a flush here makes each one of this CPU begin with new
 * ones. The device view stays empty without IOMMU code.
 */
#include "ports/x86/mmu.h"

#include "core/lib/assert.h"
#include "core/lib/bits.h"
#include "core/lib/string.h"
#include "hal/boot_info.h"
#include "hal/physical.h"
#include "layout.h"
#include "ports/x86/features.h"
#include "ports/x86/kernel_map.h"
#include "ports/x86/mtrr.h"
#include "ports/x86/page_table.h"

bool mmu_ept;
unsigned mmu_ept_leaf_levels = 1;

static uint64_t *table_of(uint64_t entry) { return phys_to_virt(entry & ENTRY_ADDRESS); }

static unsigned table_index(word page, unsigned level)
{
    return (unsigned)(page >> TABLE_BITS * (level - 1)) & (TABLE_ENTRIES - 1);
}

static bool is_ept(enum mmu_view view) { return view == MMU_GUEST && mmu_ept; }

static unsigned levels(enum mmu_view view) { return is_ept(view) ? EPT_LEVELS : TABLE_LEVELS; }

/* How many of count pages lie where tables of this view reach. */
static word within(enum mmu_view view, word page, word count)
{
    uint64_t end = (uint64_t)1 << TABLE_BITS * levels(view);
    return page >= end ? 0 : count > end - page ? (word)(end - page) : count;
}

/* Pages from 'page' to the end of what an entry of this level covers. */
static word entry_rest(word page, unsigned level)
{
    word span = (word)1 << TABLE_BITS * (level - 1);
    return span - (page & (span - 1));
}

void mmu_init(struct mmu *mmu, void *root)
{
    uint64_t *table = root;
    for (unsigned i = ROOT_USER_ENTRIES; i < ROOT_ENTRIES; i++)
        table[i] = kernel_root[i];
    mmu->root[MMU_HOST] = virt_to_phys(root);
    mmu->root[MMU_GUEST] = mmu->root[MMU_DEVICE] = 0;
    mmu_number(mmu);
    mmu->port[PORT_ROOT_GENERATION] = mmu->port[PORT_GUEST_GENERATION] = 0;
    mmu->port[PORT_LEAVES_OF] = mmu->port[PORT_LARGE_OF] = ~(word)0;
}

/* Highest level with leaves. */
static unsigned leaf_levels(enum mmu_view view)
{
    if (!feature(FEATURE_RESIZE))
        return 1;
    return is_ept(view) ? mmu_ept_leaf_levels : TABLE_LEVELS == 4 && feature(FEATURE_PAGE_1G) ? 3 : 2;
}

/* Pages that an entry of this level covers. */
static word entry_span(unsigned level) { return (word)1 << TABLE_BITS * (level - 1); }

/* Whether count pages from 'page' on, all below one empty entry of this level, can become a leaf there. */
static SELDOM bool leaf_fits(enum mmu_view view, unsigned level, word page, word count, uint64_t frame)
{
    word span = entry_span(level);
    return count == span && level <= leaf_levels(view) && !((page | frame) & (span - 1)) && mtrr_uniform(frame, span);
}

/* The highest level at which pages and frames are aligned alike. */
static SELDOM unsigned leaf_level(enum mmu_view view, word page, uint64_t frame)
{
    unsigned level = 1;
    while (level < leaf_levels(view) && !((page ^ frame) & (entry_span(level + 1) - 1)))
        level++;
    return level;
}

/* The leaves from 'page' on, if count pages of the host view are in the table that was used last; 0 otherwise. */
static inline uint64_t *leaves_again(const struct mmu *mmu, enum mmu_view view, word page, word count)
{
    bool same = view == MMU_HOST && mmu->port[PORT_LEAVES_OF] == page >> TABLE_BITS && count <= entry_rest(page, 2);
    return same ? (uint64_t *)mmu->port[PORT_LEAVES] + (page & (TABLE_ENTRIES - 1)) : 0;
}

/* The entries from 'page' on, if count pages of the host view are whole entries in the table of large pages that was used last, and none leads to a table; 0 otherwise. */
static inline uint64_t *large_again(const struct mmu *mmu, enum mmu_view view, word page, word count)
{
    if (view != MMU_HOST || mmu->port[PORT_LARGE_OF] != page >> 2 * TABLE_BITS || (page | count) & (TABLE_ENTRIES - 1) ||
        count > entry_rest(page, 3))
        return 0;
    uint64_t *entry = (uint64_t *)mmu->port[PORT_LARGE] + table_index(page, 2);
    for (word i = 0; i < count >> TABLE_BITS; i++)
        if ((entry[i] & (ENTRY_PRESENT | ENTRY_LARGE)) == ENTRY_PRESENT)
            return 0;
    return entry;
}

/* Remembers the table of an entry of level 1 or 2. */
static inline void table_keep(struct mmu *mmu, enum mmu_view view, unsigned level, word page, uint64_t *entry)
{
    if (view != MMU_HOST || level > 2)
        return;
    unsigned at = level == 1 ? PORT_LEAVES : PORT_LARGE;
    mmu->port[at + 1] = page >> TABLE_BITS * level;
    mmu->port[at] = (word)entry & ~(word)(PAGE_SIZE - 1);
}

/* The entry of a page at which a walk ends: the page's leaf, or the empty entry where a table is missing. */
static uint64_t *walk(const struct mmu *mmu, enum mmu_view view, word page, unsigned *level)
{
    uint64_t *table = phys_to_virt(mmu->root[view]);
    for (unsigned at = levels(view);; at--) {
        uint64_t *entry = &table[table_index(page, at)];
        if (at == 1 || (*entry & (ENTRY_PRESENT | ENTRY_LARGE)) != ENTRY_PRESENT) {
            *level = at;
            return entry;
        }
        table = table_of(*entry);
    }
}

/*
 * Tables of 'level' and below for the pages if none exists. Below the level of the leaves there are tables only where a large page
 * would reach across the first or last page.
 */
static SELDOM unsigned tables_for(enum mmu_view view, unsigned level, word page, word count, uint64_t frame)
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
static SELDOM unsigned need_below(enum mmu_view view, const uint64_t *table, unsigned level, word page, word count, uint64_t frame)
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
static SELDOM unsigned tables_need(const struct mmu *mmu, enum mmu_view view, word page, word count, uint64_t frame)
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

unsigned mmu_need(const struct mmu *mmu, enum mmu_view view, word page, word count, uint64_t frame)
{
    return leaves_again(mmu, view, page, count) ? 0 : tables_need(mmu, view, page, count, frame);
}

/* Entries that are written in one go: of large pages, and of 4 KiB pages, which are dearer with 32-bit registers. */
enum { PIECE_LARGE = 24, PIECE_SMALL = sizeof(word) == 8 ? 512 : 256 };

word mmu_piece(word page, word count, uint64_t frame)
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

/* What an entry that leads to a table has beside its address. */
static uint64_t table_bits(enum mmu_view view, unsigned level)
{
    if (is_ept(view))
        return EPT_READ | EPT_WRITE | EPT_EXECUTE;
    /* PAE: all other low bits of a page directory pointer are reserved (SDM vol. 3, table 4-8). */
    bool pointer = TABLE_LEVELS == 3 && level == TABLE_LEVELS;
    return pointer ? ENTRY_PRESENT : ENTRY_PRESENT | ENTRY_WRITE | ENTRY_USER | ENTRY_ACCESSED;
}

/* Hangs an empty table into an empty entry. */
static SELDOM uint64_t *table_add(struct mmu *mmu, enum mmu_view view, uint64_t *entry, unsigned level,
                                  struct page_reserve *reserve)
{
    ASSERT(reserve->count);
    uint64_t *table = page_reserve_take(reserve);
    entry_write(entry, virt_to_phys(table) | table_bits(view, level));
    if (TABLE_LEVELS == 3 && level == TABLE_LEVELS && view == MMU_HOST)
        __atomic_store_n(&mmu->port[PORT_ROOT_GENERATION], mmu->port[PORT_ROOT_GENERATION] + 1, __ATOMIC_RELEASE);
    return table;
}

static uint64_t host_bits(unsigned rights, enum memory_type type)
{
    return ENTRY_PRESENT | ENTRY_USER | ENTRY_ACCESSED | ENTRY_DIRTY | entry_type(type) | (rights & MMU_WRITE ? ENTRY_WRITE : 0) |
           (rights & MMU_EXECUTE ? 0 : entry_no_execute);
}

static SELDOM uint64_t ept_bits(unsigned rights)
{
    return EPT_READ | (rights & MMU_WRITE ? EPT_WRITE : 0) | (rights & MMU_EXECUTE ? EPT_EXECUTE : 0);
}

/* Memory type of a page for guests: what the MTRRs say of the frame, where the mapping does not ask for less (abi.md section 8). */
static SELDOM uint64_t ept_type(uint64_t frame, enum memory_type type)
{
    unsigned value = type == MEMORY_UNCACHED ? MTRR_UC : type == MEMORY_WRITE_COMBINE ? MTRR_WC : mtrr_type(frame);
    return (uint64_t)value << EPT_TYPE_SHIFT;
}

/* Beyond the last address that an entry can hold there is nothing to map: what would overflow runs into bits that the CPU ignores. */
static inline void leaves_write(uint64_t *entry, word count, uint64_t frame, uint64_t bits, unsigned size)
{
    uint64_t value = (frame << PAGE_BITS & ENTRY_ADDRESS) | bits;
    for (;; value += size) {
        entry_write(entry++, value);
        if (!--count)
            break;
    }
}

/* The same as mmu_map, where tables may be missing or large pages be used. */
static __attribute__((noinline)) void tables_map(struct mmu *mmu, enum mmu_view view, word page, word count, uint64_t frame,
                                                 unsigned rights, enum memory_type type, struct page_reserve *reserve)
{
    count = within(view, page, count);
    if (view == MMU_DEVICE || !count)
        return;
    if (!mmu->root[view])
        mmu->root[view] = virt_to_phys(page_reserve_take(reserve));
    bool ept = is_ept(view);
    uint64_t bits = ept ? ept_bits(rights) : host_bits(rights, type);
    unsigned level;
    while (count) {
        uint64_t *entry = walk(mmu, view, page, &level);
        ASSERT(!(*entry & ENTRY_PRESENT));
        word part = word_min(count, entry_rest(page, level));
        while (level > 1 && !leaf_fits(view, level, page, part, frame)) {
            uint64_t *table = table_add(mmu, view, entry, level--, reserve);
            entry = &table[table_index(page, level)];
            part = word_min(part, entry_rest(page, level));
        }
        table_keep(mmu, view, level, page, entry);
        if (level > 1) {
            entry_write(entry, (frame << PAGE_BITS & ENTRY_ADDRESS) | bits | ENTRY_LARGE | (ept ? ept_type(frame, type) : 0));
        } else {
            part = word_min(count, entry_rest(page, 2));
            for (word i = 0; ept && i < part; i++)
                entry_write(entry + i, ((frame + i) << PAGE_BITS & ENTRY_ADDRESS) | bits | ept_type(frame + i, type));
            if (!ept)
                leaves_write(entry, part, frame, bits, PAGE_SIZE);
        }
        page += part;
        frame += part;
        count -= part;
    }
}

void mmu_map(struct mmu *mmu, enum mmu_view view, word page, word count, uint64_t frame, unsigned rights, enum memory_type type,
             struct page_reserve *reserve)
{
    uint64_t *entry = leaves_again(mmu, view, page, count);
    if (!rights)
        return;
    if (entry)
        leaves_write(entry, count, frame, host_bits(rights, type), PAGE_SIZE);
    else
        tables_map(mmu, view, page, count, frame, rights, type, reserve);
}

/* Large pages in a table that is there. */
static __attribute__((noinline)) bool large_map(struct mmu *mmu, word page, word count, uint64_t frame, unsigned rights,
                                                enum memory_type type)
{
    uint64_t *entry = large_again(mmu, MMU_HOST, page, count);
    if (!entry || !rights || leaf_levels(MMU_HOST) < 2 || frame & (TABLE_ENTRIES - 1) || count > PIECE_LARGE * entry_span(2) ||
        !mtrr_uniform(frame, count))
        return false;
    leaves_write(entry, count >> TABLE_BITS, frame, host_bits(rights, type) | ENTRY_LARGE, LARGE_PAGE_SIZE);
    return true;
}

bool mmu_map_quickly(struct mmu *mmu, word page, word count, uint64_t frame, unsigned rights, enum memory_type type)
{
    if (mmu->port[PORT_LEAVES_OF] != page >> TABLE_BITS)
        return large_map(mmu, page, count, frame, rights, type);
    /* In the table that was used last there is always a place. */
    if (count > 1 && (count > PIECE_SMALL || count > entry_rest(page, 2)))
        return false;
    if (rights)
        leaves_write((uint64_t *)mmu->port[PORT_LEAVES] + (page & (TABLE_ENTRIES - 1)), count, frame, host_bits(rights, type),
                     PAGE_SIZE);
    return true;
}

/* A leaf with no more than these rights. */
static uint64_t leaf_reduce(enum mmu_view view, uint64_t value, unsigned rights)
{
    if (!rights || !(value & ENTRY_PRESENT))
        return 0;
    if (!(rights & MMU_WRITE))
        value &= ~ENTRY_WRITE;
    if (!(rights & MMU_EXECUTE))
        value = is_ept(view) ? value & ~EPT_EXECUTE : value | entry_no_execute;
    return value;
}

/* Level of the large page that must be split because a range that loses rights begins or ends at 'page'; 1 = there is none. */
static SELDOM unsigned border_level(const struct mmu *mmu, enum mmu_view view, word page, unsigned rights)
{
    unsigned level;
    if (!(page & (entry_span(leaf_levels(view)) - 1)) || !within(view, page, 1))
        return 1;
    uint64_t entry = *walk(mmu, view, page, &level);
    return entry & ENTRY_PRESENT && leaf_reduce(view, entry, rights) != entry ? level : 1;
}

/* Tables for splitting at both ends of a range. */
static SELDOM unsigned split_need(const struct mmu *mmu, enum mmu_view view, word page, word count, unsigned rights)
{
    word end = page + count;
    unsigned first = border_level(mmu, view, page, rights), last = border_level(mmu, view, end, rights), need = 0;
    for (unsigned level = 2; level <= leaf_levels(view); level++) {
        bool head = first >= level && page & (entry_span(level) - 1), tail = last >= level && end & (entry_span(level) - 1);
        bool same = (page ^ end) >> TABLE_BITS * (level - 1) == 0;
        need += head && tail && same ? 1 : head + tail;
    }
    return need;
}

/* Puts a table in the place of a large page that maps the same. */
static SELDOM void split(enum mmu_view view, uint64_t *entry, unsigned level, struct page_reserve *reserve)
{
    uint64_t value = level > 2 ? *entry : *entry & ~ENTRY_LARGE, *table = page_reserve_take(reserve);
    uint64_t step = (uint64_t)entry_span(level - 1) << PAGE_BITS;
    for (unsigned i = 0; i < TABLE_ENTRIES; i++, value += step)
        table[i] = value;
    entry_replace(entry, virt_to_phys(table) | table_bits(view, level));
}

static inline void leaves_reduce(enum mmu_view view, uint64_t *entry, word count, unsigned rights)
{
    for (; count && !rights; count--)
        entry_write(entry++, 0);
    for (; count; count--, entry++) {
        uint64_t value = leaf_reduce(view, *entry, rights);
        if (value != *entry)
            entry_write(entry, value);
    }
}

/* The same as mmu_protect, where large pages may be met. */
static __attribute__((noinline)) unsigned tables_protect(struct mmu *mmu, enum mmu_view view, word page, word count,
                                                         unsigned rights, struct page_reserve *reserve)
{
    uint64_t *entry = large_again(mmu, view, page, count);
    if (entry) {
        leaves_reduce(MMU_HOST, entry, count >> TABLE_BITS, rights);
        return 0;
    }
    count = within(view, page, count);
    if (!mmu->root[view] || !count)
        return 0;
    unsigned level;
    entry = walk(mmu, view, page, &level);
    if (level > 1 || count > entry_rest(page, 2)) {
        unsigned need = split_need(mmu, view, page, count, rights);
        if (need > reserve->count)
            return need;
    }
    while (count) {
        entry = walk(mmu, view, page, &level);
        word rest = word_min(count, entry_rest(page, level > 1 ? level : 2));
        table_keep(mmu, view, level, page, entry);
        if (level == 1) {
            leaves_reduce(view, entry, rest, rights);
        } else {
            uint64_t value = leaf_reduce(view, *entry, rights);
            if (value != *entry && rest == entry_span(level))
                entry_write(entry, value);
            else if (value != *entry) {
                split(view, entry, level, reserve);
                rest = 0;
            }
        }
        page += rest;
        count -= rest;
    }
    if (view == MMU_GUEST)
        __atomic_store_n(&mmu->port[PORT_GUEST_GENERATION], mmu->port[PORT_GUEST_GENERATION] + 1, __ATOMIC_RELEASE);
    return 0;
}

static SELDOM struct mmu_leaf leaf_find(const struct mmu *mmu, enum mmu_view view, word page)
{
    struct mmu_leaf leaf = {0, 0, 0, MEMORY_WRITE_BACK};
    if (!mmu->root[view] || !within(view, page, 1))
        return leaf;
    uint64_t entry;
    do /* another CPU may put a table in the place of a large page meanwhile */
        entry = entry_read(walk(mmu, view, page, &leaf.level));
    while (leaf.level > 1 && (entry & (ENTRY_PRESENT | ENTRY_LARGE)) == ENTRY_PRESENT);
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

unsigned mmu_protect(struct mmu *mmu, enum mmu_view view, word page, word count, unsigned rights, struct page_reserve *reserve)
{
    uint64_t *entry = leaves_again(mmu, view, page, count);
    if (!entry)
        return tables_protect(mmu, view, page, count, rights, reserve);
    leaves_reduce(MMU_HOST, entry, count, rights);
    return 0;
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
        if ((entry & (ENTRY_PRESENT | ENTRY_LARGE)) != ENTRY_PRESENT)
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
