/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The schedule explorer: small programs of a few user threads on a few virtual CPUs (scenarios), run again and again; which CPU goes next is chosen anew at every
 * place where CPUs may meet, from a seed. main.c runs schedules in children of a machine that has booted, schedule.c chooses, actor.c plays the user threads,
 * build.c makes what scenarios need, inspect.c says what always has to be true.
 */
#ifndef TESTS_EXPLORER_H
#define TESTS_EXPLORER_H

#include "core/ec.h"
#include "core/pd.h"
#include "core/semaphore.h"
#include "hosted.h"

#include <nova/crd.h>
#include <nova/hypercall.h>
#include <nova/utcb.h>

enum { CPUS_MAX = 4, THREADS_MAX = 12, ACTORS_MAX = 40, FUNCTIONS_MAX = 96 };

struct scenario {
    const char *name;
    unsigned cpus;
    bool kills;            /* threads may be killed for events that nobody handles */
    void (*build)(void);   /* makes everything; root on CPU 0, nothing runs meanwhile */
    void (*root)(void);    /* what root does when its threads run, in its own coroutine; or 0 */
    void (*inspect)(void); /* after each step; or 0 */
    void (*end)(void);     /* when nothing is left to do: what has to be true; or 0 */
};
extern const struct scenario *scenario;

/* ---- main.c ---- */

