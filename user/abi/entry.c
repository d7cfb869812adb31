/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * abi.md section 2: what a hypercall does to registers and flags, and return addresses outside of user space.
 */
#include "abi.h"

#ifdef __x86_64__
#define ARG_1(r) ((r)->di)
#define ARG_2(r) ((r)->si)
#define ARG_3(r) ((r)->dx)
#define ARG_4(r) ((r)->ax)
#define ARG_5(r) ((r)->r8)
#else
#define ARG_1(r) ((r)->ax)
#define ARG_2(r) ((r)->di)
#define ARG_3(r) ((r)->si)
#define ARG_4(r) ((r)->bx)
#define ARG_5(r) ((r)->bp)
#endif

/* Every register another value. */
static void fill(struct registers *r)
{
    nova_word *words = (nova_word *)r;
    for (unsigned i = 0; i < sizeof(*r) / sizeof(nova_word); i++)
        words[i] = (nova_word)0x0123456789abcdefull * (i + 3);
    r->flags = FLAG_IF | 2;
}

/* Makes the hypercall and compares all registers that it has to keep. */
static void check_registers(const char *what, struct registers *r, nova_word status)
{
    static const struct {
        const char *name;
        size_t offset;
    } kept[] = {
#ifdef __x86_64__
        {"rax", offsetof(struct registers, ax)},  {"rdx", offsetof(struct registers, dx)},
        {"rsi", offsetof(struct registers, si)},  {"r8", offsetof(struct registers, r8)},
        {"r9", offsetof(struct registers, r9)},   {"r10", offsetof(struct registers, r10)},
        {"r12", offsetof(struct registers, r12)}, {"r13", offsetof(struct registers, r13)},
        {"r14", offsetof(struct registers, r14)}, {"r15", offsetof(struct registers, r15)},
#else
        {"edi", offsetof(struct registers, di)},  {"esi", offsetof(struct registers, si)},
#endif
        {"bx", offsetof(struct registers, bx)},   {"bp", offsetof(struct registers, bp)},
    };
    struct registers before = *r;
    char name[80];

    hypercall_registers(r);
    nova_format(name, sizeof(name), "%s: ARG_1 is the status and nothing else", what);
    check(name, ARG_1(r), status);
    for (unsigned i = 0; i < sizeof(kept) / sizeof(*kept); i++) {
        nova_format(name, sizeof(name), "%s keeps %s", what, kept[i].name);
        check(name, *(nova_word *)((char *)r + kept[i].offset), *(nova_word *)((char *)&before + kept[i].offset));
    }
    nova_format(name, sizeof(name), "%s leaves IF set", what);
    check(name, r->flags & FLAG_IF, FLAG_IF);
}

static void test_registers(nova_word portal)
{
    struct registers r;

    fill(&r);
    ARG_1(&r) = nova_arg1(NOVA_PT_CTRL, 0, portal);
    check_registers("pt_ctrl", &r, NOVA_SUCCESS);
    fill(&r);
    ARG_1(&r) = nova_arg1(NOVA_SM_CTRL, NOVA_SM_UP, nova_selectors(1, 1));
    check_registers("refused up", &r, NOVA_BAD_CAP);
    fill(&r);
    ARG_1(&r) = nova_arg1(NOVA_CALL, 0, portal);
    root_utcb->items = 0;
    check_registers("call", &r, NOVA_SUCCESS);
    fill(&r);
    ARG_1(&r) = nova_arg1(NOVA_EC_CTRL, NOVA_EC_YIELD, 0);
    check_registers("yield", &r, NOVA_SUCCESS);
    fill(&r);
    ARG_1(&r) = nova_arg1(NOVA_SM_CTRL, NOVA_SM_DOWN, new_semaphore(0));
    ARG_2(&r) = (nova_word)(deadline_ms(2) >> 32);
    ARG_3(&r) = (uint32_t)deadline_ms(2);
    hypercall_registers(&r);
    check("down with a deadline, all registers full: status", ARG_1(&r), NOVA_COM_TIM);
    check("down with a deadline keeps bp", r.bp, ((nova_word)0x0123456789abcdefull) * 8);
    fill(&r);
    ARG_1(&r) = nova_arg1(NOVA_PD_CTRL, NOVA_PD_QUOTA_READ, nova_pd);
    hypercall_registers(&r);
    check("a hypercall with results: ARG_1", ARG_1(&r), NOVA_SUCCESS);
    check_true("a hypercall with results: ARG_2 and ARG_3", ARG_2(&r) >= ARG_3(&r) && ARG_3(&r));
}

