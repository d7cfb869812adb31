/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Counting. The list of unnamed objects goes through item.next, which nobody else uses before the object is retired.
 */
#include "core/object.h"

#include "core/lib/assert.h"

bool object_ref(struct object *object)
{
    uint32_t refs = __atomic_load_n(&object->refs, __ATOMIC_RELAXED);
    while (refs)
        if (__atomic_compare_exchange_n(&object->refs, &refs, refs + 1, true, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
            return true;
    return false;
}

void object_unref(struct cpu *cpu, struct object *object)
{
    ASSERT(__atomic_load_n(&object->refs, __ATOMIC_RELAXED));
    if (!__atomic_sub_fetch(&object->refs, 1, __ATOMIC_ACQ_REL))
        reclaim_retire(cpu, &object->item);
}

void object_drop(struct cpu *cpu, struct object **place)
{
    struct object *object = __atomic_exchange_n(place, 0, __ATOMIC_ACQ_REL);
    if (object)
        object_unref(cpu, object);
}

void object_unname(struct cpu *cpu, struct object *object)
{
    ASSERT(__atomic_load_n(&object->caps, __ATOMIC_RELAXED));
    if (!__atomic_sub_fetch(&object->caps, 1, __ATOMIC_ACQ_REL))
        object_queue(cpu, object);
}

void object_queue(struct cpu *cpu, struct object *object)
{
    object->item.next = cpu->unnamed ? &cpu->unnamed->item : 0;
    cpu->unnamed = object;
    cpu->pending |= PENDING_SETTLE;
}

bool object_settle(struct cpu *cpu)
{
    while (cpu->unnamed && cpu->work < WORK_MAX) {
        /* Off the list first: a step may put other objects there. */
        struct object *object = cpu->unnamed;
        struct reclaim_item *next = object->item.next;
        cpu->unnamed = next ? CONTAINER(next, struct object, item) : 0;
        const struct object_type *type = CONTAINER(object->item.class, const struct object_type, class);
        cpu_work(cpu, type->weight * (WORK_MAX / SETTLE_BUDGET));
        switch (type->unnamed(cpu, object)) {
        case SETTLE_AGAIN: object_queue(cpu, object); return false;
        case SETTLE_DONE: object_unref(cpu, object); break;
        case SETTLE_FREED: break;
        }
    }
    return !cpu->unnamed;
}
