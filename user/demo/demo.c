/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The demo root task: prints what the kernel says about the machine, then lets one thread on every online CPU call a service in
 * a second protection domain. Ends with the line "NOVA-C demo: done, N CPUs, M calls" (both counted, and every reply checked)
 * or with one that says FAILED. With the word "exit" on its module's command line it then leaves the emulator (QEMU: status 33 or 3).
 */
#include <user/lib/emulator.h>
#include <user/lib/item.h>
#include <user/lib/string.h>
#include <user/lib/x86.h>

#include "demo.h"

enum { PRIORITY = 1, QUANTUM_US = 10000, EXIT_GOOD = 0x10, EXIT_FAILED = 1 };

static nova_word done;

NOVA_PORTAL(demo_crash_portal);

/* One crash is enough to end the demo; the thread that crashed stands still. */
static void demo_crash_portal_handler(nova_word vector, struct nova_utcb *utcb)
{
    nova_crash_report(vector, utcb);
    nova_printf_unlocked("NOVA-C demo: FAILED %s on CPU %lu\n", nova_exception_name(vector), nova_self()->cpu);
    demo_end(0);
}

static int command_line_has(const char *word)
{
    char line[256];

    for (unsigned i = 0; i < nova_hip_memories(nova_hip); i++) {
        const struct nova_hip_memory *memory = nova_hip_memory(nova_hip, i);
        if (memory->type == NOVA_MEMORY_MODULE) /* the first one is this program */
            return memory->aux && nova_physical_string(memory->aux, line, sizeof(line)) && nova_command_line_has(line, word);
    }
    return 0;
}

void demo_end(int good)
{
    if (command_line_has("exit"))
        nova_emulator_exit(good ? EXIT_GOOD : EXIT_FAILED);
    nova_park();
}

static int expect(struct worker *worker, const char *what, nova_word got, nova_word want)
{
    if (got == want)
        return 1;
    if (!worker->wrong) {
        worker->wrong = what;
        worker->got = got;
        worker->want = want;
    }
    return 0;
}

/* One call with `words` words; whether the reply is right in every part. */
static int call_service(struct worker *worker, unsigned words)
{
    struct nova_utcb *utcb = nova_self()->utcb;
    nova_word sum = worker->cpu; /* the portal's id */
    enum nova_status status;

    nova_message_begin(utcb);
    for (unsigned i = 0; i < words; i++) {
        nova_word word = (nova_word)(worker->cpu + 1) * 1000003 * (words + i);
        nova_message_word(utcb, word);
        sum += word;
    }
    status = nova_call(worker->portal, 0);
    worker->calls++;
    return expect(worker, "status", status, NOVA_SUCCESS) &&
           expect(worker, "number of words", nova_untyped(utcb->items), REPLY_WORDS) &&
           expect(worker, "count of words sent", utcb->mr[REPLY_COUNT], words) && expect(worker, "sum", utcb->mr[REPLY_SUM], sum) &&
           expect(worker, "call number", utcb->mr[REPLY_NUMBER], worker->calls) &&
           expect(worker, "CPU", utcb->mr[REPLY_CPU], worker->cpu);
}

static void worker_main(void *argument)
{
    struct worker *worker = argument;
    uint64_t start = nova_tsc();

    for (unsigned i = 0; i < CALLS_PER_CPU; i++)
        worker->right += call_service(worker, i * i);
    worker->ticks = nova_tsc() - start;
    nova_sm_up(done);
}

/* Handler and event portals of one CPU; the boot CPU's are root's own, at selector 0. */
static enum nova_status worker_prepare(struct worker *worker, unsigned cpu, unsigned boot_cpu)
{
    enum nova_status status;

    worker->cpu = cpu;
    worker->event_base = cpu == boot_cpu ? 0 : nova_selectors(NOVA_EVENTS_THREAD, NOVA_EVENTS_THREAD);
    worker->events = nova_thread_prepare(NULL, cpu);
    worker->thread = nova_thread_prepare(NULL, cpu);
    if (!worker->events || !worker->thread)
        return NOVA_QUO_OOM;
    /* its own event base is a place without portals: a crash in the handler kills it, with a line in the kernel's log */
    status = nova_handler_create(worker->events, nova_pd, nova_selectors(NOVA_EVENTS_THREAD, NOVA_EVENTS_THREAD));
    return status ? status : nova_events_create(worker->event_base, worker->events, demo_crash_portal);
}

static unsigned workers_prepare(struct worker *workers, unsigned boot_cpu)
{
    unsigned count = 0;

    for (unsigned i = 0; i < nova_hip_cpus(nova_hip); i++) {
        enum nova_status status;

        if (!(nova_hip_cpu(nova_hip, i)->flags & NOVA_CPU_ONLINE))
            continue;
        status = worker_prepare(&workers[count], i, boot_cpu);
        if (status) {
            nova_printf("NOVA-C demo: FAILED preparing CPU %u, status %u\n", i, status);
            return 0;
        }
        count++;
    }
    return count;
}

static int workers_run(struct worker *workers, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        enum nova_status status =
            nova_thread_start(workers[i].thread, workers[i].event_base, PRIORITY, QUANTUM_US, worker_main, &workers[i]);
        if (status) {
            nova_printf("NOVA-C demo: FAILED starting a thread on CPU %u, status %u\n", workers[i].cpu, status);
            return 0;
        }
    }
    for (unsigned i = 0; i < count; i++)
        nova_sm_down(done, 0, 0);
    return 1;
}

static int workers_report(const struct worker *workers, unsigned count)
{
    unsigned calls = 0, failed = 0;

    for (unsigned i = 0; i < count; i++) {
        const struct worker *w = &workers[i];
        nova_printf("CPU %3u: %u calls of the service, %u right, %llu ticks each\n", w->cpu, w->calls, w->right,
                    (unsigned long long)nova_divide(w->ticks, w->calls ? (uint16_t)w->calls : 1, NULL));
        if (w->wrong && !failed++)
            nova_printf("CPU %3u: wrong %s in a reply: 0x%lx, should be 0x%lx\n", w->cpu, w->wrong, w->got, w->want);
        calls += w->right;
    }
    if (failed)
        nova_printf("NOVA-C demo: FAILED wrong replies on %u of %u CPUs\n", failed, count);
    else
        nova_printf("NOVA-C demo: done, %u CPUs, %u calls\n", count, calls);
    return !failed;
}

void nova_main(const struct nova_hip *hip, unsigned cpu)
{
    struct worker *workers;
    nova_word limit, usage;
    unsigned count;
    int good = 0;

    nova_console_init();
    nova_printf("\nNOVA-C demo, %u bit, boot CPU %u\n", NOVA_WORD_BITS, cpu);
    table_print(hip);

    done = nova_selectors(1, 1);
    nova_create_sm(done, nova_pd, 0);
    workers = nova_allocate(nova_hip_cpus(hip) * sizeof(*workers), NOVA_PAGE_SIZE);
    if (!workers) {
        nova_printf("NOVA-C demo: FAILED no memory for %u CPUs\n", nova_hip_cpus(hip));
        demo_end(0);
    }
    count = workers_prepare(workers, cpu);
    if (count && service_create(workers, count) && workers_run(workers, count)) {
        nova_pd_quota_read(nova_pd, &limit, &usage);
        nova_printf("kernel memory of the root task: %lu of %lu pages in use\n", usage, limit);
        good = workers_report(workers, count);
    }
    demo_end(good);
}
