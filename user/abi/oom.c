/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * abi.md section 9, row by row: who is told when an account is exhausted, with which three words, and that the hypercall is then repeated. The child's
 * account is exhausted by moving all that is free back to root; messages then carry items that need page tables all over its space.
 */
#include "abi.h"

enum {
    PAGES = 400,
    ITEMS = 24,
    GIFT = 64,
    STRIDE_ORDER = 10 /* pages between two items */,
    PLACES = 10,
    MANY = 5000,
    SPLIT_ORDER = 8
};
#define TARGETS ((nova_word)0x70000000 >> NOVA_PAGE_BITS)
#define SPLIT_AREA ((nova_word)0x1c000000)
#define NO_PORTAL (~(nova_word)0)

enum { OOM_ID = 0x51, CALLER_OOM_ID = 0x52, ELSEWHERE_ID = 0x53, REASON_CALL = 1, REASON_REPLY = 2, REASON_SELF = 4 };

nova_word oom_words[3]; /* what the handler was entered with */

static struct {
    nova_word pd, page, portal, go, done, oom;
    nova_word target; /* page where the items go: elsewhere each time, since tables that are there once may stay */
    unsigned place;
    volatile nova_word count, wrong_words, expected_id, expected_reason, give, wrong;
    volatile nova_word sink_calls, sink_items, sink_null, feeds, status;
} o;

/* Enters oom_portal with ARG_1 to ARG_3 noted. */
void oom_entry(void);
#ifdef __x86_64__
__asm__(".pushsection .text\n\t.globl oom_entry\noom_entry:\n\tmov %rdi, oom_words(%rip)\n\tmov %rsi, oom_words+8(%rip)\n\t"
        "mov %rdx, oom_words+16(%rip)\n\tjmp oom_portal\n\t.popsection");
#else
__asm__(".pushsection .text\n\t.globl oom_entry\noom_entry:\n\tmov %eax, oom_words\n\tmov %edi, oom_words+4\n\t"
        "mov %esi, oom_words+8\n\tjmp oom_portal\n\t.popsection");
#endif

NOVA_PORTAL(oom_portal);

static void oom_portal_handler(nova_word id, struct nova_utcb *utcb)
{
    (void)id;
    if (o.count++ == 0) {
        o.wrong_words = (oom_words[0] != OOM_ID) | (oom_words[1] != o.expected_id) << 1 | (oom_words[2] != o.expected_reason) << 2;
        o.wrong = oom_words[1];
    }
    if (o.count > 40) /* it does not help: stop, so that the check can say so */
        nova_park();
    if (o.give)
        nova_pd_quota_move(nova_pd, o.pd, GIFT);
    if (!(oom_words[2] & REASON_SELF)) /* else the UTCB still holds the reply */
        utcb->items = 0;
}

/* ---- a child that is short ---- */

static void exhaust(void)
{
    nova_word limit = 0, usage = 0;
    nova_pd_quota_read(o.pd, &limit, &usage);
    nova_pd_quota_move(o.pd, nova_pd, limit - usage);
}

static void items_make(struct nova_utcb *utcb, unsigned count)
{
    nova_message_begin(utcb);
    for (unsigned i = 0; i < count; i++)
        nova_message_item(utcb, nova_crd(NOVA_CRD_MEM, o.page >> NOVA_PAGE_BITS, 0, NOVA_MEM_RW),
                          nova_control(NOVA_ITEM_DELEGATE, o.target + ((nova_word)i << STRIDE_ORDER)));
}

/* Takes away what the items brought, and expects the next handler call to have these words. */
static void prepare(nova_word id, nova_word reason)
{
    nova_revoke(nova_crd(NOVA_CRD_MEM, o.page >> NOVA_PAGE_BITS, 0, NOVA_PERM_ALL), 0, 0, 0);
    exhaust();
    o.target = TARGETS + ((nova_word)(o.place++ % PLACES * ITEMS) << STRIDE_ORDER);
    o.count = 0;
    o.wrong_words = 0;
    o.expected_id = id;
    o.expected_reason = reason;
    o.give = 1;
    o.sink_items = o.sink_null = o.sink_calls = o.feeds = 0;
    o.status = 0xdead;
}

static void check_words(const char *what)
{
    char name[120];
    nova_format(name, sizeof(name), "%s: the out-of-memory portal is called", what);
    check_true(name, o.count >= 1);
    nova_format(name, sizeof(name), "%s: ARG_1 to ARG_3 (wrong ones as bits; ARG_2 was 0x%lx)", what, o.wrong);
    check(name, o.wrong_words, 0);
}

