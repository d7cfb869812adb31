/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Moving a thread to another CPU from inside an event of it (abi.md section 6, ec_ctrl 4): the machine for it, with a handler on each of three CPUs.
 */
#ifndef TESTS_MIGRATE_H
#define TESTS_MIGRATE_H

#include "scenario.h"

enum {
    HANDLER = 0x110, /* + cpu: serves the thread's events */
    THREAD = 0x180,  /* + 1 its OOM portal, + 2 its SC */
    EVENTS = 0x140,  /* in the thread's PD */
    NAME = 0x24,     /* where the thread gets a capability of itself, from EVENTS on */
    CHILD = 0x1c0,   /* the PD of tests with two */
    COPIES = 0x400,
    UTCB = 50, /* + cpu */
    IP = CODE + 0x400,
    SP = 0x7000,
    MAPPED = 0x6203000,
    UD = 6
};

enum { EC_ALL = NOVA_EC_CTRL_PERM | NOVA_EC_BIND_SC | NOVA_EC_BIND_PT };

/* A thread of this PD (its objects at the same selectors) is on CPU 0, in its event #UD. */
void migrate_machine(word pd);
word migrate(unsigned cpu, word ec, word to, word crd);

/* The handler on CPU 0 delegates objects of root's to this PD. */
word give(word pd, word crd, word to);

/* The thread runs on the CPU; a handler is in its event there. */
bool migrate_arrived(unsigned cpu);
bool migrate_in_handler(unsigned cpu);

/* The handler's answer must not change anything; then root runs on CPU 0 again. */
void migrate_answer(void);

/* Until all that is gone is free. */
void migrate_grace(void);

#endif
