/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * abi.md section 9, items of a call: the callee's out-of-memory portal is told, also if caller, callee or its handler are on different CPUs. The callees are handlers of
 * this program in the PD that is short.
 */
#include "oom.h"

NOVA_PORTAL(sink);

/* Runs in the child. */
static void sink_handler(nova_word id, struct nova_utcb *utcb)
{
    (void)id;
    shortage.calls++;
    items_count(utcb);
    nova_message_windows(utcb, 0, nova_crd(NOVA_CRD_MEM, 0, 31, NOVA_PERM_ALL));
    utcb->items = 0;
}

/* A handler in the child, and a portal to it; oom: its out-of-memory portal, or 0. */
static nova_word sink_create(unsigned cpu, nova_word oom)
{
    struct nova_thread *thread = nova_thread_prepare(NULL, cpu);
    nova_word portal = new_selector();
    enum nova_status status = thread_lend(shortage.pd, thread, oom);

    if (!status)
        status = nova_create_ec(thread->ec, shortage.pd, cpu, (nova_word)thread->utcb, (nova_word)thread, 0, 0);
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
    items_make(utcb);
    shortage.status = nova_call(shortage.portal, 0);
    nova_sm_up(shortage.done);
}

/* A thread of root's that has an out-of-memory portal itself sends the items. */
static void send_from(const char *what, nova_word own_oom, nova_word id)
{
    struct nova_thread *thread = nova_thread_prepare(NULL, boot_cpu);
    char name[120];

    shortage_prepare(id, REASON_CALL);
    thread_oom_set(thread, own_oom);
    nova_thread_start(thread, 0, 2, BOOT_QUANTUM, send_items, NULL);
    nova_format(name, sizeof(name), "%s: the caller's end", what);
    check(name, wait_for(shortage.done), NOVA_SUCCESS);
    shortage_check(what);
    nova_format(name, sizeof(name), "%s: the call", what);
    check(name, shortage.status, NOVA_SUCCESS);
    drop_wait(thread->ec, 2);
}

void test_oom_call(struct nova_thread *root_handler)
{
    nova_word with, without, caller_oom = new_selector(), elsewhere = new_selector();
    struct nova_thread *sink_thread;

    section("9.call_items");
    with = sink_create(boot_cpu, shortage.oom);
    shortage_prepare(NO_PORTAL, REASON_CALL);
    items_make(root_utcb);
    check("items for a PD that is short: the call", nova_call(with, 0), NOVA_SUCCESS);
    shortage_check("caller without an out-of-memory portal");
    check("the callee was entered once", shortage.calls, 1);
    check("with all items", shortage.items, ITEMS);
    check("none of them null", shortage.null, 0);

    shortage.portal = with;
    nova_portal_create(caller_oom, nova_pd, root_handler, 0, oom_entry, CALLER_OOM_ID);
    send_from("caller whose handler lives in the same PD", caller_oom, CALLER_OOM_ID);
    sink_thread = nova_thread_prepare(NULL, boot_cpu);
    nova_pd_quota_move(nova_pd, shortage.pd, GIFT);
    check("a handler's EC in the child",
          nova_create_ec(sink_thread->ec, shortage.pd, boot_cpu, (nova_word)sink_thread->utcb, 0, 0, 0), NOVA_SUCCESS);
    nova_portal_create(elsewhere, nova_pd, sink_thread, 0, oom_entry, ELSEWHERE_ID);
    send_from("caller whose handler lives in another PD", elsewhere, 0);

    nova_pd_quota_move(nova_pd, shortage.pd, GIFT);
    without = sink_create(boot_cpu, 0);
    shortage_prepare(0, 0);
    items_make(root_utcb);
    check("callee without an out-of-memory portal: QUO_OOM", nova_call(without, 0), NOVA_QUO_OOM);
    check("nobody is told", shortage.count, 0);
    check("the callee is not entered", shortage.calls, 0);
    nova_pd_quota_move(nova_pd, shortage.pd, GIFT);
    items_make(root_utcb);
    check("with more quota it works", nova_call(without, 0), NOVA_SUCCESS);
    check("with all items", shortage.items - shortage.null, ITEMS);
}

void test_oom_cross(void)
{
    struct child child;
    nova_word far_oom = new_selector(), with;
    unsigned cpu;

    if (second_cpu() < 0)
        return;
    cpu = (unsigned)second_cpu();
    section("9.cross_cpu");
    child = new_child(PAGES, 0);
    shortage.pd = child.pd;
    nova_portal_create(far_oom, nova_pd, handler_on(cpu), 0, oom_entry, OOM_ID);
    with = sink_create(boot_cpu, far_oom);
    shortage_prepare(NO_PORTAL, REASON_CALL);
    items_make(root_utcb);
    check("handler on another CPU: the call", nova_call(with, 0), NOVA_SUCCESS);
    shortage_check("handler on another CPU");
    check("the callee was entered once", shortage.calls, 1);
    check("all items arrive", shortage.items - shortage.null, ITEMS);
    with = sink_create(cpu, shortage.oom);
    shortage_prepare(NO_PORTAL, REASON_CALL);
    items_make(root_utcb);
    check("callee on another CPU: the call", nova_call(with, 0), NOVA_SUCCESS);
    shortage_check("callee on another CPU");
    check("all items arrive", shortage.items - shortage.null, ITEMS);
    nova_message_begin(root_utcb);
    child_end(&child);
}
