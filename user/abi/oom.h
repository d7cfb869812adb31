/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * abi.md section 9: a PD whose account is exhausted, by moving all that is free back to root. What is delegated to it then are items that need page tables all over
 * its space. Its out-of-memory portal (oom_entry) notes the three words it was entered with and moves some pages to the account.
 */
#ifndef ABI_OOM_H
#define ABI_OOM_H

#include "abi.h"

enum { PAGES = 400, ITEMS = 24, GIFT = 64 };
#define NO_PORTAL (~(nova_word)0)

enum { OOM_ID = 0x51, CALLER_OOM_ID = 0x52, ELSEWHERE_ID = 0x53, REASON_CALL = 1, REASON_REPLY = 2, REASON_SELF = 4 };

struct shortage {
    nova_word pd;               /* who is short */
    nova_word page, target;     /* what the items give, and the page where they go */
    nova_word portal, go, done; /* for the threads of a check */
    nova_word oom;              /* out-of-memory portal with OOM_ID */
    volatile nova_word count, wrong_words, expected_id, expected_reason, wrong; /* of its handler */
    volatile nova_word calls, feeds, items, null, status;                       /* what a check has seen */
};
extern struct shortage shortage;

/* Enters the out-of-memory portal's handler with ARG_1 to ARG_3 noted. */
void oom_entry(void);

/* Takes from the account what is free. */
void account_exhaust(void);

/* A message of items that give the page to many places. */
void items_make(struct nova_utcb *utcb);

/* Notes what items have come. */
void items_count(struct nova_utcb *utcb);

/* Takes away what the items brought, exhausts the account, and expects the next call of the handler to have these words. */
void shortage_prepare(nova_word id, nova_word reason);

/* The handler was called, with these words. */
void shortage_check(const char *what);

/* A fresh child that is to be short, and a thread in it with this out-of-memory portal; all ends with the child. */
struct child shortage_child(nova_word events, void (*entry)(void *), nova_word oom);

/* ---- subjects; handler: serves shortage.oom ---- */
void test_oom_call(struct nova_thread *handler);
void test_oom_cross(void);
void test_oom_reply(struct nova_thread *handler);
void test_oom_event(void);

#endif
