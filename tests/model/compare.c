/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kernel's state against the model's: slots, ranges, derivation, page tables, I/O bitmaps, limits. Reads the kernel's own structures, which are in the same
 * process; changes nothing.
 */
#include "model.h"
#include "tests/object_tables.h"

#include "core/ec.h"
#include "core/page_alloc.h"
#include "core/semaphore.h"
#include "core/slab.h"

#include <stdio.h>

static struct pd *kernel_pd_of(const struct domain *pd) { return CONTAINER((struct object *)pd->thing->kernel, struct pd, object); }

static struct domain *domain_of(struct object *object)
{
    for (struct domain *pd = domains; pd; pd = pd->next)
        if (pd->thing->kernel == object)
            return pd;
    disagree("the kernel has a PD (object %p) that should not exist", (void *)object);
}

static struct domain *owner(struct space *space)
{
    switch (space->type) {
    case NOVA_CRD_MEM: return domain_of(&CONTAINER(space, struct pd, spaces.memory.space)->object);
    case NOVA_CRD_PIO: return domain_of(&CONTAINER(space, struct pd, spaces.ports.space)->object);
    case NOVA_CRD_OBJ: return domain_of(&CONTAINER(space, struct pd, spaces.objects.space)->object);
    }
    disagree("a mapping lives in a space of type %u", space->type);
}

static const char *const type_names[] = {"null", "page", "port", "selector"};

#define PLACE_FORMAT "PD %u, %s %#lx: "
#define PLACE(unit) (unit)->pd->thing->number, type_names[(unit)->type], (unit)->place

static const char *text_of(const struct unit *unit)
{
    static char text[2][64];
    static int turn;
    if (!unit)
        return "nothing";
    snprintf(text[turn ^= 1], sizeof *text, "%s %#lx of PD %u", type_names[unit->type], unit->place, unit->pd->thing->number);
    return text[turn];
}

/* 'frame' tells which unit of the parent is meant. */
static void compare_parent(const struct unit *unit, const struct mapping *parent, word frame)
{
    if (!parent || !unit->parent) {
        if (parent || unit->parent)
            disagree(PLACE_FORMAT "the kernel says it derives from %s, the model: %s", PLACE(unit),
                     parent ? "something" : "nothing", text_of(unit->parent));
        return;
    }
    word place = parent->base + (unit->type == NOVA_CRD_OBJ ? 0 : frame - parent->value);
    struct unit there = {.pd = owner(parent->space), .type = parent->space->type, .place = place};
    if (there.pd != unit->parent->pd || place != unit->parent->place || there.type != unit->type)
        disagree(PLACE_FORMAT "the kernel says it derives from %s, the model: %s", PLACE(unit), text_of(&there),
                 text_of(unit->parent));
    if (unit->type != NOVA_CRD_OBJ && frame - parent->value >= CONTAINER(parent, const struct range, mapping)->count)
        disagree(PLACE_FORMAT "reaches beyond the range that it derives from", PLACE(unit));
}

static void compare_links(const struct mapping *mapping)
{
    const struct mapping *before = mapping->child;
    while (before && before->next)
        before = before->next;
    for (const struct mapping *child = mapping->child; child; before = child, child = child->next)
        if (child->parent != mapping || child->prev != before || child->lock != mapping->lock)
            disagree("mapping at %#lx: its children are not linked as they should be", mapping->base);
}

static void compare_objects(struct domain *pd)
{
    struct object_space *space = &kernel_pd_of(pd)->spaces.objects;
    word end = (word)1 << SELECTOR_BITS;
    unsigned count = 0;
    for (word at = 0; (at = object_tables_next(space, at, end)) < end; at++) {
        const struct mapping *slot = object_space_slot(space, at);
        struct capability cap = slot_capability(slot);
        struct unit *unit = unit_find(pd, NOVA_CRD_OBJ, at);
        if (!slot->value) {
            if (unit)
                disagree(PLACE_FORMAT "the kernel has nothing there", PLACE(unit));
            continue;
        }
        if (!unit)
            disagree("PD %u, selector %#lx: the kernel has a capability, the model none", pd->thing->number, at);
        if (cap.object != unit->thing->kernel || cap.permissions != unit->rights)
            disagree(PLACE_FORMAT "object %p, permissions %#x, model: %p, %#x", PLACE(unit), (void *)cap.object, cap.permissions,
                     unit->thing->kernel, unit->rights);
        if (cap.object->caps != unit->thing->caps && unit->thing->payer)
            disagree(PLACE_FORMAT "the object has %u names, in the model %u", PLACE(unit), cap.object->caps, unit->thing->caps);
        if (unit->thing->kind == KIND_SM && unit->thing->payer && !unit->thing->chained &&
            unit->thing->count != CONTAINER(cap.object, struct semaphore, object)->counter)
            disagree(PLACE_FORMAT "the semaphore's counter is %lu, in the model %lu", PLACE(unit),
                     CONTAINER(cap.object, struct semaphore, object)->counter, unit->thing->count);
        if (slot->base != at || slot->space != &space->space)
            disagree(PLACE_FORMAT "the slot says it is %#lx", PLACE(unit), slot->base);
        compare_parent(unit, slot->parent, 0);
        compare_links(slot);
        count++;
    }
    if (count != pd->space[NOVA_CRD_OBJ].count)
        disagree("PD %u: the kernel has %u capabilities, the model %u", pd->thing->number, count, pd->space[NOVA_CRD_OBJ].count);
}

