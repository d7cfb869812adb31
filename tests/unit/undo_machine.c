/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The machine that messages of undo.h are sent on, and what each side does next.
 */
#include "undo.h"

enum { SERVICE_EVENTS = 0x20, FAULT = 0x40000000, MEMORY = ROOT_MEMORY, PRIORITY = 10 };
#define SENDER_IP (CODE + 0x300)
#define SELF_IP (CODE + 0x310)
#define RECEIVER_IP (CODE + 0x320)
#define HANDLER_IP (CODE + 0x330)
#define OTHER_IP (CODE + 0x340)
#define OTHER_RECEIVER_IP (CODE + 0x350)

static struct seen first; /* root, before anything else */
static word first_limit, first_total;

static word pd_of_sender(const struct route *route)
{
    return route->sender == SENDER_OTHER ? PD_SENDER : route->sender == SENDER_SAME ? PD_RECEIVER : SEL_PD;
}

static unsigned cpu_of_handler(const struct route *route)
{
    unsigned near = route->way == WAY_CALL ? route->cpu : 0;
    return route->told == TOLD_FAR ? !near : near;
}

/* From root to a PD. */
static void give(word pd, word crd, word to)
{
    CHECK_EQ(delegate(0, NOVA_ROOT_UTCB_ADDRESS, SEL_PD, pd, crd, nova_control(NOVA_ITEM_DELEGATE, to),
                      nova_crd(nova_crd_type(crd), 0, 31, NOVA_PERM_ALL)),
             NOVA_SUCCESS);
}

static word objects(word selector, unsigned order) { return nova_crd(NOVA_CRD_OBJ, selector, order, NOVA_PERM_ALL); }
static word memory(word page, unsigned order, unsigned rights) { return nova_crd(NOVA_CRD_MEM, page, order, rights); }
static word ports(word port, unsigned order) { return nova_crd(NOVA_CRD_PIO, port, order, NOVA_PERM_ALL); }

/* What a sender has: each line a tree or a branch of its own. */
static void sender_supply(word pd)
{
    give(pd, memory(MEMORY, 2, 7), SOURCE);
    give(pd, memory(MEMORY + 9, 0, 7), SOURCE + 4);
    give(pd, memory(MEMORY + 11, 0, 3), SOURCE + 5);
    give(pd, memory(MEMORY + 16, 3, 1), SOURCE + 8);
    give(pd, memory(MEMORY + 32, 5, 7), SOURCE + 32);
    give(pd, ports(SOURCE_PORTS, 3), 0);
    give(pd, ports(SOURCE_PORTS + 8, 3), 0);
    give(pd, ports(SOURCE_PORTS + 0x18, 3), 0);
    give(pd, ports(SOURCE_PORTS + 0x20, 5), 0);
    for (unsigned i = 0; i < 8; i++)
        if (i != 3)
            give(pd, objects(SEMAPHORES + i, 0), SOURCE_OBJECTS + i);
    give(pd, objects(RECEIVER_PORTAL, 0), TO_RECEIVER);
    give(pd, objects(OTHER_RECEIVER_PORTAL, 0), TO_OTHER_RECEIVER);
}

/* What the receiver has got from others where messages go. */
static void receiver_supply(void)
{
    give(PD_RECEIVER, memory(MEMORY + 10, 0, 3), NEAR + 3);
    give(PD_RECEIVER, ports(SOURCE_PORTS + 9, 0), 0);
    give(PD_RECEIVER, objects(SEMAPHORES + 6, 0), NEAR_OBJECTS + 5);
    give(PD_RECEIVER, objects(SENDER_PORTAL, 0), OWN_SENDER_PORTAL);
    give(PD_RECEIVER, objects(PD_RECEIVER, 0), OWN_PD);
    give(PD_RECEIVER, objects(PD_THIRD, 0), OWN_THIRD);
    give(PD_RECEIVER, objects(SLEEP, 0), OWN_SLEEP);
    give(PD_RECEIVER, objects(SENDER_PORTAL, 0), EVENT_BASE + 14);
}

static void ec_make(word selector, word pd, unsigned cpu, unsigned n)
{
    CHECK_EQ(create_ec(0, selector, pd, cpu, utcb_address(n), 0x5000, 0, false), NOVA_SUCCESS);
}

static void portal_make(word selector, word ec, word ip)
{
    CHECK_EQ(create_pt(0, selector, SEL_PD, ec, 0, ip), NOVA_SUCCESS);
    CHECK_EQ(pt_ctrl(0, selector, OOM_ID), NOVA_SUCCESS);
}

