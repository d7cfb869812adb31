/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Semaphores (abi.md section 6, sm_ctrl): counting, blocking, order, deadlines, chains, destruction.
 */
#include "scenario.h"

enum { SM = 0x110, SERVICE = 0x120, SERVICE_EVENTS = 0x20, THREAD = 0x180 };

/* Root and threads 1 .. count, all of root's priority class above root: they run first and are started. */
static void machine_with_threads(unsigned count, unsigned priority)
{
    machine_boot(1);
    thread_service(0, 0, SERVICE);
    for (unsigned n = 1; n <= count; n++) {
        thread_make(0, 0, THREAD + 4 * n, SERVICE, n, priority);
        running(0);
    }
}

TEST(semaphore_counts)
{
    machine_boot(1);
    CHECK_EQ(create_sm(0, SM, SEL_PD, 2, 0), NOVA_SUCCESS);
    CHECK_EQ(sm_down(0, SM, 0, 0), NOVA_SUCCESS);
    CHECK_EQ(sm_down(0, SM, 0, 0), NOVA_SUCCESS);
    CHECK_EQ(sm_up(0, SM), NOVA_SUCCESS);
    CHECK_EQ(sm_up(0, SM), NOVA_SUCCESS);
    CHECK_EQ(sm_up(0, SM), NOVA_SUCCESS);
    CHECK_EQ(sm_down(0, SM, 0, 0), NOVA_SUCCESS);
    /* Down to zero. */
    CHECK_EQ(sm_down(0, SM, NOVA_SM_ZERO, 0), NOVA_SUCCESS);
    CHECK_EQ(sm_down(0, SM, 0, 0), BLOCKED);
    CHECK_EQ(running(0), IDLE);
}

TEST(semaphore_blocks_and_wakes)
{
    machine_with_threads(1, 10);
    CHECK_EQ(running(0), 1);
    CHECK_EQ(create_sm(0, SM, SEL_PD, 0, 0), NOVA_SUCCESS);
    CHECK_EQ(sm_down(0, SM, 0, 0), BLOCKED);
    CHECK_EQ(running(0), 0);
    /* The higher priority runs at once. */
    CHECK_EQ(sm_up(0, SM), BLOCKED);
    CHECK_EQ(running(0), 1);
    CHECK_EQ(result_arg(0, 1), NOVA_SUCCESS);
    /* The count was taken by the waiter. */
    CHECK_EQ(sm_down(0, SM, 0, 0), BLOCKED);
    CHECK_EQ(running(0), 0);
    CHECK_EQ(result_arg(0, 1), NOVA_SUCCESS);
}

/* When it sleeps, the SC that is ready next is its own other one. */
TEST(semaphore_and_a_thread_with_two_scs)
{
    machine_with_threads(1, 10);
    CHECK_EQ(create_sm(0, SM, SEL_PD, 0, 0), NOVA_SUCCESS);
    CHECK_EQ(create_sc(0, THREAD + 6, SEL_PD, THREAD + 4, 10, 1000), NOVA_SUCCESS);
    for (unsigned i = 0; i < 16; i++) { /* by all ways that the port takes */
        CHECK_EQ(sm_down(0, SM, 0, 0), BLOCKED);
        CHECK_EQ(running(0), 0);
        CHECK_EQ(sm_up(0, SM), BLOCKED);
        CHECK_EQ(running(0), 1);
        CHECK_EQ(result_arg(0, 1), NOVA_SUCCESS);
        machine_advance(1);
    }
}

