/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Moving a thread to another CPU: its new capabilities, the end of all old ones, and the name that it gets for itself.
 */
#include "migrate.h"
#include "core/ec.h"
#include "tests/object_tables.h"

TEST(migrate_gives_new_capabilities)
{
    migrate_machine(CHILD);
    CHECK_EQ(migrate(0, THREAD, 2, object(NAME)), NOVA_BAD_PAR); /* the OOM portal is of CPU 1 */
    /* The place may hold the old one's name. */
    CHECK_EQ(give(CHILD, object(THREAD), EVENTS + NAME), NOVA_SUCCESS);
    CHECK(lookup(0, object(THREAD)));
    CHECK_EQ(migrate(0, THREAD, 1, nova_crd(NOVA_CRD_OBJ, NAME, 0, 1)), NOVA_SUCCESS);
    CHECK_EQ(lookup(0, object(THREAD)), nova_crd(NOVA_CRD_OBJ, THREAD, 0, EC_ALL));
    CHECK_EQ(lookup(0, object(THREAD + 2)), nova_crd(NOVA_CRD_OBJ, THREAD + 2, 0, NOVA_SC_CTRL_PERM));
    migrate_answer();
    CHECK(migrate_arrived(1));
    /* In its own PD. */
    CHECK_EQ(lookup(1, object(EVENTS + NAME)), nova_crd(NOVA_CRD_OBJ, EVENTS + NAME, 0, 1));
    /* That one comes from the caller's. */
    CHECK_EQ(revoke(0, object(THREAD), 0, 0, 0), NOVA_SUCCESS);
    CHECK_EQ(lookup(1, object(EVENTS + NAME)), 0);
    CHECK(migrate_arrived(1));
    CHECK(object_tables_counted(&cpu_core(0)->current->pd->spaces.objects));
    CHECK(object_tables_counted(&cpu_core(1)->current->pd->spaces.objects));
}

TEST(migrate_ends_all_old_capabilities)
{
    /* The caller's capability is in the middle: many come from it and from its relatives, in two PDs. */
    enum { COUNT = 200 };
    migrate_machine(CHILD);
    word from = THREAD;
    for (unsigned i = 0; i < COUNT; i++) {
        word pd = i % 3 ? SEL_PD : CHILD;
        CHECK_EQ(give(pd, object(from), COPIES + i), NOVA_SUCCESS);
        if (pd == SEL_PD && i % 4)
            from = COPIES + i;
    }
    /* The handler's name for it is the last copy: its OOM portal and SC there, too. */
    CHECK_EQ(create_pt(0, from + 1, SEL_PD, HANDLER + 1, 0, IP), NOVA_SUCCESS);
    CHECK_EQ(give(SEL_PD, object(THREAD + 2), from + 2), NOVA_SUCCESS);
    unsigned long windows = machine_windows();
    CHECK_EQ(migrate(0, from, 1, object(NAME)), NOVA_SUCCESS);
    CHECK(machine_windows() > windows + 3);
    for (unsigned i = 0; i < COUNT + 3; i++)
        if (COPIES + i != from && COPIES + i != from + 1 && COPIES + i != from + 2)
            CHECK_EQ(lookup(0, object(COPIES + i)), 0);
    CHECK_EQ(lookup(0, object(THREAD)), 0);
    CHECK_EQ(lookup(0, object(THREAD + 2)), 0);
    CHECK_EQ(lookup(0, object(from)), nova_crd(NOVA_CRD_OBJ, from, 0, EC_ALL));
    CHECK_EQ(lookup(0, object(from + 2)), nova_crd(NOVA_CRD_OBJ, from + 2, 0, NOVA_SC_CTRL_PERM));
    CHECK(migrate_arrived(1));
    for (unsigned i = 0; i < COUNT; i++)
        CHECK_EQ(lookup(1, object(COPIES + i)), 0);
    migrate_answer();
    CHECK(migrate_arrived(1));
}

TEST(migrate_leaves_nothing_usable)
{
    /* Two copies whose common origin was given up with 'keep': neither comes from the other. */
    migrate_machine(SEL_PD);
    for (unsigned copy = 0; copy < 2; copy++)
        CHECK_EQ(give(SEL_PD, nova_crd(NOVA_CRD_OBJ, THREAD, 2, NOVA_PERM_ALL), COPIES + 8 * copy), NOVA_SUCCESS);
    CHECK_EQ(revoke(0, nova_crd(NOVA_CRD_OBJ, THREAD, 2, NOVA_PERM_ALL), NOVA_REVOKE_SELF | NOVA_REVOKE_KEEP, 0, 0), NOVA_SUCCESS);
    CHECK_EQ(migrate(0, COPIES, 1, object(NAME)), NOVA_SUCCESS);
    CHECK_EQ(hypercall(0, nova_arg1(NOVA_EC_CTRL, NOVA_EC_RECALL, COPIES), 0, 0, 0, 0), NOVA_SUCCESS);
    CHECK_EQ(hypercall(0, nova_arg1(NOVA_SC_CTRL, 0, COPIES + 2), 0, 0, 0, 0), NOVA_SUCCESS);
    CHECK_EQ(hypercall(0, nova_arg1(NOVA_EC_CTRL, NOVA_EC_RECALL, COPIES + 8), 0, 0, 0, 0), NOVA_BAD_CAP);
    CHECK_EQ(hypercall(0, nova_arg1(NOVA_SC_CTRL, 0, COPIES + 10), 0, 0, 0, 0), NOVA_BAD_CAP);
    migrate_answer();
}

