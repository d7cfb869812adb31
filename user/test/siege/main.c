/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Keepers and accounts. Words of the command line: seconds=N of guest time (default 5), seed=N. After a first short run everything is destroyed and
 * kernel memory in use noted; after the second run it must be the same. A keeper that does not come round for STILL_MS, or whose victim's memory is not freed, is a failure.
 */
#include <user/lib/emulator.h>
#include <user/lib/event.h>
#include <user/lib/memory.h>
#include <user/lib/string.h>

#include "siege.h"

enum {
    EVENT_PAGE_FAULT = 14,
    CPUS_MAX = 8,
    FIRST_ORDER = 4,
    QUOTA_LEAST = 8,
    QUOTA_MORE = 56,
    ACTS_MOST = 0xffff,
    STEP_MS = 2,
    STEPS = 8,
    FREE_MS = 20000,
    FIRST_SECONDS = 1,
    PRIORITY = 127,
    QUANTUM_US = 2000
};

_Static_assert(4 * (1 + THREADS) <= 1 << FIRST_ORDER, "one revoke");

static struct keeper {
    struct nova_thread *thread, *events;
    nova_word portals, first, freed, nap, random; /* selectors; `first`: PD, then EC, OOM portal, SC and nothing for each thread */
    nova_word memory;                             /* stacks and spare pages of its victim, here */
    nova_word rounds, acts, faults, failures;
    unsigned cpu, at;
} keepers[CPUS_MAX];
static unsigned cpus, seconds = 5, seed = 1;
static volatile int stop;
static nova_word begin, finished;

static void fail(struct keeper *keeper, const char *what, nova_word got)
{
    if (keeper->failures++ < 5)
        nova_printf("FAIL CPU %u round %lu: %s: %lu\n", keeper->cpu, keeper->rounds, what, got);
}

static uint64_t after_ms(unsigned ms) { return nova_tsc() + (uint64_t)(nova_hip->tsc_khz ? nova_hip->tsc_khz : 1000000) * ms; }

/* Text and constants of this program, and what shares the last pages with them: a victim may read and run all that. */
static nova_word image_crd(void)
{
    nova_word first = (nova_word)nova_image_start >> NOVA_PAGE_BITS, end = (nova_word)nova_rodata_end >> NOVA_PAGE_BITS;
    unsigned order = 0;

    while (first + ((nova_word)1 << order) < end)
        order++;
    return nova_crd(NOVA_CRD_MEM, first, order, NOVA_MEM_RX);
}

NOVA_PORTAL(victim_event);

/* Whatever happened, the thread starts again, on the stack of any slot. */
static void victim_event_handler(nova_word vector, struct nova_utcb *utcb)
{
    struct keeper *keeper = (struct keeper *)nova_self()->user[0];

    if (vector != NOVA_EVENT_STARTUP && vector != NOVA_EVENT_RECALL)
        keeper->faults++;
    if (vector == NOVA_EVENT_RECALL && random_next(&keeper->random) % 2) {
        utcb->state.mtd = 0;
        utcb->items = 0;
        return;
    }
    utcb->state.ip = (nova_word)victim_main;
    utcb->state.sp = (nova_word)slot_thread(VICTIM_STACKS, (unsigned)random_next(&keeper->random) %
                                                               (random_next(&keeper->random) % 8 ? THREADS : SLOTS));
    utcb->state.flags = 0x202;
    utcb->state.mtd = NOVA_MTD_IP | NOVA_MTD_SP | NOVA_MTD_FLAGS;
    if (random_next(&keeper->random) % 8 == 0) {
        utcb->state.flags = victim_word(&keeper->random);
        utcb->state.mtd |= victim_word(&keeper->random);
    }
    utcb->items = 0;
    if (vector == EVENT_PAGE_FAULT) { /* it has taken its memory from itself, as like as not */
        nova_message_item(utcb, image_crd(), nova_control(NOVA_ITEM_DELEGATE, nova_crd_base(image_crd())));
        nova_message_item(utcb, nova_crd(NOVA_CRD_MEM, keeper->memory >> NOVA_PAGE_BITS, PAGES_ORDER, NOVA_MEM_RW),
                          nova_control(NOVA_ITEM_DELEGATE, VICTIM_STACKS >> NOVA_PAGE_BITS));
    }
}