static void compare_page(const struct unit *unit, const struct mmu *mmu)
{
    static const uint8_t flag[MMU_VIEWS] = {VIEW_HOST, VIEW_GUEST, VIEW_DEVICE};
    for (unsigned view = 0; view < MMU_VIEWS; view++) {
        uint64_t frame = 0;
        enum memory_type type = 0;
        unsigned rights = mmu_rights(mmu, view, unit->place, &frame, &type);
        unsigned wanted = unit->views & flag[view] ? unit->rights | MMU_READ : 0;
        if (rights != wanted || (rights && (frame != unit->frame || type != unit->memory_type)))
            disagree(PLACE_FORMAT "page table of view %u: rights %u, frame %#llx, type %u; model: %u, %#lx, %u", PLACE(unit), view,
                     rights, (unsigned long long)frame, (unsigned)type, wanted, unit->frame, unit->memory_type);
    }
}

static bool allows(const uint8_t *bitmap, word port) { return bitmap && !(bitmap[port / 8] >> port % 8 & 1); }

static void compare_range(struct domain *pd, struct range_space *space, const struct range *range)
{
    const struct mapping *m = &range->mapping;
    for (word i = 0; i < range->count; i++) {
        struct unit *unit = unit_find(pd, space->space.type, m->base + i);
        if (!unit)
            disagree("PD %u, %s %#lx: the kernel has it, the model does not", pd->thing->number, type_names[space->space.type],
                     m->base + i);
        bool memory = space->space.type == NOVA_CRD_MEM;
        unsigned views = (memory && m->flags & MAPPING_HOST ? VIEW_HOST : 0) | (m->flags & MAPPING_GUEST ? VIEW_GUEST : 0) |
                         (memory && m->flags & MAPPING_DEVICE ? VIEW_DEVICE : 0);
        if (m->value + i != unit->frame || m->rights != unit->rights || (memory && m->type != unit->memory_type) ||
            views != unit->views || !(m->flags & MAPPING_FIXED) != !unit->utcb_of)
            disagree(PLACE_FORMAT "value %#lx, rights %u, type %u, flags %#x; model: %#lx, %u, %u, views %#x", PLACE(unit),
                     m->value + i, m->rights, m->type, m->flags, unit->frame, unit->rights, unit->memory_type, unit->views);
        compare_parent(unit, range_parent(m, unit->frame), unit->frame);
        if (memory)
            compare_page(unit, space->mmu);
        else if (!allows(space->mmu->io_bitmap, unit->place) ||
                 (unit->views & VIEW_GUEST && !allows(space->mmu->io_guest, unit->place)))
            disagree(PLACE_FORMAT "held, but the bitmap does not allow it", PLACE(unit));
    }
    compare_links(m);
}

static void compare_ranges(struct domain *pd, struct range_space *space)
{
    unsigned type = space->space.type;
    word count = 0, beyond = 0;
    for (struct range *range; (range = range_next(space, beyond)); beyond = range_end(range)) {
        if (range->mapping.base < beyond)
            disagree("PD %u: ranges overlap at %#lx", pd->thing->number, range->mapping.base);
        compare_range(pd, space, range);
        count += range->count;
    }
    if (count != pd->space[type].count)
        disagree("PD %u: the kernel has %lu %ss, the model %u", pd->thing->number, count, type_names[type], pd->space[type].count);
}

static void compare_tables(struct domain *pd)
{
    static const uint8_t flag[MMU_VIEWS] = {VIEW_HOST, VIEW_GUEST, VIEW_DEVICE};
    const struct space_of_units *space = &pd->space[NOVA_CRD_MEM];
    for (unsigned view = 0; view < MMU_VIEWS; view++) {
        word count = mmu_count(&kernel_pd_of(pd)->mmu, view), wanted = 0;
        for (unsigned i = 0; i < space->count; i++)
            wanted += !!(space->unit[i]->views & flag[view]);
        if (count != wanted)
            disagree("PD %u: %lu pages are mapped in view %u, in the model %lu", pd->thing->number, count, view, wanted);
    }
}

