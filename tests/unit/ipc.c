/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Call and reply (abi.md section 7): messages, portals, busy and dying callees, helping, other CPUs, replies with a semaphore, typed items.
 */
#include "scenario.h"

#include <string.h>

enum {
    HANDLER = 0x110, /* local EC */
    PORTAL = 0x112,
    HANDLER_2 = 0x114,
    PORTAL_2 = 0x116,
    SM = 0x118,
    SERVICE = 0x120,
    THREAD = 0x180,
    IP = CODE + 0x400,
    IP_2 = CODE + 0x440,
    SP = 0x7000,
    HANDLER_UTCB = 50,
    HANDLER_2_UTCB = 51
};

static void handler_make(word selector, word portal, unsigned on_cpu, unsigned utcb, word ip)
{
    CHECK_EQ(create_ec(0, selector, SEL_PD, on_cpu, utcb_address(utcb), SP, 0, false), NOVA_SUCCESS);
    CHECK_EQ(create_pt(0, portal, SEL_PD, selector, 0, ip), NOVA_SUCCESS);
    CHECK_EQ(pt_ctrl(0, portal, portal * 16), NOVA_SUCCESS);
}

/* Root, threads 1 .. count with priority 10 that are started and wait at their first instruction (thread 1 runs), one handler. */
static void machine_make(unsigned threads)
{
    machine_boot(2);
    handler_make(HANDLER, PORTAL, 0, HANDLER_UTCB, IP);
    handler_make(HANDLER_2, PORTAL_2, 0, HANDLER_2_UTCB, IP_2);
    CHECK_EQ(create_sm(0, SM, SEL_PD, 0, 0), NOVA_SUCCESS);
    if (!threads)
        return;
    thread_service(0, 0, SERVICE);
    for (unsigned n = threads; n; n--) {
        thread_make(0, 0, THREAD + 4 * n, SERVICE, n, 10 + threads - n);
        CHECK_EQ(running(0), (int)n);
        if (n > 1)
            CHECK_EQ(sm_down(0, SM, 0, 0), BLOCKED);
    }
}

static bool in_handler(unsigned cpu, word ip) { return !cpu_idle(cpu) && cpu_frame(cpu)->ip == ip; }

TEST(call_enters_the_portal)
{
    machine_make(0);
    struct nova_utcb *mine = utcb_at(0, NOVA_ROOT_UTCB_ADDRESS), *its = utcb_at(0, utcb_address(HANDLER_UTCB));
    for (unsigned i = 0; i < NOVA_UTCB_WORDS; i++) {
        mine->mr[i] = 1000 + i;
        its->mr[i] = 5000 + i;
    }
    mine->xlt = mine->del = mine->tls = 0x11110;
    its->xlt = its->del = its->tls = 0x22220;
    mine->items = nova_items(3, 0);
    struct frame *root = cpu_frame(0);
    root->reg[5] = 0x1234;
    CHECK_EQ(call(0, PORTAL, 0), BLOCKED);
    struct frame *handler = cpu_frame(0);
    CHECK(handler != root);
    CHECK_EQ(handler->ip, IP);
    CHECK_EQ(handler->sp, SP);
    CHECK_EQ(handler->arg[0], PORTAL * 16);
    CHECK_EQ(handler->reg[5], 0);
    CHECK_EQ(its->items, nova_items(3, 0));
    for (unsigned i = 0; i < NOVA_UTCB_WORDS; i++)
        CHECK_EQ(its->mr[i], i < 3 ? 1000 + i : 5000 + i);
    CHECK(its->xlt == 0x22220 && its->del == 0x22220 && its->tls == 0x22220);

    its->items = nova_items(2, 0);
    its->mr[0] = 77;
    its->mr[1] = 78;
    its->mr[2] = 79;
    handler->sp = SP - 0x100;
    CHECK_EQ(reply(0, 0), BLOCKED);
    CHECK(cpu_frame(0) == root);
    CHECK_EQ(root->arg[0], NOVA_SUCCESS);
    CHECK_EQ(root->reg[5], 0x1234);
    CHECK_EQ(root->sp, NOVA_HIP_ADDRESS);
    CHECK_EQ(mine->items, nova_items(2, 0));
    CHECK(mine->mr[0] == 77 && mine->mr[1] == 78 && mine->mr[2] == 1002);
    CHECK(mine->xlt == 0x11110 && mine->del == 0x11110 && mine->tls == 0x11110);
    /* The next activation starts with the SP of the reply. */
    CHECK_EQ(call(0, PORTAL, 0), BLOCKED);
    CHECK_EQ(cpu_frame(0)->sp, SP - 0x100);
    CHECK_EQ(cpu_frame(0)->ip, IP);
}