/* ---- items of a call ---- */

NOVA_PORTAL(sink);

/* Runs in the child. */
static void sink_handler(nova_word id, struct nova_utcb *utcb)
{
    unsigned items = nova_typed(utcb->items);

    (void)id;
    o.sink_calls++;
    o.sink_items = items;
    for (unsigned i = 0; i < items && i < ITEMS; i++)
        o.sink_null += !nova_item(utcb, i)->crd;
    nova_message_windows(utcb, 0, nova_crd(NOVA_CRD_MEM, 0, 31, NOVA_PERM_ALL));
    utcb->items = 0;
}

/* A handler in the child, and a portal to it; oom: its out-of-memory portal, or 0. */
static nova_word sink_create(unsigned cpu, nova_word oom)
{
    struct nova_thread *thread = nova_thread_prepare(NULL, cpu);
    nova_word stack = ((nova_word)(thread + 1) - NOVA_STACK_SIZE) >> NOVA_PAGE_BITS, portal = new_selector();
    enum nova_status status =
        nova_delegate_range(nova_pd, o.pd, NOVA_CRD_MEM, stack, stack, NOVA_STACK_SIZE >> NOVA_PAGE_BITS, NOVA_MEM_RW, 0);

    if (oom)
        grant(nova_pd, nova_pd, objects(oom, 0), nova_control(NOVA_ITEM_DELEGATE, 0), objects(thread->ec + 1, 0));
    if (!status)
        status = nova_create_ec(thread->ec, o.pd, cpu, (nova_word)thread->utcb, (nova_word)thread, 0, 0);
    if (!status)
        status = nova_create_pt(portal, nova_pd, thread->ec, 0, (nova_word)sink);
    root_utcb->items = 0;
    if (!status)
        status = nova_call(portal, 0); /* opens its window */
    check("a handler in another PD", status, NOVA_SUCCESS);
    return portal;
}

static void send_items(void *unused)
{
    struct nova_utcb *utcb = nova_self()->utcb;

    (void)unused;
    items_make(utcb, ITEMS);
    o.status = nova_call(o.portal, 0);
    nova_sm_up(o.done);
}

/* A thread of root's that has an out-of-memory portal itself sends the items. */
static void send_from(const char *what, nova_word own_oom, nova_word id)
{
    struct nova_thread *thread = nova_thread_prepare(NULL, boot_cpu);
    char name[120];

    prepare(id, REASON_CALL);
    grant(nova_pd, nova_pd, objects(own_oom, 0), nova_control(NOVA_ITEM_DELEGATE, 0), objects(thread->ec + 1, 0));
    nova_thread_start(thread, 0, 2, BOOT_QUANTUM, send_items, NULL);
    nova_format(name, sizeof(name), "%s: the caller's end", what);
    check(name, wait_for(o.done), NOVA_SUCCESS);
    check_words(what);
    nova_format(name, sizeof(name), "%s: the call", what);
    check(name, o.status, NOVA_SUCCESS);
    drop_wait(thread->ec, 2);
}

static void test_call(struct nova_thread *root_handler)
{
    nova_word with, without, caller_oom = new_selector(), elsewhere = new_selector();
    struct nova_thread *sink_thread;

    section("9.call_items");
    with = sink_create(boot_cpu, o.oom);
    prepare(NO_PORTAL, REASON_CALL);
    items_make(root_utcb, ITEMS);
    check("items for a PD that is short: the call", nova_call(with, 0), NOVA_SUCCESS);
    check_words("caller without an out-of-memory portal");
    check("the callee was entered once", o.sink_calls, 1);
    check("with all items", o.sink_items, ITEMS);
    check("none of them null", o.sink_null, 0);

    o.portal = with;
    nova_portal_create(caller_oom, nova_pd, root_handler, 0, oom_entry, CALLER_OOM_ID);
    send_from("caller whose handler lives in the same PD", caller_oom, CALLER_OOM_ID);
    sink_thread = nova_thread_prepare(NULL, boot_cpu);
    nova_pd_quota_move(nova_pd, o.pd, GIFT);
    check("a handler's EC in the child", nova_create_ec(sink_thread->ec, o.pd, boot_cpu, (nova_word)sink_thread->utcb, 0, 0, 0),
          NOVA_SUCCESS);
    nova_portal_create(elsewhere, nova_pd, sink_thread, 0, oom_entry, ELSEWHERE_ID);
    send_from("caller whose handler lives in another PD", elsewhere, 0);

    nova_pd_quota_move(nova_pd, o.pd, GIFT);
    without = sink_create(boot_cpu, 0);
    prepare(0, 0);
    items_make(root_utcb, ITEMS);
    check("callee without an out-of-memory portal: QUO_OOM", nova_call(without, 0), NOVA_QUO_OOM);
    check("nobody is told", o.count, 0);
    check("the callee is not entered", o.sink_calls, 0);
    nova_pd_quota_move(nova_pd, o.pd, GIFT);
    items_make(root_utcb, ITEMS);
    check("with more quota it works", nova_call(without, 0), NOVA_SUCCESS);
    check("with all items", o.sink_items - o.sink_null, ITEMS);
}

