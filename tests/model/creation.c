/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The creating hypercalls: the kernel first, then the model, which also says which status may come.
 */
#include "operation.h"

static unsigned selector_reasons(const struct domain *pd, word selector)
{
    return selector > unit_limit(NOVA_CRD_OBJ) || unit_find(pd, NOVA_CRD_OBJ, selector) ? BIT(NOVA_BAD_CAP) : 0;
}

static void created(struct domain *pd, word selector, struct thing *thing, unsigned permissions)
{
    thing->kernel = kernel_object_at(pd, selector);
    if (!thing->kernel)
        disagree("a new object is not at its selector %#lx", selector);
    unit_add_thing(pd, selector, thing, permissions, 0);
}

struct pages pages_of(const struct unit *pd) { return pd ? kernel_pages(pd->thing->pd) : plenty; }

word room_of(struct pages pages) { return pages.limit > pages.used ? pages.limit - pages.used : 0; }

/* The one of two payers with less left: the PD named in the call, and the caller's own for a table of selectors. */
static struct pages payers_of(const struct unit *payer, const struct domain *me)
{
    struct pages one = pages_of(payer), other = kernel_pages(me);
    return room_of(one) < room_of(other) ? one : other;
}

void do_create_pd(const struct operation *o, struct domain *me)
{
    word selector = o->arg[0] >> 8, lower = o->arg[3] & 0xffffffff, upper = o->arg[3] >> 32;
    struct unit *parent = named(me, o->arg[1], KIND_PD, NOVA_PD_CREATE_PD);
    struct pages pages = pages_of(parent);
    unsigned reasons = selector_reasons(me, selector) | (parent ? 0 : BIT(NOVA_BAD_CAP)) | (lower > upper ? BIT(NOVA_BAD_PAR) : 0);
    word room = room_of(pages);
    if (parent && (upper > room || upper > pages.limit - parent->thing->pd->lower))
        reasons |= BIT(NOVA_BAD_PAR);
    word status = do_hypercall(o->actor, o->arg);
    /* The new PD itself costs some pages, which may be those that are missing; and its own quota may be too small for the capabilities. */
    if (status == NOVA_BAD_PAR && !reasons && upper + 4 > room)
        return;
    if (status == NOVA_QUO_OOM && (memory_short || upper < OOM_ROOM || (parent && upper + OOM_ROOM > room)))
        return;
    if (!status_fits(status, reasons, payers_of(parent, me)))
        return;
    struct domain *pd = domain_new(kernel_object_at(me, selector), parent->thing->pd);
    pd->lower = lower;
    pd->limit = upper;
    parent->thing->pd->limit -= upper;
    if (nova_crd_type(o->arg[2]) == NOVA_CRD_OBJ)
        model_delegate(me, pd, o->arg[2], 0, nova_crd(NOVA_CRD_OBJ, 0, 31, NOVA_PERM_ALL), 0);
    created(me, selector, pd->thing, parent->rights);
}

void do_create_ec(const struct operation *o, struct domain *me)
{
    word selector = o->arg[0] >> 8, page = o->arg[2] >> 12;
    struct unit *home = named(me, o->arg[1], KIND_PD, NOVA_PD_CREATE_EC), *portal = named(me, selector + 1, KIND_PT, 0);
    struct pages pages = payers_of(home, me);
    bool global = o->arg[0] >> 4 & NOVA_EC_GLOBAL;
    if (!page && global)
        return; /* virtual CPUs: not for this test */
    unsigned reasons = selector_reasons(me, selector) | (home ? 0 : BIT(NOVA_BAD_CAP));
    if ((o->arg[2] & 0xfff) >= boot_info.cpus)
        reasons |= BIT(NOVA_BAD_CPU);
    if (!page || page >= NOVA_USER_LIMIT >> PAGE_BITS || (home && unit_find(home->thing->pd, NOVA_CRD_MEM, page)))
        reasons |= BIT(NOVA_BAD_PAR);
    if (!status_fits(do_hypercall(o->actor, o->arg), reasons, pages))
        return;
    struct thing *ec = thing_new(KIND_EC, 0, home->thing->pd);
    ec->pd = home->thing->pd;
    ec->pd->thing->refs++;
    ec->utcb = page;
    ec->event_base = o->arg[4];
    ec->cpu = o->arg[2] & 0xfff;
    ec->global = global;
    if (portal) {
        ec->ec = portal->thing;
        portal->thing->refs++;
    }
    created(me, selector, ec, NOVA_EC_ALL);
    unit_add_utcb(ec, kernel_holds(ec->pd, NOVA_CRD_MEM, page) - 1);
}

