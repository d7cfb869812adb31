/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the threads and servers do. A message is a seed and words made of it; the answer is each word plus a constant. So a message that is mixed
 * up, lost, or answered to another caller shows. A server calls only servers of a higher level, so no call waits for itself.
 */
#include "stress.h"

enum { WORDS_MAX = 16, ANSWER = 0x101, NEST_ONE_IN = 4, AGAIN_ONE_IN = 8, NAP_US = 2000, SHORT_US = 300 };

unsigned random_next(uint32_t *state)
{
    *state = *state * 1664525 + 1013904223;
    return *state >> 16;
}

static nova_word word_of(nova_word seed, unsigned i) { return seed * 0x9e3779b1u + i * 0x85ebca6bu; }

static void message_make(struct nova_utcb *utcb, nova_word seed, unsigned words)
{
    utcb->mr[0] = seed;
    for (unsigned i = 1; i < words; i++)
        utcb->mr[i] = word_of(seed, i);
    utcb->items = nova_items(words, 0);
}

/* Number of wrong words. */
static unsigned message_wrong(const struct nova_utcb *utcb, nova_word seed, unsigned words, nova_word plus)
{
    unsigned wrong = utcb->items != nova_items(words, 0) || utcb->mr[0] != seed + plus;
    for (unsigned i = 1; i < words; i++)
        wrong += utcb->mr[i] != word_of(seed, i) + plus;
    return wrong;
}

/* ---- servers ---- */

NOVA_PORTAL(serve);

static void serve_handler(nova_word id, struct nova_utcb *utcb)
{
    struct nova_thread *self = nova_self();
    struct server *server = (struct server *)self->user[2];
    unsigned words = nova_untyped(utcb->items);
    nova_word seed = utcb->mr[0], random = ++self->user[0] * 0x9e3779b1u;

    if (id && id != (nova_word)server) /* 0: the portal is new, pt_ctrl is still to come */
        server->wrong++;
    server->calls++;
    if (words < 1 || words > WORDS_MAX || message_wrong(utcb, seed, words, 0)) {
        server->wrong++;
        utcb->items = 0;
        return;
    }
    if (!leave_out.again && self->user[1] != seed &&
        (random >> 20) % AGAIN_ONE_IN == 0) { /* once for the same message, or it never ends */
        self->user[1] = seed;
        nova_sm_up(server->semaphore);
        nova_reply(server->semaphore);
    }
    if (!leave_out.nesting && server->level + 1 < SERVERS && (random >> 24) % NEST_ONE_IN == 0) {
        const struct server *next = &states[(random >> 12) % cpus].servers[server->level + 1];
        enum nova_status status = nova_call(next->portal, 0);
        if (status || message_wrong(utcb, seed, words, ANSWER))
            server->wrong++;
        for (unsigned i = 0; i < words; i++)
            utcb->mr[i] -= ANSWER;
    }
    for (unsigned i = 0; i < words; i++)
        utcb->mr[i] += ANSWER;
    utcb->items = nova_items(words, 0);
}

enum nova_status server_create(struct server *server, unsigned cpu)
{
    enum nova_status status;

    server->thread->cpu = cpu;
    server->thread->user[0] = server->thread->user[1] = 0;
    server->thread->user[2] = (nova_word)server;
    status = nova_handler_create(server->thread, nova_pd, events_of(cpu));
    return status ? status : nova_portal_create(server->portal, nova_pd, server->thread, 0, serve, (nova_word)server);
}

/* ---- callers ---- */

/* One call of a random server, or of a doomed one. */
static void call_once(struct actor *actor, struct nova_utcb *utcb)
{
    struct cpu_state *there = &states[random_next(&actor->random) % cpus];
    unsigned kind = leave_out.doomed ? 7 : random_next(&actor->random) % 8, words = 1 + random_next(&actor->random) % WORDS_MAX;
    const struct server *server = kind < 2 ? &there->doomed[kind % DOOMED] : &there->servers[random_next(&actor->random) % SERVERS];
    /* seeds of two callers are never the same */
    nova_word seed = (nova_word)actor->rounds << 12 | (actor->cpu - states) << 8 | actor->index;
    unsigned no_block = kind == 7 ? NOVA_CALL_NOBLOCK : 0;
    enum nova_status status;

    message_make(utcb, seed, words);
    status = nova_call(server->portal, no_block);
    if (status == NOVA_SUCCESS) {
        actor->cpu->called++;
        if (message_wrong(utcb, seed, words, ANSWER))
            fail(actor, "answer", utcb->mr[0], seed + ANSWER);
    } else {
        actor->cpu->refused++;
        if (kind < 2 ? status > NOVA_COM_ABT && status != NOVA_BAD_CAP : !(no_block && status == NOVA_COM_TIM))
            fail(actor, "status of a call", status, NOVA_SUCCESS);
    }
}

