/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * abi.md section 3 on objects: typed items in messages (delegate, translate, windows, hotspots, permission masks) and revoke.
 * The receiver is a handler of this PD that hands back what arrived in its UTCB.
 */
#include "abi.h"

enum { ITEMS = 4 };
static struct nova_thread *receiver;
static nova_word receive;
static struct nova_item arrived[ITEMS];
static unsigned arrived_items;

NOVA_PORTAL(receive_items);

static void receive_items_handler(nova_word id, struct nova_utcb *utcb)
{
    (void)id;
    arrived_items = nova_typed(utcb->items);
    for (unsigned i = 0; i < ITEMS; i++)
        arrived[i] = *nova_item(utcb, i);
    utcb->items = 0;
}

/* Sends one item through the two windows; the resulting CRD. */
static nova_word send(nova_word crd, nova_word control, nova_word translate, nova_word delegate)
{
    enum nova_status status;

    arrived[0] = (struct nova_item){0xdead, 0xdead};
    nova_message_windows(receiver->utcb, translate, delegate);
    nova_message_begin(root_utcb);
    nova_message_item(root_utcb, crd, control);
    status = nova_call(receive, 0);
    if (status)
        check("call with an item", status, NOVA_SUCCESS);
    return arrived[0].crd;
}

static nova_word send_delegate(nova_word crd, nova_word hotspot, nova_word window)
{
    return send(crd, nova_control(NOVA_ITEM_DELEGATE, hotspot), 0, window);
}

static void revoke_self(nova_word crd) { nova_revoke(crd, NOVA_REVOKE_SELF, 0, 0); }

/* ---- delegate ---- */

static void test_delegate(void)
{
    nova_word sm = new_semaphore(0), to = new_selector(), weak = new_selector();

    check("delegate: result", send_delegate(objects(sm, 0), 0, objects(to, 0)), objects(to, 0));
    check("delegate: the count of items arrives", arrived_items, 1);
    check("delegate: the capability is there", object_at(to), object(to, NOVA_SM_ALL));
    check("delegate: it is the same object", (nova_sm_up(to), nova_sm_down(sm, 0, 1)), NOVA_SUCCESS);
    revoke_self(objects(to, 0));

    check("delegate with an item mask: result", send_delegate(object(sm, NOVA_SM_UP_PERM), 0, objects(to, 0)),
          object(to, NOVA_SM_UP_PERM));
    check("delegate with an item mask: permissions", object_at(to), object(to, NOVA_SM_UP_PERM));
    check("delegate on what has less: result names the masks", send_delegate(objects(to, 0), 0, objects(weak, 0)),
          objects(weak, 0));
    check("delegate on what has less: permissions", object_at(weak), object(weak, NOVA_SM_UP_PERM));
    revoke_self(objects(to, 0));
    check("delegated on: gone with its source", object_at(weak), 0);
    check("delegate with a window mask: result", send_delegate(objects(sm, 0), 0, object(to, NOVA_SM_DOWN_PERM)),
          object(to, NOVA_SM_DOWN_PERM));
    check("delegate with a window mask: permissions", object_at(to), object(to, NOVA_SM_DOWN_PERM));
    revoke_self(objects(to, 0));

    check("delegate with masks that do not meet", send_delegate(object(sm, NOVA_SM_UP_PERM), 0, object(to, NOVA_SM_DOWN_PERM)), 0);
    check("delegate with an empty mask", send_delegate(object(sm, 0), 0, objects(to, 0)), 0);
    check("delegate through a null window", send_delegate(objects(sm, 0), 0, 0), 0);
    check("delegate a null item", send_delegate(0, 0, objects(to, 0)), 0);
    check("delegate memory through an object window", send_delegate(nova_crd(NOVA_CRD_MEM, 1, 0, 7), 0, objects(to, 0)), 0);
    check("delegate objects through a memory window",
          send_delegate(objects(sm, 0), 0, nova_crd(NOVA_CRD_MEM, to, 0, NOVA_PERM_ALL)), 0);
    check("item of kind 3", send(objects(sm, 0), NOVA_ITEM_INVALID, objects(0, 31), objects(to, 0)), 0);
    check("none of these left anything", object_at(to), 0);

    check("delegate from an empty selector names the range", send_delegate(objects(weak, 0), 0, objects(to, 0)), objects(to, 0));
    check("but there is nothing", object_at(to), 0);
}