/* ---- items of a reply ---- */

NOVA_PORTAL(feeder);

static void feeder_handler(nova_word id, struct nova_utcb *utcb)
{
    (void)id;
    o.feeds++;
    items_make(utcb, ITEMS);
}

/* In the child. */
static void call_feeder(void *unused)
{
    struct nova_utcb *utcb = nova_self()->utcb;

    (void)unused;
    for (;;) {
        nova_sm_down(o.go, 0, 0);
        nova_message_windows(utcb, 0, nova_crd(NOVA_CRD_MEM, 0, 31, NOVA_PERM_ALL));
        utcb->items = 0;
        o.status = nova_call(o.portal, 0);
        o.sink_items = nova_typed(utcb->items);
        for (unsigned i = 0; i < nova_typed(utcb->items) && i < ITEMS; i++)
            o.sink_null += !nova_item(utcb, i)->crd;
        nova_sm_up(o.done);
    }
}

static void feed(const char *what, nova_word id, nova_word reason)
{
    char name[120];

    prepare(id, reason);
    nova_sm_up(o.go);
    nova_format(name, sizeof(name), "%s: the call's end", what);
    check(name, wait_for(o.done), NOVA_SUCCESS);
    nova_format(name, sizeof(name), "%s: the call", what);
    check(name, o.status, NOVA_SUCCESS);
    check_words(what);
    nova_format(name, sizeof(name), "%s: the replying handler was entered once", what);
    check(name, o.feeds, 1);
    nova_format(name, sizeof(name), "%s: all items arrive", what);
    check(name, o.sink_items - o.sink_null, ITEMS);
}

/* A thread in a fresh child calls the feeder; all ends with the child. */
static struct child caller_create(nova_word events, void (*entry)(void *), nova_word oom)
{
    struct child child = new_child(PAGES, events);

    o.pd = child.pd;
    child_give(&child, o.portal);
    child_give(&child, o.go);
    child_give(&child, o.done);
    child_start(&child, 2, entry, NULL, oom);
    return child;
}

static void test_reply(struct nova_thread *root_handler)
{
    struct nova_thread *feeding = new_handler(boot_cpu), *known = nova_thread_prepare(NULL, boot_cpu);
    nova_word own = new_selector(), self = new_selector();
    struct child child;

    section("9.reply_items");
    o.portal = new_portal(feeding, feeder, 0);
    child = caller_create(0, call_feeder, o.oom);
    feed("reply for a PD that is short", NO_PORTAL, REASON_REPLY);
    child_end(&child);

    /* the replying EC has an out-of-memory portal, too, in the same PD */
    nova_portal_create(own, nova_pd, root_handler, 0, oom_entry, CALLER_OOM_ID);
    grant(nova_pd, nova_pd, objects(own, 0), nova_control(NOVA_ITEM_DELEGATE, 0), objects(known->ec + 1, 0));
    nova_handler_create(known, nova_pd, 0);
    o.portal = new_portal(known, feeder, 0);
    child = caller_create(0, call_feeder, o.oom);
    feed("reply of an EC whose handler lives in the same PD", CALLER_OOM_ID, REASON_REPLY);
    child_end(&child);

    section("9.reply_self");
    feeding = new_handler(boot_cpu);
    o.portal = new_portal(feeding, feeder, 0);
    nova_portal_create(self, nova_pd, feeding, 0, oom_entry, OOM_ID);
    child = caller_create(0, call_feeder, self);
    feed("the handler is the replying EC", NO_PORTAL, REASON_REPLY | REASON_SELF);
    child_end(&child);

    section("9.reply_items");
    o.portal = new_portal(new_handler(boot_cpu), feeder, 0);
    child = caller_create(0, call_feeder, 0);
    prepare(0, 0);
    nova_sm_up(o.go);
    check("receiver without an out-of-memory portal: its end", wait_for(o.done), NOVA_SUCCESS);
    check("receiver without an out-of-memory portal: QUO_OOM", o.status, NOVA_QUO_OOM);
    check("nobody is told", o.count, 0);
    child_end(&child);
}

