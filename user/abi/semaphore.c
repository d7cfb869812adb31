/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * abi.md section 6, sm_ctrl: counting, deadlines, chained semaphores, and who is woken when.
 */
#include "abi.h"

static nova_word other_objects[] = {NOVA_ROOT_PD, NOVA_ROOT_EC, NOVA_ROOT_SC};

static void test_errors(void)
{
    nova_word sm = new_semaphore(1), weak = new_selector(), wrong = 0;

    for (unsigned i = 0; i < sizeof(other_objects) / sizeof(*other_objects); i++)
        wrong += nova_sm_up(nova_hip->sel_exc + other_objects[i]) != NOVA_BAD_CAP;
    check("up on PD, EC and SC is BAD_CAP", wrong, 0);
    check("up on an empty selector", nova_sm_up(weak), NOVA_BAD_CAP);
    check("up on a selector far away", nova_sm_up(far_selector()), NOVA_BAD_CAP);
    check("up on the largest selector", nova_sm_up((nova_word)-1 >> 8), NOVA_BAD_CAP);
    check("down on an empty selector", nova_sm_down(weak, 0, 1), NOVA_BAD_CAP);
    grant(nova_pd, nova_pd, object(sm, NOVA_SM_UP_PERM), nova_control(NOVA_ITEM_DELEGATE, 0), objects(weak, 0));
    check("up with just the up permission", nova_sm_up(weak), NOVA_SUCCESS);
    check("down with just the up permission", nova_sm_down(weak, 0, 1), NOVA_BAD_CAP);
    nova_revoke(object(sm, NOVA_PERM_ALL), 0, 0, 0);
    grant(nova_pd, nova_pd, object(sm, NOVA_SM_DOWN_PERM), nova_control(NOVA_ITEM_DELEGATE, 0), objects(weak, 0));
    check("up with just the down permission", nova_sm_up(weak), NOVA_BAD_CAP);
    check("down with just the down permission", nova_sm_down(weak, 0, 1), NOVA_SUCCESS);
    check("both names are of one semaphore: 1 + 1 - 1 is left", nova_sm_down(sm, 0, 1), NOVA_SUCCESS);
    check("and then nothing", nova_sm_down(sm, 0, 1), NOVA_COM_TIM);
}

static void test_counting(void)
{
    nova_word sm = new_semaphore(3);
    uint64_t deadline;

    check("down with initial count 3", nova_sm_down(sm, 0, 0), NOVA_SUCCESS);
    check("down to zero", nova_sm_down(sm, NOVA_SM_ZERO, 0), NOVA_SUCCESS);
    check("nothing is left after down to zero", nova_sm_down(sm, 0, 1), NOVA_COM_TIM);
    check("down to zero at 0 waits", nova_sm_down(sm, NOVA_SM_ZERO, 1), NOVA_COM_TIM);
    check("up", nova_sm_up(sm), NOVA_SUCCESS);
    check("down with a deadline in the past takes what is there", nova_sm_down(sm, 0, 1), NOVA_SUCCESS);
    deadline = deadline_ms(5);
    check("down with a deadline of 5 ms", nova_sm_down(sm, 0, deadline), NOVA_COM_TIM);
    check_true("it does not end early", nova_tsc() >= deadline);
    check_true("it ends within a second of it", nova_tsc() < deadline + ticks_ms(1000));
    for (unsigned i = 0; i < 100; i++)
        nova_sm_up(sm);
    for (unsigned i = 0; i < 100; i++)
        if (nova_sm_down(sm, 0, 1)) {
            check("100 ups are 100 downs", i, 100);
            return;
        }
    check("100 ups are 100 downs, and no more", nova_sm_down(sm, 0, 1), NOVA_COM_TIM);
}

