/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What checks of several CPUs and several protection domains have in common.
 */
#include "abi.h"

enum { CPUS_MAX = 256 };

int second_cpu(void)
{
    for (unsigned cpu = 0; cpu < nova_hip_cpus(nova_hip); cpu++)
        if (cpu != boot_cpu && nova_hip_cpu(nova_hip, cpu)->flags & NOVA_CPU_ONLINE)
            return (int)cpu;
    return -1;
}

nova_word new_events(unsigned cpu, struct nova_thread **handler)
{
    nova_word base = nova_selectors(NOVA_EVENTS_THREAD, NOVA_EVENTS_THREAD);
    struct nova_thread *thread = nova_thread_prepare(NULL, cpu);
    enum nova_status status = nova_handler_create(thread, nova_pd, base);

    if (!status)
        status = nova_events_create(base, thread, NULL);
    if (status)
        check("portals for events for a check", status, NOVA_SUCCESS);
    if (handler)
        *handler = thread;
    return base;
}

nova_word events_on(unsigned cpu)
{
    static nova_word bases[CPUS_MAX];
    if (cpu == boot_cpu || cpu >= CPUS_MAX)
        return 0;
    if (!bases[cpu])
        bases[cpu] = new_events(cpu, NULL);
    return bases[cpu];
}

struct nova_thread *handler_on(unsigned cpu)
{
    struct nova_thread *thread = nova_thread_prepare(NULL, cpu);
    enum nova_status status = nova_handler_create(thread, nova_pd, events_on(cpu));
    if (status)
        check("create_ec of a handler for a check", status, NOVA_SUCCESS);
    return thread;
}

struct nova_thread *thread_on(unsigned cpu, unsigned priority, void (*entry)(void *), void *argument)
{
    struct nova_thread *thread = nova_thread_prepare(NULL, cpu);
    enum nova_status status = nova_thread_start(thread, events_on(cpu), priority, BOOT_QUANTUM, entry, argument);
    if (status)
        check("start of a thread for a check", status, NOVA_SUCCESS);
    return thread;
}

void sleep_ms(unsigned ms)
{
    static nova_word never;
    if (!never)
        never = new_semaphore(0);
    nova_sm_down(never, 0, deadline_ms(ms));
}

void await(const volatile nova_word *word, nova_word value)
{
    uint64_t end = deadline_ms(PATIENCE_MS);
    while (*word != value && nova_tsc() < end)
        sleep_ms(1);
}

void registers_fill(struct registers *r, nova_word seed)
{
    nova_word *words = (nova_word *)r;
    for (unsigned i = 0; i < sizeof(*r) / sizeof(nova_word); i++)
        words[i] = (nova_word)0x0101010101010101ull * (i + 1) ^ seed;
    r->flags = FLAG_IF | FLAG_CF | 2;
}

void spin(void *spinner)
{
    struct spinner *s = spinner;
    while (!s->stop)
        s->count++;
    nova_sm_up(s->finished);
}

void drop(nova_word selector, unsigned order) { nova_revoke(objects(selector, order), NOVA_REVOKE_SELF, 0, 0); }

void drop_wait(nova_word selector, unsigned order)
{
    static nova_word freed;
    if (!freed)
        freed = new_semaphore(0);
    if (nova_revoke(objects(selector, order), NOVA_REVOKE_SELF, 0, freed) || wait_for(freed))
        check("revoke and wait for a check", 1, 0);
}

/* ---- children ---- */

static enum nova_status share(nova_word pd, nova_word start, nova_word end, unsigned perm)
{
    nova_word first = start >> NOVA_PAGE_BITS;
    return nova_delegate_range(nova_pd, pd, NOVA_CRD_MEM, first, first, (end >> NOVA_PAGE_BITS) - first, perm, 0);
}

struct child new_child(nova_word pages, nova_word events)
{
    struct child child = {.pd = new_selector()};
    enum nova_status status = nova_create_pd(child.pd, nova_pd, 0, nova_quota(0, pages));

    if (!status)
        status = share(child.pd, (nova_word)nova_image_start, (nova_word)nova_text_end, NOVA_MEM_RX);
    if (!status)
        status = share(child.pd, (nova_word)nova_text_end, (nova_word)nova_image_end, NOVA_MEM_RW);
    if (!status)
        status = nova_delegate_range(nova_pd, child.pd, NOVA_CRD_OBJ, events, 0, NOVA_EVENTS_THREAD, NOVA_PERM_ALL, 0);
    if (status)
        check("create a PD for a check", status, NOVA_SUCCESS);
    return child;
}

void child_give(const struct child *child, nova_word selector)
{
    enum nova_status status = nova_delegate_range(nova_pd, child->pd, NOVA_CRD_OBJ, selector, selector, 1, NOVA_PERM_ALL, 0);
    if (status)
        check("delegation for a check", status, NOVA_SUCCESS);
}

void thread_oom_set(const struct nova_thread *thread, nova_word oom)
{
    grant(nova_pd, nova_pd, objects(oom, 0), nova_control(NOVA_ITEM_DELEGATE, 0), objects(thread->ec + 1, 0));
}

enum nova_status thread_lend(nova_word pd, const struct nova_thread *thread, nova_word oom)
{
    nova_word end = (nova_word)(thread + 1);
    if (oom)
        thread_oom_set(thread, oom);
    return share(pd, end - NOVA_STACK_SIZE, end, NOVA_MEM_RW);
}

void child_start(struct child *child, unsigned priority, void (*entry)(void *), void *argument, nova_word oom)
{
    struct nova_thread *thread = nova_thread_prepare(NULL, boot_cpu);
    enum nova_status status = thread_lend(child->pd, thread, oom);

    thread->entry = entry;
    thread->argument = argument;
    child->thread = thread;
    if (!status)
        status = nova_create_ec(thread->ec, child->pd, boot_cpu, (nova_word)thread->utcb, (nova_word)thread, 0, NOVA_EC_GLOBAL);
    if (!status)
        status = nova_create_sc(thread->ec + 2, child->pd, thread->ec, nova_qpd(priority, BOOT_QUANTUM));
    if (status)
        check("start of a thread in another PD for a check", status, NOVA_SUCCESS);
}

void child_end(struct child *child)
{
    if (child->thread)
        drop_wait(child->thread->ec, 2);
    drop_wait(child->pd, 0);
}
