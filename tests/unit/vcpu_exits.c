/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Virtual CPUs: what an exit and the reply to it must not overlook in a hurry (core/fast_event.c): who the handler is, what it does just now, whose time and whose address
 * space it is. Each case comes eight times or more, since the machine takes the general way now and then.
 */
#include "vcpu.h"

/* The handler of its event waits for the CPU in its stead. */
TEST(vcpu_clock_stands_still_while_its_handler_waits_for_the_cpu)
{
    enum { ROUNDS = 8 };
    vcpu_machine();
    event_make(NOVA_VM_STARTUP, HANDLER, 0);
    event_make(EXIT, HANDLER, NOVA_MTD_TSC);
    sleeper_make();
    guest_create(SEL_PD, 1000000);
    for (unsigned i = 1; i <= ROUNDS; i++) {
        CHECK(guest_runs());
        guest_exit(0, EXIT, 0);
        CHECK(in_handler(EXIT));
        sleeper_wakes();
        machine_advance(TICKS);
        sleeper_sleeps();
        CHECK(in_handler(EXIT));
        handler_replies();
        guest_exit(0, EXIT, 0);
        uint64_t stopped = 0 - utcb()->state.tsc_off;
        CHECK(stopped >= i * TICKS && stopped < i * (TICKS + 1000));
        handler_replies();
    }
}

/* They have not run yet, so they need more than a fast return. */
TEST(vcpu_event_for_a_new_handler)
{
    guest_make(EXIT, 0);
    for (unsigned i = 1; i <= 8; i++) {
        guest_exit(0, EXIT, 0);
        CHECK_EQ(create_ec(0, HANDLER + i, SEL_PD, 0, utcb_address(UTCB + i), SP, 0, false), NOVA_SUCCESS);
        event_make(EXIT + i, HANDLER + i, NOVA_MTD_IP);
        handler_replies();
        guest_exit(0, EXIT + i, 0);
        CHECK(in_handler(EXIT + i));
        utcb_at(0, utcb_address(UTCB + i))->state.mtd = 0;
        reply(0, 0);
        CHECK(guest_runs());
    }
}

TEST(vcpu_exit_finds_a_handler_of_another_cpu)
{
    guest_make(EXIT, 0);
    guest_exit(0, EXIT, 0);
    CHECK_EQ(create_ec(0, HANDLER + 1, SEL_PD, 1, utcb_address(UTCB + 1), SP, 0, false), NOVA_SUCCESS);
    event_make(EXIT + 1, HANDLER + 1, 0);
    CHECK_EQ(create_pt(1, SM + 2, SEL_PD, HANDLER + 1, 0, IP + 0x10), NOVA_SUCCESS);
    CHECK_EQ(call(1, SM + 2, 0), BLOCKED);
    reply(1, 0); /* now it has run */
    for (unsigned i = 0; i < 8; i++) {
        handler_replies();
        CHECK(guest_runs());
        machine_log_clear();
        guest_exit(0, EXIT + 1, 0);
        CHECK_EQ(running(0), 0);
        CHECK_LOG("virtual CPU killed");
        CHECK_EQ(revoke(0, nova_crd(NOVA_CRD_OBJ, VCPU, 2, NOVA_PERM_ALL), NOVA_REVOKE_SELF, 0, 0), NOVA_SUCCESS);
        CHECK_EQ(create_vcpu(VCPU, SEL_PD, 0), NOVA_SUCCESS);
        CHECK_EQ(create_sc(0, VCPU + 2, SEL_PD, VCPU, 10, 1000), BLOCKED);
        CHECK(in_handler(NOVA_VM_STARTUP));
    }
}

