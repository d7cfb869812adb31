/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Root builds and destroys, one hypercall after the other; the threads that it makes get their SCs, and so begin to run, only when the schedule runs.
 */
#include "explorer.h"

#include "core/page_alloc.h"

#define SERVICE_UTCB ((word)0x20000000)
#define UTCBS ((word)0x30000000)
enum { EVENTS_ORDER = 7, MEMORY_ORDER = 3, WAIT = SERVICE + 8 };

struct thread threads[THREADS_MAX];
unsigned thread_count;
uint64_t root_deadline;
word (*pager)(void), (*recall_hook)(void);
word next_oom_portal;
static struct pd *root_pd;
static word next_selector;
static unsigned next_utcb;

/* Until no CPU has anything left to do: also those that only open interrupt windows. */
static void settle(void)
{
    bool again = true;
    for (unsigned rounds = 0; again; rounds++) {
        if (rounds == 10000)
            fail("a CPU opens interrupt windows for ever");
        again = false;
        machine_settle();
        for (unsigned cpu = 0; cpu < boot_info.cpus; cpu++)
            if (!cpu_frame(cpu)) {
                cpu_enter(cpu, ENTER_CONTINUE, 0, 0, 0);
                again = true;
            }
    }
}

word root_do(unsigned number, unsigned flags, word selector, word arg2, word arg3, word arg4, word arg5)
{
    struct frame *root = cpu_frame(0);
    hypercall(0, nova_arg1(number, flags, selector), arg2, arg3, arg4, arg5);
    settle();
    if (cpu_frame(0) != root)
        fail("root does not come back from hypercall %u", number);
    return root->arg[0];
}

void must(word status)
{
    if (status != NOVA_SUCCESS)
        fail("root cannot build what the scenario needs: status %lu", status);
}

word new_selector(void)
{
    next_selector += 2;
    return next_selector - 2;
}

word new_selectors(unsigned order)
{
    word size = (word)1 << order, first = (next_selector + size - 1) & ~(size - 1);
    next_selector = first + size;
    if (next_selector > MADE + (1 << MADE_ORDER))
        fail("too many selectors");
    return first;
}

static void delegate(word from, word to, word crd, unsigned flags, word hotspot)
{
    struct nova_utcb *utcb = user_pointer(0, NOVA_ROOT_UTCB_ADDRESS, MMU_READ | MMU_WRITE);
    utcb->items = nova_items(0, 1);
    *nova_item(utcb, 0) = (struct nova_item){crd, nova_control(NOVA_ITEM_DELEGATE | flags, hotspot)};
    must(root_do(NOVA_MISC, NOVA_MISC_DELEGATE, from, nova_crd(nova_crd_type(crd), 0, 31, NOVA_PERM_ALL), to, 0, 0));
}

void give(word pd, word selector) { delegate(ROOT_SELECTOR, pd, nova_crd(NOVA_CRD_OBJ, selector, 0, NOVA_PERM_ALL), 0, selector); }

void replace(word pd, word place, word selector)
{
    must(root_do(NOVA_REVOKE, NOVA_REVOKE_SELF | NOVA_REVOKE_REMOTE, 0, nova_crd(NOVA_CRD_OBJ, place, 0, NOVA_PERM_ALL), pd, 0, 0));
    delegate(ROOT_SELECTOR, pd, nova_crd(NOVA_CRD_OBJ, selector, 0, NOVA_PERM_ALL), 0, place);
}

void give_memory(word from, word to, word page, word to_page, unsigned order, unsigned rights)
{
    delegate(from, to, nova_crd(NOVA_CRD_MEM, page, order, rights), 0, to_page);
}

void give_ports(word port, unsigned order)
{
    delegate(ROOT_SELECTOR, ROOT_SELECTOR, nova_crd(NOVA_CRD_PIO, port, order, 1), NOVA_ITEM_KERNEL, 0);
}

word make_inner_pd(word parent, unsigned quota)
{
    word selector = new_selector();
    must(root_do(NOVA_CREATE_PD, 0, selector, parent, 0, nova_quota(0, quota), 0));
    delegate(ROOT_SELECTOR, selector, nova_crd(NOVA_CRD_OBJ, EVENTS, EVENTS_ORDER, NOVA_PERM_ALL), 0, EVENTS);
    return selector;
}

