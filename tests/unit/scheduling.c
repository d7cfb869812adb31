/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Scheduling: priorities, round robin, quantum, yielding, recall; interrupts as semaphores.
 */
#include "scenario.h"

enum { SERVICE = 0x120, THREAD = 0x180, SM = 0x1f0, QUANTUM = 1000 * (TSC_KHZ / 1000) /* ticks of thread_make's 1000 us */ };

static void machine_make(unsigned cpus, unsigned count, unsigned priority)
{
    machine_boot(cpus);
    thread_service(0, 0, SERVICE);
    for (unsigned n = 1; n <= count; n++)
        thread_make(0, 0, THREAD + 4 * n, SERVICE, n, priority);
}

TEST(schedule_higher_priority_preempts)
{
    machine_make(1, 0, 0);
    thread_make(0, 0, THREAD, SERVICE, 1, 5);
    CHECK_EQ(running(0), 1);
    /* Thread 1 makes a weaker one: nothing happens, also not when time passes. */
    thread_make(0, 0, THREAD + 4, SERVICE, 2, 4);
    machine_advance(100 * QUANTUM);
    CHECK_EQ(running(0), 1);
    thread_make(0, 0, THREAD + 8, SERVICE, 3, 6);
    CHECK_EQ(running(0), 3);
    CHECK_EQ(create_sm(0, SM, SEL_PD, 0, 0), NOVA_SUCCESS);
    CHECK_EQ(sm_down(0, SM, 0, 0), BLOCKED);
    CHECK_EQ(running(0), 1);
    CHECK_EQ(sm_down(0, SM, 0, 0), BLOCKED);
    CHECK_EQ(running(0), 2);
    CHECK_EQ(sm_down(0, SM, 0, 0), BLOCKED);
    CHECK_EQ(running(0), 0);
}

TEST(schedule_round_robin)
{
    /* Root has priority 1 as well. */
    machine_make(1, 3, 1);
    int seen[12];
    unsigned counts[4] = {0};
    for (unsigned i = 0; i < 12; i++) {
        seen[i] = running(0);
        CHECK(seen[i] >= 0 && seen[i] <= 3);
        counts[seen[i]]++;
        if (i >= 4)
            CHECK_EQ(seen[i], seen[i - 4]);
        machine_advance_to_timer();
    }
    for (unsigned n = 0; n < 4; n++)
        CHECK_EQ(counts[n], 3);
}

TEST(schedule_quantum)
{
    machine_make(1, 2, 10);
    int first = running(0);
    CHECK(first == 1 || first == 2);
    machine_advance_to_timer(); /* a whole slice for the other one */
    int second = running(0);
    CHECK_EQ(second, 3 - first);
    uint64_t end = cpu_deadline(0);
    CHECK(end > machine_time() && end - machine_time() <= QUANTUM);
    machine_advance(end - machine_time() - 100);
    CHECK_EQ(running(0), second);
    machine_advance(200);
    CHECK_EQ(running(0), first);
}

TEST(schedule_alone_no_switch)
{
    machine_make(1, 1, 10);
    CHECK_EQ(running(0), 1);
    for (unsigned i = 0; i < 10; i++) {
        machine_advance(QUANTUM);
        CHECK_EQ(running(0), 1);
    }
}

TEST(schedule_yield_and_reschedule)
{
    machine_make(1, 2, 10);
    int first = running(0);
    CHECK_EQ(hypercall(0, nova_arg1(NOVA_EC_CTRL, NOVA_EC_YIELD, 0), 0, 0, 0, 0), BLOCKED);
    CHECK_EQ(running(0), 3 - first);
    CHECK_EQ(hypercall(0, nova_arg1(NOVA_EC_CTRL, NOVA_EC_RESCHEDULE, 0), 0, 0, 0, 0), BLOCKED);
    CHECK_EQ(running(0), first);
    CHECK_EQ(result_arg(0, 1), NOVA_SUCCESS);
}

