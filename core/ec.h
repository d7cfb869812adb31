/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Execution context: a thread (global), a portal handler (local), a virtual CPU or the idle loop of a CPU. Bound to one CPU, where its state is changed; other
 * CPUs leave word by 'recall', 'dead' and the inbox. Besides the reference for its capabilities it carries one from creation until its CPU has taken it out of the call chain.
 *
 * Call chains: A->callee == B and B->caller == A while A waits for B's reply. An SC runs the last EC of the chain that starts at its own EC.
 */
#ifndef CORE_EC_H
#define CORE_EC_H

#include "core/inbox.h"
#include "core/pd.h"
#include "core/sc.h"
#include "core/timeout.h"
#include "core/transfer.h"
#include "core/wait_queue.h"
#include "hal/virtualization.h"

enum ec_kind { EC_IDLE, EC_GLOBAL, EC_LOCAL, EC_VCPU };

/* What the EC still has to do before it runs user code again. */
enum ec_todo {
    TODO_NONE,
    TODO_HYPERCALL, /* decode and do the hypercall in the frame (again) */
    TODO_EVENT,     /* deliver ec->event */
    TODO_RECEIVE    /* a handler that was called: move the rest of the message's typed items */
};

/* Where 'blocked' is in struct ec's 'unfinished': bits. */
enum { UNFINISHED_BLOCKED = 24 };

/* 'busy' and 'in_event' in its 'involved'. */
enum { EC_BUSY = 0xff, EC_IN_EVENT = 1 << 16 };

/* What a blocked EC waits for: decides how it goes on. */
enum ec_wait {
    WAIT_NOTHING,    /* it is not blocked */
    WAIT_DOWN,       /* semaphore down: gets a status */
    WAIT_DOWN_UNTIL, /* the same with a deadline */
    WAIT_CALL,       /* reply with semaphore to a call: the call is repeated */
    WAIT_EVENT,      /* reply with semaphore to an event: just goes on */
    WAIT_EVER,       /* a global EC that replied */
    WAIT_REMOTE      /* the reply to a call to another CPU */
};

struct ec {
    struct object object;
    struct frame frame;
    /*
     * What a call or reply has to look at, bytes since some are set from any CPU. Read together as 'condition': 0 in an idle handler that nothing keeps from running.
     * The last four together are 'unfinished': what keeps the EC from running user code.
     */
    union {
        struct {
            uint8_t busy;       /* local: between call and reply */
            uint8_t dead;       /* no capability names it any more; set from any CPU */
            uint8_t in_event;   /* waits for the reply to an event, not to a call */
            uint8_t oom_reason; /* waits for an OOM portal, see oom.h: the handler's third word */
            union {
                struct {
                    uint8_t todo;       /* enum ec_todo */
                    uint8_t recall;     /* event 31 before it next runs user code; set from any CPU */
                    uint8_t event_lost; /* the handler of its event died: to be killed when it runs next */
                    uint8_t blocked;    /* enum ec_wait; waits, and runs nothing, if it is not 0 */
                };
                uint32_t unfinished;
            };
        };
        uint32_t involved; /* the first four; at most 'busy' in who waits for a plain call */
        uint64_t condition;
    };
    uint8_t kind; /* enum ec_kind */
    bool gone;    /* its CPU has seen that it is dead */
    struct ec *caller, *callee;

    /* Calls to other CPUs, see remote.h. Of the caller: */
    struct object *remote_portal; /* a reference */
    struct ec *remote_ec;         /* the portal's EC while the call lasts */
    bool let_go;                  /* SCs are wanted back before the reply: the chain has changed */
    struct list visitors;         /* of the callee: SCs that brought calls, by sc->visit */
    struct list swept;            /* in visitors: those behind it have been looked at */
    bool sweep;                   /* inbox: callers let go, or died */
    bool sweeping;                /* the look that is under way is for those, too, not only for calls that are over */

    struct nova_utcb *utcb; /* kernel address; 0 for a virtual CPU */
    void *area;             /* of a virtual CPU: the port's, hal/virtualization.h */
    struct pd *pd;          /* a reference */
    struct cpu *cpu;
    struct list sleepers; /* SCs that wait until it is unblocked */
    struct inbox_item inbox;
    bool woken; /* inbox, or its own SC's: to be unblocked */

    uint32_t event; /* TODO_EVENT: its number, and what the portal gets as qual[] */
    word event_base;
    word event_error, event_address;

    struct waiter waiter; /* in a semaphore's queue */
    struct timeout timeout;

    /* A revoke that is interrupted: whose space (a reference, 0 = none is under way), where to go on, and what to retire at its end. */
    struct pd *revoking;
    word progress;
    struct reclaim_item *notice;

    /* Typed items that are being moved: how far the message has come, of which this EC is the handler; and the new PD that is to get some. */
    struct transfer_place moved;
    struct pd *making;

    /* The place in a derivation tree of a revoke, a transfer or a move that is interrupted. */
    struct mapping cursor;

    /* Of OOM portals, see oom.h. */
    word oom_id;     /* the handler's second word */
    bool oom_failed; /* that handler died */
    bool oom_callee; /* the callee turned out to be short of memory: its OOM portal is next */

    /* Of a thread that has moved on, see migrate.h: */
    struct ec *successor;    /* where it goes on; 0 = it has not moved */
    struct sc *successor_sc; /* of the successor, as long as the move is not complete */
    word successor_name;     /* as long: selector whose table is held, for the thread's own name for itself */
    struct sc *left_sc;      /* what it ran on, and the handler still does */

