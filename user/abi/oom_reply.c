/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * abi.md section 9, items of a reply: to a call of a thread in the PD that is short, and to its page fault.
 */
#include "oom.h"

NOVA_PORTAL(feeder);

static void feeder_handler(nova_word id, struct nova_utcb *utcb)
{
    (void)id;
    shortage.feeds++;
    items_make(utcb);
}

/* In the child. */
static void call_feeder(void *unused)
{
    struct nova_utcb *utcb = nova_self()->utcb;

    (void)unused;
    for (;;) {
        nova_sm_down(shortage.go, 0, 0);
        nova_message_windows(utcb, 0, nova_crd(NOVA_CRD_MEM, 0, 31, NOVA_PERM_ALL));
        utcb->items = 0;
        shortage.status = nova_call(shortage.portal, 0);
        items_count(utcb);
        nova_sm_up(shortage.done);
    }
}

static void feed(const char *what, nova_word id, nova_word reason)
{
    char name[120];

    shortage_prepare(id, reason);
    nova_sm_up(shortage.go);
    nova_format(name, sizeof(name), "%s: the call's end", what);
    check(name, wait_for(shortage.done), NOVA_SUCCESS);
    nova_format(name, sizeof(name), "%s: the call", what);
    check(name, shortage.status, NOVA_SUCCESS);
    shortage_check(what);
    nova_format(name, sizeof(name), "%s: the replying handler was entered once", what);
    check(name, shortage.feeds, 1);
    nova_format(name, sizeof(name), "%s: all items arrive", what);
    check(name, shortage.items - shortage.null, ITEMS);
}

void test_oom_reply(struct nova_thread *root_handler)
{
    struct nova_thread *feeding = new_handler(boot_cpu), *known = nova_thread_prepare(NULL, boot_cpu);
    nova_word own = new_selector(), self = new_selector();
    struct child child;

    section("9.reply_items");
    shortage.portal = new_portal(feeding, feeder, 0);
    child = shortage_child(0, call_feeder, shortage.oom);
    feed("reply for a PD that is short", NO_PORTAL, REASON_REPLY);
    child_end(&child);

    /* the replying EC has an out-of-memory portal, too, in the same PD */
    nova_portal_create(own, nova_pd, root_handler, 0, oom_entry, CALLER_OOM_ID);
    thread_oom_set(known, own);
    nova_handler_create(known, nova_pd, 0);
    shortage.portal = new_portal(known, feeder, 0);
    child = shortage_child(0, call_feeder, shortage.oom);
    feed("reply of an EC whose handler lives in the same PD", CALLER_OOM_ID, REASON_REPLY);
    child_end(&child);

    section("9.reply_self");
    feeding = new_handler(boot_cpu);
    shortage.portal = new_portal(feeding, feeder, 0);
    nova_portal_create(self, nova_pd, feeding, 0, oom_entry, OOM_ID);
    child = shortage_child(0, call_feeder, self);
    feed("the handler is the replying EC", NO_PORTAL, REASON_REPLY | REASON_SELF);
    child_end(&child);

    section("9.reply_items");
    shortage.portal = new_portal(new_handler(boot_cpu), feeder, 0);
    child = shortage_child(0, call_feeder, 0);
    shortage_prepare(0, 0);
    nova_sm_up(shortage.go);
    check("receiver without an out-of-memory portal: its end", wait_for(shortage.done), NOVA_SUCCESS);
    check("receiver without an out-of-memory portal: QUO_OOM", shortage.status, NOVA_QUO_OOM);
    check("nobody is told", shortage.count, 0);
    child_end(&child);
}

/* ---- items of a reply to an event ---- */

NOVA_PORTAL(short_pager);

static void short_pager_handler(nova_word id, struct nova_utcb *utcb)
{
    (void)id;
    shortage.feeds++;
    items_make(utcb);
    utcb->items |= nova_items(4, 0);
    utcb->mr[0] = 0; /* mtd */
}

static void fault(void *unused)
{
    (void)unused;
    for (;;) {
        nova_sm_down(shortage.go, 0, 0);
        shortage.status = *(volatile nova_word *)(shortage.target << NOVA_PAGE_BITS);
        nova_sm_up(shortage.done);
    }
}

void test_oom_event(void)
{
    struct nova_thread *pager = new_handler(boot_cpu);
    nova_word events = new_events(boot_cpu, NULL);
    struct child child;

    section("9.event_items");
    drop(events + EVENT_PF, 0);
    nova_portal_create(events + EVENT_PF, nova_pd, pager, NOVA_MTD_QUAL | NOVA_MTD_IP, short_pager, 0);
    *(volatile nova_word *)shortage.page = 0x600d;
    child = shortage_child(events, fault, shortage.oom);
    shortage_prepare(NO_PORTAL, REASON_REPLY);
    nova_sm_up(shortage.go);
    check("a pager's reply for a PD that is short: the thread goes on", wait_for(shortage.done), NOVA_SUCCESS);
    check("with the page", shortage.status, 0x600d);
    shortage_check("a pager's reply");
    check("with one fault", shortage.feeds, 1);
    child_end(&child);

    child = shortage_child(events, fault, 0);
    shortage_prepare(0, 0);
    nova_sm_up(shortage.go);
    sleep_ms(20);
    check("receiver without an out-of-memory portal: it is killed", shortage.status, 0xdead);
    check("nobody is told", shortage.count, 0);
    root_utcb->items = 0;
    child_end(&child);
}
