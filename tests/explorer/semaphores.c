/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Semaphores: ups, downs, deadlines, signals, while a semaphore or somebody who waits is destroyed. No up is lost and none counts twice: what was put in is what was
 * taken out and what is left.
 */
#include "scenarios.h"

enum { WAITERS = 3, DOWNS = 2, SIGNALS = 3 };

static word semaphore, sleep, signals[SIGNALS], victim;
static unsigned ups, taken, victim_taken, lost;
static unsigned ups_of[SIGNALS], told[SIGNALS];
static bool gone;
static unsigned ups_to_do;

static void begin(void)
{
    ups = taken = victim_taken = lost = 0;
    gone = false;
    victim = 0;
    for (unsigned i = 0; i < SIGNALS; i++)
        ups_of[i] = told[i] = 0;
    semaphore = make_semaphore(ROOT_SELECTOR, 0, 0);
    sleep = make_semaphore(ROOT_SELECTOR, 0, 0);
}

static void inspect(void) { inspect_queue(semaphore); }

static void rest(void)
{
    if (chance(2))
        user_down(sleep, 0, soon());
}

/* ---- programs ---- */

static word upper(void)
{
    while (ups_to_do) {
        ups_to_do--;
        word status = user_up(semaphore);
        if (status == NOVA_SUCCESS)
            ups++;
        else if (status != NOVA_BAD_CAP || victim != semaphore)
            fail("an up ends with status %lu", status);
        rest();
    }
    return 0;
}

static word downer(void)
{
    for (unsigned i = 0; i < DOWNS; i++) {
        bool was_gone = gone;
        word status = user_down(semaphore, 0, 0);
        if (status == NOVA_SUCCESS) {
            taken++;
            if (left_out_of_turn(my_thread()))
                fail("%s got its turn before others who had come earlier", my_thread()->name);
        } else if (status != NOVA_BAD_CAP || victim != semaphore)
            fail("a down ends with status %lu", status);
        if (was_gone && victim == semaphore && status != NOVA_BAD_CAP)
            fail("a down on a destroyed semaphore ends with status %lu", status);
    }
    return 0;
}

static word mortal(void)
{
    for (unsigned i = 0; i < DOWNS; i++)
        if (user_down(semaphore, 0, chance(2) ? 0 : soon()) == NOVA_SUCCESS)
            victim_taken++;
    return 0;
}

static word hasty(void)
{
    for (unsigned i = 0; i < 2 * DOWNS; i++) {
        uint64_t deadline = soon();
        word status = user_down(semaphore, 0, deadline);
        if (status == NOVA_SUCCESS)
            taken++;
        else if (status != NOVA_COM_TIM)
            fail("a down ends with status %lu", status);
        else if (machine_time() < deadline)
            fail("a down ends before its deadline");
    }
    return 0;
}

static word greedy(void)
{
    for (unsigned i = 0; i < 2 * DOWNS; i++)
        if (user_down(semaphore, NOVA_SM_ZERO, soon()) == NOVA_SUCCESS)
            taken++;
    return 0;
}

static word destroyer(void)
{
    for (unsigned i = choose(4); i--;)
        rest();
    user_destroy(victim);
    gone = true;
    return 0;
}

static word signaller(void)
{
    for (unsigned i = 0; i < 4; i++) {
        unsigned which = choose(SIGNALS);
        word status = user_up(signals[which]);
        if (status == NOVA_SUCCESS)
            ups_of[which]++;
        else if (status != NOVA_BAD_CAP || victim != signals[which])
            fail("an up of a signal ends with status %lu", status);
        rest();
    }
    return 0;
}

static bool all_told(void)
{
    bool all = true;
    for (unsigned i = 0; i < SIGNALS; i++)
        all &= told[i] >= ups_of[i] || victim == signals[i];
    for (unsigned i = 0; i < thread_count; i++)
        all &= threads[i].ended || !threads[i].argument;
    return all;
}

static word listener(void)
{
    while (!all_told()) {
        word status = user_down(semaphore, chance(3) ? NOVA_SM_ZERO : 0, machine_time() + 3000);
        if (status == NOVA_BAD_CAP && victim == semaphore)
            break;
        if (status == NOVA_COM_TIM)
            continue;
        word value = my_result(2), count = my_result(3);
        if (status != NOVA_SUCCESS || value < 100 || value >= 100 + SIGNALS || !count)
            fail("a down ends with status %lu, value %lu, count %lu", status, value, count);
        told[value - 100] += (unsigned)count;
        if (told[value - 100] > ups_of[value - 100] + 2)
            fail("signal %lu was told %u times, raised %u times", value, told[value - 100], ups_of[value - 100]);
    }
    return 0;
}

/* ---- worlds ---- */

static void make_waiters(unsigned count, program function)
{
    static const char *const names[] = {"waiter A", "waiter B", "waiter C", "waiter D"};
    for (unsigned i = 0; i < count; i++)
        make_thread(names[i], anywhere(), ROOT_SELECTOR, function, 0);
}