/* A call with eight words and some flags set: the kernel must not be led astray by them. */
static void check_flags(const char *what, nova_word flags, nova_word portal)
{
    struct registers r;
    char name[80];

    fill(&r);
    r.flags = FLAG_IF | 2 | flags;
    ARG_1(&r) = nova_arg1(NOVA_CALL, 0, portal);
    root_utcb->items = nova_items(8, 0);
    hypercall_registers(&r);
    nova_format(name, sizeof(name), "call with %s set", what);
    check(name, ARG_1(&r), NOVA_SUCCESS);

    fill(&r);
    r.flags = FLAG_IF | 2 | flags;
    ARG_1(&r) = nova_arg1(NOVA_SM_CTRL, NOVA_SM_DOWN, new_semaphore(0));
    ARG_2(&r) = (nova_word)(deadline_ms(1) >> 32);
    ARG_3(&r) = (uint32_t)deadline_ms(1);
    hypercall_registers(&r);
    nova_format(name, sizeof(name), "down that blocks with %s set", what);
    check(name, ARG_1(&r), NOVA_COM_TIM);
}

/* #DB while TF is set: goes on stepping until the hypercall is over. */
static volatile unsigned steps, steps_behind;

static void step(nova_word vector, struct nova_utcb *utcb)
{
    if (vector != EVENT_DB) {
        event_action = NULL;
        nova_crash_report(vector, utcb);
        check("an exception while stepping is a debug exception", vector, EVENT_DB);
        nova_park();
    }
    steps++;
    if (utcb->state.ip >= (nova_word)hypercall_return_ip && utcb->state.ip <= (nova_word)hypercall_return_ip + 1) {
        steps_behind++;
        utcb->state.flags &= ~(nova_word)FLAG_TF;
    }
    if (steps > 20)
        utcb->state.flags &= ~(nova_word)FLAG_TF;
    utcb->state.mtd = NOVA_MTD_FLAGS;
}

static void test_trap_flag(nova_word portal)
{
    struct registers r;

    fill(&r);
    r.flags = FLAG_IF | 2 | FLAG_TF;
    ARG_1(&r) = nova_arg1(NOVA_PT_CTRL, 0, portal);
    event_action = step;
    hypercall_registers(&r);
    event_action = NULL;
    check("hypercall with TF set", ARG_1(&r), NOVA_SUCCESS);
    check_true("no endless stepping", steps <= 20);
#ifdef __x86_64__
    check_true("TF is back in user mode behind the syscall", steps_behind >= 1);
#endif
    check("TF is clear afterwards", r.flags & FLAG_TF, 0);
}

/* ---- return addresses ---- */

static struct {
    nova_word arg1, vector, signal;
    volatile unsigned events;
} edge;

#ifdef __x86_64__
extern char edge_page[];
#else
extern char edge_entry[];
#endif

NOVA_PORTAL(edge_event);

/* Startup of the thread, which is about to return from a hypercall to the user limit; then what becomes of it. */
static void edge_event_handler(nova_word id, struct nova_utcb *utcb)
{
    if (id == NOVA_EVENT_STARTUP) {
#ifdef __x86_64__
        utcb->state.ip = NOVA_USER_LIMIT - 2; /* the syscall */
        utcb->state.di = edge.arg1;
        utcb->state.si = utcb->state.dx = 0;
#else
        utcb->state.ip = (nova_word)edge_entry;
        utcb->state.ax = edge.arg1;
        utcb->state.di = utcb->state.si = utcb->state.cx = 0;
        utcb->state.dx = NOVA_USER_LIMIT;
#endif
        utcb->state.mtd = NOVA_MTD_IP | NOVA_MTD_GPR_ACDB | NOVA_MTD_GPR_BSD;
        return;
    }
    edge.vector = id;
    edge.events++;
    nova_sm_up(edge.signal);
    nova_park();
}