/* ---- a victim's life ---- */

static nova_word ec_of(const struct keeper *keeper, unsigned i) { return keeper->first + 4 + 4 * i; }

static void give(struct keeper *keeper, enum nova_crd_type type, nova_word from, nova_word to, nova_word count, unsigned perm)
{
    enum nova_status status = nova_delegate_range(nova_pd, keeper->first, type, from, to, count, perm, 0);
    if (status && status != NOVA_QUO_OOM)
        fail(keeper, "delegation", status);
}

static void stacks_give(struct keeper *keeper)
{
    give(keeper, NOVA_CRD_MEM, keeper->memory >> NOVA_PAGE_BITS, VICTIM_STACKS >> NOVA_PAGE_BITS, PAGES, NOVA_MEM_RW);
}

static void victim_create(struct keeper *keeper)
{
    nova_word pd = keeper->first, image = nova_crd_base(image_crd());
    const struct keeper *next = &keepers[(keeper->at + 1) % cpus];
    enum nova_status status =
        nova_create_pd(pd, nova_pd, 0, nova_quota(0, QUOTA_LEAST + random_next(&keeper->random) % QUOTA_MORE));

    if (status)
        fail(keeper, "create_pd", status);
    give(keeper, NOVA_CRD_MEM, image, image, (nova_word)1 << nova_crd_order(image_crd()), NOVA_MEM_RX);
    stacks_give(keeper);
    give(keeper, NOVA_CRD_PIO, PORT, PORT, 1, NOVA_PERM_ALL);
    give(keeper, NOVA_CRD_OBJ, pd, SEL_PD, 1, NOVA_PERM_ALL);
    give(keeper, NOVA_CRD_OBJ, keeper->nap, SEL_SM, 1, NOVA_SM_UP_PERM);
    give(keeper, NOVA_CRD_OBJ, keeper->portals, SEL_EVENTS, NOVA_EVENTS_THREAD, NOVA_PT_CALL_PERM | NOVA_PT_CROSS_CPU_PERM);
    give(keeper, NOVA_CRD_OBJ, next->portals, SEL_EVENTS + NOVA_EVENTS_THREAD, NOVA_EVENTS_THREAD,
         NOVA_PT_CALL_PERM | NOVA_PT_CROSS_CPU_PERM);
    for (unsigned slot = 0; slot < SLOTS; slot++) {
        struct nova_thread *thread = slot_thread(keeper->memory, slot);
        thread->utcb = (struct nova_utcb *)(VICTIM_UTCBS + slot * NOVA_PAGE_SIZE);
        thread->user[USER_RANDOM] = random_next(&keeper->random) | 1;
        thread->user[USER_CPUS] = cpus;
        thread->user[USER_DONE] = 0;
    }
    for (unsigned i = 0; i < THREADS; i++) { /* some accounts do not hold them all */
        const struct keeper *where = i + 1 < THREADS ? keeper : next;
        nova_word base = SEL_EVENTS + (where == keeper ? 0 : NOVA_EVENTS_THREAD), ec = ec_of(keeper, i);
        unsigned priority = 1 + (unsigned)random_next(&keeper->random) % 3;
        if (!nova_create_ec(ec, pd, where->cpu, VICTIM_UTCBS + i * NOVA_PAGE_SIZE, (nova_word)slot_thread(VICTIM_STACKS, i), base,
                            NOVA_EC_GLOBAL) &&
            !nova_create_sc(ec + 2, pd, ec, nova_qpd(priority, 500)))
            give(keeper, NOVA_CRD_OBJ, ec, SEL_THREADS + 4 * i, 1, NOVA_PERM_ALL);
    }
}

