/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * revoke, misc (lookup, delegate, suspend) and pd_ctrl: who holds what.
 */
#include "core/hypercall.h"
#include "core/transfer.h"

/*
 * Ups a semaphore when what a revoke freed is really free. It is retired behind the objects of the revoke, and once more for what those held in turn: an EC
 * its PD, and that its spaces.
 */
struct notice {
    struct reclaim_item item;
    struct semaphore *semaphore; /* a reference */
    struct pd *payer;            /* a reference */
    unsigned rounds;
};

enum { NOTICE_ROUNDS = 8 };

static void notice_free(struct cpu *cpu, struct reclaim_item *item)
{
    struct notice *notice = CONTAINER(item, struct notice, item);
    struct pd *payer = notice->payer;
    if (--notice->rounds) {
        reclaim_retire(cpu, item);
        return;
    }
    semaphore_up(cpu, notice->semaphore);
    object_unref(cpu, &notice->semaphore->object);
    slab_free(&payer->account, notice, sizeof *notice);
    object_unref(cpu, &payer->object);
}

static const struct reclaim_class notice_class = {notice_free};

static struct notice *notice_create(struct cpu *cpu, struct ec *ec, struct semaphore *semaphore)
{
    struct pd *payer = ec->pd;
    struct notice *notice = slab_alloc(&payer->account, sizeof *notice);
    if (!notice)
        return 0;
    if (!object_ref(&semaphore->object)) {
        slab_free(&payer->account, notice, sizeof *notice);
        return 0;
    }
    if (!object_ref(&payer->object)) {
        slab_free(&payer->account, notice, sizeof *notice);
        object_unref(cpu, &semaphore->object);
        return 0;
    }
    *notice = (struct notice){.item.class = &notice_class, .semaphore = semaphore, .payer = payer, .rounds = NOTICE_ROUNDS};
    return notice;
}

/* Selectors are looked at only once; the space is 0 if something is wrong, then *status says what. */
static struct pd *revoke_begin(struct cpu *cpu, struct ec *ec, const word *arg, unsigned *status)
{
    word selector = arg_selector(arg);
    struct pd *pd = arg_flags(arg) & NOVA_REVOKE_REMOTE ? FIND(pd, ec, arg[2], 0) : ec->pd;
    struct semaphore *semaphore = selector ? FIND(semaphore, ec, selector, NOVA_SM_UP_PERM) : 0;
    *status = NOVA_BAD_CAP;
    if (!pd || (selector && !semaphore))
        return 0;
    struct notice *notice = semaphore ? notice_create(cpu, ec, semaphore) : 0;
    *status = NOVA_QUO_OOM;
    if (semaphore && !notice)
        return 0;
    ec->notice = notice ? &notice->item : 0;
    ec->progress = 0;
    return pd;
}

/* Goes on after interrupts until all is done. */
unsigned hypercall_revoke(struct cpu *cpu, struct ec *ec, word *arg)
{
    unsigned flags = arg_flags(arg), status;
    struct pd *pd = ec->revoking ? ec->revoking : revoke_begin(cpu, ec, arg, &status);
    if (!pd)
        return status;
    enum revoke_result result =
        space_revoke(cpu, &pd->spaces, arg[1], flags & NOVA_REVOKE_SELF, flags & NOVA_REVOKE_KEEP, &ec->progress, &ec->cursor);
    /* What it took the names from has to be retired before the notice is. */
    if (result == REVOKE_AGAIN || (result == REVOKE_DONE && cpu->unnamed)) {
        /* It may have lost its last name by this very revoke: then there is nothing left to go on with. */
        if (!ec->revoking && object_ref(&pd->object))
            ec->revoking = pd;
        if (ec->revoking)
            return hypercall_again(cpu, ec);
    }
    if (__builtin_expect(cursor_parked(&ec->cursor), 0))
        cursor_drop(&ec->cursor);
    if (ec->revoking)
        object_unref(cpu, &pd->object);
    ec->revoking = 0;
    if (ec->notice)
        reclaim_retire(cpu, ec->notice);
    ec->notice = 0;
    return result == REVOKE_NO_MEMORY ? NOVA_QUO_OOM : NOVA_SUCCESS;
}

static unsigned misc_delegate(struct cpu *cpu, struct ec *ec, word *arg)
{
    struct pd *from = FIND(pd, ec, arg_selector(arg), 0), *to = FIND(pd, ec, arg[2], 0);
    if (!from || !to) {
        transfer_end(&ec->moved, &ec->cursor); /* they may have gone between two steps */
        return NOVA_BAD_CAP;
    }
    unsigned typed = items_typed(__atomic_load_n(&ec->utcb->items, __ATOMIC_RELAXED)), status;
    if (transfer_page(&from->spaces, &to->spaces, ec->utcb, typed, arg[1], &ec->moved, &status))
        return status;
    struct transfer transfer = {&from->spaces, &to->spaces, from->root, ec->utcb, 0, arg[1], arg[1], &ec->moved, &ec->cursor, 0};
    status = transfer_items(&transfer, typed);
    return status == TRANSFER_AGAIN ? hypercall_again(cpu, ec) : status;
}

unsigned hypercall_misc(struct cpu *cpu, struct ec *ec, word *arg)
{
    switch (arg_flags(arg)) {
    case NOVA_MISC_LOOKUP: arg[1] = space_lookup(&ec->pd->spaces, arg[1]); return NOVA_SUCCESS;
    case NOVA_MISC_DELEGATE: return misc_delegate(cpu, ec, arg);
    case NOVA_MISC_SUSPEND:
        /* Only root's own suspend semaphore would do; no platform of ours can sleep yet: "not possible". */
        return FIND(semaphore, ec, arg_selector(arg), 0) == kernel_suspend_semaphore && kernel_suspend_semaphore ? NOVA_BAD_PAR
                                                                                                                 : NOVA_BAD_CAP;
    default: return NOVA_BAD_PAR;
    }
}

unsigned hypercall_pd_ctrl(struct cpu *cpu, struct ec *ec, word *arg)
{
    (void)cpu;
    struct pd *pd = FIND(pd, ec, arg_selector(arg), 0);
    if (!pd)
        return NOVA_BAD_CAP;
    if (arg_flags(arg) & NOVA_PD_QUOTA_READ) {
        arg[1] = __atomic_load_n(&pd->account.quota.limit, __ATOMIC_RELAXED);
        arg[2] = __atomic_load_n(&pd->account.quota.used, __ATOMIC_RELAXED);
        return NOVA_SUCCESS;
    }
    struct pd *to = FIND(pd, ec, arg[1], 0);
    if (!to)
        return NOVA_BAD_CAP;
    return quota_move(&pd->account.quota, &to->account.quota, arg[2]) ? NOVA_SUCCESS : NOVA_BAD_PAR;
}
