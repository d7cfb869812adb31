/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The model, written from the interface alone (abi.md sections 1, 3, 6 and 9).
 */
#include "model.h"

#include <stdlib.h>
#include <string.h>

struct domain *domains, *root_domain;
static struct thing *dying;

word unit_limit(unsigned type)
{
    return type == NOVA_CRD_MEM ? ((word)1 << 52) - 1 : type == NOVA_CRD_PIO ? 0xffff : ((word)1 << 24) - 1;
}

bool crd_units(word crd, word *first, word *last)
{
    word size = (word)1 << nova_crd_order(crd), limit = unit_limit(nova_crd_type(crd));
    *first = nova_crd_base(crd) / size * size;
    *last = *first + size - 1;
    if (*last > limit)
        *last = limit;
    return *first <= limit;
}

/* ---- units ---- */

static unsigned position(const struct space_of_units *space, word place)
{
    unsigned low = 0, high = space->count;
    while (low < high) {
        unsigned middle = (low + high) / 2;
        if (space->unit[middle]->place < place)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct unit *unit_above(const struct domain *pd, unsigned type, word place)
{
    unsigned at = position(&pd->space[type], place);
    return at < pd->space[type].count ? pd->space[type].unit[at] : 0;
}

struct unit *unit_find(const struct domain *pd, unsigned type, word place)
{
    struct unit *unit = unit_above(pd, type, place);
    return unit && unit->place == place ? unit : 0;
}

struct unit *unit_add(struct domain *pd, unsigned type, word place, struct unit *parent)
{
    struct space_of_units *space = &pd->space[type];
    struct unit *unit = calloc(1, sizeof *unit);
    unsigned at = position(space, place);
    if (space->count == space->room) {
        space->room = space->room ? 2 * space->room : 64;
        space->unit = realloc(space->unit, space->room * sizeof(struct unit *));
    }
    memmove(space->unit + at + 1, space->unit + at, (space->count - at) * sizeof(struct unit *));
    space->unit[at] = unit;
    space->count++;
    space->changed = true;
    *unit = (struct unit){.pd = pd, .type = (uint8_t)type, .place = place, .parent = parent};
    if (parent) {
        if ((unit->next = parent->child))
            unit->next->prev = unit;
        parent->child = unit;
        unit->frame = parent->frame;
        unit->memory_type = parent->memory_type;
    }
    return unit;
}

struct unit *unit_add_thing(struct domain *pd, word selector, struct thing *thing, unsigned rights, struct unit *parent)
{
    struct unit *unit = unit_add(pd, NOVA_CRD_OBJ, selector, parent);
    unit->thing = thing;
    unit->rights = (uint8_t)rights;
    thing->caps++;
    return unit;
}

struct unit *unit_add_utcb(struct thing *ec, word frame)
{
    struct unit *unit = unit_add(ec->pd, NOVA_CRD_MEM, ec->utcb, 0);
    unit->utcb_of = ec;
    unit->frame = frame;
    unit->rights = NOVA_MEM_RW;
    unit->views = VIEW_HOST;
    return unit;
}

/* Takes a unit away; its children, if any, become its parent's. */
static void unit_remove(struct unit *unit)
{
    struct space_of_units *space = &unit->pd->space[unit->type];
    struct unit *child;
    while ((child = unit->child)) {
        unit->child = child->next;
        child->parent = unit->parent;
        child->prev = child->next = 0;
        if (unit->parent) {
            if ((child->next = unit->parent->child))
                child->next->prev = child;
            unit->parent->child = child;
        }
    }
    if (unit->prev)
        unit->prev->next = unit->next;
    else if (unit->parent)
        unit->parent->child = unit->next;
    if (unit->next)
        unit->next->prev = unit->prev;
    unsigned at = position(space, unit->place);
    memmove(space->unit + at, space->unit + at + 1, (space->count - at - 1) * sizeof(struct unit *));
    space->count--;
    space->changed = true;
    if (unit->thing && --unit->thing->caps == 0) {
        unit->thing->next_dead = dying;
        dying = unit->thing;
    }
    free(unit);
}

/* ---- objects ---- */

struct thing *thing_new(enum kind kind, void *kernel, struct domain *payer)
{
    static unsigned numbers;
    struct thing *thing = calloc(1, sizeof *thing);
    *thing = (struct thing){.kind = kind, .kernel = kernel, .payer = payer, .refs = 1, .number = numbers++};
    if (payer)
        payer->thing->refs++;
    return thing;
}

struct domain *domain_new(void *kernel, struct domain *payer)
{
    struct domain *pd = calloc(1, sizeof *pd);
    pd->thing = thing_new(KIND_PD, kernel, payer);
    pd->thing->pd = pd;
    pd->next = domains;
    pd->worker = -1;
    domains = pd;
    return pd;
}

/* Takes rights from everything below a unit and, with self, from itself. */
static void unit_take(struct unit *unit, unsigned rights, bool self)
{
    for (struct unit *child = unit->child, *next; child; child = next) {
        next = child->next;
        unit_take(child, rights, true);
    }
    if (!self || unit->utcb_of)
        return;
    if (unit->rights & rights)
        unit->pd->space[unit->type].changed = true;
    unit->rights &= (uint8_t)~rights;
    if (!unit->rights)
        unit_remove(unit);
}

static void space_clear(struct domain *pd, unsigned type)
{
    while (pd->space[type].count)
        unit_take(pd->space[type].unit[pd->space[type].count - 1], NOVA_PERM_ALL, true);
}

static void domain_free(struct domain *pd)
{
    struct domain **link = &domains;
    space_clear(pd, NOVA_CRD_MEM);
    space_clear(pd, NOVA_CRD_PIO);
    pd->thing->payer->limit += pd->limit;
    while (*link != pd)
        link = &(*link)->next;
    *link = pd->next;
    for (unsigned type = 1; type < TYPES; type++)
        free(pd->space[type].unit);
    free(pd);
}

static void thing_unref(struct thing *thing)
{
    if (!thing || --thing->refs)
        return;
    struct thing *payer = thing->payer->thing, *lives = thing->kind == KIND_EC ? thing->pd->thing : 0;
    struct thing *needs = thing->ec;
    if (thing->kind == KIND_PD)
        domain_free(thing->pd);
    free(thing);
    thing_unref(needs);
    thing_unref(lives);
    thing_unref(payer);
}

void ec_dies(struct thing *ec)
{
    if (ec->dead)
        return;
    ec->dead = true;
    struct unit *utcb = unit_find(ec->pd, NOVA_CRD_MEM, ec->utcb);
    if (!utcb || utcb->utcb_of != ec)
        disagree("model: the UTCB of a living EC is not there");
    unit_remove(utcb);
    /* It will never need its out-of-memory portal again. */
    thing_unref(ec->ec);
    ec->ec = 0;
}

static void settle(void)
{
    while (dying) {
        struct thing *thing = dying;
        dying = thing->next_dead;
        if (thing->kind == KIND_EC)
            ec_dies(thing);
        if (thing->kind == KIND_PD) {
            /* Its threads stop. */
            for (unsigned i = 0; i < thing->pd->space[NOVA_CRD_MEM].count;) {
                struct unit *unit = thing->pd->space[NOVA_CRD_MEM].unit[i];
                if (unit->utcb_of)
                    ec_dies(unit->utcb_of);
                else
                    i++;
            }
            space_clear(thing->pd, NOVA_CRD_OBJ);
        }
        thing_unref(thing);
    }
}

/* ---- delegation ---- */

bool model_piece(word crd, word control, word window, struct piece *piece)
{
    unsigned so = nova_crd_order(crd), ro = nova_crd_order(window), smaller = so < ro ? so : ro;
    word sfirst, slast, rfirst, rlast, hotspot = control >> 12, small = ((word)1 << smaller) - 1;
    *piece = (struct piece){.type = nova_crd_type(crd), .mask = nova_crd_perm(crd) & nova_crd_perm(window)};
    if (!piece->type || piece->type != nova_crd_type(window) || !piece->mask)
        return false;
    if (!crd_units(crd, &sfirst, &slast) || !crd_units(window, &rfirst, &rlast))
        return false;
    if (piece->type == NOVA_CRD_PIO) {
        if (slast < rfirst || rlast < sfirst)
            return false;
        sfirst = rfirst = sfirst > rfirst ? sfirst : rfirst;
    } else if (ro > so) {
        rfirst += hotspot & (((word)1 << ro) - 1) & ~small & unit_limit(piece->type);
    } else
        sfirst += hotspot & (((word)1 << so) - 1) & ~small & unit_limit(piece->type);
    piece->source = sfirst;
    piece->target = rfirst;
    piece->count = small + 1;
    piece->result = nova_crd(piece->type, rfirst, smaller, piece->mask);
    return true;
}

static const word host_end = NOVA_USER_LIMIT >> 12;

static bool hidden(word page)
{
    for (unsigned i = 0; i < boot_info.hiddens; i++)
        if (page >= boot_info.hidden[i].first && page < boot_info.hidden[i].end)
            return true;
    return false;
}

static struct thing *kernel_things[0x400];

struct thing *kernel_thing(word selector, void *kernel)
{
    struct thing **thing = &kernel_things[selector];
    if (!*thing) {
        *thing = thing_new(selector < NOVA_CPUS ? KIND_SC : KIND_INTERRUPT, kernel, 0);
        (*thing)->caps = 1; /* never goes */
    }
    return *thing;
}

struct offer {
    word frame;
    unsigned rights;
    struct unit *parent;
    struct thing *thing;
};

/* What the kernel has itself at a place. */
static bool kernel_offers(unsigned type, word place, struct offer *offer)
{
    *offer = (struct offer){.frame = place, .rights = 7};
    if (type == NOVA_CRD_MEM)
        return !hidden(place);
    if (type == NOVA_CRD_PIO)
        return true;
    unsigned permissions;
    void *kernel = kernel_offered_object(place, &permissions);
    if (!kernel)
        return false;
    offer->thing = kernel_thing(place, kernel);
    offer->rights = permissions;
    return true;
}

static void unit_receive(struct domain *to, word place, const struct piece *piece, word control, const struct offer *offer,
                         bool kernel, bool (*attempt)(const struct unit *))
{
    unsigned rights = offer->rights & piece->mask;
    bool virtual = boot_info.features & (NOVA_FEATURE_VMX | NOVA_FEATURE_SVM), dma = boot_info.features & NOVA_FEATURE_IOMMU;
    if (!rights || place > unit_limit(piece->type) || unit_find(to, piece->type, place))
        return;
    struct unit probe = {.pd = to, .type = (uint8_t)piece->type, .place = place};
    if (attempt && !attempt(&probe))
        return;
    if (piece->type == NOVA_CRD_OBJ) {
        unit_add_thing(to, place, offer->thing, rights, offer->parent);
        return;
    }
    struct unit *unit = unit_add(to, piece->type, place, offer->parent);
    unit->frame = offer->frame;
    unit->rights = (uint8_t)rights;
    if (piece->type == NOVA_CRD_PIO) {
        unit->views = control & NOVA_ITEM_GUEST && virtual ? VIEW_GUEST : 0;
        return;
    }
    unit->views = (uint8_t)((place < host_end ? VIEW_HOST : 0) | (control & NOVA_ITEM_GUEST && virtual ? VIEW_GUEST : 0) |
                            (control & NOVA_ITEM_DEVICE && dma ? VIEW_DEVICE : 0));
    if (kernel)
        unit->memory_type = control & NOVA_ITEM_WRITE_COMBINE ? MEMORY_WRITE_COMBINE : 0;
}

word model_delegate(struct domain *from, struct domain *to, word crd, word control, word window,
                    bool (*attempt)(const struct unit *))
{
    struct piece piece;
    struct offer offer;
    if (!model_piece(crd, control, window, &piece))
        return 0;
    word at = piece.source, end = piece.source + piece.count;
    if (!from) {
        for (; at < end && at <= unit_limit(piece.type); at++)
            if (kernel_offers(piece.type, at, &offer))
                unit_receive(to, piece.target + (at - piece.source), &piece, control, &offer, true, attempt);
        return piece.result;
    }
    for (struct unit *unit; (unit = unit_above(from, piece.type, at)) && unit->place < end; at = unit->place + 1) {
        offer = (struct offer){unit->frame, unit->rights, unit, unit->thing};
        if (!unit->utcb_of)
            unit_receive(to, piece.target + (unit->place - piece.source), &piece, control, &offer, false, attempt);
    }
    return piece.result;
}

void model_revoke(struct domain *pd, word crd, bool self, bool keep)
{
    word first, last;
    unsigned type = nova_crd_type(crd);
    if (!type || !crd_units(crd, &first, &last))
        return;
    for (struct unit *unit; first <= last && (unit = unit_above(pd, type, first)) && unit->place <= last;) {
        first = unit->place + 1;
        if (!keep)
            unit_take(unit, nova_crd_perm(crd), self);
        else if (!unit->utcb_of)
            unit_remove(unit);
    }
    settle();
}
