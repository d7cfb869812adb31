/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A simple model of capabilities: every page, port and selector that a protection domain holds is one unit with one parent. No ranges, no tables, no locks:
 * slow and obvious, so that it can say what the kernel should have done. model.c and translation.c are the model, compare.c looks for differences, operation.c makes random
 * hypercalls and lets both do them, fault.c lets allocations fail, parallel.c has no model but several CPUs at once.
 */
#ifndef TESTS_MODEL_H
#define TESTS_MODEL_H

#include "hosted.h"

#include <nova/crd.h>
#include <nova/hypercall.h>
#include <nova/utcb.h>

enum { LARGE_ORDER = 3 }; /* large pages of 8 pages, so that most delegations meet them */
enum { TYPES = 4 };       /* spaces by NOVA_CRD_*; 0 is not used */
enum { VIEW_HOST = 1, VIEW_GUEST = 2, VIEW_DEVICE = 4 };
enum kind { KIND_PD = NOVA_PD, KIND_EC, KIND_SC, KIND_PT, KIND_SM, KIND_SIGNAL, KIND_INTERRUPT };

/* An object of the kernel. refs as abi.md implies: names count once, and whoever needs it. */
struct thing {
    struct thing *next_dead;
    void *kernel; /* the kernel's struct object */
    enum kind kind;
    unsigned number, caps, refs;
    struct domain *payer;
    struct domain *pd; /* PD: itself; EC: where it lives */
    struct thing *ec;  /* SC and PT: their EC; EC: its out-of-memory portal; signal: its target */
    word utcb, event_base, ip, id;
    word count; /* of a plain semaphore */
    unsigned cpu;
    bool global, started, dead;
    bool chained; /* a semaphore that signals raise: its counter is not foretold */
};

/* One page, port or selector that a PD holds. */
struct unit {
    struct domain *pd;
    word place, frame;             /* frame: what it is: physical page, port */
    struct thing *thing, *utcb_of; /* utcb_of: cannot be delegated or revoked */
    struct unit *parent, *child, *next, *prev;
    uint8_t type, rights, views, memory_type;
};

struct space_of_units {
    struct unit **unit; /* sorted by place */
    unsigned count, room;
    bool changed; /* since the last comparison */
};

struct domain {
    struct thing *thing;
    struct domain *next;
    struct space_of_units space[TYPES];
    word limit, lower;
    bool root;
    int worker; /* number of the thread that runs here, -1 = none */
};

extern struct domain *domains; /* all that exist, root last */
extern struct domain *root_domain;

