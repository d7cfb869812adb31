/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The common head of the five kernel objects: two counts, the type, and the account that paid.
 * caps = capabilities that name the object; when the last one goes, the type's 'unnamed' stops it. refs = pointers to it that outlive a kernel entry (all
 * capabilities together are one); when the last one goes, it is freed after a grace period. A pointer found in an object space is good until the kernel is left.
 */
#ifndef CORE_OBJECT_H
#define CORE_OBJECT_H

#include "core/reclaim.h"

struct object {
    uint32_t refs, caps;
    struct reclaim_item item; /* its class is the object's type */
    struct pd *payer;         /* a reference: the account that paid lives as long as the object */
};

/* What is left to do for an object after a bounded step. */
enum settle {
    SETTLE_DONE,  /* nothing: the reference of the capabilities can go */
    SETTLE_AGAIN, /* more: call again, interrupts come in between */
    SETTLE_FREED  /* the object is no more */
};

/* One kernel entry does as many steps as fit; the dearest is that of a PD. */
enum { SETTLE_BUDGET = 16 };

struct object_type {
    struct reclaim_class class; /* must be first */
    uint8_t number;             /* enum nova_object_type */
    uint8_t weight;             /* what a step of 'unnamed' takes of SETTLE_BUDGET */
    enum settle (*unnamed)(struct cpu *cpu,
                           struct object *object); /* the last capability is gone; called without locks, does a bounded step */
};

/* A new object: one reference, for its capabilities. payer's own reference is the caller's business. */
static inline void object_init(struct object *object, const struct object_type *type, struct pd *payer)
{
    object->refs = 1;
    object->caps = 0;
    object->item.class = &type->class;
    object->payer = payer;
}

static inline bool object_is(const struct object *object, const struct object_type *type)
{
    return GLANCE(object->item.class) == &type->class;
}

/* From now on no hypercall finds an object of its former type in it. The types end it in the same way. */
static inline void object_retype(struct object *object, const struct object_type *type)
{
    __atomic_store_n(&object->item.class, &type->class, __ATOMIC_RELEASE);
}

/* Takes another reference; false = the last one is gone already. */
bool object_ref(struct object *object);
void object_unref(struct cpu *cpu, struct object *object);

/* Takes a reference out of the place where it is kept, and drops it. Several CPUs may try. */
void object_drop(struct cpu *cpu, struct object **place);

/* One more capability names the object. Only while another does, or when it is new. */
static inline void object_name(struct object *object) { __atomic_fetch_add(&object->caps, 1, __ATOMIC_RELAXED); }

/* One capability less. The last one puts the object on cpu->unnamed; object_settle does the rest before this CPU runs user code again. */
void object_unname(struct cpu *cpu, struct object *object);

/* A new object that gets no capability goes the way of any that has lost its last one. */
static inline void object_discard(struct cpu *cpu, struct object *object)
{
    object_name(object);
    object_unname(cpu, object);
}

/* Puts an object on cpu->unnamed: its type's 'unnamed' is called until it is done. */
void object_queue(struct cpu *cpu, struct object *object);

/* A bounded amount of what the objects on cpu->unnamed need; without locks. True = nothing left. */
bool object_settle(struct cpu *cpu);

#endif
