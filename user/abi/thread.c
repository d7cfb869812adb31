/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * abi.md sections 5, 6 and 8 for threads: startup, being killed, recall, scheduling calls, and times.
 */
#include "abi.h"

/* ---- startup ---- */

static struct {
    nova_word sp, semaphore;
    volatile nova_word events, ran;
} birth;

NOVA_PORTAL(startup);

static void startup_handler(nova_word id, struct nova_utcb *utcb)
{
    birth.events += id == NOVA_EVENT_STARTUP;
    birth.sp = utcb->state.sp;
    utcb->state.ip = (nova_word)nova_thread_enter;
    utcb->state.mtd = NOVA_MTD_IP;
}

static void set_ran(void *argument)
{
    (void)argument;
    birth.ran++;
    nova_sm_up(birth.semaphore);
}

static void test_startup(void)
{
    struct nova_thread *handler = new_handler(boot_cpu), *thread = nova_thread_prepare(NULL, boot_cpu);
    nova_word base = nova_selectors(32, 32);

    birth.semaphore = new_semaphore(0);
    nova_portal_create(base + NOVA_EVENT_STARTUP, nova_pd, handler, NOVA_MTD_SP | NOVA_MTD_IP, startup, NOVA_EVENT_STARTUP);
    thread->entry = set_ran;
    check("create a thread",
          nova_create_ec(thread->ec, nova_pd, boot_cpu, (nova_word)thread->utcb, (nova_word)thread, base, NOVA_EC_GLOBAL),
          NOVA_SUCCESS);
    nova_ec_yield();
    check("without an SC it does not start", birth.events, 0);
    check("create its SC", nova_create_sc(thread->ec + 2, nova_pd, thread->ec, nova_qpd(2, 1000)), NOVA_SUCCESS);
    check("it runs", wait_for(birth.semaphore), NOVA_SUCCESS);
    check("one startup event", birth.events, 1);
    check("SP as given at creation", birth.sp, (nova_word)thread);
    check("it ran where the startup handler sent it", birth.ran, 1);
}

/* ---- threads that die ---- */

static volatile nova_word survived;

static void crash_thread(void *argument)
{
    (void)argument;
    __asm__ volatile("ud2");
    survived++;
}

static void test_kill(void)
{
    struct nova_thread *handler = new_handler(boot_cpu), *thread = nova_thread_prepare(NULL, boot_cpu);
    nova_word base = nova_selectors(32, 32);

    /* no startup portal at all */
    new_semaphore(0);
    check("thread without a startup portal", nova_thread_start(thread, nova_selectors(32, 32), 2, 1000, crash_thread, NULL),
          NOVA_SUCCESS);
    nova_ec_yield();
    check("the kernel kills it, and this one goes on", survived, 0);

    thread = nova_thread_prepare(NULL, boot_cpu);
    nova_portal_create(base + NOVA_EVENT_STARTUP, nova_pd, handler, NOVA_MTD_SP | NOVA_MTD_IP, startup, NOVA_EVENT_STARTUP);
    check("thread without a portal for its exception", nova_thread_start(thread, base, 2, 1000, crash_thread, NULL), NOVA_SUCCESS);
    nova_ec_yield();
    check("the kernel kills it, too", survived, 0);
    check("its portals' handler lives", nova_thread_start(nova_thread_prepare(NULL, boot_cpu), base, 2, 1000, set_ran, NULL),
          NOVA_SUCCESS);
    check("and starts another thread", wait_for(birth.semaphore), NOVA_SUCCESS);
}

/* ---- the end of an EC or SC ---- */

static volatile nova_word counter;

static void count_for_ever(void *argument)
{
    (void)argument;
    for (;;)
        counter++;
}

static int counts(void)
{
    nova_word before = counter;
    uint64_t end = deadline_ms(50);

    while (nova_tsc() < end)
        nova_ec_yield();
    return counter != before;
}

static void test_end(void)
{
    struct nova_thread *thread = new_thread(1, count_for_ever, NULL);
    nova_word freed = new_semaphore(0);

    check_true("a thread that computes", counts());
    check("revoke of its SC", nova_revoke(objects(thread->ec + 2, 0), NOVA_REVOKE_SELF, 0, 0), NOVA_SUCCESS);
    nova_ec_yield();
    check("stops it", counts(), 0);
    check("then revoke of the EC", nova_revoke(objects(thread->ec, 0), NOVA_REVOKE_SELF, 0, freed), NOVA_SUCCESS);
    check("frees what is left", wait_for(freed), NOVA_SUCCESS);

    thread = new_thread(1, count_for_ever, NULL);
    check_true("another one", counts());
    check("revoke of the EC", nova_revoke(objects(thread->ec, 0), NOVA_REVOKE_SELF, 0, 0), NOVA_SUCCESS);
    nova_ec_yield();
    check("stops it, too", counts(), 0);
    check("then revoke of its SC", nova_revoke(objects(thread->ec + 2, 0), NOVA_REVOKE_SELF, 0, freed), NOVA_SUCCESS);
    check("frees what is left of that", wait_for(freed), NOVA_SUCCESS);
}