/* What the model objects to; prints and ends the run (or the attempt of the minimiser). */
_Noreturn void disagree(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* ---- model.c, translation.c ---- */
word unit_limit(unsigned type);
/* First and last unit of a CRD; false = beyond the space. */
bool crd_units(word crd, word *first, word *last);

struct unit *unit_find(const struct domain *pd, unsigned type, word place);
/* First unit at or above the place. */
struct unit *unit_above(const struct domain *pd, unsigned type, word place);
struct unit *unit_add(struct domain *pd, unsigned type, word place, struct unit *parent);
struct unit *unit_add_thing(struct domain *pd, word selector, struct thing *thing, unsigned rights, struct unit *parent);

struct unit *unit_add_utcb(struct thing *ec, word frame);
/* The kernel's own objects that root may take. */
struct thing *kernel_thing(word selector, void *kernel);
struct thing *thing_new(enum kind kind, void *kernel, struct domain *payer);
struct domain *domain_new(void *kernel, struct domain *payer);
/* An EC dies (its last capability, or an event without handler): its UTCB goes. */
void ec_dies(struct thing *ec);

/* The range of a delegation: false = nothing in common, result null. */
struct piece {
    unsigned type, mask;
    word source, target, count, result;
};
bool model_piece(word crd, word control, word window, struct piece *piece);
/* from = 0: the kernel's own. Returns the result CRD. attempt: called for each unit that would appear; false = leave it out. */
word model_delegate(struct domain *from, struct domain *to, word crd, word control, word window,
                    bool (*attempt)(const struct unit *));
void model_revoke(struct domain *pd, word crd, bool self, bool keep);
/* Is this result of a translation right? */
bool model_translates(struct domain *from, struct domain *to, word crd, word window, word result);
bool model_looks_up(struct domain *pd, word crd, word result);

/* ---- compare.c ---- */
/* Compares what changed, or everything; disagree() if there is a difference. */
void compare(bool everything);
/* What the kernel has at a place, looked up by itself: object, or frame + 1; 0 = nothing. */
word kernel_holds(const struct domain *pd, unsigned type, word place);
/* What the kernel has for root at a selector of its own; 0 = nothing. */
void *kernel_offered_object(word selector, unsigned *permissions);
/* The object of a capability that a selector names. */
void *kernel_object_at(const struct domain *pd, word selector);
struct pages {
    word used, limit;
};
struct pages kernel_pages(const struct domain *pd);
struct account *kernel_account(const struct domain *pd);
/* Compares all spaces of this PD the next time, whether the model has changed them or not. */
void compare_again(struct domain *pd);
/* All pages of all accounts and of the pool: a constant. */
word pages_total(void);
/* Table pages of a PD, which stay until it dies. */
word pages_of_tables(const struct domain *pd);
/* Root's struct object after boot. */
void *root_object(void);
/* Reads a PD's contents into the model: root after boot. */
void import(struct domain *pd);

/* ---- operation.c: does a step in the kernel and in the model ---- */

/* CPU 0 runs root's thread, CPU n the thread of the worker n: a PD each. */
enum { WORKERS = 8, ITEMS = 3 };
enum action { HYPERCALL, DELEGATE, CALL, RESPAWN, TOUCH, CLEAR, ACTIONS };

/* Everything that a step does, so that it can be done again. */
struct operation {
    uint8_t action, actor;
    uint8_t items, back_items; /* of a call: back = those of the reply */
    uint8_t room, back_room;   /* CALL: what the receiver's account has left, see account_squeeze */
    uint8_t rights;            /* TOUCH */
    word arg[5];               /* of the hypercall; TOUCH: page, port */
    struct nova_item item[ITEMS], back_item[ITEMS];
    word xlt, del, back_xlt, back_del;
};

/* Who acts: a thread, its EC and PD; pd = 0: dead at the moment. */
struct actor {
    struct domain *pd;
    struct thing *ec;
};
extern struct actor actors[WORKERS + 1];

/* Where root keeps what the test itself needs: random operations do not take these away. Worker n: from KEEP + 64 n on. */
enum {
    KEEP = 0x1000,
    KEEP_ORDER = 10,
    KEEP_EACH = 64,
    KEPT_PD = 0,
    KEPT_EC = 1,
    KEPT_SC = 2,
    KEPT_STARTUP = 3,
    KEPT_HANDLERS = 8,
    KEPT_PORTALS = 16,
    HANDLERS = 4,
    SELECTOR_ROOT = 32,
    SELECTOR_OWN_PD = 1,     /* a worker's own PD, in its own space, as a present */
    SELECTOR_PORTALS = 0x10, /* portals to the handlers of worker n: + n */
    EVENTS = 0x400           /* event base of workers' threads */
};
#define HANDLER_IP ((word)0x400100)
#define THREAD_IP ((word)0x400200)
#define UTCBS ((word)0x30000) /* pages of UTCBs */

/* Boots a machine with so many workers. */
void operation_boot(unsigned workers);
void operation_do(const struct operation *operation);
void operation_revoked(const struct operation *operation);
void operation_print(const struct operation *operation);

/* Running out of memory needs no further reason; pages that the test holds itself. */
extern bool memory_short;
extern word pages_held;

/* What was seen so far. */
extern unsigned long counts[NOVA_HYPERCALLS][NOVA_QUO_OOM + 1];
extern unsigned long translations, delegations, respawns, messages_failed;

/* ---- generate.c: random steps ---- */
struct random_source {
    uint64_t state;
};
uint64_t random_next(struct random_source *random);
unsigned random_below(struct random_source *random, unsigned limit);
void operation_make(struct random_source *random, struct operation *operation);

/* ---- fault.c ---- */
enum fault_result { FAULT_UNHARMED, FAULT_SEEN, FAULT_NO_STEP };
/* A machine of its own in which step 'number' of a script finds k pages, in the pool or in the account that pays. */
enum fault_result fault_run(unsigned number, unsigned k, bool pool);
const char *fault_name(unsigned number);

/* ---- invariant.c: what is true of the kernel's state without any model ---- */
struct spaces;
void invariants(void);
extern unsigned long mappings_seen; /* delegated ranges that it looked at so far */
/* Table pages of the spaces of a PD. */
word pages_of_spaces(const struct spaces *spaces);
/* First place at or above this one that root holds something at; all ones = none. */
word root_next(unsigned type, word place);
/* Root's account, pages for tables in it, and all pages if root is the only PD. */
struct pages root_account(word *tables, word *all);

/* ---- parallel.c ---- */
void parallel_run(unsigned long long seed, unsigned long steps, bool threads);

#endif
