/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Beginning and end of threads, scheduling contexts and protection domains, recalls, exceptions and lack of memory, in the middle of everything else.
 */
#include "scenarios.h"

enum { HANDLERS = 3, ROUNDS = 3 };

static word pd, inner, handler[HANDLERS], portal[HANDLERS], semaphore, victim;
static bool gone;

/* ---- everybody does something of everything ---- */

static word serve(void)
{
    word next = my_argument(1) + 1;
    if (next < HANDLERS && chance(2))
        user_call(portal[next], 0);
    if (chance(4))
        user_down(semaphore, 0, soon());
    my_utcb()->items = nova_items(0, 0);
    return chance(8) ? semaphore : 0;
}

static word busy(void)
{
    for (unsigned i = 0; i < ROUNDS; i++) {
        my_utcb()->items = nova_items(choose(3), 0);
        switch (choose(5)) {
        case 0: user_up(semaphore); break;
        case 1: user_down(semaphore, 0, soon()); break;
        case 2: user_hypercall(NOVA_EC_CTRL, chance(2) ? NOVA_EC_YIELD : NOVA_EC_RESCHEDULE, 0, 0, 0, 0, 0); break;
        default: user_call(portal[choose(HANDLERS)], chance(4) ? NOVA_CALL_NOBLOCK : 0);
        }
    }
    return 0;
}

/* Who was put to sleep by a reply goes on. */
static word waker(void)
{
    for (;;) {
        bool all = true;
        for (unsigned i = 0; i < thread_count; i++)
            all &= threads[i].ended || threads[i].expendable || !threads[i].argument || thread_gone(&threads[i]);
        if (all)
            return 0;
        user_up(semaphore);
        user_down(SLEEP, 0, machine_time() + 3000);
    }
}

static word destroyer(void)
{
    for (unsigned i = choose(6); i--;)
        user_pause();
    word status = user_destroy(victim);
    if (status != NOVA_SUCCESS)
        fail("revoke ends with status %lu", status);
    gone = true;
    return 0;
}

static void begin(void)
{
    gone = false;
    recalls_begin();
    victim = 0;
    semaphore = make_semaphore(ROOT_SELECTOR, 0, 0);
}

static void make_destroyer(word what)
{
    victim = what;
    make_thread("destroyer", anywhere(), ROOT_SELECTOR, destroyer, 0);
}

static void make_handlers(word where)
{
    for (unsigned i = 0; i < HANDLERS; i++) {
        handler[i] = make_handler(i % boot_info.cpus, where, 0);
        portal[i] = make_portal(where, handler[i], "handler", serve, i);
    }
}

static word destroyer_of_inner(void)
{
    user_destroy(inner);
    return 0;
}

/* ---- protection domains ---- */

/* The PD's own capabilities end with it; root's threads call into it. */
static void domain_build(void)
{
    begin();
    pd = make_pd(100);
    make_handlers(pd);
    for (unsigned i = 0; i < HANDLERS; i++)
        give(pd, portal[i]);
    give(pd, semaphore);
    give_memory(ROOT_SELECTOR, pd, PAGE, PAGE, 2, 7);
    for (unsigned i = 0; i < 3; i++)
        make_thread("inside", i % boot_info.cpus, pd, busy, 1)->expendable = true;
    make_thread("outside A", anywhere(), ROOT_SELECTOR, busy, 1);
    make_thread("outside B", anywhere(), ROOT_SELECTOR, busy, 1);
    make_thread("waker", anywhere(), ROOT_SELECTOR, waker, 0);
    make_destroyer(pd);
}

/* A PD whose account is part of the dying one's. */
static void domain_nested_build(void)
{
    begin();
    pd = make_pd(100);
    inner = make_inner_pd(pd, 50);
    make_handlers(inner);
    for (unsigned i = 0; i < HANDLERS; i++) {
        give(pd, portal[i]);
        give(inner, portal[i]);
    }
    give(pd, semaphore);
    give(inner, semaphore);
    make_thread("inside", anywhere(), pd, busy, 1)->expendable = true;
    make_thread("innermost", anywhere(), inner, busy, 1)->expendable = true;
    make_thread("outside", anywhere(), ROOT_SELECTOR, busy, 1);
    make_thread("waker", anywhere(), ROOT_SELECTOR, waker, 0);
    make_destroyer(pd);
    make_thread("destroyer of the inner one", anywhere(), ROOT_SELECTOR, destroyer_of_inner, 0);
}

