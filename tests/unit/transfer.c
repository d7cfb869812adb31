/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Messages whose typed items take many steps: the handler has its caller, but does not run before it has the whole message. What happens when one of them goes in
 * between, when memory runs short, and when others want the handler meanwhile.
 */
#include "scenario.h"

enum {
    PD = 0x100,
    CALLEE = 0x110,
    PORTAL = 0x114,
    SERVICE = 0x120,
    THREAD = 0x1a0,
    OTHER_SERVICE = 0x200,
    OTHER = 0x280,
    SOURCE = 0x5200,
    FAR = 0x40000,
    ITEMS = 120,
    PRIORITY = 10
};
#define CALLEE_IP (CODE + 0x400)
#define CALLEE_UTCB utcb_address(9)

static bool in_handler(void) { return cpu_frame(0) && !cpu_idle(0) && cpu_frame(0)->ip == CALLEE_IP; }

/* Thread 1 on CPU 0 is to call, thread 2 on CPU 1 to interfere. The handler is in a PD with 'pages' to spare. */
static void machine_make(word pages)
{
    machine_boot(2);
    CHECK_EQ(create_pd(0, PD, SEL_PD, 0, 0, 700), NOVA_SUCCESS);
    CHECK_EQ(create_ec(0, CALLEE, PD, 0, CALLEE_UTCB, 0x6000, 0, false), NOVA_SUCCESS);
    CHECK_EQ(create_pt(0, PORTAL, SEL_PD, CALLEE, 0, CALLEE_IP), NOVA_SUCCESS);
    CHECK_EQ(take(0, nova_crd(NOVA_CRD_MEM, SOURCE, 3, 7), 0), NOVA_SUCCESS);
    utcb_at(0, NOVA_ROOT_UTCB_ADDRESS)->items = 0;
    CHECK_EQ(call(0, PORTAL, 0), BLOCKED);
    CHECK(in_handler());
    utcb_at(0, CALLEE_UTCB)->del = nova_crd(NOVA_CRD_MEM, 0, 31, 31);
    utcb_at(0, CALLEE_UTCB)->items = 0;
    CHECK_EQ(reply(0, 0), BLOCKED);
    CHECK_EQ(running(0), 0);
    word spare = pd_limit(0, PD) - pd_usage(0, PD);
    CHECK_EQ(hypercall(0, nova_arg1(NOVA_PD_CTRL, NOVA_PD_QUOTA_MOVE, PD), SEL_PD, spare - pages, 0, 0), NOVA_SUCCESS);
    thread_service(0, 1, OTHER_SERVICE);
    thread_make(0, 1, OTHER, OTHER_SERVICE, 2, PRIORITY + 1);
    CHECK_EQ(running(1), 2);
    thread_service(0, 0, SERVICE);
    thread_make(0, 0, THREAD, SERVICE, 1, PRIORITY);
    CHECK_EQ(running(0), 1);
}

/* Pages that need tables of their own. */
static void message_make(void)
{
    struct nova_utcb *utcb = utcb_at(0, utcb_address(1));
    utcb->items = nova_items(1, ITEMS);
    utcb->mr[0] = 0x77;
    for (unsigned i = 0; i < ITEMS; i++)
        *nova_item(utcb, i) = (struct nova_item){nova_crd(NOVA_CRD_MEM, SOURCE + i % 8, 0, 3),
                                                 nova_control(NOVA_ITEM_DELEGATE, (word)FAR * (i + 1) + i)};
}

/* Begins the call and stops somewhere in the middle: CPU 0 is in a window. */
static void call_begin(void)
{
    message_make();
    machine_window_limit = 1;
    hypercall_patience = 0;
    CHECK_EQ(call(0, PORTAL, 0), BLOCKED);
    CHECK(!cpu_frame(0));
}

static void go_on(void)
{
    machine_window_limit = 32;
    for (unsigned i = 0; i < 100 && !cpu_frame(0); i++)
        machine_settle();
    CHECK(cpu_frame(0));
}

static void destroy(word selector)
{
    CHECK_EQ(revoke(1, nova_crd(NOVA_CRD_OBJ, selector, 0, NOVA_PERM_ALL), NOVA_REVOKE_SELF, 0, 0), NOVA_SUCCESS);
}

/* Another message gets through, with nothing left of the one before. */
static void handler_is_available(void)
{
    CHECK_EQ(running(0), 0);
    struct nova_utcb *mine = utcb_at(0, NOVA_ROOT_UTCB_ADDRESS);
    mine->items = nova_items(1, 1);
    mine->mr[0] = 0x88;
    *nova_item(mine, 0) = (struct nova_item){nova_crd(NOVA_CRD_MEM, SOURCE + 2, 0, 3), nova_control(NOVA_ITEM_DELEGATE, 0x90)};
    call(0, PORTAL, 0);
    go_on();
    CHECK(in_handler());
    struct nova_utcb *its = utcb_at(0, CALLEE_UTCB);
    CHECK_EQ(its->items, nova_items(1, 1));
    CHECK_EQ(its->mr[0], 0x88);
    CHECK(user_pointer(0, 0x90 << 12, MMU_READ | MMU_WRITE) == machine_memory((SOURCE + 2) << 12));
    utcb_at(0, CALLEE_UTCB)->items = 0;
    CHECK_EQ(reply(0, 0), BLOCKED);
    CHECK_EQ(running(0), 0);
    CHECK_EQ(result_arg(0, 1), NOVA_SUCCESS);
}

