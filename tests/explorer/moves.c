/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Threads that move to other CPUs (ec_ctrl 4), by the handlers of their exceptions and recalls, while others call those handlers, help, recall the thread, ask for its
 * time, raise what it waits for, or destroy it. A thread goes on exactly where it was, on the CPU that was asked for.
 */
#include "scenarios.h"

enum { EXCEPTION = 3, NAME = 8, ROUNDS = 4, MOVERS = 2, NOWHERE = 0x7000 };

static const uint8_t events[] = {EXCEPTION, NOVA_EVENT_RECALL};
static word handler[CPUS_MAX], called[CPUS_MAX], portal[THREADS_MAX][CPUS_MAX][2];
static word pd, semaphore, victim;
static unsigned ups, taken;
static unsigned begun[THREADS_MAX]; /* moves */

static word object_crd(word selector) { return nova_crd(NOVA_CRD_OBJ, selector, 0, NOVA_PERM_ALL); }

/* ---- handlers ---- */

static void put(word to_pd, word place, word selector)
{
    user_revoke(object_crd(place), NOVA_REVOKE_SELF | NOVA_REVOKE_REMOTE, 0, to_pd);
    user_delegate(ROOT_SELECTOR, to_pd, object_crd(selector), 0, place);
}

/* The thread's next events come to the handler of this CPU. */
static void bind(const struct thread *thread, unsigned cpu)
{
    for (unsigned i = 0; i < sizeof events; i++)
        put(thread->pd, thread->events + events[i], portal[thread - threads][cpu][i]);
    put(thread->pd, thread->events + HAL_PAGE_FAULT, EVENTS + 32 * cpu + HAL_PAGE_FAULT);
}

/* False = the thread stays where it is. */
static bool move(struct thread *thread)
{
    unsigned to = anywhere(), number = (unsigned)(thread - threads), mine = ++begun[number];
    struct object *before = object_of(thread->ec_selector);
    bind(thread, to);
    put(ROOT_SELECTOR, thread->ec_selector + 1, portal[number][to][0]);
    word status = user_hypercall(NOVA_EC_CTRL, NOVA_EC_MIGRATE, thread->ec_selector, to, object_crd(NAME), 0, 0);
    if (status == NOVA_SUCCESS) {
        const struct ec *now = ec_of_selector(thread->ec_selector);
        /* Unless it has been in its next event meanwhile. */
        if (!victim && begun[number] == mine && (!now || &now->object == before || now->cpu->number != to))
            fail("%s has moved, but its selector names another EC", thread->name);
        return true;
    }
    if (!victim && status != NOVA_QUO_OOM)
        fail("migrate ends with status %lu", status);
    bind(thread, my_cpu());
    return false;
}

/* If it has moved, the reply means nothing. */
static word event(bool move_it)
{
    struct thread *thread = &threads[my_argument(1)];
    bool gone = move_it && move(thread);
    struct nova_utcb *utcb = my_utcb();
    utcb->items = nova_items(8, gone);
    utcb->state.mtd = gone ? NOVA_MTD_IP | NOVA_MTD_GPR_ACDB : 0;
    *nova_item(utcb, 0) =
        (struct nova_item){nova_crd(NOVA_CRD_MEM, PAGE, 0, NOVA_PERM_ALL), nova_control(NOVA_ITEM_DELEGATE, NOWHERE)};
    return chance(8) ? semaphore : 0;
}

static word on_exception(void) { return event(!chance(4)); }

static word on_recall(void)
{
    recalled++;
    return event(chance(2));
}

static word serve(void)
{
    if (chance(4))
        user_down(SLEEP, 0, soon());
    my_utcb()->items = nova_items(0, 0);
    return 0;
}

/* ---- programs ---- */

static void check_place(word tls)
{
    const struct thread *thread = my_thread();
    if (!thread)
        return; /* it has been destroyed */
    if (my_cpu() != thread->cpu || my_utcb()->tls != tls)
        fail("%s is on CPU %u, not %u, with %#lx in its UTCB", thread->name, my_cpu(), thread->cpu, my_utcb()->tls);
}

