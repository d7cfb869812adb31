/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Calls to portals of another CPU (abi.md section 7): message and reply, busy and dying ends, semaphores, chains across CPUs.
 */
#include "scenario.h"
#include "core/ec.h"

enum {
    HANDLER = 0x110 /* + cpu */,
    PORTAL = 0x114 /* + cpu */,
    SM = 0x118,
    SERVICE = 0x120,
    THREAD = 0x1a0,
    SP = 0x7000,
    UTCB = 60 /* + cpu */
};

static word handler_ip(unsigned cpu) { return CODE + 0x400 + 0x10 * cpu; }

/* Three CPUs; a handler with a portal on each; root on CPU 0, with 'threads' thread n on CPU n, priority 10, started. */
static void machine_make(unsigned threads)
{
    machine_boot(3);
    for (unsigned cpu = 0; cpu < 3; cpu++) {
        CHECK_EQ(create_ec(0, HANDLER + cpu, SEL_PD, cpu, utcb_address(UTCB + cpu), SP, 0, false), NOVA_SUCCESS);
        CHECK_EQ(create_pt(0, PORTAL + cpu, SEL_PD, HANDLER + cpu, 0, handler_ip(cpu)), NOVA_SUCCESS);
        CHECK_EQ(pt_ctrl(0, PORTAL + cpu, 0x77000 + cpu), NOVA_SUCCESS);
    }
    CHECK_EQ(create_sm(0, SM, SEL_PD, 0, 0), NOVA_SUCCESS);
    for (unsigned cpu = 1; cpu <= threads; cpu++) {
        thread_service(0, cpu, SERVICE + 0x40 * (cpu - 1));
        thread_make(0, cpu, THREAD + 4 * cpu, SERVICE + 0x40 * (cpu - 1), cpu, 10);
        CHECK_EQ(running(cpu), (int)cpu);
    }
}

static bool in_handler_at(unsigned cpu, unsigned number) { return !cpu_idle(cpu) && cpu_frame(cpu)->ip == handler_ip(number); }

static bool in_handler(unsigned cpu) { return in_handler_at(cpu, cpu); }

static void destroy(word selector)
{
    /* The hypercall may end the thread that executes it. */
    revoke(0, nova_crd(NOVA_CRD_OBJ, selector, 0, NOVA_PERM_ALL), NOVA_REVOKE_SELF, 0, 0);
    machine_settle();
}

TEST(remote_call_and_reply)
{
    machine_make(0);
    struct nova_utcb *mine = utcb_at(0, NOVA_ROOT_UTCB_ADDRESS);
    for (unsigned round = 0; round < 3; round++) {
        mine->items = nova_items(2, 0);
        mine->mr[0] = 0xcafe + round;
        mine->mr[1] = 5;
        CHECK_EQ(call(0, PORTAL + 1, 0), BLOCKED);
        CHECK(cpu_idle(0));
        CHECK(in_handler(1));
        CHECK_EQ(cpu_frame(1)->sp, SP);
        CHECK_EQ(result_arg(1, 1), 0x77001);
        struct nova_utcb *its = utcb_at(1, utcb_address(UTCB + 1));
        CHECK_EQ(its->items, nova_items(2, 0));
        CHECK_EQ(its->mr[0], 0xcafe + round);
        its->mr[0] = 0xbeef + round;
        its->items = nova_items(1, 0);
        CHECK_EQ(reply(1, 0), BLOCKED);
        CHECK(cpu_idle(1));
        CHECK_EQ(running(0), 0);
        CHECK_EQ(result_arg(0, 1), NOVA_SUCCESS);
        CHECK_EQ(mine->mr[0], 0xbeef + round);
        CHECK_EQ(mine->items, nova_items(1, 0));
    }
}

TEST(remote_call_needs_the_permission)
{
    machine_make(0);
    CHECK_EQ(delegate(0, NOVA_ROOT_UTCB_ADDRESS, SEL_PD, SEL_PD, nova_crd(NOVA_CRD_OBJ, PORTAL + 1, 0, NOVA_PT_CALL_PERM),
                      nova_control(NOVA_ITEM_DELEGATE, 0), nova_crd(NOVA_CRD_OBJ, 0x300, 0, 31)),
             NOVA_SUCCESS);
    CHECK_EQ(call(0, 0x300, 0), NOVA_BAD_CPU);
    CHECK(cpu_idle(1));
    /* The one on its own CPU needs none. */
    CHECK_EQ(delegate(0, NOVA_ROOT_UTCB_ADDRESS, SEL_PD, SEL_PD, nova_crd(NOVA_CRD_OBJ, PORTAL, 0, NOVA_PT_CALL_PERM),
                      nova_control(NOVA_ITEM_DELEGATE, 0), nova_crd(NOVA_CRD_OBJ, 0x301, 0, 31)),
             NOVA_SUCCESS);
    CHECK_EQ(call(0, 0x301, 0), BLOCKED);
    CHECK(in_handler(0));
}

