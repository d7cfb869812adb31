/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Semaphores that let threads sleep and wake, in the common form, written out: a thread of this CPU, which has its SC to itself, no deadline. As in fast_path.c, everything
 * is looked at before anything is changed, and 0 leaves it all to kernel_hypercall. What else happens to these threads meanwhile (recall, death) comes by a signal.
 */
#include "core/hypercall.h"
#include "core/resume.h"
#include "core/run_queue.h"

/* This SC runs a thread that has nothing but user code to run, as soon as it is not blocked. */
static inline bool plain(const struct sc *sc, const struct ec *ec, bool blocked)
{
    uint32_t unfinished = blocked ? (uint32_t)1 << UNFINISHED_BLOCKED : 0;
    if (sc->start != ec || GLANCE(sc->special))
        return false;
    return sizeof(word) == sizeof ec->condition ? GLANCE(ec->condition) == (uint64_t)unfinished << 32
                                                : !GLANCE(ec->involved) && GLANCE(ec->unfinished) == unfinished;
}

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

struct frame *kernel_up(struct cpu *cpu, uint64_t now, word found)
{
    struct semaphore *semaphore = (struct semaphore *)found;
    struct ec *ec = cpu->current;
    if (found == KERNEL_SLOW || !wait_queue_try_alive(&semaphore->queue))
        return 0;
    struct waiter *waiter = CONTAINER(semaphore->queue.list.next, struct waiter, link);
    struct ec *to = CONTAINER(waiter, struct ec, waiter);
    if (__builtin_expect(!GLANCE(semaphore->queue.filled) || semaphore->counter || to->cpu != cpu, 0))
        goto general;
    struct sc *sc = CONTAINER(to->sleepers.next, struct sc, link), *old = cpu->sc;
    /* Its own SC sleeps with it, and no other. */
    if (__builtin_expect(to->wait != WAIT_DOWN || to->timeout.armed || list_empty(&to->sleepers) ||
                             sc->link.next != &to->sleepers || !plain(sc, to, true) || GLANCE(old->special),
                         0))
        goto general;
    list_remove(&waiter->link);
    POKE(waiter->queue, 0);
    semaphore->queue.filled = !list_empty(&semaphore->queue.list);
    spin_unlock(&semaphore->queue.lock);
    to->frame.arg[0] = ec->frame.arg[0] = NOVA_SUCCESS;
    to->blocked = false;
    list_init(&to->sleepers);
    list_init(&sc->link);
    if (__builtin_expect(sc->priority <= old->priority, 0)) {
        ready_put(cpu, sc, true);
        return &ec->frame;
    }
    POKE(old->time, old->time + now);
    sc_left(cpu, old, now);
    ready_put_back_plain(cpu, old);
    return switch_now(cpu, ec, to, sc, now);
general:
    spin_unlock(&semaphore->queue.lock);
    return 0;
}

struct frame *kernel_down(struct cpu *cpu, uint64_t now, word found)
{
    struct semaphore *semaphore = (struct semaphore *)found;
    struct ec *ec = cpu->current;
    struct sc *old = cpu->sc, *next = ready_first(cpu);
    if (__builtin_expect(found == KERNEL_SLOW || (uint32_t)ec->frame.arg[1] | (uint32_t)ec->frame.arg[2], 0))
        return 0;
    /* Another thread is ready, and not this one by another SC. */
    if (__builtin_expect(!next || !plain(old, ec, false) || !plain(next, next->start, false) || next->start->callee ||
                             next->start == ec || !wait_queue_try_alive(&semaphore->queue),
                         0))
        return 0;
    if (__builtin_expect(semaphore->counter != 0, 0)) {
        spin_unlock(&semaphore->queue.lock);
        return 0;
    }
    ec->blocked = true;
    ec->wait = WAIT_DOWN;
    wait_queue_add(&semaphore->queue, &ec->waiter);
    /* As in semaphore_down: who kills it marks it dead first and looks at the queue then. */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (__builtin_expect(GLANCE(ec->dead), 0)) {
        wait_queue_remove(&semaphore->queue, &ec->waiter.link);
        POKE(ec->waiter.queue, 0);
    }
    spin_unlock(&semaphore->queue.lock);
    POKE(old->time, old->time + now);
    sc_left(cpu, old, now);
    old->state = SC_ASLEEP;
    list_append(&ec->sleepers, &old->link);
    ready_take(cpu, next);
    return switch_now(cpu, ec, next->start, next, now);
}
