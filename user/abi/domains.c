/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * abi.md sections 3 and 6 with several protection domains: translation of what came over others, gaps that keep leaves, and the end of a domain
 * whose threads run, wait, call or are in an event.
 */
#include "abi.h"

enum { PAGES = 200, HOPS = 40 };

static struct {
    nova_word portal, go, done, gate, item, control;
    volatile nova_word counts, sent_status, entered, replied;
    struct nova_item arrived;
} d;
static struct nova_thread *receiver;

NOVA_PORTAL(receive_from_child);

static void receive_from_child_handler(nova_word id, struct nova_utcb *utcb)
{
    (void)id;
    d.arrived = *nova_item(utcb, 0);
    utcb->items = 0;
}

/* Sends the item that root has put into `d`, as often as root says so. */
static void child_sender(void *unused)
{
    struct nova_utcb *utcb = nova_self()->utcb;

    (void)unused;
    for (;;) {
        nova_sm_down(d.go, 0, 0);
        nova_message_begin(utcb);
        nova_message_item(utcb, d.item, d.control);
        d.sent_status = nova_call(d.portal, 0);
        nova_sm_up(d.done);
    }
}

/* What root's handler gets for an item that the child sends. */
static nova_word child_sends(nova_word item, nova_word control, nova_word translate, nova_word delegate)
{
    d.item = item;
    d.control = control;
    d.arrived.crd = 0xdead;
    d.sent_status = 0xdead;
    nova_message_windows(receiver->utcb, translate, delegate);
    nova_sm_up(d.go);
    if (wait_for(d.done) || d.sent_status)
        check("call from another PD", d.sent_status, NOVA_SUCCESS);
    return d.arrived.crd;
}

static nova_word without_permissions(nova_word crd) { return crd & ~(nova_word)(NOVA_PERM_ALL << 2); }

static void give(nova_word from, nova_word to, nova_word source, nova_word target, unsigned perm)
{
    grant(from, to, object(source, perm), nova_control(NOVA_ITEM_DELEGATE, target), objects(target, 0));
}

static void test_translate(void)
{
    nova_word sm = new_semaphore(5), first = new_selector(), second = new_selector(), hops = nova_selectors(HOPS, 64), window;
    struct child child = new_child(PAGES, 0);

    receiver = new_handler(boot_cpu);
    d.portal = new_portal(receiver, receive_from_child, 0);
    d.go = new_semaphore(0);
    d.done = new_semaphore(0);
    child_give(&child, d.portal);
    child_give(&child, d.go);
    child_give(&child, d.done);
    nova_create_pd(first, nova_pd, 0, nova_quota(0, 32));
    nova_create_pd(second, nova_pd, 0, nova_quota(0, 32));
    child_start(&child, 2, child_sender, NULL, 0);

    /* root sm -> first 5 -> second 6 -> child 700 */
    give(nova_pd, first, sm, 5, NOVA_PERM_ALL);
    give(first, second, 5, 6, NOVA_SM_UP_PERM);
    give(second, child.pd, 6, 700, NOVA_PERM_ALL);
    check("over three PDs: root's own name", without_permissions(child_sends(objects(700, 0), 0, objects(0, 31), 0)),
          object(sm, 0));
    check("its control word", d.arrived.control, NOVA_ITEM_TRANSLATE);
    check("through a window beside it: nothing", child_sends(objects(700, 0), 0, objects(first, 0), 0), 0);
    check("of a selector that is empty: nothing", child_sends(objects(701, 0), 0, objects(0, 31), 0), 0);
    check("of what root does not know: nothing",
          child_sends(nova_crd(NOVA_CRD_MEM, (nova_word)child.thread->utcb >> NOVA_PAGE_BITS, 0, 7), 0,
                      nova_crd(NOVA_CRD_MEM, 0, 31, NOVA_PERM_ALL), 0),
          0);
    window = (nova_word)nova_image_start >> NOVA_PAGE_BITS;
    check_true("of memory: root's own address",
               nova_crd_type(child_sends(nova_crd(NOVA_CRD_MEM, window, 0, 7), 0, nova_crd(NOVA_CRD_MEM, 0, 31, NOVA_PERM_ALL),
                                         0)) == NOVA_CRD_MEM &&
                   nova_crd_base(d.arrived.crd) <= window &&
                   window < nova_crd_base(d.arrived.crd) + ((nova_word)1 << nova_crd_order(d.arrived.crd)));

    check("keep in the PD in the middle",
          nova_revoke(objects(6, 0), NOVA_REVOKE_SELF | NOVA_REVOKE_REMOTE | NOVA_REVOKE_KEEP, second, 0), NOVA_SUCCESS);
    check("translation skips the gap", without_permissions(child_sends(objects(700, 0), 0, objects(0, 31), 0)), object(sm, 0));
    check("what was given from there is there",
          without_permissions(child_sends(objects(700, 0), NOVA_ITEM_DELEGATE, 0, objects(hops, 0))), object(hops, 0));
    check("with the permissions that were left", object_at(hops), object(hops, NOVA_SM_UP_PERM));
    drop(hops, 0);
    check("revoke above the gap", nova_revoke(objects(5, 0), NOVA_REVOKE_REMOTE, first, 0), NOVA_SUCCESS);
    check("reaches below it", child_sends(objects(700, 0), 0, objects(0, 31), 0), 0);

    /* a long line of names in root; the child gets the last one */
    give(nova_pd, nova_pd, sm, hops, NOVA_PERM_ALL);
    for (unsigned i = 1; i < HOPS; i++)
        give(nova_pd, nova_pd, hops + i - 1, hops + i, NOVA_PERM_ALL);
    give(nova_pd, child.pd, hops + HOPS - 1, 700, NOVA_PERM_ALL);
    check("a far ancestor", without_permissions(child_sends(objects(700, 0), 0, objects(sm, 0), 0)), object(sm, 0));
    check("one in the middle", without_permissions(child_sends(objects(700, 0), 0, objects(hops + HOPS / 2, 0), 0)),
          object(hops + HOPS / 2, 0));
    window = nova_crd_base(child_sends(objects(700, 0), 0, objects(hops, 4), 0));
    check_true("one out of a window of 16", window >= hops && window < hops + 16);
    for (unsigned i = 1; i < HOPS - 1; i++)
        nova_revoke(objects(hops + i, 0), NOVA_REVOKE_SELF | NOVA_REVOKE_KEEP, 0, 0);
    check("all between taken with keep: the far ancestor", without_permissions(child_sends(objects(700, 0), 0, objects(sm, 0), 0)),
          object(sm, 0));
    check("a gap is no name", child_sends(objects(700, 0), 0, objects(hops + HOPS / 2, 0), 0), 0);
    drop(hops, 0);
    check("revoke of the first takes the last", child_sends(objects(700, 0), 0, objects(0, 31), 0), 0);
    child_end(&child);
    drop_wait(first, 0);
    drop_wait(second, 0);
}

