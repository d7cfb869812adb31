/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One global epoch number. A CPU that wants a grace period counts it up and waits until every CPU has seen that number; the last CPU to see it tells
 * the waiting ones. Grace periods of several CPUs overlap freely.
 */
#include "core/reclaim.h"

/* What freeing an item costs, roughly. */
enum { FREE_WORK = 200 };

static uint32_t reclaim_epoch;

struct cpu *cpu_table[NOVA_CPUS];

/* a is at or after b, across wrap-around. */
static bool epoch_reached(uint32_t a, uint32_t b) { return (int32_t)(a - b) >= 0; }

static bool epoch_complete(uint32_t epoch)
{
    for (unsigned i = 0; i < NOVA_CPUS; i++)
        if (cpu_table[i] && !epoch_reached(__atomic_load_n(&cpu_table[i]->epoch_seen, __ATOMIC_ACQUIRE), epoch))
            return false;
    return true;
}

static void post_others(struct cpu *cpu)
{
    for (unsigned i = 0; i < NOVA_CPUS; i++)
        if (cpu_table[i] && cpu_table[i] != cpu)
            cpu_post(cpu_table[i], PENDING_RECLAIM);
}

void reclaim_retire(struct cpu *cpu, struct reclaim_item *item)
{
    /* In order of retirement: what is retired last is freed last. */
    if (!cpu->retired)
        cpu->retired_end = &cpu->retired;
    item->next = 0;
    *cpu->retired_end = item;
    cpu->retired_end = &item->next;
    cpu->pending |= PENDING_RECLAIM;
}

static void report_quiescence(struct cpu *cpu)
{
    uint32_t epoch = __atomic_load_n(&reclaim_epoch, __ATOMIC_SEQ_CST);
    if (cpu->epoch_seen == epoch)
        return;
    __atomic_store_n(&cpu->epoch_seen, epoch, __ATOMIC_SEQ_CST);
    if (epoch_complete(epoch))
        post_others(cpu);
}

/* Frees some of what is due; true = all of it, and nothing came of it that has to be done before the rest is freed. */
static bool free_due(struct cpu *cpu)
{
    while (cpu->due) {
        if (!cpu_work(cpu, FREE_WORK)) {
            cpu->pending |= PENDING_RECLAIM | PENDING_WINDOW;
            return false;
        }
        struct reclaim_item *item = cpu->due;
        cpu->due = item->next;
        item->class->free(cpu, item);
    }
    if (cpu->pending & PENDING_SETTLE) {
        cpu->pending |= PENDING_RECLAIM;
        return false;
    }
    return true;
}

void reclaim_poll(struct cpu *cpu)
{
    report_quiescence(cpu);
    while (free_due(cpu)) {
        if (cpu->waiting) {
            if (!epoch_complete(cpu->waiting_epoch))
                return;
            cpu->due = cpu->waiting;
            cpu->waiting = 0;
            continue;
        }
        if (!cpu->retired)
            return;
        cpu->waiting = cpu->retired;
        cpu->retired = 0;
        cpu->waiting_epoch = __atomic_add_fetch(&reclaim_epoch, 1, __ATOMIC_SEQ_CST);
        __atomic_store_n(&cpu->epoch_seen, cpu->waiting_epoch, __ATOMIC_SEQ_CST);
        post_others(cpu);
    }
}