static void nap(const struct actor *actor, unsigned us)
{
    enum nova_status status = nova_sm_down(actor->cpu->nap, 0, deadline_us(us));
    if (status != NOVA_COM_TIM)
        fail(actor, "sleep", status, NOVA_COM_TIM);
}

static void leave(void) { nova_sm_up(finished); }

void role_caller(void *argument)
{
    struct actor *actor = argument;
    struct nova_utcb *utcb = nova_self()->utcb;

    while (!stop) {
        call_once(actor, utcb);
        if (!leave_out.ups && random_next(&actor->random) % 4 == 0) {
            nova_sm_up(states[random_next(&actor->random) % cpus].timed);
            __atomic_fetch_add(&actor->cpu->ups, 1, __ATOMIC_RELAXED);
        }
        actor->rounds++;
        /* the odd ones have a higher priority, and must leave time to the others */
        if (actor->index & 1 && actor->rounds % 8 == 0)
            nap(actor, NAP_US);
    }
    leave();
}

/* ---- moving ---- */

enum { EVENT_UD = 6, NAME = 40 };

NOVA_PORTAL(mover_event);

/* The mover raises #UD: its handler sends it to another CPU, where it raises it again, and goes on. */
static void mover_event_handler(nova_word id, struct nova_utcb *utcb)
{
    struct actor *actor = (struct actor *)id;
    enum nova_status status;

    utcb->items = 0;
    if (actor->moved) {
        actor->moved = 0;
        utcb->state.ip += 2;
        utcb->state.mtd = NOVA_MTD_IP;
        return;
    }
    actor->moved = 1;
    actor->here = random_next(&actor->random) % cpus;
    status = mover_portals(actor, (unsigned)actor->here);
    if (!status)
        status = nova_ec_migrate(actor->thread->ec, states[actor->here].cpu, nova_crd(NOVA_CRD_OBJ, NAME, 0, NOVA_PERM_ALL));
    if (status)
        fail(actor, "migrate", status, NOVA_SUCCESS);
    actor->cpu->moves++;
    utcb->state.ip = 0; /* without effect */
    utcb->state.mtd = NOVA_MTD_IP;
}

enum nova_status mover_portals(struct actor *actor, unsigned index)
{
    const struct cpu_state *there = &states[index];
    nova_word base = actor->event_base;
    enum nova_status status;

    nova_revoke(nova_crd(NOVA_CRD_OBJ, base + EVENT_UD, 0, NOVA_PERM_ALL), NOVA_REVOKE_SELF, 0, 0);
    nova_revoke(nova_crd(NOVA_CRD_OBJ, base + NOVA_EVENT_RECALL, 0, NOVA_PERM_ALL), NOVA_REVOKE_SELF, 0, 0);
    nova_revoke(nova_crd(NOVA_CRD_OBJ, actor->thread->ec + 1, 0, NOVA_PERM_ALL), NOVA_REVOKE_SELF, 0, 0);
    status = nova_portal_create(base + EVENT_UD, nova_pd, there->events, NOVA_MTD_IP, mover_event, (nova_word)actor);
    if (!status)
        status = nova_portal_create(base + NOVA_EVENT_RECALL, nova_pd, there->events, 0, recall_event, index);
    return status ? status : nova_portal_create(actor->thread->ec + 1, nova_pd, there->events, 0, mover_event, 0);
}

void role_mover(void *argument)
{
    struct actor *actor = argument;
    struct nova_utcb *utcb = nova_self()->utcb;

    while (!stop) {
        for (unsigned i = random_next(&actor->random) % 4; i; i--)
            call_once(actor, utcb);
        utcb->mr[WORDS_MAX] = actor->rounds;
        __asm__ volatile("ud2");
        if (utcb->mr[WORDS_MAX] != actor->rounds)
            fail(actor, "UTCB after a move", utcb->mr[WORDS_MAX], actor->rounds);
        actor->rounds++;
        nap(actor, 1 + random_next(&actor->random) % SHORT_US);
    }
    leave();
}

void role_victim(void *argument)
{
    struct actor *actor = argument;
    struct nova_utcb *utcb = nova_self()->utcb;

    for (;;) {
        call_once(actor, utcb);
        actor->rounds++;
        if (random_next(&actor->random) % 8 == 0)
            nap(actor, SHORT_US);
    }
}

/* Ping on this CPU, pong on the next one: each wake-up counts. */
void role_ping(void *argument)
{
    struct actor *actor = argument;
    struct cpu_state *cpu = actor->cpu;

    while (!stop) {
        cpu->pings++;
        nova_sm_up(cpu->ping);
        if (nova_sm_down(cpu->pong, 0, 0) || cpu->pongs != cpu->pings)
            fail(actor, "wake-up by pong", cpu->pongs, cpu->pings);
        actor->rounds++;
    }
    cpu->pong_stop = 1;
    nova_sm_up(cpu->ping);
    leave();
}

