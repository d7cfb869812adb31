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
#include "ports/x86/mmu_walk.h"

#include "core/lib/assert.h"
#include "core/lib/string.h"
#include "hal/boot_info.h"
#include "layout.h"
#include "ports/x86/kernel_map.h"
#include "ports/x86/mtrr.h"

bool mmu_ept;
unsigned mmu_ept_leaf_levels = 1;

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

/* Whether count pages from 'page' on, all below one empty entry of this level, can become a leaf there. */
static SELDOM bool leaf_fits(enum mmu_view view, unsigned level, word page, word count, word frame)
{
    word span = entry_span(level);
    return count == span && level <= leaf_levels(view) && !((page | frame) & (span - 1)) && mtrr_uniform(frame, span);
}

/*
 * Whether count pages of the host view are whole entries in the table of large pages that was used last, and none of them leads to a table; *entry: the first of
 * them.
 */
static inline bool large_again(const struct mmu *mmu, word page, word count, uint64_t **entry)
{
    if (mmu->port[PORT_LARGE_OF] != page >> 2 * TABLE_BITS || (page | count) & (TABLE_ENTRIES - 1) || count > entry_rest(page, 3))
        return false;
    uint64_t *at = *entry = (uint64_t *)mmu->port[PORT_LARGE] + table_index(page, 2);
    for (const uint64_t *end = at + (count >> TABLE_BITS); at < end; at++)
        if (leads_on(*at))
            return false;
    return true;
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
    _Static_assert(MMU_WRITE == ENTRY_WRITE, "the right is the bit");
    word low = (word)(ENTRY_PRESENT | ENTRY_USER | ENTRY_ACCESSED | ENTRY_DIRTY) | (rights & MMU_WRITE);
    if (__builtin_expect(type != MEMORY_WRITE_BACK, 0))
        low |= entry_type(type);
    return rights & MMU_EXECUTE ? low : low | entry_no_execute;
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

static inline uint64_t entry_address(word frame) { return (uint64_t)frame << PAGE_BITS & ENTRY_ADDRESS; }

/* Beyond the last address that an entry can hold there is nothing to map: what would overflow runs into bits that the CPU ignores. */
static inline void leaves_write(uint64_t *entry, word count, word frame, uint64_t bits, unsigned size)
{
    uint64_t value = entry_address(frame) | bits;
    for (const uint64_t *end = entry + count;; value += size) {
        entry_write(entry++, value);
        if (entry == end)
            break;
    }
}

/* The same as mmu_map, where tables may be missing or large pages be used. */
static __attribute__((noinline)) void tables_map(struct mmu *mmu, enum mmu_view view, word page, word count, word frame,
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
            entry_write(entry, entry_address(frame) | bits | ENTRY_LARGE | (ept ? ept_type(frame, type) : 0));
        } else {
            part = word_min(count, entry_rest(page, 2));
            for (word i = 0; ept && i < part; i++)
                entry_write(entry + i, entry_address(frame + i) | bits | ept_type(frame + i, type));
            if (!ept)
                leaves_write(entry, part, frame, bits, PAGE_SIZE);
        }
        page += part;
        frame += part;
        count -= part;
    }
}

void mmu_map(struct mmu *mmu, enum mmu_view view, word page, word count, word frame, unsigned rights, enum memory_type type,
             struct page_reserve *reserve)
{
    if (!rights)
        return;
    if (leaves_again(mmu, view, page, count))
        leaves_write(leaf_again(mmu, page), count, frame, host_bits(rights, type), PAGE_SIZE);
    else
        tables_map(mmu, view, page, count, frame, rights, type, reserve);
}

/* Large pages in a table that is there. */
static __attribute__((noinline)) bool large_map(struct mmu *mmu, word page, word count, word frame, unsigned rights,
                                                enum memory_type type)
{
    uint64_t *entry;
    if (!large_again(mmu, page, count, &entry) || !rights || leaf_levels(MMU_HOST) < 2 || frame & (TABLE_ENTRIES - 1) ||
        count > PIECE_LARGE * entry_span(2) || !mtrr_uniform(frame, count))
        return false;
    leaves_write(entry, count >> TABLE_BITS, frame, host_bits(rights, type) | ENTRY_LARGE, LARGE_PAGE_SIZE);
    return true;
}

bool mmu_map_quickly(struct mmu *mmu, word page, word count, word frame, unsigned rights, enum memory_type type)
{
    if (mmu->port[PORT_LEAVES_OF] != page >> TABLE_BITS)
        return large_map(mmu, page, count, frame, rights, type);
    /* In the table that was used last there is always a place. */
    if (count > 1 && (count > PIECE_SMALL || count > entry_rest(page, 2)))
        return false;
    if (rights)
        leaves_write(leaf_again(mmu, page), count, frame, host_bits(rights, type), PAGE_SIZE);
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
    uint64_t *entry;
    if (view == MMU_HOST && large_again(mmu, page, count, &entry)) {
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
        if (need > (reserve ? reserve->count : 0))
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

unsigned mmu_protect(struct mmu *mmu, enum mmu_view view, word page, word count, unsigned rights, struct page_reserve *reserve)
{
    if (!leaves_again(mmu, view, page, count))
        return tables_protect(mmu, view, page, count, rights, reserve);
    leaves_reduce(MMU_HOST, leaf_again(mmu, page), count, rights);
    return 0;
}