    struct object *oom_portal; /* a reference, or 0 */
    word utcb_page;
    uint64_t time;       /* execution time, TSC ticks; see time_used */
    uint64_t time_read;  /* what ec_ctrl and sc_ctrl have told of it */
    struct list sibling; /* in pd->ecs */
};

/* ec_moved_type: of a thread that has moved on; what still names it names nothing that a hypercall could use. */
_Static_assert(offsetof(struct ec, blocked) - offsetof(struct ec, unfinished) == UNFINISHED_BLOCKED / 8, "the last byte");
_Static_assert(offsetof(struct ec, in_event) - offsetof(struct ec, involved) == 2, "the third byte");

extern const struct object_type ec_type, ec_moved_type;

/* What runs virtual CPUs; 0 = nothing. Set before the first EC is made. */
extern const struct virtualization_ops *virtualization;

/* Bits of an MTD that mean something for virtual CPUs (abi.md section 4). */
#define VCPU_MTD ((2 * (word)NOVA_MTD_XSAVE - 1) | NOVA_MTD_FPU)

struct ec_arguments {
    struct cpu *self; /* the calling CPU */
    struct pd *payer, *pd;
    struct cpu *cpu;
    enum ec_kind kind;
    word utcb_page, sp, event_base;
    inbox_handler arrive; /* ec_arrive */
};

/* Makes an EC including UTCB (or the area of a virtual CPU) and FPU area. NOVA_BAD_PAR: UTCB address in use; NOVA_QUO_OOM. */
enum nova_status ec_create(const struct ec_arguments *arguments, struct ec **result);

/* Memory for an EC in which this thread can go on on another CPU; 0 = the account is exhausted. ec_reserved_free: it is not needed. */
struct ec *ec_reserve(const struct ec *ec, struct cpu *cpu, inbox_handler arrive);
void ec_reserved_free(struct ec *reserved);

/*
 * The thread goes on in 'next' (ec_reserve), with registers, UTCB and a pending recall; ec keeps its place in the call chain alone. On its CPU. False = it is
 * dying, nothing has changed.
 */
bool ec_succeed(struct cpu *cpu, struct ec *ec, struct ec *next);

/* The idle EC of a CPU. */
struct ec *ec_create_idle(struct cpu *cpu, struct pd *pd, inbox_handler arrive);

/* The EC stops for good (its last capability went, or it was killed); any CPU, no locks held. */
void ec_stop(struct cpu *cpu, struct ec *ec);

/* Blocks the EC that runs / unblocks one; on its own CPU. */
static inline void ec_block(struct cpu *cpu, struct ec *ec, enum ec_wait why)
{
    ec->blocked = (uint8_t)why;
    cpu->pending |= PENDING_CHECK;
}
void ec_unblock(struct cpu *cpu, struct ec *ec);

/* Makes an EC's own CPU unblock it. */
void ec_wake(struct cpu *cpu, struct ec *ec);

/* Lets the SCs that sleep with this EC, the last one of its chain, look again what they can run. */
void ec_stir(struct cpu *cpu, struct ec *ec);

/* What the handler of an OOM portal gets beside its portal's id. */
static inline void oom_words(const struct ec *ec, struct ec *handler)
{
    handler->frame.arg[1] = ec->oom_id;
    handler->frame.arg[2] = ec->oom_reason;
}

/* The wait for an OOM portal is over: the hypercall is repeated. */
static inline void oom_end(struct ec *ec, bool failed)
{
    ec->oom_reason = 0;
    ec->oom_failed = failed;
    ec->todo = TODO_HYPERCALL;
}

/* Untyped words of the message of an event. */
static inline unsigned event_words(word mtd)
{
    enum { STATE_WORDS = (offsetof(struct nova_utcb, state.fpu) - offsetof(struct nova_utcb, state)) / sizeof(word) };
    return __builtin_expect_with_probability(mtd & NOVA_MTD_FPU, 0, 1) ? NOVA_UTCB_WORDS : STATE_WORDS;
}

/* Delivers the state of a virtual CPU as event 'event' does. On its CPU. */
static inline void vcpu_state_save(struct ec *ec, struct nova_state *state, word mtd, unsigned event)
{
    mtd &= VCPU_MTD;
    virtualization->save(&ec->frame, state, mtd, event);
    state->mtd = mtd;
    state->exit_reason = event;
}

/* Whether who waits for the reply to a call waits for more than a plain call on its CPU, or has more to do then than to return from it. */
static inline bool ec_waits_specially(const struct ec *ec)
{
    return sizeof(word) == sizeof ec->condition ? GLANCE(ec->condition) > EC_BUSY
                                                : GLANCE(ec->involved) > EC_BUSY || GLANCE(ec->unfinished);
}

/*
 * Last EC of the call chain; 0 = the chain is long: interrupts first (PENDING_WINDOW is set), then the same question again, which goes on where this one
 * stopped, unless the CPU has run user code or a chain has lost a member since.
 */
struct ec *ec_chain_walk(struct cpu *cpu, struct ec *from, enum chain_walk purpose);

static inline struct ec *ec_chain_end(struct cpu *cpu, struct ec *from, enum chain_walk purpose)
{
    struct ec *at = from;
    for (unsigned steps = 0; steps < 4; steps++, at = at->callee)
        if (!at->callee)
            return at;
    return ec_chain_walk(cpu, from, purpose);
}

#endif