/* A wake-up and a sleep change the address space, too, by whichever way the kernel takes. */
TEST(semaphore_between_pds)
{
    enum { PD = 0x200, HERE = 40 };
    machine_boot(1);
    thread_service(0, 0, SERVICE);
    CHECK_EQ(create_sm(0, SM, SEL_PD, 0, 0), NOVA_SUCCESS);
    CHECK_EQ(create_pd(0, PD, SEL_PD, nova_crd(NOVA_CRD_OBJ, SERVICE + SERVICE_EVENTS, 5, 31), 0, 100), NOVA_SUCCESS);
    CHECK_EQ(delegate(0, NOVA_ROOT_UTCB_ADDRESS, SEL_PD, PD, nova_crd(NOVA_CRD_OBJ, SM, 0, 31), nova_control(NOVA_ITEM_DELEGATE, 0),
                      nova_crd(NOVA_CRD_OBJ, HERE, 0, 31)),
             NOVA_SUCCESS);
    CHECK_EQ(create_ec(0, THREAD, PD, 0, utcb_address(1), 1, 0, true), NOVA_SUCCESS);
    const struct mmu *root = mmu_active(0);
    create_sc(0, THREAD + 1, SEL_PD, THREAD, 10, 1000);
    CHECK_EQ(running(0), 1);
    const struct mmu *other = mmu_active(0);
    CHECK(other != root);
    for (unsigned i = 0; i < 32; i++) {
        CHECK_EQ(sm_down(0, HERE, 0, 0), BLOCKED);
        CHECK_EQ(running(0), 0);
        CHECK(mmu_active(0) == root);
        CHECK_EQ(sm_up(0, SM), BLOCKED);
        CHECK_EQ(running(0), 1);
        CHECK(mmu_active(0) == other);
    }
}

TEST(semaphore_is_fair)
{
    machine_with_threads(3, 10);
    CHECK_EQ(create_sm(0, SM, SEL_PD, 0, 0), NOVA_SUCCESS);
    int order[3];
    for (unsigned i = 0; i < 3; i++) {
        order[i] = running(0);
        CHECK(order[i] >= 1 && order[i] <= 3);
        CHECK_EQ(sm_down(0, SM, 0, 0), BLOCKED);
    }
    CHECK_EQ(running(0), 0);
    for (unsigned i = 0; i < 3; i++) {
        CHECK_EQ(sm_up(0, SM), BLOCKED);
        CHECK_EQ(running(0), order[i]);
        CHECK_EQ(sm_down(0, SM, 0, 0), BLOCKED);
        CHECK_EQ(running(0), 0);
    }
}

TEST(semaphore_deadline)
{
    machine_boot(1);
    CHECK_EQ(create_sm(0, SM, SEL_PD, 0, 0), NOVA_SUCCESS);
    uint64_t deadline = machine_time() + 5000000;
    CHECK_EQ(sm_down(0, SM, 0, deadline), BLOCKED);
    CHECK_EQ(running(0), IDLE);
    CHECK_EQ(cpu_deadline(0), deadline);
    machine_advance(4000000);
    CHECK_EQ(running(0), IDLE);
    machine_advance(1000000);
    CHECK_EQ(running(0), 0);
    CHECK_EQ(result_arg(0, 1), NOVA_COM_TIM);
    /* Nobody waits any more: the up counts. */
    CHECK_EQ(sm_up(0, SM), NOVA_SUCCESS);
    CHECK_EQ(sm_down(0, SM, 0, machine_time() + 1000), NOVA_SUCCESS);
}

TEST(semaphore_deadline_in_the_past)
{
    machine_boot(1);
    CHECK_EQ(create_sm(0, SM, SEL_PD, 0, 0), NOVA_SUCCESS);
    word status = sm_down(0, SM, 0, 1);
    if (status == BLOCKED) {
        CHECK_EQ(running(0), 0);
        status = result_arg(0, 1);
    }
    CHECK_EQ(status, NOVA_COM_TIM);
}

TEST(semaphore_up_before_the_deadline)
{
    machine_with_threads(1, 10);
    CHECK_EQ(create_sm(0, SM, SEL_PD, 0, 0), NOVA_SUCCESS);
    CHECK_EQ(sm_down(0, SM, 0, machine_time() + 5000000), BLOCKED);
    CHECK_EQ(running(0), 0);
    CHECK_EQ(sm_up(0, SM), BLOCKED);
    CHECK_EQ(running(0), 1);
    CHECK_EQ(result_arg(0, 1), NOVA_SUCCESS);
    machine_advance(10000000);
    CHECK_EQ(running(0), 1);
    CHECK_EQ(result_arg(0, 1), NOVA_SUCCESS);
}