/* The guest sleeps while root's call enters the handler. */
TEST(vcpu_exit_finds_the_handler_busy)
{
    guest_make(EXIT, 0);
    CHECK_EQ(create_pt(1, SM + 1, SEL_PD, HANDLER, 0, IP + 0x10), NOVA_SUCCESS);
    CHECK_EQ(create_sm(1, SM, SEL_PD, 0, 0), NOVA_SUCCESS);
    for (unsigned i = 0; i < 8; i++) {
        guest_exit(0, EXIT, 0);
        CHECK(in_handler(EXIT));
        utcb()->state.mtd = 0;
        utcb()->items = 0;
        reply(0, SM);
        CHECK_EQ(running(0), 0);
        CHECK_EQ(call(0, SM + 1, 0), BLOCKED);
        CHECK_EQ(cpu_frame(0)->ip, IP + 0x10);
        CHECK_EQ(sm_up(1, SM), NOVA_SUCCESS);
        cpu_enter(0, ENTER_SIGNAL, 0, 0, 0);
        CHECK(guest_runs());
        guest_exit(0, EXIT, 0);
        CHECK_EQ(cpu_frame(0)->ip, IP + 0x10); /* by the guest's time */
        utcb()->items = 0;
        reply(0, 0);
        CHECK(in_handler(EXIT));
        utcb()->state.mtd = 0;
        utcb()->items = 0;
        reply(0, 0);
        CHECK(guest_runs());
    }
}

/* Microseconds that an EC has run. */
static word time_of(word selector)
{
    CHECK_EQ(hypercall(1, nova_arg1(NOVA_EC_CTRL, NOVA_EC_TIME, selector), 0, 0, 0, 0), NOVA_SUCCESS);
    return cpu_frame(1)->arg[2];
}

TEST(vcpu_time_is_its_own_or_its_handlers)
{
    guest_make(EXIT, 0);
    for (unsigned i = 1; i <= 16; i++) {
        machine_advance(30000);
        CHECK(guest_runs());
        guest_exit(0, EXIT, 0);
        machine_advance(50000);
        CHECK(in_handler(EXIT));
        handler_replies();
        word guest = time_of(VCPU), handler = time_of(HANDLER);
        CHECK(guest >= 30 * i && guest < 31 * i);
        CHECK(handler >= 50 * i && handler < 51 * i + 1);
    }
}

/* The other way round: a thread with more priority helps the handler to its reply, and then has its turn before the guest. */
TEST(vcpu_handler_is_helped)
{
    vcpu_machine();
    event_make(NOVA_VM_STARTUP, HANDLER, 0);
    event_make(EXIT, HANDLER, 0);
    CHECK_EQ(create_pt(0, SM + 1, SEL_PD, HANDLER, 0, IP + 0x10), NOVA_SUCCESS);
    sleeper_make();
    guest_create(SEL_PD, 1000000);
    for (unsigned i = 0; i < 8; i++) {
        CHECK(guest_runs());
        guest_exit(0, EXIT, 0);
        CHECK(in_handler(EXIT));
        sleeper_wakes();
        CHECK_EQ(call(0, SM + 1, 0), BLOCKED);
        CHECK(in_handler(EXIT));
        utcb()->state.mtd = 0;
        utcb()->items = 0;
        reply(0, 0);
        CHECK_EQ(cpu_frame(0)->ip, IP + 0x10);
        reply(0, 0);
        CHECK_EQ(running(0), 7);
        sleeper_sleeps();
    }
}

