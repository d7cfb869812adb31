/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Moving a thread to another CPU from inside an event of it (abi.md section 6, ec_ctrl 4): what goes along, what stays behind, what does not fit.
 */
#include "scenario.h"
#include "core/ec.h"
#include "tests/object_tables.h"

#include <string.h>

enum {
    HANDLER = 0x110, /* + cpu: serves the thread's events */
    THREAD = 0x180,  /* + 1 its OOM portal, + 2 its SC */
    EVENTS = 0x140,  /* in the thread's PD */
    NAME = 0x24,     /* where the thread gets a capability of itself, from EVENTS on */
    CHILD = 0x1c0,   /* the PD of tests with two */
    COPIES = 0x400,
    UTCB = 50, /* + cpu */
    IP = CODE + 0x400,
    SP = 0x7000,
    MAPPED = 0x6203000,
    UD = 6
};

static const unsigned ec_all = NOVA_EC_CTRL_PERM | NOVA_EC_BIND_SC | NOVA_EC_BIND_PT;

static word object(word selector) { return nova_crd(NOVA_CRD_OBJ, selector, 0, NOVA_PERM_ALL); }

static word migrate(unsigned cpu, word ec, word to, word crd)
{
    return hypercall(cpu, nova_arg1(NOVA_EC_CTRL, NOVA_EC_MIGRATE, ec), to, crd, 0, 0);
}

/* Event portals of the thread to the handler of a CPU. */
static void events_make(unsigned from, unsigned cpu)
{
    static const uint8_t events[] = {UD, NOVA_EVENT_STARTUP, NOVA_EVENT_RECALL};
    for (unsigned i = 0; i < sizeof events; i++) {
        revoke(from, object(EVENTS + events[i]), NOVA_REVOKE_SELF, 0, 0);
        CHECK_EQ(create_pt(from, EVENTS + events[i], SEL_PD, HANDLER + cpu, NOVA_MTD_IP | NOVA_MTD_GPR_ACDB, IP), NOVA_SUCCESS);
        CHECK_EQ(pt_ctrl(from, EVENTS + events[i], events[i]), NOVA_SUCCESS);
    }
}

/* Three CPUs with a handler each; a thread of this PD (its objects at the same selectors) on CPU 0, which is in its event #UD. */
static void machine_make(word pd)
{
    machine_boot(3);
    for (unsigned cpu = 0; cpu < 3; cpu++)
        CHECK_EQ(create_ec(0, HANDLER + cpu, SEL_PD, cpu, utcb_address(UTCB + cpu), SP, 0, false), NOVA_SUCCESS);
    events_make(0, 0);
    if (pd != SEL_PD) {
        CHECK_EQ(create_pd(0, pd, SEL_PD, 0, 0, 20), NOVA_SUCCESS);
        CHECK_EQ(delegate(0, NOVA_ROOT_UTCB_ADDRESS, SEL_PD, pd, nova_crd(NOVA_CRD_OBJ, EVENTS, 5, NOVA_PERM_ALL),
                          nova_control(NOVA_ITEM_DELEGATE, EVENTS), nova_crd(NOVA_CRD_OBJ, 0, 31, NOVA_PERM_ALL)),
                 NOVA_SUCCESS);
    }
    CHECK_EQ(create_pt(0, THREAD + 1, SEL_PD, HANDLER + 1, 0, IP), NOVA_SUCCESS);
    CHECK_EQ(create_ec(0, THREAD, pd, 0, utcb_address(1), 0x1230, EVENTS, true), NOVA_SUCCESS);
    CHECK_EQ(create_sc(0, THREAD + 2, pd, THREAD, 10, 1000), BLOCKED);
    utcb_at(0, utcb_address(UTCB))->state.mtd = NOVA_MTD_IP;
    utcb_at(0, utcb_address(UTCB))->state.ip = CODE + 0x20;
    reply(0, 0);
    CHECK_EQ(cpu_frame(0)->ip, CODE + 0x20);
    for (unsigned i = 0; i < FRAME_REGS; i++)
        cpu_frame(0)->reg[i] = 0xb0 + i;
    cpu_frame(0)->arg[3] = 0xa3;
    memset(fpu_registers(0), 0x42, FPU_BYTES);
    memset(fpu_registers(0) + 24, 0, 4);
    if (pd == SEL_PD)
        utcb_at(0, utcb_address(1))->mr[7] = 0x7e57;
    exception(0, UD, 0, 0);
    CHECK_EQ(cpu_frame(0)->arg[0], UD);
}