TEST(semaphore_destroyed_wakes_with_bad_cap)
{
    machine_with_threads(2, 10);
    CHECK_EQ(create_sm(0, SM, SEL_PD, 0, 0), NOVA_SUCCESS);
    CHECK_EQ(sm_down(0, SM, 0, 0), BLOCKED);
    running(0);
    CHECK_EQ(sm_down(0, SM, 0, machine_time() + 5000000), BLOCKED);
    CHECK_EQ(running(0), 0);
    revoke(0, nova_crd(NOVA_CRD_OBJ, SM, 0, NOVA_PERM_ALL), NOVA_REVOKE_SELF, 0, 0);
    machine_settle();
    for (unsigned i = 0; i < 2; i++) {
        CHECK(running(0) == 1 || running(0) == 2);
        CHECK_EQ(result_arg(0, 1), NOVA_BAD_CAP);
        CHECK_EQ(create_sm(0, SM + 1 + i, SEL_PD, 0, 0), NOVA_SUCCESS);
        CHECK_EQ(sm_down(0, SM + 1 + i, 0, 0), BLOCKED);
    }
    CHECK_EQ(running(0), 0);
    machine_advance(10000000);
    CHECK_EQ(running(0), 0);
}

TEST(semaphore_across_cpus)
{
    machine_boot(2);
    thread_service(0, 1, SERVICE);
    thread_make(0, 1, THREAD, SERVICE, 1, 10);
    CHECK_EQ(running(1), 1);
    CHECK_EQ(create_sm(0, SM, SEL_PD, 0, 0), NOVA_SUCCESS);
    CHECK_EQ(sm_down(1, SM, 0, 0), BLOCKED);
    CHECK_EQ(running(1), IDLE);
    CHECK_EQ(sm_up(0, SM), NOVA_SUCCESS);
    CHECK_EQ(running(1), 1);
    CHECK_EQ(result_arg(1, 1), NOVA_SUCCESS);
    /* With a deadline, woken from the other CPU. */
    CHECK_EQ(sm_down(1, SM, 0, machine_time() + 1000000), BLOCKED);
    CHECK_EQ(sm_up(0, SM), NOVA_SUCCESS);
    CHECK_EQ(running(1), 1);
    CHECK_EQ(result_arg(1, 1), NOVA_SUCCESS);
    CHECK_EQ(sm_down(1, SM, 0, machine_time() + 1000000), BLOCKED);
    machine_advance(1100000);
    CHECK_EQ(running(1), 1);
    CHECK_EQ(result_arg(1, 1), NOVA_COM_TIM);
}

TEST(semaphore_chained)
{
    machine_boot(1);
    CHECK_EQ(create_sm(0, SM, SEL_PD, 0, 0), NOVA_SUCCESS);
    CHECK_EQ(create_sm(0, SM + 1, SEL_PD, 0x1234, SM), NOVA_SUCCESS);
    CHECK_EQ(create_sm(0, SM + 2, SEL_PD, 0x5678, SM), NOVA_SUCCESS);
    /* One level only; and a chained one has no down. */
    CHECK_EQ(create_sm(0, SM + 3, SEL_PD, 1, SM + 1), NOVA_BAD_CAP);
    CHECK_EQ(sm_down(0, SM + 1, 0, 0), NOVA_BAD_CAP);
    CHECK_EQ(sm_up(0, SM + 1), NOVA_SUCCESS);
    CHECK_EQ(sm_up(0, SM + 2), NOVA_SUCCESS);
    CHECK_EQ(sm_up(0, SM + 1), NOVA_SUCCESS);
    CHECK_EQ(sm_up(0, SM + 1), NOVA_SUCCESS);
    CHECK_EQ(sm_down(0, SM, 0, 0), NOVA_SUCCESS);
    CHECK_EQ(result_arg(0, 2), 0x1234);
    CHECK_EQ(result_arg(0, 3), 3);
    CHECK_EQ(sm_down(0, SM, 0, 0), NOVA_SUCCESS);
    CHECK_EQ(result_arg(0, 2), 0x5678);
    CHECK_EQ(result_arg(0, 3), 1);
    CHECK_EQ(sm_down(0, SM, 0, machine_time() + 10), BLOCKED);
    machine_advance(1000);
    CHECK_EQ(running(0), 0);
    CHECK_EQ(result_arg(0, 1), NOVA_COM_TIM);
}

