/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Life and death of objects: accounts are back where they were, capabilities in other PDs, destruction of whole PDs.
 */
#include "scenario.h"

#include "core/page_alloc.h"

#include <string.h>

enum { PD = 0x100, SERVICE = 0x120, THREAD = 0x180 };

static void destroy(word first, unsigned order)
{
    revoke(0, nova_crd(NOVA_CRD_OBJ, first, order, NOVA_PERM_ALL), NOVA_REVOKE_SELF, 0, 0);
    machine_settle();
}

/* One of everything, in use, in [0x140, 0x180). */
static void make_everything(void)
{
    enum { AT = 0x140 };
    CHECK_EQ(create_pd(0, AT, SEL_PD, nova_crd(NOVA_CRD_OBJ, SEL_PD, 0, 31), 5, 60), NOVA_SUCCESS);
    CHECK_EQ(create_ec(0, AT + 1, AT, 0, utcb_address(1), 0, 0, false), NOVA_SUCCESS);
    CHECK_EQ(create_ec(0, AT + 2, AT, 1, utcb_address(2), 0, 0, true), NOVA_SUCCESS);
    CHECK_EQ(create_pt(0, AT + 3, AT, AT + 1, 0, CODE), NOVA_SUCCESS);
    CHECK_EQ(create_sm(0, AT + 4, AT, 3, 0), NOVA_SUCCESS);
    CHECK_EQ(create_sm(0, AT + 5, AT, 3, AT + 4), NOVA_SUCCESS);
    CHECK_EQ(sm_up(0, AT + 5), NOVA_SUCCESS);
    CHECK_EQ(create_ec(0, AT + 6, SEL_PD, 0, utcb_address(1), 0, 0, false), NOVA_SUCCESS);
    CHECK_EQ(create_pt(0, AT + 7, SEL_PD, AT + 6, 0, CODE), NOVA_SUCCESS);
    CHECK_EQ(create_pd(0, AT + 8, AT, 0, 0, 20), NOVA_SUCCESS);
    CHECK_EQ(create_sm(0, AT + 9, AT + 8, 0, 0), NOVA_SUCCESS);
    /* Memory, ports and capabilities in the new PD. */
    for (unsigned i = 0; i < 5; i++)
        CHECK_EQ(delegate(0, NOVA_ROOT_UTCB_ADDRESS, SEL_PD, AT, nova_crd(NOVA_CRD_MEM, 0x5200 + 3 * i, 1, 3),
                          nova_control(NOVA_ITEM_DELEGATE | NOVA_ITEM_KERNEL, 0), nova_crd(NOVA_CRD_MEM, (word)i << 12, 1, 31)),
                 NOVA_SUCCESS);
    CHECK_EQ(delegate(0, NOVA_ROOT_UTCB_ADDRESS, SEL_PD, AT, nova_crd(NOVA_CRD_PIO, 0x60, 2, 1),
                      nova_control(NOVA_ITEM_DELEGATE | NOVA_ITEM_KERNEL, 0), nova_crd(NOVA_CRD_PIO, 0, 16, 31)),
             NOVA_SUCCESS);
    CHECK_EQ(delegate(0, NOVA_ROOT_UTCB_ADDRESS, SEL_PD, AT, nova_crd(NOVA_CRD_OBJ, AT, 4, 31),
                      nova_control(NOVA_ITEM_DELEGATE, 0x1000), nova_crd(NOVA_CRD_OBJ, 0, 31, 31)),
             NOVA_SUCCESS);
    /* A call is under way when it all goes. */
}

TEST(accounts_return_to_the_page)
{
    machine_boot(2);
    make_everything();
    destroy(0x140, 6);
    /* The second time all tables of root are there: exactly the same before and after. */
    word usage = pd_usage(0, SEL_PD), limit = pd_limit(0, SEL_PD), pages = page_alloc_free_pages();
    for (unsigned round = 0; round < 5; round++) {
        make_everything();
        CHECK(pd_usage(0, SEL_PD) > usage && pd_limit(0, SEL_PD) == limit - 60);
        destroy(0x140, 6);
        CHECK_EQ(pd_limit(0, SEL_PD), limit);
        CHECK_EQ(pd_usage(0, SEL_PD), usage);
        CHECK_EQ(page_alloc_free_pages(), pages);
    }
    CHECK_EQ(tlb_stale(), 0);
}

TEST(accounts_return_one_object_at_a_time)
{
    machine_boot(2);
    make_everything();
    destroy(0x140, 6);
    word usage = pd_usage(0, SEL_PD), limit = pd_limit(0, SEL_PD);
    make_everything();
    /* Upwards: PDs before what they paid for. */
    for (word i = 0; i < 10; i++)
        destroy(0x140 + i, 0);
    CHECK_EQ(pd_limit(0, SEL_PD), limit);
    CHECK_EQ(pd_usage(0, SEL_PD), usage);
    make_everything();
    for (word i = 10; i-- > 0;)
        destroy(0x140 + i, 0);
    CHECK_EQ(pd_limit(0, SEL_PD), limit);
    CHECK_EQ(pd_usage(0, SEL_PD), usage);
}