static bool thread_runs(unsigned cpu)
{
    const struct frame *frame = cpu_frame(cpu);
    return !cpu_idle(cpu) && frame->ip == CODE + 0x20 && frame->sp == 0x1230;
}

static bool in_handler(unsigned cpu) { return !cpu_idle(cpu) && cpu_frame(cpu)->ip == IP; }

/* The handler's answer must not change anything; then root runs on CPU 0 again. */
static void answer(void)
{
    struct nova_utcb *utcb = utcb_at(0, utcb_address(UTCB));
    utcb->items = nova_items(0, 1);
    *nova_item(utcb, 0) =
        (struct nova_item){nova_crd(NOVA_CRD_MEM, CODE >> 12, 0, NOVA_PERM_ALL), nova_control(NOVA_ITEM_DELEGATE, MAPPED >> 12)};
    utcb->state.mtd = NOVA_MTD_IP | NOVA_MTD_GPR_ACDB | NOVA_MTD_FPU;
    utcb->state.ip = CODE + 0x999;
    CHECK_EQ(reply(0, 0), BLOCKED);
    CHECK_EQ(running(0), 0);
    CHECK(!user_try(0, MAPPED, MMU_READ));
}

/* Until all that is gone is free. */
static void grace(void)
{
    for (unsigned i = 0; i < 10; i++) {
        machine_settle();
        for (unsigned cpu = 0; cpu < 3; cpu++)
            cpu_enter(cpu, ENTER_SIGNAL, 0, 0, 0);
    }
}

TEST(migrate_takes_the_whole_state_along)
{
    machine_make(SEL_PD);
    CHECK_EQ(migrate(0, THREAD, 1, object(NAME)), NOVA_SUCCESS);
    CHECK(in_handler(0));
    CHECK(thread_runs(1));
    CHECK_EQ(cpu_frame(1)->arg[3], 0xa3);
    for (unsigned i = 0; i < FRAME_REGS; i++)
        CHECK_EQ(cpu_frame(1)->reg[i], 0xb0 + i);
    CHECK_EQ(fpu_registers(1)[100], 0x42);
    CHECK_EQ(utcb_at(1, utcb_address(1))->mr[7], 0x7e57);
    machine_log_clear();
    answer();
    CHECK(thread_runs(1));
    CHECK_EQ(cpu_frame(1)->arg[3], 0xa3);
    CHECK_EQ(utcb_at(1, utcb_address(1))->mr[7], 0x7e57);
    CHECK_EQ(machine_log_length(), 0);
    /* The thread is a thread: it makes hypercalls, its event goes to a handler of its new CPU, it can be stopped. */
    CHECK_EQ(create_sm(1, 0x1f0, SEL_PD, 0, 0), NOVA_SUCCESS);
    events_make(0, 1);
    exception(1, UD, 0, 0);
    CHECK(in_handler(1));
    CHECK_EQ(reply(1, 0), BLOCKED);
    CHECK(thread_runs(1));
    CHECK_EQ(revoke(0, object(THREAD), NOVA_REVOKE_SELF, 0, 0), NOVA_SUCCESS);
    CHECK(cpu_idle(1));
    CHECK(!user_try(0, utcb_address(1), MMU_READ));
}