static word mover(void)
{
    word tls = 0x1000 + choose(1000);
    my_utcb()->tls = tls;
    for (unsigned i = 0; i < ROUNDS; i++) {
        my_utcb()->items = nova_items(0, 0);
        switch (choose(4)) {
        case 0: user_call(called[anywhere()], 0); break;
        case 1:
            if (user_down(semaphore, 0, soon()) == NOVA_SUCCESS)
                taken++;
            break;
        default: user_exception(EXCEPTION);
        }
        check_place(tls);
    }
    return 0;
}

/* A thread that is recalled all the time. */
static word recalled_mover(void) { return recalled_often(mover); }

static void expect(word status, unsigned good)
{
    if (status > NOVA_QUO_OOM || !((good | (victim ? 1 << NOVA_BAD_CAP : 0)) >> status & 1))
        fail("%s: a hypercall about a thread that moves ends with status %lu", my_thread()->name, status);
}

enum { OK = 1 << NOVA_SUCCESS, TIM = 1 << NOVA_COM_TIM, PAR = 1 << NOVA_BAD_PAR, CPU = 1 << NOVA_BAD_CPU };

static word recaller(void)
{
    for (unsigned i = 0; i < RECALLS; i++) {
        const struct thread *thread = &threads[choose(MOVERS)];
        user_recall(thread, chance(2), OK | TIM | (victim ? 1 << NOVA_BAD_CAP : 0));
    }
    return recalls_end();
}

/* Everything that can be done with a thread's names. */
static word meddler(void)
{
    for (unsigned i = 0; i < 5; i++) {
        const struct thread *thread = &threads[choose(MOVERS)];
        switch (choose(5)) {
        case 0:
            expect(user_hypercall(NOVA_EC_CTRL, NOVA_EC_HELP, thread->ec_selector, 0x1000 + choose(1000), 0, 0, 0), OK | PAR | CPU);
            break;
        case 1:
            if (thread->started)
                expect(user_hypercall(NOVA_EC_CTRL, NOVA_EC_TIME, thread->ec_selector, 0, 0, 0, 0), OK);
            break;
        case 2:
            if (thread->started)
                expect(user_hypercall(NOVA_SC_CTRL, 0, thread->sc_selector, 0, 0, 0, 0), OK);
            break;
        default:
            my_utcb()->items = nova_items(choose(3), 0);
            user_call(called[chance(2) ? thread->cpu : anywhere()], chance(4) ? NOVA_CALL_NOBLOCK : 0);
        }
    }
    return 0;
}

static word looker(void)
{
    for (unsigned i = 0; i < 12; i++) {
        const struct thread *thread = &threads[choose(MOVERS)];
        if (!thread->started)
            user_pause();
        else if (chance(2))
            expect(user_hypercall(NOVA_EC_CTRL, NOVA_EC_TIME, thread->ec_selector, 0, 0, 0, 0), OK);
        else
            expect(user_hypercall(NOVA_SC_CTRL, 0, thread->sc_selector, 0, 0, 0, 0), OK);
    }
    return 0;
}

static word waker(void)
{
    for (;;) {
        bool all = true;
        for (unsigned i = 0; i < MOVERS; i++)
            all &= threads[i].ended || thread_gone(&threads[i]);
        if (all)
            return 0;
        if (user_up(semaphore) == NOVA_SUCCESS)
            ups++;
        user_down(SLEEP, 0, machine_time() + 3000);
    }
}

static word destroyer(void)
{
    for (unsigned i = choose(6); i--;)
        user_pause();
    user_destroy(victim);
    return 0;
}

/* ---- worlds ---- */