void do_create_sc(const struct operation *o, struct domain *me)
{
    word selector = o->arg[0] >> 8, priority = o->arg[3] & 0xff;
    struct unit *payer = named(me, o->arg[1], KIND_PD, NOVA_PD_CREATE_SC), *ec = named(me, o->arg[2], KIND_EC, NOVA_EC_BIND_SC);
    struct pages pages = payers_of(payer, me);
    for (unsigned n = 0; n <= WORKERS; n++)
        if (ec && actors[n].ec == ec->thing)
            return; /* the test's threads keep their one low priority */
    unsigned reasons = selector_reasons(me, selector) | (payer && ec && ec->thing->global ? 0 : BIT(NOVA_BAD_CAP));
    if (!priority || priority > 127 || !(o->arg[3] >> 12))
        reasons |= BIT(NOVA_BAD_PAR);
    if (!status_fits(do_hypercall(o->actor, o->arg), reasons, pages))
        return;
    struct thing *sc = thing_new(KIND_SC, 0, payer->thing->pd), *thread = ec->thing;
    sc->ec = thread;
    thread->refs++;
    created(me, selector, sc, NOVA_SC_ALL);
    /* The thread starts with an event; without a portal for it that is its end. */
    struct unit *startup = named(thread->pd, thread->event_base + NOVA_EVENT_STARTUP, KIND_PT, 0);
    if (!thread->started && !(startup && !startup->thing->ec->dead && startup->thing->ec->cpu == thread->cpu))
        ec_dies(thread);
    thread->started = true;
}

void do_create_pt(const struct operation *o, struct domain *me)
{
    word selector = o->arg[0] >> 8;
    struct unit *payer = named(me, o->arg[1], KIND_PD, NOVA_PD_CREATE_PT), *ec = named(me, o->arg[2], KIND_EC, NOVA_EC_BIND_PT);
    struct pages pages = payers_of(payer, me);
    unsigned reasons = selector_reasons(me, selector) | (payer && ec && !ec->thing->global ? 0 : BIT(NOVA_BAD_CAP));
    if (o->arg[4] >= NOVA_USER_LIMIT)
        reasons |= BIT(NOVA_BAD_PAR);
    if (!status_fits(do_hypercall(o->actor, o->arg), reasons, pages))
        return;
    struct thing *portal = thing_new(KIND_PT, 0, payer->thing->pd);
    portal->ec = ec->thing;
    portal->ip = o->arg[4];
    ec->thing->refs++;
    created(me, selector, portal, NOVA_PT_ALL);
}

void do_create_sm(const struct operation *o, struct domain *me)
{
    word selector = o->arg[0] >> 8;
    struct unit *payer = named(me, o->arg[1], KIND_PD, NOVA_PD_CREATE_SM), *target = named(me, o->arg[3], KIND_SM, 0);
    struct pages pages = payers_of(payer, me);
    unsigned reasons = selector_reasons(me, selector) | (payer ? 0 : BIT(NOVA_BAD_CAP));
    if (o->arg[3] && (!target || target->thing->kind != KIND_SM))
        reasons |= BIT(NOVA_BAD_CAP);
    if (!status_fits(do_hypercall(o->actor, o->arg), reasons, pages))
        return;
    struct thing *semaphore = thing_new(o->arg[3] ? KIND_SIGNAL : KIND_SM, 0, payer->thing->pd);
    if (o->arg[3]) {
        semaphore->ec = target->thing;
        target->thing->refs++;
        target->thing->chained = true;
    } else
        semaphore->count = o->arg[2];
    created(me, selector, semaphore, NOVA_SM_ALL);
}