TEST(migrate_gives_new_capabilities)
{
    machine_make(CHILD);
    CHECK_EQ(migrate(0, THREAD, 2, object(NAME)), NOVA_BAD_PAR); /* the OOM portal is of CPU 1 */
    /* The place may hold the old one's name. */
    CHECK_EQ(delegate(0, utcb_address(UTCB), SEL_PD, CHILD, object(THREAD), nova_control(NOVA_ITEM_DELEGATE, EVENTS + NAME),
                      nova_crd(NOVA_CRD_OBJ, 0, 31, NOVA_PERM_ALL)),
             NOVA_SUCCESS);
    CHECK(lookup(0, object(THREAD)));
    CHECK_EQ(migrate(0, THREAD, 1, nova_crd(NOVA_CRD_OBJ, NAME, 0, 1)), NOVA_SUCCESS);
    CHECK_EQ(lookup(0, object(THREAD)), nova_crd(NOVA_CRD_OBJ, THREAD, 0, ec_all));
    CHECK_EQ(lookup(0, object(THREAD + 2)), nova_crd(NOVA_CRD_OBJ, THREAD + 2, 0, NOVA_SC_CTRL_PERM));
    answer();
    CHECK(thread_runs(1));
    /* In its own PD. */
    CHECK_EQ(lookup(1, object(EVENTS + NAME)), nova_crd(NOVA_CRD_OBJ, EVENTS + NAME, 0, 1));
    /* That one comes from the caller's. */
    CHECK_EQ(revoke(0, object(THREAD), 0, 0, 0), NOVA_SUCCESS);
    CHECK_EQ(lookup(1, object(EVENTS + NAME)), 0);
    CHECK(thread_runs(1));
    CHECK(object_tables_counted(&cpu_core(0)->current->pd->spaces.objects));
    CHECK(object_tables_counted(&cpu_core(1)->current->pd->spaces.objects));
}

TEST(migrate_ends_all_old_capabilities)
{
    /* The caller's capability is in the middle: many come from it and from its relatives, in two PDs. */
    enum { COUNT = 200 };
    machine_make(CHILD);
    word any = nova_crd(NOVA_CRD_OBJ, 0, 31, NOVA_PERM_ALL), from = THREAD;
    struct nova_utcb *utcb = utcb_at(0, utcb_address(UTCB));
    for (unsigned i = 0; i < COUNT; i++) {
        word pd = i % 3 ? SEL_PD : CHILD;
        utcb->items = nova_items(0, 1);
        *nova_item(utcb, 0) = (struct nova_item){object(from), nova_control(NOVA_ITEM_DELEGATE, COPIES + i)};
        CHECK_EQ(hypercall(0, nova_arg1(NOVA_MISC, NOVA_MISC_DELEGATE, SEL_PD), any, pd, 0, 0), NOVA_SUCCESS);
        if (pd == SEL_PD && i % 4)
            from = COPIES + i;
    }
    /* The handler's name for it is the last copy: its OOM portal and SC there, too. */
    CHECK_EQ(create_pt(0, from + 1, SEL_PD, HANDLER + 1, 0, IP), NOVA_SUCCESS);
    *nova_item(utcb, 0) = (struct nova_item){object(THREAD + 2), nova_control(NOVA_ITEM_DELEGATE, from + 2)};
    utcb->items = nova_items(0, 1);
    CHECK_EQ(hypercall(0, nova_arg1(NOVA_MISC, NOVA_MISC_DELEGATE, SEL_PD), any, SEL_PD, 0, 0), NOVA_SUCCESS);
    unsigned long windows = machine_windows();
    CHECK_EQ(migrate(0, from, 1, object(NAME)), NOVA_SUCCESS);
    CHECK(machine_windows() > windows + 3);
    for (unsigned i = 0; i < COUNT + 3; i++)
        if (COPIES + i != from && COPIES + i != from + 1 && COPIES + i != from + 2)
            CHECK_EQ(lookup(0, object(COPIES + i)), 0);
    CHECK_EQ(lookup(0, object(THREAD)), 0);
    CHECK_EQ(lookup(0, object(THREAD + 2)), 0);
    CHECK_EQ(lookup(0, object(from)), nova_crd(NOVA_CRD_OBJ, from, 0, ec_all));
    CHECK_EQ(lookup(0, object(from + 2)), nova_crd(NOVA_CRD_OBJ, from + 2, 0, NOVA_SC_CTRL_PERM));
    CHECK(thread_runs(1));
    for (unsigned i = 0; i < COUNT; i++)
        CHECK_EQ(lookup(1, object(COPIES + i)), 0);
    answer();
    CHECK(thread_runs(1));
}