TEST(remote_call_runs_at_the_callers_priority)
{
    /* Thread 1 (priority 10) runs on CPU 1; root's call has priority 1 and waits. */
    machine_make(1);
    CHECK_EQ(call(0, PORTAL + 1, 0), BLOCKED);
    CHECK(cpu_idle(0));
    CHECK_EQ(running(1), 1);
    CHECK_EQ(sm_down(1, SM, 0, 0), BLOCKED);
    CHECK(in_handler(1));
    CHECK_EQ(sm_up(1, SM), BLOCKED);
    CHECK_EQ(running(1), 1);
}

TEST(remote_call_of_a_busy_handler)
{
    machine_make(1);
    CHECK_EQ(call(1, PORTAL + 2, 0), BLOCKED);
    CHECK(in_handler(2));
    struct nova_utcb *its = utcb_at(2, utcb_address(UTCB + 2));
    CHECK_EQ(call(0, PORTAL + 2, NOVA_CALL_NOBLOCK), NOVA_COM_TIM);
    utcb_at(0, NOVA_ROOT_UTCB_ADDRESS)->items = nova_items(1, 0);
    utcb_at(0, NOVA_ROOT_UTCB_ADDRESS)->mr[0] = 0x600;
    CHECK_EQ(call(0, PORTAL + 2, 0), BLOCKED);
    CHECK(cpu_idle(0) && cpu_idle(1) && in_handler(2));
    its->items = nova_items(1, 0);
    its->mr[0] = 0x100;
    reply(2, 0);
    CHECK_EQ(running(1), 1);
    CHECK_EQ(result_arg(1, 1), NOVA_SUCCESS);
    CHECK_EQ(utcb_at(1, utcb_address(1))->mr[0], 0x100);
    CHECK(in_handler(2));
    CHECK_EQ(its->mr[0], 0x600);
    CHECK_EQ(reply(2, 0), BLOCKED);
    CHECK_EQ(running(0), 0);
    CHECK_EQ(result_arg(0, 1), NOVA_SUCCESS);
}

TEST(remote_chain_over_three_cpus)
{
    machine_make(0);
    CHECK_EQ(call(0, PORTAL + 1, 0), BLOCKED);
    CHECK(in_handler(1));
    CHECK_EQ(call(1, PORTAL + 2, 0), BLOCKED);
    CHECK(in_handler(2) && cpu_idle(1) && cpu_idle(0));
    /* And back to the first CPU. */
    CHECK_EQ(call(2, PORTAL + 0, 0), BLOCKED);
    CHECK(in_handler(0) && cpu_idle(1) && cpu_idle(2));
    CHECK_EQ(reply(0, 0), BLOCKED);
    CHECK(in_handler(2) && cpu_idle(0));
    CHECK_EQ(result_arg(2, 1), NOVA_SUCCESS);
    CHECK_EQ(reply(2, 0), BLOCKED);
    CHECK(in_handler(1));
    CHECK_EQ(result_arg(1, 1), NOVA_SUCCESS);
    CHECK_EQ(reply(1, 0), BLOCKED);
    CHECK_EQ(running(0), 0);
    CHECK_EQ(result_arg(0, 1), NOVA_SUCCESS);
    CHECK(cpu_idle(1) && cpu_idle(2));
}

TEST(remote_callee_dies)
{
    machine_make(2);
    CHECK_EQ(call(1, PORTAL + 2, 0), BLOCKED);
    CHECK_EQ(running(2), 2); /* same priority: thread 2 has its slice first */
    CHECK_EQ(sm_down(2, SM, 0, 0), BLOCKED);
    CHECK(in_handler(2));
    destroy(HANDLER + 2);
    CHECK(cpu_idle(2));
    CHECK_EQ(running(1), 1);
    CHECK_EQ(result_arg(1, 1), NOVA_COM_ABT);
    word status = call(1, PORTAL + 2, 0);
    if (status == BLOCKED)
        status = result_arg(1, 1);
    CHECK_EQ(status, NOVA_COM_TIM);
    CHECK_EQ(running(1), 1);
}

