/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * abi.md sections 5 and 6 with two CPUs: recall of a thread that runs on another CPU, events whose handler is elsewhere, help of a thread that is.
 */
#include "abi.h"

static unsigned there; /* the other CPU */

static volatile nova_word recalls, recall_sp;
static nova_word recall_gate;

NOVA_PORTAL(recall_there);

static void recall_there_handler(nova_word id, struct nova_utcb *utcb)
{
    (void)id;
    recall_sp = utcb->state.sp;
    recalls++;
    if (recall_gate)
        nova_sm_down(recall_gate, 0, 0);
    utcb->state.mtd = 0;
    utcb->items = 0;
}

static void test_recall(void)
{
    static struct spinner spinner;
    struct nova_thread *handler, *thread = nova_thread_prepare(NULL, there);
    nova_word base = new_events(there, &handler), before;
    enum nova_status status;

    nova_portal_create(base + NOVA_EVENT_RECALL, nova_pd, handler, NOVA_EVENT_MTD, recall_there, 0);
    spinner.finished = new_semaphore(0);
    nova_thread_start(thread, base, 2, BOOT_QUANTUM, spin, &spinner);
    while (!spinner.count)
        nova_pause();
    check("recall of a running thread with its state", nova_ec_recall(thread->ec, 1), NOVA_COM_TIM);
    await(&recalls, 1);
    check("the recall comes", recalls, 1);
    before = spinner.count;
    for (uint64_t end = deadline_ms(PATIENCE_MS); spinner.count == before && nova_tsc() < end;)
        sleep_ms(1);
    check_true("and the thread goes on", spinner.count != before);
    recall_gate = new_semaphore(0);
    check_true("recall of a running thread", nova_ec_recall(thread->ec, 0) <= NOVA_COM_TIM);
    await(&recalls, 2);
    status = nova_ec_recall(thread->ec, 1);
    check("state of a thread in its recall event", status, NOVA_SUCCESS);
    check("SP is what the event says", root_utcb->state.sp, recall_sp);
    check("a recall is no exception", (nova_word)root_utcb->state.qual[0], 0);
    before = spinner.count;
    sleep_ms(5);
    check("it stands still meanwhile", spinner.count, before);
    nova_sm_up(recall_gate);
    nova_sm_up(recall_gate);
    nova_sm_up(recall_gate);
    spinner.stop = 1;
    check("then it gets to its end", wait_for(spinner.finished), NOVA_SUCCESS);
}

static volatile nova_word wrong_handler;

NOVA_PORTAL(never_called);

static void never_called_handler(nova_word id, struct nova_utcb *utcb)
{
    (void)id;
    wrong_handler++;
    utcb->state.mtd = 0;
}

NOVA_PORTAL(crash_there);

static void crash_there_handler(nova_word id, struct nova_utcb *utcb)
{
    (void)id;
    (void)utcb;
    __asm__ volatile("ud2");
}

static void test_event_elsewhere(void)
{
    struct nova_thread *handler = nova_thread_prepare(NULL, there);
    nova_word base = nova_selectors(32, 32), portal;

    /* the portal for #UD leads to this CPU: no handler for what happens there (killed, with a line in the log) */
    nova_portal_create(base + EVENT_UD, nova_pd, new_handler(boot_cpu), NOVA_EVENT_MTD, never_called, 0);
    check("handler with an event portal of this CPU", nova_handler_create(handler, nova_pd, base), NOVA_SUCCESS);
    portal = new_portal(handler, crash_there, 0);
    root_utcb->items = 0;
    check("its exception kills it: COM_ABT", nova_call(portal, 0), NOVA_COM_ABT);
    check("nobody was asked", wrong_handler, 0);
    check("call of what is dead", nova_call(portal, 0), NOVA_COM_TIM);
}

static void test_help(void)
{
    static struct spinner spinner;
    struct nova_thread *thread;

    spinner.finished = new_semaphore(0);
    thread = thread_on(there, 2, spin, &spinner);
    thread->utcb->tls = 0;
    check("help of an EC on another CPU", nova_ec_help(thread->ec, 0), NOVA_BAD_CPU);
    spinner.stop = 1;
    wait_for(spinner.finished);
}

void test_cross_events(void)
{
    if (second_cpu() < 0)
        return;
    there = (unsigned)second_cpu();
    section("6.ec_ctrl_recall");
    test_recall();
    section("5.event_other_cpu");
    test_event_elsewhere();
    section("6.ec_ctrl_help");
    test_help();
}