TEST(migrate_leaves_nothing_usable)
{
    /* Two copies whose common origin was given up with 'keep': neither comes from the other. */
    machine_make(SEL_PD);
    struct nova_utcb *utcb = utcb_at(0, utcb_address(UTCB));
    word any = nova_crd(NOVA_CRD_OBJ, 0, 31, NOVA_PERM_ALL);
    for (unsigned copy = 0; copy < 2; copy++) {
        utcb->items = nova_items(0, 1);
        *nova_item(utcb, 0) = (struct nova_item){nova_crd(NOVA_CRD_OBJ, THREAD, 2, NOVA_PERM_ALL),
                                                 nova_control(NOVA_ITEM_DELEGATE, COPIES + 8 * copy)};
        CHECK_EQ(hypercall(0, nova_arg1(NOVA_MISC, NOVA_MISC_DELEGATE, SEL_PD), any, SEL_PD, 0, 0), NOVA_SUCCESS);
    }
    CHECK_EQ(revoke(0, nova_crd(NOVA_CRD_OBJ, THREAD, 2, NOVA_PERM_ALL), NOVA_REVOKE_SELF | NOVA_REVOKE_KEEP, 0, 0), NOVA_SUCCESS);
    CHECK_EQ(migrate(0, COPIES, 1, object(NAME)), NOVA_SUCCESS);
    CHECK_EQ(hypercall(0, nova_arg1(NOVA_EC_CTRL, NOVA_EC_RECALL, COPIES), 0, 0, 0, 0), NOVA_SUCCESS);
    CHECK_EQ(hypercall(0, nova_arg1(NOVA_SC_CTRL, 0, COPIES + 2), 0, 0, 0, 0), NOVA_SUCCESS);
    CHECK_EQ(hypercall(0, nova_arg1(NOVA_EC_CTRL, NOVA_EC_RECALL, COPIES + 8), 0, 0, 0, 0), NOVA_BAD_CAP);
    CHECK_EQ(hypercall(0, nova_arg1(NOVA_SC_CTRL, 0, COPIES + 10), 0, 0, 0, 0), NOVA_BAD_CAP);
    answer();
}

TEST(migrate_refuses_what_does_not_fit)
{
    machine_make(SEL_PD);
    word usage = pd_usage(0, SEL_PD);
    CHECK_EQ(migrate(0, 0x1f0, 1, object(NAME)), NOVA_BAD_CAP);   /* nothing there */
    CHECK_EQ(migrate(0, SEL_PD, 1, object(NAME)), NOVA_BAD_CAP);  /* not an EC */
    CHECK_EQ(migrate(0, SEL_EC, 1, object(NAME)), NOVA_BAD_PAR);  /* not in an event */
    CHECK_EQ(migrate(0, HANDLER, 1, object(NAME)), NOVA_BAD_PAR); /* the caller itself */
    CHECK_EQ(migrate(0, THREAD, 3, object(NAME)), NOVA_BAD_PAR);  /* no such CPU */
    CHECK_EQ(migrate(0, THREAD, ALL_ONES, object(NAME)), NOVA_BAD_PAR);
    CHECK_EQ(migrate(0, THREAD, 2, object(NAME)), NOVA_BAD_PAR); /* the OOM portal is elsewhere */
    CHECK_EQ(migrate(0, THREAD, 1, 0), NOVA_BAD_PAR);            /* no CRD */
    CHECK_EQ(migrate(0, THREAD, 1, nova_crd(NOVA_CRD_MEM, NAME, 0, 31)), NOVA_BAD_PAR);
    CHECK_EQ(migrate(0, THREAD, 1, nova_crd(NOVA_CRD_OBJ, NAME, 1, 31)), NOVA_BAD_PAR);
    CHECK_EQ(migrate(0, THREAD, 1, nova_crd(NOVA_CRD_OBJ, NAME, 0, 0)), NOVA_BAD_PAR);
    CHECK_EQ(migrate(0, THREAD, 1, nova_crd(NOVA_CRD_OBJ, (ALL_ONES >> 12) - EVENTS, 0, 31)), NOVA_BAD_PAR);
    CHECK_EQ(pd_usage(0, SEL_PD), usage);
}

