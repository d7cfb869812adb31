/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * sc_ctrl and ec_ctrl 5: on each CPU the times of all SCs, of calls from other CPUs, of SCs that are no more, and idle time are together what the TSC has
 * counted, and so are the times of all ECs and idle time. Meanwhile threads compute, sleep, call handlers here and on the next CPU, help, and are born and die.
 */
#include "clock.h"

enum { LOAD_MS = 1000, KNOWN = 32, LOADS = 6, PRIORITY_SAMPLER = 110, PER_MILLE = 1000 };

/* What is known of a CPU, and what was read. */
struct account {
    unsigned index;
    nova_word idle, go, done, scs[KNOWN], ecs[KNOWN], portal, slow_portal, nap, freed;
    unsigned sc_count, ec_count;
    struct nova_thread *child;
    uint64_t tsc, sc_us, ec_us, idle_us, visitors_us, gone_sc_us, gone_ec_us;
};

static struct account accounts[CPUS_MAX], first[CPUS_MAX];
static volatile nova_word stop, wrong;
static nova_word start, finished;

static void thread_known(struct account *account, const struct nova_thread *thread, int global)
{
    account->ecs[account->ec_count++] = thread->ec;
    if (global)
        account->scs[account->sc_count++] = thread->ec + 2;
}

/* On the CPU itself, so that nothing else runs there. */
static void sampler(void *argument)
{
    struct account *account = argument;

    for (;;) {
        uint64_t us;
        nova_sm_down(account->go, 0, 0);
        account->sc_us = account->ec_us = 0;
        account->tsc = nova_tsc();
        for (unsigned i = 0; i < account->sc_count; i++) {
            wrong += nova_sc_time(account->scs[i], 0, &us) != NOVA_SUCCESS;
            account->sc_us += us;
        }
        for (unsigned i = 0; i < account->ec_count; i++) {
            wrong += nova_ec_time(account->ecs[i], &us) != NOVA_SUCCESS;
            account->ec_us += us;
        }
        wrong += nova_sc_time(account->idle, 0, &account->idle_us) != NOVA_SUCCESS;
        wrong += nova_sc_time(account->idle, 1, &account->visitors_us) != NOVA_SUCCESS;
        wrong += nova_sc_ec_time(account->idle, 0, &account->gone_sc_us, &account->gone_ec_us) != NOVA_SUCCESS;
        nova_sm_up(account->done);
    }
}

static void sample_all(void)
{
    for (unsigned i = 0; i < cpus; i++) {
        nova_sm_up(accounts[i].go);
        nova_sm_down(accounts[i].done, 0, 0);
    }
}

/* ---- load ---- */

NOVA_PORTAL(quick);
NOVA_PORTAL(slow);

static void quick_handler(nova_word id, struct nova_utcb *utcb)
{
    (void)id;
    compute(30);
    utcb->items = 0;
}

/* Sleeps in the call: others help it, or wait with it. */
static void slow_handler(nova_word id, struct nova_utcb *utcb)
{
    compute(20);
    nova_sm_down(accounts[id].nap, 0, deadline_us(40));
    compute(20);
    utcb->items = 0;
}

static void ready(void) { nova_sm_down(start, 0, 0); }
static void done(void) { nova_sm_up(finished); }

static void role_compute(void *unused)
{
    (void)unused;
    for (ready(); !stop; nap(530))
        compute(310);
    done();
}

static void role_call_there(void *argument)
{
    const struct account *account = argument;
    for (ready(); !stop; nap(370)) {
        nova_self()->utcb->items = 0;
        wrong += nova_call(accounts[(account->index + 1) % cpus].portal, 0) != NOVA_SUCCESS;
    }
    done();
}

static void role_call_slow(void *argument)
{
    const struct account *account = argument;
    for (ready(); !stop; nap(90)) {
        nova_self()->utcb->items = 0;
        wrong += nova_call(account->slow_portal, 0) != NOVA_SUCCESS;
        nova_self()->utcb->items = 0;
        wrong += nova_call(accounts[(account->index + 1) % cpus].slow_portal, 0) != NOVA_SUCCESS;
    }
    done();
}

static void role_child(void *unused)
{
    (void)unused;
    for (;; nap(150))
        compute(100);
}

/* Children live for a moment; of every fourth one the times are read before it dies, of some the SC goes first. */
static void role_parent(void *argument)
{
    const struct account *account = argument;
    nova_word ec = account->child->ec;
    unsigned round = 0;

    for (ready(); !stop; round++) {
        uint64_t sc_us, ec_us;
        wrong += nova_thread_start(account->child, events_of(account->index), 1, 200, role_child, NULL) != NOVA_SUCCESS;
        nap(400);
        /* what was read is not told again: the account gets it here */
        if (round % 4 == 1 && !nova_sc_ec_time(ec + 2, ec, &sc_us, &ec_us)) {
            nova_self()->user[0] += (nova_word)sc_us;
            nova_self()->user[1] += (nova_word)ec_us;
        }
        if (round % 3 == 0)
            wrong += nova_revoke(nova_crd(NOVA_CRD_OBJ, ec + 2, 0, NOVA_PERM_ALL), NOVA_REVOKE_SELF, 0, 0) != NOVA_SUCCESS;
        wrong += nova_revoke(nova_crd(NOVA_CRD_OBJ, ec, 2, NOVA_PERM_ALL), NOVA_REVOKE_SELF, 0, account->freed) != NOVA_SUCCESS;
        nova_sm_down(account->freed, 0, 0);
    }
    done();
}

