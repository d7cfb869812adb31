/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Hypercalls that end at once and change nothing but an object (hal/upcall.h). They see the arguments alone, not the frame, and call no other function: each is
 * what a program pays for whenever it is not blocked. What they do not do, also every error, goes the general way. As there, no look at cpu->pending is needed.
 * An up for somebody who waits and a down of nothing end with the semaphore locked: that is what fast_switch.c begins with.
 */
#include "core/hypercall.h"

/* What a selector in ARG_1 names: the space that is active is that of the current EC. */
#define QUICK_FIND(kind, cpu, arg1, permissions)                                                                                   \
    ((struct kind *)object_space_find_inline(&(cpu)->space->spaces.objects, (arg1) >> 8, &kind##_type, permissions))

KERNEL_QUICK word kernel_quick_pt_ctrl(word arg1, word arg2, struct cpu *cpu)
{
    struct portal *portal = QUICK_FIND(portal, cpu, arg1, NOVA_PT_CTRL_PERM);
    if (!portal)
        return KERNEL_SLOW;
    POKE(portal->id, arg2);
    return NOVA_SUCCESS;
}

KERNEL_QUICK word kernel_quick_up(word arg1, word arg2, struct cpu *cpu)
{
    (void)arg2;
    struct semaphore *semaphore = QUICK_FIND(semaphore, cpu, arg1, NOVA_SM_UP_PERM);
    if (!semaphore || !wait_queue_try(&semaphore->queue))
        return KERNEL_SLOW;
    word result = KERNEL_SLOW;
    if (__builtin_expect(wait_queue_plain_empty(&semaphore->queue), 1)) {
        if (__builtin_expect(++semaphore->counter == 0, 0))
            semaphore->counter = ~(word)0;
        result = NOVA_SUCCESS;
    } else if (wait_queue_plain_filled(&semaphore->queue))
        return (word)semaphore; /* locked */
    spin_unlock(&semaphore->queue.lock);
    return result;
}

KERNEL_QUICK word kernel_quick_down(word arg1, word arg2, struct cpu *cpu)
{
    (void)arg2;
    struct semaphore *semaphore = QUICK_FIND(semaphore, cpu, arg1, NOVA_SM_DOWN_PERM);
    if (!semaphore || !wait_queue_try(&semaphore->queue))
        return KERNEL_SLOW;
    word counter = semaphore->counter;
    if (__builtin_expect(wait_queue_plain_empty(&semaphore->queue), 1)) {
        if (!counter)
            return (word)semaphore; /* locked */
        semaphore->counter = counter - 1;
        spin_unlock(&semaphore->queue.lock);
        return NOVA_SUCCESS;
    }
    if (!counter && wait_queue_plain_filled(&semaphore->queue))
        return (word)semaphore;
    spin_unlock(&semaphore->queue.lock);
    return KERNEL_SLOW;
}
