/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Calls and replies, on one CPU and between CPUs, along chains, while somebody destroys one of those who take part.
 */
#include "scenarios.h"

enum { HANDLERS = 4, CALLS = 3 };

static word handler[HANDLERS], portal[HANDLERS], semaphore;
static unsigned handlers;
static bool gone;   /* what the scenario destroys is gone: that hypercall has come back */
static word victim; /* its selector */

/* ---- programs ---- */

/* A call with a number that the handler counts up; the status. */
static word call_once(word to, unsigned flags)
{
    static word number;
    word sent = number += 100;
    struct nova_utcb *utcb = my_utcb();
    utcb->items = nova_items(1, 0);
    utcb->mr[0] = sent;
    word status = user_call(to, flags);
    utcb = my_utcb();
    /* A reply with a selector that names no semaphore any more is a reply without. */
    bool unanswered = victim && victim == semaphore && utcb->mr[0] == sent;
    if (status == NOVA_SUCCESS && !unanswered && (utcb->items != nova_items(1, 0) || utcb->mr[0] != sent + 1))
        fail("%s gets the wrong answer: %lu to %lu", my_thread() ? my_thread()->name : "a handler", utcb->mr[0], sent);
    if (status == NOVA_COM_TIM && !(flags & NOVA_CALL_NOBLOCK) && !victim)
        fail("a call that may block ends with COM_TIM");
    return status;
}

static word serve(void)
{
    struct nova_utcb *utcb = my_utcb();
    word number = utcb->mr[0];
    if (utcb->items != nova_items(1, 0))
        fail("a message has %#lx words and items, not one", utcb->items);
    if (chance(2))
        user_pause();
    utcb = my_utcb();
    utcb->items = nova_items(1, 0);
    utcb->mr[0] = number + 1;
    return 0;
}

/* The handler calls the next one before it replies. */
static word serve_nested(void)
{
    struct nova_utcb *utcb = my_utcb();
    word number = utcb->mr[0], next = my_argument(1) + 1;
    if (next < handlers) {
        word status = call_once(portal[next], 0);
        if (status != NOVA_SUCCESS && !victim)
            fail("a nested call ends with status %lu", status);
    }
    utcb = my_utcb();
    utcb->items = nova_items(1, 0);
    utcb->mr[0] = number + 1;
    return 0;
}

/* Now and then the caller has to wait for the semaphore and call again, with the same message. */
static word serve_later(void)
{
    if (chance(2))
        return semaphore;
    my_utcb()->mr[0]++;
    return 0;
}

static void expect(word status, unsigned allowed)
{
    if (status > NOVA_QUO_OOM || !(allowed >> status & 1))
        fail("%s: a call ends with status %lu", my_thread()->name, status);
}

enum { OK = 1 << NOVA_SUCCESS, TIM = 1 << NOVA_COM_TIM, ABT = 1 << NOVA_COM_ABT, CAP = 1 << NOVA_BAD_CAP };
static unsigned allowed;

static word client(void)
{
    for (unsigned i = 0; i < CALLS; i++) {
        unsigned n = choose(handlers), flags = chance(4) ? NOVA_CALL_NOBLOCK : 0;
        bool was_gone = gone;
        word status = call_once(portal[n], flags);
        expect(status, allowed | (flags ? OK | TIM : OK));
        if (was_gone && (victim == portal[n] || victim == handler[n]) && status == NOVA_SUCCESS)
            fail("a call reaches what was destroyed before");
    }
    return 0;
}

/* Only the first handler is called from outside: the others through it, and through each other. */
static word client_of_first(void)
{
    for (unsigned i = 0; i < 2; i++)
        expect(call_once(portal[chance(3) ? choose(handlers) : 0], 0), allowed | OK);
    return 0;
}

static word destroyer(void)
{
    for (unsigned i = choose(4); i--;)
        user_pause();
    user_destroy(victim);
    gone = true;
    return 0;
}

/* ---- worlds ---- */

static void make_handlers(unsigned count, program function, bool all_cpus)
{
    handlers = count;
    victim = 0;
    gone = false;
    for (unsigned i = 0; i < count; i++) {
        handler[i] = make_handler(all_cpus ? i % boot_info.cpus : choose(boot_info.cpus), ROOT_SELECTOR, 0);
        portal[i] = make_portal(ROOT_SELECTOR, handler[i], "handler", function, i);
    }
}

