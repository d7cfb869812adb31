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
    uint8_t xmm[16], high[16]; /* high: the upper half of YMM7, where there is AVX */
};

static int avx(void)
{
    static int known = -1;
    uint32_t low, high;
    if (known < 0 && (nova_cpuid(1).cx >> 27 & 3) == 3) { /* the kernel uses XSAVE, the CPU has AVX */
        __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
        known = low >> 2 & 1;
    } else if (known < 0)
        known = 0;
    return known;
}

static void values_make(struct fpu_values *v, unsigned seed)
{
    v->control = seed & 1 ? 0x37f : 0x27f;
    v->mxcsr = seed & 2 ? 0x1f80 : 0x9f80; /* flush to zero or not: nothing unmasked */
    v->x87 = seed * 0x9e3779b97f4a7c15ull >> 2;
    for (unsigned i = 0; i < 16; i++)
        v->xmm[i] = (uint8_t)(seed * 31 + i), v->high[i] = avx() ? (uint8_t)(seed * 37 + i + 1) : 0;
}

static void values_load(const struct fpu_values *v)
{
    __asm__ volatile("fninit; fldcw %0; ldmxcsr %1; fildll %2; movups %3, %%xmm7"
                     :
                     : "m"(v->control), "m"(v->mxcsr), "m"(v->x87), "m"(v->xmm)
                     : "memory");
    if (avx())
        __asm__ volatile("vinsertf128 $1, %0, %%ymm7, %%ymm7" : : "m"(v->high));
}

static void values_store(struct fpu_values *v)
{
    __asm__ volatile("fnstcw %0; stmxcsr %1; movups %%xmm7, %3; fistpll %2; fildll %2"
                     : "=m"(v->control), "=m"(v->mxcsr), "=m"(v->x87), "=m"(v->xmm)
                     :
                     : "memory");
    memset(v->high, 0, sizeof(v->high));
    if (avx())
        __asm__ volatile("vextractf128 $1, %%ymm7, %0" : "=m"(v->high) : : "memory");
}

static int values_differ(const struct fpu_values *a, const struct fpu_values *b)
{
    return a->control != b->control || a->mxcsr != b->mxcsr || a->x87 != b->x87 || memcmp(a->xmm, b->xmm, sizeof(a->xmm)) ||
           memcmp(a->high, b->high, sizeof(a->high));
}

/* Whether the registers are not as after reset. */
static unsigned not_fresh(void)
{
    struct fpu_values now;
    unsigned wrong;

    __asm__ volatile("fnstcw %0; stmxcsr %1; movups %%xmm7, %2" : "=m"(now.control), "=m"(now.mxcsr), "=m"(now.xmm));
    memset(now.high, 0, sizeof(now.high));
    if (avx())
        __asm__ volatile("vextractf128 $1, %%ymm7, %0" : "=m"(now.high) : : "memory");
    wrong = now.control != 0x37f || now.mxcsr != 0x1f80;
    for (unsigned i = 0; i < 16; i++)
        wrong += now.xmm[i] != 0 || now.high[i] != 0;
    return wrong;
}

static volatile nova_word differences, fresh_wrong, ended;
static nova_word finished;

static void fpu_thread(void *seed)
{
    struct fpu_values mine, now;

    /* a new thread's FPU is as after reset: nothing of others */
    fresh_wrong += not_fresh();
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

/* Images that the CPU would not load. The fields behind the FXSAVE image are the XSAVE header's (Intel SDM volume 1, 13.4.2). */
static const struct {
    const char *name;
    unsigned offset, count;
    uint8_t byte, xsave;
} bad_images[] = {
    {"all ones", 0, 1024, 0xff, 0},
    {"reserved bits of MXCSR", 24, 4, 0xff, 0},
    {"one reserved bit of MXCSR", 27, 1, 0x80, 0},
    {"a component that does not exist", 519, 1, 0x40, 1},
    {"a component that is not switched on", 513, 1, 0x80, 1},
    {"the compacted form without its header", 527, 1, 0x80, 1},
    {"a compacted component", 520, 1, 1, 1},
    {"reserved bits of the header", 528, 8, 1, 1},
};
static unsigned bad_image;

static void fpu_spoil(nova_word vector, struct nova_utcb *utcb)
{
    (void)vector;
    for (unsigned i = 0; i < bad_images[bad_image].count; i++)
        utcb->state.fpu[bad_images[bad_image].offset + i] |= bad_images[bad_image].byte;
    utcb->state.ip += 2;
    utcb->state.mtd = NOVA_MTD_IP | NOVA_MTD_FPU;
}

static void test_bad_images(void)
{
    struct fpu_values mine;
    int xsave = nova_cpuid(1).cx >> 27 & 1;
    char name[100];

    event_portal_set(EVENT_UD, NOVA_MTD_IP | NOVA_MTD_FPU);
    for (bad_image = 0; bad_image < sizeof(bad_images) / sizeof(*bad_images); bad_image++) {
        if (bad_images[bad_image].xsave && !xsave)
            continue;
        values_make(&mine, 201 + bad_image);
        values_load(&mine);
        event_action = fpu_spoil;
        __asm__ volatile("ud2");
        event_action = NULL;
        nova_format(name, sizeof(name), "a reply with a bad image (%s) gives the initial state", bad_images[bad_image].name);
        check(name, not_fresh(), 0);
    }
    event_portal_set(EVENT_UD, NOVA_EVENT_MTD);
    __asm__ volatile("fninit");
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
    section("5.fpu_images");
    test_bad_images();
}
