/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Scheduling context: a priority, a time quantum and the EC that it is bound to. State changes only on the SC's own CPU. It carries two references of its own:
 * one for its capabilities, one from creation until its CPU has taken it out of all queues.
 */
#ifndef CORE_SC_H
#define CORE_SC_H

#include "core/inbox.h"
#include "core/lib/bits.h"
#include "core/object.h"

enum sc_state {
    SC_NEW,     /* not on its CPU yet */
    SC_READY,   /* in a ready queue, by link */
    SC_RUNNING, /* cpu->sc */
    SC_MOVING,  /* on the way to another CPU, by inbox */
    SC_ASLEEP,  /* with a blocked EC, by link (or, if its EC is dead, nowhere) */
    SC_DEAD     /* nowhere any more */
};

struct sc {
    struct object object;
    struct ec *ec;    /* a reference */
    struct cpu *cpu;  /* where it is now */
    struct ec *start; /* it runs the last EC of the chain from here on: ec, or the callee of the call that it carries */
    struct list link;
    struct inbox_item inbox;
    uint64_t quantum; /* TSC ticks */
    uint64_t time;    /* consumed, TSC ticks; see time_used */
    uint64_t
        allowed; /* what it may come to in this slice; it is more unless the SC runs. While it visits, time stands still: cpu->visit_end */
    uint64_t time_read; /* what sc_ctrl has told of it */
    uint8_t priority;
    uint8_t state; /* enum sc_state */
    union {
        struct {
            bool to_tail;     /* yields its turn */
            bool dead;        /* no capability names it any more; set from any CPU */
            bool stops_clock; /* of a virtual CPU, whose clock stands still while it is ready but does not run */
            bool visits;      /* 'carried' is set */
        };
        uint32_t special; /* all that at once: 0 = there is nothing but time to be looked after */
    };
    uint64_t ready_since, waited; /* if it stops a clock: TSC when it became ready, ticks spent so since its EC was last told */

    /* A call to another CPU, see remote.h. */
    uint32_t hops;        /* as a helper, from CPU to CPU, since it was home or slept */
    const void *hop_mark; /* an EC at which it was then */
    struct ec *carried;   /* the caller, a reference; 0 = at home */

    struct list visit; /* in the callee's visitors */
};

/* sc_moved_type: of an SC whose thread has moved on (migrate.h). */
extern const struct object_type sc_type, sc_moved_type;

/* Fills in a new SC whose references on payer and ec the caller has taken; quantum in microseconds; arrive: sc_arrive. */
static inline void sc_init(struct sc *sc, struct pd *payer, struct ec *ec, struct cpu *cpu, unsigned priority, word quantum,
                           inbox_handler arrive)
{
    object_init(&sc->object, &sc_type, payer);
    sc->object.refs = 2;
    sc->ec = sc->start = ec;
    sc->cpu = cpu;
    sc->priority = (uint8_t)priority;
    /* Some ten years are as good as more, and can be added to the TSC. */
    uint64_t ticks = (uint64_t)quantum >> 41 ? (uint64_t)1 << 62 : scale_u64(quantum, boot_info.tsc_khz, 1000);
    sc->quantum = sc->allowed = ticks;
    sc->state = SC_NEW;
    list_init(&sc->link);
    list_init(&sc->visit);
    inbox_item_init(&sc->inbox, &sc->object, arrive);
}

#endif
