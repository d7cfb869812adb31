/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Page tables of the simulated CPU: radix trees with 512 entries a table and pages of two sizes. A table of small pages covers a large one, 512 pages or
 * fewer if the test wants many of them. Core serialises calls for one mmu.
 */
#include "hosted.h"

enum { BITS = 9, ENTRIES = 1 << BITS };
enum { PRESENT = 1, RIGHTS_SHIFT = 1, TYPE_SHIFT = 4, LARGE = 1 << 6 };

static int large_order = BITS;
unsigned mmu_large_maps, mmu_large_splits;

void mmu_large_order(unsigned order) { large_order = (int)order; }

static word view_limit(enum mmu_view view) { return view == MMU_HOST ? NOVA_USER_LIMIT >> PAGE_BITS : (word)1 << 52; }

static void check_range(const char *who, enum mmu_view view, word page, word count)
{
    word limit = view_limit(view);
    if (page > limit || count > limit - page)
        contract_broken("%s: pages %#lx + %#lx of view %d are past the limit %#lx", who, page, count, (int)view, limit);
}

/* Pages that an entry of a level covers; level 0 are pages themselves, entries of level 1 large pages or tables of small ones. */
static word span(int level) { return level ? (word)1 << (large_order + BITS * (level - 1)) : 1; }

static unsigned entries(int level) { return level ? ENTRIES : 1u << large_order; }

static unsigned index_of(word page, int level) { return (unsigned)(page / span(level) % entries(level)); }

static int levels(enum mmu_view view)
{
    int level = 1;
    while (span(level) < view_limit(view))
        level++;
    return level;
}

/* 'count' pages below an empty entry of a level can be one large page. */
static bool large_fits(int level, word page, word count, word frame)
{
    return level == 1 && count == span(1) && page % span(1) == 0 && frame % span(1) == 0;
}

static uint64_t *table_of(uint64_t entry) { return phys_to_virt(entry & ~(uint64_t)(PAGE_SIZE - 1)); }

void mmu_init(struct mmu *mmu, void *root)
{
    for (unsigned i = 0; i < PAGE_SIZE / sizeof(word); i++)
        if (((word *)root)[i] || (uintptr_t)root % PAGE_SIZE)
            contract_broken("mmu_init: root %p is not a zeroed page", root);
    mmu->root[MMU_HOST] = virt_to_phys(root);
    mmu->root[MMU_GUEST] = mmu->root[MMU_DEVICE] = 0;
    mmu->tag = tlb_tag_new();
}

/* Tables missing below a present table of 'level' (its entries cover span(level)) for pages first to last. */
static word tables_missing(const uint64_t *table, int level, word first, word last, uint64_t frame)
{
    word sum = 0;
    if (level == 0)
        return 0;
    for (word index = first / span(level); index <= last / span(level); index++) {
        word begin = index * span(level), end = begin + span(level) - 1;
        word from = first > begin ? first : begin, to = last < end ? last : end;
        uint64_t entry = table ? table[index % ENTRIES] : 0, target = frame + (from - first);
        if (entry & LARGE || (!entry && large_fits(level, from, to - from + 1, target)))
            continue;
        sum += (entry ? 0 : 1) + tables_missing(entry ? table_of(entry) : 0, level - 1, from, to, target);
        if (sum > 1u << 30)
            break;
    }
    return sum;
}

unsigned mmu_need(const struct mmu *mmu, enum mmu_view view, word page, word count, word frame)
{
    machine_point();
    check_range("mmu_need", view, page, count);
    if (!count)
        return 0;
    if (count > (word)1 << 30)
        return 1u << 30; /* more than there is, even for large pages alone */
    paddr_t root = mmu->root[view];
    return (unsigned)((root ? 0 : 1) +
                      tables_missing(root ? phys_to_virt(root) : 0, levels(view) - 1, page, page + count - 1, frame));
}

static uint64_t *take_table(struct page_reserve *reserve, uint64_t *where)
{
    if (!reserve || !reserve->first || !reserve->count)
        contract_broken("mmu_map: the reserve is empty (mmu_need was not asked or not heard)");
    uint64_t *table = page_reserve_take(reserve);
    for (unsigned i = 0; i < ENTRIES; i++)
        if (table[i] || (uintptr_t)table % PAGE_SIZE)
            contract_broken("mmu_map: page %p of the reserve is not a zeroed page", (void *)table);
    __atomic_store_n(where, virt_to_phys(table) | PRESENT, __ATOMIC_RELEASE);
    return table;
}

