/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Words for scenarios: hypercalls of the thread that runs on a CPU, and the usual ways to make things. All run as whoever is current on the CPU.
 */
#ifndef TESTS_SCENARIO_H
#define TESTS_SCENARIO_H

#include "hosted.h"
#include "unit.h"

#include <nova/crd.h>
#include <nova/hypercall.h>
#include <nova/utcb.h>

/* Where scenarios put things in root's address space and object space. */
enum {
    SEL_PD = 32 + NOVA_ROOT_PD,
    SEL_EC = 32 + NOVA_ROOT_EC,
    SEL_SC = 32 + NOVA_ROOT_SC,
    SEL_FREE = 0x100,
    CODE = ROOT_TEXT /* an address that is mapped executable in root */
};
#define UTCB_AREA ((word)0x10000000)
#define ALL_ONES (~(word)0)
#define ANY_OBJECT nova_crd(NOVA_CRD_OBJ, 0, 31, NOVA_PERM_ALL)

static inline word object(word selector) { return nova_crd(NOVA_CRD_OBJ, selector, 0, NOVA_PERM_ALL); }

/* The status of the last hypercall's thread when it runs again on the CPU, and its results. */
word result_arg(unsigned cpu, unsigned number);

word call(unsigned cpu, word portal, unsigned flags);
word reply(unsigned cpu, word semaphore);
word create_pd(unsigned cpu, word selector, word parent, word crd, word lower, word upper);
word create_ec(unsigned cpu, word selector, word pd, unsigned on_cpu, word utcb, word sp, word evt, bool global);
word create_sc(unsigned cpu, word selector, word pd, word ec, unsigned priority, word quantum);
word create_pt(unsigned cpu, word selector, word pd, word ec, word mtd, word ip);
word create_sm(unsigned cpu, word selector, word pd, word count, word chain);
word revoke(unsigned cpu, word crd, unsigned flags, word sm, word pd);
word lookup(unsigned cpu, word crd); /* the result CRD; CHECKs SUCCESS */
word pt_ctrl(unsigned cpu, word portal, word id);
word sm_up(unsigned cpu, word sm);
word sm_down(unsigned cpu, word sm, unsigned flags, uint64_t deadline);
word pd_usage(unsigned cpu, word pd);
word pd_limit(unsigned cpu, word pd);

/* The UTCB at an address of the current thread's PD. */
struct nova_utcb *utcb_at(unsigned cpu, word address);

/* misc delegate of one item from PD source to PD destination through the UTCB of the current thread. */
word delegate(unsigned cpu, word utcb, word source, word destination, word crd, word control, word window);
/* From the kernel to root itself, same place. */
word take(unsigned cpu, word crd, unsigned flags);

/* UTCB address number n of those that scenarios use. */
static inline word utcb_address(unsigned n) { return UTCB_AREA + n * NOVA_PAGE_SIZE; }

/*
 * Threads of root with a number n: UTCB at utcb_address(n), SP = n, IP depends on n. The service (one per CPU, on CPU c with the UTCB 100 + c) is the local EC that
 * answers their startup events. A thread has its EC at selector and its SC at selector + 1.
 */
void thread_service(unsigned cpu, unsigned on_cpu, word selector);
void thread_make(unsigned cpu, unsigned on_cpu, word selector, word service, unsigned n, unsigned priority);

/* The number n of the thread that runs on the CPU, 0 = root. Plays the service while it runs. */
enum { IDLE = -1, SOMETHING_ELSE = -2 };
int running(unsigned cpu);

#endif