/* ---- the end of a domain ---- */

static void child_counter(void *unused)
{
    (void)unused;
    for (;;)
        d.counts++;
}

static void child_waiter(void *unused)
{
    (void)unused;
    d.entered++;
    nova_sm_down(d.gate, 0, 0);
    d.replied = 77;
}

static void child_caller(void *unused)
{
    (void)unused;
    nova_self()->utcb->items = 0;
    nova_call(d.portal, 0);
    d.replied = 77;
}

static void child_faulter(void *unused)
{
    (void)unused;
    touch_read(0x1000);
    d.replied = 77;
}

NOVA_PORTAL(hold);

/* As a portal and as an event's handler: does not answer before the gate opens. */
static void hold_handler(nova_word id, struct nova_utcb *utcb)
{
    (void)id;
    d.entered++;
    nova_sm_down(d.gate, 0, 0);
    utcb->items = 0;
}

static void check_end(const char *what, void (*entry)(void *), nova_word events, unsigned priority)
{
    nova_word limit, before, after_limit, after;
    struct child child;
    char name[100];

    nova_pd_quota_read(nova_pd, &limit, &before);
    child = new_child(PAGES, events);
    child_give(&child, d.portal);
    child_give(&child, d.gate);
    d.entered = d.replied = 0;
    child_start(&child, priority, entry, NULL, 0);
    sleep_ms(15);
    /* the PD's capability first: its threads stop although their ECs still have names */
    drop_wait(child.pd, 0);
    before = d.counts;
    sleep_ms(15);
    nova_format(name, sizeof(name), "a PD destroyed with a thread that %s: it stops", what);
    check(name, d.counts, before);
    nova_sm_up(d.gate);
    sleep_ms(5);
    nova_format(name, sizeof(name), "a PD destroyed with a thread that %s: it does not go on", what);
    check(name, d.replied, 0);
    while (!nova_sm_down(d.gate, 0, 1))
        ;
    child.pd = child.thread->ec;
    drop_wait(child.thread->ec, 2);
    nova_pd_quota_read(nova_pd, &after_limit, &after);
    nova_format(name, sizeof(name), "a PD destroyed with a thread that %s: the quota is back", what);
    check(name, after_limit, limit);
}

static void test_end(void)
{
    struct nova_thread *handler = new_handler(boot_cpu), *event;
    nova_word events = new_events(boot_cpu, &event);

    d.gate = new_semaphore(0);
    d.portal = new_portal(handler, hold, 0);
    drop(events + EVENT_PF, 0);
    nova_portal_create(events + EVENT_PF, nova_pd, new_handler(boot_cpu), NOVA_EVENT_MTD, hold, 0);
    check_end("computes", child_counter, 0, 1);
    check_end("waits", child_waiter, 0, 2);
    check_end("is in a call", child_caller, 0, 2);
    check("its callee had been entered", d.entered, 1);
    nova_sm_up(d.gate);
    root_utcb->items = 0;
    check("its callee serves others", nova_call(d.portal, 0), NOVA_SUCCESS);
    check_end("is in an event", child_faulter, events, 2);
    check("its event's handler had been entered", d.entered, 1);
}

void test_domains(void)
{
    section("3.translate_pds");
    test_translate();
    section("6.end_of_pd");
    test_end();
}