static void test_control(void)
{
    nova_word sm = new_semaphore(0), to = new_selector();

    send(objects(sm, 0), nova_control(NOVA_ITEM_DELEGATE, 0x1234), 0, objects(to, 0));
    check("control word arrives without its hotspot", arrived[0].control, NOVA_ITEM_DELEGATE);
    revoke_self(objects(to, 0));
    send(objects(sm, 0), nova_control(NOVA_ITEM_DELEGATE | NOVA_ITEM_DEVICE | NOVA_ITEM_GUEST, 0), 0, objects(to, 0));
    check("control word arrives with its flags", arrived[0].control, NOVA_ITEM_DELEGATE | NOVA_ITEM_DEVICE | NOVA_ITEM_GUEST);
    revoke_self(objects(to, 0));
    send(objects(sm, 0), nova_control(NOVA_ITEM_TRANSLATE, 7), objects(0, 31), 0);
    check("control word of a translation", arrived[0].control, NOVA_ITEM_TRANSLATE);
}

static void test_several_orders(void)
{
    nova_word from = nova_selectors(8, 8), window = nova_selectors(16, 16), single = new_selector();

    for (unsigned i = 0; i < 8; i++)
        if (i != 3)
            nova_create_sm(from + i, nova_pd, i);
    check("larger window: the hotspot is the position", send_delegate(objects(from, 0), window + 5, objects(window, 4)),
          objects(window + 5, 0));
    check("larger window: the capability is there", object_at(window + 5), object(window + 5, NOVA_SM_ALL));
    revoke_self(objects(window, 4));
    check("larger window: hotspot bits outside of it do not count", send_delegate(objects(from, 0), 0x7f0 | 9, objects(window, 4)),
          objects(window + 9, 0));
    revoke_self(objects(window, 4));
    check("larger window: order 3 at an aligned position", send_delegate(objects(from, 3), window + 8, objects(window, 4)),
          objects(window + 8, 3));
    check("larger window: first", object_at(window + 8), object(window + 8, NOVA_SM_ALL));
    check("larger window: a hole stays one", object_at(window + 11), 0);
    check("larger window: last", object_at(window + 15), object(window + 15, NOVA_SM_ALL));
    check("larger window: nothing elsewhere", object_at(window + 7), 0);
    revoke_self(objects(window, 4));

    check("larger item: the hotspot selects", send_delegate(objects(from, 3), from + 6, objects(single, 0)), objects(single, 0));
    check("larger item: the selected one", (nova_sm_down(single, NOVA_SM_ZERO, 1), nova_sm_down(from + 6, 0, 1)), NOVA_COM_TIM);
    check("larger item: not another one", nova_sm_down(from + 7, 0, 1), NOVA_SUCCESS);
    revoke_self(objects(single, 0));

    nova_create_sm(window + 2, nova_pd, 77);
    send_delegate(objects(from, 3), 0, objects(window, 3));
    check("occupied place keeps what it has", nova_sm_down(window + 2, NOVA_SM_ZERO, 1), NOVA_SUCCESS);
    check("its neighbour before is filled", object_at(window + 1), object(window + 1, NOVA_SM_ALL));
    check("its neighbour behind is filled", object_at(window + 4), object(window + 4, NOVA_SM_ALL));
    nova_revoke(objects(from, 3), 0, 0, 0);
    check("revoke of the range takes the neighbours", object_at(window + 1) | object_at(window + 4), 0);
    check("and not the occupant", object_at(window + 2), object(window + 2, NOVA_SM_ALL));
    revoke_self(objects(window, 4));
    revoke_self(objects(from, 3));
}

static void test_several(void)
{
    nova_word sm[3] = {new_semaphore(1), new_semaphore(2), new_semaphore(3)}, window = nova_selectors(4, 4);

    nova_message_windows(receiver->utcb, objects(0, 31), objects(window, 2));
    nova_message_begin(root_utcb);
    nova_message_word(root_utcb, 42);
    nova_message_item(root_utcb, objects(sm[0], 0), nova_control(NOVA_ITEM_DELEGATE, 2));
    nova_message_item(root_utcb, objects(sm[1], 0), nova_control(NOVA_ITEM_TRANSLATE, 0));
    nova_message_item(root_utcb, objects(sm[2], 0), nova_control(NOVA_ITEM_DELEGATE, 1));
    check("call with a word and three items", nova_call(receive, 0), NOVA_SUCCESS);
    check("three items arrive", arrived_items, 3);
    check("first item", arrived[0].crd, objects(window + 2, 0));
    check("second item", arrived[1].crd, object(sm[1], NOVA_SM_ALL));
    check("third item", arrived[2].crd, objects(window + 1, 0));
    revoke_self(objects(window, 2));

    nova_message_begin(root_utcb);
    nova_message_item(root_utcb, objects(sm[0], 0), nova_control(NOVA_ITEM_DELEGATE, 0));
    nova_message_item(root_utcb, objects(sm[1], 0), nova_control(NOVA_ITEM_DELEGATE, 3));
    check("misc delegate of two items", nova_delegate(nova_pd, nova_pd, objects(window, 2)), NOVA_SUCCESS);
    check("first is there", object_at(window), object(window, NOVA_SM_ALL));
    check("second is there", object_at(window + 3), object(window + 3, NOVA_SM_ALL));
    revoke_self(objects(window, 2));
}

