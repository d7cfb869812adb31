/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Crowds: threads that all wait for the same thing, on this CPU or another one, until it happens to all of them at once; and call chains of thousands of ECs.
 */
#include "latency.h"

enum { CROWD = 2000, CROWD_ORDER = 13, CHAIN = 6000, CHAIN_ORDER = 13, SIGNALS = 5000, SIGNALS_ORDER = 13, WAIT_MS = 20000 };
enum { PRIORITY_CROWD = 10, PRIORITY_HELPER = 20 };

static struct nova_thread *crowd[CROWD + 1];
static nova_word crowd_base, gate, gates[2];
static volatile nova_word arrived, left, right_status;
static enum nova_status wanted;
static uint64_t common_deadline;
static nova_word busy_portal;

static void count(enum nova_status status)
{
    if (status == wanted)
        __atomic_fetch_add(&right_status, 1, __ATOMIC_RELAXED);
    __atomic_fetch_add(&left, 1, __ATOMIC_RELAXED);
}

static void role_wait(void *unused)
{
    (void)unused;
    __atomic_fetch_add(&arrived, 1, __ATOMIC_RELAXED);
    count(nova_sm_down(gate, 0, 0));
}

static void role_wait_until(void *unused)
{
    (void)unused;
    __atomic_fetch_add(&arrived, 1, __ATOMIC_RELAXED);
    count(nova_sm_down(gate, 0, common_deadline));
}

static void role_call(void *unused)
{
    (void)unused;
    nova_self()->utcb->items = 0;
    __atomic_fetch_add(&arrived, 1, __ATOMIC_RELAXED);
    count(nova_call(busy_portal, 0));
}

static void role_ready(void *unused)
{
    (void)unused;
    __atomic_fetch_add(&arrived, 1, __ATOMIC_RELAXED);
    for (;;)
        nova_ec_yield();
}

/* Waits until a counter has got so far. */
static void wait_for(const char *what, const volatile nova_word *counter, nova_word want)
{
    uint64_t end = deadline_us(WAIT_MS * 1000);

    while (*counter < want && nova_tsc() < end)
        nap(1000);
    expect(what, *counter, want);
}

/* Starts a crowd and waits until all of it has run up to where it waits. */
static nova_word crowd_start(unsigned cpu, void (*role)(void *))
{
    nova_word number = scaled(CROWD);

    if (number > CROWD)
        number = CROWD;
    arrived = left = right_status = 0;
    if (!crowd_base)
        crowd_base = nova_selectors(1 << CROWD_ORDER, 1 << CROWD_ORDER);
    for (nova_word i = 0; i < number; i++) {
        if (!crowd[i])
            crowd[i] = nova_thread_prepare(NULL, cpu);
        crowd[i]->ec = crowd_base + 4 * i;
        crowd[i]->cpu = cpu;
        expect("thread of a crowd", nova_thread_start(crowd[i], events_of(cpu), PRIORITY_CROWD, 1000, role, NULL), NOVA_SUCCESS);
    }
    wait_for("threads that have started", &arrived, number);
    nap(2000);
    return number;
}

static void crowd_end(void) { destroy(nova_crd(NOVA_CRD_OBJ, crowd_base, CROWD_ORDER, NOVA_PERM_ALL)); }

static void gate_open(void)
{
    if (!gates[0])
        gates[0] = nova_selectors(2, 2);
    gate = gates[0];
    expect("gate", nova_create_sm(gate, nova_pd, 0), NOVA_SUCCESS);
}

/* ---- semaphores and time ---- */

static void waiters(unsigned cpu)
{
    nova_word number;

    gate_open();
    wanted = NOVA_BAD_CAP;
    number = crowd_start(cpu, role_wait);
    destroy(nova_crd(NOVA_CRD_OBJ, gate, 0, NOVA_PERM_ALL));
    wait_for("waiters of a destroyed semaphore that were woken", &left, number);
    expect("with BAD_CAP", right_status, number);
    crowd_end();
}

void waiters_here(void) { waiters(boot_cpu); }
void waiters_there(void) { waiters(other_cpu); }

