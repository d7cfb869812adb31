/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Call and reply in their common form, written out: same CPU, idle callee, no typed items, nothing else to do. Everything is looked at before anything is changed; if
 * one thing is not common, 0 is returned and kernel_hypercall does it all, with the same result. What other CPUs have left for this one does not have to be looked at:
 * they signal it, so it enters again at once; and between two entries cpu->pending is 0.
 */
#include "core/fast_event.h"
#include "core/ipc.h"
#include "core/lib/assert.h"
#include "core/resume.h"

/* The links of a call or reply; nothing of it can fail. */
static inline void fast_enter(struct cpu *cpu, struct ec *ec, struct portal *portal, struct ec *callee)
{
    callee->caller = ec;
    ec->callee = callee;
    POKE(callee->busy, true);
    callee->frame.arg[0] = GLANCE(portal->id);
    callee->frame.ip = portal->ip;
    POKE(cpu->current, callee);
    ec_resume(cpu, ec, callee, time_now());
}

static inline void fast_return(struct cpu *cpu, struct ec *ec, struct ec *caller)
{
    ec->caller = 0;
    POKE(ec->busy, false);
    caller->callee = 0;
    caller->frame.arg[0] = NOVA_SUCCESS;
    POKE(cpu->current, caller);
    ec_resume(cpu, ec, caller, time_now());
}

/* Looked at by the owner's threads, too: each look may see something else, so what is used is read once. */
static inline word message_words(const struct ec *ec) { return __atomic_load_n(&ec->utcb->items, __ATOMIC_RELAXED); }

/* Ends with the message. */
static inline struct frame *fast_message(const struct ec *from, struct ec *to, word items)
{
    to->utcb->items = items;
    to->frame.words = items;
    return words_copy(to->utcb->mr, from->utcb->mr, &to->frame);
}

/*
 * Ends with the address space. Who goes on by a fast return has run on this CPU before (a new handler's frame says RESUME_FULL), and with it the CPU has come into
 * the set of its PD.
 */
static inline struct frame *fast_space(struct cpu *cpu, const struct ec *from, struct ec *to)
{
    return __builtin_expect(from->pd == to->pd, 1) ? &to->frame : space_enter_again(cpu, to->pd, &to->frame);
}

/* What is less common: words into another PD, FPU state. False = it is something else. */
static inline bool rest_possible(const struct ec *from, const struct ec *to, word items)
{
    return items <= NOVA_UTCB_WORDS && !(from->frame.resume | to->frame.resume);
}

static inline struct frame *rest(struct cpu *cpu, struct ec *from, struct ec *to, word items)
{
    if (from->frame.fpu_used | to->frame.fpu_used)
        frame_switch(&from->frame, &to->frame);
    if (from->pd != to->pd)
        space_enter_again(cpu, to->pd, 0);
    return fast_message(from, to, items);
}

static __attribute__((noinline)) struct frame *call_rest(struct portal *portal, struct cpu *cpu)
{
    struct ec *ec = cpu->current, *callee = portal->ec;
    word items = message_words(ec);
    if (!rest_possible(ec, callee, items))
        return 0;
    fast_enter(cpu, ec, portal, callee);
    return rest(cpu, ec, callee, items);
}

static __attribute__((noinline)) struct frame *reply_rest(struct cpu *cpu)
{
    struct ec *ec = cpu->current, *caller = ec->caller;
    word items = message_words(ec);
    if (!rest_possible(ec, caller, items))
        return frame_marked(0);
    fast_return(cpu, ec, caller);
    return rest(cpu, ec, caller, items);
}

struct frame *kernel_call(struct cpu *cpu, word arg1)
{
    struct ec *ec = cpu->current;
    /* The space that is active is that of the EC that was resumed. */
    struct object *object = object_space_find_inline(&cpu->space->spaces.objects, arg1 >> 8, &portal_type, NOVA_PT_CALL_PERM);
    if (__builtin_expect(!object, 0))
        return 0;
    struct portal *portal = CONTAINER(object, struct portal, object);
    struct ec *callee = portal->ec;
    if (__builtin_expect(callee->cpu != cpu || GLANCE(callee->condition), 0))
        return 0;
    if (__builtin_expect(message_words(ec) | ec->frame.special | callee->frame.special, 0)) {
        word items = message_words(ec);
        if (ec->frame.special | callee->frame.special || items > NOVA_UTCB_WORDS || ec->pd != callee->pd)
            return call_rest(portal, cpu);
        fast_enter(cpu, ec, portal, callee);
        return fast_message(ec, callee, items);
    }
    callee->utcb->items = 0;
    fast_enter(cpu, ec, portal, callee);
    return fast_space(cpu, ec, callee);
}

struct frame *kernel_reply(struct cpu *cpu)
{
    /* Only a local EC has a caller. One of another CPU is blocked. */
    struct ec *ec = cpu->current, *caller = ec->caller;
    if (__builtin_expect(!caller, 0))
        return frame_marked(0);
    if (__builtin_expect(ec_waits_specially(caller) || cpu->helping, 0))
        return caller->kind == EC_VCPU ? fast_event_reply(cpu) : frame_marked(0);
    ASSERT(caller->cpu == cpu);
    if (__builtin_expect(message_words(ec) | ec->frame.special | caller->frame.special, 0)) {
        word items = message_words(ec);
        if (ec->frame.special | caller->frame.special || items > NOVA_UTCB_WORDS || ec->pd != caller->pd)
            return reply_rest(cpu);
        fast_return(cpu, ec, caller);
        return fast_message(ec, caller, items);
    }
    caller->utcb->items = 0;
    fast_return(cpu, ec, caller);
    return fast_space(cpu, ec, caller);
}