/* ---- items of a reply to an event ---- */

NOVA_PORTAL(short_pager);

static void short_pager_handler(nova_word id, struct nova_utcb *utcb)
{
    (void)id;
    o.feeds++;
    items_make(utcb, ITEMS);
    utcb->items |= nova_items(4, 0);
    utcb->mr[0] = 0; /* mtd */
}

static void fault(void *unused)
{
    (void)unused;
    for (;;) {
        nova_sm_down(o.go, 0, 0);
        o.status = *(volatile nova_word *)(o.target << NOVA_PAGE_BITS);
        nova_sm_up(o.done);
    }
}

static void test_event_reply(void)
{
    struct nova_thread *pager = new_handler(boot_cpu);
    nova_word events = new_events(boot_cpu, NULL);
    struct child child;

    section("9.event_items");
    drop(events + EVENT_PF, 0);
    nova_portal_create(events + EVENT_PF, nova_pd, pager, NOVA_MTD_QUAL | NOVA_MTD_IP, short_pager, 0);
    *(volatile nova_word *)o.page = 0x600d;
    child = caller_create(events, fault, o.oom);
    prepare(NO_PORTAL, REASON_REPLY);
    nova_sm_up(o.go);
    check("a pager's reply for a PD that is short: the thread goes on", wait_for(o.done), NOVA_SUCCESS);
    check("with the page", o.status, 0x600d);
    check_words("a pager's reply");
    check("with one fault", o.feeds, 1);
    child_end(&child);

    child = caller_create(events, fault, 0);
    prepare(0, 0);
    nova_sm_up(o.go);
    sleep_ms(20);
    check("receiver without an out-of-memory portal: it is killed", o.status, 0xdead);
    check("nobody is told", o.count, 0);
    root_utcb->items = 0;
    child_end(&child);
}

/* ---- no messages ---- */

static void split(void *unused)
{
    nova_word status = NOVA_SUCCESS;

    (void)unused;
    nova_sm_down(o.go, 0, 0);
    for (nova_word i = 1; i < 1 << SPLIT_ORDER && !status; i += 2)
        status = nova_revoke(nova_crd(NOVA_CRD_MEM, (SPLIT_AREA >> NOVA_PAGE_BITS) + i, 0, NOVA_PERM_ALL), NOVA_REVOKE_SELF, 0, 0);
    o.status = status;
    nova_sm_up(o.done);
    for (;;) /* to return would be to use a semaphore that this PD does not have */
        nova_sm_down(o.go, 0, 0);
}

static void test_own_account(void)
{
    nova_word memory = (nova_word)nova_allocate(NOVA_PAGE_SIZE << SPLIT_ORDER, NOVA_PAGE_SIZE << SPLIT_ORDER);
    struct child child;

    section("9.own_account");
    for (unsigned round = 0; round < 2; round++) {
        child = caller_create(0, split, round ? 0 : o.oom);
        check("memory for a PD",
              nova_delegate_range(nova_pd, child.pd, NOVA_CRD_MEM, memory >> NOVA_PAGE_BITS, SPLIT_AREA >> NOVA_PAGE_BITS,
                                  1 << SPLIT_ORDER, NOVA_MEM_RW, 0),
              NOVA_SUCCESS);
        prepare(OOM_ID, REASON_CALL);
        nova_sm_up(o.go);
        check("hypercalls of a PD that is short: their end", wait_for(o.done), NOVA_SUCCESS);
        if (round)
            check_true("without an out-of-memory portal: SUCCESS or QUO_OOM", o.status == NOVA_SUCCESS || o.status == NOVA_QUO_OOM);
        else {
            check("with one: SUCCESS", o.status, NOVA_SUCCESS);
            check("its handler, if asked, had the right words", o.wrong_words, 0);
        }
        child_end(&child);
    }
}

