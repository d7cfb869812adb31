/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Semaphores: a counter and a queue of waiters, served first come, first served; and signals: semaphores that are chained to another one, which they
 * raise with a value (abi.md section 6, create_sm and sm_ctrl). The lock of the wait queue covers all of a semaphore and the pending state of the signals
 * chained to it. No wake-up is lost or doubled: who takes a waiter out of the queue, under the lock, decides how its wait ends.
 */
#ifndef CORE_SEMAPHORE_H
#define CORE_SEMAPHORE_H

#include "core/ec.h"

enum semaphore_kind { SEMAPHORE_PLAIN, SEMAPHORE_SIGNAL, SEMAPHORE_GSI };

struct semaphore {
    struct object object;
    word counter;
    struct wait_queue queue; /* waiters; when there are none: signals that came, by signal.pending. Its kind: enum semaphore_kind */
};

/* A signal, or an interrupt semaphore (which may be chained, too: then target is set). */
struct signal {
    struct semaphore semaphore;
    struct semaphore *target; /* a reference */
    word value, ups;          /* ups: since the target was last told; under the target's lock */
    struct list pending;
    unsigned gsi;
};

extern const struct object_type semaphore_type;

/* Root's semaphores that stand for a right: to suspend the machine, to access MSRs (abi.md section 8). */
extern struct semaphore *kernel_suspend_semaphore, *kernel_register_semaphore;

static inline struct signal *signal_of(struct semaphore *semaphore) { return CONTAINER(semaphore, struct signal, semaphore); }

/* target 0: a plain semaphore with this count, otherwise a signal with this value. NOVA_QUO_OOM, NOVA_BAD_CAP (the target is just going). */
enum nova_status semaphore_create(struct pd *payer, word count, struct semaphore *target, struct semaphore **result);

/* Fills in an interrupt semaphore that is the kernel's own. */
void semaphore_init_gsi(struct signal *signal, unsigned gsi, struct pd *payer);

void semaphore_up(struct cpu *cpu, struct semaphore *semaphore);

/*
 * Down by the current EC. True = done, a signal's value and count in *value, *count if *signalled. False = the EC is blocked; deadline (TSC, 0 = none).
 */
struct down {
    bool to_zero;
    uint64_t deadline;
    bool signalled;
    word value, count;
    bool timed_out; /* the deadline is in the past: not blocked, nothing taken */
};
bool semaphore_down(struct cpu *cpu, struct semaphore *semaphore, struct ec *ec, struct down *down);

/*
 * reply with a semaphore puts the caller to sleep (why = WAIT_CALL, WAIT_EVENT) unless the counter is above zero: then one is taken and the caller goes on.
 * The caller may belong to another CPU, on which it is blocked already.
 */
enum semaphore_wait { SEMAPHORE_TAKEN, SEMAPHORE_QUEUED, SEMAPHORE_DEAD };
enum semaphore_wait semaphore_wait(struct cpu *cpu, struct semaphore *semaphore, struct ec *ec, enum ec_wait why);

#endif
