/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * abi.md section 7 with two CPUs: calls to another CPU and what may happen to them on the way, their priority, and whose time they take. Threads of
 * the boot CPU have a higher priority than the root EC, so they have called when it goes on.
 */
#include "abi.h"

static unsigned there; /* the other CPU */

static struct {
    nova_word gate, portal, finished, inner, again;
    volatile nova_word entered, replied, inner_status, status[4];
} x;

static void reset(void)
{
    x.entered = x.replied = 0;
    for (unsigned i = 0; i < 4; i++)
        x.status[i] = ~(nova_word)0;
}

NOVA_PORTAL(gated);

/* Adds 1 to each word, after the gate. */
static void gated_handler(nova_word id, struct nova_utcb *utcb)
{
    (void)id;
    x.entered++;
    nova_sm_down(x.gate, 0, 0);
    for (unsigned i = 0; i < nova_untyped(utcb->items) && i < NOVA_UTCB_WORDS; i++)
        utcb->mr[i]++;
    utcb->items = nova_items(nova_untyped(utcb->items), 0);
    x.replied++;
}

static void call_gated(void *argument)
{
    nova_self()->utcb->items = 0;
    x.status[(nova_word)argument] = nova_call(x.portal, 0);
    nova_sm_up(x.finished);
}

static void open_later(void *count)
{
    sleep_ms(10);
    for (nova_word i = 0; i < (nova_word)count; i++)
        nova_sm_up(x.gate);
}

static struct nova_thread *caller(unsigned index, unsigned priority)
{
    return thread_on(boot_cpu, priority, call_gated, (void *)(nova_word)index);
}

static struct nova_thread *gated_on_other_cpu(void)
{
    struct nova_thread *handler = handler_on(there);
    x.portal = new_portal(handler, gated, 0);
    x.gate = new_semaphore(0);
    return handler;
}

/* ---- busy, dying ---- */

static void test_busy_callee(void)
{
    gated_on_other_cpu();
    reset();
    caller(0, 2);
    await(&x.entered, 1);
    check("a callee there blocks", x.entered, 1);
    root_utcb->items = 0;
    check("call that must not block", nova_call(x.portal, NOVA_CALL_NOBLOCK), NOVA_COM_TIM);
    caller(1, 2);
    caller(2, 3);
    thread_on(there, 2, open_later, (void *)4);
    root_utcb->items = nova_items(1, 0);
    root_utcb->mr[0] = 41;
    check("call of a busy callee", nova_call(x.portal, 0), NOVA_SUCCESS);
    check("its answer", root_utcb->mr[0], 42);
    for (unsigned i = 0; i < 3; i++)
        check("another caller's end", wait_for(x.finished), NOVA_SUCCESS);
    check("each with SUCCESS", x.status[0] | x.status[1] | x.status[2], NOVA_SUCCESS);
    check("entered once for each", x.entered, 4);
    root_utcb->items = 0;
    nova_sm_up(x.gate);
    check("and free again: no-block call", nova_call(x.portal, NOVA_CALL_NOBLOCK), NOVA_SUCCESS);
}

static void test_callee_dies(void)
{
    struct nova_thread *handler = gated_on_other_cpu();

    reset();
    caller(0, 2);
    await(&x.entered, 1);
    caller(1, 2);
    drop(handler->ec, 0);
    check("callee destroyed: its caller's end", wait_for(x.finished), NOVA_SUCCESS);
    check("callee destroyed: the queued caller's end", wait_for(x.finished), NOVA_SUCCESS);
    check("callee destroyed: its caller gets COM_ABT", x.status[0], NOVA_COM_ABT);
    check_true("callee destroyed: the queued one COM_ABT or COM_TIM", x.status[1] == NOVA_COM_ABT || x.status[1] == NOVA_COM_TIM);
    root_utcb->items = 0;
    check("call of a callee that is gone", nova_call(x.portal, 0), NOVA_COM_TIM);
}

static void test_caller_dies(void)
{
    struct nova_thread *thread;

    gated_on_other_cpu();
    reset();
    thread = caller(0, 2);
    await(&x.entered, 1);
    drop_wait(thread->ec, 2);
    nova_sm_up(x.gate);
    nova_sm_up(x.gate);
    root_utcb->items = 0;
    /* the callee has no time of its own: it replies to nobody on the next caller's, and then serves that */
    check("caller destroyed: the callee serves the next one", nova_call(x.portal, 0), NOVA_SUCCESS);
    check("after it was done with the dead one", x.replied, 2);
    check("the dead one gets nothing", x.status[0], ~(nova_word)0);

    reset();
    caller(0, 2);
    await(&x.entered, 1);
    thread = caller(1, 2); /* waits for the callee */
    sleep_ms(5);
    drop_wait(thread->ec, 2);
    nova_sm_up(x.gate);
    nova_sm_up(x.gate);
    check("queued caller destroyed: the first one's end", wait_for(x.finished), NOVA_SUCCESS);
    root_utcb->items = 0;
    check("queued caller destroyed: the callee serves others", nova_call(x.portal, 0), NOVA_SUCCESS);
    check("queued caller destroyed: it was never served", x.entered, 2);

    reset();
    thread = caller(0, 2);
    await(&x.entered, 1);
    drop(thread->ec + 2, 0);
    nova_sm_up(x.gate);
    nova_sm_up(x.gate);
    root_utcb->items = 0;
    check("the caller's SC destroyed: the callee serves others", nova_call(x.portal, 0), NOVA_SUCCESS);
}