static void begin(word where)
{
    ups = taken = 0;
    recalls_begin();
    victim = 0;
    pd = where;
    semaphore = make_semaphore(ROOT_SELECTOR, 0, 0);
    for (unsigned cpu = 0; cpu < boot_info.cpus; cpu++) {
        handler[cpu] = make_handler(cpu, ROOT_SELECTOR, 0);
        called[cpu] = make_portal(ROOT_SELECTOR, handler[cpu], "called", serve, 0);
    }
    if (pd != ROOT_SELECTOR) {
        give(pd, semaphore);
        for (unsigned cpu = 0; cpu < boot_info.cpus; cpu++)
            give(pd, called[cpu]);
    }
}

static void add_mover(const char *name, program function)
{
    struct thread *thread = make_mover(name, anywhere(), pd, function, 0);
    unsigned number = (unsigned)(thread - threads);
    begun[number] = 0;
    for (unsigned cpu = 0; cpu < boot_info.cpus; cpu++) {
        portal[number][cpu][0] = make_portal(ROOT_SELECTOR, handler[cpu], "exception", on_exception, number);
        portal[number][cpu][1] = make_portal(ROOT_SELECTOR, handler[cpu], "recall", on_recall, number);
    }
    for (unsigned i = 0; i < sizeof events; i++)
        replace(thread->pd, thread->events + events[i], portal[number][thread->cpu][i]);
}

static void add_movers(program function)
{
    add_mover("mover A", function);
    add_mover("mover B", function);
    make_thread("waker", anywhere(), ROOT_SELECTOR, waker, 1);
}

static void add_destroyer(word what)
{
    victim = what;
    make_thread("destroyer", anywhere(), ROOT_SELECTOR, destroyer, 1);
}

static void plain_build(void)
{
    begin(chance(2) ? ROOT_SELECTOR : make_pd(60));
    add_movers(mover);
    make_thread("meddler A", anywhere(), ROOT_SELECTOR, meddler, 1);
    make_thread("meddler B", anywhere(), ROOT_SELECTOR, meddler, 1);
}

static void names_build(void)
{
    begin(ROOT_SELECTOR);
    add_movers(mover);
    make_thread("looker A", anywhere(), ROOT_SELECTOR, looker, 1);
    make_thread("looker B", anywhere(), ROOT_SELECTOR, looker, 1);
}

static void recall_build(void)
{
    begin(ROOT_SELECTOR);
    add_movers(recalled_mover);
    threads[0].priority = threads[1].priority = 1; /* neither keeps the other from running */
    make_thread("recaller", anywhere(), ROOT_SELECTOR, recaller, 1);
}

static void destroyed_build(void)
{
    begin(make_pd(60));
    add_movers(mover);
    make_thread("meddler", anywhere(), ROOT_SELECTOR, meddler, 1);
    const word victims[] = {threads[0].ec_selector, threads[0].ec_selector,  threads[0].sc_selector, pd,
                            handler[anywhere()],    portal[0][anywhere()][0]};
    add_destroyer(victims[choose(6)]);
}

static void short_build(void)
{
    begin(make_pd(60));
    add_movers(mover);
    make_thread("meddler", anywhere(), ROOT_SELECTOR, meddler, 1);
    leave_quota(pd, choose(2));
}

/* And nothing comes of what a handler replies when its thread has moved. */
static void nothing_lost(void)
{
    if (mmu_rights(&CONTAINER(object_of(pd), struct pd, object)->mmu, MMU_HOST, NOWHERE, 0, 0))
        fail("a reply to a thread that has moved maps memory");
    word left = semaphore_of(semaphore)->counter;
    if (taken + left > ups)
        fail("%u ups, but %u downs and %lu left", ups, taken, left);
}

const struct scenario moves_scenarios[] = {
    {.name = "move", .cpus = 3, .build = plain_build, .end = nothing_lost},
    {.name = "move-names", .cpus = 3, .build = names_build, .end = nothing_lost},
    {.name = "move-recall", .cpus = 3, .build = recall_build, .end = nothing_lost},
    {.name = "move-destroyed", .cpus = 3, .kills = true, .build = destroyed_build},
    {.name = "move-memory-short", .cpus = 3, .build = short_build, .end = nothing_lost},
    {.name = 0},
};