TEST(migrate_needs_its_neighbours)
{
    machine_make(SEL_PD);
    CHECK_EQ(migrate(0, THREAD, 1, object(UD)), NOVA_BAD_PAR); /* a portal is there */
    CHECK_EQ(revoke(0, object(THREAD + 1), NOVA_REVOKE_SELF, 0, 0), NOVA_SUCCESS);
    CHECK_EQ(migrate(0, THREAD, 1, object(NAME)), NOVA_BAD_PAR);
    CHECK_EQ(create_sm(0, THREAD + 1, SEL_PD, 0, 0), NOVA_SUCCESS);
    CHECK_EQ(migrate(0, THREAD, 1, object(NAME)), NOVA_BAD_PAR);
    CHECK_EQ(revoke(0, object(THREAD + 1), NOVA_REVOKE_SELF, 0, 0), NOVA_SUCCESS);
    CHECK_EQ(create_pt(0, THREAD + 1, SEL_PD, HANDLER + 1, 0, IP), NOVA_SUCCESS);
    CHECK_EQ(migrate(0, THREAD, 1, object(NAME)), NOVA_SUCCESS);
    answer();
}

TEST(migrate_needs_the_threads_own_sc)
{
    machine_make(SEL_PD);
    struct nova_utcb *utcb = utcb_at(0, utcb_address(UTCB));
    word any = nova_crd(NOVA_CRD_OBJ, 0, 31, NOVA_PERM_ALL);
    utcb->items = nova_items(0, 3);
    *nova_item(utcb, 0) = (struct nova_item){object(THREAD), nova_control(NOVA_ITEM_DELEGATE, COPIES)};
    *nova_item(utcb, 1) = (struct nova_item){object(THREAD + 1), nova_control(NOVA_ITEM_DELEGATE, COPIES + 1)};
    *nova_item(utcb, 2) = (struct nova_item){object(SEL_SC), nova_control(NOVA_ITEM_DELEGATE, COPIES + 2)};
    CHECK_EQ(hypercall(0, nova_arg1(NOVA_MISC, NOVA_MISC_DELEGATE, SEL_PD), any, SEL_PD, 0, 0), NOVA_SUCCESS);
    CHECK_EQ(migrate(0, COPIES, 1, object(NAME)), NOVA_BAD_PAR);
    CHECK_EQ(revoke(0, object(COPIES + 2), NOVA_REVOKE_SELF, 0, 0), NOVA_SUCCESS);
    CHECK_EQ(migrate(0, COPIES, 1, object(NAME)), NOVA_BAD_PAR);
    utcb->items = nova_items(0, 1);
    *nova_item(utcb, 0) = (struct nova_item){object(THREAD + 2), nova_control(NOVA_ITEM_DELEGATE, COPIES + 2)};
    CHECK_EQ(hypercall(0, nova_arg1(NOVA_MISC, NOVA_MISC_DELEGATE, SEL_PD), any, SEL_PD, 0, 0), NOVA_SUCCESS);
    CHECK_EQ(migrate(0, COPIES, 1, object(NAME)), NOVA_SUCCESS);
    CHECK(thread_runs(1));
    /* Once: the event is over as far as the thread is concerned. */
    CHECK_EQ(migrate(0, COPIES, 1, object(NAME)), NOVA_BAD_PAR);
    answer();
}