/* What its PD has beside the portals for events. */
enum { EDGE_SEMAPHORE = 16, EDGE_PORTAL = 17, EDGE_NOTHING = 18 };

/* Hypercalls that take different ways through the kernel, or end in different ones. */
static const struct edge_way {
    const char *name;
    unsigned number, flags;
    nova_word selector;
    unsigned count;  /* of the semaphore */
    unsigned waiter; /* somebody waits at the semaphore */
    unsigned sleeps; /* the hypercall does */
} edge_ways[] = {
    {"yield", NOVA_EC_CTRL, NOVA_EC_YIELD, 0, 0, 0, 0},
    {"pt_ctrl", NOVA_PT_CTRL, 0, EDGE_PORTAL, 0, 0, 0},
    {"pt_ctrl of nothing", NOVA_PT_CTRL, 0, EDGE_NOTHING, 0, 0, 0},
    {"up", NOVA_SM_CTRL, NOVA_SM_UP, EDGE_SEMAPHORE, 0, 0, 0},
    {"up that wakes a thread", NOVA_SM_CTRL, NOVA_SM_UP, EDGE_SEMAPHORE, 0, 1, 0},
    {"down", NOVA_SM_CTRL, NOVA_SM_DOWN, EDGE_SEMAPHORE, 1, 0, 0},
    {"down that sleeps", NOVA_SM_CTRL, NOVA_SM_DOWN, EDGE_SEMAPHORE, 0, 0, 1},
    {"down to zero that sleeps", NOVA_SM_CTRL, NOVA_SM_DOWN | NOVA_SM_ZERO, EDGE_SEMAPHORE, 0, 0, 1},
    {"call", NOVA_CALL, 0, EDGE_PORTAL, 0, 0, 0},
    {"call of nothing", NOVA_CALL, 0, EDGE_NOTHING, 0, 0, 0},
};

static void edge_waiter(void *semaphore)
{
    nova_sm_down((nova_word)semaphore, 0, 0);
    nova_park();
}

/* 64 bit: in a PD of its own, where no HIP is in the way: code in the last page, whose syscall returns to the user limit. */
static void test_edge(const struct edge_way *way)
{
    static const unsigned events[] = {EVENT_DB, EVENT_UD, EVENT_GP, EVENT_PF, NOVA_EVENT_STARTUP};
    nova_word base = nova_selectors(32, 32), ec = nova_selectors(4, 4), pd = nova_pd, own = base;
    struct nova_thread *handler = new_handler(boot_cpu);
    nova_word utcb = NOVA_UTCB_AREA;
    char name[80];

    nova_format(name, sizeof(name), "return IP at the limit, %s", way->name);
    edge.signal = new_semaphore(0);
    edge.events = 0;
    for (unsigned i = 0; i < sizeof(events) / sizeof(*events); i++)
        nova_portal_create(base + events[i], nova_pd, handler, NOVA_EVENT_MTD, edge_event, events[i]);
    nova_create_sm(base + EDGE_SEMAPHORE, nova_pd, way->count);
    nova_portal_create(base + EDGE_PORTAL, nova_pd, new_handler(boot_cpu), 0, null_portal, 0);
#ifdef __x86_64__
    nova_word last = (NOVA_USER_LIMIT >> NOVA_PAGE_BITS) - 1;
    pd = new_selector();
    own = 0;
    if (nova_create_pd(pd, nova_pd, objects(base, 5), nova_quota(0, 64)) ||
        nova_delegate_range(nova_pd, pd, NOVA_CRD_MEM, (nova_word)edge_page >> NOVA_PAGE_BITS, last, 1, NOVA_MEM_RX, 0))
        check("a PD with code in the last page", 1, 0);
#else
    utcb = free_range(0);
#endif
    edge.arg1 = nova_arg1(way->number, way->flags, way->number == NOVA_EC_CTRL ? 0 : own + way->selector);
    if (way->waiter)
        new_thread(3, edge_waiter, (void *)(base + EDGE_SEMAPHORE));
    if (nova_create_ec(ec, pd, boot_cpu, utcb, 0, own, NOVA_EC_GLOBAL) || nova_create_sc(ec + 2, pd, ec, nova_qpd(2, 1000)))
        check("a thread in it", 1, 0);
    if (way->sleeps) {
        check(name, edge.events, 0);
        nova_sm_up(base + EDGE_SEMAPHORE);
    }
    if (wait_for(edge.signal))
        edge.vector = NO_EXCEPTION;
    check(name, edge.vector, EVENT_GP);
    check(name, edge.events, 1);
    drop(ec, 2);
    if (pd != nova_pd)
        drop(pd, 0);
    drop(base, 5);
}

