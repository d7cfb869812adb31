/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * abi: a root task that judges a kernel by the interface's rules (abi.md sections 2, 3, 6, 7, 8) and prints TAP.
 * One file per subject. Everything runs on the root EC of the boot CPU unless a check is about threads; exceptions of the root
 * EC come to main.c, which records them and takes the root EC back to where probe() was called.
 */
#ifndef ABI_H
#define ABI_H

#include <user/lib/console.h>
#include <user/lib/event.h>
#include <user/lib/item.h>
#include <user/lib/memory.h>
#include <user/lib/string.h>
#include <user/lib/task.h>
#include <user/lib/x86.h>

/* ---- results ---- */

/* One line of TAP: ok if got == want. */
void check(const char *name, nova_word got, nova_word want);
static inline void check_true(const char *name, int condition) { check(name, !!condition, 1); }
/* The section of abi.md that the next checks are about, and a word of what; it stands before their names. */
void section(const char *name);
/* A comment line in the output. */
void remark(const char *text);

/* ---- exceptions of the root EC ---- */

enum { NO_EXCEPTION = 255, EVENT_DB = 1, EVENT_BP = 3, EVENT_OF = 4, EVENT_UD = 6, EVENT_GP = 13, EVENT_PF = 14, EVENT_MF = 16 };
enum {
    FLAG_CF = 1 << 0,
    FLAG_TF = 1 << 8,
    FLAG_IF = 1 << 9,
    FLAG_DF = 1 << 10,
    FLAGS_IOPL = 3 << 12,
    FLAG_NT = 1 << 14,
    FLAG_RF = 1 << 16,
    FLAG_VM = 1 << 17,
    FLAG_AC = 1 << 18,
    FLAG_VIF = 1 << 19,
    FLAG_VIP = 1 << 20,
    FLAG_ID = 1 << 21
};
enum { PF_PRESENT = 1, PF_WRITE = 2, PF_USER = 4, PF_FETCH = 16 };

struct event_record {
    nova_word vector, items, sp_at_entry;
    struct nova_state state; /* without the FPU part */
};
extern volatile struct event_record last_event;
extern volatile unsigned event_count;

/* What the exception handler does instead of returning to probe(), if not 0: it edits the state and sets mtd and items itself. */
extern void (*volatile event_action)(nova_word vector, struct nova_utcb *utcb);

/* Such an action: goes on behind a two-byte instruction that is undefined, and after any other exception where it was. */
void step_over(nova_word vector, struct nova_utcb *utcb);

/* Runs f(argument); returns NO_EXCEPTION, or the vector of the exception that ended it. */
nova_word probe(void (*f)(nova_word), nova_word argument);

/* Reads or writes an address, or jumps there; for probe(). */
void touch_read(nova_word address);
void touch_write(nova_word address);
void touch_execute(nova_word address);

/* Resets the FPU and loads a control word; for probe(). */
void touch_fpu(nova_word control_word);

/* Creates the root EC's portal of an event anew, with another MTD. */
void event_portal_set(unsigned vector, nova_word mtd);

/* ---- things to test with ---- */

enum { BOOT_QUANTUM = 10000, PATIENCE_MS = 2000 };

extern unsigned boot_cpu;
extern struct nova_utcb *root_utcb;
extern const struct nova_thread *event_handler; /* its EC serves the root EC's exceptions */

/* An empty selector; a created semaphore. */
nova_word new_selector(void);
nova_word new_semaphore(nova_word count);

/* A selector that ARG_1 can hold and no capability is at: beyond the object space, or (32 bit) its last one. */
static inline nova_word far_selector(void)
{
    nova_word last = (nova_word)-1 >> 8;
    return nova_hip->selectors < last ? nova_hip->selectors : last;
}

/* The capability at a selector: CRD, or 0. */
nova_word object_at(nova_word selector);

/* CRD of objects, all permissions. */
static inline nova_word objects(nova_word base, unsigned order) { return nova_crd(NOVA_CRD_OBJ, base, order, NOVA_PERM_ALL); }
static inline nova_word object(nova_word selector, unsigned perm) { return nova_crd(NOVA_CRD_OBJ, selector, 0, perm); }

/* A portal handler of this PD on a CPU, and a portal to it. */
struct nova_thread *new_handler(unsigned cpu);
nova_word new_portal(const struct nova_thread *handler, void (*entry)(void), nova_word id);

/* The entry of a portal whose handler takes nothing and answers nothing. */
void null_portal(void);

/* A thread on the boot CPU; exceptions and startup as for the root EC. */
struct nova_thread *new_thread(unsigned priority, void (*entry)(void *), void *argument);

