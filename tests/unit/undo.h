/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A message with typed items goes through as a whole or not at all (abi.md section 9): what the tests of that share. A sender in a PD of its own, a receiver in
 * another one whose account is made short, and a third PD that the receiver passes things on to. The test looks into the kernel's spaces and accounts, and has
 * the machine made once; each attempt is a child process that goes on from there.
 */
#ifndef TESTS_UNDO_H
#define TESTS_UNDO_H

#include "scenario.h"

#include "core/ec.h"

/* How the message goes, and who is told when memory runs short. */
enum way { WAY_CALL, WAY_REPLY, WAY_EVENT };
enum told { TOLD_NOBODY, TOLD_NEAR, TOLD_FAR, TOLD_SENDER };
enum sender { SENDER_OTHER, SENDER_ROOT, SENDER_SAME /* PD */ };
struct route {
    enum way way;
    unsigned cpu; /* the receiver's, 0 or 1; the sender's is 0 */
    enum told told;
    enum sender sender;
};

/* Selectors of root. CPU 2 runs a thread of the receiver's PD, CPU 3 one of root. */
enum {
    PD_SENDER = 0x100,
    PD_RECEIVER,
    PD_THIRD,
    SENDER = 0x110,
    SENDER_PORTAL = 0x114,
    SELF_PORTAL,
    RECEIVER = 0x120,
    RECEIVER_PORTAL = 0x124,
    RECEIVER_THREAD = 0x130, /* + 2: its SC */
    SPY = 0x138,
    OTHER_SENDER = 0x140,
    OTHER_PORTAL = 0x144,
    OTHER_RECEIVER = 0x148,
    OTHER_RECEIVER_PORTAL = 0x14c,
    HANDLER = 0x150, /* + CPU */
    HANDLER_PORTAL = 0x154,
    SLEEP = 0x160,
    MEDDLER = 0x168,
    SEMAPHORES = 0x180,
    SERVICES = 0x200 /* + 0x40 * CPU */
};

/* Selectors of the receiver's PD; the sender's portal to the receiver, in every PD that may be the sender's. */
enum { OWN_SENDER_PORTAL = 1, OWN_PD, OWN_THIRD, OWN_SLEEP, TO_RECEIVER, TO_OTHER_RECEIVER, EVENT_BASE = 0x800 };

/* What the sender holds: pages, ports and selectors, in several pieces with holes. Where it goes: places next to what is there already, and far ones. */
enum { SOURCE = 0x8000, SOURCE_PORTS = 0x300, SOURCE_OBJECTS = 0x40, NEAR = 0x20000, NEAR_OBJECTS = 0x50, OOM_ID = 0x1234 };
#define FAR(n) ((word)(n) << 22)

#define UTCB_OF_RECEIVER_THREAD utcb_address(12)

/* A message: its items for a receiver with these windows. */
enum { UNDO_ITEMS = 110 };
struct undo_message {
    const char *name;
    word delegate_window, translate_window;
    unsigned count;
    struct nova_item item[UNDO_ITEMS];
};

/* The messages number 0, 1, ... that make sense on a route; false = there is none with that number. */
bool undo_message(const struct route *route, unsigned number, struct undo_message *message);
/* Adds to a message what needs one node, and what needs more than one page. */
void undo_message_more(struct undo_message *message);

/* ---- undo_machine.c ---- */

/* Everything up to the point where the sender is about to be asked for the message. */
void undo_machine_make(const struct route *route);
/* Makes the sender run on CPU 0, about to send. */
void sender_enter(const struct route *route);
/* It sends; begin: comes back after that many interrupt windows. */
void sender_send(const struct route *route, const struct undo_message *message);
void sender_begin(const struct route *route, const struct undo_message *message, unsigned windows);
/* A thread of root does the same without a message, by misc delegate. */
void undo_delegate(const struct route *route, const struct undo_message *message);

enum outcome { ARRIVED, ASKED, REFUSED, UNDER_WAY };
enum outcome undo_outcome(const struct route *route);
/* Meanwhile CPU 3: another EC of the sender's PD calls another one of the receiver's, which replies at once, and has no out-of-memory portal. */
enum outcome other_sends(const struct undo_message *message);
/* The same from root, whose memory to send begins at ROOT_MEMORY. */
enum outcome root_sends(const struct undo_message *message);
enum { ROOT_MEMORY = 0x5200 };

/* What is next after each outcome: after ARRIVED and REFUSED the sender is about to send again, after ASKED the message is repeated. */
void undo_go_on(const struct route *route, const struct undo_message *message, enum outcome outcome);
/* Lets CPUs that only open windows go on until none does. */
void undo_settle(void);
/* Everything goes, and every page comes back. */
void undo_finish(void);

struct ec *ec_at(word selector); /* 0 = there is none (any more) */
struct pd *pd_at(word selector);

/* ---- undo_seen.c ---- */

enum { SEEN_UNITS = 700 };
struct seen {
    unsigned count;
    word mapped[MMU_VIEWS], ports, guest_ports;
    word pages;
    struct seen_unit {
        const void *holder; /* what it is: an object; whose it is: its parent's space */
        word place, value, parent;
        uint8_t type, rights, flags, memory;
    } unit[SEEN_UNITS];
};
void undo_see(word pd, struct seen *seen);
/* Pages that its account pays but for tables: those may stay when what they were needed for goes. */
word undo_pages(word pd);
/* The same, to the bit; 'what' is reported if not. */
void undo_same(const struct seen *before, const struct seen *after, const char *what);
/* No message is under way: no mapping has a flag that only such have. */
void undo_plain(const struct seen *seen);

/* A page that is gone since: the UTCB of who was killed. */
void undo_forget(struct seen *seen, word page);

/* Leaves 'nodes' nodes and 'pages' pages in the receiver's account. */
void account_tighten(word pages, unsigned nodes);
void account_give(word pages);
/* Gives back what account_tighten holds. */
void account_loosen(void);
/* A few entries of all CPUs that run something: grace periods end. */
void undo_grace(void);
word undo_pages_total(void);

#endif