void timeouts(void)
{
    nova_word number;

    gate_open();
    wanted = NOVA_COM_TIM;
    common_deadline = deadline_us(60000);
    number = crowd_start(boot_cpu, role_wait_until);
    wait_for("timeouts that expired", &left, number);
    expect("with COM_TIM", right_status, number);
    expect("not before their time", nova_tsc() >= common_deadline, 1);
    crowd_end();
    destroy(nova_crd(NOVA_CRD_OBJ, gate, 0, NOVA_PERM_ALL));
}

void signals(void)
{
    nova_word number = scaled(SIGNALS), base = nova_selectors(1 << SIGNALS_ORDER, 1 << SIGNALS_ORDER), value, ups, seen = 0;

    gate_open();
    for (nova_word i = 0; i < number; i++)
        expect("chained semaphore", nova_create_sm_chained(base + i, nova_pd, i, gate), NOVA_SUCCESS);
    for (nova_word i = 0; i < number; i++)
        expect("up", nova_sm_up(base + i) + nova_sm_up(base + i), NOVA_SUCCESS);
    for (nova_word i = 0; i < number / 2; i++) {
        expect("down", nova_sm_down_signal(gate, 0, 1, &value, &ups), NOVA_SUCCESS);
        expect("value", value, i);
        seen += ups;
    }
    expect("ups", seen, number / 2 * 2);
    destroy(nova_crd(NOVA_CRD_OBJ, gate, 0, NOVA_PERM_ALL));
    expect("up of an orphan", nova_sm_up(base), NOVA_SUCCESS);
    destroy(nova_crd(NOVA_CRD_OBJ, base, SIGNALS_ORDER, NOVA_PERM_ALL));
}

/* ---- helping ---- */

NOVA_PORTAL(hold);

static void hold_handler(nova_word id, struct nova_utcb *utcb)
{
    (void)id;
    nova_sm_down(gates[1], 0, 0);
    utcb->items = 0;
}

/* A handler that waits for its gate in each call. */
static struct nova_thread *holder_start(void)
{
    static struct nova_thread *holder;

    gate_open();
    gates[1] = gate + 1;
    expect("second gate", nova_create_sm(gates[1], nova_pd, 0), NOVA_SUCCESS);
    if (!holder) {
        holder = nova_thread_prepare(NULL, boot_cpu);
        busy_portal = nova_selectors(1, 1);
    }
    expect("holder", nova_handler_create(holder, nova_pd, events_of(boot_cpu)), NOVA_SUCCESS);
    expect("its portal", nova_portal_create(busy_portal, nova_pd, holder, 0, hold, 0), NOVA_SUCCESS);
    return holder;
}

static void holder_end(struct nova_thread *holder)
{
    destroy(nova_crd(NOVA_CRD_OBJ, holder->ec, 0, NOVA_PERM_ALL));
    destroy(nova_crd(NOVA_CRD_OBJ, busy_portal, 0, NOVA_PERM_ALL));
    destroy(nova_crd(NOVA_CRD_OBJ, gate, 1, NOVA_PERM_ALL));
}

/* A crowd calls one handler that waits; then it may answer all of them, and the second time it dies. */
static void helpers(unsigned cpu)
{
    struct nova_thread *holder = holder_start();
    nova_word number;

    wanted = NOVA_SUCCESS;
    number = crowd_start(cpu, role_call);
    for (nova_word i = 0; i < number; i++)
        nova_sm_up(gates[1]);
    wait_for("calls that were answered", &left, number);
    expect("with SUCCESS", right_status, number);
    crowd_end();
    number = crowd_start(cpu, role_call);
    destroy(nova_crd(NOVA_CRD_OBJ, holder->ec, 0, NOVA_PERM_ALL));
    wait_for("calls that ended with the handler", &left, number);
    crowd_end();
    holder_end(holder);
}

void helpers_here(void) { helpers(boot_cpu); }
void helpers_there(void) { helpers(other_cpu); }

/* ---- chains ---- */

/* A link of a chain: its portal's id is the selector of the next portal; it needs no stack. */
void link_enter(void);
#ifdef __x86_64__
__asm__(".pushsection .text\n\t.globl link_enter\nlink_enter:\n\tshl $8, %rdi\n\tsyscall\n\tmov $1, %edi\n\tsyscall\n\tud2\n\t"
        ".popsection");