static void test_portal_revoked(void)
{
    gated_on_other_cpu();
    reset();
    caller(0, 2);
    await(&x.entered, 1);
    caller(1, 2);
    sleep_ms(5);
    drop(x.portal, 0);
    root_utcb->items = 0;
    check("portal revoked: call", nova_call(x.portal, 0), NOVA_BAD_CAP);
    nova_sm_up(x.gate);
    nova_sm_up(x.gate);
    check("portal revoked: the caller's end", wait_for(x.finished), NOVA_SUCCESS);
    check("portal revoked: the queued caller's end", wait_for(x.finished), NOVA_SUCCESS);
    check("portal revoked: the call that was under way", x.status[0], NOVA_SUCCESS);
    check_true("portal revoked: the queued one SUCCESS or BAD_CAP", x.status[1] == NOVA_SUCCESS || x.status[1] == NOVA_BAD_CAP);
}

/* ---- nested calls ---- */

NOVA_PORTAL(add_ten);

static void add_ten_handler(nova_word id, struct nova_utcb *utcb)
{
    (void)id;
    utcb->mr[0] += 10;
    utcb->items = nova_items(1, 0);
}

NOVA_PORTAL(forward);

static void forward_handler(nova_word id, struct nova_utcb *utcb)
{
    (void)id;
    utcb->items = nova_items(1, 0);
    x.inner_status = nova_call(x.inner, 0);
    utcb->mr[0] += 100;
    utcb->items = nova_items(1, 0);
}

NOVA_PORTAL(call_back_busy);

static void call_back_busy_handler(nova_word id, struct nova_utcb *utcb)
{
    (void)id;
    utcb->items = 0;
    x.inner_status = nova_call(x.inner, NOVA_CALL_NOBLOCK);
    utcb->items = 0;
}

static void test_nested(void)
{
    nova_word outer = new_portal(handler_on(there), forward, 0);

    x.inner = new_portal(handler_on(boot_cpu), add_ten, 0);
    x.inner_status = ~(nova_word)0;
    root_utcb->mr[0] = 1;
    root_utcb->items = nova_items(1, 0);
    check("call there and back", nova_call(outer, 0), NOVA_SUCCESS);
    check("status of the call back", x.inner_status, NOVA_SUCCESS);
    check("both have worked on the message", root_utcb->mr[0], 111);

    outer = new_portal(handler_on(there), call_back_busy, 0);
    x.inner = new_portal(handler_on(boot_cpu), add_ten, 0);
    x.inner_status = ~(nova_word)0;
    root_utcb->items = 0;
    check("call there, which calls back with no-block", nova_call(outer, 0), NOVA_SUCCESS);
    check("its call found the callee free", x.inner_status, NOVA_SUCCESS);
}

/* ---- reply with a semaphore ---- */

NOVA_PORTAL(come_again);

static void come_again_handler(nova_word id, struct nova_utcb *utcb)
{
    (void)id;
    utcb->items = 0;
    if (x.entered++ == 0)
        nova_reply(x.again);
}

static void test_reply_semaphore(void)
{
    x.portal = new_portal(handler_on(there), come_again, 0);
    x.again = new_semaphore(1);
    reset();
    root_utcb->items = 0;
    check("reply with a semaphore that is up", nova_call(x.portal, 0), NOVA_SUCCESS);
    check("the call was repeated", x.entered, 2);
    reset();
    caller(0, 2);
    await(&x.entered, 1);
    sleep_ms(5);
    check("reply with a semaphore at 0: the caller sleeps", x.status[0], ~(nova_word)0);
    nova_sm_up(x.again);
    check("woken, it repeats the call", wait_for(x.finished), NOVA_SUCCESS);
    check("once", x.entered, 2);
    check("with SUCCESS", x.status[0], NOVA_SUCCESS);
    reset();
    caller(0, 2);
    await(&x.entered, 1);
    sleep_ms(5);
    drop(x.again, 0);
    check("the semaphore's end wakes the caller", wait_for(x.finished), NOVA_SUCCESS);
    check("with BAD_CAP", x.status[0], NOVA_BAD_CAP);
}

