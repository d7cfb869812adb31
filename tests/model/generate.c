/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Random steps. They look at the model, so that most of them do something; the rest are wrong on purpose. A step depends on the random numbers and on the
 * model's state alone: the same seed makes the same steps.
 */
#include "model.h"

#include <string.h>

uint64_t random_next(struct random_source *random)
{
    uint64_t value = random->state += 0x9e3779b97f4a7c15;
    value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9;
    value = (value ^ value >> 27) * 0x94d049bb133111eb;
    return value ^ value >> 31;
}

unsigned random_below(struct random_source *random, unsigned limit) { return (unsigned)(random_next(random) >> 32) % limit; }

static bool chance(struct random_source *random, unsigned percent) { return random_below(random, 100) < percent; }

enum { MEMORY = 0x53c0, MEMORY_SIZE = 0x80, SELECTORS = 0x80 };

/* Places where the kernel's tables begin and end. */
static word edge(struct random_source *random, unsigned type)
{
    static const word memory[] = {0,
                                  0x1f8,
                                  0x3fff8,
                                  0x7fffff8,
                                  (word)1 << 27,
                                  ((word)1 << 36) - 4,
                                  (word)1 << 36,
                                  (NOVA_USER_LIMIT >> 12) - 8,
                                  NOVA_USER_LIMIT >> 12,
                                  ((word)1 << 52) - 8};
    static const word objects[] = {0x3c, 0x7ffc, 0x8000, 0x3fffc, 0x40000, 0xfffffc, 0x1000000, 0x1fffffc};
    word place = random_below(random, 8);
    switch (type) {
    case NOVA_CRD_MEM: return place + memory[random_below(random, sizeof memory / sizeof *memory)];
    case NOVA_CRD_PIO: return place + (word[]){0, 0x3f8, 0xfff8, 0x10000}[random_below(random, 4)];
    default: return place + objects[random_below(random, sizeof objects / sizeof *objects)];
    }
}

/* A place, perhaps one that the PD holds. */
static word any_place(struct random_source *random, const struct domain *pd, unsigned type)
{
    const struct space_of_units *space = &pd->space[type];
    if (chance(random, 60) && space->count)
        return space->unit[random_below(random, space->count)]->place;
    if (chance(random, 5))
        return edge(random, type);
    return type == NOVA_CRD_MEM   ? MEMORY + random_below(random, MEMORY_SIZE)
           : type == NOVA_CRD_PIO ? 0x300 + random_below(random, 0x80)
                                  : random_below(random, SELECTORS);
}

static unsigned any_type(struct random_source *random)
{
    return (unsigned[]){1, 1, 1, 1, 2, 2, 3, 3, 3, 3}[random_below(random, 10)];
}

static unsigned any_mask(struct random_source *random)
{
    return chance(random, 60) ? NOVA_PERM_ALL : chance(random, 30) ? 7 : random_below(random, 32);
}

static unsigned any_order(struct random_source *random)
{
    unsigned choice = random_below(random, 100);
    return choice < 50   ? random_below(random, 3)
           : choice < 90 ? random_below(random, 6)
           : choice < 98 ? random_below(random, 9)
                         : random_below(random, 32);
}

static word any_crd(struct random_source *random, const struct domain *pd, unsigned type)
{
    if (chance(random, 1))
        return random_next(random);
    return nova_crd(chance(random, 2) ? random_below(random, 4) : type, any_place(random, pd, type), any_order(random),
                    any_mask(random));
}

/* A selector of an object of this kind, if the PD has one (or of another). */
static word named_like(struct random_source *random, const struct domain *pd, int kind)
{
    const struct space_of_units *space = &pd->space[NOVA_CRD_OBJ];
    if (chance(random, 4) || !space->count)
        return any_place(random, pd, NOVA_CRD_OBJ);
    unsigned start = random_below(random, space->count);
    for (unsigned i = 0; i < space->count; i++) {
        struct unit *unit = space->unit[(start + i) % space->count];
        if ((int)unit->thing->kind == kind)
            return unit->place;
    }
    return any_place(random, pd, NOVA_CRD_OBJ);
}

static const struct domain *domain_at(const struct domain *pd, word selector)
{
    struct unit *unit = unit_find(pd, NOVA_CRD_OBJ, selector);
    return unit && unit->thing->kind == KIND_PD ? unit->thing->pd : pd;
}