static void make_uppers(unsigned count)
{
    ups_to_do = count;
    make_thread("upper A", anywhere(), ROOT_SELECTOR, upper, 0);
    make_thread("upper B", anywhere(), ROOT_SELECTOR, upper, 0);
}

static void make_destroyer(word what)
{
    victim = what;
    make_thread("destroyer", anywhere(), ROOT_SELECTOR, destroyer, 0);
}

static void plain_build(void)
{
    begin();
    make_waiters(WAITERS, downer);
    make_uppers(WAITERS * DOWNS);
}

static void timeout_build(void)
{
    begin();
    make_waiters(WAITERS, hasty);
    make_uppers(4);
}

static void zero_build(void)
{
    begin();
    make_waiters(2, greedy);
    make_uppers(6);
}

static void destroyed_build(void)
{
    begin();
    make_waiters(WAITERS, downer);
    make_uppers(3);
    make_destroyer(semaphore);
}

static void waiter_build(void)
{
    begin();
    make_waiters(2, downer);
    struct thread *thread = make_thread("mortal", anywhere(), ROOT_SELECTOR, mortal, 0);
    make_uppers(3 * DOWNS);
    make_destroyer(chance(3) ? thread->sc_selector : thread->ec_selector);
    thread->expendable = true;
}

static word patient(void)
{
    for (unsigned i = 0; i < 2 * DOWNS; i++) {
        user_down(semaphore, 0, chance(4) ? soon() : 0);
        user_pause();
    }
    return 0;
}

/* Some of those who wait, or are about to, die; nobody who is gone stays in the queue. */
static word one_destroyer(void)
{
    for (unsigned i = choose(4); i--;)
        rest();
    user_destroy(threads[my_thread()->argument].ec_selector);
    return 0;
}

static void waiters_build(void)
{
    begin();
    for (unsigned i = 0; i < 4; i++)
        make_thread("mortal", i % 2, ROOT_SELECTOR, patient, 0)->expendable = true;
    make_uppers(choose(4));
    for (unsigned i = 0; i < 4; i++)
        make_thread("destroyer", 2, ROOT_SELECTOR, one_destroyer, i);
}

static void make_signals(void)
{
    begin();
    for (unsigned i = 0; i < SIGNALS; i++)
        signals[i] = make_semaphore(ROOT_SELECTOR, 100 + i, semaphore);
    make_thread("signaller A", anywhere(), ROOT_SELECTOR, signaller, 1);
    make_thread("signaller B", anywhere(), ROOT_SELECTOR, signaller, 1);
    make_thread("listener A", anywhere(), ROOT_SELECTOR, listener, 0);
    make_thread("listener B", anywhere(), ROOT_SELECTOR, listener, 0);
}

static void signal_destroyed_build(void)
{
    make_signals();
    make_destroyer(signals[choose(SIGNALS)]);
}

static void target_destroyed_build(void)
{
    make_signals();
    make_destroyer(semaphore);
}

/* ---- ends ---- */

static word counter(void) { return semaphore_of(semaphore)->counter; }

static void nothing_lost(void)
{
    if (ups != taken + counter())
        fail("%u ups, but %u downs and %lu left", ups, taken, counter());
}

/* Who died in its wait may have taken one that it could not tell. */
static void one_lost(void)
{
    word known = taken + victim_taken + counter();
    if (ups != known && ups != known + 1)
        fail("%u ups, but %u downs, %u of who died, and %lu left", ups, taken, victim_taken, counter());
}

static void not_too_many(void)
{
    if (taken + counter() > ups)
        fail("%u ups, but %u downs and %lu left", ups, taken, counter());
}

static void all_signals(void)
{
    for (unsigned i = 0; i < SIGNALS; i++)
        if (told[i] != ups_of[i] && (victim != signals[i] || told[i] > ups_of[i]))
            fail("signal %u was raised %u times, told %u times", i, ups_of[i], told[i]);
}

const struct scenario semaphores_scenarios[] = {
    {.name = "semaphore", .cpus = 3, .build = plain_build, .inspect = inspect, .end = nothing_lost},
    {.name = "semaphore-timeout", .cpus = 3, .build = timeout_build, .inspect = inspect, .end = nothing_lost},
    {.name = "semaphore-zero", .cpus = 3, .build = zero_build, .inspect = inspect, .end = not_too_many},
    {.name = "semaphore-destroyed", .cpus = 3, .build = destroyed_build, .inspect = inspect},
    {.name = "semaphore-waiter-destroyed", .cpus = 3, .build = waiter_build, .inspect = inspect, .end = one_lost},
    {.name = "semaphore-waiters-destroyed", .cpus = 3, .build = waiters_build, .inspect = inspect},
    {.name = "signals", .cpus = 3, .build = make_signals, .end = all_signals},
    {.name = "signals-one-destroyed", .cpus = 3, .build = signal_destroyed_build, .end = all_signals},
    {.name = "signals-target-destroyed", .cpus = 3, .build = target_destroyed_build},
    {.name = 0},
};