/* A thread of the receiver's PD; it starts at once if its CPU is another one. */
static void thread_of_receiver(word selector, unsigned cpu, unsigned n)
{
    give(PD_RECEIVER, objects(SERVICES + 0x40 * cpu + SERVICE_EVENTS + NOVA_EVENT_STARTUP, 0),
         EVENT_BASE + 0x40 * cpu + NOVA_EVENT_STARTUP);
    CHECK_EQ(create_ec(0, selector, PD_RECEIVER, cpu, utcb_address(n), n, EVENT_BASE + 0x40 * cpu, true), NOVA_SUCCESS);
    word status = create_sc(0, selector + 2, SEL_PD, selector, PRIORITY, 1000);
    CHECK(status == NOVA_SUCCESS || status == BLOCKED);
    CHECK_EQ(running(cpu), (int)n);
}

void undo_machine_make(const struct route *route)
{
    /* Large pages of 8 pages, which some items are, or of so many that there is room in the tables for all that goes to NEAR. */
    struct machine_options options = {
        .cpus = 4, .features = NOVA_FEATURE_VMX | NOVA_FEATURE_IOMMU, .large_order = route->cpu ? 3 : 9, .pool = 24 << 20};
    machine_prepare(&options, 0, 0);
    CHECK(machine_start());
    undo_see(SEL_PD, &first);
    first_limit = pd_at(SEL_PD)->account.quota.limit;
    first_total = undo_pages_total();
    CHECK_EQ(take(0, memory(MEMORY, 6, 7), 0), NOVA_SUCCESS);
    CHECK_EQ(take(0, ports(SOURCE_PORTS, 6), 0), NOVA_SUCCESS);
    for (unsigned i = 0; i < 8; i++)
        CHECK_EQ(create_sm(0, SEMAPHORES + i, SEL_PD, 0, 0), NOVA_SUCCESS);
    CHECK_EQ(create_sm(0, SLEEP, SEL_PD, 0, 0), NOVA_SUCCESS);
    CHECK_EQ(create_pd(0, PD_SENDER, SEL_PD, 0, 0, 400), NOVA_SUCCESS);
    CHECK_EQ(create_pd(0, PD_RECEIVER, SEL_PD, 0, 0, 900), NOVA_SUCCESS);
    CHECK_EQ(create_pd(0, PD_THIRD, SEL_PD, 0, 0, 100), NOVA_SUCCESS);
    for (unsigned cpu = 0; cpu < 2; cpu++) {
        ec_make(HANDLER + cpu, SEL_PD, cpu, 20 + cpu);
        portal_make(HANDLER_PORTAL + cpu, HANDLER + cpu, HANDLER_IP);
    }
    for (unsigned cpu = 0; cpu < 4; cpu++)
        thread_service(0, cpu, SERVICES + 0x40 * cpu);
    bool root = route->sender == SENDER_ROOT;
    ec_make(SENDER, root ? PD_SENDER : pd_of_sender(route), 0, 10);
    portal_make(SENDER_PORTAL, SENDER, SENDER_IP);
    portal_make(SELF_PORTAL, SENDER, SELF_IP);
    word portal = route->told == TOLD_SENDER ? SELF_PORTAL : HANDLER_PORTAL + cpu_of_handler(route);
    word receiver = route->way == WAY_CALL ? RECEIVER : RECEIVER_THREAD;
    if (route->told != TOLD_NOBODY)
        give(SEL_PD, objects(portal, 0), receiver + 1);
    ec_make(RECEIVER, PD_RECEIVER, route->way == WAY_CALL ? route->cpu : 0, 11);
    portal_make(RECEIVER_PORTAL, RECEIVER, RECEIVER_IP);
    ec_make(OTHER_SENDER, root ? PD_SENDER : pd_of_sender(route), 3, 14);
    portal_make(OTHER_PORTAL, OTHER_SENDER, OTHER_IP);
    ec_make(OTHER_RECEIVER, PD_RECEIVER, 3, 16);
    portal_make(OTHER_RECEIVER_PORTAL, OTHER_RECEIVER, OTHER_RECEIVER_IP);
    if (!root)
        sender_supply(pd_of_sender(route));
    receiver_supply();
    thread_of_receiver(SPY, 2, 13);
    thread_make(0, 3, MEDDLER, SERVICES + 0x40 * 3, 15, PRIORITY);
    CHECK_EQ(running(3), 15);
    if (route->way != WAY_CALL)
        thread_of_receiver(RECEIVER_THREAD, route->cpu, 12);
}

static bool runs(unsigned cpu, word selector)
{
    struct ec *ec = ec_at(selector);
    return ec && cpu_frame(cpu) == &ec->frame;
}

static bool at(unsigned cpu, word ip) { return cpu_frame(cpu) && !cpu_idle(cpu) && cpu_frame(cpu)->ip == ip; }