static word new_selector(struct random_source *random, const struct domain *pd)
{
    if (chance(random, 4))
        return edge(random, NOVA_CRD_OBJ);
    word selector = random_below(random, SELECTORS);
    for (unsigned i = 0; i < 4 && unit_find(pd, NOVA_CRD_OBJ, selector); i++)
        selector = random_below(random, SELECTORS);
    return selector;
}

/* A window: most often large, so that the hotspot decides. */
static word any_window(struct random_source *random, const struct domain *pd, unsigned type)
{
    if (chance(random, 60))
        return nova_crd(type, 0, 31, any_mask(random));
    if (chance(random, 40))
        return nova_crd(type, type == NOVA_CRD_MEM ? MEMORY : 0, 7, any_mask(random));
    return any_crd(random, pd, type);
}

/* A unit that came from the other PD, to be translated back; 0 = none found. */
static const struct unit *unit_from(struct random_source *random, const struct domain *pd, const struct domain *other,
                                    unsigned type)
{
    const struct space_of_units *space = &pd->space[type];
    unsigned start = space->count ? random_below(random, space->count) : 0;
    for (unsigned i = 0; i < space->count; i++) {
        const struct unit *unit = space->unit[(start + i) % space->count];
        for (const struct unit *up = unit->parent; up; up = up->parent)
            if (up->pd == other)
                return unit;
    }
    return 0;
}

static struct nova_item any_item(struct random_source *random, const struct domain *from, const struct domain *to, unsigned type)
{
    unsigned kind = (unsigned[]){0, 0, 1, 1, 1, 1, 1, 2, 2, 2}[random_below(random, 10)];
    unsigned flags = chance(random, 30) ? random_below(random, 4) << 8 : 0;
    word crd = any_crd(random, from, type), hotspot = any_place(random, to, type);
    if (chance(random, 40))
        hotspot = type == NOVA_CRD_OBJ   ? random_below(random, SELECTORS)
                  : type == NOVA_CRD_MEM ? MEMORY + random_below(random, MEMORY_SIZE)
                                         : hotspot;
    const struct unit *back = kind != NOVA_ITEM_DELEGATE && chance(random, 80) ? unit_from(random, from, to, type) : 0;
    if (back)
        return (struct nova_item){nova_crd(type, back->place, any_order(random), any_mask(random)),
                                  nova_control(kind | flags, hotspot)};
    if (from->root ? chance(random, 25) : chance(random, 2)) {
        flags |= NOVA_ITEM_KERNEL | (chance(random, 30) ? NOVA_ITEM_WRITE_COMBINE : 0);
        /* Of the kernel's own there is a lot: not too much at once. */
        word base = nova_crd_base(crd) & 0xffffff;
        if (type == NOVA_CRD_OBJ)
            base = random_below(random, 3) ? random_below(random, 12) : NOVA_CPUS + random_below(random, 40);
        unsigned order = nova_crd_order(crd) % (type == NOVA_CRD_OBJ ? 3 : 7);
        crd = nova_crd(type, base, order, nova_crd_perm(crd));
    } else
        flags |= random_below(random, 50) ? 0 : NOVA_ITEM_WRITE_COMBINE;
    if (chance(random, 1))
        kind = NOVA_ITEM_INVALID;
    return (struct nova_item){crd, nova_control(kind | flags | (chance(random, 5) ? random_below(random, 64) << 2 : 0), hotspot)};
}

static void make_delegate(struct random_source *random, struct operation *o, const struct domain *me)
{
    word from = named_like(random, me, KIND_PD), to = named_like(random, me, KIND_PD);
    const struct domain *source = domain_at(me, from), *target = domain_at(me, to);
    unsigned type = any_type(random);
    o->arg[0] = nova_arg1(NOVA_MISC, NOVA_MISC_DELEGATE, from);
    o->arg[1] = any_window(random, target, type);
    o->arg[2] = to;
    o->items = (uint8_t)(chance(random, 80) ? 1 : random_below(random, ITEMS + 1));
    for (unsigned i = 0; i < o->items; i++)
        o->item[i] = any_item(random, source, target, chance(random, 90) ? type : any_type(random));
}