/* ---- recall ---- */

static struct {
    nova_word gate, finished, ip, sp;
    volatile nova_word recalls, order;
} recalled;

NOVA_PORTAL(recall_event);

static void recall_event_handler(nova_word id, struct nova_utcb *utcb)
{
    if (id == NOVA_EVENT_STARTUP) {
        utcb->state.ip = (nova_word)nova_thread_enter;
        utcb->state.mtd = NOVA_MTD_IP;
        return;
    }
    recalled.recalls++;
    recalled.order = recalled.order << 4 | 1;
    recalled.ip = utcb->state.ip;
    recalled.sp = utcb->state.sp;
    utcb->state.mtd = 0;
}

static void recall_me(void *argument)
{
    (void)argument;
    nova_sm_down(recalled.gate, 0, 0);
    recalled.order = recalled.order << 4 | 2;
    nova_sm_up(recalled.finished);
}

static void test_recall(void)
{
    struct nova_thread *handler = new_handler(boot_cpu), *thread = nova_thread_prepare(NULL, boot_cpu);
    nova_word base = nova_selectors(32, 32), weak = new_selector();

    recalled.gate = new_semaphore(0);
    recalled.finished = new_semaphore(0);
    nova_portal_create(base + NOVA_EVENT_STARTUP, nova_pd, handler, NOVA_EVENT_MTD, recall_event, NOVA_EVENT_STARTUP);
    nova_portal_create(base + NOVA_EVENT_RECALL, nova_pd, handler, NOVA_EVENT_MTD, recall_event, NOVA_EVENT_RECALL);
    nova_thread_start(thread, base, 2, 1000, recall_me, NULL);
    check("recall of a blocked thread", nova_ec_recall(thread->ec, 0), NOVA_SUCCESS);
    check("is pending until it wakes", recalled.recalls, 0);
    check("recall that fetches the state", nova_ec_recall(thread->ec, 1), NOVA_SUCCESS);
    check_true("SP is in its stack",
               root_utcb->state.sp <= (nova_word)thread && root_utcb->state.sp > (nova_word)thread - NOVA_STACK_SIZE);
    check_true("IP is in this program",
               root_utcb->state.ip >= (nova_word)nova_image_start && root_utcb->state.ip < (nova_word)nova_text_end);
    check("it is not in an exception", (nova_word)root_utcb->state.qual[0], 0);
    nova_sm_up(recalled.gate);
    check("woken, it gets to its end", wait_for(recalled.finished), NOVA_SUCCESS);
    check("with one recall event", recalled.recalls, 1);
    check("before it runs on", recalled.order, 0x12);
    check("recall of a semaphore", nova_ec_recall(recalled.gate, 0), NOVA_BAD_CAP);
    check("recall of nothing", nova_ec_recall(weak, 0), NOVA_BAD_CAP);
    grant(nova_pd, nova_pd, object(thread->ec, NOVA_EC_BIND_SC), nova_control(NOVA_ITEM_DELEGATE, 0), objects(weak, 0));
    check("recall without the permission", nova_ec_recall(weak, 0), NOVA_BAD_CAP);
}

/* ---- scheduling and time ---- */

static void test_scheduling(void)
{
    nova_word root_ec = nova_hip->sel_exc + NOVA_ROOT_EC, root_sc = nova_hip->sel_exc + NOVA_ROOT_SC, sm = new_semaphore(0);
    uint64_t us = 0, later = 0, end;

    check("yield", nova_ec_yield(), NOVA_SUCCESS);
    check("reschedule", nova_ec_reschedule(), NOVA_SUCCESS);
    check("help of a semaphore", nova_ec_help(sm, 0), NOVA_BAD_CAP);
    check("time of an EC", nova_ec_time(root_ec, &us), NOVA_SUCCESS);
    end = deadline_ms(20);
    while (nova_tsc() < end)
        nova_pause();
    nova_ec_time(root_ec, &later);
    check_true("it goes on while the EC runs", later >= us + 10000);
    check_true("and not faster than the clock", later < us + 10000000);
    check("time of an SC", nova_sc_time(root_sc, 0, &us), NOVA_SUCCESS);
    end = deadline_ms(20);
    while (nova_tsc() < end)
        nova_pause();
    nova_sc_time(root_sc, 0, &later);
    check_true("it goes on, too", later >= us + 10000);
    check("time of what is no EC", nova_ec_time(sm, &us), NOVA_BAD_CAP);
    check("time of what is no SC", nova_sc_time(root_ec, 0, &us), NOVA_BAD_CAP);
    check("MSR access with another semaphore", nova_ec_msr(sm), NOVA_BAD_CAP);
}

void test_thread(void)
{
    section("5.startup");
    test_startup();
    section("5.kill");
    test_kill();
    section("6.end");
    test_end();
    section("6.ec_ctrl_recall");
    test_recall();
    section("6.ec_ctrl_time");
    test_scheduling();
}
