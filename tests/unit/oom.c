/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Kernel memory runs short while items are delegated (abi.md section 9): who is asked, with what, and that the call or reply is repeated.
 */
#include "scenario.h"

enum { PD = 0x100, CALLEE = 0x110, CALLEE_PORTAL = 0x114, HANDLER = 0x120, OOM_PORTAL = 0x124, SOURCE = 0x5200, FAR = 0x40000 };
enum { HANDLER_IP = CODE + 0x700, CALLEE_IP = CODE + 0x400, OOM_ID = 0x1234 };

static bool at(word ip) { return !cpu_idle(0) && cpu_frame(0)->ip == ip; }

/*
 * A handler in root with a portal for running out of memory; a PD with 'pages' to spare after its EC was made, whose local EC has that portal
 * (or none); root holds memory to give.
 */
static void machine_make(bool portal, word pages)
{
    machine_boot(1);
    CHECK_EQ(create_ec(0, HANDLER, SEL_PD, 0, utcb_address(8), 0x5000, 0, false), NOVA_SUCCESS);
    CHECK_EQ(create_pt(0, OOM_PORTAL, SEL_PD, HANDLER, 0, HANDLER_IP), NOVA_SUCCESS);
    CHECK_EQ(pt_ctrl(0, OOM_PORTAL, OOM_ID), NOVA_SUCCESS);
    CHECK_EQ(create_pd(0, PD, SEL_PD, 0, 0, 100), NOVA_SUCCESS);
    if (portal)
        CHECK_EQ(delegate(0, NOVA_ROOT_UTCB_ADDRESS, SEL_PD, SEL_PD, nova_crd(NOVA_CRD_OBJ, OOM_PORTAL, 0, 31),
                          nova_control(NOVA_ITEM_DELEGATE, 0), nova_crd(NOVA_CRD_OBJ, CALLEE + 1, 0, 31)),
                 NOVA_SUCCESS);
    CHECK_EQ(create_ec(0, CALLEE, PD, 0, utcb_address(9), 0x6000, 0, false), NOVA_SUCCESS);
    CHECK_EQ(create_pt(0, CALLEE_PORTAL, SEL_PD, CALLEE, 0, CALLEE_IP), NOVA_SUCCESS);
    CHECK_EQ(take(0, nova_crd(NOVA_CRD_MEM, SOURCE, 3, 7), 0), NOVA_SUCCESS);
    word spare = pd_limit(0, PD) - pd_usage(0, PD);
    CHECK_EQ(hypercall(0, nova_arg1(NOVA_PD_CTRL, NOVA_PD_QUOTA_MOVE, PD), SEL_PD, spare - pages, 0, 0), NOVA_SUCCESS);
    /* The callee sets its window when it first runs. */
    utcb_at(0, NOVA_ROOT_UTCB_ADDRESS)->items = 0;
    CHECK_EQ(call(0, CALLEE_PORTAL, 0), BLOCKED);
    CHECK(at(CALLEE_IP));
    utcb_at(0, utcb_address(9))->del = nova_crd(NOVA_CRD_MEM, 0, 31, 31);
    utcb_at(0, utcb_address(9))->items = 0;
    CHECK_EQ(reply(0, 0), BLOCKED);
    CHECK_EQ(running(0), 0);
}

static void items_for_callee(void)
{
    /* Pages that need a table each. */
    struct nova_utcb *utcb = utcb_at(0, NOVA_ROOT_UTCB_ADDRESS);
    utcb->items = nova_items(1, 3);
    utcb->mr[0] = 0x77;
    for (unsigned i = 0; i < 3; i++)
        *nova_item(utcb, i) =
            (struct nova_item){nova_crd(NOVA_CRD_MEM, SOURCE + i, 0, 3), nova_control(NOVA_ITEM_DELEGATE, (word)FAR * (i + 1))};
}

TEST(oom_without_portal_ends_the_call)
{
    machine_make(false, 2);
    items_for_callee();
    CHECK_EQ(call(0, CALLEE_PORTAL, 0), NOVA_QUO_OOM);
    CHECK_EQ(running(0), 0);
    /* The callee is available. */
    utcb_at(0, NOVA_ROOT_UTCB_ADDRESS)->items = 0;
    CHECK_EQ(call(0, CALLEE_PORTAL, 0), BLOCKED);
    CHECK(at(CALLEE_IP));
}

