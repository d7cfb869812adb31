/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * abi.md sections 5 to 7: rules about threads in events that take a thread, a handler and a gate where it can be held: handlers that are busy or die, recall in all
 * places, replies with a semaphore. Threads have a higher priority than the root EC: they have done what they can when it goes on.
 */
#include "abi.h"

enum { EVENTS = 32 };

static struct {
    struct nova_thread *handler;
    nova_word base, gate, finished, portal, page, semaphore;
    void (*volatile action)(nova_word vector, struct nova_utcb *utcb);
    volatile nova_word events, recalls, ip, sp, status, entered, ended;
    nova_word sps[4];
} r;

NOVA_PORTAL(rules_event);

static void rules_event_handler(nova_word vector, struct nova_utcb *utcb)
{
    r.ip = utcb->state.ip;
    r.sp = utcb->state.sp;
    utcb->items = 0;
    utcb->state.mtd = 0;
    if (vector == NOVA_EVENT_STARTUP) {
        utcb->state.ip = (nova_word)nova_thread_enter;
        utcb->state.mtd = NOVA_MTD_IP;
    } else if (vector == NOVA_EVENT_RECALL) {
        r.recalls++;
    } else {
        r.events++;
        r.action(vector, utcb);
    }
}

/* A new handler and an event base whose #UD, #PF, startup and recall it serves. */
static void events_begin(void (*action)(nova_word, struct nova_utcb *))
{
    static const unsigned events[] = {EVENT_UD, EVENT_PF, NOVA_EVENT_STARTUP, NOVA_EVENT_RECALL};
    r.handler = new_handler(boot_cpu);
    r.base = nova_selectors(EVENTS, EVENTS);
    for (unsigned i = 0; i < sizeof(events) / sizeof(*events); i++)
        nova_portal_create(r.base + events[i], nova_pd, r.handler, NOVA_EVENT_MTD, rules_event, events[i]);
    r.action = action;
    r.events = r.recalls = r.entered = r.ended = 0;
    r.status = ~(nova_word)0;
}

static struct nova_thread *start(void (*entry)(void *), void *argument)
{
    struct nova_thread *thread = nova_thread_prepare(NULL, boot_cpu);
    check("start of a thread", nova_thread_start(thread, r.base, 2, BOOT_QUANTUM, entry, argument), NOVA_SUCCESS);
    return thread;
}

static void raise_undefined(void *unused)
{
    (void)unused;
    __asm__ volatile("ud2");
    r.ended++;
    nova_sm_up(r.finished);
}

static void raise_page_fault(void *address)
{
    *(volatile nova_word *)address;
    r.ended++;
    nova_sm_up(r.finished);
}

static void wait_and_step_over(nova_word vector, struct nova_utcb *utcb)
{
    nova_sm_down(r.gate, 0, 0);
    step_over(vector, utcb);
}

/* ---- handlers that are busy, or die ---- */

static void test_busy_handler(void)
{
    events_begin(wait_and_step_over);
    start(raise_undefined, NULL);
    start(raise_undefined, NULL);
    check("one event is served", r.events, 1);
    nova_sm_up(r.gate);
    check("a thread whose handler was waited for goes on", wait_for(r.finished), NOVA_SUCCESS);
    nova_sm_up(r.gate);
    check("so does the one whose handler was busy", wait_for(r.finished), NOVA_SUCCESS);
    check("with one event each", r.events, 2);
}

NOVA_PORTAL(faulting);

static void faulting_handler(nova_word id, struct nova_utcb *utcb)
{
    (void)id;
    r.entered++;
    __asm__ volatile("ud2");
    utcb->items = 0;
}

static void call_portal(void *unused)
{
    (void)unused;
    nova_self()->utcb->items = 0;
    r.status = nova_call(r.portal, 0);
    nova_sm_up(r.finished);
}

static void test_dying_handler(void)
{
    struct nova_thread *thread, *callee = nova_thread_prepare(NULL, boot_cpu);

    events_begin(wait_and_step_over);
    thread = start(raise_undefined, NULL);
    check("its handler is in the event", r.events, 1);
    drop(r.handler->ec, 0);
    sleep_ms(2);
    check("the handler dies before it replies: the thread does not go on", r.ended, 0);
    check("its UTCB is gone", probe(touch_read, (nova_word)thread->utcb), EVENT_PF);

    events_begin(wait_and_step_over);
    check("a callee with this handler for its events", nova_handler_create(callee, nova_pd, r.base), NOVA_SUCCESS);
    r.portal = new_portal(callee, faulting, 0);
    thread_on(boot_cpu, 2, call_portal, NULL);
    check("the callee is in its event", r.events, 1);
    drop(r.handler->ec, 0);
    check("the caller of the callee that is killed goes on", wait_for(r.finished), NOVA_SUCCESS);
    check("with COM_ABT", r.status, NOVA_COM_ABT);
}