/* Small, so that tests meet the borders. */
word mmu_piece(word page, word count, word frame)
{
    (void)page;
    (void)frame;
    return count < 512 ? count : 512;
}

void mmu_map(struct mmu *mmu, enum mmu_view view, word page, word count, word frame, unsigned rights, enum memory_type type,
             struct page_reserve *reserve)
{
    machine_point();
    check_range("mmu_map", view, page, count);
    if (!rights || rights & ~7u || (frame + count) >> 40)
        contract_broken("mmu_map: rights %u, frame %#llx", rights, (unsigned long long)frame);
    unsigned need = mmu_need(mmu, view, page, count, frame), before = reserve ? reserve->count : 0;
    uint64_t bits = (word)type << TYPE_SHIFT | (rights | MMU_READ) << RIGHTS_SHIFT | PRESENT;
    if (!mmu->root[view]) {
        uint64_t root = 0;
        take_table(reserve, &root);
        mmu->root[view] = root & ~(uint64_t)PRESENT;
    }
    for (word i = 0, part; i < count; i += part) {
        uint64_t *table = phys_to_virt(mmu->root[view]), *entry;
        int level = levels(view) - 1;
        for (;; level--) {
            entry = &table[index_of(page + i, level)];
            part = span(level) < count - i ? span(level) : count - i;
            if (level == 0 || *entry & LARGE || (!*entry && large_fits(level, page + i, part, frame + i)))
                break;
            table = *entry ? table_of(*entry) : take_table(reserve, entry);
        }
        if (*entry)
            contract_broken("mmu_map: page %#lx of view %d is mapped already (to frame %#llx)", page + i, (int)view,
                            (unsigned long long)(*entry >> PAGE_BITS));
        __atomic_fetch_add(&mmu_large_maps, level > 0, __ATOMIC_RELAXED);
        __atomic_store_n(entry, (frame + i) << PAGE_BITS | bits | (level ? LARGE : 0), __ATOMIC_RELEASE);
    }
    if (reserve && before - reserve->count > need)
        contract_broken("hosted mmu: took %u pages, mmu_need said %u", before - reserve->count, need);
}

bool mmu_map_quickly(struct mmu *mmu, word page, word count, word frame, unsigned rights, enum memory_type type)
{
    struct page_reserve none = {0, 0};
    if (mmu_need(mmu, MMU_HOST, page, count, frame) || mmu_piece(page, count, frame) != count)
        return false;
    mmu_map(mmu, MMU_HOST, page, count, frame, rights, type, &none);
    return true;
}

struct walk {
    word first, last;
    unsigned rights;
    bool change;
    struct page_reserve *reserve; /* for splitting */
    word pages;                   /* mapped in the range */
    unsigned split;               /* large pages that lose rights and reach across a border */
};

/* A leaf with no more than these rights. */
static uint64_t leaf_reduce(uint64_t entry, unsigned rights)
{
    uint64_t keep = entry & (~(uint64_t)(7 << RIGHTS_SHIFT) | (uint64_t)rights << RIGHTS_SHIFT);
    return keep & 7 << RIGHTS_SHIFT ? keep : 0;
}

/* Puts a table in the place of a large page that maps the same. */
static void split(uint64_t *entry, struct page_reserve *reserve)
{
    uint64_t value = *entry & ~(uint64_t)LARGE, link = 0, *table = take_table(reserve, &link);
    for (unsigned i = 0; i < entries(0); i++)
        table[i] = value + ((uint64_t)i << PAGE_BITS);
    __atomic_store_n(entry, link, __ATOMIC_RELEASE);
    mmu_large_splits++;
}

