/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Frame of the cases, and what they share. They run one after the other in a thread of high priority on the boot CPU.
 */
#include <user/lib/emulator.h>

#include "latency.h"

enum { PRIORITY = 100, SHOWN = 5 };

unsigned boot_cpu, other_cpu;
nova_word freed;
static nova_word never, event_bases[2], failures;
static unsigned scale = 100;
static char only[32];

static const struct {
    const char *name;
    void (*run)(void);
} cases[] = {{"waiters-here", waiters_here}, {"waiters-there", waiters_there}, {"timeouts", timeouts},
             {"helpers-here", helpers_here}, {"helpers-there", helpers_there}, {"long-chain", long_chain},
             {"broken-chain", broken_chain}, {"dying-threads", dying_threads}, {"ready-threads", ready_threads},
             {"signals", signals},           {"wide-memory", wide_memory},     {"crowded-range", crowded_range},
             {"deep-memory", deep_memory},   {"many-ranges", many_ranges},     {"scattered-tables", scattered_tables},
             {"large-memory", large_memory}, {"many-objects", many_objects},   {"deep-objects", deep_objects},
             {"full-message", full_message}, {"short-message", short_message}, {"ports", ports}};

void expect(const char *what, nova_word got, nova_word want)
{
    if (got != want && ++failures <= SHOWN)
        nova_printf("FAIL %s: got 0x%lx, want 0x%lx\n", what, got, want);
}

unsigned scaled(unsigned count) { return count * scale / 100 + 1; }

uint64_t deadline_us(unsigned us)
{
    return nova_tsc() + nova_divide((uint64_t)(nova_hip->tsc_khz ? nova_hip->tsc_khz : 1000000) * us, 1000, NULL);
}

void nap(unsigned us) { nova_sm_down(never, 0, deadline_us(us)); }

nova_word events_of(unsigned cpu) { return event_bases[cpu != boot_cpu]; }

void destroy(nova_word crd)
{
    expect("revoke", nova_revoke(crd, NOVA_REVOKE_SELF, 0, freed), NOVA_SUCCESS);
    expect("memory of what was revoked", nova_sm_down(freed, 0, 0), NOVA_SUCCESS);
}

enum nova_status grant(nova_word from, nova_word to, enum nova_crd_type type, nova_word source, nova_word target, unsigned order,
                       unsigned perm, unsigned flags)
{
    struct nova_utcb *utcb = nova_self()->utcb;

    nova_message_begin(utcb);
    nova_message_item(utcb, nova_crd(type, source, order, perm), nova_control(NOVA_ITEM_DELEGATE | flags, target));
    return nova_delegate(from, to, nova_crd(type, target, order, perm));
}

static nova_word events_create(unsigned cpu)
{
    nova_word base = nova_selectors(NOVA_EVENTS_THREAD, NOVA_EVENTS_THREAD);
    struct nova_thread *handler = nova_thread_prepare(NULL, cpu);

    expect("handler of events", nova_handler_create(handler, nova_pd, base), NOVA_SUCCESS);
    expect("portals for events", nova_events_create(base, handler, NULL), NOVA_SUCCESS);
    return base;
}

static void command_line_read(void)
{
    static char line[256];

    for (unsigned i = 0; i < nova_hip_memories(nova_hip); i++) {
        const struct nova_hip_memory *memory = nova_hip_memory(nova_hip, i);
        if (memory->type != NOVA_MEMORY_MODULE || !memory->aux || !nova_physical_string(memory->aux, line, sizeof(line)))
            continue;
        for (const char *at = line; *at; at++)
            if (!memcmp(at, "scale=", 6)) {
                scale = 0;
                for (at += 6; *at >= '0' && *at <= '9'; at++)
                    scale = scale * 10 + (unsigned)(*at - '0');
            } else if (!memcmp(at, "only=", 5))
                for (unsigned k = 0; at[5 + k] > ' ' && k + 1 < sizeof(only); k++)
                    only[k] = at[5 + k];
        return;
    }
}

static int is_chosen(const char *name) { return !only[0] || (strlen(only) == strlen(name) && !memcmp(only, name, strlen(name))); }

static void run(void *unused)
{
    unsigned number = 0, failed = 0;

    (void)unused;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        nova_word before, after, limit;
        if (!is_chosen(cases[i].name))
            continue;
        failures = 0;
        nova_pd_quota_read(nova_pd, &limit, &before);
        cases[i].run();
        nova_pd_quota_read(nova_pd, &limit, &after);
        failed += failures != 0;
        nova_printf("%s %u - %s (%lu pages more in use)\n", failures ? "not ok" : "ok", ++number, cases[i].name, after - before);
    }
    nova_printf("1..%u\n# latency: done\n", number);
    nova_emulator_exit(failed ? 1 : 0x10);
}

void nova_main(const struct nova_hip *hip, unsigned cpu)
{
    nova_console_init();
    command_line_read();
    boot_cpu = other_cpu = cpu;
    for (unsigned i = 0; i < nova_hip_cpus(hip); i++)
        if (nova_hip_cpu(hip, i)->flags & NOVA_CPU_ONLINE && i != cpu)
            other_cpu = i;
    freed = nova_selectors(2, 1);
    never = freed + 1;
    expect("create_sm", nova_create_sm(freed, nova_pd, 0) + nova_create_sm(never, nova_pd, 0), NOVA_SUCCESS);
    event_bases[0] = events_create(boot_cpu);
    event_bases[1] = events_create(other_cpu);
    nova_printf("\n# latency: %u bit, %u per cent\n", NOVA_WORD_BITS, scale);
    if (nova_thread_start(nova_thread_prepare(NULL, cpu), event_bases[0], PRIORITY, 10000, run, NULL))
        nova_printf("Bail out! no thread\n");
}