/* ---- recall ---- */

static word recalled_service(void)
{
    recalled++;
    my_utcb()->state.mtd = 0;
    my_utcb()->items = nova_items(8, 0);
    return 0;
}

/* A recall comes before the thread runs again; threads that run all the time are recalled in time. */
static word runner(void) { return recalled_often(busy); }

static word recaller(void)
{
    for (unsigned i = 0; i < RECALLS; i++)
        user_recall(&threads[0], chance(2), 1 << NOVA_SUCCESS | 1 << NOVA_COM_TIM);
    return recalls_end();
}

static void recall_build(void)
{
    begin();
    recall_hook = recalled_service;
    make_handlers(ROOT_SELECTOR);
    make_thread("runner", anywhere(), ROOT_SELECTOR, runner, 1);
    make_thread("busy", anywhere(), ROOT_SELECTOR, busy, 1);
    make_thread("waker", anywhere(), ROOT_SELECTOR, waker, 0);
    make_thread("recaller", anywhere(), ROOT_SELECTOR, recaller, 0);
}

/* ---- scheduling contexts and threads that are made anew ---- */

static word sc_changer(void)
{
    struct thread *thread = &threads[0];
    for (unsigned i = 0; i < 2; i++) {
        user_destroy(thread->sc_selector);
        sc_create(thread->sc_selector, thread, nova_qpd(1 + choose(3), 20 + choose(1000)));
        user_pause();
    }
    return 0;
}

static void sc_build(void)
{
    begin();
    make_handlers(ROOT_SELECTOR);
    make_thread("busy A", anywhere(), ROOT_SELECTOR, busy, 1)->replaced = true;
    make_thread("busy B", anywhere(), ROOT_SELECTOR, busy, 1);
    make_thread("busy C", anywhere(), ROOT_SELECTOR, busy, 1);
    make_thread("waker", anywhere(), ROOT_SELECTOR, waker, 0);
    make_thread("changer", anywhere(), ROOT_SELECTOR, sc_changer, 1);
}

/* The very next create_ec may use the address of the UTCB. */
static word ec_changer(void)
{
    struct thread *thread = &threads[0];
    word page = thread->ec->utcb_page << PAGE_BITS;
    for (unsigned i = 0; i < 2; i++) {
        user_destroy(thread->ec_selector);
        user_destroy(thread->sc_selector);
        word status = user_hypercall(NOVA_CREATE_EC, NOVA_EC_GLOBAL, thread->ec_selector, ROOT_SELECTOR, page | thread->cpu,
                                     program_number("busy", busy), EVENTS + 32 * thread->cpu);
        if (status != NOVA_SUCCESS)
            fail("create_ec ends with status %lu", status);
        thread->ec = ec_of_selector(thread->ec_selector);
        thread->ended = false;
        sc_create(thread->sc_selector, thread, nova_qpd(1, 1000));
        user_pause();
    }
    return 0;
}

static void ec_build(void)
{
    begin();
    make_handlers(ROOT_SELECTOR);
    make_thread("busy A", anywhere(), ROOT_SELECTOR, busy, 1)->replaced = true;
    make_thread("busy B", anywhere(), ROOT_SELECTOR, busy, 1);
    make_thread("waker", anywhere(), ROOT_SELECTOR, waker, 0);
    make_thread("changer", anywhere(), ROOT_SELECTOR, ec_changer, 1);
}

/* ---- exceptions whose handler dies ---- */

static word exceptional(void)
{
    for (unsigned i = 0; i < ROUNDS; i++) {
        user_exception(3);
        if (chance(3))
            user_call(portal[choose(HANDLERS)], 0);
    }
    return 0;
}