/* A reply's items go through the caller's windows. */
static nova_word reply_item;

NOVA_PORTAL(send_back);

static void send_back_handler(nova_word id, struct nova_utcb *utcb)
{
    (void)id;
    nova_message_begin(utcb);
    nova_message_item(utcb, objects(reply_item, 0), nova_control(NOVA_ITEM_DELEGATE, 0));
}

static void test_reply(void)
{
    nova_word portal = new_portal(new_handler(boot_cpu), send_back, 0), to = new_selector();

    reply_item = new_semaphore(0);
    nova_message_begin(root_utcb);
    nova_message_windows(root_utcb, 0, objects(to, 0));
    check("call that is answered with an item", nova_call(portal, 0), NOVA_SUCCESS);
    check("the reply's count of items", root_utcb->items, nova_items(0, 1));
    check("the reply's item", nova_item(root_utcb, 0)->crd, objects(to, 0));
    check("the capability is there", object_at(to), object(to, NOVA_SM_ALL));
    revoke_self(objects(to, 0));
    nova_message_windows(root_utcb, 0, 0);
    nova_message_begin(root_utcb);
    nova_call(portal, 0);
    check("the reply's item without a window", nova_item(root_utcb, 0)->crd, 0);
    check("leaves nothing", object_at(to), 0);
}

/* ---- translate ---- */

static void test_translate(void)
{
    nova_word sm = new_semaphore(0), child = new_selector(), grandchild = new_selector(), to = new_selector();

    check("translate in one PD: the item itself", send(objects(sm, 0), 0, objects(0, 31), 0), object(sm, NOVA_SM_ALL));
    check("translate through a null window", send(objects(sm, 0), 0, 0, 0), 0);
    check("translate through a window beside it", send(objects(sm, 0), 0, objects(to, 0), 0), 0);
    check("translate through a window of another type", send(objects(sm, 0), 0, nova_crd(NOVA_CRD_MEM, 0, 31, NOVA_PERM_ALL), 0),
          0);

    send_delegate(object(sm, NOVA_SM_UP_PERM), 0, objects(child, 0));
    send_delegate(objects(child, 0), 0, objects(grandchild, 0));
    check("translate a child: the name of its source", send(objects(child, 0), 0, objects(sm, 0), 0) & ~(nova_word)0x7c,
          object(sm, 0));
    check("translate a grandchild: the name in the window", send(objects(grandchild, 0), 0, objects(sm, 0), 0) & ~(nova_word)0x7c,
          object(sm, 0));
    check("translate a grandchild: its source is in the window", send(objects(grandchild, 0), 0, objects(child, 0), 0),
          object(child, NOVA_SM_UP_PERM));
    check("translate the source: a child is no ancestor", send(objects(sm, 0), 0, objects(child, 0), 0), 0);

    check("translate or delegate: translated", send(objects(child, 0), NOVA_ITEM_EITHER, objects(child, 0), objects(to, 0)),
          object(child, NOVA_SM_UP_PERM));
    check("its control word says so", arrived[0].control, NOVA_ITEM_EITHER);
    check("and nothing was delegated", object_at(to), 0);
    check("translate or delegate: delegated", send(objects(sm, 0), NOVA_ITEM_EITHER, objects(to + 1000, 0), objects(to, 0)),
          objects(to, 0));
    check("its control word says so, too", arrived[0].control, NOVA_ITEM_EITHER | NOVA_ITEM_DELEGATE);
    check("and it is there", object_at(to), object(to, NOVA_SM_ALL));
    revoke_self(objects(sm, 0));
}

/* ---- revoke ---- */

