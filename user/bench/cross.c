/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Call and reply to another CPU, both CPUs busy with a thread of lower priority. The clock of an emulator that counts instructions counts those of
 * all CPUs, so the busy threads count their own, and the difference is what the call costs on both sides together, interrupts included.
 * PAUSE lets the emulator go on with the next CPU.
 */
#include "bench.h"

enum { LOOPS = 200, PRIORITY_BUSY = 1, PRIORITY_CALLER = 2, BUSY_LOOP = 3 /* instructions */ };

#ifdef __x86_64__
#define BUSY_SUFFIX "q"
#else
#define BUSY_SUFFIX "l"
#endif

static struct busy {
    volatile nova_word rounds;
    char other_line[120];
} busy[2] __attribute__((aligned(128)));
static nova_word portal, finished;

static void keep_busy(void *argument)
{
    struct busy *self = argument;
    __asm__ volatile("1: pause\n\t"
                     "inc" BUSY_SUFFIX " %0\n\t"
                     "jmp 1b"
                     : "+m"(self->rounds));
}

static void caller(void *unused)
{
    struct nova_utcb *utcb = nova_self()->utcb;
    nova_word before, after;
    uint64_t ticks;

    (void)unused;
    utcb->items = 0;
    expect("call to another CPU", nova_call(portal, 0));
    for (unsigned i = 0; i < 4; i++)
        nova_call(portal, 0);
    before = busy[0].rounds + busy[1].rounds;
    ticks = nova_tsc();
    for (unsigned i = 0; i < LOOPS; i++)
        nova_call(portal, 0);
    ticks = nova_tsc() - ticks;
    after = busy[0].rounds + busy[1].rounds;
    if (after == before)
        expect("busy threads", NOVA_BAD_CPU);
    result("call_reply_cpus_both_sides", ((uint32_t)ticks - (uint32_t)(after - before) * BUSY_LOOP) / LOOPS);
    nova_sm_up(finished);
}

void bench_cross_cpu(void)
{
    int cpu = other_cpu();
    struct nova_thread *threads[3];

    if (cpu < 0) {
        nova_printf("# one CPU: no calls to another one\n");
        return;
    }
    finished = semaphore_create();
    portal = portal_create(handler_create(nova_pd, (unsigned)cpu, 0), reply_at_once);
    threads[0] = nova_thread_prepare(NULL, boot_cpu);
    threads[1] = nova_thread_prepare(NULL, (unsigned)cpu);
    threads[2] = nova_thread_prepare(NULL, boot_cpu);
    expect("busy thread here", nova_thread_start(threads[0], 0, PRIORITY_BUSY, 10000, keep_busy, &busy[0]));
    expect("busy thread there",
           nova_thread_start(threads[1], events_create((unsigned)cpu), PRIORITY_BUSY, 10000, keep_busy, &busy[1]));
    while (!busy[1].rounds)
        nova_pause();
    expect("caller", nova_thread_start(threads[2], 0, PRIORITY_CALLER, 10000, caller, NULL));
    expect("end of the caller", nova_sm_down(finished, 0, 0));
    for (unsigned i = 0; i < 3; i++)
        nova_revoke(nova_crd(NOVA_CRD_OBJ, threads[i]->ec, 2, NOVA_PERM_ALL), NOVA_REVOKE_SELF, 0, 0);
}