TEST(call_clamps_counts)
{
    machine_make(0);
    struct nova_utcb *mine = utcb_at(0, NOVA_ROOT_UTCB_ADDRESS), *its = utcb_at(0, utcb_address(HANDLER_UTCB));
    for (unsigned i = 0; i < NOVA_UTCB_WORDS; i++)
        mine->mr[i] = 3 * i;
    mine->items = nova_items(0xffff, 0);
    CHECK_EQ(call(0, PORTAL, 0), BLOCKED);
    for (unsigned i = 0; i < NOVA_UTCB_WORDS; i++)
        CHECK_EQ(its->mr[i], 3 * i);
    its->items = nova_items(0xffff, 0xffff);
    CHECK_EQ(reply(0, 0), BLOCKED);
    CHECK_EQ(running(0), 0);
    CHECK_EQ(result_arg(0, 1), NOVA_SUCCESS);
    mine->items = nova_items(0, 0xffff);
    CHECK_EQ(call(0, PORTAL, 0), BLOCKED);
    CHECK(in_handler(0, IP));
}

TEST(call_of_what_is_no_portal)
{
    static const word selectors[] = {0, SEL_PD, SEL_EC, SEL_SC, HANDLER, SM, 0x999, 1 << 24, ALL_ONES >> 8};
    machine_make(0);
    for (unsigned i = 0; i < sizeof selectors / sizeof *selectors; i++)
        CHECK_EQ(call(0, selectors[i], 0), NOVA_BAD_CAP);
    for (unsigned perm = 1; perm < 32; perm++) {
        word copy = PORTAL + 0x20;
        if (!(perm & NOVA_PT_ALL))
            continue;
        CHECK_EQ(delegate(0, NOVA_ROOT_UTCB_ADDRESS, SEL_PD, SEL_PD, nova_crd(NOVA_CRD_OBJ, PORTAL, 0, perm),
                          nova_control(NOVA_ITEM_DELEGATE, 0), nova_crd(NOVA_CRD_OBJ, copy, 0, 31)),
                 NOVA_SUCCESS);
        bool good = perm & NOVA_PT_CALL_PERM;
        CHECK_EQ(call(0, copy, 0), good ? BLOCKED : NOVA_BAD_CAP);
        if (good)
            reply(0, 0);
        CHECK_EQ(running(0), 0);
        CHECK_EQ(revoke(0, nova_crd(NOVA_CRD_OBJ, copy, 0, 31), NOVA_REVOKE_SELF, 0, 0), NOVA_SUCCESS);
    }
}

TEST(call_busy_without_blocking)
{
    machine_make(0);
    CHECK_EQ(call(0, PORTAL, 0), BLOCKED);
    CHECK(in_handler(0, IP));
    /* The handler calls its own portal: it is busy itself. */
    CHECK_EQ(call(0, PORTAL, NOVA_CALL_NOBLOCK), NOVA_COM_TIM);
    CHECK_EQ(call(0, PORTAL_2, NOVA_CALL_NOBLOCK), BLOCKED);
    CHECK(in_handler(0, IP_2));
    CHECK_EQ(reply(0, 0), BLOCKED);
    CHECK(in_handler(0, IP));
    CHECK_EQ(result_arg(0, 1), NOVA_SUCCESS);
}

