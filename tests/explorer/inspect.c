/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What has to be true of core's own structures: of a CPU's queues whenever it has left the kernel, of wait queues after each step, and of everybody at the end.
 */
#include "explorer.h"

#include <stdio.h>
#include <string.h>

#define TRUE_ON(number, condition)                                                                                                 \
    do {                                                                                                                           \
        if (!(condition))                                                                                                          \
            fail("CPU %u: not true: %s", number, #condition);                                                                      \
    } while (0)

static void inspect_ready(unsigned number, const struct cpu *cpu)
{
    for (unsigned priority = 0; priority < PRIORITIES; priority++) {
        const struct list *queue = &cpu->ready[priority];
        unsigned bits = 8 * sizeof(word);
        TRUE_ON(number, list_empty(queue) == !(cpu->ready_bits[priority / bits] >> priority % bits & 1));
        for (const struct list *at = queue->next; at != queue; at = at->next) {
            const struct sc *sc = CONTAINER(at, struct sc, link);
            TRUE_ON(number, sc->state == SC_READY && sc->cpu == cpu && sc->priority == priority);
            TRUE_ON(number, sc != cpu->sc && sc->priority <= cpu->sc->priority && cpu->sc != cpu->idle_sc);
        }
    }
}

void inspect_cpu(unsigned number)
{
    const struct cpu *cpu = cpu_core(number);
    const struct ec *ec = cpu->current, *at;
    const struct sc *sc = cpu->sc;
    if (!cpu_frame(number))
        return;
    TRUE_ON(number, &ec->frame == cpu_frame(number) && ec->cpu == cpu);
    TRUE_ON(number, !ec->blocked && !ec->gone && !ec->todo && !ec->event_lost && !ec->callee);
    TRUE_ON(number, sc->state == SC_RUNNING && sc->cpu == cpu);
    TRUE_ON(number, (sc == cpu->idle_sc) == (ec == cpu->idle_ec));
    TRUE_ON(number, sc->carried ? sc->start->cpu == cpu && !list_empty(&sc->visit) : sc->start == sc->ec && list_empty(&sc->visit));
    TRUE_ON(number, !ec->waiter.queue);
    for (at = sc->start; at->callee; at = at->callee)
        TRUE_ON(number, at->callee->caller == at && at->callee->busy && at->cpu == cpu);
    TRUE_ON(number, at == ec || cpu->helping);
    for (at = ec; at->caller && at->caller->cpu == cpu; at = at->caller)
        TRUE_ON(number, at->caller->callee == at);
    inspect_ready(number, cpu);
}

/* ---- who is dead, and who still does something for them ---- */

enum { KNOWN_MAX = 32 };

/* The first THREADS_MAX are those of threads, which may change. */
static struct known {
    struct ec *ec;
    const struct ec *caller;
    bool dead[CPUS_MAX]; /* when a CPU entered the kernel */
} known[KNOWN_MAX];
static unsigned known_count;

static struct {
    struct sc *sc;
    const struct ec *carried;
} known_sc[THREADS_MAX];

void inspect_know(struct ec *ec)
{
    if (known_count == KNOWN_MAX)
        fail("too many handlers");
    known[known_count++] = (struct known){.ec = ec};
}

static void known_update(void)
{
    for (unsigned i = 0; i < thread_count; i++) {
        struct object *object = threads[i].ec ? object_of(threads[i].sc_selector) : 0;
        if (object && object_is(object, &sc_type))
            known_sc[i].sc = CONTAINER(object, struct sc, object);
        if (known_sc[i].sc && memory_freed(known_sc[i].sc))
            known_sc[i].sc = 0;
        if (known[i].ec != threads[i].ec)
            known[i] = (struct known){.ec = threads[i].ec};
    }
    for (unsigned i = THREADS_MAX; i < known_count; i++)
        if (known[i].ec && memory_freed(known[i].ec))
            known[i].ec = 0;
}

void inspect_enter(unsigned cpu)
{
    known_update();
    for (unsigned i = 0; i < known_count; i++)
        known[i].dead[cpu] = known[i].ec && known[i].ec->dead;
}

static bool was_dead(const struct ec *ec, unsigned cpu)
{
    for (unsigned i = 0; i < known_count; i++)
        if (known[i].ec == ec)
            return known[i].dead[cpu];
    return false;
}

/* Who was dead before the CPU entered the kernel: no SC follows its call to another CPU, and no call of it enters a handler here. */
void inspect_step(unsigned cpu)
{
    known_update();
    for (unsigned i = 0; i < thread_count; i++) {
        const struct sc *sc = known_sc[i].sc;
        const struct ec *carried = sc && sc->state == SC_MOVING ? sc->carried : 0;
        if (carried && carried != known_sc[i].carried && was_dead(carried, cpu))
            fail("CPU %u: the SC of %s follows a call of somebody who was dead before", cpu, threads[i].name);
        known_sc[i].carried = carried;
    }
    for (unsigned i = THREADS_MAX; i < known_count; i++) {
        const struct ec *ec = known[i].ec, *caller = ec ? ec->caller : 0;
        if (caller && caller != known[i].caller && ec->cpu->number == cpu && caller->cpu != ec->cpu && was_dead(caller, cpu))
            fail("CPU %u: a call of somebody who was dead before enters a handler", cpu);
        known[i].caller = caller;
    }
}

/* The thread is about to wait, or looks somebody up who may be moving. */
static bool hypercall_delicate(const struct ec *ec)
{
    switch (ec->frame.arg[0] & 0xff) {
    case NOVA_SM_CTRL | NOVA_SM_DOWN << 4:
    case NOVA_EC_CTRL | NOVA_EC_TIME << 4:
    case NOVA_SC_CTRL: return true;
    default: return false;
    }
}

/* Also: an SC is between two CPUs, an EC is dead and nobody has been told. */
bool inspect_delicate(unsigned cpu)
{
    const struct cpu *self = cpu_core(cpu);
    for (unsigned i = 0; i < thread_count; i++) {
        const struct sc *sc = known_sc[i].sc;
        if (sc && !memory_freed(sc) && sc->state == SC_MOVING && !sc->inbox.posted)
            return true;
    }
    for (unsigned i = 0; i < known_count; i++) {
        const struct ec *ec = known[i].ec;
        if (!ec || memory_freed(ec))
            continue;
        if (ec->dead && !ec->inbox.posted && !ec->gone && ec->cpu != self)
            return true;
        if (ec == self->current && !ec->blocked && hypercall_delicate(ec))
            return true;
    }
    return false;
}

/* ---- wait queues ---- */

static const struct ec *before[THREADS_MAX], *passed[THREADS_MAX];
static unsigned waiting, passes;

void inspect_begin(void)
{
    waiting = passes = 0;
    known_count = THREADS_MAX;
    memset(known, 0, sizeof known);
    memset(known_sc, 0, sizeof known_sc);
}

static bool among(const struct ec *ec, const struct ec *const *list, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        if (list[i] == ec)
            return true;
    return false;
}

/* Who is in the queue, in order; false = one cannot tell, since somebody is just changing it. */
static bool queue_read(struct semaphore *semaphore, const struct ec **list, unsigned *count)
{
    *count = 0;
    if (semaphore->queue.lock.taken)
        return false;
    for (struct list *at = semaphore->queue.list.next; at != &semaphore->queue.list && !semaphore->counter; at = at->next) {
        if (*count == THREADS_MAX)
            fail("a wait queue has too many waiters");
        list[*count] = CONTAINER(at, struct ec, waiter.link);
        if (list[(*count)++]->gone)
            fail("a thread waits that is dead and gone");
    }
    return true;
}

void inspect_queue(word selector)
{
    struct semaphore *semaphore = semaphore_of(selector);
    const struct ec *now[THREADS_MAX];
    unsigned count, kept = 0;
    if (!semaphore || !queue_read(semaphore, now, &count))
        return;
    for (unsigned i = 0; i < waiting; i++) {
        if (among(before[i], now, count)) {
            if (now[kept++] != before[i])
                fail("the wait queue of semaphore %#lx is not first come, first served", selector);
        } else if (kept && !among(before[i], passed, passes) && passes < THREADS_MAX)
            passed[passes++] = before[i]; /* somebody who was there before is still there */
    }
    for (unsigned i = 0; i < count; i++)
        if (!among(now[i], before, waiting))
            for (unsigned k = 0; k < passes; k++)
                if (passed[k] == now[i])
                    passed[k] = 0;
    memcpy(before, now, sizeof now);
    waiting = count;
}

bool left_out_of_turn(const struct thread *thread) { return among(thread->ec, passed, passes); }

/* ---- the end ---- */

static const char *const waits[] = {"nothing",
                                    "a semaphore",
                                    "a semaphore or a deadline",
                                    "a semaphore before it repeats its call",
                                    "a semaphore after its event",
                                    "nothing: it has replied",
                                    "a call to another CPU"};

static void explain(char *text, size_t size, const struct thread *thread)
{
    const struct ec *ec = thread->ec, *end = ec;
    unsigned depth = 0;
    while (end->callee && depth++ < 20)
        end = end->callee;
    snprintf(text, size, "%s (CPU %u%s)%s: %s%s%s%s%s; ", thread->name, thread->cpu, ec->dead ? ", dead" : "",
             end != ec ? " has called somebody who" : "", end->blocked ? "waits for " : "is ready",
             end->blocked ? waits[end->blocked] : "", end->woken ? ", was woken" : "", end->todo ? ", has something to do" : "",
             end->remote_ec ? ", called on" : "");
}

/* Who still has EC and SC has to come to an end. */
void inspect_ended(void)
{
    char text[1000] = "";
    for (unsigned i = 0; i < thread_count; i++) {
        const struct thread *thread = &threads[i];
        if (thread->ended || thread->expendable || thread_gone(thread) || !object_of(thread->ec_selector) ||
            !object_of(thread->sc_selector))
            continue;
        explain(text + strlen(text), sizeof text - strlen(text), thread);
    }
    if (*text)
        fail("waiting for ever: %s", text);
    if (!scenario->kills && strstr(machine_log(), "killed"))
        fail("somebody was killed");
    if (strstr(machine_log(), "ASSERT"))
        fail("something in the log");
}
