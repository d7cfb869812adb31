/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the files share that do one random step: operation.c, creation.c and workers.c.
 */
#ifndef TESTS_MODEL_OPERATION_H
#define TESTS_MODEL_OPERATION_H

#include "model.h"

/* Pages that a step may need at most: with fewer left it may run short. */
enum { OOM_ROOM = 64 };

#define BIT(status) (1u << (status))

/* An account that cannot run short. */
extern const struct pages plenty;

/* A hypercall of the current thread of a CPU, counted. */
word do_hypercall(unsigned cpu, const word *arg);

/* The status is one of those that the model found reason for; 'payer' has so little left that memory may have been short. */
bool status_fits(word status, unsigned reasons, struct pages payer);

/* What a selector names, if it is of this kind with these permissions; else 0. */
struct unit *named(const struct domain *pd, word selector, unsigned kind, unsigned permissions);

/* The UTCB of a living EC. */
struct nova_utcb *utcb_of(const struct thing *ec);

/* Of shortage.c: takes all room in pages that an account has already, and gives it back. */
void account_stuff(const struct domain *pd);
void account_unstuff(void);

/*
 * Makes an account short; root's stays as it is. room - 1 = pages + SQUEEZE_PAGES * nodes: what is left of it; 0 = all. Returns the quota that was taken, for
 * loosen.
 */
enum { SQUEEZE_PAGES = 6 };
word account_squeeze(struct domain *pd, unsigned room);
void account_loosen(struct domain *pd, word taken);

/* Of creation.c, for other steps. */
struct pages pages_of(const struct unit *pd);
word room_of(struct pages pages);

/* forced: also what the test needs itself. */
void do_revoke(const struct operation *o, struct domain *me, bool forced);

/* Of workers.c: a worker is destroyed and made anew; root takes everything back; no page is lost. */
void worker_respawn(unsigned n);
void worker_clear(void);
void account_check(void);

/* The creating hypercalls. */
void do_create_pd(const struct operation *o, struct domain *me);
void do_create_ec(const struct operation *o, struct domain *me);
void do_create_sc(const struct operation *o, struct domain *me);
void do_create_pt(const struct operation *o, struct domain *me);
void do_create_sm(const struct operation *o, struct domain *me);

#endif