static void (*const roles[LOADS])(void *) = {role_compute,   role_call_there, role_call_slow,
                                             role_call_slow, role_call_there, role_parent};
static struct nova_thread *parents[CPUS_MAX];

static void account_prepare(unsigned index)
{
    struct account *account = &accounts[index];
    struct nova_thread *handlers[2];

    account->index = index;
    account->idle = nova_selectors(1, 1);
    wrong += nova_take_objects(cpu_list[index], account->idle, 1) != NOVA_SUCCESS;
    account->go = semaphore();
    account->done = semaphore();
    account->nap = semaphore();
    account->freed = semaphore();
    account->portal = nova_selectors(2, 2);
    account->slow_portal = account->portal + 1;
    account->child = nova_thread_prepare(NULL, cpu_list[index]);
    for (unsigned i = 0; i < 2; i++) {
        handlers[i] = nova_thread_prepare(NULL, cpu_list[index]);
        wrong += nova_handler_create(handlers[i], nova_pd, events_of(index)) != NOVA_SUCCESS;
        wrong += nova_portal_create(account->portal + i, nova_pd, handlers[i], 0, i ? slow : quick, index) != NOVA_SUCCESS;
        thread_known(account, handlers[i], 0);
    }
    thread_known(account, event_handler_of(index), 0);
    thread_known(account, thread_start(index, PRIORITY_SAMPLER, 10000, sampler, account), 1);
    for (unsigned i = 0; i < LOADS; i++) {
        struct nova_thread *thread = thread_start(index, 2 + i % 3, 1000, roles[i], account);
        thread_known(account, thread, 1);
        if (roles[i] == role_parent)
            parents[index] = thread;
    }
    if (index == 0) {
        thread_known(account, nova_self(), 1);
        account->ecs[account->ec_count++] = nova_hip->sel_exc + NOVA_ROOT_EC;
        account->scs[account->sc_count++] = nova_hip->sel_exc + NOVA_ROOT_SC;
    }
}

/* Up to a few seconds of ticks: without a division of 64 bits. */
static uint64_t microseconds(uint64_t tsc)
{
    uint64_t us = 0;
    for (unsigned step = 1 << 22; step; step /= 2)
        if (ticks((unsigned)us + step) <= tsc)
            us += step;
    return us;
}

/* Within one tenth of a per cent. */
static int is_near(uint64_t got, uint64_t want)
{
    uint64_t limit = nova_divide(want, PER_MILLE, NULL);
    return got <= want + limit && want <= got + limit;
}

void test_accounts(void)
{
    start = semaphore();
    finished = semaphore();
    for (unsigned i = 0; i < cpus; i++)
        account_prepare(i);
    nap(2000);
    sample_all();
    for (unsigned i = 0; i < cpus; i++)
        first[i] = accounts[i];
    for (unsigned i = 0; i < cpus * LOADS; i++)
        nova_sm_up(start);
    nap(LOAD_MS * 1000);
    stop = 1;
    for (unsigned i = 0; i < cpus * LOADS; i++)
        wrong += nova_sm_down(finished, 0, deadline_us(1000000)) != NOVA_SUCCESS;
    sample_all();
    check(!wrong, "load and samples without a wrong status");
    for (unsigned i = 0; i < cpus; i++) {
        const struct account *a = &accounts[i], *b = &first[i];
        uint64_t elapsed = microseconds(a->tsc - b->tsc), idle = a->idle_us - b->idle_us;
        uint64_t visitors = a->visitors_us - b->visitors_us, sc = a->sc_us - b->sc_us, ec = a->ec_us - b->ec_us;
        uint64_t gone_sc = a->gone_sc_us - b->gone_sc_us, gone_ec = a->gone_ec_us - b->gone_ec_us;
        uint64_t read_sc = parents[i]->user[0], read_ec = parents[i]->user[1];
        uint64_t scs = sc + idle + visitors + gone_sc + read_sc, ecs = ec + idle + gone_ec + read_ec;
        nova_printf("# CPU %u: %llu us: SCs %llu, idle %llu, calls from others %llu, gone %llu, read before %llu: %llu\n",
                    cpu_list[i], (unsigned long long)elapsed, (unsigned long long)sc, (unsigned long long)idle,
                    (unsigned long long)visitors, (unsigned long long)gone_sc, (unsigned long long)read_sc,
                    (unsigned long long)scs);
        nova_printf("# ECs %llu, gone %llu, read before %llu, with idle %llu\n", (unsigned long long)ec,
                    (unsigned long long)gone_ec, (unsigned long long)read_ec, (unsigned long long)ecs);
        check(is_near(scs, elapsed), "times of SCs and idle time are the elapsed time within 0.1 per cent");
        check(is_near(ecs, elapsed), "times of ECs and idle time are the elapsed time within 0.1 per cent");
        check(idle && gone_sc && (cpus == 1 || visitors), "there was idle time, there were dead SCs and calls from others");
    }
}
