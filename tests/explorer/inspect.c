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

/* ---- wait queues ---- */

static const struct ec *before[THREADS_MAX], *passed[THREADS_MAX];
static unsigned waiting, passes;

void inspect_begin(void) { waiting = passes = 0; }

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