TEST(call_busy_helps)
{
    /* Thread 2 is in the handler; thread 1 has a higher priority and helps. */
    machine_make(2);
    CHECK_EQ(running(0), 1);
    CHECK_EQ(sm_down(0, SM, 0, 0), BLOCKED);
    CHECK_EQ(running(0), 0);
    sm_up(0, SM); /* thread 2 (it came first), then it calls */
    CHECK_EQ(running(0), 2);
    CHECK_EQ(call(0, PORTAL, 0), BLOCKED);
    CHECK(in_handler(0, IP));
    struct frame *handler = cpu_frame(0);
    sm_up(0, SM);
    CHECK_EQ(running(0), 1);
    CHECK_EQ(call(0, PORTAL, 0), BLOCKED);
    CHECK(cpu_frame(0) == handler);
    CHECK_EQ(handler->arg[0], NOVA_SUCCESS); /* of its sm_up */
    reply(0, 0);
    /* Now the call of thread 1 goes through; thread 2 has its answer. */
    CHECK(cpu_frame(0) == handler);
    CHECK_EQ(handler->arg[0], PORTAL * 16);
    CHECK_EQ(reply(0, 0), BLOCKED);
    CHECK_EQ(running(0), 1);
    CHECK_EQ(result_arg(0, 1), NOVA_SUCCESS);
    CHECK_EQ(sm_down(0, SM, 0, 0), BLOCKED);
    CHECK_EQ(running(0), 2);
    CHECK_EQ(result_arg(0, 1), NOVA_SUCCESS);
}

TEST(call_helper_sleeps_with_a_blocked_chain)
{
    machine_make(2);
    CHECK_EQ(create_sm(0, SM + 1, SEL_PD, 0, 0), NOVA_SUCCESS);
    CHECK_EQ(running(0), 1);
    CHECK_EQ(call(0, PORTAL, 0), BLOCKED);
    CHECK(in_handler(0, IP));
    struct frame *handler = cpu_frame(0);
    sm_up(0, SM); /* thread 2 is ready, with a lower priority */
    CHECK(cpu_frame(0) == handler);
    CHECK_EQ(sm_down(0, SM + 1, 0, 0), BLOCKED); /* the handler blocks, thread 1 with it */
    CHECK_EQ(running(0), 2);
    CHECK_EQ(call(0, PORTAL, 0), BLOCKED); /* busy and blocked: thread 2 sleeps, too */
    CHECK_EQ(running(0), 0);
    CHECK_EQ(sm_up(0, SM + 1), BLOCKED);
    CHECK(cpu_frame(0) == handler);
    CHECK_EQ(handler->arg[0], NOVA_SUCCESS);
    CHECK_EQ(reply(0, 0), BLOCKED);
    CHECK_EQ(running(0), 1);
    CHECK_EQ(result_arg(0, 1), NOVA_SUCCESS);
    CHECK_EQ(sm_down(0, SM, 0, 0), BLOCKED);
    CHECK(in_handler(0, IP));
    CHECK_EQ(reply(0, 0), BLOCKED);
    CHECK_EQ(running(0), 2);
    CHECK_EQ(result_arg(0, 1), NOVA_SUCCESS);
}

TEST(call_of_oneself_stays_preemptible)
{
    machine_make(1);
    CHECK_EQ(running(0), 1);
    CHECK_EQ(call(0, PORTAL, 0), BLOCKED);
    CHECK(in_handler(0, IP));
    /* Waits for itself for ever. A thread of the same priority still gets its turns. */
    CHECK_EQ(create_ec(0, THREAD + 0x40, SEL_PD, 0, utcb_address(9), 9, SERVICE + 0x20, true), NOVA_SUCCESS);
    CHECK_EQ(create_sc(0, THREAD + 0x41, SEL_PD, THREAD + 0x40, 10, 1000), NOVA_SUCCESS);
    hypercall(0, nova_arg1(NOVA_CALL, 0, PORTAL), 0, 0, 0, 0);
    for (unsigned i = 0; i < 10 && !cpu_frame(0); i++)
        cpu_enter(0, ENTER_CONTINUE, 0, 0, 0);
    CHECK(cpu_frame(0));
    CHECK_EQ(running(0), 9);
}

