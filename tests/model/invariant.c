/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What must be true of the kernel's capabilities whatever happened: links in both directions, children within their parents and with no more rights, page tables
 * and bitmaps equal to the ranges, as many names as an object counts. Nothing runs while this looks.
 */
#include "model.h"
#include "tests/object_tables.h"

#include "core/ec.h"
#include "core/lib/bits.h"
#include "core/page_alloc.h"
#include "hal/physical.h"

static unsigned rights_of(const struct mapping *m)
{
    return m->space->type == NOVA_CRD_OBJ ? slot_capability(m).permissions : m->rights;
}

static word count_of(const struct mapping *m)
{
    return m->space->type == NOVA_CRD_OBJ ? 1 : CONTAINER(m, const struct range, mapping)->count;
}

static const struct mapping *last_child(const struct mapping *m)
{
    const struct mapping *child = m->child;
    while (child && child->next)
        child = child->next;
    return child;
}

static void check_mapping(const struct mapping *m, const struct space *space)
{
    const struct mapping *parent = m->parent;
    if (m->space != space || !rights_of(m) || !count_of(m))
        disagree("the mapping at %#lx: space %p instead of %p, rights %u, %lu units", m->base, (void *)m->space, (void *)space,
                 rights_of(m), count_of(m));
    for (const struct mapping *child = m->child, *before = last_child(m); child; before = child, child = child->next)
        if (child->parent != m || child->prev != before || child->lock != m->lock || child->space->type != space->type)
            disagree("the mapping at %#lx: its child at %#lx is not linked as it should be", m->base, child->base);
    if (!parent)
        return;
    if (rights_of(m) & ~rights_of(parent))
        disagree("the mapping at %#lx has rights %u, its parent %u", m->base, rights_of(m), rights_of(parent));
    bool listed = false;
    for (const struct mapping *child = parent->child; child; child = child->next)
        listed |= child == m;
    if (!listed)
        disagree("the mapping at %#lx is not among its parent's children", m->base);
    if (space->type == NOVA_CRD_OBJ ? slot_capability(m).object != slot_capability(parent).object
                                    : m->value < parent->value || m->value - parent->value + count_of(m) > count_of(parent))
        disagree("the mapping at %#lx is something else than its parent at %#lx", m->base, parent->base);
}

unsigned long mappings_seen;

static void check_tables(struct range_space *space)
{
    static const uint8_t flag[MMU_VIEWS] = {MAPPING_HOST, MAPPING_GUEST, MAPPING_DEVICE};
    word wanted[MMU_VIEWS] = {0}, open = 0, held = 0;
    const struct range *range;
    for (word at = 0; (range = range_next(space, at)); at = range_end(range)) {
        const struct mapping *m = &range->mapping;
        if (m->base < at)
            disagree("ranges overlap at %#lx", m->base);
        check_mapping(m, &space->space);
        mappings_seen += m->parent != 0;
        for (unsigned view = 0; view < MMU_VIEWS && space->space.type == NOVA_CRD_MEM; view++) {
            wanted[view] += m->flags & flag[view] ? range->count : 0;
            for (word i = 0; i < range->count && m->flags & flag[view]; i++) {
                uint64_t frame = 0;
                unsigned rights = mmu_rights(space->mmu, view, m->base + i, &frame, 0);
                if (rights != (m->rights | MMU_READ) || frame != m->value + i)
                    disagree("page %#lx, view %u: rights %u, frame %#llx in the table; range: %u, %#lx", m->base + i, view, rights,
                             (unsigned long long)frame, m->rights, m->value + i);
            }
        }
        held += range->count;
        for (word i = 0; i < range->count && space->space.type == NOVA_CRD_PIO; i++)
            open += !(space->mmu->io_bitmap[(m->base + i) / 8] >> (m->base + i) % 8 & 1);
    }
    for (unsigned view = 0; view < MMU_VIEWS && space->space.type == NOVA_CRD_MEM; view++)
        if (mmu_count(space->mmu, view) != wanted[view])
            disagree("%lu pages are mapped in view %u, ranges have %lu", mmu_count(space->mmu, view), view, wanted[view]);
    if (space->space.type != NOVA_CRD_PIO)
        return;
    word allowed = 0;
    for (unsigned port = 0; space->mmu->io_bitmap && port < SPACE_PORTS; port++)
        allowed += !(space->mmu->io_bitmap[port / 8] >> port % 8 & 1);
    if (allowed != held || open != held)
        disagree("%lu ports are open, ranges have %lu", allowed, held);
}

