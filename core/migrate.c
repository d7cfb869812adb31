/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * First everything is checked and all memory taken; then the thread changes over at once; the capabilities follow in bounded steps, by repeating the hypercall. The new
 * SC is sent off last. Whoever uses a capability of the old objects meanwhile finds a thread that waits for its handler, as before.
 */
#include "core/migrate.h"

#include "core/arrive.h"
#include "core/schedule.h"

/* The thread's own name for itself: a selector of its PD. */
struct place {
    word selector;
    unsigned permissions;
};

/* False = the CRD is not one object's, or names no place. */
static bool place_decode(const struct ec *ec, word crd, struct place *place)
{
    place->permissions = nova_crd_perm(crd);
    place->selector = ec->event_base + nova_crd_base(crd);
    return nova_crd_type(crd) == NOVA_CRD_OBJ && !nova_crd_order(crd) && place->permissions &&
           ec->event_base >> SELECTOR_BITS == 0 && place->selector >> SELECTOR_BITS == 0;
}

/* The new SC: as the old one, with a full slice; its references are taken when nothing can fail any more. */
static struct sc *sc_reserve(const struct sc *old, struct ec *ec, struct cpu *to)
{
    struct sc *sc = slab_alloc(&old->object.payer->account, sizeof *sc);
    if (!sc)
        return 0;
    sc_init(sc, old->object.payer, ec, to, old->priority, 0, sc_arrive);
    sc->quantum = sc->allowed = old->quantum;
    return sc;
}

/* The thread changes over. False = it is just dying, nothing has changed. */
static bool change_over(struct cpu *cpu, struct ec *ec, word selector, struct ec *old, struct sc *old_sc, struct ec *new,
                        struct sc *sc)
{
    struct object_space *space = &ec->pd->spaces.objects;
    if (!space_name(space, selector, &old->object))
        return false;
    bool named = space_name(space, selector + 2, &old_sc->object);
    if (!named || !ec_succeed(cpu, old, new)) {
        if (named)
            object_unname(cpu, &old_sc->object);
        object_unname(cpu, &old->object);
        return false;
    }
    object_name(&new->object);
    object_ref(&new->object);
    object_ref(&sc->object.payer->object); /* the old one has a reference itself */
    object_name(&sc->object);
    old->left_sc = old_sc;
    old->successor_sc = sc;
    return true;
}

/* Checks all, takes what is needed. */
static unsigned migrate_begin(struct cpu *cpu, struct ec *ec, const word *arg)
{
    word selector = arg_selector(arg);
    struct ec *old = FIND(ec, ec, selector, 0);
    struct portal *portal = FIND(portal, ec, selector + 1, 0);
    struct sc *old_sc = FIND(sc, ec, selector + 2, 0);
    struct cpu *to = cpu_online(arg[1]);
    struct place place;
    if (!old)
        return NOVA_BAD_CAP;
    if (old != ec->caller || !old->in_event || old->kind != EC_GLOBAL || !to || !old_sc || old_sc->ec != old || !portal ||
        portal->ec->cpu != to || !place_decode(old, arg[2], &place))
        return NOVA_BAD_PAR;
    struct object *there = object_space_lookup(&old->pd->spaces.objects, place.selector).object;
    if (there && there != &old->object)
        return NOVA_BAD_PAR;
    struct pd *payer = old->object.payer; /* whose account is about to be charged */
    struct ec *new = ec_reserve(old, to, ec_arrive);
    struct sc *sc = new ? sc_reserve(old_sc, new, to) : 0;
    if (new)
        payer = sc ? old->pd : old_sc->object.payer;
    bool enough = sc && object_space_hold(&old->pd->spaces.objects, place.selector);
    if (enough && change_over(cpu, ec, selector, old, old_sc, new, sc)) {
        if (object_ref(&portal->object))
            new->oom_portal = &portal->object;
        old->successor_name = place.selector;
        return NOVA_SUCCESS;
    }
    if (enough)
        object_space_let_go(cpu, &old->pd->spaces.objects, place.selector);
    if (sc)
        slab_free(&sc->object.payer->account, sc, sizeof *sc);
    if (new)
        ec_reserved_free(new);
    if (enough)
        return NOVA_BAD_PAR;
    if (payer == ec->pd)
        return NOVA_QUO_OOM; /* goes to the caller's OOM portal */
    ec->frame.arg[0] = NOVA_QUO_OOM;
    return OUTCOME_NONE;
}

/* A step of giving the old objects' names to the new ones, and taking all others away; true = done. */
static bool names_hand_over(struct cpu *cpu, struct ec *ec, word selector, struct ec *old, const struct place *place)
{
    struct object_space *mine = &ec->pd->spaces.objects, *its = &old->pd->spaces.objects;
    return space_supersede(cpu, mine, selector, &old->object, &old->successor->object, NOVA_EC_ALL, &ec->cursor) &&
           space_supersede(cpu, mine, selector + 2, &old->left_sc->object, &old->successor_sc->object, NOVA_SC_ALL, &ec->cursor) &&
           space_supersede(cpu, its, place->selector, &old->object, 0, 0, &ec->cursor);
}

/* The thread gets its own name for itself, and runs. */
static void migrate_end(struct cpu *cpu, struct ec *ec, word selector, struct ec *old, const struct place *place)
{
    struct ec *new = old->successor;
    struct sc *sc = old->successor_sc;
    word result;
    if (cursor_parked(&ec->cursor))
        cursor_drop(&ec->cursor);
    /* What may still name the old ones came from elsewhere, and names nothing. */
    object_retype(&old->object, &ec_moved_type);
    object_retype(&old->left_sc->object, &sc_moved_type);
    unsigned budget = TRANSFER_BUDGET;
    struct transfer_order order = {.from = &ec->pd->spaces,
                                   .to = &old->pd->spaces,
                                   .crd = nova_crd(NOVA_CRD_OBJ, selector, 0, place->permissions),
                                   .window = nova_crd(NOVA_CRD_OBJ, place->selector, 0, NOVA_PERM_ALL),
                                   .budget = &budget,
                                   .cursor = &ec->cursor};
    space_delegate(&order, &result); /* its table is there */
    object_space_let_go(cpu, &old->pd->spaces.objects, place->selector);
    old->successor_sc = 0;
    inbox_post(cpu, sc->cpu, &sc->inbox);
    object_unname(cpu, &new->object);
    object_unname(cpu, &sc->object);
}

__attribute__((cold)) unsigned hypercall_migrate(struct cpu *cpu, struct ec *ec, word *arg)
{
    struct ec *old = ec->caller;
    if (!old || !old->successor_sc) {
        unsigned status = migrate_begin(cpu, ec, arg);
        if (status != NOVA_SUCCESS)
            return status;
        old = ec->caller;
    }
    struct place place;
    place_decode(old, arg[2], &place);
    if (!names_hand_over(cpu, ec, arg_selector(arg), old, &place))
        return hypercall_again(cpu, ec);
    migrate_end(cpu, ec, arg_selector(arg), old, &place);
    return NOVA_SUCCESS;
}