TEST(callee_dies)
{
    machine_make(0);
    CHECK_EQ(call(0, PORTAL, 0), BLOCKED);
    CHECK(in_handler(0, IP));
    /* The handler destroys itself. */
    revoke(0, nova_crd(NOVA_CRD_OBJ, HANDLER, 0, NOVA_PERM_ALL), NOVA_REVOKE_SELF, 0, 0);
    CHECK_EQ(running(0), 0);
    CHECK_EQ(result_arg(0, 1), NOVA_COM_ABT);
    /* A portal of the dead. */
    CHECK_EQ(call(0, PORTAL, 0), NOVA_COM_TIM);
    /* Its UTCB's place is free at once. */
    CHECK(!user_try(0, utcb_address(HANDLER_UTCB), MMU_READ));
    CHECK_EQ(create_ec(0, HANDLER, SEL_PD, 0, utcb_address(HANDLER_UTCB), SP, 0, false), NOVA_SUCCESS);
    CHECK_EQ(tlb_stale(), 0);
}

TEST(caller_dies)
{
    machine_make(1);
    CHECK_EQ(call(0, PORTAL, 0), BLOCKED);
    CHECK(in_handler(0, IP));
    struct frame *handler = cpu_frame(0);
    /* The handler destroys thread 1, whose call it serves: it goes on only when somebody lends it time. */
    revoke(0, nova_crd(NOVA_CRD_OBJ, THREAD + 4, 0, NOVA_PERM_ALL), NOVA_REVOKE_SELF, 0, 0);
    CHECK_EQ(running(0), 0);
    CHECK_EQ(call(0, PORTAL, NOVA_CALL_NOBLOCK), NOVA_COM_TIM);
    CHECK_EQ(call(0, PORTAL, 0), BLOCKED);
    CHECK(cpu_frame(0) == handler);
    CHECK_EQ(handler->arg[0], NOVA_SUCCESS);
    /* Reply to nobody, then root's own call comes. */
    reply(0, 0);
    CHECK(cpu_frame(0) == handler);
    CHECK_EQ(handler->arg[0], PORTAL * 16);
    CHECK_EQ(reply(0, 0), BLOCKED);
    CHECK_EQ(running(0), 0);
    CHECK_EQ(result_arg(0, 1), NOVA_SUCCESS);
}

TEST(reply_with_a_semaphore)
{
    machine_make(1);
    CHECK_EQ(call(0, PORTAL, 0), BLOCKED);
    struct frame *handler = cpu_frame(0);
    CHECK(in_handler(0, IP));
    CHECK_EQ(reply(0, SM), BLOCKED);
    CHECK_EQ(running(0), 0);
    CHECK_EQ(sm_up(0, SM), BLOCKED);
    /* The call is repeated. */
    CHECK(cpu_frame(0) == handler);
    CHECK_EQ(handler->arg[0], PORTAL * 16);
    CHECK_EQ(reply(0, SM), BLOCKED);
    CHECK_EQ(running(0), 0);
    revoke(0, nova_crd(NOVA_CRD_OBJ, SM, 0, NOVA_PERM_ALL), NOVA_REVOKE_SELF, 0, 0);
    machine_settle();
    CHECK_EQ(running(0), 1);
    CHECK_EQ(result_arg(0, 1), NOVA_BAD_CAP);
    /* The handler is available. */
    CHECK_EQ(call(0, PORTAL, NOVA_CALL_NOBLOCK), BLOCKED);
    CHECK(cpu_frame(0) == handler);
}

