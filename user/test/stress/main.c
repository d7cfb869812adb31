/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Start, watch, end, and accounts. Words of the command line: seconds=N of guest time (default 5), seed=N. Each thread has to come round again and
 * again while it runs: one that stands still for STILL_MS is a lost wake-up. After a first short run everything is destroyed and kernel memory in use
 * noted; after the second run it must be the same.
 */
#include <user/lib/emulator.h>

#include "stress.h"

enum {
    LOOK_MS = 250,
    STILL_MS = 15000,
    END_MS = 20000,
    FIRST_SECONDS = 1,
    PRIORITY_ROOT = 100,
    SHOWN = 10,
    EVENT_UD = 6,
    EVENT_PF = 14
};

struct cpu_state states[CPUS_MAX];
unsigned cpus;
volatile int started, stop;
struct leave_out leave_out;
nova_word finished;
volatile nova_word failures;
static nova_word never, freed;
static unsigned seconds = 5, seed = 1;

void fail(const struct actor *actor, const char *what, nova_word got, nova_word want)
{
    if (__atomic_fetch_add(&failures, 1, __ATOMIC_RELAXED) < SHOWN)
        nova_printf("FAIL CPU %u actor %u: %s: got 0x%lx, want 0x%lx\n", actor ? actor->cpu->cpu : 0, actor ? actor->index : 0,
                    what, got, want);
}

uint64_t deadline_us(unsigned us)
{
    return nova_tsc() + nova_divide((uint64_t)(nova_hip->tsc_khz ? nova_hip->tsc_khz : 1000000) * us, 1000, NULL);
}

/* ---- events ---- */

NOVA_PORTAL(recall_event);

static void recall_event_handler(nova_word id, struct nova_utcb *utcb)
{
    states[id].recalls++;
    utcb->state.mtd = 0;
    utcb->items = 0;
}

NOVA_PORTAL(exception_event);

/* Whether it is the UTCB of an EC that comes and goes. */
static int is_doomed(nova_word utcb)
{
    for (struct cpu_state *state = states; state < states + cpus; state++) {
        int found = 0;
        for (unsigned i = 0; i < VICTIMS; i++)
            found |= utcb == (nova_word)state->victims[i].thread->utcb;
        for (unsigned i = 0; i < DOOMED; i++)
            found |= utcb == (nova_word)state->doomed[i].thread->utcb;
        state->faults += (nova_word)found;
        if (found)
            return 1;
    }
    return 0;
}

/*
 * A thread whose EC is being destroyed on another CPU may still run a moment without its UTCB (abi.md section 6): a page fault there is as it should
 * be, and it then sleeps until it is gone. Any other exception is a failure.
 */
static void exception_event_handler(nova_word vector, struct nova_utcb *utcb)
{
    nova_word address = (nova_word)utcb->state.qual[1] & -NOVA_PAGE_SIZE;

    if (vector == EVENT_PF && is_doomed(address)) {
        utcb->state.ip = (nova_word)nova_park;
        utcb->state.mtd = NOVA_MTD_IP;
        utcb->items = nova_items(4, 0);
        return;
    }
    nova_crash_report(vector, utcb);
    fail(NULL, "exception", vector, 0);
    nova_park();
}

static void events_start(struct cpu_state *state)
{
    enum nova_status status;

    state->event_base = nova_selectors(NOVA_EVENTS_THREAD, NOVA_EVENTS_THREAD);
    state->events = nova_thread_prepare(NULL, state->cpu);
    status = nova_handler_create(state->events, nova_pd, state->event_base);
    if (!status)
        status = nova_events_create(state->event_base, state->events, exception_event);
    if (!status)
        status = nova_portal_create(state->event_base + NOVA_EVENT_RECALL, nova_pd, state->events, 0, recall_event,
                                    (nova_word)(state - states));
    if (status)
        fail(NULL, "portals for events", status, 0);
}