static word portal_to_receiver(const struct route *route) { return route->sender == SENDER_ROOT ? RECEIVER_PORTAL : TO_RECEIVER; }

void sender_enter(const struct route *route)
{
    if (route->way == WAY_CALL && route->sender == SENDER_ROOT) {
        CHECK(runs(0, SEL_EC));
        return;
    }
    if (route->way == WAY_CALL) {
        ec_at(SEL_EC)->utcb->items = 0;
        CHECK_EQ(call(0, SENDER_PORTAL, 0), BLOCKED);
    } else if (route->way == WAY_REPLY) {
        CHECK(runs(route->cpu, RECEIVER_THREAD));
        ec_at(RECEIVER_THREAD)->utcb->items = 0;
        CHECK_EQ(call(route->cpu, OWN_SENDER_PORTAL, 0), BLOCKED);
    } else {
        CHECK(runs(0, RECEIVER_THREAD));
        exception(0, 14, 4, (word)FAULT << PAGE_BITS);
    }
    CHECK(runs(0, SENDER) && at(0, SENDER_IP));
}

static void items_put(struct nova_utcb *utcb, const struct undo_message *message)
{
    utcb->items = nova_items(1, message->count);
    for (unsigned i = 0; i < message->count; i++)
        *nova_item(utcb, i) = message->item[i];
}

void undo_delegate(const struct route *route, const struct undo_message *message)
{
    items_put(ec_at(MEDDLER)->utcb, message);
    CHECK_EQ(
        hypercall(3, nova_arg1(NOVA_MISC, NOVA_MISC_DELEGATE, pd_of_sender(route)), message->delegate_window, PD_RECEIVER, 0, 0),
        NOVA_SUCCESS);
}

static void message_put(const struct route *route, const struct undo_message *message)
{
    struct nova_utcb *from = ec_at(route->way == WAY_CALL && route->sender == SENDER_ROOT ? SEL_EC : SENDER)->utcb;
    struct nova_utcb *to = ec_at(route->way == WAY_CALL ? RECEIVER : RECEIVER_THREAD)->utcb;
    items_put(from, message);
    from->mr[0] = 0; /* no state, for events */
    to->del = message->delegate_window;
    to->xlt = message->translate_window;
}

static word arg_of(const struct route *route)
{
    return route->way == WAY_CALL ? nova_arg1(NOVA_CALL, 0, portal_to_receiver(route)) : NOVA_REPLY;
}

void sender_send(const struct route *route, const struct undo_message *message)
{
    message_put(route, message);
    hypercall(0, arg_of(route), 0, 0, 0, 0);
}

void sender_begin(const struct route *route, const struct undo_message *message, unsigned windows)
{
    struct frame *frame = cpu_frame(0);
    message_put(route, message);
    frame->arg[0] = arg_of(route);
    frame->resume = RESUME_HYPERCALL;
    machine_window_limit = windows;
    cpu_begin(0, ENTER_HYPERCALL, 0, 0, 0);
    while (cpu_step(0)) /* it waits for another CPU */
        for (unsigned cpu = 1; cpu < boot_info.cpus; cpu++)
            if (cpu_signal_pending(cpu)) {
                cpu_begin(cpu, ENTER_SIGNAL, 0, 0, 0);
                while (cpu_step(cpu))
                    ;
            }
}

/* Who runs on CPU 3 calls the other receiver. */
static enum outcome other_receives(word caller, word portal, const struct undo_message *message)
{
    struct nova_utcb *to = ec_at(OTHER_RECEIVER)->utcb;
    CHECK(runs(3, caller));
    items_put(ec_at(caller)->utcb, message);
    to->del = message->delegate_window;
    to->xlt = message->translate_window;
    word status = call(3, portal, 0);
    if (status == BLOCKED) {
        CHECK(at(3, OTHER_RECEIVER_IP));
        to->items = 0;
        reply(3, 0);
    }
    CHECK(runs(3, caller));
    CHECK_EQ(result_arg(3, 1), status == BLOCKED ? NOVA_SUCCESS : NOVA_QUO_OOM);
    return status == BLOCKED ? ARRIVED : REFUSED;
}

enum outcome root_sends(const struct undo_message *message) { return other_receives(MEDDLER, OTHER_RECEIVER_PORTAL, message); }

enum outcome other_sends(const struct undo_message *message)
{
    CHECK(runs(3, MEDDLER));
    ec_at(MEDDLER)->utcb->items = 0;
    CHECK_EQ(call(3, OTHER_PORTAL, 0), BLOCKED);
    enum outcome outcome = other_receives(OTHER_SENDER, TO_OTHER_RECEIVER, message);
    ec_at(OTHER_SENDER)->utcb->items = 0;
    reply(3, 0);
    CHECK(runs(3, MEDDLER));
    return outcome;
}

