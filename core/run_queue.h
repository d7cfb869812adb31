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
    list_remove(&sc->link);
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
static inline void ready_put_back(struct cpu *cpu, struct sc *sc)
{
    bool tail = sc->to_tail;
    if (__builtin_expect(!sc->left, 0)) {
        sc->left = sc->quantum;
        tail = true;
    }
    if (sc->to_tail)
        sc->to_tail = false;
    ready_put(cpu, sc, tail);
}

static inline void sc_left(const struct cpu *cpu, struct sc *sc, uint64_t now)
{
    uint64_t left = cpu->slice_end - now;
    sc->left = __builtin_expect(left >> 63, 0) ? 0 : left;
}

/* The running SC stops counting its time, or a visitor's, and keeps what is left of its slice. */
static inline void sc_stop(struct cpu *cpu, struct sc *sc, uint64_t now)
{
    uint64_t *time = __builtin_expect(sc->visits, 0) ? &cpu->visitor_time : &sc->time;
    POKE(*time, *time + now);
    sc_left(cpu, sc, now);
}

/* It has the CPU from now on. */
static inline void sc_start(struct cpu *cpu, struct sc *sc, uint64_t now)
{
    uint64_t *time = __builtin_expect(sc->visits, 0) ? &cpu->visitor_time : &sc->time;
    POKE(*time, *time - now);
    cpu->slice_end = now + sc->left;
}

/*
 * The timer has to come at the end of the slice or with the first timeout, whatever is first. One that is set to an earlier time stays: setting it costs more than an
 * interrupt now and then that finds nothing to do, and sets it anew.
 */
static inline void timer_update(struct cpu *cpu)
{
    uint64_t deadline = ~(uint64_t)0;
    if (cpu->sc != cpu->idle_sc)
        deadline = cpu->slice_end;
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

/* The same for an SC with which there is nothing special. */
static inline void ready_put_back_plain(struct cpu *cpu, struct sc *sc)
{
    unsigned priority = sc->priority;
    struct list *queue = &cpu->ready[priority];
    sc->state = SC_READY;
    if (__builtin_expect(!sc->left, 0)) {
        sc->left = sc->quantum;
        list_append(queue, &sc->link);
    } else
        list_prepend(queue, &sc->link);
    cpu->ready_bits[priority / WORD_BITS] |= (word)1 << priority % WORD_BITS;
}

/* It gets the CPU. False = the timer is to be looked at (timer_update). */
static inline bool sc_run_plain(struct cpu *cpu, struct sc *sc, uint64_t now)
{
    POKE(sc->time, sc->time - now);
    if (__builtin_expect(!sc->left, 0))
        sc->left = sc->quantum;
    uint64_t end = now + sc->left;
    cpu->slice_end = end;
    sc->state = SC_RUNNING;
    cpu->sc = sc;
    return !cpu->timeouts && end >= cpu->timer_deadline;
}

/* An SC that is in no queue gets the CPU. */
static inline void sc_run(struct cpu *cpu, struct sc *sc, uint64_t now)
{
    /* Not if it was put back after 'now' was read and is the first again. */
    if (__builtin_expect(sc->stops_clock && now > sc->ready_since, 0))
        sc->waited += now - sc->ready_since;
    if (!sc->left)
        sc->left = sc->quantum;
    sc_start(cpu, sc, now);
    sc->state = SC_RUNNING;
    cpu->sc = sc;
    timer_update(cpu);
}

#endif
