/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * abi.md section 6, ec_ctrl 4, migrate: a handler moves the thread that waits for it to another CPU. The thread raises #UD; side 0 is the handler on the boot CPU, side 1
 * one on the other CPU (with one CPU: another one of the same). What a side does with the event is a function of the check.
 */
#ifndef ABI_MIGRATE_H
#define ABI_MIGRATE_H

#include "abi.h"

enum { NAME = 40 /* where the thread finds its own capability */, SIDES = 2 };

struct moved {
    unsigned cpu[SIDES];
    struct nova_thread *handler[SIDES], *thread;
    nova_word base, finished, gate, answered;
    void (*volatile action[SIDES])(struct nova_utcb *utcb);
    struct nova_state seen[SIDES];
    volatile nova_word events[SIDES], recalls, recall_first, status[20], fpu_wrong, word, crd;
    struct registers sent, stored;
};
extern struct moved moved;

/* Starts a thread to move, with the event's actions on both sides. */
void move_start(void (*entry)(void *), nova_word argument, void (*action0)(struct nova_utcb *),
                void (*action1)(struct nova_utcb *));

/* Entry of a thread: one #UD a round, with all registers filled. */
void move_raise(void *rounds);

/* The out-of-memory portal of the thread is of this side from now on. */
void move_oom_set(unsigned side);

/* The hypercall. */
nova_word move(unsigned side, nova_word crd);

/* Actions: the thread goes on behind its #UD; it is moved to side 1. */
void move_past(struct nova_utcb *utcb);
void move_there(struct nova_utcb *utcb);

/* The handler's answer is to have no effect, so it asks for a lot. */
void move_spoil(struct nova_utcb *utcb);

void test_migrate_refused(void);

#endif