static void victim_disturb(struct keeper *keeper)
{
    nova_word what = random_next(&keeper->random) % 8, limit, usage;
    nova_word first = (keeper->memory >> NOVA_PAGE_BITS) + (random_next(&keeper->random) % PAGES & ~(nova_word)3);
    nova_word ec = ec_of(keeper, (unsigned)random_next(&keeper->random) % THREADS);

    if (what == 0)
        nova_ec_recall(ec, 0);
    else if (what == 1)
        nova_revoke(nova_crd(NOVA_CRD_MEM, first, 2, NOVA_PERM_ALL), 0, 0, 0);
    else if (what == 2)
        stacks_give(keeper);
    else if (what == 3)
        nova_revoke(nova_crd(NOVA_CRD_OBJ, ec, 0, NOVA_PERM_ALL), 0, 0, 0);
    else if (what == 4)
        nova_revoke(nova_crd(NOVA_CRD_OBJ, ec, 2, NOVA_PERM_ALL), NOVA_REVOKE_SELF, 0, 0);
    else if (what == 5)
        nova_pd_quota_read(keeper->first, &limit, &usage);
}

static void victim_destroy(struct keeper *keeper)
{
    enum nova_status status;

    nova_revoke(nova_crd(NOVA_CRD_MEM, keeper->memory >> NOVA_PAGE_BITS, PAGES_ORDER, NOVA_PERM_ALL), 0, 0, 0);
    nova_revoke(nova_crd(NOVA_CRD_OBJ, keeper->first, FIRST_ORDER, NOVA_PERM_ALL), NOVA_REVOKE_SELF, 0, keeper->freed);
    status = nova_sm_down(keeper->freed, 0, after_ms(FREE_MS));
    if (status)
        fail(keeper, "the domain's memory is not freed", status);
    for (unsigned slot = 0; slot < SLOTS; slot++)
        keeper->acts += slot_thread(keeper->memory, slot)->user[USER_DONE] & ACTS_MOST; /* it can write what it likes there */
}

static void keep(void *argument)
{
    struct keeper *keeper = argument;

    for (;;) {
        nova_sm_down(begin, 0, 0);
        do {
            victim_create(keeper);
            for (nova_word steps = 1 + random_next(&keeper->random) % STEPS; steps; steps--) {
                nova_sm_down(keeper->nap, 0, after_ms(STEP_MS));
                victim_disturb(keeper);
            }
            victim_destroy(keeper);
            keeper->rounds++;
        } while (!stop);
        nova_sm_up(finished);
    }
}

/* ---- the program ---- */

static int keeper_start(struct keeper *keeper, unsigned cpu)
{
    struct nova_thread *reports = nova_thread_prepare(NULL, cpu);
    nova_word base = nova_selectors(NOVA_EVENTS_THREAD, NOVA_EVENTS_THREAD);

    keeper->cpu = cpu;
    keeper->random = (seed * 2654435761u + cpu * 40503u) | 1;
    keeper->thread = nova_thread_prepare(NULL, cpu);
    keeper->events = nova_thread_prepare(NULL, cpu);
    keeper->portals = nova_selectors(NOVA_EVENTS_THREAD, NOVA_EVENTS_THREAD);
    keeper->first = nova_selectors(1 << FIRST_ORDER, 1 << FIRST_ORDER);
    keeper->freed = nova_selectors(2, 1);
    keeper->nap = keeper->freed + 1;
    keeper->memory = (nova_word)nova_allocate((nova_word)PAGES * NOVA_PAGE_SIZE, (nova_word)PAGES * NOVA_PAGE_SIZE);
    if (nova_create_sm(keeper->freed, nova_pd, 0) || nova_create_sm(keeper->nap, nova_pd, 0) ||
        nova_handler_create(keeper->events, nova_pd, base) || nova_handler_create(reports, nova_pd, base) ||
        nova_events_create(base, reports, NULL))
        return 0;
    keeper->events->user[0] = (nova_word)keeper;
    for (unsigned i = 0; i < NOVA_EVENTS_THREAD; i++)
        if (nova_portal_create(keeper->portals + i, nova_pd, keeper->events, NOVA_EVENT_MTD, victim_event, i))
            return 0;
    return !nova_thread_start(keeper->thread, base, PRIORITY, QUANTUM_US, keep, keeper);
}