#ifdef __x86_64__
static void test_return_ip(nova_word portal) { (void)portal; }
#else
void edge_hypercall(nova_word arg1, nova_word ip, nova_word sp);
static nova_word edge_portal;

static void return_to(nova_word ip) { edge_hypercall(nova_arg1(NOVA_PT_CTRL, 0, edge_portal), ip, probe_sp); }

static void return_with_stack(nova_word sp)
{
    /* the code there pushes: a page fault at the stack's address, not one of the kernel */
    edge_hypercall(nova_arg1(NOVA_PT_CTRL, 0, edge_portal), (nova_word)probe_enter, sp);
}

static void test_return_ip(nova_word portal)
{
    edge_portal = portal;
    check("return IP at the user limit", probe(return_to, NOVA_USER_LIMIT), EVENT_GP);
    check("return IP in the kernel", probe(return_to, NOVA_USER_LIMIT + 0x1000), EVENT_GP);
    check("return IP at the end of the address space", probe(return_to, ~(nova_word)0), EVENT_GP);
    check("return IP where nothing is mapped", probe(return_to, NOVA_USER_LIMIT - 0x100000), EVENT_PF);
    check("return SP in the kernel: the next push faults", probe(return_with_stack, NOVA_USER_LIMIT + 0x1000), EVENT_PF);
    check("at its address", (nova_word)last_event.state.qual[1], NOVA_USER_LIMIT + 0x1000 - 4);
    check("return SP 0: the next push faults", probe(return_with_stack, 0), EVENT_PF);
}
#endif

/* The other port's instruction, and an old gate: no way into the kernel. */
static void other_instruction(nova_word which)
{
    if (which == 0)
#ifdef __x86_64__
        __asm__ volatile("mov %%rsp, %%rcx; lea 1f(%%rip), %%rdx; sysenter; 1:" : : : "rcx", "rdx", "memory");
#else
        __asm__ volatile("syscall" : : "a"(0) : "ecx", "memory");
#endif
    else
        __asm__ volatile("int $0x80" : : "a"(0) : "memory");
}

void test_entry(void)
{
    nova_word portal = new_portal(new_handler(boot_cpu), null_portal, 0), vector;

    section("2.hypercall");
    test_registers(portal);
    check_flags("DF", FLAG_DF, portal);
    check_flags("NT", FLAG_NT, portal);
    check_flags("DF and NT", FLAG_DF | FLAG_NT, portal);
    check_flags("ID", FLAG_ID, portal);
    check_flags("AC", FLAG_AC, portal);
    test_trap_flag(portal);
    test_return_ip(portal);
    for (unsigned i = 0; i < sizeof(edge_ways) / sizeof(*edge_ways); i++)
        test_edge(&edge_ways[i]);
    vector = probe(other_instruction, 0);
    check_true("the other word size's entry instruction is an exception", vector == EVENT_UD || vector == EVENT_GP);
    check("int 0x80 is a general protection fault", probe(other_instruction, 1), EVENT_GP);
    /* bits 3.. name the gate, but QEMU gets them wrong in 64-bit mode */
    check("its error code is one of the interrupt table", (nova_word)last_event.state.qual[0] & 7, 2);
}