TEST(schedule_on_another_cpu)
{
    machine_boot(2);
    thread_service(0, 1, SERVICE);
    CHECK(cpu_idle(1));
    thread_make(0, 1, THREAD, SERVICE, 1, 10);
    CHECK_EQ(running(1), 1);
    CHECK_EQ(running(0), 0);
    /* The last capability of its SC goes: it stops. */
    CHECK_EQ(revoke(0, nova_crd(NOVA_CRD_OBJ, THREAD + 1, 0, 31), NOVA_REVOKE_SELF, 0, 0), NOVA_SUCCESS);
    machine_settle();
    CHECK_EQ(running(1), IDLE);
    /* A new one: it goes on. */
    CHECK_EQ(create_sc(0, THREAD + 1, SEL_PD, THREAD, 3, 1000), NOVA_SUCCESS);
    CHECK_EQ(running(1), 1);
    /* The EC goes: the same. */
    CHECK_EQ(revoke(0, nova_crd(NOVA_CRD_OBJ, THREAD, 0, 31), NOVA_REVOKE_SELF, 0, 0), NOVA_SUCCESS);
    machine_settle();
    CHECK_EQ(running(1), IDLE);
}

TEST(schedule_idle_cpu_has_no_timer)
{
    machine_boot(2);
    CHECK_EQ(cpu_deadline(1), NO_DEADLINE);
    CHECK(cpu_idle(1));
}

TEST(schedule_wakes_idle_cpu_by_timeout)
{
    machine_boot(2);
    thread_service(0, 1, SERVICE);
    thread_make(0, 1, THREAD, SERVICE, 1, 10);
    CHECK_EQ(running(1), 1);
    CHECK_EQ(create_sm(0, SM, SEL_PD, 0, 0), NOVA_SUCCESS);
    CHECK_EQ(sm_down(1, SM, 0, machine_time() + 1000000), BLOCKED);
    CHECK(cpu_idle(1));
    machine_advance(1000001);
    CHECK_EQ(running(1), 1);
}

TEST(recall_comes_before_user_code)
{
    machine_boot(1);
    thread_service(0, 0, SERVICE);
    /* Events of the service's base: recall at its + 31. */
    CHECK_EQ(create_pt(0, SERVICE + 0x20 + NOVA_EVENT_RECALL, SEL_PD, SERVICE, NOVA_MTD_IP, CODE + 0xa00), NOVA_SUCCESS);
    thread_make(0, 0, THREAD, SERVICE, 1, 10);
    CHECK_EQ(running(0), 1);
    CHECK_EQ(create_sm(0, SM, SEL_PD, 0, 0), NOVA_SUCCESS);
    CHECK_EQ(sm_down(0, SM, 0, 0), BLOCKED);
    CHECK_EQ(running(0), 0);
    CHECK_EQ(hypercall(0, nova_arg1(NOVA_EC_CTRL, NOVA_EC_RECALL, THREAD), 0, 0, 0, 0), NOVA_SUCCESS);
    /* It is blocked: the recall stays pending until it wakes. */
    CHECK_EQ(running(0), 0);
    CHECK_EQ(sm_up(0, SM), BLOCKED);
    CHECK_EQ(cpu_frame(0)->ip, CODE + 0xa00);
    utcb_at(0, utcb_address(100))->state.mtd = 0;
    CHECK_EQ(reply(0, 0), BLOCKED);
    CHECK_EQ(running(0), 1);
    CHECK_EQ(result_arg(0, 1), NOVA_SUCCESS);
    /* Itself: at once, after the hypercall. */
    CHECK_EQ(hypercall(0, nova_arg1(NOVA_EC_CTRL, NOVA_EC_RECALL, THREAD), 0, 0, 0, 0), BLOCKED);
    CHECK_EQ(cpu_frame(0)->ip, CODE + 0xa00);
    CHECK_EQ(reply(0, 0), BLOCKED);
    CHECK_EQ(running(0), 1);
    CHECK_EQ(result_arg(0, 1), NOVA_SUCCESS);
}

