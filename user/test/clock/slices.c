/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Slices: two threads of one priority take turns, each for its own quantum, to the microsecond. Wake-ups: a CPU that idles, or runs something
 * less urgent, is interrupted for a thread that another CPU has made ready.
 */
#include "clock.h"

enum { TURNS = 12, GAP_US = 5, LATE_US = 10, TURN_US = 20000, ROUNDS = 20 };

static struct spinner {
    uint64_t sum;
    unsigned turns;
} spinners[2];
static volatile nova_word stop;
static nova_word finished;

/* Spins, and measures how long it runs until somebody else does: then the TSC makes a leap. Neither the first nor the last turn is a whole one. */
static void spin(void *argument)
{
    struct spinner *spinner = argument;
    uint64_t begin = 0, before = nova_tsc(), gap = ticks(GAP_US);

    while (!stop && spinner->turns < TURNS) {
        uint64_t now = nova_tsc();
        if (now - before > gap) {
            if (begin) {
                spinner->sum += before - begin;
                spinner->turns++;
            }
            begin = now;
        }
        before = now;
    }
    stop = 1;
    nova_sm_up(finished);
}

static void measure(unsigned a_us, unsigned b_us)
{
    unsigned quantum[2] = {a_us, b_us};

    stop = 0;
    for (unsigned i = 0; i < 2; i++) {
        spinners[i] = (struct spinner){0, 0};
        thread_start(0, 5, quantum[i], spin, &spinners[i]);
    }
    nova_sm_down(finished, 0, 0);
    nova_sm_down(finished, 0, 0);
    for (unsigned i = 0; i < 2; i++) {
        unsigned turns = spinners[i].turns ? spinners[i].turns : 1;
        uint64_t average = nova_divide(spinners[i].sum, turns, NULL), asked = ticks(quantum[i]);
        nova_printf("# quantum of %u us, %llu ticks: runs for %llu ticks in %u turns\n", quantum[i], (unsigned long long)asked,
                    (unsigned long long)average, spinners[i].turns);
        /* the kernel's entry and exit are on the slice's account */
        check(spinners[i].turns >= TURNS / 4 && average <= asked + ticks(1) && average + ticks(3) >= asked,
              "a turn is as long as its quantum");
    }
}

void test_slices(void)
{
    finished = semaphore();
    measure(1000, 1000);
    measure(100, 100);
    measure(137, 411);
    measure(10000, 20000);
}

/* ---- wake-ups ---- */

static nova_word wake, woken;
static volatile uint64_t woken_at;

static void role_woken(void *unused)
{
    (void)unused;
    for (;;) {
        nova_sm_down(wake, 0, 0);
        woken_at = nova_tsc();
        nova_sm_up(woken);
    }
}

static void role_busy(void *unused)
{
    (void)unused;
    while (!stop) {}
    nova_sm_up(finished);
}

/*
 * The emulator gives its CPUs turns: one that spins may get millions of ticks between our reading the TSC and the up, until our own slice of 10 ms ends. So the
 * fastest wake-up is measured, and that none has had to wait for the end of the spinner's slice of 100 ms.
 */
static void wake_up(const char *what)
{
    uint64_t worst = 0, best = ~(uint64_t)0;

    for (unsigned i = 0; i < ROUNDS; i++) {
        uint64_t begin;
        nap(500);
        begin = nova_tsc();
        nova_sm_up(wake);
        nova_sm_down(woken, 0, 0);
        if (woken_at - begin > worst)
            worst = woken_at - begin;
        if (woken_at - begin < best)
            best = woken_at - begin;
    }
    nova_printf("# wake-up of another CPU: %llu to %llu ticks\n", (unsigned long long)best, (unsigned long long)worst);
    check(best < ticks(LATE_US) && worst < ticks(TURN_US), what);
}

void test_wake_ups(void)
{
    if (cpus < 2)
        return;
    wake = semaphore();
    woken = semaphore();
    thread_start(1, 10, 1000, role_woken, NULL);
    wake_up("a CPU that idles is woken at once");
    stop = 0;
    thread_start(1, 5, 100000, role_busy, NULL);
    wake_up("a CPU that runs a thread of lower priority is interrupted at once");
    stop = 1;
    nova_sm_down(finished, 0, 0);
}