/* Delegates one item (in the caller's UTCB) from PD to PD without a message: window and all permissions as given. */
enum nova_status grant(nova_word from, nova_word to, nova_word crd, nova_word control, nova_word window);

/* Milliseconds in TSC ticks; TSC value some milliseconds from now. */
uint64_t ticks_ms(unsigned ms);
uint64_t deadline_ms(unsigned ms);

/* Waits on a semaphore, but not for ever. */
enum nova_status wait_for(nova_word semaphore);

/* A free page-aligned address range of 2^order pages, aligned to its size, that nothing is mapped at. */
nova_word free_range(unsigned order);

/* ---- other CPUs ---- */

/* An online CPU that is not the boot CPU; -1: there is none. */
int second_cpu(void);

/* Event base with portals for startup and exceptions (crash reports) of threads on a CPU; made at the first call for each CPU. */
nova_word events_on(unsigned cpu);

/* The same, new, with the handler that serves them: for checks that replace portals. */
nova_word new_events(unsigned cpu, struct nova_thread **handler);

/* A handler, a thread on any CPU. */
struct nova_thread *handler_on(unsigned cpu);
struct nova_thread *thread_on(unsigned cpu, unsigned priority, void (*entry)(void *), void *argument);

/* Sleeps; the sleeper's CPU is free meanwhile. */
void sleep_ms(unsigned ms);

/* Waits, asleep, until a word has a value, but not for ever. */
void await(const volatile nova_word *word, nova_word value);

/* A thread's entry: counts until it is to stop. */
struct spinner {
    nova_word finished; /* semaphore for its end */
    volatile nova_word count, stop;
};
void spin(void *spinner);

/* Revokes capabilities, the caller's own too; drop_wait: and waits until what they named is really gone. */
void drop(nova_word selector, unsigned order);
void drop_wait(nova_word selector, unsigned order);

/* ---- children: PDs that have this program's code and data at the same addresses ---- */

struct child {
    nova_word pd;
    struct nova_thread *thread; /* if started */
};

/* Creates a PD with so many pages of kernel memory; the event portals of `events` at its selectors 0-31. */
struct child new_child(nova_word pages, nova_word events);

/* Gives it a capability of root, at the same selector. */
void child_give(const struct child *child, nova_word selector);

/* For threads that are not created yet: an out-of-memory portal; the same, if oom is not 0, and the thread's stack for another PD. */
void thread_oom_set(const struct nova_thread *thread, nova_word oom);
enum nova_status thread_lend(nova_word pd, const struct nova_thread *thread, nova_word oom);

/* A thread in it, on the boot CPU; oom: a portal for its EC's out-of-memory portal, or 0. */
void child_start(struct child *child, unsigned priority, void (*entry)(void *), void *argument, nova_word oom);

/* Ends and frees it. */
void child_end(struct child *child);

/* ---- subjects ---- */
void test_hip(void);
void test_entry(void);
void test_gates(void);
void test_edges(void);
void test_create(void);
void test_semaphore(void);
void test_ipc(void);
void test_object(void);
void test_memory(void);
void test_port(void);
void test_fault(void);
void test_event(void);
void test_thread(void);
void test_quota(void);
void test_cross(void);
void test_cross_events(void);
void test_schedule(void);
void test_domains(void);
void test_oom(void);
void test_undo(void);
void test_ranges(void);
void test_fpu_owner(void);
void test_interrupt(void);
void test_migrate(void);
void test_header(void);
void test_rules(void);
void test_msr(void);

/* ---- assembly (x86_64/probe.S, x86_32/probe.S) ---- */

/* Registers in the order of the assembly; what the port lacks stays 0. */
struct registers {
    nova_word ax, cx, dx, bx, sp, bp, si, di, r8, r9, r10, r11, r12, r13, r14, r15, flags;
};
#define REGISTERS_COMMON(X) X(ax) X(cx) X(dx) X(bx) X(bp) X(si) X(di)
#ifdef __x86_64__
#define REGISTERS(X) REGISTERS_COMMON(X) X(r8) X(r9) X(r10) X(r11) X(r12) X(r13) X(r14) X(r15)
#else
#define REGISTERS(X) REGISTERS_COMMON(X)
#endif
/* Something in each. */
void registers_fill(struct registers *r, nova_word seed);

nova_word probe_enter(void (*f)(nova_word), nova_word argument);
extern nova_word probe_sp;
void probe_return(void);

/* Loads all registers but sp, makes the hypercall that they describe, stores all registers. */
void hypercall_registers(struct registers *r);
/* The same with an undefined instruction (at undefined_ip) in the place of the hypercall. */
void undefined_registers(struct registers *r);
extern char undefined_ip[], hypercall_return_ip[];

#endif