TEST(recall_on_another_cpu)
{
    machine_boot(2);
    thread_service(0, 1, SERVICE);
    CHECK_EQ(create_pt(0, SERVICE + 0x20 + NOVA_EVENT_RECALL, SEL_PD, SERVICE, NOVA_MTD_IP, CODE + 0xa00), NOVA_SUCCESS);
    thread_make(0, 1, THREAD, SERVICE, 1, 10);
    CHECK_EQ(running(1), 1);
    CHECK_EQ(hypercall(0, nova_arg1(NOVA_EC_CTRL, NOVA_EC_RECALL, THREAD), 0, 0, 0, 0), NOVA_SUCCESS);
    CHECK_EQ(cpu_frame(1)->ip, CODE + 0xa00);
}

static word gsi_selector(unsigned gsi) { return NOVA_CPUS + gsi; }

static void gsi_take(unsigned gsi, unsigned cpu, unsigned flags)
{
    CHECK_EQ(take(0, nova_crd(NOVA_CRD_OBJ, gsi_selector(gsi), 0, 31), 0), NOVA_SUCCESS);
    CHECK_EQ(hypercall(0, nova_arg1(NOVA_ASSIGN_GSI, flags, gsi_selector(gsi)), 0, cpu, ALL_ONES, 0), NOVA_SUCCESS);
}

TEST(interrupt_raises_its_semaphore)
{
    machine_boot(2);
    gsi_take(4, 1, 0);
    CHECK(!gsi_state(4)->masked);
    CHECK_EQ(sm_down(0, gsi_selector(4), 0, 0), BLOCKED);
    CHECK_EQ(running(0), IDLE);
    CHECK(machine_gsi(4));
    CHECK_EQ(running(0), 0);
    CHECK_EQ(result_arg(0, 1), NOVA_SUCCESS);
    CHECK(!gsi_state(4)->masked);
    /* It counts. */
    machine_gsi(4);
    machine_gsi(4);
    CHECK_EQ(sm_down(0, gsi_selector(4), 0, 0), NOVA_SUCCESS);
    CHECK_EQ(sm_down(0, gsi_selector(4), 0, 0), NOVA_SUCCESS);
}

TEST(interrupt_level_is_masked_until_the_next_down)
{
    machine_boot(1);
    gsi_take(17, 0, 0);
    gsi_take(5, 0, NOVA_GSI_MODE | NOVA_GSI_LEVEL | NOVA_GSI_LOW);
    CHECK_EQ(gsi_state(5)->mode, NOVA_GSI_LEVEL | NOVA_GSI_LOW);
    static const unsigned gsis[] = {5, 17};
    for (unsigned i = 0; i < 2; i++) {
        CHECK(machine_gsi(gsis[i]));
        CHECK(gsi_state(gsis[i])->masked);
        CHECK_EQ(sm_down(0, gsi_selector(gsis[i]), 0, 0), NOVA_SUCCESS);
        CHECK(!gsi_state(gsis[i])->masked);
    }
}

TEST(interrupt_chained)
{
    machine_boot(1);
    gsi_take(4, 0, 0);
    CHECK_EQ(create_sm(0, SM, SEL_PD, 0, 0), NOVA_SUCCESS);
    machine_gsi(4);
    machine_gsi(4);
    /* Ups still pending move with the change. */
    CHECK_EQ(hypercall(0, nova_arg1(NOVA_ASSIGN_GSI, 0, gsi_selector(4)), 0, 0, SM, 0), NOVA_SUCCESS);
    CHECK_EQ(sm_down(0, SM, 0, 0), NOVA_SUCCESS);
    CHECK_EQ(result_arg(0, 3), 2);
    machine_gsi(4);
    CHECK_EQ(sm_down(0, SM, 0, 0), NOVA_SUCCESS);
    CHECK_EQ(result_arg(0, 3), 1);
    /* A down on the interrupt semaphore only unmasks. */
    CHECK_EQ(sm_down(0, gsi_selector(4), 0, 0), NOVA_SUCCESS);
    machine_gsi(4);
    CHECK_EQ(hypercall(0, nova_arg1(NOVA_ASSIGN_GSI, 0, gsi_selector(4)), 0, 0, gsi_selector(4), 0), NOVA_SUCCESS);
    CHECK_EQ(sm_down(0, gsi_selector(4), 0, 0), NOVA_SUCCESS);
    CHECK_EQ(sm_down(0, gsi_selector(4), 0, machine_time() + 100), BLOCKED);
}