/* ---- recall ---- */

NOVA_PORTAL(waiting);

static void waiting_handler(nova_word id, struct nova_utcb *utcb)
{
    (void)id;
    r.entered++;
    nova_sm_down(r.gate, 0, 0);
    r.ended = r.recalls;
    utcb->items = 0;
}

static void test_recall(void)
{
    struct nova_thread *thread, *callee = nova_thread_prepare(NULL, boot_cpu);

    events_begin(wait_and_step_over);
    thread = start(raise_undefined, NULL);
    root_utcb->state.qual[0] = 77;
    check("recall with state of a thread in an exception", nova_ec_recall(thread->ec, 1), NOVA_SUCCESS);
    check("it is inside an exception portal call", (nova_word)root_utcb->state.qual[0], 1);
    check("its IP is that of the event", root_utcb->state.ip, r.ip);
    check("its SP, too", root_utcb->state.sp, r.sp);
    nova_sm_up(r.gate);
    check("it goes on", wait_for(r.finished), NOVA_SUCCESS);
    check("with the recall after the event", r.recalls, 1);

    events_begin(wait_and_step_over);
    r.page = free_range(0);
    thread = start(raise_page_fault, (void *)r.page);
    root_utcb->state.qual[0] = 77;
    check("recall with state of a thread in a page fault", nova_ec_recall(thread->ec, 1), NOVA_SUCCESS);
    check("a page fault is no exception in that sense", (nova_word)root_utcb->state.qual[0], 0);
    drop_wait(thread->ec, 2);
    nova_sm_up(r.gate);

    events_begin(step_over);
    check("a callee with its own events", nova_handler_create(callee, nova_pd, r.base), NOVA_SUCCESS);
    r.portal = new_portal(callee, waiting, 0);
    while (!nova_sm_down(r.gate, 0, 1)) {}
    thread_on(boot_cpu, 2, call_portal, NULL);
    check("recall of a local EC in a call", nova_ec_recall(callee->ec, 0), NOVA_SUCCESS);
    check("pending while it waits", r.recalls, 0);
    nova_sm_up(r.gate);
    check("the call ends", wait_for(r.finished), NOVA_SUCCESS);
    check("with SUCCESS", r.status, NOVA_SUCCESS);
    check("the recall came before the callee ran on", r.ended, 1);
}

/* ---- replies ---- */

static void step_over_and_sleep(nova_word vector, struct nova_utcb *utcb)
{
    step_over(vector, utcb);
    nova_reply(r.semaphore);
}

static void test_reply_semaphore(void)
{
    r.semaphore = new_semaphore(0);
    events_begin(step_over_and_sleep);
    start(raise_undefined, NULL);
    check("event reply with a semaphore: the thread sleeps", r.ended, 0);
    nova_sm_up(r.semaphore);
    check("woken, it goes on", wait_for(r.finished), NOVA_SUCCESS);
    check("with the state of the reply: no other event", r.events, 1);
    nova_sm_up(r.semaphore);
    start(raise_undefined, NULL);
    check("with the semaphore up it goes on at once", wait_for(r.finished), NOVA_SUCCESS);
    check("and has taken it", nova_sm_down(r.semaphore, 0, 1), NOVA_COM_TIM);
    r.ended = 0;
    start(raise_undefined, NULL);
    check("asleep again", r.ended, 0);
    drop_wait(r.semaphore, 0);
    check("the semaphore's end: it just goes on", wait_for(r.finished), NOVA_SUCCESS);
    check("one event each", r.events, 3);
}

NOVA_PORTAL(lower);

/* Replies with a stack pointer that is 256 bytes lower each time. */
static void lower_handler(nova_word id, struct nova_utcb *utcb)
{
    (void)id;
    utcb->items = 0;
    r.sps[r.entered % 4] = (nova_word)__builtin_frame_address(0);
    r.entered++;
    struct nova_thread *self = nova_self(), *place = (struct nova_thread *)((char *)self - 256 * r.entered);
    place->utcb = self->utcb; /* where the entry code expects it */
    nova_reply_at(place, nova_arg1(NOVA_REPLY, 0, 0));
}