/* Nobody can wait for a signal: it is as no semaphore at all. */
TEST(reply_with_a_signal)
{
    enum { SIGNAL = 0x300 };
    machine_make(1);
    CHECK_EQ(create_sm(0, SIGNAL, SEL_PD, 5, SM), NOVA_SUCCESS);
    CHECK_EQ(call(0, PORTAL, 0), BLOCKED);
    CHECK(in_handler(0, IP));
    CHECK_EQ(reply(0, SIGNAL), BLOCKED);
    CHECK_EQ(running(0), 1);
    CHECK_EQ(result_arg(0, 1), NOVA_SUCCESS);
    revoke(0, nova_crd(NOVA_CRD_OBJ, SIGNAL, 0, NOVA_PERM_ALL), NOVA_REVOKE_SELF, 0, 0);
    machine_settle();
    CHECK_EQ(running(0), 1);
}

TEST(reply_of_a_global_ec_sleeps_for_good)
{
    machine_make(1);
    CHECK_EQ(running(0), 1);
    CHECK_EQ(reply(0, 0), BLOCKED);
    CHECK_EQ(running(0), 0);
    machine_advance(1000000000);
    CHECK_EQ(running(0), 0);
}

/* ---- typed items ---- */

enum { FREE = 0x5200, WINDOW = 0x6200 };

static void call_with(struct nova_item item, word xlt, word del)
{
    struct nova_utcb *mine = utcb_at(0, NOVA_ROOT_UTCB_ADDRESS), *its = utcb_at(0, utcb_address(HANDLER_UTCB));
    mine->items = nova_items(0, 1);
    *nova_item(mine, 0) = item;
    its->xlt = xlt;
    its->del = del;
    CHECK_EQ(call(0, PORTAL, 0), BLOCKED);
    CHECK(in_handler(0, IP));
}

TEST(call_delegates_items)
{
    machine_make(0);
    take(0, nova_crd(NOVA_CRD_MEM, FREE, 2, 7), 0);
    struct nova_utcb *its = utcb_at(0, utcb_address(HANDLER_UTCB));
    call_with((struct nova_item){nova_crd(NOVA_CRD_MEM, FREE, 2, 3), nova_control(NOVA_ITEM_DELEGATE | 0x40, 8)}, 0,
              nova_crd(NOVA_CRD_MEM, WINDOW, 4, 31));
    CHECK_EQ(its->items, nova_items(0, 1));
    CHECK_EQ(nova_item(its, 0)->crd, nova_crd(NOVA_CRD_MEM, WINDOW + 8, 2, 3));
    CHECK_EQ(nova_item(its, 0)->control, NOVA_ITEM_DELEGATE | 0x40);
    CHECK(user_try(0, (WINDOW + 9) << 12, MMU_READ | MMU_WRITE));
    reply(0, 0);
    /* No window: the null CRD. */
    call_with((struct nova_item){nova_crd(NOVA_CRD_MEM, FREE, 2, 3), nova_control(NOVA_ITEM_DELEGATE, 0)}, 0, 0);
    CHECK_EQ(nova_item(its, 0)->crd, 0);
    reply(0, 0);
    call_with((struct nova_item){nova_crd(NOVA_CRD_MEM, FREE, 2, 3), nova_control(NOVA_ITEM_INVALID, 0)}, 0,
              nova_crd(NOVA_CRD_MEM, WINDOW, 4, 31));
    CHECK_EQ(nova_item(its, 0)->crd, 0);
}