static word open_ports(const uint8_t *map)
{
    const word *bitmap = (const void *)map;
    word open = 0;
    for (unsigned i = 0; bitmap && i < SPACE_PORTS / 64; i++)
        if (~bitmap[i])
            open += (unsigned)__builtin_popcountl(~bitmap[i]);
    return open;
}

/* What compare_range found to be allowed is all that is. */
static void compare_bitmaps(struct domain *pd)
{
    const struct mmu *mmu = &kernel_pd_of(pd)->mmu;
    const struct space_of_units *space = &pd->space[NOVA_CRD_PIO];
    word open = open_ports(mmu->io_bitmap), guest = open_ports(mmu->io_guest), wanted = 0;
    for (unsigned i = 0; i < space->count; i++)
        wanted += space->unit[i]->views & VIEW_GUEST ? 1 : 0;
    if (open != space->count || guest != wanted)
        disagree("PD %u: %lu ports are open, %lu for guests, in the model %u and %lu", pd->thing->number, open, guest, space->count,
                 wanted);
}

void compare(bool everything)
{
    for (struct domain *pd = domains; pd; pd = pd->next) {
        struct pd *kernel = kernel_pd_of(pd);
        struct space_of_units *space = pd->space;
        if (everything || space[NOVA_CRD_OBJ].changed)
            compare_objects(pd);
        if (everything || space[NOVA_CRD_PIO].changed) {
            compare_ranges(pd, &kernel->spaces.ports);
            compare_bitmaps(pd);
        }
        if (everything || space[NOVA_CRD_MEM].changed) {
            compare_ranges(pd, &kernel->spaces.memory);
            compare_tables(pd);
        }
        if (kernel->account.quota.limit != pd->limit || kernel->account.quota.lower != pd->lower)
            disagree("PD %u: its limit is %lu pages (lower %lu), in the model %lu (%lu)", pd->thing->number,
                     kernel->account.quota.limit, kernel->account.quota.lower, pd->limit, pd->lower);
        if (everything && kernel->object.refs != pd->thing->refs)
            disagree("PD %u: %u references, in the model %u", pd->thing->number, kernel->object.refs, pd->thing->refs);
        for (unsigned type = 1; type < TYPES; type++)
            space[type].changed = false;
    }
}

void compare_again(struct domain *pd)
{
    for (unsigned type = 1; type < TYPES; type++)
        pd->space[type].changed = true;
}

/* ---- single facts ---- */

void *kernel_object_at(const struct domain *pd, word selector)
{
    return object_space_lookup(&kernel_pd_of(pd)->spaces.objects, selector).object;
}

void *kernel_offered_object(word selector, unsigned *permissions)
{
    *permissions = selector < KERNEL_OBJECTS ? kernel_object[selector].permissions : 0;
    return selector < KERNEL_OBJECTS ? kernel_object[selector].object : 0;
}

word kernel_holds(const struct domain *pd, unsigned type, word place)
{
    struct pd *kernel = kernel_pd_of(pd);
    if (type == NOVA_CRD_OBJ)
        return (word)kernel_object_at(pd, place);
    struct range *range = range_find(type == NOVA_CRD_MEM ? &kernel->spaces.memory : &kernel->spaces.ports, place);
    return range ? range->mapping.value + (place - range->mapping.base) + 1 : 0;
}

struct account *kernel_account(const struct domain *pd) { return &kernel_pd_of(pd)->account; }

struct pages kernel_pages(const struct domain *pd)
{
    struct quota *quota = &kernel_pd_of(pd)->account.quota;
    return (struct pages){quota->used, quota->limit};
}

word pages_total(void)
{
    /* Root was paid for by the kernel's own PD. */
    word sum = page_alloc_free_pages() + kernel_pd_of(root_domain)->object.payer->account.quota.used;
    for (struct domain *pd = domains; pd; pd = pd->next)
        sum += kernel_pages(pd).used;
    return sum;
}

word pages_of_tables(const struct domain *pd) { return pages_of_spaces(&kernel_pd_of(pd)->spaces); }

void *root_object(void) { return object_space_lookup(&cpu_core(0)->current->pd->spaces.objects, SELECTOR_ROOT).object; }

void import(struct domain *pd)
{
    struct pd *kernel = kernel_pd_of(pd);
    struct range *range;
    for (word at = 0; (range = range_next(&kernel->spaces.memory, at)); at = range_end(range))
        for (word i = 0; i < range->count; i++) {
            struct unit *unit = unit_add(pd, NOVA_CRD_MEM, range->mapping.base + i, 0);
            unit->frame = range->mapping.value + i;
            unit->rights = range->mapping.rights;
            unit->views = VIEW_HOST;
        }
    pd->limit = kernel->account.quota.limit;
    pd->thing->refs = kernel->object.refs;
    pd->root = true;
}
