/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * abi.md section 7: call and reply with words; busy, dead and remote callees; replies with a semaphore. Typed items are in object.c.
 */
#include "abi.h"

/* What the callee saw, and what it shall do; one callee at a time. */
static struct {
    nova_word id, items, sum, xlt, del, tls, sp, cpu;
    volatile unsigned calls;
    unsigned reply_words;
} seen;

static nova_word checksum(const struct nova_utcb *utcb, unsigned words)
{
    nova_word sum = 0;
    for (unsigned i = 0; i < words && i < NOVA_UTCB_WORDS; i++)
        sum = (sum << 5 | sum >> (NOVA_WORD_BITS - 5)) ^ utcb->mr[i];
    return sum;
}

NOVA_PORTAL(echo);

/* Replies with every word plus one. */
static void echo_handler(nova_word id, struct nova_utcb *utcb)
{
    unsigned words = nova_untyped(utcb->items);

    seen.id = id;
    seen.items = utcb->items;
    seen.sum = checksum(utcb, words);
    seen.xlt = utcb->xlt;
    seen.del = utcb->del;
    seen.tls = utcb->tls;
    seen.sp = (nova_word)__builtin_frame_address(0);
    seen.cpu = nova_cpuid(1).bx >> 24;
    seen.calls++;
    for (unsigned i = 0; i < words && i < NOVA_UTCB_WORDS; i++)
        utcb->mr[i]++;
    utcb->items = nova_items(seen.reply_words ? seen.reply_words : words, 0);
}

/* Calls with some words; whether they arrived and came back. */
static void check_words(nova_word portal, unsigned words)
{
    static nova_word sent[NOVA_UTCB_WORDS];
    unsigned wrong = 0;
    nova_word sum, status;
    char name[80];

    for (unsigned i = 0; i < NOVA_UTCB_WORDS; i++)
        sent[i] = root_utcb->mr[i] = (nova_word)0x9e3779b97f4a7c15ull * (i + 1 + words);
    sum = checksum(root_utcb, words);
    root_utcb->items = nova_items(words, 0);
    seen.sum = ~sum;
    status = nova_call(portal, 0);
    for (unsigned i = 0; i < NOVA_UTCB_WORDS; i++)
        wrong += root_utcb->mr[i] != sent[i] + (i < words);
    nova_format(name, sizeof(name), "call with %u words", words);
    check(name, status, NOVA_SUCCESS);
    nova_format(name, sizeof(name), "%u words arrive", words);
    check(name, seen.sum, sum);
    nova_format(name, sizeof(name), "%u words: the count arrives", words);
    check(name, seen.items, nova_items(words, 0));
    nova_format(name, sizeof(name), "%u words come back, and no more", words);
    check(name, wrong, 0);
    nova_format(name, sizeof(name), "%u words: the count comes back", words);
    check(name, root_utcb->items, nova_items(words, 0));
}

static void test_words(nova_word portal, struct nova_thread *handler)
{
    static const unsigned counts[] = {0, 1, 2, 3, 8, 63, NOVA_UTCB_WORDS - 1, NOVA_UTCB_WORDS};
    nova_word sp;

    for (unsigned i = 0; i < sizeof(counts) / sizeof(*counts); i++)
        check_words(portal, counts[i]);

    root_utcb->xlt = 0;
    root_utcb->del = 0;
    root_utcb->tls = 0x1111;
    handler->utcb->tls = 0x2222;
    root_utcb->items = nova_items(4, 0);
    sp = seen.sp;
    check("call", nova_call(portal, 0), NOVA_SUCCESS);
    check("the handler's SP is the same at each call", seen.sp, sp);
    check("tls is not sent", seen.tls, 0x2222);
    check("tls does not come back", root_utcb->tls, 0x1111);
    check("xlt is not sent", seen.xlt, 0);
    check("del is not sent", seen.del, 0);
    check("the handler is told the portal's id", seen.id, 0x77);
    check("a portal id may be any word", nova_pt_ctrl(portal, ~(nova_word)0), NOVA_SUCCESS);
    root_utcb->items = 0;
    nova_call(portal, 0);
    check("and arrives", seen.id, ~(nova_word)0);

    for (unsigned i = 0; i < 8; i++)
        root_utcb->mr[i] = i;
    root_utcb->items = nova_items(8, 0);
    seen.reply_words = 3;
    nova_call(portal, 0);
    seen.reply_words = 0;
    check("a reply with fewer words: count", root_utcb->items, nova_items(3, 0));
    check("a reply with fewer words: last word", root_utcb->mr[2], 3);
    check("a reply with fewer words: what lies behind", root_utcb->mr[3], 3);
}

