/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The end of a protection domain: when its last capability goes, its threads stop and its object space is emptied, which may end other objects in turn; those
 * are settled by the loop that brought us here, not by recursion. Memory and ports go with the last reference. Both in bounded steps.
 */
#include "core/ec.h"

enum { STOP_STEPS = 8 };

/* Stops threads of a dying PD, some at a time; true = there are none left. */
static bool threads_stop(struct cpu *cpu, struct pd *pd)
{
    for (unsigned steps = 0; steps < STOP_STEPS; steps++) {
        spin_lock(&pd->ecs_lock);
        __atomic_store_n(&pd->dying, true, __ATOMIC_RELAXED);
        struct ec *ec = list_empty(&pd->ecs) ? 0 : CONTAINER(pd->ecs.next, struct ec, sibling);
        spin_unlock(&pd->ecs_lock);
        if (!ec)
            return true;
        ec_stop(cpu, ec); /* takes it off the list; its memory is good until we leave the kernel */
    }
    return false;
}

static enum settle pd_unnamed(struct cpu *cpu, struct object *object)
{
    struct pd *pd = CONTAINER(object, struct pd, object);
    if (pd->unreferenced)
        return pd_destroy(cpu, pd) ? SETTLE_FREED : SETTLE_AGAIN;
    return threads_stop(cpu, pd) && space_empty(cpu, &pd->spaces, NOVA_CRD_OBJ, &pd->progress, &pd->cursor) ? SETTLE_DONE
                                                                                                            : SETTLE_AGAIN;
}

static void pd_free(struct cpu *cpu, struct reclaim_item *item)
{
    struct pd *pd = CONTAINER(item, struct pd, object.item);
    pd->unreferenced = true;
    object_queue(cpu, &pd->object);
}

const struct object_type pd_type = {{pd_free}, NOVA_PD, SETTLE_BUDGET, pd_unnamed};