/* ---- actors ---- */

static const struct {
    void (*role)(void *);
    unsigned count;
} roles[] = {{role_caller, CALLERS}, {role_mover, 1},   {role_ping, 1},    {role_pong, 1},
             {role_waiter, 1},       {role_churner, 1}, {role_recaller, 1}};

nova_word events_of(unsigned cpu)
{
    for (unsigned i = 0; i < cpus; i++)
        if (states[i].cpu == cpu)
            return states[i].event_base;
    return 0;
}

enum nova_status actor_start(struct actor *actor, unsigned cpu, void (*role)(void *), unsigned priority)
{
    nova_word base = actor->event_base;
    enum nova_status status = NOVA_SUCCESS;

    actor->thread->cpu = cpu;
    if (base) {
        actor->here = (nova_word)(actor->cpu - states);
        actor->moved = 0;
        status = mover_portals(actor, (unsigned)actor->here);
    }
    return status ? status
                  : nova_thread_start(actor->thread, base ? base : events_of(cpu), priority,
                                      500 + random_next(&actor->random) % 5000, role, actor);
}

static void actor_prepare(struct actor *actor, struct cpu_state *state, unsigned index)
{
    actor->thread = nova_thread_prepare(NULL, state->cpu);
    actor->cpu = state;
    actor->index = index;
    if (index == CALLERS) { /* the mover */
        actor->event_base = nova_selectors(2 * NOVA_EVENTS_THREAD, 2 * NOVA_EVENTS_THREAD);
        if (nova_events_create(actor->event_base, state->events, exception_event))
            fail(actor, "portals for events", 1, 0);
    }
    actor->random = seed * 7919 + state->cpu * 104729 + index * 1299709;
}

static void server_prepare(struct server *server, unsigned cpu, nova_word level)
{
    server->thread = nova_thread_prepare(NULL, cpu);
    server->portal = nova_selectors(2, 2);
    server->semaphore = server->portal + 1;
    server->level = level;
}

/* All that is used again in the second run. */
static void prepare(struct cpu_state *state)
{
    events_start(state);
    for (unsigned i = 0; i < SERVERS; i++)
        server_prepare(&state->servers[i], state->cpu, i);
    for (unsigned i = 0; i < DOOMED; i++)
        server_prepare(&state->doomed[i], state->cpu, SERVERS); /* calls nobody */
    for (unsigned i = 0; i < STABLE; i++)
        actor_prepare(&state->stable[i], state, i);
    for (unsigned i = 0; i < VICTIMS; i++)
        actor_prepare(&state->victims[i], state, STABLE + i);
    state->ping = nova_selectors(8, 8);
    state->pong = state->ping + 1;
    state->timed = state->ping + 2;
    state->nap = state->ping + 3;
    state->freed = state->ping + 4;
}

static void start_all(void)
{
    enum nova_status status = NOVA_SUCCESS;

    started = stop = 0;
    for (struct cpu_state *state = states; state < states + cpus; state++) {
        state->pings = state->pongs = state->pong_stop = state->ups = state->downs = 0;
        for (unsigned i = 0; i < 5; i++)
            status |= nova_create_sm(state->ping + i, nova_pd, 0);
        for (unsigned i = 0; i < SERVERS; i++) {
            status |= nova_create_sm(state->servers[i].semaphore, nova_pd, 0);
            status |= server_create(&state->servers[i], state->cpu);
        }
        for (unsigned i = 0; i < DOOMED; i++) {
            status |= nova_create_sm(state->doomed[i].semaphore, nova_pd, 0);
            status |= server_create(&state->doomed[i], state->cpu);
        }
    }
    for (struct cpu_state *state = states; state < states + cpus; state++) {
        unsigned index = 0;
        for (unsigned i = 0; i < VICTIMS; i++)
            status |= actor_start(&state->victims[i], state->cpu, role_victim, 2);
        for (unsigned role = 0; role < sizeof(roles) / sizeof(*roles); role++)
            for (unsigned i = 0; i < roles[role].count; i++, index++)
                status |= actor_start(&state->stable[index], state->cpu, roles[role].role, role || index & 1 ? 3 : 2);
    }
    if (status)
        fail(NULL, "start", status, 0);
    started = 1;
}