TEST(capabilities_in_another_pd_follow_a_revoke)
{
    machine_boot(1);
    CHECK_EQ(create_pd(0, PD, SEL_PD, 0, 0, 100), NOVA_SUCCESS);
    CHECK_EQ(create_sm(0, PD + 1, SEL_PD, 5, 0), NOVA_SUCCESS);
    word item = nova_crd(NOVA_CRD_OBJ, PD + 1, 0, 31), far = nova_crd(NOVA_CRD_OBJ, 0x123456, 0, 31),
         back = nova_crd(NOVA_CRD_OBJ, 0x200, 0, 31);
    CHECK_EQ(delegate(0, NOVA_ROOT_UTCB_ADDRESS, SEL_PD, PD, item, nova_control(NOVA_ITEM_DELEGATE, 0), far), NOVA_SUCCESS);
    CHECK_EQ(delegate(0, NOVA_ROOT_UTCB_ADDRESS, PD, SEL_PD, far, nova_control(NOVA_ITEM_DELEGATE, 0), back), NOVA_SUCCESS);
    CHECK_EQ(sm_down(0, 0x200, 0, 0), NOVA_SUCCESS);
    /* The permission to raise goes from all copies, not from the original. */
    CHECK_EQ(revoke(0, nova_crd(NOVA_CRD_OBJ, PD + 1, 0, NOVA_SM_UP_PERM), 0, 0, 0), NOVA_SUCCESS);
    CHECK_EQ(sm_up(0, 0x200), NOVA_BAD_CAP);
    CHECK_EQ(sm_down(0, 0x200, 0, 0), NOVA_SUCCESS);
    CHECK_EQ(sm_up(0, PD + 1), NOVA_SUCCESS);
    /* The PD in the middle goes: what came through it goes, too. */
    destroy(PD, 0);
    CHECK_EQ(lookup(0, back), 0);
    CHECK_EQ(sm_down(0, PD + 1, 0, 0), NOVA_SUCCESS);
}

TEST(revoke_remote)
{
    machine_boot(1);
    CHECK_EQ(create_pd(0, PD, SEL_PD, nova_crd(NOVA_CRD_OBJ, 32, 5, 31), 0, 100), NOVA_SUCCESS);
    word back = nova_crd(NOVA_CRD_OBJ, 0x220, 5, 31);
    CHECK_EQ(delegate(0, NOVA_ROOT_UTCB_ADDRESS, PD, SEL_PD, nova_crd(NOVA_CRD_OBJ, 0, 5, 31), nova_control(NOVA_ITEM_DELEGATE, 0),
                      back),
             NOVA_SUCCESS);
    CHECK_EQ(lookup(0, nova_crd(NOVA_CRD_OBJ, 0x221, 0, 0)), nova_crd(NOVA_CRD_OBJ, 0x221, 0, NOVA_EC_ALL));
    CHECK_EQ(revoke(0, nova_crd(NOVA_CRD_OBJ, 1, 0, 31), NOVA_REVOKE_REMOTE | NOVA_REVOKE_SELF, 0, PD), NOVA_SUCCESS);
    CHECK_EQ(lookup(0, nova_crd(NOVA_CRD_OBJ, 0x221, 0, 0)), 0);
    CHECK_EQ(lookup(0, nova_crd(NOVA_CRD_OBJ, 0x220, 0, 0)), nova_crd(NOVA_CRD_OBJ, 0x220, 0, NOVA_PD_ALL));
    CHECK_EQ(lookup(0, nova_crd(NOVA_CRD_OBJ, 33, 0, 0)), nova_crd(NOVA_CRD_OBJ, 33, 0, NOVA_EC_ALL));
}

TEST(revoke_tells_when_memory_is_free)
{
    machine_boot(2);
    CHECK_EQ(create_sm(0, PD, SEL_PD, 0, 0), NOVA_SUCCESS);
    CHECK_EQ(create_sm(0, PD + 1, SEL_PD, 0, 0), NOVA_SUCCESS);
    CHECK_EQ(revoke(0, nova_crd(NOVA_CRD_OBJ, PD + 1, 0, 31), NOVA_REVOKE_SELF, PD, 0), NOVA_SUCCESS);
    machine_settle();
    CHECK_EQ(sm_down(0, PD, 0, 0), NOVA_SUCCESS);
    CHECK_EQ(sm_down(0, PD, 0, machine_time() + 10), BLOCKED);
}

