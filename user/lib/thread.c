/* SPDX-License-Identifier: MIT */
/*
 * Creates ECs the way thread.h promises: local ones for portal handlers, global ones with an SC for threads. A thread's entry
 * lies in its struct nova_thread; the startup handler (event.c) only sets the IP to nova_thread_enter.
 */
#include <user/lib/memory.h>
#include <user/lib/task.h>
#include <user/lib/thread.h>

struct nova_utcb *nova_utcb_address(void)
{
    static nova_word next = NOVA_UTCB_AREA;
    return (struct nova_utcb *)__atomic_fetch_add(&next, NOVA_PAGE_SIZE, __ATOMIC_RELAXED);
}

struct nova_thread *nova_thread_prepare(void *stack, unsigned cpu)
{
    struct nova_thread *thread;

    if (!stack)
        stack = nova_allocate(NOVA_STACK_SIZE, NOVA_STACK_SIZE);
    if (!stack)
        return NULL;
    thread = nova_stack_thread(stack);
    thread->utcb = nova_utcb_address();
    thread->cpu = cpu;
    thread->ec = nova_selectors(4, 4);
    return thread;
}

enum nova_status nova_handler_create(struct nova_thread *thread, nova_word pd, nova_word event_base)
{
    thread->event_base = event_base;
    return nova_create_ec(thread->ec, pd, (unsigned)thread->cpu, (nova_word)thread->utcb, (nova_word)thread, event_base, 0);
}

enum nova_status nova_portal_create(nova_word selector, nova_word pd, const struct nova_thread *handler, nova_word mtd,
                                    void (*entry)(void), nova_word id)
{
    enum nova_status status = nova_create_pt(selector, pd, handler->ec, mtd, (nova_word)entry);
    return status ? status : nova_pt_ctrl(selector, id);
}

enum nova_status nova_thread_start(struct nova_thread *thread, nova_word event_base, unsigned priority, nova_word quantum_us,
                                   void (*entry)(void *argument), void *argument)
{
    enum nova_status status;

    thread->entry = entry;
    thread->argument = argument;
    thread->event_base = event_base;
    status = nova_create_ec(thread->ec, nova_pd, (unsigned)thread->cpu, (nova_word)thread->utcb, (nova_word)thread, event_base,
                            NOVA_EC_GLOBAL);
    return status ? status : nova_create_sc(thread->ec + 2, nova_pd, thread->ec, nova_qpd(priority, quantum_us));
}

void nova_reply(nova_word semaphore) { nova_reply_at(nova_self(), nova_arg1(NOVA_REPLY, 0, semaphore)); }