/* ---- messages ---- */

NOVA_PORTAL(echo_there);

static void echo_there_handler(nova_word id, struct nova_utcb *utcb)
{
    (void)id;
    x.entered = nova_typed(utcb->items);
    x.inner_status = nova_item(utcb, 0)->crd;
    for (unsigned i = 0; i < nova_untyped(utcb->items) && i < NOVA_UTCB_WORDS; i++)
        utcb->mr[i] = ~utcb->mr[i];
    utcb->items = nova_items(nova_untyped(utcb->items), 0);
}

static void test_messages(void)
{
    struct nova_thread *handler = handler_on(there);
    nova_word portal = new_portal(handler, echo_there, 0), sm = new_semaphore(3), to = new_selector();
    char name[60];

    for (unsigned words = 1; words <= NOVA_UTCB_WORDS;
         words = words < NOVA_UTCB_WORDS && words * 3 > NOVA_UTCB_WORDS ? NOVA_UTCB_WORDS : words * 3) {
        unsigned wrong = 0;
        for (unsigned i = 0; i < words; i++)
            root_utcb->mr[i] = i * 0x9e3779b1u;
        root_utcb->items = nova_items(words, 0);
        wrong = nova_call(portal, 0) != NOVA_SUCCESS;
        for (unsigned i = 0; i < words; i++)
            wrong += root_utcb->mr[i] != ~(nova_word)(i * 0x9e3779b1u);
        nova_format(name, sizeof(name), "%u words there and back", words);
        check(name, wrong, 0);
    }
    nova_message_windows(handler->utcb, 0, objects(to, 0));
    nova_message_begin(root_utcb);
    nova_message_item(root_utcb, objects(sm, 0), nova_control(NOVA_ITEM_DELEGATE, 0));
    check("call with an item", nova_call(portal, 0), NOVA_SUCCESS);
    check("the item's count arrives", x.entered, 1);
    check("the item's CRD arrives", x.inner_status, objects(to, 0));
    check("the capability is there", nova_sm_down(to, 0, 1), NOVA_SUCCESS);
    nova_message_windows(handler->utcb, 0, 0);
}

/* ---- priority, time ---- */

NOVA_PORTAL(compute);

static void compute_handler(nova_word ms, struct nova_utcb *utcb)
{
    uint64_t end = deadline_ms((unsigned)ms);
    while (nova_tsc() < end)
        nova_pause();
    utcb->items = 0;
}

static void test_priority(void)
{
    static struct spinner spinner;
    nova_word idle = new_selector();
    uint64_t before = 0, after = 0;

    gated_on_other_cpu();
    reset();
    nova_sm_up(x.gate);
    nova_sm_up(x.gate);
    spinner.finished = x.finished;
    thread_on(there, 10, spin, &spinner);
    while (!spinner.count)
        nova_pause();
    caller(0, 11);
    check("a caller above the thread that runs there is served", wait_for(x.finished), NOVA_SUCCESS);
    check("with SUCCESS", x.status[0], NOVA_SUCCESS);
    caller(1, 9);
    sleep_ms(30);
    check("a caller below it is not", x.status[1], ~(nova_word)0);
    spinner.stop = 1;
    check("until that one ends", wait_for(x.finished), NOVA_SUCCESS);
    check("then it is", wait_for(x.finished), NOVA_SUCCESS);
    check("with SUCCESS", x.status[1], NOVA_SUCCESS);

    section("6.sc_ctrl");
    check("take the other CPU's idle SC", nova_take_objects(there, idle, 1), NOVA_SUCCESS);
    check("op 1: time there in calls from elsewhere", nova_sc_time(idle, 1, &before), NOVA_SUCCESS);
    root_utcb->items = 0;
    check("call that computes 20 ms there", nova_call(new_portal(handler_on(there), compute, 20), 0), NOVA_SUCCESS);
    nova_sc_time(idle, 1, &after);
    check_true("op 1 has grown by 20 ms", after - before >= 15000 && after - before < 1000000);
}

void test_cross(void)
{
    if (second_cpu() < 0) {
        remark("one CPU: no checks of two");
        return;
    }
    there = (unsigned)second_cpu();
    x.finished = new_semaphore(0);
    section("7.cross_busy");
    test_busy_callee();
    section("7.cross_abort");
    test_callee_dies();
    section("7.cross_caller_dies");
    test_caller_dies();
    section("7.cross_portal_revoked");
    test_portal_revoked();
    section("7.cross_nested");
    test_nested();
    section("7.cross_reply_semaphore");
    test_reply_semaphore();
    section("7.cross_messages");
    test_messages();
    section("7.cross_priority");
    test_priority();
}
