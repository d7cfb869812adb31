/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Ranges hold what a PD was given, page tables and bitmap what its code may touch; both change here together and nowhere else.
 */
#include "core/range_space.h"

#include "core/lib/assert.h"
#include "core/lib/bits.h"
#include "core/lib/string.h"
#include "core/page_alloc.h"

enum { OTHER_VIEWS = MAPPING_GUEST | MAPPING_DEVICE };
static const uint8_t view_flag[MMU_VIEWS] = {[MMU_HOST] = MAPPING_HOST, [MMU_GUEST] = MAPPING_GUEST, [MMU_DEVICE] = MAPPING_DEVICE};

void range_space_init(struct range_space *space, unsigned type, struct account *account, struct mmu *mmu, word *cpus)
{
    *space =
        (struct range_space){.space = {.type = (uint8_t)type, .account = account}, .empty = ~(word)0, .mmu = mmu, .cpus = cpus};
}

static struct range *range_of_node(struct treap *node) { return CONTAINER(node, struct range, tree); }

static bool range_before(const struct treap *a, const struct treap *b)
{
    return CONTAINER(a, const struct range, tree)->mapping.base < CONTAINER(b, const struct range, tree)->mapping.base;
}

static __attribute__((noinline)) struct range *range_search(struct range_space *space, word place)
{
    struct range *best = 0;
    /* No two overlap: where they end is in the same order as where they begin. */
    for (struct treap *node = space->ranges; node;) {
        struct range *range = range_of_node(node);
        if (place < range_end(range)) {
            best = range;
            node = node->left;
        } else
            node = node->right;
    }
    if (best && place >= best->mapping.base)
        space->found = best;
    return best;
}

static inline bool range_has(const struct range *range, word place) { return range && place - range->mapping.base < range->count; }

static inline struct range *next(struct range_space *space, word place)
{
    if (range_has(space->found, place))
        return space->found;
    if (range_has(space->entered, place))
        return space->entered;
    if (place >= space->empty && (!space->after || place < range_end(space->after)))
        return space->after;
    return range_search(space, place);
}

struct range *range_next(struct range_space *space, word place) { return next(space, place); }

struct range *range_next_locked(struct range_space *space, word place)
{
    for (;;) {
        spin_lock(&space->space.lock);
        struct range *range = next(space, place);
        uint8_t lock = range ? range->mapping.lock : 0;
        bool ready = !range || mapping_trylock(lock);
        spin_unlock(&space->space.lock);
        if (ready)
            return range;

        /* The order of locks: wait for it without the space's lock, then look again. */
        mapping_lock(lock);
        spin_lock(&space->space.lock);
        range = range_next(space, place);
        ready = range && range->mapping.lock == lock;
        spin_unlock(&space->space.lock);
        if (ready)
            return range;
        mapping_unlock(lock);
    }
}

static bool is_memory(const struct range_space *space) { return space->space.type == NOVA_CRD_MEM; }

/* A bitmap that denies everything, if there is none yet. */
static bool bitmap_prepare(struct range_space *space, const uint8_t **place, unsigned order)
{
    if (*place)
        return true;
    word *bitmap = account_page_alloc(space->space.account, order);
    if (!bitmap)
        return false;
    memset(bitmap, ~0, PAGE_SIZE << order);
    __atomic_store_n(place, (const uint8_t *)bitmap, __ATOMIC_RELEASE);
    return true;
}

static void range_unprepare(struct range_space *space, struct page_reserve *reserve)
{
    while (reserve->count)
        account_page_free(space->space.account, page_reserve_take(reserve), 0);
}

static void bitmap_set(const uint8_t *read_only, word from, word end, bool denied)
{
    /* The bitmap is core's own memory; the port only reads it. */
    enum { BITS = 8 * sizeof(word) };
    word *bitmap = (word *)(word)read_only;
    for (word port = from, next; port < end; port = next) {
        next = word_min(end, (port | (BITS - 1)) + 1);
        word bits = ~(word)0 >> (BITS - (next - port)) << port % BITS, *place = bitmap + port / BITS;
        *place = denied ? *place | bits : *place & ~bits;
    }
}

static void ports_set(struct range_space *space, const struct mapping *m, word from, word end, bool denied)
{
    bitmap_set(space->mmu->io_bitmap, from, end, denied);
    if (m->flags & MAPPING_GUEST)
        bitmap_set(space->mmu->io_guest, from, end, denied);
    __atomic_fetch_add(&space->mmu->io_generation, 1, __ATOMIC_RELEASE);
}

/* The tables that split a large page are on the account of its space, which was spared them when it was mapped. */
static bool view_split(struct range_space *space, enum mmu_view view, word from, word end, unsigned rights, unsigned need)
{
    struct page_reserve reserve = {0, 0};
    for (; need; need = mmu_protect(space->mmu, view, from, end - from, rights, &reserve))
        while (reserve.count < need) {
            void *page = account_page_alloc_forced(space->space.account);
            if (!page) {
                range_unprepare(space, &reserve);
                return false;
            }
            page_reserve_put(&reserve, page);
        }
    return true;
}

