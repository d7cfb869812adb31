/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * abi.md sections 6 and 7 about time: yield, help, sc_ctrl, deadlines of many threads, and helping along a chain of calls. The root EC has the
 * lowest priority, so where threads that compute take part, a controlling thread of a high priority runs the check.
 */
#include "abi.h"

enum { CHAIN = 50, SLEEPERS = 100, CONTROL = 100 };

static struct {
    nova_word gate, finished, started;
    volatile nova_word log, counts, stop, done[4], status[4];
} s;

/* Runs a function on a thread of a high priority, and waits for its end. */
static void control_enter(void *function)
{
    ((void (*)(void))function)();
    nova_sm_up(s.finished);
}

static void control(const char *name, void (*function)(void))
{
    thread_on(boot_cpu, CONTROL, control_enter, (void *)function);
    check(name, nova_sm_down(s.finished, 0, deadline_ms(10 * PATIENCE_MS)), NOVA_SUCCESS);
}

/* ---- yield ---- */

static void take_turns(void *id)
{
    for (unsigned i = 0; i < 6; i++) {
        s.log = s.log << 1 | (nova_word)id;
        nova_ec_yield();
    }
    s.done[(nova_word)id] = 1;
}

static void run_turns(void)
{
    thread_on(boot_cpu, 5, take_turns, (void *)0);
    thread_on(boot_cpu, 5, take_turns, (void *)1);
}

static void back_and_on(void *id)
{
    for (unsigned i = 0; i < 100; i++)
        nova_ec_reschedule();
    s.done[(nova_word)id] = 2;
}

static void run_reschedule(void)
{
    thread_on(boot_cpu, 5, back_and_on, (void *)0);
    thread_on(boot_cpu, 5, back_and_on, (void *)1);
}

static void test_yield(void)
{
    s.log = 1;
    control("threads that yield", run_turns);
    check("threads of one priority that yield take turns", s.log, 1 << 12 | 0x555);
    check("both come to their end", s.done[0] + s.done[1], 2);
    control("threads that reschedule", run_reschedule);
    check("threads that reschedule come to their end", s.done[0] + s.done[1], 4);
}

/* ---- help ---- */

static struct nova_thread *helped;

static void short_work(void *unused)
{
    uint64_t end = deadline_ms(5);
    (void)unused;
    while (nova_tsc() < end)
        s.counts++;
    s.done[2] = 1;
}

static void hog(void *unused)
{
    (void)unused;
    while (!s.stop)
        s.counts++;
}

/* A thread of priority 2 cannot run beside one of priority 3, unless one above lends its SC. */
static void run_help(void)
{
    uint64_t end;
    uint64_t sc_us = 0, ec_us = 0;

    s.stop = s.done[2] = 0;
    helped = thread_on(boot_cpu, 2, short_work, NULL);
    helped->utcb->tls = 0x7715;
    thread_on(boot_cpu, 3, hog, NULL);
    sleep_ms(15);
    s.status[0] = s.done[2];
    s.status[1] = nova_ec_help(helped->ec, 0x7716);
    end = deadline_ms(PATIENCE_MS);
    while (!s.done[2] && nova_tsc() < end)
        s.status[2] = nova_ec_help(helped->ec, 0x7715);
    s.status[3] = s.done[2];
    nova_sc_ec_time(helped->ec + 2, helped->ec, &sc_us, &ec_us);
    s.log = ec_us >= 4000 && sc_us < ec_us;
    s.stop = 1;
}

static void test_help(void)
{
    nova_word weak = new_selector();

    control("help of a thread of lower priority", run_help);
    check("it does not run beside a thread above it", s.status[0], 0);
    check("help with another word than its tls", s.status[1], NOVA_BAD_PAR);
    check("help with the word", s.status[2], NOVA_SUCCESS);
    check("it got to its end on the helper's SC", s.status[3], 1);
    check("the EC's time counts, its SC's does not", s.log, 1);
    sleep_ms(5);
    check("help of a thread that sleeps for good", nova_ec_help(helped->ec, 0x7715), NOVA_BAD_PAR);
    check("help of nothing", nova_ec_help(weak, 0), NOVA_BAD_CAP);
    check("help of a PD", nova_ec_help(nova_pd, 0), NOVA_BAD_CAP);
    check("help of a handler that nobody called", nova_ec_help(event_handler->ec, event_handler->utcb->tls), NOVA_BAD_PAR);
}