TEST(migrate_keeps_a_place_for_the_name)
{
    /* A table of its own in the thread's PD, which has not a page left. While names are handed over, the only capability beside it comes and goes. */
    enum { FAR = 0x1000, SERVICE = 0x300, OTHER = 0x308, GIVEN = 0x310 };
    machine_make(CHILD);
    thread_service(0, 2, SERVICE);
    thread_make(0, 2, OTHER, SERVICE, 2, 10);
    CHECK_EQ(running(2), 2);
    CHECK_EQ(create_sm(2, GIVEN, SEL_PD, 0, 0), NOVA_SUCCESS);
    for (unsigned i = 0; i < 1500; i++) /* enough to take a while */
        CHECK_EQ(delegate(0, utcb_address(UTCB), SEL_PD, SEL_PD, object(THREAD), nova_control(NOVA_ITEM_DELEGATE, COPIES + i),
                          nova_crd(NOVA_CRD_OBJ, 0, 31, NOVA_PERM_ALL)),
                 NOVA_SUCCESS);
    word before = pd_usage(2, CHILD);
    machine_window_limit = 1;
    hypercall_patience = 0;
    CHECK_EQ(migrate(0, THREAD, 1, object(FAR)), BLOCKED);
    hypercall_patience = 100;
    word usage = pd_usage(2, CHILD);
    CHECK(usage > before);
    CHECK_EQ(delegate(2, utcb_address(2), SEL_PD, CHILD, object(GIVEN), nova_control(NOVA_ITEM_DELEGATE, EVENTS + FAR + 1),
                      nova_crd(NOVA_CRD_OBJ, 0, 31, NOVA_PERM_ALL)),
             NOVA_SUCCESS);
    CHECK_EQ(revoke(2, object(GIVEN), 0, 0, 0), NOVA_SUCCESS);
    CHECK_EQ(hypercall(2, nova_arg1(NOVA_PD_CTRL, 0, CHILD), SEL_PD, pd_limit(2, CHILD) - pd_usage(2, CHILD), 0, 0), NOVA_SUCCESS);
    CHECK(!cpu_frame(0)); /* not through yet */
    machine_window_limit = 32;
    for (unsigned i = 0; i < 100 && !cpu_frame(0); i++)
        machine_settle();
    CHECK_EQ(result_arg(0, 1), NOVA_SUCCESS);
    CHECK(thread_runs(1));
    CHECK_EQ(lookup(1, object(EVENTS + FAR)), nova_crd(NOVA_CRD_OBJ, EVENTS + FAR, 0, ec_all));
    CHECK(object_tables_counted(&cpu_core(1)->current->pd->spaces.objects));
    CHECK_EQ(pd_usage(2, CHILD), usage);
    /* And not for ever. */
    CHECK_EQ(revoke(0, object(THREAD), 0, 0, 0), NOVA_SUCCESS);
    grace();
    CHECK_EQ(pd_usage(2, CHILD), before);
    answer();
}

TEST(migrate_to_the_same_cpu)
{
    machine_make(SEL_PD);
    CHECK_EQ(revoke(0, object(THREAD + 1), NOVA_REVOKE_SELF, 0, 0), NOVA_SUCCESS);
    CHECK_EQ(create_pt(0, THREAD + 1, SEL_PD, HANDLER + 0, 0, IP), NOVA_SUCCESS);
    CHECK_EQ(migrate(0, THREAD, 0, object(NAME)), NOVA_SUCCESS);
    struct nova_utcb *utcb = utcb_at(0, utcb_address(UTCB));
    utcb->items = 0;
    utcb->state.mtd = NOVA_MTD_IP;
    utcb->state.ip = CODE + 0x999;
    reply(0, 0);
    CHECK(thread_runs(0));
}

