/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Frame of the checks, and what they share. They run in a thread of high priority on the boot CPU.
 */
#include <user/lib/emulator.h>

#include "clock.h"

unsigned cpus, cpu_list[CPUS_MAX];
nova_word freed;
static nova_word never, event_bases[CPUS_MAX];
static struct nova_thread *event_handlers[CPUS_MAX];
static unsigned number, failed;

void check(int good, const char *what)
{
    failed += !good;
    nova_printf("%s %u - %s\n", good ? "ok" : "not ok", ++number, what);
}

uint64_t ticks(unsigned us) { return nova_divide((uint64_t)(nova_hip->tsc_khz ? nova_hip->tsc_khz : 1000000) * us, 1000, NULL); }
uint64_t deadline_us(unsigned us) { return nova_tsc() + ticks(us); }
void nap(unsigned us) { nova_sm_down(never, 0, deadline_us(us)); }

void compute(unsigned us)
{
    uint64_t end = deadline_us(us);
    while (nova_tsc() < end) {}
}

nova_word semaphore(void)
{
    nova_word selector = nova_selectors(1, 1);
    if (nova_create_sm(selector, nova_pd, 0))
        check(0, "create_sm");
    return selector;
}

nova_word events_of(unsigned index) { return event_bases[index]; }
struct nova_thread *event_handler_of(unsigned index) { return event_handlers[index]; }

static void events_create(unsigned index)
{
    event_bases[index] = nova_selectors(NOVA_EVENTS_THREAD, NOVA_EVENTS_THREAD);
    event_handlers[index] = nova_thread_prepare(NULL, cpu_list[index]);
    if (nova_handler_create(event_handlers[index], nova_pd, event_bases[index]) ||
        nova_events_create(event_bases[index], event_handlers[index], NULL))
        check(0, "portals for events");
}

struct nova_thread *thread_start(unsigned index, unsigned priority, unsigned quantum_us, void (*entry)(void *), void *argument)
{
    struct nova_thread *thread = nova_thread_prepare(NULL, cpu_list[index]);
    if (!thread || nova_thread_start(thread, event_bases[index], priority, quantum_us, entry, argument))
        check(0, "start of a thread");
    return thread;
}

static void run(void *unused)
{
    (void)unused;
    test_accounts();
    test_slices();
    test_wake_ups();
    test_signals();
    test_timeouts();
    nova_printf("1..%u\n# clock: done\n", number);
    nova_emulator_exit(failed ? 1 : 0x10);
}

void nova_main(const struct nova_hip *hip, unsigned cpu)
{
    nova_console_init();
    freed = semaphore();
    never = semaphore();
    cpu_list[cpus++] = cpu;
    for (unsigned i = 0; i < nova_hip_cpus(hip) && cpus < CPUS_MAX; i++)
        if (nova_hip_cpu(hip, i)->flags & NOVA_CPU_ONLINE && i != cpu)
            cpu_list[cpus++] = i;
    for (unsigned i = 0; i < cpus; i++)
        events_create(i);
    nova_printf("\n# clock: %u bit, %u CPUs, %u kHz\n", NOVA_WORD_BITS, cpus, hip->tsc_khz);
    thread_start(0, PRIORITY_CONTROL, 10000, run, NULL);
}