TEST(oom_of_the_callee_asks_its_portal_and_repeats_the_call)
{
    machine_make(true, 2);
    items_for_callee();
    CHECK_EQ(call(0, CALLEE_PORTAL, 0), BLOCKED);
    CHECK(at(HANDLER_IP));
    CHECK_EQ(result_arg(0, 1), OOM_ID);
    CHECK_EQ(result_arg(0, 2), ALL_ONES); /* root has no such portal */
    CHECK_EQ(result_arg(0, 3), 1);
    /* Not enough yet: asked again. */
    CHECK_EQ(hypercall(0, nova_arg1(NOVA_PD_CTRL, NOVA_PD_QUOTA_MOVE, SEL_PD), PD, 1, 0, 0), NOVA_SUCCESS);
    utcb_at(0, utcb_address(8))->items = 0;
    reply(0, 0);
    CHECK(at(HANDLER_IP));
    CHECK_EQ(result_arg(0, 1), OOM_ID);
    CHECK_EQ(hypercall(0, nova_arg1(NOVA_PD_CTRL, NOVA_PD_QUOTA_MOVE, SEL_PD), PD, 50, 0, 0), NOVA_SUCCESS);
    reply(0, 0);
    CHECK(at(CALLEE_IP));
    struct nova_utcb *its = utcb_at(0, utcb_address(9));
    CHECK_EQ(its->items, nova_items(1, 3));
    CHECK_EQ(its->mr[0], 0x77);
    for (unsigned i = 0; i < 3; i++)
        CHECK(user_pointer(0, ((word)FAR * (i + 1)) << 12, MMU_READ | MMU_WRITE) == machine_memory((SOURCE + i) << 12));
    its->items = 0;
    CHECK_EQ(reply(0, 0), BLOCKED);
    CHECK_EQ(running(0), 0);
    CHECK_EQ(result_arg(0, 1), NOVA_SUCCESS);
}

TEST(oom_handler_dies)
{
    machine_make(true, 2);
    items_for_callee();
    CHECK_EQ(call(0, CALLEE_PORTAL, 0), BLOCKED);
    CHECK(at(HANDLER_IP));
    revoke(0, nova_crd(NOVA_CRD_OBJ, HANDLER, 0, 31), NOVA_REVOKE_SELF, 0, 0);
    machine_settle();
    CHECK_EQ(running(0), 0);
    word status = result_arg(0, 1);
    CHECK(status == NOVA_COM_ABT || status == NOVA_QUO_OOM);
    /* Nothing is stuck. */
    utcb_at(0, NOVA_ROOT_UTCB_ADDRESS)->items = 0;
    CHECK_EQ(call(0, CALLEE_PORTAL, 0), BLOCKED);
    CHECK(at(CALLEE_IP));
}

TEST(oom_of_the_receiver_of_a_reply)
{
    /* Now the PD's EC is the caller: the callee, root's handler, replies with items that the PD cannot hold. */
    machine_make(true, 2);
    enum { SERVER = 0x130, SERVER_PORTAL = 0x134, SERVER_IP = CODE + 0x500 };
    CHECK_EQ(create_ec(0, SERVER, SEL_PD, 0, utcb_address(7), 0x5000, 0, false), NOVA_SUCCESS);
    CHECK_EQ(create_pt(0, SERVER_PORTAL, SEL_PD, SERVER, 0, SERVER_IP), NOVA_SUCCESS);
    CHECK_EQ(hypercall(0, nova_arg1(NOVA_PD_CTRL, NOVA_PD_QUOTA_MOVE, SEL_PD), PD, 1, 0, 0), NOVA_SUCCESS);
    CHECK_EQ(delegate(0, NOVA_ROOT_UTCB_ADDRESS, SEL_PD, PD, nova_crd(NOVA_CRD_OBJ, SERVER_PORTAL, 0, 31),
                      nova_control(NOVA_ITEM_DELEGATE, 0), nova_crd(NOVA_CRD_OBJ, 5, 0, 31)),
             NOVA_SUCCESS);
    utcb_at(0, NOVA_ROOT_UTCB_ADDRESS)->items = 0;
    CHECK_EQ(call(0, CALLEE_PORTAL, 0), BLOCKED);
    CHECK(at(CALLEE_IP));
    utcb_at(0, utcb_address(9))->items = 0;
    CHECK_EQ(call(0, 5, 0), BLOCKED);
    CHECK(at(SERVER_IP));
    struct nova_utcb *server = utcb_at(0, utcb_address(7));
    server->items = nova_items(1, 3);
    server->mr[0] = 0x99;
    for (unsigned i = 0; i < 3; i++)
        *nova_item(server, i) =
            (struct nova_item){nova_crd(NOVA_CRD_MEM, SOURCE + i, 0, 1), nova_control(NOVA_ITEM_DELEGATE, (word)FAR * (i + 1))};
    CHECK_EQ(reply(0, 0), BLOCKED);
    CHECK(at(HANDLER_IP));
    CHECK_EQ(result_arg(0, 1), OOM_ID);
    CHECK_EQ(result_arg(0, 3), 2);
    CHECK_EQ(hypercall(0, nova_arg1(NOVA_PD_CTRL, NOVA_PD_QUOTA_MOVE, SEL_PD), PD, 50, 0, 0), NOVA_SUCCESS);
    utcb_at(0, utcb_address(8))->items = 0;
    CHECK_EQ(reply(0, 0), BLOCKED);
    /* The caller has its answer. */
    CHECK_EQ(result_arg(0, 1), NOVA_SUCCESS);
    CHECK_EQ(utcb_at(0, utcb_address(9))->mr[0], 0x99);
    for (unsigned i = 0; i < 3; i++)
        CHECK(user_try(0, ((word)FAR * (i + 1)) << 12, MMU_READ) && !user_try(0, ((word)FAR * (i + 1)) << 12, MMU_WRITE));
}
