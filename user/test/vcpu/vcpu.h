/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Frame of the tests of virtual CPUs: each runs one small guest in a protection domain of its own. The events of all guests come to one handler, which calls the
 * action of the running test; that looks at the state, changes it for the reply, or ends the test.
 */
#ifndef USER_TEST_VCPU_H
#define USER_TEST_VCPU_H

#include <user/lib/console.h>
#include <user/lib/item.h>
#include <user/lib/memory.h>
#include <user/lib/string.h>
#include <user/lib/task.h>
#include <user/lib/x86.h>

/* Guest memory: pages 0 .. GUEST_PAGES-1 are mapped when a guest starts; code lies at CODE. */
enum { GUEST_PAGES = 4, CODE = 0x1000, TABLES = 0x2000, DATA = 0x3000 };
enum { PAGE = 4096 };

/* Numbers of events that both kinds of hardware have: AMD APM vol. 2, appendix C; Intel SDM vol. 3, appendix C. */
#define EVENT_OF(svm, vmx) (is_svm ? (svm) : (vmx))
#define EVENT_AC EVENT_OF(0x51, 0)
#define EVENT_WINDOW EVENT_OF(0x64, 7)
#define EVENT_CPUID EVENT_OF(0x72, 10)
#define EVENT_HLT EVENT_OF(0x78, 12)
#define EVENT_IO EVENT_OF(0x7b, 30)
#define EVENT_MSR_READ EVENT_OF(0x7c, 31)
#define EVENT_MEMORY EVENT_OF(NOVA_VM_NPT_FAULT, 48)
#define EVENT_INVALID EVENT_OF(NOVA_VM_INVALID_STATE, 33)

typedef void (*guest_action)(unsigned event, struct nova_utcb *utcb);

extern int is_svm;
extern int in_real_time;       /* 'parallel': ticks are not instructions */
extern int has_vtlb;           /* guests without paging run on the vTLB: 'vtlb' or 'noreal' is among the arguments */
extern int has_real_mode;      /* not with VMX on the vTLB */
extern int has_ept;            /* guests with paging run on EPT */
extern int in_qemu;            /* the machine is QEMU's interpreter */
extern unsigned test_cpu;      /* where guests run */
extern uint8_t *guest_memory;  /* GUEST_PAGES pages, then one more that tests map themselves */
extern nova_word vm_pd, vm_ec; /* of the running guest */
extern volatile unsigned event_count[NOVA_EVENTS_VM];
extern volatile unsigned last_event;
extern struct nova_state last_state; /* as the last event delivered it */

/* TAP. */
void check(const char *name, uint64_t got, uint64_t want);
void remark(const char *text);

/* Copies code to CODE, starts a guest whose events go to action, and returns when the action has called guest_done (or time is up: a failed check). */
void guest_run(const char *name, const void *code, size_t size, guest_action action);

/* The same in steps. */
void guest_start(const void *code, size_t size, guest_action action);
void guest_wait(const char *name);
void guest_end(void);

/* Waits until a guest that counts in the word at DATA has begun to. */
void guest_counts(const char *name);

/* From an action: the guest is not to go on; what the action was called with can be looked at in last_state. Does not return. */
__attribute__((noreturn)) void guest_done(void);

/*
 * State of a processor in real mode at CODE with the intercepts that the tests need; goes into the reply. Where there is no real mode: in protected mode with
 * segments as in real mode. REAL_CR0: its CR0.
 */
#define REAL_CR0 (has_real_mode ? 0x10 : 0x11)
void state_real_mode(struct nova_state *state);
/* An interrupt or exception vector of such a guest leads to CODE + offset. */
void state_vector(unsigned vector, unsigned offset);
/* 32-bit protected mode without paging, flat. */
void state_flat(struct nova_state *state);
/* 64-bit mode with 2 MiB mapped 1:1 by tables at TABLES, DATA and 0 (x86_64). */
void state_long(struct nova_state *state);

/* The instruction that caused the event is done. */
static inline void state_skip(struct nova_state *state, unsigned length)
{
    state->ip += length;
    state->mtd = NOVA_MTD_IP;
}

/* A page of guest_memory into the guest at this page number. */
void guest_map(unsigned from, nova_word to, unsigned permissions);

/* The tests, by file. */
void test_basics(void);
void test_interrupts(void);
void test_memory(void);
void test_modes(void);
void test_control(void);
void test_transfer(void);
void test_special(void);
void test_sweep(void);
void test_garbage(unsigned rounds);

#endif
