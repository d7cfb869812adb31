/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A portal keeps its EC's memory, but not the EC itself alive: calling a dead one fails.
 */
#include "core/portal.h"

#include "core/slab.h"

static void portal_free(struct cpu *cpu, struct reclaim_item *item)
{
    struct portal *portal = CONTAINER(item, struct portal, object.item);
    struct pd *payer = portal->object.payer;
    object_unref(cpu, &portal->ec->object);
    slab_free(&payer->account, portal, sizeof *portal);
    object_unref(cpu, &payer->object);
}

static enum settle portal_unnamed(struct cpu *cpu, struct object *object)
{
    (void)cpu;
    (void)object;
    return SETTLE_DONE;
}

const struct object_type portal_type = {{portal_free}, NOVA_PT, 1, portal_unnamed};

struct portal *portal_create(struct pd *payer, struct ec *ec, word mtd, word ip)
{
    if (!pd_pay(payer))
        return 0;
    struct portal *portal = slab_alloc(&payer->account, sizeof *portal);
    if (!portal)
        /* The caller holds the PD by a capability: this is never the last reference. */
        __atomic_fetch_sub(&payer->object.refs, 1, __ATOMIC_RELEASE);
    else if (!object_ref(&ec->object)) {
        slab_free(&payer->account, portal, sizeof *portal);
        __atomic_fetch_sub(&payer->object.refs, 1, __ATOMIC_RELEASE);
        portal = 0;
    }
    if (!portal)
        return 0;
    object_init(&portal->object, &portal_type, payer);
    portal->ec = ec;
    portal->mtd = (uint32_t)(mtd & VCPU_MTD); /* threads have some of them */
    portal->ip = ip;
    return portal;
}
