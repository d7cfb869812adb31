/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Ready queues with a bitmap over the priorities. The idle SC is in no queue: it has the CPU when nothing else is ready. A preempted SC goes back to the
 * head of its queue with what is left of its slice, one that used it up to the tail with a new one.
 */
#include "core/schedule.h"

#include "core/lib/assert.h"
#include "core/run_queue.h"

/* What waking one costs, roughly. */
enum { WAKE_WORK = 80 };

static void sc_drop(struct cpu *cpu, struct sc *sc)
{
    sc->state = SC_DEAD;
    list_append(&cpu->dropped, &sc->link);
    cpu->pending |= PENDING_CHECK;
}

void schedule_ready(struct cpu *cpu, struct sc *sc)
{
    ASSERT(sc->cpu == cpu && sc->state != SC_READY && sc->state != SC_DEAD);
    if (GLANCE(sc->dead)) {
        sc_drop(cpu, sc);
        return;
    }
    ready_put(cpu, sc, true);
    if (sc->priority > cpu->sc->priority || cpu->sc == cpu->idle_sc)
        cpu->pending |= PENDING_SCHEDULE;
}

void schedule_wake(struct cpu *cpu, struct list *sleepers)
{
    struct sc *sc = CONTAINER(sleepers->next, struct sc, link);
    list_unlink(&sc->link);
    schedule_ready(cpu, sc);
}

void schedule_stirred(struct cpu *cpu)
{
    while (!list_empty(&cpu->stirred)) {
        schedule_wake(cpu, &cpu->stirred);
        if (!cpu_work(cpu, WAKE_WORK)) {
            cpu->pending |= PENDING_WINDOW;
            return;
        }
    }
    cpu->pending &= ~(uint32_t)PENDING_STIRRED;
}

void schedule_sleep(struct cpu *cpu)
{
    cpu->sc->state = SC_ASLEEP;
    cpu->pending |= PENDING_SCHEDULE;
}

void schedule_arrive(struct cpu *cpu, struct sc *sc)
{
    if (sc->state == SC_NEW || sc->state == SC_MOVING)
        schedule_ready(cpu, sc);
    else if (GLANCE(sc->dead) && sc->state != SC_DEAD)
        schedule_remove(cpu, sc, SC_ASLEEP);
}

bool schedule_remove(struct cpu *cpu, struct sc *sc, enum sc_state state)
{
    enum sc_state before = sc->state;
    if (before == SC_DEAD)
        return false; /* dropped a moment ago, but still among the visitors that somebody sends home */
    if (before == SC_READY)
        ready_take(cpu, sc);
    else if (before == SC_ASLEEP)
        list_remove(&sc->link);
    sc->state = (uint8_t)state;
    /* One that was put to sleep a moment ago may still be the CPU's: another CPU could run it before this one picks its next. */
    if (cpu->sc == sc) {
        schedule_pick(cpu);
        cpu->pending |= PENDING_CHECK;
    }
    bool dead = __atomic_load_n(&sc->dead, __ATOMIC_ACQUIRE);
    if (dead)
        sc_drop(cpu, sc);
    return !dead;
}

void schedule_visits(struct cpu *cpu, struct sc *sc, bool visits)
{
    if (cpu->sc != sc || sc->visits == visits) {
        sc->visits = visits;
        return;
    }
    uint64_t now = time_now();
    sc_stop(cpu, sc, now);
    sc->visits = visits;
    sc_start(cpu, sc, now);
}

void schedule_pick(struct cpu *cpu)
{
    struct sc *old = cpu->sc;
    uint64_t now = time_now();
    bool used_up = sc_stop(cpu, old, now);
    if (used_up)
        slice_refill(old);
    if (old->state == SC_RUNNING && old != cpu->idle_sc) {
        if (GLANCE(old->dead))
            sc_drop(cpu, old);
        else
            ready_put_back(cpu, old, used_up);
    }
    struct sc *next = ready_first(cpu);
    if (next)
        ready_take(cpu, next);
    else
        next = cpu->idle_sc;
    sc_run(cpu, next, now);
}