/* ---- sc_ctrl ---- */

static void compute_ms(void *ms)
{
    uint64_t end = deadline_ms((unsigned)(nova_word)ms);
    while (nova_tsc() < end)
        s.counts++;
    nova_sm_up(s.finished);
}

static uint64_t idle_op(nova_word idle, unsigned op)
{
    uint64_t us = 0;
    check("sc_ctrl on an idle SC", nova_sc_time(idle, op, &us), NOVA_SUCCESS);
    return us;
}

static void test_times(void)
{
    nova_word idle = new_selector(), weak = new_selector(), root_sc = nova_hip->sel_exc + NOVA_ROOT_SC;
    nova_word root_ec = nova_hip->sel_exc + NOVA_ROOT_EC;
    struct nova_thread *thread;
    uint64_t before, after, us = 0, ec_us = 0, grown;

    check("take the idle SC", nova_take_objects(boot_cpu, idle, 1), NOVA_SUCCESS);
    before = idle_op(idle, 0);
    sleep_ms(30);
    after = idle_op(idle, 0);
    check_true("op 0: idle time grows while all sleep", after - before >= 20000 && after - before < 2000000);

    before = idle_op(idle, 2);
    thread = thread_on(boot_cpu, 2, compute_ms, (void *)20);
    wait_for(s.finished);
    sleep_ms(2);
    drop_wait(thread->ec, 2);
    after = idle_op(idle, 2);
    check_true("op 2: the time of an SC that is gone, when nobody had read it",
               after - before >= 15000 && after - before < 2000000);

    before = idle_op(idle, 2);
    thread = thread_on(boot_cpu, 2, compute_ms, (void *)20);
    wait_for(s.finished);
    sleep_ms(2);
    check("time of the SC", nova_sc_time(thread->ec + 2, 0, &us), NOVA_SUCCESS);
    check_true("what it computed", us >= 15000 && us < 2000000);
    drop_wait(thread->ec, 2);
    after = idle_op(idle, 2);
    check_true("op 2: less what had been read of it", after - before < 10000);

    {
        struct nova_args args = {0, 0, 0, 0};
        nova_word ec_before, ec_after;
        nova_hypercall_args(nova_arg1(NOVA_SC_CTRL, 3, idle), &args);
        ec_before = args.a5;
        thread = thread_on(boot_cpu, 2, compute_ms, (void *)20);
        wait_for(s.finished);
        sleep_ms(2);
        drop_wait(thread->ec, 2);
        args = (struct nova_args){0, 0, 0, 0};
        check("op 3 on an idle SC", nova_hypercall_args(nova_arg1(NOVA_SC_CTRL, 3, idle), &args), NOVA_SUCCESS);
        ec_after = args.a5;
        grown = (uint32_t)(ec_after - ec_before);
        check_true("op 3: the time of an EC that is gone", grown >= 15000 && grown < 2000000);
    }

    check("op 3 on another SC, with an EC", nova_sc_ec_time(root_sc, root_ec, &us, &ec_us), NOVA_SUCCESS);
    check_true("both have run", us && ec_us);
    check("op 3 with a selector that is empty", nova_sc_ec_time(root_sc, weak, &us, &ec_us), NOVA_BAD_CAP);
    check("op 3 with a semaphore", nova_sc_ec_time(root_sc, s.finished, &us, &ec_us), NOVA_BAD_CAP);
    check("sc_ctrl on an empty selector", nova_sc_time(weak, 0, &us), NOVA_BAD_CAP);
    grant(nova_pd, nova_pd, object(root_sc, NOVA_PERM_ALL & ~NOVA_SC_CTRL_PERM), nova_control(NOVA_ITEM_DELEGATE, 0),
          objects(weak, 0));
    check("sc_ctrl without the permission", nova_sc_time(weak, 0, &us), NOVA_BAD_CAP);
    drop(idle, 0);
}

/* ---- many deadlines ---- */

static volatile nova_word woken, early, late, wrong_order, last_number, wrong_status;
static nova_word nobody;
static uint64_t base_deadline, step;