/* All mapped pages of the range; absent tables are skipped. */
static void walk(struct walk *w, uint64_t *table, int level, word begin)
{
    for (unsigned i = 0; i < entries(level); i++) {
        word at = begin + i * span(level), end = at + span(level) - 1;
        if (end < w->first || at > w->last || !table[i])
            continue;
        uint64_t reduced = leaf_reduce(table[i], w->rights);
        if (table[i] & LARGE && (at < w->first || end > w->last) && reduced != table[i]) {
            w->split++;
            if (w->change)
                split(&table[i], w->reserve);
        }
        if (level && !(table[i] & LARGE)) {
            walk(w, table_of(table[i]), level - 1, at);
            continue;
        }
        w->pages += (end < w->last ? end : w->last) - (at > w->first ? at : w->first) + 1;
        if (w->change && reduced != table[i])
            __atomic_store_n(&table[i], reduced, __ATOMIC_RELEASE);
    }
}

unsigned mmu_protect(struct mmu *mmu, enum mmu_view view, word page, word count, unsigned rights, struct page_reserve *reserve)
{
    machine_point();
    check_range("mmu_protect", view, page, count);
    if (rights & ~7u)
        contract_broken("mmu_protect: rights %#x", rights);
    if (rights)
        rights |= MMU_READ; /* this CPU has no page that can be written and not read */
    if (!count || !mmu->root[view])
        return 0;
    struct walk w = {.first = page, .last = page + count - 1, .rights = rights, .reserve = reserve};
    walk(&w, phys_to_virt(mmu->root[view]), levels(view) - 1, 0);
    if (w.split > (reserve ? reserve->count : 0))
        return w.split;
    w.change = true;
    walk(&w, phys_to_virt(mmu->root[view]), levels(view) - 1, 0);
    return 0;
}

word mmu_count(const struct mmu *mmu, enum mmu_view view)
{
    struct walk w = {.last = ~(word)0, .rights = 7};
    if (mmu->root[view])
        walk(&w, phys_to_virt(mmu->root[view]), levels(view) - 1, 0);
    return w.pages;
}

static word tables_below(const uint64_t *table, int level)
{
    word sum = 1;
    for (unsigned i = 0; level && i < ENTRIES; i++)
        if (table[i] && !(table[i] & LARGE))
            sum += tables_below(table_of(table[i]), level - 1);
    return sum;
}

word mmu_tables(const struct mmu *mmu)
{
    word sum = 0;
    for (int view = 0; view < MMU_VIEWS; view++)
        if (mmu->root[view])
            sum += tables_below(phys_to_virt(mmu->root[view]), levels(view) - 1);
    return sum;
}

unsigned mmu_rights(const struct mmu *mmu, enum mmu_view view, word page, uint64_t *frame, enum memory_type *type)
{
    uint64_t entry = mmu->root[view] | PRESENT;
    int level = levels(view) - 1;
    if (!mmu->root[view] || page >= span(level + 1))
        return 0;
    for (;; level--) {
        entry = __atomic_load_n(&table_of(entry)[index_of(page, level)], __ATOMIC_ACQUIRE);
        if (!entry)
            return 0;
        if (!level || entry & LARGE)
            break;
    }
    if (frame)
        *frame = (entry >> PAGE_BITS) + page % span(level);
    if (type)
        *type = entry >> TYPE_SHIFT & 3;
    return entry >> RIGHTS_SHIFT & 7;
}

unsigned mmu_lookup(const struct mmu *mmu, enum mmu_view view, word page, uint64_t *frame)
{
    return mmu_rights(mmu, view, page, frame, 0);
}

/* Unlinks tables bottom up; false when max is reached. */
static bool collect(uint64_t *entry, int level, struct page_reserve *pages, unsigned max)
{
    uint64_t *table = table_of(*entry);
    for (unsigned i = 0; level && i < ENTRIES; i++)
        if (table[i] && !(table[i] & LARGE) && !collect(&table[i], level - 1, pages, max))
            return false;
    if (pages->count >= max)
        return false;
    *entry = 0;
    page_reserve_put(pages, table);
    return true;
}

bool mmu_fini(struct mmu *mmu, struct page_reserve *pages, unsigned max)
{
    for (unsigned cpu = 0; cpu < NOVA_CPUS; cpu++)
        if (mmu_active(cpu) == mmu || mmu_guest(cpu) == mmu)
            contract_broken("mmu_fini: the tables are active on CPU %u", cpu);
    for (int view = 0; view < MMU_VIEWS; view++) {
        uint64_t root = mmu->root[view] | PRESENT;
        if (mmu->root[view] && !collect(&root, levels(view) - 1, pages, max))
            return false;
        mmu->root[view] = 0;
    }
    return true;
}