/* Looks at every thread for so long; whether all of them came round. */
static void watch(unsigned for_seconds)
{
    uint64_t second = deadline_us(1000000) - nova_tsc(), end = nova_tsc() + second * for_seconds;
    uint64_t still = deadline_us(STILL_MS * 1000) - nova_tsc();

    for (struct cpu_state *state = states; state < states + cpus; state++)
        for (unsigned i = 0; i < STABLE; i++)
            state->stable[i].seen_at = nova_tsc();
    while (nova_tsc() < end && !failures) {
        nova_sm_down(never, 0, deadline_us(LOOK_MS * 1000));
        for (struct cpu_state *state = states; state < states + cpus; state++)
            for (unsigned i = 0; i < STABLE; i++) {
                struct actor *actor = &state->stable[i];
                if (actor->rounds != actor->seen) {
                    actor->seen = actor->rounds;
                    actor->seen_at = nova_tsc();
                } else if (nova_tsc() - actor->seen_at > still)
                    fail(actor, "stands still after so many rounds", actor->rounds, 0);
            }
    }
}

static void revoke_objects(nova_word selector, unsigned order)
{
    enum nova_status status = nova_revoke(nova_crd(NOVA_CRD_OBJ, selector, order, NOVA_PERM_ALL), NOVA_REVOKE_SELF, 0, freed);
    if (!status)
        status = nova_sm_down(freed, 0, deadline_us(END_MS * 1000));
    if (status)
        fail(NULL, "revoke at the end", status, 0);
}

/* They were made anew with each move, who knows in which slab. */
static void mover_portals_end(const struct actor *actor)
{
    revoke_objects(actor->event_base + EVENT_UD, 0);
    revoke_objects(actor->event_base + NOVA_EVENT_RECALL, 0);
}

/* Waits for all threads' ends, checks the counts of wake-ups, and destroys everything. */
static void end_all(void)
{
    nova_word ups = 0, downs = 0;

    stop = 1;
    for (unsigned i = 0; i < cpus * STABLE; i++)
        if (nova_sm_down(finished, 0, deadline_us(END_MS * 1000))) {
            fail(NULL, "threads that came to their end", i, cpus * STABLE);
            break;
        }
    for (struct cpu_state *state = states; state < states + cpus; state++) {
        for (unsigned i = 0; i < STABLE; i++)
            revoke_objects(state->stable[i].thread->ec, 2);
        for (unsigned i = 0; i < VICTIMS; i++)
            revoke_objects(state->victims[i].thread->ec, 2);
        mover_portals_end(&state->stable[CALLERS]);
    }
    for (struct cpu_state *state = states; state < states + cpus; state++) {
        while (!nova_sm_down(state->timed, 0, 1))
            state->downs++;
        for (unsigned i = 0; i < SERVERS; i++) {
            if (state->servers[i].wrong)
                fail(NULL, "wrong messages at a server", state->servers[i].wrong, 0);
            revoke_objects(state->servers[i].thread->ec, 0);
            revoke_objects(state->servers[i].portal, 1);
        }
        for (unsigned i = 0; i < DOOMED; i++) {
            if (state->doomed[i].wrong)
                fail(NULL, "wrong messages at a doomed server", state->doomed[i].wrong, 0);
            revoke_objects(state->doomed[i].thread->ec, 0);
            revoke_objects(state->doomed[i].portal, 1);
        }
        revoke_objects(state->ping, 3);
        ups += state->ups;
        downs += state->downs;
    }
    if (ups != downs)
        fail(NULL, "ups that woke somebody", downs, ups);
}

