/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Semaphores that let threads sleep and wake, in the common form, written out: a thread of this CPU, which has its SC to itself, no deadline. The semaphore is locked
 * (quick.c). As in fast_path.c, everything is looked at before anything is changed, and 0 leaves it all to kernel_hypercall. What else happens to these threads meanwhile (recall, death) comes by a signal.
 */
#include "core/hypercall.h"
#include "core/resume.h"
#include "core/run_queue.h"

/* What is not always needed. A function of its own that comes last, so that the others save no registers for it. */
static __attribute__((noinline)) struct frame *switch_rest(struct ec *to, struct cpu *cpu, struct ec *from)
{
    timer_update(cpu);
    if (from->frame.fpu_used | to->frame.fpu_used)
        frame_switch(&from->frame, &to->frame);
    if (from->pd != to->pd)
        space_enter(cpu, to->pd);
    return &to->frame;
}

/* The CPU goes on with another thread on an SC that has just left its queue. */
static inline struct frame *switch_now(struct cpu *cpu, struct ec *from, struct ec *to, struct sc *sc, uint64_t now)
{
    bool timer = sc_run_plain(cpu, sc, now);
    cpu->helping = false;
    POKE(cpu->current, to);
    ec_resume(cpu, from, to, now);
    if (__builtin_expect(!timer || from->frame.fpu_used | to->frame.fpu_used || from->pd != to->pd, 0))
        return switch_rest(to, cpu, from);
    return &to->frame;
}

/* The EC runs no handler's or event's part, and lives; what keeps it from running user code is this. */
static inline bool plain(const struct ec *ec, enum ec_wait blocked)
{
    uint32_t unfinished = (uint32_t)blocked << UNFINISHED_BLOCKED;
    return sizeof(word) == sizeof ec->condition ? GLANCE(ec->condition) == (uint64_t)unfinished << 32
                                                : !GLANCE(ec->involved) && GLANCE(ec->unfinished) == unfinished;
}

struct frame *kernel_up(struct cpu *cpu, word found)
{
    struct semaphore *semaphore = (struct semaphore *)found;
    struct ec *from = cpu->current;
    if (found == KERNEL_SLOW)
        return 0;
    struct waiter *waiter = CONTAINER(semaphore->queue.list.next, struct waiter, link);
    struct ec *to = CONTAINER(waiter, struct ec, waiter);
    if (__builtin_expect(semaphore->counter || to->cpu != cpu || !plain(to, WAIT_DOWN), 0))
        goto general;
    struct list *sleeper = to->sleepers.next;
    struct sc *sc = CONTAINER(sleeper, struct sc, link), *old = cpu->sc;
    /* Its own SC sleeps with it, and no other. */
    if (__builtin_expect(sleeper == &to->sleepers || sleeper->next != &to->sleepers || sc->start != to || GLANCE(sc->special) ||
                             GLANCE(old->special),
                         0))
        goto general;
    wait_queue_take(&semaphore->queue);
    spin_unlock(&semaphore->queue.lock);
    to->frame.arg[0] = from->frame.arg[0] = NOVA_SUCCESS;
    to->blocked = WAIT_NOTHING;
    list_init(&to->sleepers);
    if (__builtin_expect(sc->priority <= old->priority, 0)) {
        ready_put(cpu, sc, true);
        return &from->frame;
    }
    uint64_t now = time_now();
    ready_put_back_plain(cpu, old, sc_stop_plain(old, now));
    return switch_now(cpu, from, to, sc, now);
general:
    spin_unlock(&semaphore->queue.lock);
    return 0;
}

struct frame *kernel_down(struct cpu *cpu, word found)
{
    struct semaphore *semaphore = (struct semaphore *)found;
    struct ec *from = cpu->current, *to;
    struct sc *old = cpu->sc, *next;
    if (found == KERNEL_SLOW)
        return 0;
    /* It is its own SC that goes to sleep, and another thread is ready (not this one by another SC). */
    if (__builtin_expect((uint32_t)from->frame.arg[1] | (uint32_t)from->frame.arg[2] || old->start != from ||
                             GLANCE(old->special) || !(next = ready_first(cpu)) || GLANCE(next->special) ||
                             (to = next->start)->callee || to == from || !plain(to, WAIT_NOTHING),
                         0))
        goto general;
    from->blocked = WAIT_DOWN;
    wait_queue_add(&semaphore->queue, &from->waiter);
    /* As in semaphore_down: who kills it marks it dead first and looks at the queue then. */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (__builtin_expect(GLANCE(from->dead), 0)) {
        wait_queue_remove(&semaphore->queue, &from->waiter.link);
        POKE(from->waiter.queue, 0);
    }
    spin_unlock(&semaphore->queue.lock);
    ready_take(cpu, next);
    uint64_t now = time_now();
    sc_stop_plain(old, now);
    old->state = SC_ASLEEP;
    list_append(&from->sleepers, &old->link);
    return switch_now(cpu, from, to, next, now);
general:
    spin_unlock(&semaphore->queue.lock);
    return 0;
}