/* All keepers for so long; kernel memory in use afterwards, or 0. */
static nova_word run(nova_word clock, unsigned length)
{
    nova_word limit, usage = 0;

    stop = 0;
    for (unsigned i = 0; i < cpus; i++)
        nova_sm_up(begin);
    nova_sm_down(clock, 0, after_ms(length * 1000));
    stop = 1;
    for (unsigned i = 0; i < cpus; i++)
        if (nova_sm_down(finished, 0, after_ms(2 * FREE_MS)))
            return 0;
    nova_pd_quota_read(nova_pd, &limit, &usage);
    return usage;
}

static void words_read(void)
{
    char line[256];

    for (unsigned i = 0; i < nova_hip_memories(nova_hip); i++) {
        const struct nova_hip_memory *memory = nova_hip_memory(nova_hip, i);
        if (memory->type != NOVA_MEMORY_MODULE || !memory->aux || !nova_physical_string(memory->aux, line, sizeof line))
            continue;
        seconds = nova_command_line_number(line, "seconds", seconds);
        seed = nova_command_line_number(line, "seed", seed);
        return;
    }
}

void nova_main(const struct nova_hip *hip, unsigned cpu)
{
    struct nova_thread *events = nova_thread_prepare(NULL, cpu);
    nova_word clock = nova_selectors(1, 1), before, after, rounds = 0, acts = 0, faults = 0, failures = 0;

    nova_console_init();
    words_read();
    nova_handler_create(events, nova_pd, nova_selectors(32, 32));
    nova_events_create(0, events, NULL);
    begin = nova_selectors(2, 1);
    finished = begin + 1;
    failures += nova_create_sm(clock, nova_pd, 0) || nova_create_sm(begin, nova_pd, 0) || nova_create_sm(finished, nova_pd, 0);
    for (unsigned i = 0; i < nova_hip_cpus(hip) && cpus < CPUS_MAX; i++)
        if (nova_hip_cpu(hip, i)->flags & NOVA_CPU_ONLINE) {
            keepers[cpus].at = cpus;
            failures += !keeper_start(&keepers[cpus++], i);
        }
    nova_printf("\n# siege: %u bit, %u CPUs, %u seconds, seed %u\n", NOVA_WORD_BITS, cpus, seconds, seed);
    before = failures ? 0 : run(clock, FIRST_SECONDS);
    nova_printf("# siege: after the first run: %lu pages of kernel memory in use\n", before);
    after = before ? run(clock, seconds) : 0;
    for (unsigned i = 0; i < cpus; i++) {
        rounds += keepers[i].rounds;
        acts += keepers[i].acts;
        faults += keepers[i].faults;
        failures += keepers[i].failures;
    }
    nova_printf("# siege: %lu domains, %lu acts, %lu exceptions\n", rounds, acts, faults);
    nova_printf("%s 1 - all keepers came round, and each domain's memory was freed\n",
                before && after && !failures ? "ok" : "not ok");
    nova_printf("%s 2 - kernel memory is what it was: %lu pages before, %lu after\n", before && before == after ? "ok" : "not ok",
                before, after);
    nova_printf("1..2\n# siege: done\n");
    nova_emulator_exit(before && before == after && !failures ? 0x10 : 0x11);
}
