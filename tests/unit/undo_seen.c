/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a PD holds, page by page, and what its account has left; read out of the kernel's own structures.
 */
#include "undo.h"

#include "core/page_alloc.h"
#include "core/slab.h"
#include "tests/object_tables.h"

#include <stdio.h>
#include <string.h>

struct ec *ec_at(word selector)
{
    struct object *object = object_space_lookup(&pd_at(SEL_PD)->spaces.objects, selector).object;
    return object ? CONTAINER(object, struct ec, object) : 0;
}

struct pd *pd_at(word selector)
{
    static struct pd *root;
    if (!root)
        root = cpu_core(0)->current->pd;
    struct object *object = object_space_lookup(&root->spaces.objects, selector).object;
    return object ? CONTAINER(object, struct pd, object) : 0;
}

static struct seen_unit *unit_new(struct seen *seen)
{
    CHECK(seen->count < SEEN_UNITS);
    return &seen->unit[seen->count++];
}

static void see_parent(struct seen_unit *unit, const struct mapping *m, word value)
{
    const struct mapping *parent = range_parent(m, value);
    unit->parent = parent ? parent->base + (unit->type == NOVA_CRD_OBJ ? 0 : value - parent->value) : 0;
    unit->holder = parent ? parent->space : 0;
    unit->flags = m->flags & (uint8_t)~MAPPING_PART;
}

static void see_ranges(struct seen *seen, struct range_space *space)
{
    for (struct range *range = range_next(space, 0); range; range = range_next(space, range_end(range)))
        for (word i = 0; i < range->count; i++) {
            const struct mapping *m = &range->mapping;
            struct seen_unit *unit = unit_new(seen);
            *unit = (struct seen_unit){.type = space->space.type,
                                       .place = m->base + i,
                                       .value = m->value + i,
                                       .rights = m->rights,
                                       .memory = space->space.type == NOVA_CRD_MEM ? m->type : 0};
            see_parent(unit, m, m->value + i);
        }
}

static void see_objects(struct seen *seen, const struct object_space *space)
{
    word end = (word)1 << SELECTOR_BITS;
    CHECK(object_tables_counted(space));
    for (word at = 0; (at = object_tables_next(space, at, end)) < end; at++) {
        const struct mapping *slot = object_space_slot(space, at);
        if (!slot->value)
            continue;
        struct seen_unit *unit = unit_new(seen);
        *unit = (struct seen_unit){.type = NOVA_CRD_OBJ, .place = at, .value = slot->value};
        see_parent(unit, slot, 0);
    }
}

static word ports_open(const uint8_t *map)
{
    const word *bitmap = (const void *)map;
    word open = 0;
    for (unsigned i = 0; bitmap && i < SPACE_PORTS / (8 * sizeof *bitmap); i++)
        if (~bitmap[i])
            open += (unsigned)__builtin_popcountl(~bitmap[i]);
    return open;
}

/* A table page of the object space with all below it. */
static word tables_below(word page, word height)
{
    word sum = 1;
    for (word i = 0; height && i < (word)1 << TABLE_BITS; i++) {
        word below = *table_entry(page, i << (SLOT_BITS + (height - 1) * TABLE_BITS), height);
        sum += below ? tables_below(below, height - 1) : 0;
    }
    return sum;
}

word undo_pages(word selector)
{
    struct pd *pd = pd_at(selector);
    word root = pd->spaces.objects.root;
    return pd->account.quota.used - mmu_tables(&pd->mmu) - (pd->mmu.io_bitmap ? 1 << IO_BITMAP_ORDER : 0) -
           (pd->mmu.io_guest ? 1 << IO_GUEST_ORDER : 0) - (root ? tables_below(root, root & HEIGHT_MASK) : 0);
}

void undo_see(word selector, struct seen *seen)
{
    struct pd *pd = pd_at(selector);
    memset(seen, 0, sizeof *seen);
    see_ranges(seen, &pd->spaces.memory);
    see_ranges(seen, &pd->spaces.ports);
    see_objects(seen, &pd->spaces.objects);
    for (unsigned view = 0; view < MMU_VIEWS; view++)
        seen->mapped[view] = mmu_count(&pd->mmu, view);
    seen->ports = ports_open(pd->mmu.io_bitmap);
    seen->guest_ports = ports_open(pd->mmu.io_guest);
    seen->pages = undo_pages(selector);
}

