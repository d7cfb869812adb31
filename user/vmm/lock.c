/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The lock of a machine: a counter, and a semaphore for those who have to wait. The supervisor takes it before it kills the machine's virtual CPUs, so no handler stops
 * for good while it holds it. Handlers that stop while they wait are let go by vm_lock_break; they finish one after the other, and then need no lock.
 */
#include "vmm.h"

int vm_lock_create(struct vm *vm)
{
    vm->lock = nova_selectors(1, 1);
    return !nova_create_sm(vm->lock, nova_pd, 0);
}

void vm_lock(struct vm *vm)
{
    if (__atomic_fetch_add(&vm->lock_count, 1, __ATOMIC_ACQUIRE) > 0)
        nova_sm_down(vm->lock, 0, 0);
}

void vm_unlock(struct vm *vm)
{
    if (__atomic_fetch_sub(&vm->lock_count, 1, __ATOMIC_RELEASE) > 1)
        nova_sm_up(vm->lock);
}

/* Held by the caller; the virtual CPUs are dead, their handlers may still be on their way. Each waits at most once more before it replies. */
void vm_lock_break(struct vm *vm)
{
    for (unsigned i = 0; i < VCPUS; i++)
        nova_sm_up(vm->lock);
}