enum { PDS_MAX = 64 };
static struct pd *pds[PDS_MAX];
static unsigned pds_count;

static void pd_found(struct object *object)
{
    struct pd *pd = CONTAINER(object, struct pd, object);
    for (unsigned i = 0; i < pds_count; i++)
        if (pds[i] == pd)
            return;
    if (pds_count < PDS_MAX)
        pds[pds_count++] = pd;
}

static void check_slots(const struct object_space *space)
{
    word end = (word)1 << SELECTOR_BITS;
    if (!object_tables_counted(space))
        disagree("a table of slots has another number of used ones than it says");
    for (word at = 0; (at = object_tables_next(space, at, end)) < end; at++) {
        struct mapping *slot = object_space_slot(space, at);
        if (!slot->value)
            continue;
        check_mapping(slot, &space->space);
        struct object *object = slot_capability(slot).object;
        if (object_is(object, &pd_type))
            pd_found(object);
    }
}

/* Names of an object in all PDs that can be found. */
static unsigned names_of(const struct object *object)
{
    unsigned sum = 0;
    for (unsigned i = 0; i < pds_count; i++) {
        const struct object_space *space = &pds[i]->spaces.objects;
        word end = (word)1 << SELECTOR_BITS;
        for (word at = 0; (at = object_tables_next(space, at, end)) < end; at++)
            sum += slot_capability(object_space_slot(space, at)).object == object;
    }
    return sum;
}

void invariants(void)
{
    struct capability root = object_space_lookup(&cpu_core(0)->current->pd->spaces.objects, SELECTOR_ROOT);
    pds_count = 0;
    pd_found(root.object);
    for (unsigned i = 0; i < pds_count; i++) {
        check_slots(&pds[i]->spaces.objects);
        check_tables(&pds[i]->spaces.memory);
        check_tables(&pds[i]->spaces.ports);
    }
    for (unsigned i = 1; i < pds_count; i++)
        if (pds[i]->object.caps != names_of(&pds[i]->object))
            disagree("a PD counts %u names, there are %u", pds[i]->object.caps, names_of(&pds[i]->object));
    if (tlb_stale())
        disagree("a CPU holds stale translations");
}

word root_next(unsigned type, word place)
{
    struct spaces *spaces = &cpu_core(0)->current->pd->spaces;
    if (type == NOVA_CRD_OBJ) {
        word end = (word)1 << SELECTOR_BITS;
        while ((place = object_tables_next(&spaces->objects, place, end)) < end &&
               !object_space_slot(&spaces->objects, place)->value)
            place++;
        return place < end ? place : ~(word)0;
    }
    struct range *range = range_next(type == NOVA_CRD_MEM ? &spaces->memory : &spaces->ports, place);
    return !range ? ~(word)0 : range->mapping.base > place ? range->mapping.base : place;
}

word pages_of_spaces(const struct spaces *spaces)
{
    const struct mmu *mmu = spaces->memory.mmu;
    const struct object_space *space = &spaces->objects;
    word sum = (mmu->io_bitmap ? 1 << IO_BITMAP_ORDER : 0) + (mmu->io_guest ? 1 << IO_GUEST_ORDER : 0),
         end = (word)1 << SELECTOR_BITS;
    sum += mmu_tables(mmu);
    word uppers = space->root ? space->root & HEIGHT_MASK : 0, last = ~(word)0;
    sum += uppers == 2 ? 1 : 0;
    for (word at = 0; (at = object_tables_next(space, at, end)) < end; at += 1 << SLOT_BITS) {
        sum++;
        if (uppers && at >> (SLOT_BITS + TABLE_BITS) != last) {
            last = at >> (SLOT_BITS + TABLE_BITS);
            sum++;
        }
    }
    return sum;
}

struct pages root_account(word *tables, word *all)
{
    struct pd *root = cpu_core(0)->current->pd;
    *tables = pages_of_spaces(&root->spaces);
    *all = page_alloc_free_pages() + root->account.quota.used + root->object.payer->account.quota.used;
    return (struct pages){root->account.quota.used, root->account.quota.limit};
}