static enum outcome outcome_of(word status)
{
    CHECK(status == NOVA_SUCCESS || status == NOVA_QUO_OOM);
    return status == NOVA_SUCCESS ? ARRIVED : REFUSED;
}

enum outcome undo_outcome(const struct route *route)
{
    unsigned handler = cpu_of_handler(route);
    if (route->told != TOLD_NOBODY && at(handler, route->told == TOLD_SENDER ? SELF_IP : HANDLER_IP)) {
        CHECK_EQ(result_arg(handler, 1), OOM_ID);
        CHECK_EQ(result_arg(handler, 3), (route->way == WAY_CALL ? 1u : 2u) | (route->told == TOLD_SENDER ? 4u : 0u));
        return ASKED;
    }
    if (route->way == WAY_CALL) {
        if (at(route->cpu, RECEIVER_IP))
            return ARRIVED;
        if (runs(0, route->sender == SENDER_ROOT ? SEL_EC : SENDER))
            return outcome_of(result_arg(0, 1));
        return UNDER_WAY;
    }
    struct ec *thread = ec_at(RECEIVER_THREAD);
    if (route->way == WAY_EVENT && thread->dead)
        return REFUSED;
    if (!runs(route->cpu, RECEIVER_THREAD))
        return UNDER_WAY;
    return route->way == WAY_EVENT ? ARRIVED : outcome_of(result_arg(route->cpu, 1));
}

void undo_go_on(const struct route *route, const struct undo_message *message, enum outcome outcome)
{
    unsigned handler = cpu_of_handler(route);
    if (outcome == ASKED && route->told == TOLD_SENDER)
        reply(0, 0); /* the message is in its UTCB yet */
    else if (outcome == ASKED) {
        ec_at(HANDLER + handler)->utcb->items = 0;
        reply(handler, 0);
    } else if (outcome == REFUSED) {
        CHECK(route->way != WAY_EVENT);
        if (route->way == WAY_REPLY)
            sender_enter(route);
        sender_send(route, message);
    } else if (outcome == ARRIVED && route->way == WAY_CALL) {
        ec_at(RECEIVER)->utcb->items = 0;
        reply(route->cpu, 0);
        CHECK(runs(0, route->sender == SENDER_ROOT ? SEL_EC : SENDER));
        CHECK_EQ(result_arg(0, 1), NOVA_SUCCESS);
    } else if (outcome == ARRIVED)
        sender_enter(route);
}

void undo_settle(void)
{
    machine_window_limit = 32;
    hypercall_patience = 100;
    for (unsigned i = 0; i < 1000; i++) {
        bool all = true;
        for (unsigned cpu = 0; cpu < boot_info.cpus; cpu++)
            if (!cpu_frame(cpu)) {
                all = false;
                cpu_enter(cpu, ENTER_CONTINUE, 0, 0, 0);
            }
        if (all)
            return;
    }
    CHECK(!"a CPU does not come out of the kernel");
}

/* Whoever waits for something lets go of it, until root runs on CPU 0. */
static void root_enter(void)
{
    static const word handlers[] = {SENDER, RECEIVER, HANDLER, HANDLER + 1};
    for (unsigned i = 0; i < 200 && !runs(0, SEL_EC); i++)
        for (unsigned cpu = 0; cpu < 2; cpu++) {
            if (runs(cpu, RECEIVER_THREAD))
                sm_down(cpu, OWN_SLEEP, 0, 0);
            for (unsigned h = 0; h < sizeof handlers / sizeof *handlers; h++)
                if (runs(cpu, handlers[h])) {
                    ec_at(handlers[h])->utcb->items = 0;
                    reply(cpu, 0);
                }
        }
    CHECK(runs(0, SEL_EC));
}

void undo_finish(void)
{
    account_loosen();
    undo_settle();
    root_enter();
    revoke(0, objects(PD_SENDER, 8), NOVA_REVOKE_SELF, 0, 0);
    revoke(0, objects(SERVICES, 8), NOVA_REVOKE_SELF, 0, 0);
    revoke(0, memory(MEMORY, 6, 31), NOVA_REVOKE_SELF, 0, 0);
    revoke(0, ports(0, 16), NOVA_REVOKE_SELF, 0, 0);
    CHECK(runs(0, SEL_EC) && !pd_at(PD_SENDER) && !pd_at(PD_RECEIVER) && !pd_at(PD_THIRD));
    undo_grace();
    static struct seen now;
    undo_see(SEL_PD, &now);
    undo_same(&first, &now, "root, when all is gone");
    CHECK_EQ(pd_at(SEL_PD)->account.quota.limit, first_limit);
    CHECK_EQ(now.pages, first.pages);
    CHECK_EQ(undo_pages_total(), first_total);
}