static void make_clients(unsigned count, program function)
{
    static const char *const names[] = {"client A", "client B", "client C", "client D", "client E"};
    for (unsigned i = 0; i < count; i++)
        make_thread(names[i], choose(boot_info.cpus), ROOT_SELECTOR, function, 0);
}

static void make_destroyer(word what)
{
    victim = what;
    make_thread("destroyer", choose(boot_info.cpus), ROOT_SELECTOR, destroyer, 0);
}

static void plain_build(void)
{
    allowed = 0;
    make_handlers(2, serve, false);
    make_clients(4, client);
}

static void local_build(void)
{
    allowed = 0;
    make_handlers(2, serve_nested, false);
    make_clients(4, client_of_first);
}

static void callee_build(void)
{
    allowed = ABT | TIM;
    make_handlers(2, serve, false);
    make_clients(3, client);
    make_destroyer(handler[0]);
}

static void portal_build(void)
{
    allowed = CAP;
    make_handlers(2, serve, false);
    make_clients(3, client);
    make_destroyer(portal[0]);
}

/* The EC or the SC of a client, in the middle of its calls; the others do not notice. */
static void caller_build(void)
{
    allowed = 0;
    make_handlers(2, serve, false);
    make_clients(3, client);
    make_destroyer(chance(2) ? threads[0].ec_selector : threads[0].sc_selector);
}

static void chain_build(void)
{
    allowed = 0;
    make_handlers(4, serve_nested, true);
    make_clients(4, client_of_first);
}

static void chain_callee_build(void)
{
    allowed = ABT | TIM;
    make_handlers(3, serve_nested, true);
    make_clients(3, client_of_first);
    make_destroyer(handler[choose(3)]);
}

static void chain_caller_build(void)
{
    allowed = 0;
    make_handlers(3, serve_nested, true);
    make_clients(3, client_of_first);
    make_destroyer(chance(2) ? threads[0].ec_selector : threads[0].sc_selector);
}

static void chain_portal_build(void)
{
    allowed = CAP;
    make_handlers(3, serve_nested, true);
    make_clients(3, client_of_first);
    make_destroyer(portal[choose(3)]);
}

/* ---- calls of handlers to other CPUs, with several SCs behind them ---- */

/* One call after the other, to different CPUs: who helps has gone to one of them when the next call begins. */
static word serve_by_others(void)
{
    for (unsigned i = 0; i < CALLS; i++) {
        word number = my_utcb()->mr[0], status = call_once(portal[1 + choose(handlers - 1)], 0);
        if (status != NOVA_SUCCESS && !victim)
            fail("a nested call ends with status %lu", status);
        my_utcb()->items = nova_items(1, 0);
        my_utcb()->mr[0] = number;
    }
    my_utcb()->mr[0]++;
    return 0;
}

/* Until somebody raises the semaphore, or for a while. */
static word serve_slowly(void)
{
    word number = my_utcb()->mr[0];
    if (semaphore)
        user_down(semaphore, 0, 0);
    else
        for (unsigned i = choose(6); i--;)
            user_pause();
    my_utcb()->items = nova_items(1, 0);
    my_utcb()->mr[0] = number + 1;
    return 0;
}

static word client_of_its(void)
{
    for (unsigned i = 0; i < 2; i++)
        expect(call_once(portal[my_thread()->argument], 0), allowed | OK);
    return 0;
}

/* To the one in the middle; the last one to the first. */
static word serve_forward(void)
{
    bool last = my_argument(1) == 3;
    word number = my_utcb()->mr[0], status = call_once(portal[last ? 0 : 1], 0);
    if (status != NOVA_SUCCESS && !last)
        fail("a nested call ends with status %lu", status);
    my_utcb()->items = nova_items(1, 0);
    my_utcb()->mr[0] = number + 1;
    return 0;
}

static void add_handler(unsigned cpu, program function)
{
    handler[handlers] = make_handler(cpu, ROOT_SELECTOR, 0);
    portal[handlers] = make_portal(ROOT_SELECTOR, handler[handlers], "handler", function, handlers);
    handlers++;
}

static void helpers_build(void)
{
    unsigned cpu = choose(3);
    make_handlers(0, 0, false);
    allowed = 0;
    semaphore = 0;
    add_handler(cpu, serve_by_others);
    add_handler((cpu + 1) % 3, serve_slowly);
    add_handler((cpu + 2) % 3, serve_slowly);
    for (unsigned i = 0; i < 4; i++)
        make_thread("client", cpu, ROOT_SELECTOR, client_of_its, 0);
}