_Noreturn void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
extern bool tracing;
void trace_place(unsigned cpu, const void *where);
void trace(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* ---- schedule.c: all choices come from one source ---- */

uint64_t choose_u64(void);
unsigned choose(unsigned limit); /* 0 .. limit - 1 */
static inline bool chance(unsigned one_in) { return choose(one_in) == 0; }

extern unsigned long schedule_steps, schedule_points; /* so far */
extern unsigned long schedule_length[2];              /* points of a usual run: atomic operations and hal, with all basic blocks */

/* The plain schedule changes CPUs only when one has nothing to do. */
void schedule_begin(uint64_t seed, bool plain);
/* Until root is alone, waiting for its deadline. */
void schedule_run(void);

/* ---- actor.c: a user thread or a guest, seen from inside ---- */

struct actor;
typedef word (*program)(void); /* a thread; a handler: returns the semaphore selector of its reply; a guest */

/* A number for a program: threads start with it as their SP, portals have its address as their IP. */
unsigned program_number(const char *name, program function);
word program_address(unsigned number);

/* Of the running program. */
unsigned my_cpu(void);
word my_argument(unsigned number); /* ARG_1 and on at entry: a portal's id */
word my_result(unsigned number);   /* ARG_1 and on after a hypercall */
struct thread *my_thread(void);
struct nova_utcb *my_utcb(void);
struct frame *my_frame(void);

word user_hypercall(unsigned number, unsigned flags, word selector, word arg2, word arg3, word arg4, word arg5);
void user_pause(void);
bool user_access(word address, unsigned rights); /* a read or write now; false = it would fault */
void user_fault(word address, unsigned rights);  /* reads or writes until that succeeds, with page faults */
void user_exception(unsigned vector);

word user_call(word portal, unsigned flags);
word user_up(word semaphore);
word user_down(word semaphore, unsigned flags, uint64_t deadline);
word user_revoke(word crd, unsigned flags, word semaphore, word pd);
word user_destroy(word selector); /* revokes it, with root's own */
word user_delegate(word from, word to, word crd, unsigned flags, word hotspot);

/* Another SC for the thread. */
void sc_create(word selector, const struct thread *thread, word qpd);

/*
 * Recalls: their handler counts them (recalled). recalled_often does some work again and again until all RECALLS have come; user_recall asks for one, the answer is one of the good ones
 * (a bit for each status), and waits until it has come; recalls_end when there are no more.
 */
enum { RECALLS = 2 };
extern unsigned recalled;
void recalls_begin(void);
void user_recall(const struct thread *thread, bool state, unsigned good);
word recalls_end(void);
word recalled_often(program work);

/* Of a guest. */
void guest_event(unsigned event, uint64_t address);   /* exits; until it runs again */
bool guest_access(uint64_t address, unsigned rights); /* a read or write now; false = it would exit */
void guest_fault(uint64_t address, unsigned rights);  /* reads or writes until that succeeds, with nested page faults */

/* For schedule.c: the thread that runs on a CPU does its next step, up to its entry into the kernel. */
void actor_step(unsigned cpu);
const char *actor_name(const struct frame *frame);
void actor_reset(void);
void actor_watch(void); /* whose EC has died meanwhile, or goes on as another one on another CPU */

/* ---- build.c: root's hypercalls one at a time ---- */

enum {
    ROOT_SELECTOR = 32,
    SERVICE = 0x60, /* + cpu: answers startup, recall and page faults of threads */
    SLEEP = 0x70,   /* a semaphore that nobody raises */
    EVENTS = 0x80,  /* + 32 * cpu: event base */
    MADE = 0x1000,  /* what a scenario makes */
    MADE_ORDER = 12,
    HALT = 0x78,  /* a guest's last exit */
    PAGE = 0x5200 /* memory that root takes for scenarios: 8 pages */
};

struct thread {
    const char *name;
    unsigned cpu, priority;
    word ec_selector, sc_selector; /* two apart; what is between is not used */
    word pd, events;               /* event base */
    struct ec *ec;                 /* 0 = its memory is free */
    word argument;
    bool started;    /* root has made its SC */
    bool ended;      /* its program is over */
    bool expendable; /* it need not end, even while it has its capabilities */
    bool replaced;   /* somebody else makes its EC or SC, too */
};
extern struct thread threads[THREADS_MAX];
extern unsigned thread_count;

extern uint64_t root_deadline; /* root waits for it when it has done its part */

void machine_build(void);  /* once for a machine */
void scenario_build(void); /* scenario->build, and root's part */
void scenario_clear(void); /* root destroys everything */
struct usage {
    word used, limit, pages;
};
struct usage usage_now(void);

word root_do(unsigned number, unsigned flags, word selector, word arg2, word arg3, word arg4, word arg5);
void must(word status);
word new_selector(void);            /* of two */
word new_selectors(unsigned order); /* aligned */
word make_pd(unsigned quota);
word make_inner_pd(word parent, unsigned quota);
void leave_quota(word pd, unsigned pages); /* the rest goes back to root */
void make_event(word handler, unsigned cpu, unsigned event, const char *name, program function);
void set_window(word handler, word crd); /* where it receives delegated items */
word make_handler(unsigned cpu, word pd, word oom_portal);
word make_portal(word pd, word handler, const char *name, program function, word id);
word make_semaphore(word pd, word count, word chain);
extern word next_oom_portal; /* of the thread or guest that is made next; 0 = none */
struct thread *make_thread(const char *name, unsigned cpu, word pd, program function, word argument);
/* With an event base of its own: a copy of the portals that all threads of its CPU have. */
struct thread *make_mover(const char *name, unsigned cpu, word pd, program function, word argument);
/* A virtual CPU; its first and its last event have portals to a service. Others by put_event, with the thread's number as id. */
struct thread *make_guest(const char *name, unsigned cpu, word pd, program function);
void put_event(const struct thread *thread, unsigned event, word handler, word mtd, const char *name, program function);
void give(word pd, word selector);                /* root's object, at the same selector */
void replace(word pd, word place, word selector); /* root's object instead of what may be there */
void give_memory(word from, word to, word page, word to_page, unsigned order, unsigned rights);
void give_ports(word port, unsigned order); /* from the kernel to root */
struct object *object_of(word selector);
bool thread_gone(const struct thread *thread); /* it has lost its EC or SC, or was killed: it need not end */
struct ec *ec_of_selector(word selector);
struct semaphore *semaphore_of(word selector);
extern word (*recall_hook)(void); /* plays the recall handler */
extern word (*pager)(void);       /* plays the page fault handler; 0 = page faults are not expected */

/* ---- inspect.c ---- */

void inspect_begin(void);
void inspect_know(struct ec *ec);                   /* a handler that the scenario has made */
void inspect_enter(unsigned cpu);                   /* before the CPU enters the kernel */
void inspect_step(unsigned cpu);                    /* whenever it gives way or leaves */
bool inspect_delicate(unsigned cpu);                /* it is at a place where others should have much time */
void inspect_ended(void);                           /* nobody waits for ever; the log is as it should be */
void inspect_cpu(unsigned cpu);                     /* what is true when a CPU has left the kernel */
void inspect_queue(word selector);                  /* the waiters of a semaphore come and go in order */
bool left_out_of_turn(const struct thread *thread); /* it last left the queue before somebody who had come earlier */

#endif
