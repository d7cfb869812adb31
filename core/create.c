/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * create_pd, create_ec, create_sc, create_pt, create_sm: the new selector is looked at first, the object is made, and its insertion decides. An object that could
 * not be inserted was never visible and goes the way of any unnamed one.
 */
#include "core/arrive.h"
#include "core/hypercall.h"
#include "core/lib/bits.h"
#include "core/schedule.h"

static const word host_pages = NOVA_USER_LIMIT >> PAGE_BITS;

/* The selector for the new object is in range and empty. */
static inline bool selector_free(const struct ec *ec, word selector)
{
    return selector >> SELECTOR_BITS == 0 && !object_space_lookup(&ec->pd->spaces.objects, selector).object;
}

/* The first capability of a new object; on failure the object goes. */
static unsigned object_publish(struct cpu *cpu, struct ec *ec, word selector, struct object *object, unsigned permissions)
{
    enum object_insert inserted = object_space_insert(&ec->pd->spaces.objects, selector, object, permissions);
    if (inserted == OBJECT_INSERTED)
        return NOVA_SUCCESS;
    object_discard(cpu, object);
    return inserted == OBJECT_OCCUPIED ? NOVA_BAD_CAP : NOVA_QUO_OOM;
}

/* A PD with its quota, but without name and capabilities. */
static unsigned pd_make(struct cpu *cpu, struct pd *parent, word quota, struct pd **result)
{
    word half = 4 * sizeof(word), lower = quota & (((word)1 << half) - 1), upper = quota >> half;
    if (lower > upper)
        return NOVA_BAD_PAR;
    if (!pd_pay(parent))
        return NOVA_BAD_CAP;
    struct pd *pd = pd_create(parent, &pd_type);
    if (!pd) {
        object_unref(cpu, &parent->object);
        return NOVA_QUO_OOM;
    }
    pd->account.quota.lower = lower;
    if (!quota_move(&parent->account.quota, &pd->account.quota, upper)) {
        object_discard(cpu, &pd->object);
        return NOVA_BAD_PAR;
    }
    *result = pd;
    return NOVA_SUCCESS;
}

__attribute__((cold)) unsigned hypercall_create_pd(struct cpu *cpu, struct ec *ec, word *arg)
{
    word selector = arg_selector(arg), result, window = nova_crd(NOVA_CRD_OBJ, 0, 31, NOVA_PERM_ALL);
    struct capability cap = object_space_lookup(&ec->pd->spaces.objects, arg[1]);
    struct pd *pd = ec->making;
    unsigned status = NOVA_SUCCESS, budget = TRANSFER_BUDGET;
    if (!selector_free(ec, selector) || !cap.object || !object_is(cap.object, &pd_type) || !(cap.permissions & NOVA_PD_CREATE_PD))
        status = NOVA_BAD_CAP;
    else if (!pd)
        status = pd_make(cpu, CONTAINER(cap.object, struct pd, object), arg[3], &pd);
    if (status == NOVA_SUCCESS && nova_crd_type(arg[2]) == NOVA_CRD_OBJ) {
        struct transfer_order order = {&ec->pd->spaces, &pd->spaces, arg[2], 0,     window, ec->moved.at,
                                       &budget,         &ec->cursor, 0,      false, 0};
        status = space_delegate(&order, &result);
        ec->moved.at = order.at;
        ec->making = pd;
        if (status == TRANSFER_AGAIN)
            return hypercall_again(cpu, ec);
    }
    ec->moved.at = 0;
    ec->making = 0;
    if (status == NOVA_SUCCESS)
        return object_publish(cpu, ec, selector, &pd->object, cap.permissions);
    if (pd)
        object_discard(cpu, &pd->object);
    return status;
}

__attribute__((cold)) unsigned hypercall_create_ec(struct cpu *cpu, struct ec *ec, word *arg)
{
    word selector = arg_selector(arg), utcb_page = arg[2] >> PAGE_BITS;
    struct pd *pd = FIND(pd, ec, arg[1], NOVA_PD_CREATE_EC);
    struct cpu *target = cpu_online(arg[2] & 0xfff);
    bool global = arg_flags(arg) & NOVA_EC_GLOBAL;
    if (!selector_free(ec, selector) || !pd)
        return NOVA_BAD_CAP;
    if (!target)
        return NOVA_BAD_CPU;
    bool vcpu = !utcb_page && global;
    if (vcpu && !virtualization)
        return NOVA_BAD_FTR;
    if ((!utcb_page && !vcpu) || utcb_page >= host_pages)
        return NOVA_BAD_PAR;
    enum ec_kind kind = vcpu ? EC_VCPU : global ? EC_GLOBAL : EC_LOCAL;
    struct ec_arguments arguments = {cpu, pd, pd, target, kind, utcb_page, arg[3], arg[4], ec_arrive};
    struct ec *new;
    unsigned status = ec_create(&arguments, &new);
    if (status != NOVA_SUCCESS)
        return status;
    struct object *portal = object_space_find(&ec->pd->spaces.objects, selector + 1, &portal_type, 0);
    if (portal && object_ref(portal))
        new->oom_portal = portal;
    if (global) {
        new->todo = TODO_EVENT;
        new->event = vcpu ? NOVA_VM_STARTUP : NOVA_EVENT_STARTUP;
    }
    return object_publish(cpu, ec, selector, &new->object, NOVA_EC_ALL);
}

