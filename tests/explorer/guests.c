/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Virtual CPUs: exits, replies and recalls while somebody destroys one of those who take part. What a guest's registers have to
 * be is kept beside it (registers.h): what an event delivers, what a reply writes back and what is left alone is compared with that.
 */
#include "registers.h"
#include "scenarios.h"

enum { EXITS = 4, EVENT_A = 0x10, EVENT_B = 0x11 };
#define ADDRESS ((word)PAGE << PAGE_BITS)

static word pd, semaphore, victim, handler[CPUS_MAX], portal[CPUS_MAX], other[CPUS_MAX];
static bool gone;

static struct shadow shadow[THREADS_MAX];

/* ---- programs ---- */

static word guest(void)
{
    struct shadow *s = &shadow[my_thread() - threads];
    for (unsigned i = 0; i < EXITS; i++) {
        registers_change(s);
        s->state.qual[1] = i;
        unsigned answers = s->answers;
        guest_event(chance(2) ? EVENT_A : EVENT_B, i);
        if (s->answers != answers + 1)
            fail("%s goes on without an answer", my_thread()->name);
        registers_check(s);
        if (chance(2)) {
            user_pause();
            registers_check(s);
        }
    }
    return 0;
}

/* Recalls come before it runs again. */
static word running_guest(void) { return recalled_often(guest); }

static word answer(unsigned event, unsigned which)
{
    unsigned number = (unsigned)my_argument(1);
    struct shadow *s = &shadow[number];
    state_check(s, event, s->mtd[which]);
    fpu_registers(my_cpu())[100] = (uint8_t)choose(256);
    if (chance(3))
        user_call(portal[anywhere()], 0);
    struct nova_utcb *utcb = my_utcb();
    const struct ec *ec = threads[number].ec;
    if (ec && !ec->dead)
        state_change(s, &utcb->state, guest_state(&ec->frame)->ip);
    utcb->items = nova_items(choose(100), 0);
    s->answers += event != NOVA_VM_RECALL;
    return chance(6) ? semaphore : 0;
}

static word answer_a(void) { return answer(EVENT_A, 0); }
static word answer_b(void) { return answer(EVENT_B, 1); }

static word answer_recall(void)
{
    recalled++;
    return answer(NOVA_VM_RECALL, 2);
}

static word serve(void)
{
    if (chance(4))
        user_down(semaphore, 0, soon());
    my_utcb()->items = nova_items(0, 0);
    return 0;
}

static word caller(void)
{
    for (unsigned i = 0; i < 3; i++) {
        my_utcb()->items = nova_items(choose(3), 0);
        user_call(other[chance(2) ? threads[0].cpu : anywhere()], chance(4) ? NOVA_CALL_NOBLOCK : 0);
    }
    return 0;
}