TEST(migrate_keeps_a_recall)
{
    machine_make(SEL_PD);
    CHECK_EQ(hypercall(0, nova_arg1(NOVA_EC_CTRL, NOVA_EC_RECALL, THREAD), 0, 0, 0, 0), NOVA_SUCCESS);
    for (unsigned event = 0; event < 32; event++)
        revoke(0, object(EVENTS + event), NOVA_REVOKE_SELF, 0, 0);
    CHECK_EQ(create_pt(0, EVENTS + NOVA_EVENT_RECALL, SEL_PD, HANDLER + 1, NOVA_MTD_IP, IP), NOVA_SUCCESS);
    CHECK_EQ(migrate(0, THREAD, 1, object(NAME)), NOVA_SUCCESS);
    CHECK(in_handler(1));
    CHECK_EQ(utcb_at(1, utcb_address(UTCB + 1))->state.ip, CODE + 0x20);
    utcb_at(1, utcb_address(UTCB + 1))->state.mtd = 0;
    CHECK_EQ(reply(1, 0), BLOCKED);
    CHECK(thread_runs(1));
    answer();
    /* And no other one. */
    CHECK_EQ(create_sm(1, 0x1f0, SEL_PD, 0, 0), NOVA_SUCCESS);
}

TEST(migrate_out_of_a_hypercall)
{
    /* A recall event comes between two instructions; the next one is as good as any. Its state is that of a hypercall's return. */
    machine_make(SEL_PD);
    utcb_at(0, utcb_address(UTCB))->items = 0;
    utcb_at(0, utcb_address(UTCB))->state.mtd = 0;
    reply(0, 0);
    CHECK(thread_runs(0));
    CHECK_EQ(hypercall(0, nova_arg1(NOVA_EC_CTRL, NOVA_EC_RECALL, THREAD), 0, 0, 0, 0), BLOCKED);
    CHECK(in_handler(0));
    CHECK_EQ(cpu_frame(0)->arg[0], NOVA_EVENT_RECALL);
    CHECK_EQ(migrate(0, THREAD, 1, object(NAME)), NOVA_SUCCESS);
    CHECK(thread_runs(1));
    CHECK_EQ(cpu_frame(1)->arg[0], NOVA_SUCCESS);
    CHECK_EQ(cpu_frame(1)->resume, RESUME_HYPERCALL);
    answer();
}

TEST(migrate_and_the_handler_dies)
{
    machine_make(SEL_PD);
    CHECK_EQ(migrate(0, THREAD, 1, object(NAME)), NOVA_SUCCESS);
    machine_log_clear();
    revoke(0, object(HANDLER), NOVA_REVOKE_SELF, 0, 0);
    CHECK_EQ(running(0), 0);
    CHECK(thread_runs(1));
    CHECK_EQ(machine_log_length(), 0);
}

TEST(migrate_and_the_pd_dies)
{
    machine_make(CHILD);
    CHECK_EQ(migrate(0, THREAD, 1, object(NAME)), NOVA_SUCCESS);
    machine_log_clear();
    revoke(0, object(CHILD), NOVA_REVOKE_SELF, 0, 0);
    machine_settle();
    CHECK(cpu_idle(1));
    CHECK_EQ(running(0), 0);
    CHECK_EQ(machine_log_length(), 0);
    /* The handler lost its time with the old thread; whoever calls it next brings it to its reply. */
    CHECK_EQ(create_pt(0, 0x1f1, SEL_PD, HANDLER, 0, IP + 0x10), NOVA_SUCCESS);
    CHECK_EQ(call(0, 0x1f1, 0), BLOCKED);
    CHECK(in_handler(0));
    reply(0, 0);
    CHECK_EQ(cpu_frame(0)->ip, IP + 0x10);
}

TEST(migrate_gives_all_memory_back)
{
    machine_make(CHILD);
    word before = pd_usage(0, SEL_PD), child = pd_usage(0, CHILD);
    CHECK_EQ(migrate(0, THREAD, 1, object(NAME)), NOVA_SUCCESS);
    answer();
    grace();
    CHECK_EQ(pd_usage(0, SEL_PD), before);
    CHECK_EQ(pd_usage(0, CHILD), child);
}

