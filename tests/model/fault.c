/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Allocations fail: a script of hypercalls that need kernel memory, and for each of them and every k a machine of its own, in which that hypercall finds k pages
 * and not one more, in the pool or in the account that pays. It has to say so, the model has to agree with what is left behind, the same hypercall has to
 * work once there is memory, and at the end every page has to be where it was.
 */
#include "operation.h"

#include "core/page_alloc.h"

#include <stdio.h>
#include <string.h>

enum { A = 0x40, B, SM, SIGNAL, LOCAL, PORTAL, THREAD, OOM_PORTAL, SC, FAR_SM = 0x20000, OWN_SM = 0x50, LIMIT = 60 };
enum { WORKER = 2, WORKER_PD = KEEP + KEEP_EACH * WORKER + KEPT_PD, PORTAL_ROOT = KEEP + KEEP_EACH * WORKER + KEPT_PORTALS };

/* A step; 'payer' is the selector in root's space of the PD whose account is made short, 0 = only the pool is. */
struct scripted {
    const char *name;
    word payer;
    struct operation operation;
};

#define ALL NOVA_PERM_ALL
#define MEM(base, order) nova_crd(NOVA_CRD_MEM, base, order, ALL)
#define PIO(base, order) nova_crd(NOVA_CRD_PIO, base, order, ALL)
#define OBJ(base, order) nova_crd(NOVA_CRD_OBJ, base, order, ALL)
#define VIEWS (NOVA_ITEM_GUEST | NOVA_ITEM_DEVICE)

static struct operation call_of(unsigned actor, unsigned number, unsigned flags, word selector, word a2, word a3, word a4, word a5)
{
    return (struct operation){
        .action = HYPERCALL, .actor = (uint8_t)actor, .arg = {nova_arg1(number, flags, selector), a2, a3, a4, a5}};
}

static struct operation delegate_of(word from, word to, word crd, unsigned flags, word hotspot)
{
    return (struct operation){.action = DELEGATE,
                              .arg = {nova_arg1(NOVA_MISC, NOVA_MISC_DELEGATE, from), nova_crd(nova_crd_type(crd), 0, 31, ALL), to},
                              .items = 1,
                              .item = {{crd, nova_control(NOVA_ITEM_DELEGATE | flags, hotspot)}}};
}

/* A call without items, with windows of this type. */
static struct operation call_with(unsigned actor, word portal, unsigned type)
{
    return (struct operation){.action = CALL,
                              .actor = (uint8_t)actor,
                              .arg = {nova_arg1(NOVA_CALL, NOVA_CALL_NOBLOCK, portal), 0x1234},
                              .del = nova_crd(type, 0, 31, ALL),
                              .back_del = nova_crd(type, 0, 31, ALL)};
}

/* items go with the call, back_items with the reply: three places of memory that is far away, far up, and far apart. */
static struct operation message_of(unsigned actor, word portal, bool there, bool back)
{
    struct operation o = call_with(actor, portal, NOVA_CRD_MEM);
    o.items = there ? 3 : 0;
    o.back_items = back ? 3 : 0;
    for (unsigned i = 0; i < 3; i++) {
        o.item[i] = (struct nova_item){MEM(0x5000 + 8 * i, 2), nova_control(NOVA_ITEM_DELEGATE, (word)(i + 2) << 20)};
        o.back_item[i] = (struct nova_item){MEM(0x5000 + 8 * i, 2), nova_control(NOVA_ITEM_DELEGATE, (word)(i + 12) << 20)};
    }
    return o;
}

/* Items of a call that meet each other, and what is there already: three times what the first one says, at these places. */
static struct operation items_of(unsigned actor, word portal, word crd, unsigned flags, word first, word second, word third)
{
    struct operation o = call_with(actor, portal, nova_crd_type(crd));
    o.items = 3;
    o.item[0] = (struct nova_item){crd, nova_control(NOVA_ITEM_DELEGATE | flags, first)};
    o.item[1] = (struct nova_item){crd, nova_control(NOVA_ITEM_EITHER | flags, second)};
    o.item[2] = (struct nova_item){crd + (1 << 7), nova_control(NOVA_ITEM_DELEGATE, third)}; /* twice as large */
    return o;
}