void leave_quota(word pd, unsigned pages)
{
    must(root_do(NOVA_PD_CTRL, NOVA_PD_QUOTA_READ, pd, 0, 0, 0, 0));
    const word *arg = cpu_frame(0)->arg;
    if (arg[1] > arg[2] + pages)
        must(root_do(NOVA_PD_CTRL, NOVA_PD_QUOTA_MOVE, pd, ROOT_SELECTOR, arg[1] - arg[2] - pages, 0, 0));
}

word make_pd(unsigned quota) { return make_inner_pd(ROOT_SELECTOR, quota); }

void make_event(word handler, unsigned cpu, unsigned event, const char *name, program function)
{
    word place = EVENTS + 32 * cpu + event, selector = make_portal(ROOT_SELECTOR, handler, name, function, event);
    delegate(ROOT_SELECTOR, ROOT_SELECTOR, nova_crd(NOVA_CRD_OBJ, selector, 0, NOVA_PERM_ALL), 0, place);
}

void set_window(word handler, word crd)
{
    struct ec *ec = ec_of_selector(handler);
    ec->utcb->del = crd;
}

static word new_utcb(void) { return UTCBS + next_utcb++ * PAGE_SIZE; }

word make_handler(unsigned cpu, word pd, word oom_portal)
{
    word selector = new_selector();
    if (oom_portal)
        delegate(ROOT_SELECTOR, ROOT_SELECTOR, nova_crd(NOVA_CRD_OBJ, oom_portal, 0, NOVA_PERM_ALL), 0, selector + 1);
    must(root_do(NOVA_CREATE_EC, 0, selector, pd, new_utcb() | cpu, 0x1000, EVENTS + 32 * cpu));
    inspect_know(ec_of_selector(selector));
    return selector;
}

static word make_portal_mtd(word pd, word handler, word mtd, const char *name, program function, word id)
{
    word selector = new_selector();
    must(root_do(NOVA_CREATE_PT, 0, selector, pd, handler, mtd, program_address(program_number(name, function))));
    must(root_do(NOVA_PT_CTRL, 0, selector, id, 0, 0, 0));
    return selector;
}

word make_portal(word pd, word handler, const char *name, program function, word id)
{
    return make_portal_mtd(pd, handler, 0, name, function, id);
}

void put_event(const struct thread *thread, unsigned event, word handler, word mtd, const char *name, program function)
{
    word selector = make_portal_mtd(ROOT_SELECTOR, handler, mtd, name, function, (word)(thread - threads));
    delegate(ROOT_SELECTOR, thread->pd, nova_crd(NOVA_CRD_OBJ, selector, 0, NOVA_PERM_ALL), 0, thread->events + event);
}

word make_semaphore(word pd, word count, word chain)
{
    word selector = new_selector();
    must(root_do(NOVA_CREATE_SM, 0, selector, pd, count, chain, 0));
    return selector;
}

static struct thread *thread_begin(const char *name, unsigned cpu, word pd, word events)
{
    if (thread_count == THREADS_MAX)
        fail("too many threads");
    struct thread *thread = &threads[thread_count++];
    *thread = (struct thread){.name = name, .cpu = cpu, .priority = 1 + choose(3), .pd = pd, .events = events};
    thread->ec_selector = new_selector();
    thread->sc_selector = new_selector();
    if (next_oom_portal)
        delegate(ROOT_SELECTOR, ROOT_SELECTOR, nova_crd(NOVA_CRD_OBJ, next_oom_portal, 0, NOVA_PERM_ALL), 0,
                 thread->ec_selector + 1);
    next_oom_portal = 0;
    return thread;
}

static struct thread *thread_make(struct thread *thread, word utcb, word sp)
{
    must(root_do(NOVA_CREATE_EC, NOVA_EC_GLOBAL, thread->ec_selector, thread->pd, utcb | thread->cpu, sp, thread->events));
    thread->ec = ec_of_selector(thread->ec_selector);
    return thread;
}