TEST(remote_caller_dies)
{
    machine_make(1);
    CHECK_EQ(call(1, PORTAL + 2, 0), BLOCKED);
    CHECK(in_handler(2) && cpu_idle(1));
    destroy(THREAD + 4);
    /* The handler stays busy until somebody lends it time; its reply reaches nobody. */
    CHECK_EQ(call(0, PORTAL + 2, 0), BLOCKED);
    CHECK(in_handler(2));
    reply(2, 0);
    CHECK(in_handler(2));
    reply(2, 0);
    CHECK_EQ(running(0), 0);
    CHECK_EQ(result_arg(0, 1), NOVA_SUCCESS);
    CHECK(cpu_idle(1) && cpu_idle(2));
}

TEST(remote_scheduling_context_dies)
{
    machine_make(1);
    CHECK_EQ(call(1, PORTAL + 2, 0), BLOCKED);
    CHECK(in_handler(2));
    destroy(THREAD + 5);
    CHECK(cpu_idle(2) && cpu_idle(1));
    /* Root's call helps the handler through. */
    CHECK_EQ(call(0, PORTAL + 2, 0), BLOCKED);
    CHECK(in_handler(2));
    reply(2, 0);
    CHECK(in_handler(2));
    reply(2, 0);
    CHECK_EQ(running(0), 0);
    /* Thread 1 has its answer; with a new SC it goes on. */
    CHECK_EQ(create_sc(0, THREAD + 5, SEL_PD, THREAD + 4, 10, 1000), NOVA_SUCCESS);
    CHECK_EQ(running(1), 1);
    CHECK_EQ(result_arg(1, 1), NOVA_SUCCESS);
}

TEST(remote_reply_with_a_semaphore_repeats_the_call)
{
    machine_make(1);
    CHECK_EQ(call(1, PORTAL + 2, 0), BLOCKED);
    CHECK_EQ(reply(2, SM), BLOCKED);
    CHECK(cpu_idle(1) && cpu_idle(2));
    CHECK_EQ(sm_up(0, SM), NOVA_SUCCESS);
    CHECK(in_handler(2) && cpu_idle(1));
    CHECK_EQ(reply(2, SM), BLOCKED);
    destroy(SM);
    CHECK_EQ(running(1), 1);
    CHECK_EQ(result_arg(1, 1), NOVA_BAD_CAP);
    CHECK(cpu_idle(2));
}

TEST(remote_help_goes_as_far_as_the_calls)
{
    /* Handlers on two CPUs in turn. Each has been called by a thread of its CPU and waits for the next one, which is busy; the last one runs. */
    enum { LENGTH = 24, CHAIN = 0x200, THREADS = 0x300, SERVICES = 0x400 };
    machine_make(0);
    for (unsigned cpu = 1; cpu < 3; cpu++)
        thread_service(0, cpu, SERVICES + 0x40 * cpu);
    for (unsigned i = 0; i < LENGTH; i++) {
        CHECK_EQ(create_ec(0, CHAIN + 2 * i, SEL_PD, 1 + i % 2, utcb_address(110 + i), SP, 0, false), NOVA_SUCCESS);
        CHECK_EQ(create_pt(0, CHAIN + 2 * i + 1, SEL_PD, CHAIN + 2 * i, 0, handler_ip(4 + i)), NOVA_SUCCESS);
    }
    for (unsigned i = LENGTH; i-- > 0;) {
        unsigned cpu = 1 + i % 2;
        thread_make(0, cpu, THREADS + 4 * i, SERVICES + 0x40 * cpu, i + 1, 10 + LENGTH - i);
        CHECK_EQ(running(cpu), (int)(i + 1));
        call(cpu, CHAIN + 2 * i + 1, 0);
        CHECK(in_handler_at(cpu, 4 + i));
        if (i < LENGTH - 1)
            CHECK_EQ(call(cpu, CHAIN + 2 * (i + 1) + 1, 0), BLOCKED);
        machine_settle();
        /* Whoever came last has the highest priority, and helps the last one. */
        unsigned last = 1 + (LENGTH - 1) % 2;
        CHECK_EQ(cpu_core(last)->sc->priority, 10 + LENGTH - i);
        CHECK(in_handler_at(last, 4 + LENGTH - 1));
    }
}