static void test_create_short(void)
{
    struct child child = new_child(PAGES, 0);
    nova_word first = nova_selectors(MANY, 8192), n, utcb = (nova_word)nova_utcb_address();
    struct nova_thread *thread = nova_thread_prepare(NULL, boot_cpu);
    enum nova_status status = NOVA_SUCCESS;

    section("9.create");
    o.pd = child.pd;
    nova_create_ec(thread->ec, nova_pd, boot_cpu, (nova_word)thread->utcb, (nova_word)thread, 0, NOVA_EC_GLOBAL);
    exhaust();
    for (n = 0; n < MANY && !(status = nova_create_sm(first + n, o.pd, 0)); n++)
        ;
    check("create_sm ends with QUO_OOM", status, NOVA_QUO_OOM);
    check("and leaves the selector empty", object_at(first + n), 0);
    for (; n < MANY && !(status = nova_create_pt(first + n, o.pd, event_handler->ec, 0, 0x1000)); n++)
        ;
    check("create_pt ends with QUO_OOM", status, NOVA_QUO_OOM);
    check("and leaves the selector empty", object_at(first + n), 0);
    for (; n < MANY && !(status = nova_create_sc(first + n, o.pd, thread->ec, nova_qpd(1, 1000))); n++)
        ;
    check("create_sc ends with QUO_OOM", status, NOVA_QUO_OOM);
    check("and leaves the selector empty", object_at(first + n), 0);
    check("create_ec ends with QUO_OOM", nova_create_ec(first + n, o.pd, boot_cpu, utcb, 0, 0, 0), NOVA_QUO_OOM);
    check("and leaves the selector empty", object_at(first + n), 0);
    nova_pd_quota_move(nova_pd, o.pd, GIFT);
    check("with more quota create_ec works", nova_create_ec(first + n, o.pd, boot_cpu, utcb, 0, 0, 0), NOVA_SUCCESS);

    section("9.delegate");
    exhaust();
    items_make(root_utcb, ITEMS);
    check("misc delegate to a PD that is short: QUO_OOM",
          nova_delegate(nova_pd, o.pd, nova_crd(NOVA_CRD_MEM, 0, 31, NOVA_PERM_ALL)), NOVA_QUO_OOM);
    nova_pd_quota_move(nova_pd, o.pd, GIFT);
    items_make(root_utcb, ITEMS);
    check("with more quota: repeated", nova_delegate(nova_pd, o.pd, nova_crd(NOVA_CRD_MEM, 0, 31, NOVA_PERM_ALL)), NOVA_SUCCESS);
    nova_message_begin(root_utcb);
    drop_wait(first, 13);
    drop_wait(thread->ec, 2);
    child_end(&child);
}

static void test_other_cpu(void)
{
    struct child child;
    nova_word far_oom = new_selector(), with;
    unsigned cpu;

    if (second_cpu() < 0)
        return;
    cpu = (unsigned)second_cpu();
    section("9.cross_cpu");
    child = new_child(PAGES, 0);
    o.pd = child.pd;
    nova_portal_create(far_oom, nova_pd, handler_on(cpu), 0, oom_entry, OOM_ID);
    with = sink_create(boot_cpu, far_oom);
    prepare(NO_PORTAL, REASON_CALL);
    items_make(root_utcb, ITEMS);
    check("handler on another CPU: the call", nova_call(with, 0), NOVA_SUCCESS);
    check_words("handler on another CPU");
    check("the callee was entered once", o.sink_calls, 1);
    check("all items arrive", o.sink_items - o.sink_null, ITEMS);
    with = sink_create(cpu, o.oom);
    prepare(NO_PORTAL, REASON_CALL);
    items_make(root_utcb, ITEMS);
    check("callee on another CPU: the call", nova_call(with, 0), NOVA_SUCCESS);
    check_words("callee on another CPU");
    check("all items arrive", o.sink_items - o.sink_null, ITEMS);
    nova_message_begin(root_utcb);
    child_end(&child);
}

void test_oom(void)
{
    struct nova_thread *handler = new_handler(boot_cpu);
    struct child child = new_child(PAGES, 0);

    o.page = (nova_word)nova_allocate(NOVA_PAGE_SIZE, NOVA_PAGE_SIZE);
    o.go = new_semaphore(0);
    o.done = new_semaphore(0);
    o.oom = new_selector();
    nova_portal_create(o.oom, nova_pd, handler, 0, oom_entry, OOM_ID);
    o.pd = child.pd;
    test_create_short();
    o.pd = child.pd;
    test_call(handler);
    child_end(&child);
    test_reply(handler);
    test_event_reply();
    test_own_account();
    test_other_cpu();
}