static nova_word usage(const char *when)
{
    nova_word limit = 0, used = 0;
    nova_pd_quota_read(nova_pd, &limit, &used);
    nova_printf("# stress: %s: %lu pages of kernel memory in use of %lu\n", when, used, limit);
    return used | limit << NOVA_WORD_BITS / 2;
}

static void report(void)
{
    for (struct cpu_state *state = states; state < states + cpus; state++)
        nova_printf(
            "# CPU %u: %lu calls, %lu refused, %lu created, %lu moves, %lu recalls, %lu recall events, %lu pings, %lu ups, %lu "
            "timeouts, %lu late faults\n",
            state->cpu, state->called, state->refused, state->created, state->moves, state->recalled, state->recalls, state->pings,
            state->ups, state->timeouts, state->faults);
}

/* ---- command line ---- */

static void command_line_read(void)
{
    static char line[256 + 16];

    for (unsigned i = 0; i < nova_hip_memories(nova_hip); i++) {
        const struct nova_hip_memory *memory = nova_hip_memory(nova_hip, i);
        if (memory->type != NOVA_MEMORY_MODULE || !memory->aux)
            continue;
        nova_physical_string(memory->aux, line, 256);
        leave_out.nesting = (unsigned)nova_command_line_has(line, "no-nesting");
        leave_out.again = (unsigned)nova_command_line_has(line, "no-again");
        leave_out.doomed = (unsigned)nova_command_line_has(line, "no-doomed");
        leave_out.recalls = (unsigned)nova_command_line_has(line, "no-recalls");
        leave_out.births = (unsigned)nova_command_line_has(line, "no-births");
        leave_out.ups = (unsigned)nova_command_line_has(line, "no-ups");
        seconds = nova_command_line_number(line, "seconds", seconds);
        seed = nova_command_line_number(line, "seed", seed);
        return;
    }
}

static void run(void *unused)
{
    nova_word before, after;

    (void)unused;
    start_all();
    watch(FIRST_SECONDS);
    end_all();
    before = usage("after the first run");
    if (!failures) {
        start_all();
        watch(seconds);
        end_all();
    }
    after = usage("after the second run");
    report();
    nova_printf("%s 1 - %lu failures in %u seconds\n", failures ? "not ok" : "ok", failures, seconds);
    nova_printf("%s 2 - kernel memory is what it was\n1..2\n# stress: done\n", before == after ? "ok" : "not ok");
    nova_emulator_exit(failures || before != after ? 1 : 0x10);
}

void nova_main(const struct nova_hip *hip, unsigned cpu)
{
    struct nova_thread *events;

    nova_console_init();
    command_line_read();
    events = nova_thread_prepare(NULL, cpu);
    nova_handler_create(events, nova_pd, nova_selectors(32, 32));
    nova_events_create(0, events, NULL);
    finished = nova_selectors(3, 1);
    never = finished + 1;
    freed = finished + 2;
    for (unsigned i = 0; i < 3; i++)
        nova_create_sm(finished + i, nova_pd, 0);
    for (unsigned i = 0; i < nova_hip_cpus(hip) && cpus < CPUS_MAX; i++)
        if (nova_hip_cpu(hip, i)->flags & NOVA_CPU_ONLINE)
            states[cpus++].cpu = i;
    for (unsigned i = 0; i < cpus; i++)
        prepare(&states[i]);
    nova_printf("\n# stress: %u bit, %u CPUs, %u threads on each, %u seconds, seed %u\n", NOVA_WORD_BITS, cpus, STABLE + VICTIMS,
                seconds, seed);
    /* the root EC has the lowest priority of all: it could not watch */
    if (nova_thread_start(nova_thread_prepare(NULL, cpu), 0, PRIORITY_ROOT, 10000, run, NULL))
        fail(NULL, "start of the watching thread", 1, 0);
}
