/* SPDX-License-Identifier: MIT */
/*
 * Start of the program in C: the root EC becomes a nova_thread like every other one, then the program's nova_main runs.
 * Selectors are given out upward and never taken back: the object space is large, and what is revoked is simply empty.
 */
#include <user/lib/task.h>

const struct nova_hip *nova_hip;
nova_word nova_pd;

/* start.S runs nova_start on it. */
char nova_main_stack[NOVA_STACK_SIZE] __attribute__((aligned(NOVA_STACK_SIZE)));
static nova_word selectors_next;
static nova_word park_semaphore;

nova_word nova_selectors(nova_word count, nova_word align)
{
    nova_word next = __atomic_load_n(&selectors_next, __ATOMIC_RELAXED), first;
    do
        first = (next + align - 1) & ~(align - 1);
    while (!__atomic_compare_exchange_n(&selectors_next, &next, first + count, 0, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
    return first;
}

void nova_park(void)
{
    for (;;)
        nova_sm_down(park_semaphore, 0, 0);
}

void nova_start(unsigned long cpu, const struct nova_hip *hip)
{
    struct nova_thread *self = nova_self();

    nova_hip = hip;
    nova_pd = hip->sel_exc + NOVA_ROOT_PD;
    self->utcb = (struct nova_utcb *)((nova_word)hip - NOVA_PAGE_SIZE);
    self->cpu = cpu;
    self->ec = hip->sel_exc + NOVA_ROOT_EC;
    selectors_next = hip->sel_exc + NOVA_ROOT_CAPS;
    park_semaphore = nova_selectors(1, 1);
    nova_create_sm(park_semaphore, nova_pd, 0);

    nova_main(hip, (unsigned)cpu);
    nova_park();
}