static void test_chained(void)
{
    nova_word target = new_semaphore(0), first = new_selector(), second = new_selector(), value = 0, count = 0, sum;

    check("create a chained semaphore", nova_create_sm_chained(first, nova_pd, 0xabc, target), NOVA_SUCCESS);
    check("create a second one", nova_create_sm_chained(second, nova_pd, ~(nova_word)0, target), NOVA_SUCCESS);
    check("down on a chained semaphore", nova_sm_down(first, 0, 1), NOVA_BAD_CAP);
    nova_sm_up(first);
    nova_sm_up(first);
    check("down on the target", nova_sm_down_signal(target, 0, 1, &value, &count), NOVA_SUCCESS);
    check("value of the one that signalled", value, 0xabc);
    check("number of its ups", count, 2);
    while (!nova_sm_down(target, 0, 1)) /* the target may have counted both ups */
        ;
    nova_sm_up(second);
    nova_sm_up(first);
    nova_sm_down_signal(target, 0, 1, &value, &count);
    sum = value;
    check("ups are counted per semaphore", count, 1);
    nova_sm_down_signal(target, 0, 1, &value, &count);
    check("both signals arrive", sum + value, 0xabc + ~(nova_word)0);
    while (!nova_sm_down_signal(target, 0, 1, &value, &count))
        ;
    nova_sm_up(first);
    nova_revoke(object(first, NOVA_PERM_ALL), NOVA_REVOKE_SELF, 0, 0);
    check_true("down after a chained semaphore with a signal is gone does not hang",
               nova_sm_down_signal(target, 0, deadline_ms(5), &value, &count) <= NOVA_COM_TIM);
}

/* ---- waiters ---- */

static struct waiter {
    nova_word number, semaphore;
    volatile nova_word status, woken;
} waiters[4];
static volatile nova_word order, woken;
static nova_word finished;

static void wait_once(void *argument)
{
    struct waiter *waiter = argument;
    waiter->status = nova_sm_down(waiter->semaphore, 0, 0);
    waiter->woken = 1;
    order = order << 4 | waiter->number;
    woken++;
    nova_sm_up(finished);
}

static void test_waiters(void)
{
    nova_word sm = new_semaphore(0), doomed = new_semaphore(0);

    finished = new_semaphore(0);
    for (unsigned i = 0; i < 3; i++) {
        waiters[i] = (struct waiter){.number = i + 1, .semaphore = sm, .status = ~(nova_word)0};
        new_thread(2, wait_once, &waiters[i]); /* of higher priority: it waits before this goes on */
    }
    check("waiters wait", woken, 0);
    nova_sm_up(sm);
    check("an up wakes a thread of higher priority at once", woken, 1);
    nova_sm_up(sm);
    nova_sm_up(sm);
    check("all three are awake", woken, 3);
    check("first come, first served", order, 0x123);
    check("they have taken the counter down", nova_sm_down(sm, 0, 1), NOVA_COM_TIM);
    for (unsigned i = 0; i < 3; i++)
        check("a waiter that is woken gets SUCCESS", waiters[i].status, NOVA_SUCCESS);
    while (!nova_sm_down(finished, 0, 1))
        ;

    waiters[3] = (struct waiter){.number = 4, .semaphore = doomed, .status = ~(nova_word)0};
    new_thread(2, wait_once, &waiters[3]);
    nova_revoke(object(doomed, NOVA_PERM_ALL), NOVA_REVOKE_SELF, 0, 0);
    check("the waiter of a destroyed semaphore wakes", wait_for(finished), NOVA_SUCCESS);
    check("it gets BAD_CAP", waiters[3].status, NOVA_BAD_CAP);
}

/* A deadline wakes a thread while another one computes. */
static volatile nova_word timed_out;

static void wait_until(void *argument) { timed_out = 1 + nova_sm_down((nova_word)argument, 0, deadline_ms(5)); }

static void test_preemption(void)
{
    nova_word sm = new_semaphore(0);
    uint64_t end = deadline_ms(PATIENCE_MS);

    new_thread(3, wait_until, (void *)sm);
    while (!timed_out && nova_tsc() < end)
        nova_pause();
    check("a deadline wakes a thread while another one runs", timed_out, 1 + NOVA_COM_TIM);
}

/* Round robin: a thread of the same priority that never blocks gets its turn, and so does this one. */
static void test_round_robin(void)
{
    static struct spinner other;
    uint64_t end = deadline_ms(PATIENCE_MS);

    other.finished = new_semaphore(0);
    new_thread(1, spin, &other);
    while (!other.count && nova_tsc() < end)
        nova_pause();
    check_true("a thread of the same priority gets its turn", other.count != 0);
    other.stop = 1;
    check("and this one again", wait_for(other.finished), NOVA_SUCCESS);
}

void test_semaphore(void)
{
    section("6.sm_ctrl_errors");
    test_errors();
    section("6.sm_ctrl");
    test_counting();
    section("6.sm_chained");
    test_chained();
    section("6.sm_waiters");
    test_waiters();
    section("6.sm_deadline");
    test_preemption();
    section("6.round_robin");
    test_round_robin();
}