struct thread *make_thread(const char *name, unsigned cpu, word pd, program function, word argument)
{
    struct thread *thread = thread_begin(name, cpu, pd, EVENTS + 32 * cpu);
    thread->argument = argument;
    return thread_make(thread, new_utcb(), program_number(name, function));
}

struct thread *make_mover(const char *name, unsigned cpu, word pd, program function, word argument)
{
    struct thread *thread = thread_begin(name, cpu, pd, new_selectors(5));
    delegate(ROOT_SELECTOR, pd, nova_crd(NOVA_CRD_OBJ, EVENTS + 32 * cpu, 5, NOVA_PERM_ALL), 0, thread->events);
    thread->argument = argument;
    return thread_make(thread, new_utcb(), program_number(name, function));
}

/* ---- guests ---- */

static program guest_programs[THREADS_MAX];

/* The portal's id is the thread's number. */
static word guest_startup(void)
{
    const struct thread *thread = &threads[my_argument(1)];
    struct nova_utcb *utcb = my_utcb();
    utcb->items = nova_items(8, 0);
    utcb->state.mtd = NOVA_MTD_IP;
    utcb->state.ip = program_address(program_number(thread->name, guest_programs[my_argument(1)]));
    return 0;
}

static word guest_halted(void)
{
    my_utcb()->items = nova_items(8, 0);
    my_utcb()->state.mtd = 0;
    return SLEEP;
}

struct thread *make_guest(const char *name, unsigned cpu, word pd, program function)
{
    struct thread *thread = thread_begin(name, cpu, pd, new_selectors(8));
    guest_programs[thread - threads] = function;
    program_number(name, function);
    put_event(thread, NOVA_VM_STARTUP, SERVICE + cpu, 0, "guest startup", guest_startup);
    put_event(thread, HALT, SERVICE + cpu, 0, "guest halted", guest_halted);
    return thread_make(thread, 0, 0);
}

struct object *object_of(word selector) { return object_space_lookup(&root_pd->spaces.objects, selector).object; }

bool thread_gone(const struct thread *thread)
{
    if (!thread->started || thread->replaced)
        return false;
    return !object_of(thread->ec_selector) || !object_of(thread->sc_selector) || !thread->ec ||
           (scenario->kills && thread->ec->dead);
}

struct ec *ec_of_selector(word selector)
{
    struct object *object = object_of(selector);
    return object && object_is(object, &ec_type) ? CONTAINER(object, struct ec, object) : 0;
}

struct semaphore *semaphore_of(word selector)
{
    struct object *object = object_of(selector);
    return object && object_is(object, &semaphore_type) ? CONTAINER(object, struct semaphore, object) : 0;
}

/* ---- what all scenarios have ---- */

static word startup(void)
{
    struct nova_utcb *utcb = my_utcb();
    utcb->items = nova_items(8, 0);
    utcb->state.mtd = NOVA_MTD_IP;
    utcb->state.ip = program_address((unsigned)utcb->state.sp);
    return 0;
}

static word ignore(void)
{
    struct nova_utcb *utcb = my_utcb();
    utcb->items = nova_items(8, 0);
    utcb->state.mtd = 0;
    return 0;
}

static word recall(void) { return recall_hook ? recall_hook() : ignore(); }

static word fault(void)
{
    struct nova_utcb *utcb = my_utcb();
    word address = (word)utcb->state.qual[1];
    /* A thread whose UTCB is gone is about to stop. */
    if (address >= UTCBS && address < UTCBS + next_utcb * PAGE_SIZE)
        return ignore();
    if (!pager)
        fail("a page fault that nobody expects, at %#lx", address);
    return pager();
}