static void sc_free(struct cpu *cpu, struct reclaim_item *item)
{
    struct sc *sc = CONTAINER(item, struct sc, object.item);
    struct pd *payer = sc->object.payer;
    cpu_time_gone(sc->ec->cpu, &sc->ec->cpu->gone_sc_time, sc->time - sc->time_read);
    object_unref(cpu, &sc->ec->object);
    slab_free(&payer->account, sc, sizeof *sc);
    object_unref(cpu, &payer->object);
}

static enum settle sc_unnamed(struct cpu *cpu, struct object *object)
{
    struct sc *sc = CONTAINER(object, struct sc, object);
    POKE(sc->dead, true);
    inbox_post(cpu, GLANCE(sc->cpu), &sc->inbox);
    return SETTLE_DONE;
}

const struct object_type sc_type = {{sc_free}, NOVA_SC, 1, sc_unnamed}, sc_moved_type = {{sc_free}, NOVA_SC, 1, sc_unnamed};

__attribute__((cold)) unsigned hypercall_create_sc(struct cpu *cpu, struct ec *ec, word *arg)
{
    word selector = arg_selector(arg), quantum = arg[3] >> 12;
    unsigned priority = arg[3] & 0xff;
    struct pd *pd = FIND(pd, ec, arg[1], NOVA_PD_CREATE_SC);
    struct ec *target = FIND(ec, ec, arg[2], NOVA_EC_BIND_SC);
    if (!selector_free(ec, selector) || !pd || !target || (target->kind != EC_GLOBAL && target->kind != EC_VCPU))
        return NOVA_BAD_CAP;
    if (!priority || priority >= PRIORITIES || !quantum)
        return NOVA_BAD_PAR;
    if (!pd_pay(pd))
        return NOVA_BAD_CAP;
    struct sc *sc = slab_alloc(&pd->account, sizeof *sc);
    if (!sc || !object_ref(&target->object)) {
        if (sc)
            slab_free(&pd->account, sc, sizeof *sc);
        object_unref(cpu, &pd->object);
        return sc ? NOVA_BAD_CAP : NOVA_QUO_OOM;
    }
    sc_init(sc, pd, target, target->cpu, priority, quantum, sc_arrive);
    sc->stops_clock = target->kind == EC_VCPU;
    unsigned status = object_publish(cpu, ec, selector, &sc->object, NOVA_SC_ALL);
    inbox_post(cpu, sc->cpu, &sc->inbox);
    return status;
}

unsigned hypercall_create_pt(struct cpu *cpu, struct ec *ec, word *arg)
{
    word selector = arg_selector(arg);
    struct pd *pd = FIND(pd, ec, arg[1], NOVA_PD_CREATE_PT);
    struct ec *target = FIND(ec, ec, arg[2], NOVA_EC_BIND_PT);
    if (!selector_free(ec, selector) || !pd || !target || target->kind != EC_LOCAL)
        return NOVA_BAD_CAP;
    if (arg[4] >= NOVA_USER_LIMIT)
        return NOVA_BAD_PAR;
    struct portal *portal = portal_create(pd, target, arg[3], arg[4]);
    return portal ? object_publish(cpu, ec, selector, &portal->object, NOVA_PT_ALL) : NOVA_QUO_OOM;
}

unsigned hypercall_create_sm(struct cpu *cpu, struct ec *ec, word *arg)
{
    word selector = arg_selector(arg);
    struct object *pd = object_space_find(&ec->pd->spaces.objects, arg[1], &pd_type, NOVA_PD_CREATE_SM);
    struct semaphore *target = 0, *semaphore;
    if (!pd || !selector_free(ec, selector))
        return NOVA_BAD_CAP;
    if (__builtin_expect(arg[3] != 0, 0)) {
        target = FIND(semaphore, ec, arg[3], 0);
        if (!target || GLANCE(target->queue.kind) != SEMAPHORE_PLAIN)
            return NOVA_BAD_CAP;
    }
    unsigned status = semaphore_create(CONTAINER(pd, struct pd, object), arg[2], target, &semaphore);
    return status == NOVA_SUCCESS ? object_publish(cpu, ec, selector, &semaphore->object, NOVA_SM_ALL) : status;
}