TEST(pd_dies_with_running_threads)
{
    machine_boot(2);
    machine_log_clear();
    CHECK_EQ(create_pd(0, PD, SEL_PD, 0, 0, 200), NOVA_SUCCESS);
    /* A thread on each CPU; their startup is handled by nobody in that PD: give them a portal through delegation. */
    for (unsigned cpu = 0; cpu < 2; cpu++) {
        CHECK_EQ(create_ec(0, PD + 1 + cpu, PD, cpu, utcb_address(cpu), 0x1000, 0x40 * cpu, false), NOVA_SUCCESS);
        CHECK_EQ(create_pt(0, PD + 3 + cpu, PD, PD + 1 + cpu, NOVA_MTD_IP, CODE), NOVA_SUCCESS);
        CHECK_EQ(delegate(0, NOVA_ROOT_UTCB_ADDRESS, SEL_PD, PD, nova_crd(NOVA_CRD_OBJ, PD + 3 + cpu, 0, 31),
                          nova_control(NOVA_ITEM_DELEGATE, 0), nova_crd(NOVA_CRD_OBJ, 0x40 * cpu + NOVA_EVENT_STARTUP, 0, 31)),
                 NOVA_SUCCESS);
        CHECK_EQ(create_ec(0, PD + 5 + cpu, PD, cpu, utcb_address(2 + cpu), 0x1000, 0x40 * cpu, true), NOVA_SUCCESS);
    }
    CHECK_EQ(create_sc(0, PD + 8, PD, PD + 6, 1, 1000), NOVA_SUCCESS);
    CHECK(!cpu_idle(1) && cpu_frame(1)->ip == CODE);
    CHECK_EQ(create_sc(0, PD + 7, PD, PD + 5, 1, 1000), NOVA_SUCCESS);
    /* Root goes on (same priority, its slice is not over) and destroys it all. */
    CHECK_EQ(running(0), 0);
    destroy(PD, 4);
    CHECK(cpu_idle(1));
    CHECK_EQ(running(0), 0);
    CHECK_TEXT(machine_log(), "");
    machine_advance(1000000000);
    CHECK_EQ(running(0), 0);
    CHECK(cpu_idle(1));
}

TEST(pd_alone_dies_its_threads_stop)
{
    machine_boot(1);
    CHECK_EQ(create_pd(0, PD, SEL_PD, 0, 0, 200), NOVA_SUCCESS);
    CHECK_EQ(create_ec(0, PD + 1, PD, 0, utcb_address(0), 0x1000, 0, false), NOVA_SUCCESS);
    CHECK_EQ(create_pt(0, PD + 2, PD, PD + 1, 0, CODE + 0x100), NOVA_SUCCESS);
    /* Only the PD's capability goes; root still holds EC and portal. */
    destroy(PD, 0);
    word status = call(0, PD + 2, 0);
    CHECK(status == NOVA_COM_TIM || status == NOVA_COM_ABT);
    CHECK_EQ(running(0), 0);
    destroy(PD, 4);
}

TEST(pd_with_many_selectors_dies)
{
    machine_boot(1);
    word limit = 0;
    for (unsigned round = 0; round < 2; round++) {
        limit = pd_limit(0, SEL_PD);
        CHECK_EQ(create_pd(0, PD, SEL_PD, 0, 0, 300), NOVA_SUCCESS);
        CHECK_EQ(create_sm(0, PD + 1, SEL_PD, 0, 0), NOVA_SUCCESS);
        /* One capability in each of 200 tables, and the last ones are where a walk comes last. */
        for (word i = 0; i < 200; i++)
            CHECK_EQ(delegate(0, NOVA_ROOT_UTCB_ADDRESS, SEL_PD, PD, nova_crd(NOVA_CRD_OBJ, PD + 1, 0, 31),
                              nova_control(NOVA_ITEM_DELEGATE, 0), nova_crd(NOVA_CRD_OBJ, 63 + 64 * i, 0, 31)),
                     NOVA_SUCCESS);
        destroy(PD, 1);
        CHECK_EQ(running(0), 0);
        CHECK_EQ(lookup(0, nova_crd(NOVA_CRD_OBJ, PD, 0, 0)), 0);
    }
    CHECK_EQ(pd_limit(0, SEL_PD), limit);
}

TEST(root_destroys_itself)
{
    /* The last PD: the kernel goes on, idle. */
    machine_boot(2);
    hypercall(0, nova_arg1(NOVA_REVOKE, NOVA_REVOKE_SELF, 0), nova_crd(NOVA_CRD_OBJ, 0, 31, 31), 0, 0, 0);
    machine_settle();
    CHECK(cpu_idle(0));
    machine_advance(1000000000);
    CHECK(cpu_idle(0) && cpu_idle(1));
}

TEST(utcb_address_is_free_at_once)
{
    machine_boot(2);
    for (unsigned i = 0; i < 20; i++) {
        CHECK_EQ(create_ec(0, PD, SEL_PD, i % 2, utcb_address(0), 0, 0, false), NOVA_SUCCESS);
        ((word *)user_pointer(0, utcb_address(0), MMU_READ | MMU_WRITE))[5] = i;
        CHECK_EQ(revoke(0, nova_crd(NOVA_CRD_OBJ, PD, 0, 31), NOVA_REVOKE_SELF, 0, 0), NOVA_SUCCESS);
    }
    CHECK_EQ(tlb_stale(), 0);
}