/* Counts that cannot be: the kernel clamps them. */
static void test_counts(nova_word portal, struct nova_thread *handler)
{
    static const nova_word counts[] = {NOVA_UTCB_WORDS + 1, 0xffff, 0x10000ul * 0xffff, 0xfffffffful, ~(nova_word)0};
    char name[80];

    for (unsigned i = 0; i < sizeof(counts) / sizeof(*counts); i++) {
        for (unsigned j = 0; j < NOVA_UTCB_WORDS; j++)
            root_utcb->mr[j] = 0;
        handler->utcb->tls = 0x2222;
        handler->utcb->xlt = 0;
        handler->utcb->del = 0;
        root_utcb->tls = 0x1111;
        root_utcb->items = counts[i];
        seen.reply_words = 1;
        nova_format(name, sizeof(name), "call with items = 0x%lx", counts[i]);
        check(name, nova_call(portal, 0), NOVA_SUCCESS);
        seen.reply_words = 0;
        check("the headers are not run over", seen.tls == 0x2222 && !seen.xlt && !seen.del && root_utcb->tls == 0x1111, 1);
    }
}

static void test_errors(nova_word portal)
{
    nova_word sm = new_semaphore(0), weak = new_selector();

    root_utcb->items = 0;
    check("call an empty selector", nova_call(weak, 0), NOVA_BAD_CAP);
    check("call a semaphore", nova_call(sm, 0), NOVA_BAD_CAP);
    check("call an EC", nova_call(event_handler->ec, 0), NOVA_BAD_CAP);
    check("call a selector far away", nova_call(far_selector(), 0), NOVA_BAD_CAP);
    check("call the largest selector", nova_call((nova_word)-1 >> 8, 0), NOVA_BAD_CAP);
    grant(nova_pd, nova_pd, object(portal, NOVA_PT_CTRL_PERM | NOVA_PT_CROSS_CPU_PERM), nova_control(NOVA_ITEM_DELEGATE, 0),
          objects(weak, 0));
    root_utcb->items = 0;
    check("call without the call permission", nova_call(weak, 0), NOVA_BAD_CAP);
    nova_revoke(object(portal, NOVA_PERM_ALL), 0, 0, 0);
    grant(nova_pd, nova_pd, object(portal, NOVA_PT_CALL_PERM), nova_control(NOVA_ITEM_DELEGATE, 0), objects(weak, 0));
    root_utcb->items = 0;
    check("call with just the call permission", nova_call(weak, 0), NOVA_SUCCESS);
}

/* ---- a callee that takes its time ---- */

static struct {
    nova_word gate, finished, portal;
    volatile nova_word status, entered;
} slow;

NOVA_PORTAL(block);

static void block_handler(nova_word id, struct nova_utcb *utcb)
{
    (void)id;
    slow.entered++;
    nova_sm_down(slow.gate, 0, 0);
    utcb->items = 0;
}

static void slow_caller(void *argument)
{
    (void)argument;
    nova_self()->utcb->items = 0;
    slow.status = nova_call(slow.portal, 0);
    nova_sm_up(slow.finished);
}

static void open_gate_twice(void *argument)
{
    (void)argument;
    nova_sm_up(slow.gate);
    nova_sm_up(slow.gate);
}

static void test_busy(void)
{
    struct nova_thread *handler = new_handler(boot_cpu);

    slow.portal = new_portal(handler, block, 0);
    slow.gate = new_semaphore(0);
    slow.finished = new_semaphore(0);
    slow.status = ~(nova_word)0;
    new_thread(2, slow_caller, NULL);
    check("a callee can block", slow.entered, 1);
    root_utcb->items = 0;
    check("call of a busy callee that must not block", nova_call(slow.portal, NOVA_CALL_NOBLOCK), NOVA_COM_TIM);
    check("the callee was not entered again", slow.entered, 1);

    new_thread(1, open_gate_twice, NULL); /* runs when this EC's SC sleeps along with the busy one */
    root_utcb->items = 0;
    check("call of a busy callee", nova_call(slow.portal, 0), NOVA_SUCCESS);
    check("it was entered for both callers", slow.entered, 2);
    check("the first caller is finished", wait_for(slow.finished), NOVA_SUCCESS);
    check("with SUCCESS", slow.status, NOVA_SUCCESS);

    /* the callee is destroyed in the middle of a call */
    new_thread(2, slow_caller, NULL);
    check("the callee is busy again", slow.entered, 3);
    slow.status = ~(nova_word)0;
    nova_revoke(objects(handler->ec, 0), NOVA_REVOKE_SELF, 0, 0);
    check("the caller of a destroyed callee goes on", wait_for(slow.finished), NOVA_SUCCESS);
    check("with COM_ABT", slow.status, NOVA_COM_ABT);
    root_utcb->items = 0;
    check("call of a callee that is gone", nova_call(slow.portal, 0), NOVA_COM_TIM);
}

/* ---- a callee that crashes ---- */

NOVA_PORTAL(crash);

static void crash_handler(nova_word id, struct nova_utcb *utcb)
{
    (void)id;
    (void)utcb;
    __asm__ volatile("ud2");
}

