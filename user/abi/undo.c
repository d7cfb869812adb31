/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * abi.md section 9: nothing remains of a message that failed because the receiver's account was exhausted. The items go to places next to some that an earlier message has
 * filled, which needs little memory, and then far away, which needs more than there is. Who is told looks what the receiver has: what the earlier message brought, and
 * nothing else; after the retry, everything.
 */
#include "abi.h"

enum {
    PAGES = 400,
    SPARE = 2,
    GIFT = 64,
    NEAR = 3,
    ITEMS = 16,
    STRIDE_ORDER = 10,
    OTHER_STRIDE_ORDER = 12,
    TELL_ID = 0x61,
    SELF_ID
};
#define MEMORY_PLACES ((nova_word)0x70000000 >> NOVA_PAGE_BITS)
#define OBJECT_PLACES ((nova_word)0x100000)

/* Bits of places: item i, and one that only the earlier message has. Item NEAR names again what that has brought. */
enum { BEFORE = 1 << NEAR | 1 << ITEMS, WHOLE = (2 << ITEMS) - 1, NOT_ASKED = 0x40000000 };

static struct {
    struct child child;
    nova_word portal, go, done, scratch_page, scratch_selector;
    nova_word page, semaphore; /* what is sent */
    unsigned type;
    nova_word base; /* the first place: others in each check, since tables that are there once may stay */
    volatile nova_word earlier, asked, state, status, faults;
} u;

static nova_word place_of(unsigned item)
{
    unsigned stride = u.type == NOVA_CRD_MEM ? STRIDE_ORDER : OTHER_STRIDE_ORDER;

    if (item == ITEMS)
        return u.base + 3;
    return u.base + (item < NEAR ? 2 * item : item == NEAR ? 1 : (nova_word)(item - NEAR) << stride);
}

static nova_word all_of(unsigned type) { return nova_crd(type, 0, 31, NOVA_PERM_ALL); }

/* ---- what the receiver has ---- */

/* What it has at a place, seen by itself, or by root, which has it delegated to a place of its own. */
static int there(nova_word place)
{
    struct nova_utcb *utcb = nova_self()->utcb;
    nova_word crd = 0, items = utcb->items, scratch = u.type == NOVA_CRD_MEM ? u.scratch_page : u.scratch_selector;
    struct nova_item first = *nova_item(utcb, 0);

    if (u.child.thread == nova_self()) {
        nova_lookup(nova_crd(u.type, place, 0, NOVA_PERM_ALL), &crd);
        return crd != 0;
    }
    nova_message_begin(utcb);
    nova_message_item(utcb, nova_crd(u.type, place, 0, NOVA_PERM_ALL), nova_control(NOVA_ITEM_DELEGATE, scratch));
    nova_delegate(u.child.pd, nova_pd, all_of(u.type));
    nova_lookup(nova_crd(u.type, scratch, 0, NOVA_PERM_ALL), &crd);
    nova_revoke(nova_crd(u.type, scratch, 0, NOVA_PERM_ALL), NOVA_REVOKE_SELF, 0, 0);
    utcb->items = items;
    *nova_item(utcb, 0) = first;
    return crd != 0;
}

static nova_word state(void)
{
    nova_word bits = 0;
    for (unsigned i = 0; i <= ITEMS; i++)
        bits |= (nova_word)there(place_of(i)) << i;
    return bits;
}

NOVA_PORTAL(tell);

static void tell_handler(nova_word id, struct nova_utcb *utcb)
{
    u.state = u.asked ? u.state & state() : state();
    if (u.asked++ > 20) /* it does not help: stop, so that the check can say so */
        nova_park();
    nova_pd_quota_move(nova_pd, u.child.pd, GIFT);
    if (id != SELF_ID) /* else the UTCB still holds the reply */
        utcb->items = 0;
}

/* ---- messages ---- */

static void items_put(struct nova_utcb *utcb)
{
    nova_word what = u.type == NOVA_CRD_MEM ? nova_crd(NOVA_CRD_MEM, u.page, 0, NOVA_MEM_RW) : object(u.semaphore, NOVA_PERM_ALL);

    nova_message_begin(utcb);
    if (u.earlier) {
        nova_message_item(utcb, what, nova_control(NOVA_ITEM_DELEGATE, place_of(NEAR)));
        nova_message_item(utcb, what, nova_control(NOVA_ITEM_DELEGATE, place_of(ITEMS)));
    } else
        for (unsigned i = 0; i < ITEMS; i++)
            nova_message_item(utcb, what, nova_control(NOVA_ITEM_DELEGATE, place_of(i)));
}

/* The account has all the memory that it may need, or little. */
static void account_set(int little)
{
    nova_word limit = 0, usage = 0;

    nova_pd_quota_read(u.child.pd, &limit, &usage);
    if (little)
        nova_pd_quota_move(u.child.pd, nova_pd, limit - usage - SPARE);
    else
        nova_pd_quota_move(nova_pd, u.child.pd, GIFT);
}

