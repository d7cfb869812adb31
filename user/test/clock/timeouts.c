/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Timeouts by the thousand: what arming and cancelling one costs with few and with many pending ones, and that each fires once and in time. Chained signals and plain
 * ups of one semaphore from all CPUs: what is seen is what was made.
 */
#include "clock.h"

enum { FEW = 10, MANY = 10000, LOOPS = 200, STEP_US = 30, MORE_TICKS = 1500, LATE_US = 50 };
enum { CHAINED = 16, UPS = 2000, CONSUMERS = 2 };

static nova_word gate, ping, pong, finished;
static volatile nova_word waiting, expired, early, late, odd;
static uint64_t base, latest;

/* ---- cost ---- */

static void role_pong(void *unused)
{
    (void)unused;
    for (;;) {
        nova_sm_down(ping, 0, 0);
        nova_sm_up(pong);
    }
}

/* Waits with a deadline in the middle of the others', and is woken before. */
static uint64_t cost(void)
{
    uint64_t middle = base + (uint64_t)ticks(STEP_US) * (MANY / 2), begin = 0;

    for (unsigned i = 0; i < LOOPS; i++) {
        if (i == 2)
            begin = nova_tsc();
        nova_sm_up(ping);
        odd += nova_sm_down(pong, 0, middle) != NOVA_SUCCESS;
    }
    return nova_divide(nova_tsc() - begin, LOOPS - 2, NULL);
}

/* Its place in the order of deadlines is not that in which they are armed. */
static void role_wait(void *argument)
{
    nova_word place = ((nova_word)argument * 7919) % MANY;
    uint64_t deadline = base + ticks(STEP_US) * place, now;
    enum nova_status status;

    __atomic_fetch_add(&waiting, 1, __ATOMIC_RELAXED);
    status = nova_sm_down(gate, 0, deadline);
    now = nova_tsc();
    odd += status != NOVA_COM_TIM;
    early += now < deadline;
    if (now > deadline && now - deadline > latest)
        latest = now - deadline;
    late += now > deadline + ticks(LATE_US);
    __atomic_fetch_add(&expired, 1, __ATOMIC_RELAXED);
}

static void crowd(unsigned from, unsigned to)
{
    for (unsigned i = from; i < to; i++)
        thread_start(0, 50, 1000, role_wait, (void *)(nova_word)i);
    for (unsigned i = 0; i < 1000 && waiting < to; i++)
        nap(1000);
    check(waiting == to, "all threads wait");
}

void test_timeouts(void)
{
    uint64_t few, many;

    gate = semaphore();
    ping = semaphore();
    pong = semaphore();
    base = deadline_us(3000000);
    thread_start(0, 120, 10000, role_pong, NULL);
    crowd(0, FEW);
    few = cost();
    crowd(FEW, MANY);
    many = cost();
    nova_printf("# a wait with a deadline, there and back: %llu ticks with %u pending, %llu with %u\n", (unsigned long long)few,
                FEW, (unsigned long long)many, MANY);
    check(nova_tsc() < base && !expired, "none has expired yet");
    check(many <= few + MORE_TICKS, "a timeout among 10,000 costs O(log n)");
    while (nova_tsc() < base + ticks(STEP_US) * (uint64_t)MANY + ticks(20000))
        nap(10000);
    nova_printf("# %lu of %u expired, %lu early, %lu late, at most %llu ticks; %lu odd\n", expired, MANY, early, late,
                (unsigned long long)latest, odd);
    check(expired == MANY && !odd, "each has expired once");
    check(!early && !late, "and in time");
}

/* ---- signals ---- */

static nova_word target, chained;
static volatile nova_word seen_plain, seen_chained[CHAINED], made_plain, made_chained[CHAINED], wrong_value;

static void role_consume(void *unused)
{
    (void)unused;
    for (;;) {
        nova_word value = 0, count = 0;
        enum nova_status status = nova_sm_down_signal(target, 0, 0, &value, &count);
        if (status || value > CHAINED || (value && !count))
            wrong_value++;
        else if (value)
            __atomic_fetch_add(&seen_chained[value - 1], count, __ATOMIC_RELAXED);
        else
            __atomic_fetch_add(&seen_plain, 1, __ATOMIC_RELAXED);
    }
}

static void role_produce(void *argument)
{
    uint32_t random = (uint32_t)(nova_word)argument + 1;

    for (unsigned i = 0; i < UPS; i++) {
        unsigned which;
        random = random * 1664525 + 1013904223;
        which = (random >> 16) % (CHAINED + 8);
        if (which < CHAINED) {
            nova_sm_up(chained + which);
            __atomic_fetch_add(&made_chained[which], 1, __ATOMIC_RELAXED);
        } else {
            nova_sm_up(target);
            __atomic_fetch_add(&made_plain, 1, __ATOMIC_RELAXED);
        }
        if (random >> 30 == 0)
            nap(1 + (random >> 20) % 50);
    }
    nova_sm_up(finished);
}

void test_signals(void)
{
    nova_word differ = 0, all = 0;

    finished = semaphore();
    target = semaphore();
    chained = nova_selectors(CHAINED, 1);
    for (nova_word i = 0; i < CHAINED; i++)
        differ += nova_create_sm_chained(chained + i, nova_pd, i + 1, target) != NOVA_SUCCESS;
    for (unsigned i = 0; i < cpus; i++) {
        for (unsigned k = 0; k < CONSUMERS; k++)
            thread_start(i, 3 + k, 300, role_consume, NULL);
        for (unsigned k = 0; k < 2; k++)
            thread_start(i, 3 + k, 300, role_produce, (void *)(nova_word)(i * 2 + k));
    }
    for (unsigned i = 0; i < 2 * cpus; i++)
        differ += nova_sm_down(finished, 0, deadline_us(10000000)) != NOVA_SUCCESS;
    nap(20000);
    for (unsigned i = 0; i < CHAINED; i++) {
        differ += made_chained[i] != seen_chained[i];
        all += seen_chained[i];
    }
    nova_printf("# %lu of %lu plain ups seen, %lu chained ones\n", seen_plain, made_plain, all);
    check(seen_plain == made_plain, "each plain up was seen once");
    check(!differ && !wrong_value, "each chained up was seen once, under its value");
}