static void test_crash(void)
{
    struct nova_thread *handler = nova_thread_prepare(NULL, boot_cpu);
    nova_word portal;

    /* an event base without portals: the kernel kills it, and says so in its log */
    check("handler without event portals", nova_handler_create(handler, nova_pd, nova_selectors(32, 32)), NOVA_SUCCESS);
    portal = new_portal(handler, crash, 0);
    root_utcb->items = 0;
    check("call of a callee that crashes", nova_call(portal, 0), NOVA_COM_ABT);
    check("call of a callee that has crashed", nova_call(portal, 0), NOVA_COM_TIM);
}

/* ---- reply with a semaphore ---- */

static struct {
    nova_word semaphore, portal, finished;
    volatile nova_word calls, status;
} again;

NOVA_PORTAL(call_again);

static void call_again_handler(nova_word id, struct nova_utcb *utcb)
{
    (void)id;
    utcb->items = 0;
    if (again.calls++ == 0)
        nova_reply(again.semaphore);
}

static void again_caller(void *argument)
{
    (void)argument;
    nova_self()->utcb->items = 0;
    again.status = nova_call(again.portal, 0);
    nova_sm_up(again.finished);
}

static void test_reply_semaphore(void)
{
    again.portal = new_portal(new_handler(boot_cpu), call_again, 0);
    again.finished = new_semaphore(0);

    again.semaphore = new_semaphore(1);
    root_utcb->items = 0;
    check("reply with a semaphore that is up", nova_call(again.portal, 0), NOVA_SUCCESS);
    check("the call was repeated", again.calls, 2);
    check("the semaphore was taken down", nova_sm_down(again.semaphore, 0, 1), NOVA_COM_TIM);

    again.calls = 0;
    again.status = ~(nova_word)0;
    new_thread(2, again_caller, NULL);
    check("reply with a semaphore at 0: the caller sleeps", again.calls, 1);
    nova_sm_up(again.semaphore);
    check("woken, it repeats the call", wait_for(again.finished), NOVA_SUCCESS);
    check("once", again.calls, 2);
    check("which succeeds", again.status, NOVA_SUCCESS);

    again.calls = 0;
    new_thread(2, again_caller, NULL);
    check("another caller sleeps", again.calls, 1);
    nova_revoke(objects(again.semaphore, 0), NOVA_REVOKE_SELF, 0, 0);
    check("the semaphore's end wakes it", wait_for(again.finished), NOVA_SUCCESS);
    check("with BAD_CAP", again.status, NOVA_BAD_CAP);
    again.calls = 1;
    root_utcb->items = 0;
    check("the handler serves others", nova_call(again.portal, 0), NOVA_SUCCESS);
}

/* ---- chains, and other CPUs ---- */

static nova_word inner_portal;

NOVA_PORTAL(outer);

static void outer_handler(nova_word id, struct nova_utcb *utcb)
{
    (void)id;
    utcb->items = nova_items(1, 0);
    utcb->mr[0] += 100;
    utcb->mr[1] = nova_call(inner_portal, 0);
    utcb->items = nova_items(2, 0);
}

static void test_nested(nova_word portal)
{
    nova_word outer_portal = new_portal(new_handler(boot_cpu), outer, 0);

    inner_portal = portal;
    root_utcb->mr[0] = 5;
    root_utcb->items = nova_items(1, 0);
    check("call of a callee that calls", nova_call(outer_portal, 0), NOVA_SUCCESS);
    check("both have worked on the message", root_utcb->mr[0], 106);
    check("status of the inner call", root_utcb->mr[1], NOVA_SUCCESS);
}

static void test_other_cpu(void)
{
    nova_word weak = new_selector(), portal;
    unsigned cpu;

    for (cpu = 0; cpu < nova_hip_cpus(nova_hip); cpu++)
        if (cpu != boot_cpu && nova_hip_cpu(nova_hip, cpu)->flags & NOVA_CPU_ONLINE)
            break;
    if (cpu == nova_hip_cpus(nova_hip)) {
        remark("one CPU: no calls to another one");
        return;
    }
    portal = new_portal(new_handler(cpu), echo, 0);
    grant(nova_pd, nova_pd, object(portal, NOVA_PT_CALL_PERM), nova_control(NOVA_ITEM_DELEGATE, 0), objects(weak, 0));
    root_utcb->items = 0;
    check("call to another CPU without the permission", nova_call(weak, 0), NOVA_BAD_CPU);
    check_words(portal, 5);
    check_true("it runs on another CPU", seen.cpu != nova_cpuid(1).bx >> 24);
}

void test_ipc(void)
{
    struct nova_thread *handler = new_handler(boot_cpu);
    nova_word portal = new_portal(handler, echo, 0x77);

    section("7.call_words");
    test_words(portal, handler);
    section("4.counts");
    test_counts(portal, handler);
    section("6.call");
    test_errors(portal);
    section("7.nested");
    test_nested(portal);
    section("7.busy");
    test_busy();
    section("7.abort");
    test_crash();
    section("7.reply_semaphore");
    test_reply_semaphore();
    section("7.cross_cpu");
    test_other_cpu();
}