TEST(long_message_arrives_as_a_whole)
{
    machine_make(600);
    call_begin();
    go_on();
    CHECK(in_handler());
    struct nova_utcb *its = utcb_at(0, CALLEE_UTCB);
    CHECK_EQ(its->items, nova_items(1, ITEMS));
    CHECK_EQ(its->mr[0], 0x77);
    for (unsigned i = 0; i < ITEMS; i++) {
        word place = (word)FAR * (i + 1) + i;
        CHECK_EQ(nova_item(its, i)->crd, nova_crd(NOVA_CRD_MEM, place, 0, 3));
        CHECK(user_pointer(0, place << 12, MMU_READ | MMU_WRITE) == machine_memory((SOURCE + i % 8) << 12));
    }
}

TEST(long_message_whose_sender_goes)
{
    machine_make(600);
    call_begin();
    destroy(THREAD);
    go_on();
    handler_is_available();
}

TEST(long_message_whose_receiver_goes)
{
    machine_make(600);
    call_begin();
    destroy(CALLEE);
    go_on();
    CHECK_EQ(running(0), 1);
    CHECK_EQ(result_arg(0, 1), NOVA_COM_ABT);
}

TEST(long_message_whose_portal_goes)
{
    machine_make(600);
    call_begin();
    destroy(PORTAL);
    go_on();
    CHECK(in_handler()); /* the call had begun */
    CHECK_EQ(utcb_at(0, CALLEE_UTCB)->items, nova_items(1, ITEMS));
}

TEST(long_message_and_too_little_memory)
{
    machine_make(60);
    message_make();
    CHECK_EQ(call(0, PORTAL, 0), NOVA_QUO_OOM);
    CHECK_EQ(running(0), 1);
    revoke(1, nova_crd(NOVA_CRD_OBJ, THREAD, 1, NOVA_PERM_ALL), NOVA_REVOKE_SELF, 0, 0);
    CHECK_EQ(running(0), 0);
    CHECK_EQ(hypercall(0, nova_arg1(NOVA_PD_CTRL, NOVA_PD_QUOTA_MOVE, SEL_PD), PD, 20, 0, 0), NOVA_SUCCESS);
    handler_is_available();
}

/* Who calls the handler meanwhile without wanting to wait is told that it is busy; from another CPU, who waits gets it afterwards. */
TEST(long_message_makes_the_handler_busy)
{
    machine_make(600);
    call_begin();
    CHECK_EQ(call(1, PORTAL, NOVA_CALL_NOBLOCK), NOVA_COM_TIM);
    CHECK(!cpu_frame(0));
    utcb_at(1, utcb_address(2))->items = nova_items(3, 0);
    CHECK_EQ(call(1, PORTAL, 0), BLOCKED);
    go_on();
    CHECK(in_handler());
    CHECK_EQ(utcb_at(0, CALLEE_UTCB)->items, nova_items(1, ITEMS));
    utcb_at(0, CALLEE_UTCB)->items = 0;
    reply(0, 0); /* and is entered again at once */
    go_on();
    CHECK(in_handler());
    CHECK_EQ(utcb_at(0, CALLEE_UTCB)->items, nova_items(3, 0));
    CHECK_EQ(reply(0, 0), BLOCKED);
    CHECK_EQ(running(1), 2);
    CHECK_EQ(result_arg(1, 1), NOVA_SUCCESS);
}

/* The same in the other direction: the sender waits for a reply of many steps. */
TEST(long_reply_to_someone_who_goes)
{
    machine_make(600);
    utcb_at(0, utcb_address(1))->items = 0;
    utcb_at(0, utcb_address(1))->del = nova_crd(NOVA_CRD_MEM, 0, 31, 31);
    CHECK_EQ(call(0, PORTAL, 0), BLOCKED);
    CHECK(in_handler());
    /* What it may send: one page, again and again. */
    struct nova_utcb *its = utcb_at(0, CALLEE_UTCB);
    its->items = nova_items(0, ITEMS);
    CHECK_EQ(delegate(1, utcb_address(2), SEL_PD, PD, nova_crd(NOVA_CRD_MEM, SOURCE, 0, 7), nova_control(NOVA_ITEM_DELEGATE, 0x80),
                      nova_crd(NOVA_CRD_MEM, 0x80, 0, 31)),
             NOVA_SUCCESS);
    for (unsigned i = 0; i < ITEMS; i++)
        *nova_item(its, i) =
            (struct nova_item){nova_crd(NOVA_CRD_MEM, 0x80, 0, 3), nova_control(NOVA_ITEM_DELEGATE, (word)FAR * (i + 2) + i)};
    machine_window_limit = 1;
    hypercall_patience = 0;
    CHECK_EQ(reply(0, 0), BLOCKED);
    CHECK(!cpu_frame(0));
    destroy(THREAD);
    go_on();
    handler_is_available();
}
