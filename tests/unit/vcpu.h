/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the tests of virtual CPUs have in common: a guest on CPU 0 whose events go to one handler, and a thread on CPU 1.
 */
#ifndef TESTS_VCPU_H
#define TESTS_VCPU_H

#include "scenario.h"

enum {
    HANDLER = 0x110,
    VCPU = 0x180, /* + 1 its OOM portal, + 2 its SC */
    EVENTS = 0x200,
    CHILD = 0x1c0,
    SM = 0x1f0,
    UTCB = 50,
    IP = CODE + 0x400,
    SP = 0x7000,
    EXIT = 0x72, /* CPUID */
    NPT = NOVA_VM_NPT_FAULT,
    MEMORY = 0x5200,
    SERVICE = 0x400, /* scenario.h: of CPU 0 and of CPU 1 */
    OTHER = 0x4f0,
    SLEEPER = 0x3f0,
    TICKS = 500000 /* half a millisecond */
};

/* CPU 1 has a thread of root's PD, number 5, for what is to come from outside while the guest runs. */
void vcpu_machine(void);
void event_make(unsigned event, word handler, word mtd);
word create_vcpu(word selector, word pd, unsigned cpu);

/* A guest of root's PD runs on CPU 0, above root; its event 'event' has a portal with this MTD. */
struct frame *guest_make(unsigned event, word mtd);
bool guest_runs(void);
bool in_handler(unsigned event);

/* The parts of that: the guest is created and started, or only started; its PD may be this one (with so many pages), which has the events. */
struct frame *guest_create(word pd, word quantum);
struct frame *guest_start(word pd, word quantum);
void child_make(word pages);

/* The handler replies with no MTD. */
void handler_replies(void);

/* Thread 7 of root's PD on CPU 0, above the guest: it sleeps for 10 TICKS; then it runs, and may sleep again. */
void sleeper_make(void);
void sleeper_wakes(void);
void sleeper_sleeps(void);

/* The handler's UTCB, and its message area in one colour. */
struct nova_utcb *utcb(void);
void utcb_fill(int colour);

#endif