static word exception_handler(void)
{
    my_utcb()->state.mtd = 0;
    my_utcb()->items = nova_items(8, 0);
    if (chance(3))
        user_call(portal[choose(HANDLERS)], 0);
    my_utcb()->items = nova_items(8, 0);
    my_utcb()->state.mtd = 0;
    return chance(6) ? semaphore : 0;
}

static void exceptions_build(void)
{
    begin();
    make_handlers(ROOT_SELECTOR);
    word cpu = anywhere(), own = make_handler((unsigned)cpu, ROOT_SELECTOR, 0);
    make_event(own, (unsigned)cpu, 3, "exception", exception_handler);
    make_thread("thread A", (unsigned)cpu, ROOT_SELECTOR, exceptional, 1);
    make_thread("thread B", (unsigned)cpu, ROOT_SELECTOR, exceptional, 1);
    make_thread("waker", anywhere(), ROOT_SELECTOR, waker, 0);
    for (unsigned i = 0; i < 2; i++)
        threads[i].expendable = true;
    make_destroyer(chance(2) ? own : threads[0].ec_selector);
}

/* ---- lack of memory: the callee's PD is short of what the items of a call take ---- */

static word receiver(void)
{
    struct nova_utcb *utcb = my_utcb();
    utcb->items = nova_items(0, 0);
    utcb->del = nova_crd(NOVA_CRD_MEM, 0, 31, NOVA_PERM_ALL);
    return 0;
}

/* Two pages at a time from root. */
static word giver(void)
{
    word status = user_hypercall(NOVA_PD_CTRL, NOVA_PD_QUOTA_MOVE, ROOT_SELECTOR, pd, 2, 0, 0);
    if (status != NOVA_SUCCESS && victim != pd)
        fail("moving quota ends with status %lu", status);
    return 0;
}

/* Far away from each other: each needs page tables. */
static word sender(void)
{
    for (unsigned i = 0; i < ROUNDS; i++) {
        struct nova_utcb *utcb = my_utcb();
        word place = ((word)choose(0x40000) << 9) + choose(512);
        utcb->items = nova_items(0, 1);
        *nova_item(utcb, 0) = (struct nova_item){nova_crd(NOVA_CRD_MEM, PAGE, 0, 7), nova_control(NOVA_ITEM_DELEGATE, place)};
        word status = user_call(portal[0], 0);
        if (status == NOVA_QUO_OOM && (victim == handler[1] || victim == portal[1]))
            continue;
        if (status != NOVA_SUCCESS && !victim)
            fail("a call that is told about memory ends with status %lu", status);
    }
    return 0;
}

static void oom_build(void)
{
    begin();
    pd = make_pd(14);
    handler[1] = make_handler(anywhere(), ROOT_SELECTOR, 0);
    portal[1] = make_portal(ROOT_SELECTOR, handler[1], "out of memory", giver, 7);
    handler[0] = make_handler(anywhere(), pd, portal[1]);
    set_window(handler[0], nova_crd(NOVA_CRD_MEM, 0, 31, NOVA_PERM_ALL));
    portal[0] = make_portal(ROOT_SELECTOR, handler[0], "receiver", receiver, 0);
    make_thread("sender A", anywhere(), ROOT_SELECTOR, sender, 0);
    make_thread("sender B", anywhere(), ROOT_SELECTOR, sender, 0);
}

static void oom_destroyed_build(void)
{
    oom_build();
    const word victims[] = {pd, handler[0], handler[1], portal[0], portal[1], threads[0].ec_selector};
    make_destroyer(victims[choose(6)]);
}

const struct scenario lives_scenarios[] = {
    {.name = "domain-destroyed", .cpus = 3, .build = domain_build},
    {.name = "domain-nested-destroyed", .cpus = 3, .build = domain_nested_build},
    {.name = "recall", .cpus = 3, .build = recall_build},
    {.name = "sc-replaced", .cpus = 3, .build = sc_build},
    {.name = "ec-replaced", .cpus = 3, .build = ec_build},
    {.name = "exception", .cpus = 3, .kills = true, .build = exceptions_build},
    {.name = "memory-short", .cpus = 3, .build = oom_build},
    {.name = "memory-short-destroyed", .cpus = 3, .build = oom_destroyed_build},
    {.name = 0},
};