TEST(migrate_needs_the_threads_own_sc)
{
    migrate_machine(SEL_PD);
    CHECK_EQ(give(SEL_PD, object(THREAD), COPIES), NOVA_SUCCESS);
    CHECK_EQ(give(SEL_PD, object(THREAD + 1), COPIES + 1), NOVA_SUCCESS);
    CHECK_EQ(give(SEL_PD, object(SEL_SC), COPIES + 2), NOVA_SUCCESS);
    CHECK_EQ(migrate(0, COPIES, 1, object(NAME)), NOVA_BAD_PAR);
    CHECK_EQ(revoke(0, object(COPIES + 2), NOVA_REVOKE_SELF, 0, 0), NOVA_SUCCESS);
    CHECK_EQ(migrate(0, COPIES, 1, object(NAME)), NOVA_BAD_PAR);
    CHECK_EQ(give(SEL_PD, object(THREAD + 2), COPIES + 2), NOVA_SUCCESS);
    CHECK_EQ(migrate(0, COPIES, 1, object(NAME)), NOVA_SUCCESS);
    CHECK(migrate_arrived(1));
    /* Once: the event is over as far as the thread is concerned. */
    CHECK_EQ(migrate(0, COPIES, 1, object(NAME)), NOVA_BAD_PAR);
    migrate_answer();
}

TEST(migrate_keeps_a_place_for_the_name)
{
    /* A table of its own in the thread's PD, which has not a page left. While names are handed over, the only capability beside it comes and goes. */
    enum { FAR = 0x1000, SERVICE = 0x300, OTHER = 0x308, GIVEN = 0x310 };
    migrate_machine(CHILD);
    thread_service(0, 2, SERVICE);
    thread_make(0, 2, OTHER, SERVICE, 2, 10);
    CHECK_EQ(running(2), 2);
    CHECK_EQ(create_sm(2, GIVEN, SEL_PD, 0, 0), NOVA_SUCCESS);
    for (unsigned i = 0; i < 1500; i++) /* enough to take a while */
        CHECK_EQ(give(SEL_PD, object(THREAD), COPIES + i), NOVA_SUCCESS);
    word before = pd_usage(2, CHILD);
    machine_window_limit = 1;
    hypercall_patience = 0;
    CHECK_EQ(migrate(0, THREAD, 1, object(FAR)), BLOCKED);
    hypercall_patience = 100;
    word usage = pd_usage(2, CHILD);
    CHECK(usage > before);
    CHECK_EQ(
        delegate(2, utcb_address(2), SEL_PD, CHILD, object(GIVEN), nova_control(NOVA_ITEM_DELEGATE, EVENTS + FAR + 1), ANY_OBJECT),
        NOVA_SUCCESS);
    CHECK_EQ(revoke(2, object(GIVEN), 0, 0, 0), NOVA_SUCCESS);
    CHECK_EQ(hypercall(2, nova_arg1(NOVA_PD_CTRL, 0, CHILD), SEL_PD, pd_limit(2, CHILD) - pd_usage(2, CHILD), 0, 0), NOVA_SUCCESS);
    CHECK(!cpu_frame(0)); /* not through yet */
    machine_window_limit = 32;
    for (unsigned i = 0; i < 100 && !cpu_frame(0); i++)
        machine_settle();
    CHECK_EQ(result_arg(0, 1), NOVA_SUCCESS);
    CHECK(migrate_arrived(1));
    CHECK_EQ(lookup(1, object(EVENTS + FAR)), nova_crd(NOVA_CRD_OBJ, EVENTS + FAR, 0, EC_ALL));
    CHECK(object_tables_counted(&cpu_core(1)->current->pd->spaces.objects));
    CHECK_EQ(pd_usage(2, CHILD), usage);
    /* And not for ever. */
    CHECK_EQ(revoke(0, object(THREAD), 0, 0, 0), NOVA_SUCCESS);
    migrate_grace();
    CHECK_EQ(pd_usage(2, CHILD), before);
    migrate_answer();
}
