/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The state of one CPU: what runs, what is ready, what is due. Built of lib types alone, so that every floor can keep its per-CPU part here.
 * Only the CPU itself touches it, except 'posted' (atomic), the inbox (its lock) and 'epoch_seen', 'flush_done' (atomic, read by others).
 */
#ifndef CORE_CPU_H
#define CORE_CPU_H

#include "core/lib/bits.h"
#include "core/lib/list.h"
#include "core/lib/spinlock.h"
#include "core/lib/treap.h"
#include "hal/upcall.h"

struct ec;
struct pd;
struct sc;
struct object;
struct reclaim_item;

enum { PRIORITIES = 128 };

/* Why the end of a call chain is looked for; each has its own place to go on from. */
enum chain_walk { WALK_RESOLVE, WALK_HELP, WALK_LEAVE, CHAIN_WALKS };

/* Work that this CPU has to look at before it leaves the kernel: bits of cpu->pending (its own) and cpu->posted (from others). */
enum {
    PENDING_SCHEDULE = 1 << 0, /* another SC may have to run */
    PENDING_INBOX = 1 << 1,    /* other CPUs made SCs of ours ready */
    PENDING_FLUSH = 1 << 2,    /* drop cached translations */
    PENDING_RECLAIM = 1 << 3,  /* retired objects wait, or somebody waits for our quiescence */
    PENDING_CHECK = 1 << 4,    /* the current EC may have died or been recalled */
    PENDING_SETTLE = 1 << 5,   /* cpu->unnamed is not empty */
    PENDING_WINDOW = 1 << 6,   /* interrupts first */
    PENDING_STIRRED = 1 << 7   /* cpu->stirred is not empty */
};

/*
 * What the kernel does between two chances for interrupts, in instructions, roughly: who does something for an unknown number of objects counts each
 * (cpu_work) and leaves the rest for after a window when it is enough. The sum of what is not counted and of one more step has to fit into 20,000.
 */
enum { WORK_MAX = 6000 };

struct cpu {
    struct ec *current; /* its frame is resumed next */
    struct sc *sc;      /* pays for it */
    bool helping;       /* ... and runs an EC that its own one waits for */
    uint32_t pending;
    uint32_t posted;
    unsigned number;
    unsigned work;      /* since interrupts last had a chance */
    struct ec *resumed; /* whose frame was resumed last */
    struct pd *space;   /* whose memory is active */

    /* schedule */
    struct list ready[PRIORITIES];
    word ready_bits[PRIORITIES / (8 * sizeof(word))];
    uint64_t visit_end;    /* TSC until which 'sc', a visitor, may run */
    uint64_t visitor_time; /* TSC ticks spent in calls from other CPUs; see time_used */
    struct spinlock gone_lock;
    uint64_t gone_sc_time, gone_ec_time; /* of what does not exist any more, and nobody had read: TSC ticks, under gone_lock */
    struct sc *idle_sc;
    uint64_t idle_seen; /* time of idle_sc when the CPU last went on with another EC */
    struct ec *idle_ec;

    struct list dropped; /* dead SCs that are in no queue any more */
    /* Call chains that are too long for one go, by enum chain_walk; good as long as 'walking' is set: no chain has lost a member meanwhile */
    struct {
        struct ec *from, *at;
    } walk[CHAIN_WALKS];
    bool walking;

    struct list stirred; /* sleeping SCs that have to look again what they can run */

    /* timeout */
    struct treap *timeouts;
    uint64_t timer_deadline; /* what the timer is set to */

    /* reclaim: the lists of what was retired since the grace period began, of what waits for its end, and of what can be freed */
    struct reclaim_item *retired, **retired_end, *waiting, *due;
    uint32_t waiting_epoch;
    uint32_t epoch_seen;

    /* objects whose last capability is gone, until their type has done what there is to do */
    struct object *unnamed;

    /* cross_cpu */
    struct spinlock inbox_lock;
    struct list inbox;
    uint32_t flush_wanted, flush_done;
};

/* By number; 0 = not online. */
extern struct cpu *cpu_table[NOVA_CPUS];

static inline struct cpu *cpu_online(word number) { return number < NOVA_CPUS ? cpu_table[number] : 0; }

/* Counts work; false = enough for now. */
static inline bool cpu_work(struct cpu *cpu, unsigned instructions)
{
    cpu->work += instructions;
    return cpu->work < WORK_MAX;
}

/*
 * A time of an EC, of an SC or of visitors that may be counting: while it does, it is less by the TSC at which it began, which is below zero. Any CPU.
 */
static inline uint64_t time_used(const uint64_t *counter)
{
    const volatile uint64_t *time = counter;
    uint64_t first, second;
    do {
        first = GLANCE(*time);
        second = GLANCE(*time);
    } while (first != second); /* not one half of each of two values */
    return first >> 63 ? first + time_now() : first;
}

/* Adds what a dying SC or EC has left to tell. field: gone_sc_time or gone_ec_time of this CPU. */
static inline void cpu_time_gone(struct cpu *cpu, uint64_t *field, uint64_t ticks)
{
    spin_lock(&cpu->gone_lock);
    *field += ticks;
    spin_unlock(&cpu->gone_lock);
}

/* Leaves work for another CPU and makes it look soon. As long as there is something that it has not taken, a signal is on its way. */
static inline void cpu_post(struct cpu *to, uint32_t bits)
{
    if (!__atomic_fetch_or(&to->posted, bits, __ATOMIC_SEQ_CST))
        cpu_signal(to->number);
}

#endif
