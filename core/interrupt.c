/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A level-triggered interrupt is masked when it comes and unmasked by the next down on its semaphore. Chaining changes under a lock of its own, above the
 * semaphores' locks; the semaphore that was the target keeps its memory through the reference until the grace period is over.
 */
#include "core/interrupt.h"

#include "hal/interrupt.h"

/* Objects are aligned so that capabilities have room for permissions in the address. */
static struct gsi_entry {
    struct signal signal;
} __attribute__((aligned(64))) * gsi_table;
static unsigned gsi_entries;
static struct spinlock chain_lock;

bool interrupt_init(struct pd *kernel)
{
    gsi_entries = gsi_count() < KERNEL_GSI_MAX ? gsi_count() : KERNEL_GSI_MAX;
    unsigned order = 0;
    while ((PAGE_SIZE << order) < gsi_entries * sizeof *gsi_table)
        order++;
    if (!(gsi_table = account_page_alloc(&kernel->account, order)))
        return false;
    for (unsigned gsi = 0; gsi < gsi_entries; gsi++) {
        semaphore_init_gsi(&gsi_table[gsi].signal, gsi, kernel);
        kernel_object[NOVA_CPUS + gsi].object = &gsi_table[gsi].signal.semaphore.object;
        kernel_object[NOVA_CPUS + gsi].permissions = NOVA_SM_ALL;
    }
    return true;
}

struct signal *interrupt_semaphore(unsigned gsi) { return gsi < gsi_entries ? &gsi_table[gsi].signal : 0; }

void interrupt_raise(struct cpu *cpu, unsigned gsi)
{
    struct signal *signal = interrupt_semaphore(gsi);
    if (!signal)
        return;
    if (gsi_is_level(gsi))
        gsi_mask(gsi, true);
    semaphore_up(cpu, &signal->semaphore);
}

void interrupt_unmask(struct signal *signal)
{
    if (gsi_is_level(signal->gsi))
        gsi_mask(signal->gsi, false);
}

void interrupt_chain(struct cpu *cpu, struct signal *signal, struct semaphore *target)
{
    if (target == &signal->semaphore || (target && !object_ref(&target->object)))
        target = 0;
    spin_lock(&chain_lock);
    struct semaphore *old = __atomic_exchange_n(&signal->target, target, __ATOMIC_ACQ_REL);
    word ups = 0;
    if (old) {
        spin_lock(&old->queue.lock);
        if (!list_empty(&signal->pending)) {
            list_remove(&signal->pending);
            old->counter--;
        }
        ups = signal->ups;
        signal->ups = 0;
        spin_unlock(&old->queue.lock);
    } else {
        spin_lock(&signal->semaphore.queue.lock);
        ups = signal->semaphore.counter;
        signal->semaphore.counter = 0;
        spin_unlock(&signal->semaphore.queue.lock);
    }
    spin_unlock(&chain_lock);
    if (old)
        object_unref(cpu, &old->object);
    for (; ups; ups--)
        semaphore_up(cpu, &signal->semaphore);
}
