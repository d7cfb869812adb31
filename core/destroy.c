/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The end of a protection domain: when its last capability goes, its threads stop and its object space is emptied, which may end other objects in turn; those
 * are settled by the loop that brought us here, not by recursion. Memory and ports go with the last reference.
 */
#include "core/ec.h"

static void pd_unnamed(struct cpu *cpu, struct object *object)
{
    struct pd *pd = CONTAINER(object, struct pd, object);
    struct ec *ec;
    do {
        spin_lock(&pd->ecs_lock);
        pd->dying = true;
        ec = list_empty(&pd->ecs) ? 0 : CONTAINER(pd->ecs.next, struct ec, sibling);
        spin_unlock(&pd->ecs_lock);
        if (ec)
            ec_stop(cpu, ec); /* takes it off the list; its memory is good until we leave the kernel */
    } while (ec);
    space_empty_objects(cpu, &pd->spaces);
}

static void pd_free(struct cpu *cpu, struct reclaim_item *item) { pd_destroy(cpu, CONTAINER(item, struct pd, object.item)); }

const struct object_type pd_type = {{pd_free}, NOVA_PD, pd_unnamed};