/* The next message is the earlier one, for places that nobody has used yet; with_portal: then who is told has to say what there is. */
static void round_begin(unsigned type)
{
    static unsigned rounds;

    u.type = type;
    u.base = type == NOVA_CRD_MEM ? MEMORY_PLACES + ((nova_word)(rounds++ % 16 * ITEMS) << STRIDE_ORDER)
                                  : OBJECT_PLACES + ((nova_word)(rounds++ % 16 * ITEMS) << OTHER_STRIDE_ORDER);
    u.earlier = 1;
    u.status = 0xdead;
}

/* The next one is too much. */
static void round_go_on(void)
{
    check("an earlier message", state(), BEFORE);
    u.earlier = 0;
    u.asked = 0;
    u.state = NOT_ASKED;
    u.status = 0xdead;
    account_set(1);
}

static void round_end(const char *what, int told)
{
    char name[120];
    const char *type = u.type == NOVA_CRD_MEM ? "memory" : "objects";

    nova_format(name, sizeof(name), "%s, %s: what there is when memory has run short", what, type);
    check(name, told ? u.state : state(), BEFORE);
    nova_format(name, sizeof(name), "%s, %s: what there is after the retry", what, type);
    if (told)
        check(name, state(), WHOLE);
}

/* ---- calls ---- */

NOVA_PORTAL(undo_sink);

/* Runs in the child. */
static void undo_sink_handler(nova_word id, struct nova_utcb *utcb)
{
    (void)id;
    nova_message_windows(utcb, 0, all_of(u.type));
    utcb->items = 0;
}

/* A handler's EC in the child. */
static struct nova_thread *handler_create(unsigned cpu, nova_word oom)
{
    struct nova_thread *thread = nova_thread_prepare(NULL, cpu);
    enum nova_status status = thread_lend(u.child.pd, thread, oom);

    if (!status)
        status = nova_create_ec(thread->ec, u.child.pd, cpu, (nova_word)thread->utcb, (nova_word)thread, 0, 0);
    check("a handler in another PD", status, NOVA_SUCCESS);
    return thread;
}

static void call_rounds(const char *what, unsigned cpu, nova_word oom)
{
    nova_word portal = new_portal(handler_create(cpu, oom), undo_sink, 0);

    for (unsigned type = NOVA_CRD_MEM; type <= NOVA_CRD_OBJ; type += NOVA_CRD_OBJ - NOVA_CRD_MEM) {
        account_set(0);
        round_begin(type);
        root_utcb->items = 0;
        nova_call(portal, 0); /* opens its window */
        items_put(root_utcb);
        check(what, nova_call(portal, 0), NOVA_SUCCESS);
        round_go_on();
        items_put(root_utcb);
        check(what, nova_call(portal, 0), oom ? NOVA_SUCCESS : NOVA_QUO_OOM);
        round_end(what, oom != 0);
        if (oom)
            continue;
        account_set(0);
        items_put(root_utcb);
        check("once more, with more memory", nova_call(portal, 0), NOVA_SUCCESS);
        check("everything is there", state(), WHOLE);
    }
    root_utcb->items = 0;
}

static nova_word teller(struct nova_thread *handler, nova_word id)
{
    nova_word portal = new_selector();
    check("an out-of-memory portal", nova_portal_create(portal, nova_pd, handler, 0, tell, id), NOVA_SUCCESS);
    return portal;
}

static struct child domain(void)
{
    u.child = new_child(PAGES, 0);
    child_give(&u.child, u.child.pd);
    child_give(&u.child, nova_pd);
    return u.child;
}

static void test_calls(void)
{
    unsigned cpu;

    section("9.undo_call");
    domain();
    call_rounds("a call, told is the sender's PD", boot_cpu, teller(new_handler(boot_cpu), TELL_ID));
    call_rounds("a call, told is nobody", boot_cpu, 0);
    u.child.thread = handler_create(boot_cpu, 0);
    call_rounds("a call, told is the receiver's PD", boot_cpu, teller(u.child.thread, TELL_ID));
    u.child.thread = 0;
    if (second_cpu() >= 0) {
        cpu = (unsigned)second_cpu();
        call_rounds("a call, told is another CPU", boot_cpu, teller(handler_on(cpu), TELL_ID));
        call_rounds("a call to another CPU, told is that one", cpu, teller(handler_on(cpu), TELL_ID));
        call_rounds("a call to another CPU, told is this one", cpu, teller(new_handler(boot_cpu), TELL_ID));
        call_rounds("a call to another CPU, told is nobody", cpu, 0);
    }
    child_end(&u.child);
}

/* ---- replies ---- */

NOVA_PORTAL(undo_feeder);

static void undo_feeder_handler(nova_word id, struct nova_utcb *utcb)
{
    (void)id;
    items_put(utcb);
}