TEST(remote_calls_in_a_circle_are_freed)
{
    machine_make(1);
    word pages[3], limit[3];
    for (unsigned round = 0; round < 3; round++) {
        enum { PD = 0x200 };
        CHECK_EQ(create_pd(0, PD, SEL_PD, 0, 0, 100), NOVA_SUCCESS);
        for (unsigned cpu = 1; cpu < 3; cpu++) {
            CHECK_EQ(create_ec(0, PD + 2 * cpu, PD, cpu, utcb_address(70 + cpu), SP, 0, false), NOVA_SUCCESS);
            CHECK_EQ(create_pt(0, PD + 2 * cpu + 1, PD, PD + 2 * cpu, 0, handler_ip(cpu)), NOVA_SUCCESS);
            CHECK_EQ(delegate(0, NOVA_ROOT_UTCB_ADDRESS, SEL_PD, PD, nova_crd(NOVA_CRD_OBJ, PD + 2 * cpu + 1, 0, 31),
                              nova_control(NOVA_ITEM_DELEGATE, 0), nova_crd(NOVA_CRD_OBJ, cpu, 0, 31)),
                     NOVA_SUCCESS);
        }
        CHECK_EQ(running(1), 1);
        CHECK_EQ(call(1, PD + 3, 0), BLOCKED);
        CHECK(in_handler(1));
        const struct sc *sc = cpu_core(1)->sc;
        CHECK_EQ(call(1, 2, 0), BLOCKED);
        CHECK(in_handler(2));
        CHECK_EQ(call(2, 1, 0), BLOCKED);
        CHECK(!in_handler(2));
        machine_settle();
        CHECK_EQ(sc->state, SC_ASLEEP); /* it does not go round for ever */
        revoke(0, nova_crd(NOVA_CRD_OBJ, PD, 3, 31), NOVA_REVOKE_SELF, 0, 0);
        machine_settle();
        CHECK_EQ(running(0), 0);
        CHECK_EQ(running(1), 1);
        CHECK_EQ(result_arg(1, 1), NOVA_COM_ABT);
        CHECK(cpu_idle(2));
        pages[round] = pd_usage(0, SEL_PD);
        limit[round] = pd_limit(0, SEL_PD);
    }
    CHECK_EQ(limit[2], limit[1]);
    CHECK_EQ(pages[2], pages[1]);
}

TEST(remote_call_delegates)
{
    machine_make(0);
    take(0, nova_crd(NOVA_CRD_MEM, 0x5200, 2, 7), 0);
    struct nova_utcb *mine = utcb_at(0, NOVA_ROOT_UTCB_ADDRESS), *its = utcb_at(0, utcb_address(UTCB + 1));
    its->del = nova_crd(NOVA_CRD_MEM, 0x6200, 2, 31);
    mine->items = nova_items(0, 1);
    *nova_item(mine, 0) = (struct nova_item){nova_crd(NOVA_CRD_MEM, 0x5200, 2, 3), nova_control(NOVA_ITEM_DELEGATE, 0)};
    CHECK_EQ(call(0, PORTAL + 1, 0), BLOCKED);
    CHECK_EQ(nova_item(its, 0)->crd, nova_crd(NOVA_CRD_MEM, 0x6200, 2, 3));
    CHECK(user_try(1, 0x6201000, MMU_READ | MMU_WRITE));
    /* And the shoot-down reaches that CPU while it runs. */
    CHECK_EQ(revoke(1, nova_crd(NOVA_CRD_MEM, 0x5200, 2, 7), 0, 0, 0), NOVA_SUCCESS);
    CHECK(!user_try(1, 0x6201000, MMU_READ));
    CHECK_EQ(tlb_stale(), 0);
}

TEST(shootdown_reaches_other_cpus)
{
    machine_make(2);
    take(0, nova_crd(NOVA_CRD_MEM, 0x5200, 2, 7), 0);
    take(0, nova_crd(NOVA_CRD_PIO, 0x60, 2, 1), 0);
    for (unsigned cpu = 0; cpu < 3; cpu++) {
        CHECK(user_try(cpu, 0x5201000, MMU_READ | MMU_WRITE | MMU_EXECUTE));
        CHECK(user_port(cpu, 0x61));
    }
    CHECK_EQ(revoke(1, nova_crd(NOVA_CRD_MEM, 0x5200, 2, NOVA_MEM_W), NOVA_REVOKE_SELF, 0, 0), NOVA_SUCCESS);
    CHECK_EQ(tlb_stale(), 0);
    for (unsigned cpu = 0; cpu < 3; cpu++)
        CHECK(user_try(cpu, 0x5201000, MMU_READ) && !user_try(cpu, 0x5201000, MMU_WRITE));
    CHECK_EQ(revoke(2, nova_crd(NOVA_CRD_MEM, 0x5200, 2, 7), NOVA_REVOKE_SELF, 0, 0), NOVA_SUCCESS);
    CHECK_EQ(revoke(2, nova_crd(NOVA_CRD_PIO, 0x61, 0, 31), NOVA_REVOKE_SELF, 0, 0), NOVA_SUCCESS);
    CHECK_EQ(tlb_stale(), 0);
    for (unsigned cpu = 0; cpu < 3; cpu++) {
        CHECK(!user_try(cpu, 0x5201000, MMU_READ));
        CHECK(!user_port(cpu, 0x61) && user_port(cpu, 0x62));
    }
}