/* Root hands out portals and PDs that others have lost. */
static void make_present(struct random_source *random, struct operation *o)
{
    unsigned to = 1 + random_below(random, WORKERS), of = 1 + random_below(random, WORKERS);
    word from = KEEP + KEEP_EACH * of, place = SELECTORS + of;
    if (chance(random, 70)) {
        /* A portal to a handler on the receiver's CPU. */
        for (unsigned i = 0; i < HANDLERS; i++) {
            struct unit *portal = unit_find(root_domain, NOVA_CRD_OBJ, from + KEPT_PORTALS + i);
            if (portal && portal->thing->kind == KIND_PT && portal->thing->ec->cpu == to)
                from = portal->place;
        }
        place += 2 * WORKERS;
    }
    o->action = DELEGATE;
    o->actor = 0;
    o->arg[0] = nova_arg1(NOVA_MISC, NOVA_MISC_DELEGATE, SELECTOR_ROOT);
    o->arg[1] = nova_crd(NOVA_CRD_OBJ, 0, 31, any_mask(random));
    o->arg[2] = KEEP + KEEP_EACH * to;
    o->items = 1;
    o->item[0] = (struct nova_item){nova_crd(NOVA_CRD_OBJ, from, 0, NOVA_PERM_ALL), nova_control(NOVA_ITEM_DELEGATE, place)};
}

static void make_call(struct random_source *random, struct operation *o, const struct domain *me)
{
    word selector = named_like(random, me, KIND_PT);
    struct unit *portal = unit_find(me, NOVA_CRD_OBJ, selector);
    const struct domain *callee = portal && portal->thing->kind == KIND_PT ? portal->thing->ec->pd : me;
    unsigned type = any_type(random), back = any_type(random);
    o->arg[0] = nova_arg1(NOVA_CALL, NOVA_CALL_NOBLOCK, selector);
    o->arg[1] = random_next(random);
    o->xlt = any_window(random, callee, type);
    o->del = any_window(random, callee, type);
    o->back_xlt = any_window(random, me, back);
    o->back_del = any_window(random, me, back);
    o->room = (uint8_t)(chance(random, 50) ? 1 + random_below(random, 12) : 0);
    o->back_room = (uint8_t)(chance(random, 50) ? 1 + random_below(random, 12) : 0);
    o->items = (uint8_t)random_below(random, ITEMS + 1);
    o->back_items = (uint8_t)random_below(random, ITEMS + 1);
    for (unsigned i = 0; i < ITEMS; i++) {
        o->item[i] = any_item(random, me, callee, chance(random, 90) ? type : any_type(random));
        o->back_item[i] = any_item(random, callee, me, chance(random, 90) ? back : any_type(random));
    }
}

static void make_revoke(struct random_source *random, struct operation *o, const struct domain *me)
{
    unsigned flags = chance(random, 50) ? NOVA_REVOKE_SELF : 0, type = any_type(random);
    const struct domain *pd = me;
    word semaphore = chance(random, 20) ? named_like(random, me, KIND_SM) : 0;
    struct unit *unit = unit_find(me, NOVA_CRD_OBJ, semaphore);
    if (unit && unit->thing->kind == KIND_INTERRUPT)
        semaphore = 0;
    if (chance(random, 15))
        flags |= NOVA_REVOKE_KEEP;
    if (chance(random, 25)) {
        flags |= NOVA_REVOKE_REMOTE;
        o->arg[2] = named_like(random, me, KIND_PD);
        pd = domain_at(me, o->arg[2]);
    }
    o->arg[0] = nova_arg1(NOVA_REVOKE, flags, semaphore);
    o->arg[1] = any_crd(random, pd, type);
}

