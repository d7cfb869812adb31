/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * abi.md sections 4 and 5, FPU registers: each EC has its own, whoever runs in between. Threads, a portal handler and an exception in between.
 */
#include "abi.h"

enum { ROUNDS = 200 };

struct fpu_values {
    uint16_t control;
    uint32_t mxcsr;
    uint64_t x87;
    uint8_t xmm[16];
};

static void values_make(struct fpu_values *v, unsigned seed)
{
    v->control = seed & 1 ? 0x37f : 0x27f;
    v->mxcsr = seed & 2 ? 0x1f80 : 0x9f80; /* flush to zero or not: nothing unmasked */
    v->x87 = seed * 0x9e3779b97f4a7c15ull >> 2;
    for (unsigned i = 0; i < 16; i++)
        v->xmm[i] = (uint8_t)(seed * 31 + i);
}

static void values_load(const struct fpu_values *v)
{
    __asm__ volatile("fninit; fldcw %0; ldmxcsr %1; fildll %2; movups %3, %%xmm7"
                     :
                     : "m"(v->control), "m"(v->mxcsr), "m"(v->x87), "m"(v->xmm)
                     : "memory");
}

static void values_store(struct fpu_values *v)
{
    __asm__ volatile("fnstcw %0; stmxcsr %1; movups %%xmm7, %3; fistpll %2; fildll %2"
                     : "=m"(v->control), "=m"(v->mxcsr), "=m"(v->x87), "=m"(v->xmm)
                     :
                     : "memory");
}

static int values_differ(const struct fpu_values *a, const struct fpu_values *b)
{
    return a->control != b->control || a->mxcsr != b->mxcsr || a->x87 != b->x87 || memcmp(a->xmm, b->xmm, sizeof(a->xmm));
}

static volatile nova_word differences, fresh_wrong, ended;
static nova_word finished;

static void fpu_thread(void *seed)
{
    struct fpu_values mine, now;

    /* a new thread's FPU is as after reset: nothing of others */
    __asm__ volatile("fnstcw %0; stmxcsr %1; movups %%xmm7, %2" : "=m"(now.control), "=m"(now.mxcsr), "=m"(now.xmm));
    fresh_wrong += now.control != 0x37f || now.mxcsr != 0x1f80;
    for (unsigned i = 0; i < 16; i++)
        fresh_wrong += now.xmm[i] != 0;
    values_make(&mine, (unsigned)(nova_word)seed);
    values_load(&mine);
    for (unsigned i = 0; i < ROUNDS; i++) {
        nova_ec_yield();
        values_store(&now);
        differences += (nova_word)values_differ(&mine, &now);
    }
    ended++;
    nova_sm_up(finished);
}

static void quiet_thread(void *unused)
{
    (void)unused;
    for (unsigned i = 0; i < ROUNDS; i++)
        nova_ec_yield();
    nova_sm_up(finished);
}

static void start_all(void *unused)
{
    (void)unused;
    for (nova_word i = 1; i <= 3; i++)
        thread_on(boot_cpu, 5, fpu_thread, (void *)i);
    thread_on(boot_cpu, 5, quiet_thread, NULL);
}

static unsigned handler_seed;

NOVA_PORTAL(fpu_user);

static void fpu_user_handler(nova_word id, struct nova_utcb *utcb)
{
    static struct fpu_values mine, now;

    (void)id;
    if (handler_seed) {
        values_store(&now);
        utcb->mr[0] = (nova_word)values_differ(&mine, &now);
    } else
        utcb->mr[0] = 0;
    values_make(&mine, ++handler_seed * 5);
    values_load(&mine);
    utcb->items = nova_items(1, 0);
}

/* The exception handler uses the FPU itself, and steps over the ud2. */
static void fpu_event(nova_word vector, struct nova_utcb *utcb)
{
    struct fpu_values other;

    (void)vector;
    values_make(&other, 77);
    values_load(&other);
    utcb->state.ip += 2;
    utcb->state.mtd = NOVA_MTD_IP;
}

/* With the FPU in the MTD: the handler changes a register of the thread. */
static void fpu_change(nova_word vector, struct nova_utcb *utcb)
{
    uint16_t control = 0x27f;

    (void)vector;
    memcpy(utcb->state.fpu, &control, sizeof(control));
    memset(utcb->state.fpu + 160 + 7 * 16, 0x5a, 16); /* XMM7 in an FXSAVE image; Intel SDM volume 1, table 10-2 */
    utcb->state.ip += 2;
    utcb->state.mtd = NOVA_MTD_IP | NOVA_MTD_FPU;
}

static void test_threads(void)
{
    finished = new_semaphore(0);
    thread_on(boot_cpu, 6, start_all, NULL);
    for (unsigned i = 0; i < 4; i++)
        check("a thread's end", wait_for(finished), NOVA_SUCCESS);
    check("three threads have used the FPU", ended, 3);
    check("each began with a fresh one", fresh_wrong, 0);
    check("each kept its registers", differences, 0);
}

static void test_handler(void)
{
    nova_word portal = new_portal(new_handler(boot_cpu), fpu_user, 0), wrong = 0, others = 0;
    struct fpu_values mine, now;

    for (unsigned i = 0; i < 20; i++) {
        values_make(&mine, 100 + i);
        values_load(&mine);
        root_utcb->items = 0;
        wrong += nova_call(portal, 0) != NOVA_SUCCESS;
        values_store(&now);
        wrong += (nova_word)values_differ(&mine, &now);
        others += root_utcb->mr[0];
    }
    check("the caller's registers over a call", wrong, 0);
    check("the handler's registers over a reply and the next call", others, 0);
}

static void test_exception(void)
{
    struct fpu_values mine, now;
    unsigned wrong = 0;

    values_make(&mine, 200);
    values_load(&mine);
    event_action = fpu_event;
    __asm__ volatile("ud2");
    event_action = NULL;
    values_store(&now);
    check("registers over an exception whose handler uses the FPU", (nova_word)values_differ(&mine, &now), 0);

    event_portal_set(EVENT_UD, NOVA_MTD_IP | NOVA_MTD_FPU);
    values_load(&mine);
    event_action = fpu_change;
    __asm__ volatile("ud2");
    event_action = NULL;
    values_store(&now);
    event_portal_set(EVENT_UD, NOVA_EVENT_MTD);
    for (unsigned i = 0; i < 16; i++)
        wrong += now.xmm[i] != 0x5a;
    check("a reply with the FPU bit sets registers: control word", now.control, 0x27f);
    check("a reply with the FPU bit sets registers: XMM7", wrong, 0);
    __asm__ volatile("fninit");
}

void test_fpu_owner(void)
{
    section("5.fpu_threads");
    test_threads();
    section("5.fpu_calls");
    test_handler();
    section("5.fpu_events");
    test_exception();
}