static const char *text_of(const struct seen *seen, unsigned i)
{
    static char text[2][120];
    static unsigned turn;
    if (i >= seen->count)
        return "nothing more";
    const struct seen_unit *unit = &seen->unit[i];
    turn ^= 1;
    snprintf(text[turn], sizeof *text, "type %u, %#lx: value %#lx, rights %u, flags %#x, from %#lx", unit->type, unit->place,
             unit->value, unit->rights, unit->flags, unit->parent);
    return text[turn];
}

void undo_same(const struct seen *before, const struct seen *after, const char *what)
{
    for (unsigned i = 0; i < before->count || i < after->count; i++)
        if (i >= before->count || i >= after->count || memcmp(&before->unit[i], &after->unit[i], sizeof before->unit[i]) != 0)
            unit_fail(__FILE__, __LINE__, "%s: %s instead of %s", what, text_of(after, i), text_of(before, i));
    for (unsigned view = 0; view < MMU_VIEWS; view++)
        if (before->mapped[view] != after->mapped[view])
            unit_fail(__FILE__, __LINE__, "%s: %lu pages in view %u instead of %lu", what, after->mapped[view], view,
                      before->mapped[view]);
    if (before->ports != after->ports || before->guest_ports != after->guest_ports)
        unit_fail(__FILE__, __LINE__, "%s: %lu ports open (%lu to guests) instead of %lu (%lu)", what, after->ports,
                  after->guest_ports, before->ports, before->guest_ports);
}

void undo_plain(const struct seen *seen)
{
    for (unsigned i = 0; i < seen->count; i++)
        if (seen->unit[i].flags & ~(MAPPING_HOST | MAPPING_GUEST | MAPPING_DEVICE | MAPPING_FIXED))
            unit_fail(__FILE__, __LINE__, "not confirmed: %s", text_of(seen, i));
}

void undo_forget(struct seen *seen, word page)
{
    unsigned i = 0;
    while (seen->unit[i].type != NOVA_CRD_MEM || seen->unit[i].place != page)
        CHECK(++i < seen->count);
    memmove(&seen->unit[i], &seen->unit[i + 1], (--seen->count - i) * sizeof *seen->unit);
    memset(&seen->unit[seen->count], 0, sizeof *seen->unit);
    seen->mapped[MMU_HOST]--;
}

/* ---- the account ---- */

enum { HELD_MAX = 8000 };
static struct held {
    void *object;
    unsigned class;
} held[HELD_MAX];
static unsigned held_count;

static struct account *account(void) { return &pd_at(PD_RECEIVER)->account; }

static void hold(unsigned class)
{
    CHECK(held_count < HELD_MAX);
    held[held_count] = (struct held){slab_take(account(), class, false), class};
    CHECK(held[held_count++].object);
}

void account_tighten(word pages, unsigned nodes)
{
    unsigned node = slab_class(sizeof(struct range)), begin = held_count;
    account_give(nodes);
    for (unsigned class = 0; class < SLAB_CLASSES; class ++)
        while (!list_empty(&account()->partial[class]))
            hold(class);
    unsigned there = 0;
    for (unsigned i = begin; i < held_count; i++)
        there += held[i].class == node;
    for (; there < nodes || !list_empty(&account()->partial[node]); there++)
        hold(node);
    for (unsigned i = begin; i < held_count && nodes; i++)
        if (held[i].class == node) {
            slab_give(account(), node, held[i].object);
            held[i--] = held[--held_count];
            nodes--;
        }
    struct quota *quota = &account()->quota;
    CHECK(quota_move(quota, &pd_at(SEL_PD)->account.quota, quota->limit - quota->used - pages));
}

void account_give(word pages) { CHECK(quota_move(&pd_at(SEL_PD)->account.quota, &account()->quota, pages)); }

void account_loosen(void)
{
    while (held_count) {
        held_count--;
        slab_give(account(), held[held_count].class, held[held_count].object);
    }
}

void undo_grace(void)
{
    for (unsigned round = 0; round < 4; round++)
        for (unsigned cpu = 0; cpu < boot_info.cpus; cpu++)
            cpu_enter(cpu, ENTER_SIGNAL, 0, 0, 0);
}

word undo_pages_total(void)
{
    struct pd *root = pd_at(SEL_PD);
    word sum = page_alloc_free_pages() + root->account.quota.used + root->object.payer->account.quota.used;
    for (word pd = PD_SENDER; pd <= PD_THIRD; pd++)
        sum += pd_at(pd) ? pd_at(pd)->account.quota.used : 0;
    return sum;
}
