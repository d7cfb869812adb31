/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Protection domain: three spaces and an account. Lives as long as it is named or something refers to it (its ECs, what its account paid for); when the last
 * capability goes, its threads stop and its object space is emptied.
 */
#ifndef CORE_PD_H
#define CORE_PD_H

#include "core/spaces.h"

struct pd {
    struct object object;
    struct spaces spaces;
    struct account account;
    struct mmu mmu;
    void *root_page;          /* of the host view; on the payer's account, as the PD itself */
    word cpus[CPU_SET_WORDS]; /* CPUs that may hold translations of mmu */
    struct spinlock ecs_lock; /* covers ecs */
    struct list ecs;          /* its ECs, by ec->sibling */
    word progress;            /* while it is going: where the emptying of its spaces goes on */
    struct mapping cursor;    /* ... in the tree that hangs there */
    uint8_t emptied;          /* ... and how many of them are empty */
    bool root;                /* may take from the kernel */
    bool dying;               /* the last capability is gone: no new ECs */
    bool unreferenced;        /* the last reference is gone, too, and a grace period */
};

extern const struct object_type pd_type;

/* A PD without quota, paid by payer (0 for the first one: straight from the pool); type: pd_type. 0 = payer's account is exhausted. */
struct pd *pd_create(struct pd *payer, const struct object_type *type);

/* A bounded step of the end of a PD without references: spaces are emptied, tables freed, the quota goes back to the payer. True = it is gone. */
bool pd_destroy(struct cpu *cpu, struct pd *pd);

/* The account that pays for an object made for this PD; takes the object's reference on its payer. False = the PD is dying. */
static inline bool pd_pay(struct pd *pd) { return object_ref(&pd->object); }

#endif
