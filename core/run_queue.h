/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The steps of a change of SCs, inline: they are part of every switch. The ready queues have a bitmap over the priorities.
 */
#ifndef CORE_RUN_QUEUE_H
#define CORE_RUN_QUEUE_H

#include "core/lib/bits.h"
#include "core/sc.h"

enum { WORD_BITS = 8 * sizeof(word) };

static inline void ready_put(struct cpu *cpu, struct sc *sc, bool tail)
{
    struct list *queue = &cpu->ready[sc->priority];
    sc->state = SC_READY;
    if (sc->stops_clock)
        sc->ready_since = time_now();
    if (tail)
        list_append(queue, &sc->link);
    else
        list_prepend(queue, &sc->link);
    cpu->ready_bits[sc->priority / WORD_BITS] |= (word)1 << sc->priority % WORD_BITS;
}

static inline void ready_take(struct cpu *cpu, struct sc *sc)
{
    bool alone = sc->link.next == sc->link.prev;
    list_unlink(&sc->link);
    if (alone)
        cpu->ready_bits[sc->priority / WORD_BITS] &= ~((word)1 << sc->priority % WORD_BITS);
}

static inline struct sc *ready_first(struct cpu *cpu)
{
    const struct list *queue;
#pragma GCC unroll 4
    for (unsigned i = PRIORITIES / WORD_BITS; i-- > 0;)
        if (cpu->ready_bits[i]) {
            queue = &cpu->ready[i * WORD_BITS + bit_highest(cpu->ready_bits[i])];
            return CONTAINER(queue->next, struct sc, link);
        }
    return 0;
}

/* A preempted SC goes back to the head of its queue with what is left of its slice, one that used it up to the tail with a new one. */
static inline void ready_put_back(struct cpu *cpu, struct sc *sc, bool used_up)
{
    bool tail = used_up || sc->to_tail;
    if (sc->to_tail)
        sc->to_tail = false;
    ready_put(cpu, sc, tail);
}

static inline void slice_refill(struct sc *sc) { sc->allowed = sc->time + sc->quantum; }

/* The running SC stops counting its time, or a visitor's. True = its slice is used up. */
static inline bool sc_stop(struct cpu *cpu, struct sc *sc, uint64_t now)
{
    if (__builtin_expect(sc->visits, 0)) {
        uint64_t left = cpu->visit_end - now;
        POKE(cpu->visitor_time, cpu->visitor_time + now);
        sc->allowed = sc->time + (left >> 63 ? 0 : left);
    } else
        POKE(sc->time, sc->time + now);
    return sc->time >= sc->allowed;
}

/* It has the CPU from now on. */
static inline void sc_start(struct cpu *cpu, struct sc *sc, uint64_t now)
{
    if (__builtin_expect(sc->visits, 0)) {
        POKE(cpu->visitor_time, cpu->visitor_time - now);
        cpu->visit_end = now + (sc->allowed - sc->time);
    } else
        POKE(sc->time, sc->time - now);
}

/*
 * The timer has to come at the end of the slice or with the first timeout, whatever is first. One that is set to an earlier time stays: setting it costs more than an
 * interrupt now and then that finds nothing to do, and sets it anew.
 */
static inline void timer_update(struct cpu *cpu)
{
    uint64_t deadline = ~(uint64_t)0;
    if (cpu->sc != cpu->idle_sc)
        deadline = cpu->sc->visits ? cpu->visit_end : cpu->sc->allowed - cpu->sc->time;
    if (cpu->timeouts) {
        uint64_t first = treap_first(cpu->timeouts)->key;
        if (first < deadline)
            deadline = first;
    }
    if (deadline >= cpu->timer_deadline)
        return;
    cpu->timer_deadline = deadline;
    timer_set(deadline);
}

/* An SC that is in no queue gets the CPU. */
static inline void sc_run(struct cpu *cpu, struct sc *sc, uint64_t now)
{
    /* Not if it was put back after 'now' was read and is the first again. */
    if (__builtin_expect(sc->stops_clock && now > sc->ready_since, 0))
        sc->waited += now - sc->ready_since;
    sc_start(cpu, sc, now);
    sc->state = SC_RUNNING;
    cpu->sc = sc;
    timer_update(cpu);
}

/*
 * The same for SCs with which there is nothing special.
 */

static inline bool sc_stop_plain(struct sc *sc, uint64_t now)
{
    uint64_t time = sc->time + now;
    POKE(sc->time, time);
    bool used_up = time >= sc->allowed;
    if (__builtin_expect(used_up, 0))
        sc->allowed = time + sc->quantum;
    return used_up;
}

static inline void ready_put_back_plain(struct cpu *cpu, struct sc *sc, bool used_up)
{
    unsigned priority = sc->priority;
    struct list *queue = &cpu->ready[priority];
    sc->state = SC_READY;
    if (__builtin_expect(used_up, 0))
        list_append(queue, &sc->link);
    else
        list_prepend(queue, &sc->link);
    cpu->ready_bits[priority / WORD_BITS] |= (word)1 << priority % WORD_BITS;
}

/* False = the timer is to be looked at (timer_update). What it is set to is not later than the first timeout. */
static inline bool sc_run_plain(struct cpu *cpu, struct sc *sc, uint64_t now)
{
    uint64_t time = sc->time - now;
    POKE(sc->time, time);
    sc->state = SC_RUNNING;
    cpu->sc = sc;
    return sc->allowed - time >= cpu->timer_deadline;
}

#endif
