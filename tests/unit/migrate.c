/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Moving a thread to another CPU from inside an event of it (abi.md section 6, ec_ctrl 4): what goes along, what does not fit, whose memory and
 * time it is, and who may die meanwhile.
 */
#include "migrate.h"

#include <string.h>

word migrate(unsigned cpu, word ec, word to, word crd)
{
    return hypercall(cpu, nova_arg1(NOVA_EC_CTRL, NOVA_EC_MIGRATE, ec), to, crd, 0, 0);
}

word give(word pd, word crd, word to)
{
    return delegate(0, utcb_address(UTCB), SEL_PD, pd, crd, nova_control(NOVA_ITEM_DELEGATE, to), ANY_OBJECT);
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

void migrate_machine(word pd)
{
    machine_boot(3);
    for (unsigned cpu = 0; cpu < 3; cpu++)
        CHECK_EQ(create_ec(0, HANDLER + cpu, SEL_PD, cpu, utcb_address(UTCB + cpu), SP, 0, false), NOVA_SUCCESS);
    events_make(0, 0);
    if (pd != SEL_PD) {
        CHECK_EQ(create_pd(0, pd, SEL_PD, 0, 0, 20), NOVA_SUCCESS);
        CHECK_EQ(delegate(0, NOVA_ROOT_UTCB_ADDRESS, SEL_PD, pd, nova_crd(NOVA_CRD_OBJ, EVENTS, 5, NOVA_PERM_ALL),
                          nova_control(NOVA_ITEM_DELEGATE, EVENTS), ANY_OBJECT),
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

bool migrate_arrived(unsigned cpu)
{
    const struct frame *frame = cpu_frame(cpu);
    return !cpu_idle(cpu) && frame->ip == CODE + 0x20 && frame->sp == 0x1230;
}

bool migrate_in_handler(unsigned cpu) { return !cpu_idle(cpu) && cpu_frame(cpu)->ip == IP; }

void migrate_answer(void)
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

void migrate_grace(void)
{
    for (unsigned i = 0; i < 10; i++) {
        machine_settle();
        for (unsigned cpu = 0; cpu < 3; cpu++)
            cpu_enter(cpu, ENTER_SIGNAL, 0, 0, 0);
    }
}

TEST(migrate_takes_the_whole_state_along)
{
    migrate_machine(SEL_PD);
    CHECK_EQ(migrate(0, THREAD, 1, object(NAME)), NOVA_SUCCESS);
    CHECK(migrate_in_handler(0));
    CHECK(migrate_arrived(1));
    CHECK_EQ(cpu_frame(1)->arg[3], 0xa3);
    for (unsigned i = 0; i < FRAME_REGS; i++)
        CHECK_EQ(cpu_frame(1)->reg[i], 0xb0 + i);
    CHECK_EQ(fpu_registers(1)[100], 0x42);
    CHECK_EQ(utcb_at(1, utcb_address(1))->mr[7], 0x7e57);
    machine_log_clear();
    migrate_answer();
    CHECK(migrate_arrived(1));
    CHECK_EQ(cpu_frame(1)->arg[3], 0xa3);
    CHECK_EQ(utcb_at(1, utcb_address(1))->mr[7], 0x7e57);
    CHECK_EQ(machine_log_length(), 0);
    /* The thread is a thread: it makes hypercalls, its event goes to a handler of its new CPU, it can be stopped. */
    CHECK_EQ(create_sm(1, 0x1f0, SEL_PD, 0, 0), NOVA_SUCCESS);
    events_make(0, 1);
    exception(1, UD, 0, 0);
    CHECK(migrate_in_handler(1));
    CHECK_EQ(reply(1, 0), BLOCKED);
    CHECK(migrate_arrived(1));
    CHECK_EQ(revoke(0, object(THREAD), NOVA_REVOKE_SELF, 0, 0), NOVA_SUCCESS);
    CHECK(cpu_idle(1));
    CHECK(!user_try(0, utcb_address(1), MMU_READ));
}

TEST(migrate_refuses_what_does_not_fit)
{
    migrate_machine(SEL_PD);
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
    migrate_machine(SEL_PD);
    CHECK_EQ(migrate(0, THREAD, 1, object(UD)), NOVA_BAD_PAR); /* a portal is there */
    CHECK_EQ(revoke(0, object(THREAD + 1), NOVA_REVOKE_SELF, 0, 0), NOVA_SUCCESS);
    CHECK_EQ(migrate(0, THREAD, 1, object(NAME)), NOVA_BAD_PAR);
    CHECK_EQ(create_sm(0, THREAD + 1, SEL_PD, 0, 0), NOVA_SUCCESS);
    CHECK_EQ(migrate(0, THREAD, 1, object(NAME)), NOVA_BAD_PAR);
    CHECK_EQ(revoke(0, object(THREAD + 1), NOVA_REVOKE_SELF, 0, 0), NOVA_SUCCESS);
    CHECK_EQ(create_pt(0, THREAD + 1, SEL_PD, HANDLER + 1, 0, IP), NOVA_SUCCESS);
    CHECK_EQ(migrate(0, THREAD, 1, object(NAME)), NOVA_SUCCESS);
    migrate_answer();
}

TEST(migrate_to_the_same_cpu)
{
    migrate_machine(SEL_PD);
    CHECK_EQ(revoke(0, object(THREAD + 1), NOVA_REVOKE_SELF, 0, 0), NOVA_SUCCESS);
    CHECK_EQ(create_pt(0, THREAD + 1, SEL_PD, HANDLER + 0, 0, IP), NOVA_SUCCESS);
    CHECK_EQ(migrate(0, THREAD, 0, object(NAME)), NOVA_SUCCESS);
    struct nova_utcb *utcb = utcb_at(0, utcb_address(UTCB));
    utcb->items = 0;
    utcb->state.mtd = NOVA_MTD_IP;
    utcb->state.ip = CODE + 0x999;
    reply(0, 0);
    CHECK(migrate_arrived(0));
}

TEST(migrate_keeps_a_recall)
{
    migrate_machine(SEL_PD);
    CHECK_EQ(hypercall(0, nova_arg1(NOVA_EC_CTRL, NOVA_EC_RECALL, THREAD), 0, 0, 0, 0), NOVA_SUCCESS);
    for (unsigned event = 0; event < 32; event++)
        revoke(0, object(EVENTS + event), NOVA_REVOKE_SELF, 0, 0);
    CHECK_EQ(create_pt(0, EVENTS + NOVA_EVENT_RECALL, SEL_PD, HANDLER + 1, NOVA_MTD_IP, IP), NOVA_SUCCESS);
    CHECK_EQ(migrate(0, THREAD, 1, object(NAME)), NOVA_SUCCESS);
    CHECK(migrate_in_handler(1));
    CHECK_EQ(utcb_at(1, utcb_address(UTCB + 1))->state.ip, CODE + 0x20);
    utcb_at(1, utcb_address(UTCB + 1))->state.mtd = 0;
    CHECK_EQ(reply(1, 0), BLOCKED);
    CHECK(migrate_arrived(1));
    migrate_answer();
    /* And no other one. */
    CHECK_EQ(create_sm(1, 0x1f0, SEL_PD, 0, 0), NOVA_SUCCESS);
}

TEST(migrate_out_of_a_hypercall)
{
    /* A recall event comes between two instructions; the next one is as good as any. Its state is that of a hypercall's return. */
    migrate_machine(SEL_PD);
    utcb_at(0, utcb_address(UTCB))->items = 0;
    utcb_at(0, utcb_address(UTCB))->state.mtd = 0;
    reply(0, 0);
    CHECK(migrate_arrived(0));
    CHECK_EQ(hypercall(0, nova_arg1(NOVA_EC_CTRL, NOVA_EC_RECALL, THREAD), 0, 0, 0, 0), BLOCKED);
    CHECK(migrate_in_handler(0));
    CHECK_EQ(cpu_frame(0)->arg[0], NOVA_EVENT_RECALL);
    CHECK_EQ(migrate(0, THREAD, 1, object(NAME)), NOVA_SUCCESS);
    CHECK(migrate_arrived(1));
    CHECK_EQ(cpu_frame(1)->arg[0], NOVA_SUCCESS);
    CHECK_EQ(cpu_frame(1)->resume, RESUME_HYPERCALL);
    migrate_answer();
}

TEST(migrate_and_the_handler_dies)
{
    migrate_machine(SEL_PD);
    CHECK_EQ(migrate(0, THREAD, 1, object(NAME)), NOVA_SUCCESS);
    machine_log_clear();
    revoke(0, object(HANDLER), NOVA_REVOKE_SELF, 0, 0);
    CHECK_EQ(running(0), 0);
    CHECK(migrate_arrived(1));
    CHECK_EQ(machine_log_length(), 0);
}

TEST(migrate_and_the_pd_dies)
{
    migrate_machine(CHILD);
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
    CHECK(migrate_in_handler(0));
    reply(0, 0);
    CHECK_EQ(cpu_frame(0)->ip, IP + 0x10);
}

TEST(migrate_gives_all_memory_back)
{
    migrate_machine(CHILD);
    word before = pd_usage(0, SEL_PD), child = pd_usage(0, CHILD);
    CHECK_EQ(migrate(0, THREAD, 1, object(NAME)), NOVA_SUCCESS);
    migrate_answer();
    migrate_grace();
    CHECK_EQ(pd_usage(0, SEL_PD), before);
    CHECK_EQ(pd_usage(0, CHILD), child);
}

TEST(migrate_is_paid_by_who_paid_before)
{
    /* The thread's PD is full, to the last slot of the slab that its EC is in. */
    migrate_machine(CHILD);
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
    CHECK(migrate_arrived(1));
    utcb->items = 0;
    migrate_answer();
}

TEST(migrate_begins_new_times)
{
    enum { IDLE_SC = 0x700 };
    migrate_machine(SEL_PD);
    CHECK_EQ(hypercall(0, nova_arg1(NOVA_EC_CTRL, NOVA_EC_TIME, THREAD), 0, 0, 0, 0), NOVA_SUCCESS);
    struct nova_utcb *utcb = utcb_at(0, utcb_address(UTCB));
    utcb->items = 0;
    utcb->state.mtd = 0;
    reply(0, 0);
    CHECK(migrate_arrived(0));
    machine_advance(500000); /* 500 us */
    exception(0, UD, 0, 0);
    CHECK_EQ(migrate(0, THREAD, 1, object(NAME)), NOVA_SUCCESS);
    CHECK_EQ(hypercall(0, nova_arg1(NOVA_EC_CTRL, NOVA_EC_TIME, THREAD), 0, 0, 0, 0), NOVA_SUCCESS);
    CHECK(cpu_frame(0)->arg[2] < 100);
    CHECK_EQ(hypercall(0, nova_arg1(NOVA_SC_CTRL, 0, THREAD + 2), 0, 0, 0, 0), NOVA_SUCCESS);
    CHECK(cpu_frame(0)->arg[2] < 100);
    migrate_answer();
    migrate_grace();
    /* What the old ones had used counts as gone, on their CPU. */
    CHECK_EQ(take(0, nova_crd(NOVA_CRD_OBJ, 0, 1, NOVA_PERM_ALL), 0), NOVA_SUCCESS);
    CHECK_EQ(hypercall(0, nova_arg1(NOVA_SC_CTRL, 3, 0), 0, 0, 0, 0), NOVA_SUCCESS);
    CHECK(cpu_frame(0)->arg[1 + 1] >= 500);
    CHECK(cpu_frame(0)->arg[3 + 1] >= 500);
    CHECK_EQ(hypercall(0, nova_arg1(NOVA_SC_CTRL, 3, 1), 0, 0, 0, 0), NOVA_SUCCESS);
    CHECK_EQ(cpu_frame(0)->arg[1 + 1], 0);
}