static inline bool view_protect(struct range_space *space, enum mmu_view view, word from, word end, unsigned rights)
{
    unsigned need = mmu_protect(space->mmu, view, from, end - from, rights, 0);
    return !need || view_split(space, view, from, end, rights, need);
}

/* Pages for the tables that memory at this place may need. */
static bool tables_prepare(struct range_space *space, const struct mapping *m, word count, struct page_reserve *reserve)
{
    unsigned need = m->flags & MAPPING_HOST ? mmu_need(space->mmu, MMU_HOST, m->base, count, m->value) : 0;
    for (unsigned view = MMU_GUEST; m->flags & OTHER_VIEWS && view < MMU_VIEWS; view++)
        if (m->flags & view_flag[view])
            need += mmu_need(space->mmu, view, m->base, count, m->value);
    if (__builtin_expect(!need, 1))
        return true;
    /* Do not try for long what cannot succeed. */
    if (need > quota_room(&space->space.account->quota))
        return false;
    while (reserve->count < need) {
        void *page = account_page_alloc(space->space.account, 0);
        if (!page) {
            range_unprepare(space, reserve);
            return false;
        }
        page_reserve_put(reserve, page);
    }
    return true;
}

unsigned range_map(struct range_space *space, const struct mapping *m, word count)
{
    struct page_reserve reserve = {0, 0};
    if (!is_memory(space)) {
        if (!bitmap_prepare(space, &space->mmu->io_bitmap, IO_BITMAP_ORDER) ||
            (m->flags & MAPPING_GUEST && !bitmap_prepare(space, &space->mmu->io_guest, IO_GUEST_ORDER)))
            return 0;
        ports_set(space, m, m->base, m->base + count, false);
        return 1;
    }
    if (!tables_prepare(space, m, count, &reserve))
        return 0;
    unsigned tables = reserve.count;
    if (m->flags & MAPPING_HOST)
        mmu_map(space->mmu, MMU_HOST, m->base, count, m->value, m->rights & 7, m->type, &reserve);
    for (unsigned view = MMU_GUEST; m->flags & OTHER_VIEWS && view < MMU_VIEWS; view++)
        if (m->flags & view_flag[view])
            mmu_map(space->mmu, view, m->base, count, m->value, m->rights & 7, m->type, &reserve);
    range_unprepare(space, &reserve);
    return 1 + tables;
}

void range_enter(struct range_space *space, struct range *range, struct range *after)
{
    treap_insert_by(&space->ranges, &range->tree, range_before);
    space->entered = range;
    space->empty = range_end(range);
    space->after = after;
}

bool range_protect_any(struct range_space *space, struct range *range, word from, word end, unsigned rights)
{
    unsigned flags = range->mapping.flags;
    if (!is_memory(space)) {
        if (!rights)
            ports_set(space, &range->mapping, from, end, true);
        return true;
    }
    bool enough = !(flags & MAPPING_HOST) || view_protect(space, MMU_HOST, from, end, rights & 7);
    for (unsigned view = MMU_GUEST; __builtin_expect(flags & OTHER_VIEWS, 0) && view < MMU_VIEWS && enough; view++)
        if (flags & view_flag[view])
            enough = view_protect(space, view, from, end, rights & 7);
    return enough;
}

void range_remove(struct range_space *space, struct range *range)
{
    bool found = treap_remove_by(&space->ranges, &range->tree, range_before);
    ASSERT(found);
    (void)found;
    if (space->found == range)
        space->found = 0;
    if (space->entered == range) {
        space->entered = 0;
        /* It may have been cut meanwhile. */
        if (space->empty == range_end(range))
            space->empty = range->mapping.base;
    }
    if (space->after == range)
        space->empty = ~(word)0;
    slab_free(space->space.account, range, sizeof *range);
}

struct range *range_cut(struct range_space *space, struct range *range, word at)
{
    struct range *upper = slab_take(space->space.account, slab_class(sizeof *upper), true);
    if (!upper)
        return 0;
    struct mapping *low = &range->mapping, *high = &upper->mapping;
    word below = at - low->base;
    *high = *low;
    high->base = at;
    high->value = low->value + below;
    upper->count = range->count - below;
    range->count = below;
    /* The next sibling: a walk that already knows its next mapping does not meet the new one. */
    mapping_link_behind(high, low);
    treap_insert_by(&space->ranges, &upper->tree, range_before);
    if (low->child) {
        low->flags |= MAPPING_PART;
        high->flags |= MAPPING_PART;
        range->tree.key = (word)upper;
        upper->tree.key = (word)range;
        mapping_moves(low->lock);
    }
    return upper;
}

bool range_settle(struct range *part, struct mapping *cursor, unsigned *budget)
{
    struct range *other = range_other_part(part), *low = other->mapping.base < part->mapping.base ? other : part;
    if (!mapping_partition(&low->mapping, &range_other_part(low)->mapping, cursor, budget))
        return false;
    part->mapping.flags &= (uint8_t)~MAPPING_PART;
    other->mapping.flags &= (uint8_t)~MAPPING_PART;
    /* A place among their children meant something else until now. */
    mapping_moves(part->mapping.lock);
    return true;
}