static unsigned script(struct scripted *at)
{
    struct scripted *step = at;
#define STEP(...) *step++ = (struct scripted)__VA_ARGS__
    STEP({"memory from the kernel", 0, delegate_of(SELECTOR_ROOT, SELECTOR_ROOT, MEM(0x5000, 6), NOVA_ITEM_KERNEL, 0x5000)});
    STEP({"memory from the kernel, all views", 0,
          delegate_of(SELECTOR_ROOT, SELECTOR_ROOT, MEM(0x6000, 4), NOVA_ITEM_KERNEL | VIEWS, 1 << 28)});
    STEP({"create_pd", 0, call_of(0, NOVA_CREATE_PD, 0, A, SELECTOR_ROOT, 0, nova_quota(0, LIMIT + 80), 0)});
    STEP({"create_pd with capabilities", A, call_of(0, NOVA_CREATE_PD, 0, B, A, OBJ(A, 0), nova_quota(0, 60), 0)});
    STEP({"create_sm", A, call_of(0, NOVA_CREATE_SM, 0, SM, A, 1, 0, 0)});
    STEP({"create_sm of a signal", A, call_of(0, NOVA_CREATE_SM, 0, SIGNAL, A, 1, SM, 0)});
    STEP({"create_sm with a new table", A, call_of(0, NOVA_CREATE_SM, 0, FAR_SM, A, 1, 0, 0)});
    STEP({"create_ec local", A, call_of(0, NOVA_CREATE_EC, 0, LOCAL, A, 0x80000000 | 1, 0, EVENTS)});
    STEP({"create_pt", A, call_of(0, NOVA_CREATE_PT, 0, PORTAL, A, LOCAL, 0, HANDLER_IP)});
    STEP({"create_pt for want of memory", A, call_of(0, NOVA_CREATE_PT, 0, OOM_PORTAL, A, LOCAL, 0, HANDLER_IP)});
    STEP({"create_ec global", A, call_of(0, NOVA_CREATE_EC, NOVA_EC_GLOBAL, THREAD, A, 0x90000000 | 1, 0, 0xfff000)});
    STEP({"create_sc", A, call_of(0, NOVA_CREATE_SC, 0, SC, A, THREAD, nova_qpd(5, 100), 0)});
    STEP({"delegate memory", A, delegate_of(SELECTOR_ROOT, A, MEM(0x5000, 5), 0, 0x5000)});
    STEP({"delegate memory far away", A, delegate_of(SELECTOR_ROOT, A, MEM(0x5000, 5), 0, (word)1 << 27)});
    STEP({"delegate memory, all views", A, delegate_of(SELECTOR_ROOT, A, MEM(0x5000, 5), VIEWS, (word)3 << 27)});
    STEP({"delegate memory around the same", A, delegate_of(SELECTOR_ROOT, A, MEM(0x5000, 6), VIEWS, (word)3 << 27)});
    STEP({"delegate memory beyond user space", A, delegate_of(SELECTOR_ROOT, A, MEM(0x5000, 5), VIEWS, (word)1 << 40)});
    STEP({"ports from the kernel", 0, delegate_of(SELECTOR_ROOT, SELECTOR_ROOT, PIO(0x300, 5), NOVA_ITEM_KERNEL, 0)});
    STEP({"delegate ports", A, delegate_of(SELECTOR_ROOT, A, PIO(0x300, 4), 0, 0)});
    STEP({"delegate objects", A, delegate_of(SELECTOR_ROOT, A, OBJ(A, 3), 0, 0x38)});
    STEP({"delegate objects across tables", A, delegate_of(SELECTOR_ROOT, A, OBJ(A, 3), 0, 0x8038)});
    STEP({"delegate objects to the last selector", A, delegate_of(SELECTOR_ROOT, A, OBJ(A, 3), 0, 0xfffff8)});
    STEP({"delegate onwards", B, delegate_of(A, B, MEM(0x5000, 4), VIEWS, (word)5 << 27)});
    STEP({"delegate onwards in the middle", B, delegate_of(A, B, MEM(0x5000, 2), VIEWS, (word)7 << 27)});
    STEP({"items of a call", WORKER_PD, message_of(0, PORTAL_ROOT, true, false)});
    STEP({"items of a call around the same", WORKER_PD,
          items_of(0, PORTAL_ROOT, MEM(0x5000, 3), VIEWS, ((word)2 << 20) - 4, (word)6 << 20, (word)2 << 20)});
    STEP({"ports of a call", WORKER_PD, items_of(0, PORTAL_ROOT, PIO(0x308, 3), NOVA_ITEM_GUEST, 0, 0, 0)});
    STEP({"objects of a call", WORKER_PD, items_of(0, PORTAL_ROOT, OBJ(A, 3), 0, 0x20, 0x9038, 0x50000)});
    STEP({"memory for a worker", WORKER_PD, delegate_of(SELECTOR_ROOT, WORKER_PD, MEM(0x5000, 5), 0, 0x5000)});
    STEP({"items of a reply", WORKER_PD, message_of(WORKER, SELECTOR_PORTALS + WORKER, false, true)});
    STEP({"items of a reply to root", 0, message_of(0, PORTAL_ROOT, false, true)});
    STEP({"create_sm by a worker", WORKER_PD, call_of(WORKER, NOVA_CREATE_SM, 0, OWN_SM, SELECTOR_OWN_PD, 1, 0, 0)});
    STEP({"revoke with a semaphore", WORKER_PD, call_of(WORKER, NOVA_REVOKE, NOVA_REVOKE_SELF, OWN_SM, MEM(0x5004, 1), 0, 0, 0)});
    STEP({"revoke in the middle", 0, call_of(0, NOVA_REVOKE, 0, 0, nova_crd(NOVA_CRD_MEM, 0x5001, 0, 2), 0, 0, 0)});
    STEP({"revoke in the middle, with self", 0, call_of(0, NOVA_REVOKE, NOVA_REVOKE_SELF, 0, MEM(0x5002, 1), 0, 0, 0)});
    STEP({"revoke and keep", 0, call_of(0, NOVA_REVOKE, NOVA_REVOKE_REMOTE | NOVA_REVOKE_KEEP, 0, MEM(0x5009, 0), A, 0, 0)});
    STEP({"revoke ports", 0, call_of(0, NOVA_REVOKE, 0, 0, PIO(0x306, 1), 0, 0, 0)});
    STEP({"revoke everything", 0, call_of(0, NOVA_REVOKE, NOVA_REVOKE_REMOTE | NOVA_REVOKE_SELF, 0, MEM(0, 31), A, 0, 0)});
#undef STEP
    return (unsigned)(step - at);
}