static void test_stack_pointer(void)
{
    nova_word portal = new_portal(new_handler(boot_cpu), lower, 0);

    r.entered = 0;
    for (unsigned i = 0; i < 3; i++) {
        root_utcb->items = 0;
        nova_call(portal, 0);
    }
    check("the callee is entered", r.entered, 3);
    check("the second time with the SP of its reply", r.sps[0] - r.sps[1], 256);
    check("the third time, too", r.sps[1] - r.sps[2], 256);
}

static void map_four(nova_word vector, struct nova_utcb *utcb)
{
    (void)vector;
    utcb->state.mtd = 0;
    nova_message_item(utcb, nova_crd(NOVA_CRD_MEM, r.page >> NOVA_PAGE_BITS, 2, NOVA_MEM_RW),
                      nova_control(NOVA_ITEM_DELEGATE, (nova_word)utcb->state.qual[1] >> NOVA_PAGE_BITS));
}

static void read_four(void *address)
{
    for (unsigned i = 0; i < 4; i++)
        r.entered += ((volatile nova_word *)address)[i * NOVA_PAGE_SIZE / sizeof(nova_word)];
    r.ended++;
    nova_sm_up(r.finished);
}

static void test_pager(void)
{
    r.page = (nova_word)nova_allocate(4 * NOVA_PAGE_SIZE, 4 * NOVA_PAGE_SIZE);
    for (unsigned i = 0; i < 4; i++)
        *(volatile nova_word *)(r.page + i * NOVA_PAGE_SIZE) = 1 + i;
    events_begin(map_four);
    start(read_four, (void *)free_range(2));
    check("a pager that maps four pages at once", wait_for(r.finished), NOVA_SUCCESS);
    check("one fault", r.events, 1);
    check("the four pages, in their order", r.entered, 10);
}

/* ---- semaphores, help ---- */

static volatile nova_word down_value, down_count;

static void wait_for_signal(void *unused)
{
    struct nova_args args = {0, 0, 0, 0};
    (void)unused;
    r.status = nova_hypercall_args(nova_arg1(NOVA_SM_CTRL, NOVA_SM_DOWN, r.semaphore), &args);
    down_value = args.a2;
    down_count = args.a3;
    nova_sm_up(r.finished);
}

static void test_semaphores(void)
{
    nova_word signal = new_selector(), weak = new_selector();

    r.semaphore = new_semaphore(0);
    check("a chained semaphore", nova_create_sm_chained(signal, nova_pd, 0x5151, r.semaphore), NOVA_SUCCESS);
    thread_on(boot_cpu, 2, wait_for_signal, NULL);
    nova_sm_up(signal);
    check("its up wakes who waits for the target", wait_for(r.finished), NOVA_SUCCESS);
    check("with SUCCESS", r.status, NOVA_SUCCESS);
    check("with its value", down_value, 0x5151);
    check("and count", down_count, 1);
    grant(nova_pd, nova_pd, object(r.semaphore, NOVA_SM_DOWN_PERM), nova_control(NOVA_ITEM_DELEGATE, 0), objects(weak, 0));
    check("revoke with a semaphore without the up permission", nova_revoke(objects(signal, 0), 0, 0, weak), NOVA_BAD_CAP);
    check("nothing was revoked", nova_sm_up(signal), NOVA_SUCCESS);
}

static struct child child;

static void sleep_in_child(void *unused)
{
    (void)unused;
    nova_sm_up(r.finished);
    nova_sm_down(r.gate, 0, 0);
}

static void test_help(void)
{
    events_begin(step_over);
    child = new_child(60, r.base);
    child_give(&child, r.finished);
    child_give(&child, r.gate);
    child_start(&child, 2, sleep_in_child, NULL, 0);
    check("a thread of another PD", wait_for(r.finished), NOVA_SUCCESS);
    check("help of it", nova_ec_help(child.thread->ec, 0), NOVA_BAD_PAR);
    child_end(&child);
    check("help of oneself", nova_ec_help(nova_hip->sel_exc + NOVA_ROOT_EC, root_utcb->tls), NOVA_BAD_PAR);
}

void test_rules(void)
{
    r.gate = new_semaphore(0);
    r.finished = new_semaphore(0);
    section("5.busy_handler");
    test_busy_handler();
    section("5.dying_handler");
    test_dying_handler();
    section("6.ec_ctrl_recall");
    test_recall();
    section("7.event_reply_semaphore");
    test_reply_semaphore();
    section("7.stack_pointer");
    test_stack_pointer();
    section("5.pager");
    test_pager();
    section("6.sm_chained");
    test_semaphores();
    section("6.ec_ctrl_help");
    test_help();
}
