/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Frame of the measurements, and what they share.
 */
#include <user/lib/emulator.h>

#include "bench.h"

unsigned boot_cpu;
struct nova_utcb *root_utcb;

static unsigned failures;

/* The stack pointer stays what it was when the EC was created; there is no address to return to. */
#ifdef __x86_64__
__asm__(".pushsection .text\n\t.globl reply_at_once\nreply_at_once:\n\tmov $1, %edi\n\tsyscall\n\tud2\n\t.popsection");
#else
__asm__(".pushsection .text\n\t.globl reply_at_once\nreply_at_once:\n\tmov $1, %eax\n\tmov %esp, %ecx\n\t"
        "sysenter\n\tud2\n\t.popsection");
#endif

void result(const char *name, uint64_t ticks) { nova_printf("BENCH %s %llu\n", name, (unsigned long long)ticks); }

void expect(const char *what, enum nova_status status)
{
    if (!status)
        return;
    failures++;
    nova_printf("FAIL %s: status %u\n", what, status);
}

struct nova_thread *handler_create(nova_word pd, unsigned cpu, nova_word event_base)
{
    struct nova_thread *thread = nova_thread_prepare(NULL, cpu);
    expect("create_ec of a handler", nova_handler_create(thread, pd, event_base));
    return thread;
}

nova_word portal_create(const struct nova_thread *handler, void (*entry)(void))
{
    nova_word selector = nova_selectors(1, 1);
    expect("create_pt", nova_portal_create(selector, nova_pd, handler, 0, entry, 0));
    return selector;
}

nova_word semaphore_create(void)
{
    nova_word selector = nova_selectors(1, 1);
    expect("create_sm", nova_create_sm(selector, nova_pd, 0));
    return selector;
}

nova_word events_create(unsigned cpu)
{
    nova_word base = nova_selectors(NOVA_EVENTS_THREAD, NOVA_EVENTS_THREAD);
    expect("portals for events", nova_events_create(base, handler_create(nova_pd, cpu, base), NULL));
    return base;
}

int other_cpu(void)
{
    for (unsigned cpu = 0; cpu < nova_hip_cpus(nova_hip); cpu++)
        if (cpu != boot_cpu && nova_hip_cpu(nova_hip, cpu)->flags & NOVA_CPU_ONLINE)
            return (int)cpu;
    return -1;
}

void nova_main(const struct nova_hip *hip, unsigned cpu)
{
    boot_cpu = cpu;
    root_utcb = nova_self()->utcb;
    nova_console_init();
    nova_printf("\n# bench: %u bit, API %u, %u kHz\n", NOVA_WORD_BITS, hip->api_version, hip->tsc_khz);
    expect("portals for exceptions", nova_events_create(0, handler_create(nova_pd, cpu, nova_selectors(32, 32)), NULL));
    bench_calls();
    bench_memory();
    bench_objects();
    bench_cross_cpu();
    bench_vm();
    nova_printf("# bench: done, %u failed\n", failures);
    nova_emulator_exit(failures ? 1 : 0x10);
}