/* The handler in the middle dies while the last one of the chain waits for what its callers do only afterwards. */
static void middle_build(void)
{
    unsigned cpu = choose(3);
    make_handlers(0, 0, false);
    allowed = ABT | TIM;
    semaphore = make_semaphore(ROOT_SELECTOR, choose(2), 0);
    add_handler(cpu, serve_by_others);
    add_handler((cpu + 1) % 3, serve_slowly);
    for (unsigned i = 0; i < 3; i++)
        make_thread("client", choose(3), ROOT_SELECTOR, client_of_its, 0);
    make_destroyer(handler[0]);
}

/* Handlers of two CPUs call the same one of the third, and one of them dies; another one waits for that. */
static void shared_build(void)
{
    unsigned cpu = choose(3);
    make_handlers(0, 0, false);
    allowed = ABT | TIM;
    semaphore = 0;
    add_handler(cpu, serve_forward);
    add_handler((cpu + 1) % 3, serve_slowly);
    add_handler((cpu + 2) % 3, serve_forward);
    add_handler(cpu, serve_forward);
    for (unsigned i = 0; i < 6; i++)
        make_thread("client", i % 3 ? cpu : (cpu + 2) % 3, ROOT_SELECTOR, client_of_its, i % 3 ? choose(2) * 3 : 2);
    make_destroyer(handler[0]);
}

/* SCs go while they are on their way. */
static word sc_destroyer(void)
{
    for (unsigned i = choose(8); i--;)
        user_pause();
    user_destroy(threads[my_thread()->argument].sc_selector);
    return 0;
}

static void scs_build(void)
{
    make_handlers(3, serve, true);
    allowed = 0;
    make_clients(4, client);
    for (unsigned i = 0; i < 3; i++)
        make_thread("destroyer", choose(3), ROOT_SELECTOR, sc_destroyer, i);
}

/* ---- reply with a semaphore ---- */

static bool clients_ended(void)
{
    for (unsigned i = 0; i < thread_count; i++)
        if (threads[i].argument && !threads[i].ended)
            return false;
    return true;
}

/* One up for each caller that waits, until all are through. */
static void wake_callers(void)
{
    while (!clients_ended()) {
        const struct semaphore *now = semaphore_of(semaphore);
        if (gone || !now)
            break;
        if (!list_empty(&now->queue.list) && !now->counter)
            user_up(semaphore);
        else
            user_down(semaphore + 2, 0, machine_time() + 2000);
    }
}

static word waker(void)
{
    wake_callers();
    return 0;
}

static void later_build(void)
{
    allowed = 0;
    make_handlers(2, serve_later, false);
    semaphore = make_semaphore(ROOT_SELECTOR, 0, 0);
    make_semaphore(ROOT_SELECTOR, 0, 0);
    make_clients(3, client);
    for (unsigned i = 0; i < thread_count; i++)
        threads[i].argument = 1;
    make_thread("waker", choose(boot_info.cpus), ROOT_SELECTOR, waker, 0);
}

static void later_destroyed_build(void)
{
    later_build();
    allowed = CAP;
    make_destroyer(semaphore);
}

const struct scenario calls_scenarios[] = {
    {.name = "call", .cpus = 3, .build = plain_build},
    {.name = "call-busy", .cpus = 2, .build = local_build},
    {.name = "call-callee-destroyed", .cpus = 3, .build = callee_build},
    {.name = "call-caller-destroyed", .cpus = 3, .build = caller_build},
    {.name = "call-portal-revoked", .cpus = 3, .build = portal_build},
    {.name = "call-chain", .cpus = 3, .build = chain_build},
    {.name = "call-chain-callee-destroyed", .cpus = 3, .build = chain_callee_build},
    {.name = "call-chain-caller-destroyed", .cpus = 3, .build = chain_caller_build},
    {.name = "call-chain-portal-revoked", .cpus = 3, .build = chain_portal_build},
    {.name = "call-helpers", .cpus = 3, .build = helpers_build},
    {.name = "call-middle-destroyed", .cpus = 3, .build = middle_build},
    {.name = "call-shared", .cpus = 3, .build = shared_build},
    {.name = "call-scs-destroyed", .cpus = 3, .build = scs_build},
    {.name = "reply-semaphore", .cpus = 3, .build = later_build},
    {.name = "reply-semaphore-destroyed", .cpus = 3, .build = later_destroyed_build},
    {.name = 0},
};