static void sleeper(void *number)
{
    uint64_t deadline = base_deadline + step * (nova_word)number, now;
    enum nova_status status = nova_sm_down(nobody, 0, deadline);

    now = nova_tsc();
    wrong_status += status != NOVA_COM_TIM;
    early += now < deadline;
    late += now > deadline + ticks_ms(200);
    wrong_order += (nova_word)number < last_number;
    last_number = (nova_word)number;
    woken++;
}

static void test_deadlines(void)
{
    static struct nova_thread *threads[SLEEPERS];

    nobody = new_semaphore(0);
    step = ticks_ms(1);
    base_deadline = deadline_ms(400);
    last_number = 0;
    for (unsigned i = 0; i < SLEEPERS; i++) /* 37 and 100 have no common divisor: each number once, in a mixed order */
        threads[i] = thread_on(boot_cpu, 50, sleeper, (void *)(nova_word)(i * 37 % SLEEPERS + 1));
    for (uint64_t end = deadline_ms(3000); woken < SLEEPERS && nova_tsc() < end;)
        sleep_ms(10);
    check("as many threads wake as wait with a deadline", woken, SLEEPERS);
    check("each with COM_TIM", wrong_status, 0);
    check("none too early", early, 0);
    check("none much too late", late, 0);
    check("in the order of their deadlines", wrong_order, 0);
    for (unsigned i = 0; i < SLEEPERS; i++)
        drop(threads[i]->ec, 2);
}

/* ---- a chain of calls ---- */

static nova_word chain_portals[CHAIN + 1];

NOVA_PORTAL(link_portal);

static void link_portal_handler(nova_word id, struct nova_utcb *utcb)
{
    if (id == CHAIN)
        nova_sm_down(s.gate, 0, 0);
    else if (nova_call(chain_portals[id + 1], 0))
        utcb->mr[0] = 0;
    utcb->mr[0]++;
    utcb->items = nova_items(1, 0);
}

static void call_chain(void *index)
{
    struct nova_utcb *utcb = nova_self()->utcb;

    utcb->mr[0] = 1000;
    utcb->items = nova_items(1, 0);
    s.status[(nova_word)index] = nova_call(chain_portals[0], 0);
    s.done[(nova_word)index] = utcb->mr[0];
    nova_sm_up(s.started);
}

/* Low calls and gets stuck at the end of the chain; a hog keeps it off the CPU; High calls the same portal, and carries it through. */
static void run_chain(void)
{
    s.stop = 0;
    s.done[0] = s.done[1] = 0;
    thread_on(boot_cpu, 4, call_chain, (void *)0);
    sleep_ms(5);
    thread_on(boot_cpu, 5, hog, NULL);
    sleep_ms(15);
    thread_on(boot_cpu, 6, call_chain, (void *)1);
    sleep_ms(5);
    s.log = s.done[0] | s.done[1];
    nova_sm_up(s.gate);
    nova_sm_up(s.gate);
    s.status[2] = nova_sm_down(s.started, 0, deadline_ms(PATIENCE_MS));
    s.status[3] = s.done[0]; /* Low has its answer, but cannot run yet */
    s.stop = 1;
    nova_sm_down(s.started, 0, deadline_ms(PATIENCE_MS));
}

static void test_chain(void)
{
    for (unsigned i = 0; i <= CHAIN; i++)
        chain_portals[i] = new_portal(new_handler(boot_cpu), link_portal, i);
    s.gate = new_semaphore(0);
    s.started = new_semaphore(0);
    control("a chain of 50 calls", run_chain);
    check("nobody is served while the gate is shut", s.log, 0);
    check("the caller of high priority carries the chain through", s.status[2], NOVA_SUCCESS);
    check("it gets SUCCESS", s.status[1], NOVA_SUCCESS);
    check("all links have worked for it", s.done[1], 1000 + CHAIN + 1);
    check("the low caller did not run before the thread above it ended", s.status[3], 0);
    check("then it got SUCCESS, too", s.status[0], NOVA_SUCCESS);
    check("all links have worked for it, too", s.done[0], 1000 + CHAIN + 1);
}

void test_schedule(void)
{
    s.finished = new_semaphore(0);
    section("6.ec_ctrl_yield");
    test_yield();
    section("6.ec_ctrl_help");
    test_help();
    section("6.sc_ctrl");
    test_times();
    section("6.deadlines");
    test_deadlines();
    section("7.helping");
    test_chain();
}