void machine_build(void)
{
    root_pd = CONTAINER(cpu_frame(0), struct ec, frame)->pd;
    for (unsigned cpu = 0; cpu < boot_info.cpus; cpu++) {
        word events = EVENTS + 32 * cpu, mtd = NOVA_MTD_SP | NOVA_MTD_IP | NOVA_MTD_QUAL;
        must(root_do(NOVA_CREATE_EC, 0, SERVICE + cpu, ROOT_SELECTOR, (SERVICE_UTCB + cpu * PAGE_SIZE) | cpu, 0x1000, events));
        must(root_do(NOVA_CREATE_PT, 0, events + NOVA_EVENT_STARTUP, ROOT_SELECTOR, SERVICE + cpu, mtd,
                     program_address(program_number("startup", startup))));
        must(root_do(NOVA_CREATE_PT, 0, events + NOVA_EVENT_RECALL, ROOT_SELECTOR, SERVICE + cpu, mtd,
                     program_address(program_number("recall", recall))));
        must(root_do(NOVA_CREATE_PT, 0, events + HAL_PAGE_FAULT, ROOT_SELECTOR, SERVICE + cpu, mtd,
                     program_address(program_number("page fault", fault))));
    }
    must(root_do(NOVA_CREATE_SM, 0, WAIT, ROOT_SELECTOR, 0, 0, 0));
    must(root_do(NOVA_CREATE_SM, 0, SLEEP, ROOT_SELECTOR, 0, 0, 0));
}

/* Threads start in any order. */
static word root_program(void)
{
    bool started[THREADS_MAX] = {false};
    for (unsigned left = thread_count; left;) {
        unsigned i = choose(thread_count);
        struct thread *thread = &threads[i];
        if (started[i])
            continue;
        started[i] = true;
        left--;
        word status = user_hypercall(NOVA_CREATE_SC, 0, thread->sc_selector, ROOT_SELECTOR, thread->ec_selector,
                                     nova_qpd(thread->priority, 20 + choose(1000)), 0);
        if (status != NOVA_SUCCESS && !(status == NOVA_BAD_CAP && (thread->replaced || !object_of(thread->ec_selector))))
            fail("root cannot start %s: status %lu", thread->name, status);
        thread->started = true;
    }
    if (scenario->root)
        scenario->root();
    user_down(WAIT, 0, root_deadline);
    fail("root woke before its time");
}

void scenario_build(void)
{
    next_selector = MADE;
    next_utcb = thread_count = 0;
    pager = recall_hook = 0;
    actor_reset();
    delegate(ROOT_SELECTOR, ROOT_SELECTOR, nova_crd(NOVA_CRD_MEM, PAGE, MEMORY_ORDER, 7), NOVA_ITEM_KERNEL, PAGE);
    scenario->build();
    root_deadline = machine_time() + ((uint64_t)1 << 50);
    cpu_frame(0)->ip = program_address(program_number("root", root_program));
}

void scenario_clear(void)
{
    machine_advance(root_deadline - machine_time());
    settle();
    if (cpu_idle(0))
        fail("root does not wake at its deadline");
    must(root_do(NOVA_REVOKE, NOVA_REVOKE_SELF, 0, nova_crd(NOVA_CRD_OBJ, MADE, MADE_ORDER, NOVA_PERM_ALL), 0, 0, 0));
    must(root_do(NOVA_REVOKE, NOVA_REVOKE_SELF, 0, nova_crd(NOVA_CRD_MEM, PAGE, MEMORY_ORDER, 7), 0, 0, 0));
    must(root_do(NOVA_REVOKE, NOVA_REVOKE_SELF, 0, nova_crd(NOVA_CRD_PIO, 0, 16, 1), 0, 0, 0));
    for (unsigned i = 0; i < 4; i++) {
        machine_advance(10000000);
        settle();
    }
    if (guests_alive())
        fail("a guest has not been stopped although everything is destroyed");
    for (unsigned cpu = 1; cpu < boot_info.cpus; cpu++)
        if (!cpu_idle(cpu))
            fail("CPU %u runs %s although everything is destroyed", cpu, actor_name(cpu_frame(cpu)));
}

struct usage usage_now(void)
{
    must(root_do(NOVA_PD_CTRL, NOVA_PD_QUOTA_READ, ROOT_SELECTOR, 0, 0, 0, 0));
    struct frame *root = cpu_frame(0);
    return (struct usage){.used = root->arg[2], .limit = root->arg[1], .pages = page_alloc_free_pages()};
}