#else
__asm__(".pushsection .text\n\t.globl link_enter\nlink_enter:\n\tshl $8, %eax\n\tmov %esp, %ecx\n\tmov $1f, %edx\n\tsysenter\n"
        "1:\tmov $1, %eax\n\tmov %esp, %ecx\n\tmov $1b, %edx\n\tsysenter\n\tud2\n\t.popsection");
#endif

static nova_word chain_ecs, chain_portals;
static struct nova_thread *helper;

/* portal 0 -> EC 0 -> portal 1 -> ... -> the holder */
static nova_word chain_make(nova_word number)
{
    static struct nova_utcb *utcbs[CHAIN + 1];

    if (!chain_ecs) {
        chain_ecs = nova_selectors(1 << CHAIN_ORDER, 1 << CHAIN_ORDER);
        chain_portals = nova_selectors(1 << CHAIN_ORDER, 1 << CHAIN_ORDER);
        helper = nova_thread_prepare(NULL, boot_cpu);
    }
    for (nova_word i = 0; i < number; i++) {
        enum nova_status status;
        if (!utcbs[i])
            utcbs[i] = nova_utcb_address();
        status = nova_create_ec(chain_ecs + i, nova_pd, boot_cpu, (nova_word)utcbs[i], 0, events_of(boot_cpu), 0);
        status += nova_create_pt(chain_portals + i, nova_pd, chain_ecs + i, 0, (nova_word)link_enter);
        status += nova_pt_ctrl(chain_portals + i, i + 1 < number ? chain_portals + i + 1 : busy_portal);
        expect("link of a chain", status, NOVA_SUCCESS);
    }
    return chain_portals;
}

static void chain_end(void)
{
    destroy(nova_crd(NOVA_CRD_OBJ, chain_portals, CHAIN_ORDER, NOVA_PERM_ALL));
    destroy(nova_crd(NOVA_CRD_OBJ, chain_ecs, CHAIN_ORDER, NOVA_PERM_ALL));
}

/* Two threads call the first link; the second one, of higher priority, helps. Then the end of the chain may go on. */
static void chain_run(int broken)
{
    nova_word number = scaled(CHAIN), whole = busy_portal;
    struct nova_thread *holder = holder_start();

    if (number > CHAIN)
        number = CHAIN;
    whole = busy_portal;
    busy_portal = chain_make(number);
    if (!crowd_base)
        crowd_base = nova_selectors(1 << CROWD_ORDER, 1 << CROWD_ORDER);
    wanted = broken ? NOVA_COM_ABT : NOVA_SUCCESS;
    arrived = left = right_status = 0;
    if (!crowd[0])
        crowd[0] = nova_thread_prepare(NULL, boot_cpu);
    crowd[0]->ec = crowd_base;
    crowd[0]->cpu = boot_cpu;
    expect("caller", nova_thread_start(crowd[0], events_of(boot_cpu), PRIORITY_CROWD, 1000, role_call, NULL), NOVA_SUCCESS);
    wait_for("the caller has started", &arrived, 1);
    nap(20000);
    expect("helper", nova_thread_start(helper, events_of(boot_cpu), PRIORITY_HELPER, 1000, role_call, NULL), NOVA_SUCCESS);
    wait_for("the helper has started", &arrived, 2);
    nap(2000);
    if (broken) {
        chain_end();
        wait_for("calls that ended", &left, 2);
    } else {
        nova_sm_up(gates[1]);
        nova_sm_up(gates[1]);
        wait_for("calls that were answered", &left, 2);
        expect("with SUCCESS", right_status, 2);
        chain_end();
    }
    destroy(nova_crd(NOVA_CRD_OBJ, helper->ec, 2, NOVA_PERM_ALL));
    crowd_end();
    busy_portal = whole;
    holder_end(holder);
}

void long_chain(void) { chain_run(0); }
void broken_chain(void) { chain_run(1); }

/* ---- the end of threads ---- */

static void threads_die(void (*role)(void *), unsigned cpu)
{
    gate_open();
    crowd_start(cpu, role);
    crowd_end();
    destroy(nova_crd(NOVA_CRD_OBJ, gate, 0, NOVA_PERM_ALL));
}

void dying_threads(void)
{
    threads_die(role_wait, boot_cpu);
    threads_die(role_wait, other_cpu);
}

void ready_threads(void)
{
    threads_die(role_ready, boot_cpu);
    threads_die(role_ready, other_cpu);
}