TEST(reply_delegates_items)
{
    machine_make(0);
    take(0, nova_crd(NOVA_CRD_MEM, FREE, 2, 7), 0);
    struct nova_utcb *mine = utcb_at(0, NOVA_ROOT_UTCB_ADDRESS), *its = utcb_at(0, utcb_address(HANDLER_UTCB));
    mine->items = 0;
    mine->del = nova_crd(NOVA_CRD_MEM, WINDOW, 0, 31);
    CHECK_EQ(call(0, PORTAL, 0), BLOCKED);
    its->items = nova_items(0, 1);
    *nova_item(its, 0) = (struct nova_item){nova_crd(NOVA_CRD_MEM, FREE, 2, 1), nova_control(NOVA_ITEM_DELEGATE, 3)};
    CHECK_EQ(reply(0, 0), BLOCKED);
    CHECK_EQ(running(0), 0);
    CHECK_EQ(mine->items, nova_items(0, 1));
    CHECK_EQ(nova_item(mine, 0)->crd, nova_crd(NOVA_CRD_MEM, WINDOW, 0, 1));
    uint8_t *there = user_pointer(0, WINDOW << 12, MMU_READ);
    CHECK(there == machine_memory((FREE + 3) << 12));
    CHECK(!user_try(0, WINDOW << 12, MMU_WRITE));
}

TEST(call_translates_items)
{
    machine_make(0);
    struct nova_utcb *its = utcb_at(0, utcb_address(HANDLER_UTCB));
    /* 0x300 is derived from SM: the receiver, the same PD, gets its ancestor's name, with the permissions held. */
    CHECK_EQ(delegate(0, NOVA_ROOT_UTCB_ADDRESS, SEL_PD, SEL_PD, nova_crd(NOVA_CRD_OBJ, SM, 0, NOVA_SM_UP_PERM),
                      nova_control(NOVA_ITEM_DELEGATE, 0), nova_crd(NOVA_CRD_OBJ, 0x300, 0, 31)),
             NOVA_SUCCESS);
    word everything = nova_crd(NOVA_CRD_OBJ, 0, 31, 31);
    call_with((struct nova_item){nova_crd(NOVA_CRD_OBJ, 0x300, 0, 31), nova_control(NOVA_ITEM_TRANSLATE, 0)}, everything, 0);
    CHECK_EQ(nova_item(its, 0)->crd, nova_crd(NOVA_CRD_OBJ, SM, 0, NOVA_SM_UP_PERM));
    CHECK_EQ(nova_item(its, 0)->control, NOVA_ITEM_TRANSLATE);
    reply(0, 0);
    /* No ancestor in the window, same PD: the item itself. */
    call_with((struct nova_item){nova_crd(NOVA_CRD_OBJ, 0x300, 0, 31), nova_control(NOVA_ITEM_TRANSLATE, 0)},
              nova_crd(NOVA_CRD_OBJ, 0x300, 4, 31), 0);
    CHECK_EQ(nova_item(its, 0)->crd, nova_crd(NOVA_CRD_OBJ, 0x300, 0, NOVA_SM_UP_PERM));
    reply(0, 0);
    /* Nothing there: null; then a delegation if kind 2 says so. */
    call_with((struct nova_item){nova_crd(NOVA_CRD_OBJ, 0x333, 0, 31), nova_control(NOVA_ITEM_TRANSLATE, 0)}, everything, 0);
    CHECK_EQ(nova_item(its, 0)->crd, 0);
    reply(0, 0);
    call_with((struct nova_item){nova_crd(NOVA_CRD_OBJ, SM, 0, 31), nova_control(NOVA_ITEM_EITHER, 0)}, 0,
              nova_crd(NOVA_CRD_OBJ, 0x340, 0, 31));
    CHECK_EQ(nova_item(its, 0)->crd, nova_crd(NOVA_CRD_OBJ, 0x340, 0, 31));
    CHECK_EQ(nova_item(its, 0)->control, NOVA_ITEM_EITHER | NOVA_ITEM_DELEGATE);
    CHECK_EQ(lookup(0, nova_crd(NOVA_CRD_OBJ, 0x340, 0, 0)), nova_crd(NOVA_CRD_OBJ, 0x340, 0, NOVA_SM_ALL));
}