/* In the child. */
static void undo_caller(void *unused)
{
    struct nova_utcb *utcb = nova_self()->utcb;

    (void)unused;
    for (;;) {
        nova_sm_down(u.go, 0, 0);
        nova_message_windows(utcb, 0, all_of(u.type));
        utcb->items = 0;
        u.status = nova_call(u.portal, 0);
        nova_sm_up(u.done);
    }
}

static void reply_rounds(const char *what, struct nova_thread *feeder, nova_word oom)
{
    domain();
    u.portal = new_portal(feeder, undo_feeder, 0);
    child_give(&u.child, u.portal);
    child_give(&u.child, u.go);
    child_give(&u.child, u.done);
    child_start(&u.child, 2, undo_caller, NULL, oom);
    for (unsigned type = NOVA_CRD_MEM; type <= NOVA_CRD_OBJ; type += NOVA_CRD_OBJ - NOVA_CRD_MEM) {
        account_set(0);
        round_begin(type);
        nova_sm_up(u.go);
        check(what, wait_for(u.done), NOVA_SUCCESS);
        round_go_on();
        nova_sm_up(u.go);
        check(what, wait_for(u.done), NOVA_SUCCESS);
        check(what, u.status, oom ? NOVA_SUCCESS : NOVA_QUO_OOM);
        round_end(what, oom != 0);
    }
    child_end(&u.child);
}

static void test_replies(void)
{
    struct nova_thread *feeder = new_handler(boot_cpu);

    section("9.undo_reply");
    reply_rounds("a reply, told is the sender's PD", feeder, teller(new_handler(boot_cpu), TELL_ID));
    reply_rounds("a reply, told is the sender", feeder, teller(feeder, SELF_ID));
    reply_rounds("a reply, told is nobody", feeder, 0);
    if (second_cpu() >= 0)
        reply_rounds("a reply, told is another CPU", feeder, teller(handler_on((unsigned)second_cpu()), TELL_ID));
}

/* ---- replies to events ---- */

NOVA_PORTAL(undo_pager);

static void undo_pager_handler(nova_word id, struct nova_utcb *utcb)
{
    (void)id;
    u.faults++;
    items_put(utcb);
    utcb->items |= nova_items(4, 0);
    utcb->mr[0] = 0; /* mtd */
}

static void undo_fault(void *unused)
{
    (void)unused;
    for (;;) {
        nova_sm_down(u.go, 0, 0);
        u.status = *(volatile nova_word *)(place_of(u.earlier ? NEAR : 0) << NOVA_PAGE_BITS);
        nova_sm_up(u.done);
    }
}

static void event_round(const char *what, nova_word oom, struct nova_thread *pager)
{
    nova_word events = new_events(boot_cpu, NULL);

    drop(events + EVENT_PF, 0);
    nova_portal_create(events + EVENT_PF, nova_pd, pager, NOVA_MTD_QUAL | NOVA_MTD_IP, undo_pager, 0);
    u.child = new_child(PAGES, events);
    child_give(&u.child, u.go);
    child_give(&u.child, u.done);
    child_start(&u.child, 2, undo_fault, NULL, oom);
    u.faults = 0;
    round_begin(NOVA_CRD_MEM);
    nova_sm_up(u.go);
    check(what, wait_for(u.done), NOVA_SUCCESS);
    round_go_on();
    nova_sm_up(u.go);
    if (oom)
        check(what, wait_for(u.done), NOVA_SUCCESS);
    else
        sleep_ms(20);
    check(what, u.status, oom ? 0x600d : 0xdead);
    check("two faults", u.faults, 2);
    round_end(what, oom != 0);
    child_end(&u.child);
}

static void test_events(void)
{
    struct nova_thread *pager = new_handler(boot_cpu);

    section("9.undo_event");
    event_round("a reply to a fault, told is the sender's PD", teller(new_handler(boot_cpu), TELL_ID), pager);
    event_round("a reply to a fault, told is the sender", teller(pager, SELF_ID), pager);
    if (second_cpu() >= 0)
        event_round("a reply to a fault, told is another CPU", teller(handler_on((unsigned)second_cpu()), TELL_ID), pager);
    event_round("a reply to a fault, told is nobody", 0, pager);
}

void test_undo(void)
{
    u.page = (nova_word)nova_allocate(NOVA_PAGE_SIZE, NOVA_PAGE_SIZE);
    *(volatile nova_word *)u.page = 0x600d;
    u.page >>= NOVA_PAGE_BITS;
    u.semaphore = new_semaphore(0);
    u.go = new_semaphore(0);
    u.done = new_semaphore(0);
    u.scratch_page = free_range(0) >> NOVA_PAGE_BITS;
    u.scratch_selector = new_selector();
    test_calls();
    test_replies();
    test_events();
    nova_message_begin(root_utcb);
}