enum { STEPS_MAX = 48 };
static struct scripted steps[STEPS_MAX];

/* Takes all pages of the pool but 'left'. */
static void *drained;
static void drain(word left)
{
    while (page_alloc_free_pages() > left) {
        void **page = page_alloc(0);
        *page = drained;
        drained = page;
        pages_held++;
    }
    memory_short = true;
}

static void fill(void)
{
    while (drained) {
        void **page = drained;
        drained = *page;
        page_free(page, 0);
    }
    account_unstuff();
    pages_held = 0;
    memory_short = false;
}

/* Moves quota so that 'room' pages remain; returns what was taken. */
static word quota_take(word payer, word room)
{
    struct unit *pd = unit_find(root_domain, NOVA_CRD_OBJ, payer);
    struct pages pages = kernel_pages(pd->thing->pd);
    word excess = pages.limit - pages.used > room ? pages.limit - pages.used - room : 0;
    struct operation o = call_of(0, NOVA_PD_CTRL, NOVA_PD_QUOTA_MOVE, payer, SELECTOR_ROOT, excess, 0, 0);
    operation_do(&o);
    return excess;
}

static unsigned long failures_of(unsigned number) { return counts[number][NOVA_QUO_OOM]; }

static unsigned long failures(void)
{
    unsigned long sum = 0;
    for (unsigned i = 0; i < NOVA_HYPERCALLS; i++)
        sum += failures_of(i);
    return sum;
}

enum fault_result fault_run(unsigned number, unsigned k, bool pool)
{
    unsigned count = script(steps);
    if (number >= count)
        return FAULT_NO_STEP;
    const struct scripted *tested = &steps[number];
    if (!pool && !tested->payer)
        return FAULT_UNHARMED;
    operation_boot(WORKER);
    for (unsigned i = 0; i < number; i++) {
        operation_do(&steps[i].operation);
        if (failures())
            disagree("fault: step %s runs out of memory by itself", steps[i].name);
    }
    word taken = 0;
    for (const struct domain *pd = domains; pd; pd = pd->next)
        account_stuff(pd);
    if (pool)
        drain(k);
    else
        taken = quota_take(tested->payer, k);
    const struct operation *o = &tested->operation;
    bool revoke = o->action == HYPERCALL && (o->arg[0] & 15) == NOVA_REVOKE, failed;
    if (revoke && pool) {
        /* What is revoked already stays so: looked at after the second attempt. */
        word status = hypercall(o->actor, o->arg[0], o->arg[1], o->arg[2], o->arg[3], o->arg[4]);
        if (status != NOVA_SUCCESS && status != NOVA_QUO_OOM)
            disagree("fault: %s gives status %lu", tested->name, status);
        failed = status == NOVA_QUO_OOM;
        fill();
        if (!failed)
            operation_revoked(o);
        else if (o->arg[0] >> 8)
            return FAULT_SEEN; /* the semaphore may have been told already */
        compare(!failed);
    } else {
        operation_do(o);
        failed = failures() != 0;
        compare(true);
        fill();
    }
    memset(counts, 0, sizeof counts);
    if (taken) {
        struct operation back = call_of(0, NOVA_PD_CTRL, NOVA_PD_QUOTA_MOVE, SELECTOR_ROOT, tested->payer, taken, 0, 0);
        operation_do(&back);
    }
    for (unsigned i = failed ? number : number + 1; i < count; i++) {
        operation_do(&steps[i].operation);
        if (failures())
            disagree("fault: step %s still fails when there is memory", steps[i].name);
    }
    compare(true);
    operation_do(&(struct operation){.action = CLEAR});
    return failed ? FAULT_SEEN : FAULT_UNHARMED;
}

const char *fault_name(unsigned number)
{
    script(steps);
    return steps[number].name;
}