TEST(semaphore_chained_wakes_a_waiter)
{
    machine_with_threads(1, 10);
    CHECK_EQ(create_sm(0, SM, SEL_PD, 0, 0), NOVA_SUCCESS);
    CHECK_EQ(create_sm(0, SM + 1, SEL_PD, 0xabc, SM), NOVA_SUCCESS);
    CHECK_EQ(sm_down(0, SM, 0, 0), BLOCKED);
    CHECK_EQ(running(0), 0);
    CHECK_EQ(sm_up(0, SM + 1), BLOCKED);
    CHECK_EQ(running(0), 1);
    CHECK_EQ(result_arg(0, 1), NOVA_SUCCESS);
    CHECK_EQ(result_arg(0, 2), 0xabc);
    CHECK_EQ(result_arg(0, 3), 1);
}

TEST(semaphore_chain_outlives_neither_end)
{
    machine_boot(1);
    CHECK_EQ(create_sm(0, SM, SEL_PD, 0, 0), NOVA_SUCCESS);
    CHECK_EQ(create_sm(0, SM + 1, SEL_PD, 7, SM), NOVA_SUCCESS);
    CHECK_EQ(sm_up(0, SM + 1), NOVA_SUCCESS);
    /* The signaller goes while its signal is queued. */
    CHECK_EQ(revoke(0, nova_crd(NOVA_CRD_OBJ, SM + 1, 0, NOVA_PERM_ALL), NOVA_REVOKE_SELF, 0, 0), NOVA_SUCCESS);
    machine_settle();
    CHECK_EQ(create_sm(0, SM + 1, SEL_PD, 8, SM), NOVA_SUCCESS);
    /* The target goes first. */
    CHECK_EQ(revoke(0, nova_crd(NOVA_CRD_OBJ, SM, 0, NOVA_PERM_ALL), NOVA_REVOKE_SELF, 0, 0), NOVA_SUCCESS);
    machine_settle();
    CHECK(sm_up(0, SM + 1) <= NOVA_QUO_OOM);
    CHECK_EQ(revoke(0, nova_crd(NOVA_CRD_OBJ, SM + 1, 0, NOVA_PERM_ALL), NOVA_REVOKE_SELF, 0, 0), NOVA_SUCCESS);
    machine_settle();
}

TEST(semaphore_permissions)
{
    machine_boot(1);
    CHECK_EQ(create_sm(0, SM, SEL_PD, 5, 0), NOVA_SUCCESS);
    for (unsigned perm = 1; perm < 4; perm++) {
        word sel = SM + perm;
        CHECK_EQ(delegate(0, NOVA_ROOT_UTCB_ADDRESS, SEL_PD, SEL_PD, nova_crd(NOVA_CRD_OBJ, SM, 0, perm),
                          nova_control(NOVA_ITEM_DELEGATE, 0), nova_crd(NOVA_CRD_OBJ, sel, 0, 31)),
                 NOVA_SUCCESS);
        CHECK_EQ(sm_up(0, sel), perm & NOVA_SM_UP_PERM ? NOVA_SUCCESS : NOVA_BAD_CAP);
        CHECK_EQ(sm_down(0, sel, 0, 0), perm & NOVA_SM_DOWN_PERM ? NOVA_SUCCESS : NOVA_BAD_CAP);
    }
}

TEST(semaphore_counter_at_its_end)
{
    machine_boot(1);
    CHECK_EQ(create_sm(0, SM, SEL_PD, ALL_ONES, 0), NOVA_SUCCESS);
    CHECK_EQ(create_sm(0, SM + 1, SEL_PD, 1, SM), NOVA_SUCCESS);
    CHECK_EQ(create_sm(0, SM + 2, SEL_PD, 2, SM), NOVA_SUCCESS);
    for (unsigned i = 0; i < 3; i++) {
        CHECK_EQ(sm_up(0, SM), NOVA_SUCCESS);
        CHECK_EQ(sm_up(0, SM + 1), NOVA_SUCCESS);
        CHECK_EQ(sm_up(0, SM + 2), NOVA_SUCCESS);
    }
    for (unsigned i = 0; i < 6; i++)
        CHECK_EQ(sm_down(0, SM, 0, 0), NOVA_SUCCESS);
    CHECK_EQ(sm_down(0, SM, NOVA_SM_ZERO, 0), NOVA_SUCCESS);
}