static word waker(void)
{
    for (;;) {
        bool all = true;
        for (unsigned i = 0; i < thread_count; i++)
            all &= threads[i].ended || threads[i].argument || thread_gone(&threads[i]);
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
    user_destroy(victim);
    gone = true;
    return 0;
}

static word recaller(void)
{
    const struct thread *thread = &threads[choose(2)];
    for (unsigned i = 0; i < RECALLS; i++)
        user_recall(thread, false, 1 << NOVA_SUCCESS);
    return recalls_end();
}

/* On the guest's CPU: it does not run now. */
static word controller(void)
{
    struct thread *thread = &threads[0];
    struct shadow *s = &shadow[0];
    for (unsigned i = 0; i < 3 && !thread->ended; i++) {
        word mtd = random_mtd();
        if (user_hypercall(NOVA_EC_CTRL, NOVA_EC_GET_STATE, thread->ec_selector, mtd, 0, 0, 0) != NOVA_SUCCESS)
            fail("ec_ctrl 6 fails");
        user_pause();
        if (thread->ec->in_event)
            continue; /* its handler has been told already */
        struct nova_utcb *utcb = my_utcb();
        state_change(s, &utcb->state, guest_state(&thread->ec->frame)->ip);
        if (user_hypercall(NOVA_EC_CTRL, NOVA_EC_SET_STATE, thread->ec_selector, chance(2), 0, 0, 0) != NOVA_SUCCESS)
            fail("ec_ctrl 7 fails");
    }
    return 0;
}

/* ---- worlds ---- */

static void begin(word where)
{
    gone = false;
    recalls_begin();
    victim = 0;
    pd = where;
    semaphore = make_semaphore(ROOT_SELECTOR, 0, 0);
    for (unsigned cpu = 0; cpu < boot_info.cpus; cpu++) {
        handler[cpu] = make_handler(cpu, ROOT_SELECTOR, 0);
        other[cpu] = make_portal(ROOT_SELECTOR, handler[cpu], "guest handler called", serve, 0);
        portal[cpu] = make_portal(ROOT_SELECTOR, make_handler(cpu, ROOT_SELECTOR, 0), "server", serve, 0);
    }
}

static struct thread *add_guest(const char *name, unsigned cpu, program function)
{
    struct thread *thread = make_guest(name, cpu, pd, function);
    struct shadow *s = &shadow[thread - threads];
    s->known = false;
    for (unsigned i = 0; i < 3; i++)
        s->mtd[i] = random_mtd() | (chance(4) ? NOVA_MTD_FPU : 0);
    put_event(thread, EVENT_A, handler[cpu], s->mtd[0], "guest event A", answer_a);
    put_event(thread, EVENT_B, handler[cpu], s->mtd[1], "guest event B", answer_b);
    put_event(thread, NOVA_VM_RECALL, handler[cpu], s->mtd[2], "guest recall", answer_recall);
    return thread;
}

static void add_waker(void) { make_thread("waker", anywhere(), ROOT_SELECTOR, waker, 1); }

static void add_destroyer(word what)
{
    victim = what;
    make_thread("destroyer", anywhere(), ROOT_SELECTOR, destroyer, 1);
}

static void plain_build(void)
{
    unsigned cpu = anywhere();
    begin(ROOT_SELECTOR);
    add_guest("guest A", cpu, guest);
    add_guest("guest B", chance(2) ? cpu : anywhere(), guest);
    make_thread("caller A", chance(2) ? cpu : anywhere(), ROOT_SELECTOR, caller, 0);
    make_thread("caller B", anywhere(), ROOT_SELECTOR, caller, 0);
    add_waker();
}

static void recall_build(void)
{
    begin(ROOT_SELECTOR);
    add_guest("guest A", anywhere(), running_guest);
    add_guest("guest B", anywhere(), running_guest);
    threads[0].priority = threads[1].priority = 1; /* neither keeps the other from running */
    add_waker();
    make_thread("recaller", anywhere(), ROOT_SELECTOR, recaller, 1);
}

static void destroyed_build(void)
{
    begin(make_pd(60));
    give(pd, semaphore);
    struct thread *a = add_guest("guest A", anywhere(), guest);
    add_guest("guest B", chance(2) ? a->cpu : anywhere(), guest);
    make_thread("caller", a->cpu, ROOT_SELECTOR, caller, 0);
    add_waker();
    const word victims[] = {a->ec_selector, a->sc_selector, handler[a->cpu], pd, portal[anywhere()]};
    add_destroyer(victims[choose(5)]);
}

/* The portal of an event goes: the guest is killed with a line in the log when that comes next, or its event had been delivered before. */
static word portal_destroyer(void)
{
    user_destroy(threads[0].events + (chance(2) ? EVENT_A : EVENT_B));
    return 0;
}

static void portal_build(void)
{
    begin(ROOT_SELECTOR);
    add_guest("guest", anywhere(), guest);
    add_waker();
    make_thread("destroyer", anywhere(), ROOT_SELECTOR, portal_destroyer, 1);
}

static void control_build(void)
{
    begin(ROOT_SELECTOR);
    unsigned cpu = anywhere();
    add_guest("guest", cpu, guest);
    make_thread("controller", cpu, ROOT_SELECTOR, controller, 1);
    make_thread("caller", cpu, ROOT_SELECTOR, caller, 0);
    add_waker();
}

/* Another SC, or one more. */
static word sc_changer(void)
{
    struct thread *thread = &threads[0];
    word more = thread->sc_selector + 1;
    for (unsigned i = 0; i < 2; i++) {
        bool second = chance(2);
        user_destroy(second ? more : thread->sc_selector);
        sc_create(second ? more : thread->sc_selector, thread, nova_qpd(1 + choose(3), 20 + choose(1000)));
        user_pause();
    }
    return 0;
}

static void sc_build(void)
{
    begin(ROOT_SELECTOR);
    add_guest("guest A", anywhere(), guest)->replaced = true;
    add_guest("guest B", anywhere(), guest);
    add_waker();
    make_thread("changer", anywhere(), ROOT_SELECTOR, sc_changer, 1);
}

/* ---- memory ---- */

static word map_it(void)
{
    struct nova_utcb *utcb = my_utcb();
    word page = (word)utcb->state.qual[1] >> PAGE_BITS;
    utcb->state.mtd = 0;
    utcb->items = nova_items(8, 1);
    *nova_item(utcb, 0) = (struct nova_item){nova_crd(NOVA_CRD_MEM, PAGE + page % 4, 0, NOVA_PERM_ALL),
                                             nova_control(NOVA_ITEM_DELEGATE | NOVA_ITEM_GUEST, page)};
    return 0;
}

static word memory_guest(void)
{
    for (unsigned i = 0; i < EXITS; i++) {
        guest_fault(ADDRESS + ((word)choose(4) << PAGE_BITS), chance(2) ? MMU_READ : MMU_READ | MMU_WRITE);
        user_pause();
    }
    return 0;
}

static word thief(void)
{
    for (unsigned i = 0; i < 4; i++) {
        user_revoke(nova_crd(NOVA_CRD_MEM, PAGE + choose(4), 0, NOVA_PERM_ALL), 0, 0, 0);
        user_pause();
    }
    return 0;
}

static void add_memory_guest(const char *name, word where)
{
    unsigned cpu = anywhere();
    struct thread *thread = make_guest(name, cpu, where, memory_guest);
    put_event(thread, NOVA_VM_NPT_FAULT, handler[cpu], NOVA_MTD_QUAL, "guest fault", map_it);
}

static void memory_build(void)
{
    begin(make_pd(60));
    add_memory_guest("guest A", pd);
    add_memory_guest("guest B", chance(2) ? pd : make_pd(60));
    make_thread("thief", anywhere(), ROOT_SELECTOR, thief, 1);
}

static void memory_end(void)
{
    if (tlb_stale())
        fail("a CPU holds stale translations");
}

/* What the replies map is too much for the guest's PD; who gives it more, two pages at a time, or the guest may go. */
static word giver(void)
{
    word status = user_hypercall(NOVA_PD_CTRL, NOVA_PD_QUOTA_MOVE, ROOT_SELECTOR, pd, 2, 0, 0);
    if (status != NOVA_SUCCESS && victim != pd)
        fail("moving quota ends with status %lu", status);
    return 0;
}

static word hungry_guest(void)
{
    for (unsigned i = 0; i < 3; i++)
        guest_fault(((uint64_t)choose(0x40000) << 9 | choose(512)) << PAGE_BITS, MMU_READ);
    return 0;
}

static void hungry_build(void)
{
    begin(make_pd(30));
    unsigned cpu = anywhere();
    word oom = make_handler(anywhere(), ROOT_SELECTOR, 0);
    word oom_portal = make_portal(ROOT_SELECTOR, oom, "out of memory", giver, 7);
    next_oom_portal = oom_portal;
    struct thread *thread = make_guest("guest", cpu, pd, hungry_guest);
    put_event(thread, NOVA_VM_NPT_FAULT, handler[cpu], NOVA_MTD_QUAL, "guest fault", map_it);
    leave_quota(pd, 2);
    if (chance(2)) {
        const word victims[] = {pd, handler[cpu], oom, oom_portal, thread->ec_selector};
        add_destroyer(victims[choose(5)]);
    }
}

const struct scenario guests_scenarios[] = {
    {.name = "guest", .cpus = 3, .build = plain_build},
    {.name = "guest-recall", .cpus = 3, .build = recall_build},
    {.name = "guest-destroyed", .cpus = 3, .kills = true, .build = destroyed_build},
    {.name = "guest-portal-missing", .cpus = 3, .kills = true, .build = portal_build},
    {.name = "guest-state", .cpus = 2, .build = control_build},
    {.name = "guest-sc-replaced", .cpus = 3, .build = sc_build},
    {.name = "guest-memory", .cpus = 3, .build = memory_build, .end = memory_end},
    {.name = "guest-memory-short", .cpus = 3, .kills = true, .build = hungry_build},
    {.name = 0},
};