/* The monitor is another PD than the guest, whose own address space is never active; and that one goes while the guest runs. */
TEST(vcpu_and_the_pd_of_its_monitor)
{
    const word monitor = HANDLER + 2;
    word before = 0;
    vcpu_machine();
    sleeper_make();
    for (unsigned i = 0; i < 3; i++) {
        CHECK_EQ(create_pd(0, CHILD, SEL_PD, 0, 0, 40), NOVA_SUCCESS);
        CHECK_EQ(create_ec(0, monitor, CHILD, 0, utcb_address(UTCB), SP, 0, false), NOVA_SUCCESS);
        event_make(NOVA_VM_STARTUP, monitor, 0);
        event_make(EXIT, monitor, NOVA_MTD_IP);
        CHECK_EQ(create_vcpu(VCPU, SEL_PD, 0), NOVA_SUCCESS);
        CHECK_EQ(create_sc(0, VCPU + 2, SEL_PD, VCPU, 10, 1000), BLOCKED);
        CHECK(in_handler(NOVA_VM_STARTUP));
        const struct mmu *space = mmu_active(0);
        CHECK(space != mmu_active(1));
        handler_replies();
        for (unsigned k = 0; k < 20; k++) {
            CHECK(guest_runs());
            CHECK_EQ(mmu_active(0) == space && mmu_guest(0) == mmu_active(1), true);
            struct frame *guest = cpu_frame(0);
            if (k % 2) {
                /* A thread of the guest's PD comes in between. */
                sleeper_wakes();
                CHECK_EQ(mmu_active(0) == mmu_active(1), true);
                sleeper_sleeps();
                CHECK(guest_runs());
            }
            guest_state(guest)->ip = 0x100 + k;
            guest_exit(0, EXIT, 0);
            CHECK(in_handler(EXIT));
            CHECK_EQ(mmu_active(0) == space, true);
            CHECK_EQ(utcb()->state.ip, 0x100 + k);
            utcb()->state.ip = 0x200 + k;
            utcb()->state.mtd = NOVA_MTD_IP;
            reply(0, 0);
            CHECK_EQ(guest_state(guest)->ip, 0x200 + k);
        }
        CHECK_EQ(revoke(1, object(CHILD), NOVA_REVOKE_SELF, 0, 0), NOVA_SUCCESS);
        CHECK_EQ(revoke(1, object(monitor), NOVA_REVOKE_SELF, 0, 0), NOVA_SUCCESS);
        CHECK_EQ(revoke(1, object(EVENTS + EXIT), NOVA_REVOKE_SELF, 0, 0), NOVA_SUCCESS);
        CHECK_EQ(revoke(1, object(EVENTS + NOVA_VM_STARTUP), NOVA_REVOKE_SELF, 0, 0), NOVA_SUCCESS);
        for (unsigned k = 0; k < 16; k++)
            cpu_enter(k % 2, ENTER_SIGNAL, 0, 0, 0);
        CHECK(guest_runs());
        CHECK_EQ(mmu_active(0) == mmu_active(1), true);
        guest_exit(0, EXIT, 0); /* nobody handles it any more */
        CHECK_EQ(revoke(1, nova_crd(NOVA_CRD_OBJ, VCPU, 2, NOVA_PERM_ALL), NOVA_REVOKE_SELF, 0, 0), NOVA_SUCCESS);
        for (unsigned k = 0; k < 16; k++)
            cpu_enter(k % 2, ENTER_SIGNAL, 0, 0, 0);
        if (!i)
            before = pd_usage(1, SEL_PD);
        CHECK_EQ(pd_usage(1, SEL_PD), before);
    }
}

/* No thread of the guest's PD has ever run here, nor is its address space ever active: its translations have to go all the same. */
TEST(vcpu_memory_of_a_pd_without_threads)
{
    vcpu_machine();
    event_make(NOVA_VM_STARTUP, HANDLER, 0);
    child_make(60);
    CHECK_EQ(take(0, nova_crd(NOVA_CRD_MEM, MEMORY, 1, NOVA_MEM_RWX), 0), NOVA_SUCCESS);
    CHECK_EQ(delegate(0, NOVA_ROOT_UTCB_ADDRESS, SEL_PD, CHILD, nova_crd(NOVA_CRD_MEM, MEMORY, 1, NOVA_MEM_RWX),
                      nova_control(NOVA_ITEM_DELEGATE | NOVA_ITEM_GUEST, 0x30), nova_crd(NOVA_CRD_MEM, 0, 31, NOVA_PERM_ALL)),
             NOVA_SUCCESS);
    guest_create(CHILD, 1000);
    CHECK(guest_try(0, 0x30123, MMU_READ | MMU_WRITE));
    CHECK_EQ(revoke(1, nova_crd(NOVA_CRD_MEM, MEMORY, 0, NOVA_MEM_W), 0, 0, 0), NOVA_SUCCESS);
    CHECK(!guest_try(0, 0x30123, MMU_WRITE));
    CHECK(guest_try(0, 0x31123, MMU_WRITE));
}