static void make_create(struct random_source *random, struct operation *o, const struct domain *me)
{
    unsigned number = (unsigned[]){2, 2, 3, 3, 3, 4, 5, 5, 5, 5, 6, 6, 6, 6, 6, 6}[random_below(random, 16)];
    word selector = new_selector(random, me);
    bool wrong = chance(random, 5);
    o->arg[1] = named_like(random, me, KIND_PD);
    switch (number) {
    case NOVA_CREATE_PD: {
        word upper = random_below(random, 30);
        o->arg[2] = chance(random, 50) ? 0 : any_crd(random, me, NOVA_CRD_OBJ);
        o->arg[3] = wrong ? random_next(random) : nova_quota(random_below(random, (unsigned)upper + 1), upper);
        break;
    }
    case NOVA_CREATE_EC: {
        word page =
            chance(random, 80) ? 0x40000 + random_below(random, 16) : any_place(random, domain_at(me, o->arg[1]), NOVA_CRD_MEM);
        struct unit *above = unit_find(me, NOVA_CRD_OBJ, selector + 1);
        bool global = chance(random, 40);
        /* Threads with an out-of-memory portal need somebody who answers. */
        if (!global && above && above->thing->kind == KIND_PT)
            global = true;
        o->arg[2] = page << 12 | (wrong ? random_next(random) & 0xfff : random_below(random, WORKERS + 1));
        o->arg[3] = random_next(random);
        o->arg[4] = 0xfff000 + random_below(random, 0x100);
        o->arg[0] = nova_arg1(number, global ? NOVA_EC_GLOBAL : 0, selector);
        return;
    }
    case NOVA_CREATE_SC:
        o->arg[2] = named_like(random, me, KIND_EC);
        o->arg[3] = wrong ? random_next(random) : nova_qpd(2 + random_below(random, 126), 1 + random_below(random, 10000));
        if ((o->arg[3] & 0xff) == 1) /* a thread of the test's own priority would wait for its turn: the model has no time */
            o->arg[3]++;
        break;
    case NOVA_CREATE_PT:
        o->arg[2] = named_like(random, me, KIND_EC);
        o->arg[3] = random_next(random);
        o->arg[4] = wrong ? random_next(random) : HANDLER_IP + random_below(random, 4);
        break;
    case NOVA_CREATE_SM:
        o->arg[2] = random_below(random, 100);
        o->arg[3] = chance(random, 30) ? named_like(random, me, KIND_SM) : 0;
        break;
    }
    o->arg[0] = nova_arg1(number, 0, selector);
}

/*
 * Whether a block larger than the window is translated is the kernel's choice. If it may be delegated instead and other items follow, nobody could tell afterwards
 * which item did what.
 */
static void items_decide(struct nova_item *item, unsigned items, word window)
{
    for (unsigned i = 0; i < items && items > 1; i++)
        if ((item[i].control & NOVA_ITEM_KIND) == NOVA_ITEM_EITHER && nova_crd_order(item[i].crd) > nova_crd_order(window))
            item[i].control ^= NOVA_ITEM_EITHER ^ NOVA_ITEM_DELEGATE;
}

static void make_step(struct random_source *random, struct operation *o)
{
    unsigned choice = random_below(random, 1000);
    memset(o, 0, sizeof *o);
    o->actor = (uint8_t)random_below(random, WORKERS + 1);
    if (chance(random, 10))
        o->actor = 0;
    const struct domain *me = actors[o->actor].pd;
    if (!me) {
        o->action = RESPAWN;
        o->arg[0] = o->actor - 1u;
        o->actor = 0;
        return;
    }
    o->action = HYPERCALL;
    if (choice < 40)
        make_present(random, o);
    else if (choice < 330) {
        o->action = DELEGATE;
        make_delegate(random, o, me);
    } else if (choice < 500) {
        o->action = CALL;
        make_call(random, o, me);
    } else if (choice < 640)
        make_revoke(random, o, me);
    else if (choice < 720) {
        o->arg[0] = nova_arg1(NOVA_MISC, NOVA_MISC_LOOKUP, 0);
        o->arg[1] = any_crd(random, me, any_type(random));
    } else if (choice < 880)
        make_create(random, o, me);
    else if (choice < 910) {
        o->arg[0] = nova_arg1(NOVA_PD_CTRL, chance(random, 50) ? NOVA_PD_QUOTA_READ : 0, named_like(random, me, KIND_PD));
        o->arg[1] = named_like(random, me, KIND_PD);
        o->arg[2] = chance(random, 5) ? random_next(random) : random_below(random, 20);
    } else if (choice < 920) {
        o->arg[0] = nova_arg1(NOVA_PT_CTRL, 0, named_like(random, me, KIND_PT));
        o->arg[1] = random_next(random);
    } else if (choice == 920 && chance(random, 30)) {
        o->action = RESPAWN;
        o->actor = 0;
        o->arg[0] = random_below(random, WORKERS);
    } else if (choice == 921 && chance(random, 5)) {
        o->action = CLEAR;
        o->actor = 0;
    } else {
        o->action = TOUCH;
        o->rights = (uint8_t)(1u << random_below(random, 3));
        o->arg[0] = any_place(random, me, NOVA_CRD_MEM);
        o->arg[1] = any_place(random, me, NOVA_CRD_PIO);
    }
}

void operation_make(struct random_source *random, struct operation *o)
{
    make_step(random, o);
    items_decide(o->item, o->items, o->action == CALL ? o->xlt : o->arg[1]);
    items_decide(o->back_item, o->back_items, o->back_xlt);
}