static void test_revoke(void)
{
    nova_word a = new_semaphore(0), b = new_selector(), c = new_selector(), d = new_selector(), freed = new_semaphore(0);
    nova_word pd = new_selector(), back = new_selector();

    send_delegate(objects(a, 0), 0, objects(b, 0));
    send_delegate(objects(b, 0), 0, objects(c, 0));
    send_delegate(objects(a, 0), 0, objects(d, 0));
    check("revoke without self", nova_revoke(objects(b, 0), 0, 0, 0), NOVA_SUCCESS);
    check("takes the child", object_at(c), 0);
    check("keeps the caller's own", object_at(b), object(b, NOVA_SM_ALL));
    check("keeps a sibling", object_at(d), object(d, NOVA_SM_ALL));
    check("revoke of one permission", nova_revoke(object(a, NOVA_SM_DOWN_PERM), 0, 0, 0), NOVA_SUCCESS);
    check("leaves the other one", object_at(b), object(b, NOVA_SM_UP_PERM));
    check("and both to the source", object_at(a), object(a, NOVA_SM_ALL));
    check("down on what lost the permission", nova_sm_down(b, 0, 1), NOVA_BAD_CAP);
    check("revoke of a range without permissions in it", nova_revoke(object(a, 0), NOVA_REVOKE_SELF, 0, 0), NOVA_SUCCESS);
    check("takes nothing", object_at(b), object(b, NOVA_SM_UP_PERM));
    check("revoke with a semaphore", nova_revoke(objects(a, 0), NOVA_REVOKE_SELF, 0, freed), NOVA_SUCCESS);
    check("takes all", object_at(a) | object_at(b) | object_at(d), 0);
    check("the semaphore says that the memory is free", wait_for(freed), NOVA_SUCCESS);
    check("once", nova_sm_down(freed, 0, 1), NOVA_COM_TIM);
    check("revoke with an empty selector for a semaphore", nova_revoke(objects(a, 0), 0, 0, a), NOVA_BAD_CAP);

    nova_create_sm(a, nova_pd, 0);
    send_delegate(objects(a, 0), 0, objects(b, 0));
    send_delegate(objects(b, 0), 0, objects(c, 0));
    check("revoke that keeps the derived ones", nova_revoke(objects(b, 0), NOVA_REVOKE_SELF | NOVA_REVOKE_KEEP, 0, 0),
          NOVA_SUCCESS);
    check("takes the caller's own", object_at(b), 0);
    check("keeps the child", object_at(c), object(c, NOVA_SM_ALL));
    check("the place is free", nova_create_sm(b, nova_pd, 0), NOVA_SUCCESS);
    nova_revoke(objects(a, 0), 0, 0, 0);
    check("the child still hangs on its ancestor", object_at(c), 0);
    check("what took the place does not", object_at(b), object(b, NOVA_SM_ALL));

    check("create a PD", nova_create_pd(pd, nova_pd, 0, nova_quota(0, 32)), NOVA_SUCCESS);
    grant(nova_pd, pd, objects(a, 0), nova_control(NOVA_ITEM_DELEGATE, 5), objects(0, 10));
    grant(pd, nova_pd, objects(5, 0), nova_control(NOVA_ITEM_DELEGATE, 0), objects(back, 0));
    check("there and back", object_at(back), object(back, NOVA_SM_ALL));
    check("revoke in another PD", nova_revoke(objects(5, 0), NOVA_REVOKE_SELF | NOVA_REVOKE_REMOTE, pd, 0), NOVA_SUCCESS);
    check("takes what came out of it", object_at(back), 0);
    check("and not the source", object_at(a), object(a, NOVA_SM_ALL));
    check("revoke in what is no PD", nova_revoke(objects(5, 0), NOVA_REVOKE_REMOTE, a, 0), NOVA_BAD_CAP);
    grant(nova_pd, pd, objects(a, 0), nova_control(NOVA_ITEM_DELEGATE, 5), objects(0, 10));
    grant(pd, nova_pd, objects(5, 0), nova_control(NOVA_ITEM_DELEGATE, 0), objects(back, 0));
    check("there and back again", object_at(back), object(back, NOVA_SM_ALL));
    check("destroy the PD", nova_revoke(objects(pd, 0), NOVA_REVOKE_SELF, 0, freed), NOVA_SUCCESS);
    check("its memory gets free", wait_for(freed), NOVA_SUCCESS);
    revoke_self(objects(a, 0));
    check("what a PD passed on goes with its source", object_at(back), 0);
}

void test_object(void)
{
    receiver = new_handler(boot_cpu);
    receive = new_portal(receiver, receive_items, 0);
    section("3.delegate");
    test_delegate();
    section("3.control_word");
    test_control();
    section("3.ranges");
    test_several_orders();
    section("3.items");
    test_several();
    section("3.reply_items");
    test_reply();
    section("3.translate");
    test_translate();
    section("6.revoke");
    test_revoke();
}