TEST(migrate_is_paid_by_who_paid_before)
{
    /* The thread's PD is full, to the last slot of the slab that its EC is in. */
    machine_make(CHILD);
    struct nova_utcb *utcb = utcb_at(0, utcb_address(UTCB));
    CHECK_EQ(create_ec(0, 0x500, CHILD, 0, utcb_address(2), 0, 0, false), NOVA_SUCCESS);
    CHECK_EQ(create_ec(0, 0x501, CHILD, 0, utcb_address(3), 0, 0, false), NOVA_SUCCESS);
    word sm = 0x600;
    while (create_sm(0, sm, CHILD, 0, 0) == NOVA_SUCCESS)
        sm++;
    CHECK_EQ(create_sm(0, sm, CHILD, 0, 0), NOVA_QUO_OOM);
    word usage = pd_usage(0, CHILD);
    CHECK_EQ(usage, pd_limit(0, CHILD));
    CHECK_EQ(migrate(0, THREAD, 1, object(NAME)), NOVA_QUO_OOM);
    CHECK_EQ(pd_usage(0, CHILD), usage);
    CHECK_EQ(lookup(0, object(THREAD + 2)), nova_crd(NOVA_CRD_OBJ, THREAD + 2, 0, NOVA_SC_CTRL_PERM));
    /* With one page more, or after a failure, it works as ever. */
    CHECK_EQ(hypercall(0, nova_arg1(NOVA_PD_CTRL, 0, SEL_PD), CHILD, 4, 0, 0), NOVA_SUCCESS);
    CHECK_EQ(migrate(0, THREAD, 1, object(NAME)), NOVA_SUCCESS);
    CHECK(thread_runs(1));
    utcb->items = 0;
    answer();
}

TEST(migrate_begins_new_times)
{
    enum { IDLE_SC = 0x700 };
    machine_make(SEL_PD);
    CHECK_EQ(hypercall(0, nova_arg1(NOVA_EC_CTRL, NOVA_EC_TIME, THREAD), 0, 0, 0, 0), NOVA_SUCCESS);
    struct nova_utcb *utcb = utcb_at(0, utcb_address(UTCB));
    utcb->items = 0;
    utcb->state.mtd = 0;
    reply(0, 0);
    CHECK(thread_runs(0));
    machine_advance(500000); /* 500 us */
    exception(0, UD, 0, 0);
    CHECK_EQ(migrate(0, THREAD, 1, object(NAME)), NOVA_SUCCESS);
    CHECK_EQ(hypercall(0, nova_arg1(NOVA_EC_CTRL, NOVA_EC_TIME, THREAD), 0, 0, 0, 0), NOVA_SUCCESS);
    CHECK(cpu_frame(0)->arg[2] < 100);
    CHECK_EQ(hypercall(0, nova_arg1(NOVA_SC_CTRL, 0, THREAD + 2), 0, 0, 0, 0), NOVA_SUCCESS);
    CHECK(cpu_frame(0)->arg[2] < 100);
    answer();
    grace();
    /* What the old ones had used counts as gone, on their CPU. */
    CHECK_EQ(take(0, nova_crd(NOVA_CRD_OBJ, 0, 1, NOVA_PERM_ALL), 0), NOVA_SUCCESS);
    CHECK_EQ(hypercall(0, nova_arg1(NOVA_SC_CTRL, 3, 0), 0, 0, 0, 0), NOVA_SUCCESS);
    CHECK(cpu_frame(0)->arg[1 + 1] >= 500);
    CHECK(cpu_frame(0)->arg[3 + 1] >= 500);
    CHECK_EQ(hypercall(0, nova_arg1(NOVA_SC_CTRL, 3, 1), 0, 0, 0, 0), NOVA_SUCCESS);
    CHECK_EQ(cpu_frame(0)->arg[1 + 1], 0);
}