void role_pong(void *argument)
{
    struct actor *actor = argument;
    struct cpu_state *cpu = &states[(actor->cpu - states + cpus - 1) % cpus]; /* the one whose pings it answers */

    for (;;) {
        if (nova_sm_down(cpu->ping, 0, 0))
            fail(actor, "wake-up by ping", 1, 0);
        if (cpu->pong_stop)
            break;
        cpu->pongs++;
        actor->rounds++;
        nova_sm_up(cpu->pong);
    }
    leave();
}

/* Waits with deadlines while others raise the semaphore: every up is one down. */
void role_waiter(void *argument)
{
    struct actor *actor = argument;
    struct cpu_state *cpu = actor->cpu;

    while (!stop) {
        uint64_t deadline = deadline_us(1 + random_next(&actor->random) % SHORT_US);
        enum nova_status status = nova_sm_down(cpu->timed, 0, deadline);
        if (status == NOVA_SUCCESS)
            cpu->downs++;
        else if (status == NOVA_COM_TIM && nova_tsc() >= deadline)
            cpu->timeouts++;
        else
            fail(actor, "timed wait", status, NOVA_COM_TIM);
        actor->rounds++;
    }
    leave();
}

/* ---- creation, destruction, recall ---- */

static void destroy(struct actor *actor, nova_word selector, unsigned order, int wait)
{
    enum nova_status status =
        nova_revoke(nova_crd(NOVA_CRD_OBJ, selector, order, NOVA_PERM_ALL), NOVA_REVOKE_SELF, 0, wait ? actor->cpu->freed : 0);
    if (!status && wait)
        status = nova_sm_down(actor->cpu->freed, 0, 0);
    if (status)
        fail(actor, "revoke", status, NOVA_SUCCESS);
}

static void churn_victim(struct actor *actor, struct actor *victim)
{
    unsigned how = random_next(&actor->random) % 4;
    enum nova_status status;

    if (how == 0)
        destroy(actor, victim->thread->ec + 2, 0, 0); /* the SC alone, first */
    else if (how == 1)
        destroy(actor, victim->thread->ec, 0, 1); /* the EC alone */
    destroy(actor, victim->thread->ec, 2, 1);
    status = actor_start(victim, states[random_next(&actor->random) % cpus].cpu, role_victim, 2);
    if (status)
        fail(actor, "creation of a thread", status, NOVA_SUCCESS);
    actor->cpu->created++;
}

static void churn_server(struct actor *actor, struct server *server)
{
    unsigned how = random_next(&actor->random) % 3;
    enum nova_status status;

    if (how == 0)
        destroy(actor, server->portal, 0, 0);
    destroy(actor, server->thread->ec, 0, 1); /* waits: the next one gets the same stack */
    destroy(actor, server->portal, 0, how == 1);
    status = server_create(server, states[random_next(&actor->random) % cpus].cpu);
    if (status)
        fail(actor, "creation of a server", status, NOVA_SUCCESS);
    actor->cpu->created++;
}

void role_churner(void *argument)
{
    struct actor *actor = argument;

    while (!stop) {
        actor->rounds++;
        if (!leave_out.births && random_next(&actor->random) & 1)
            churn_victim(actor, &actor->cpu->victims[random_next(&actor->random) % VICTIMS]);
        else if (!leave_out.doomed)
            churn_server(actor, &actor->cpu->doomed[random_next(&actor->random) % DOOMED]);
        nap(actor, 1 + random_next(&actor->random) % SHORT_US);
    }
    leave();
}

void role_recaller(void *argument)
{
    struct actor *actor = argument;

    while (!started)
        nap(actor, SHORT_US);
    while (!stop) {
        struct cpu_state *there = &states[random_next(&actor->random) % cpus];
        unsigned who = random_next(&actor->random) % (STABLE + VICTIMS);
        const struct actor *target = who < STABLE ? &there->stable[who] : &there->victims[who - STABLE];
        enum nova_status status =
            leave_out.recalls ? NOVA_SUCCESS : nova_ec_recall(target->thread->ec, random_next(&actor->random) & 1);

        if (who < STABLE ? status > NOVA_COM_TIM : status > NOVA_COM_TIM && status != NOVA_BAD_CAP)
            fail(actor, "recall", status, NOVA_SUCCESS);
        actor->cpu->recalled += status <= NOVA_COM_TIM;
        nap(actor, 1 + random_next(&actor->random) % SHORT_US);
        actor->rounds++;
    }
    leave();
}
