/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a thread of the random test does next, and the arguments it gives.
 */
#include "random.h"

#include <stdio.h>
#include <string.h>

word random_word(struct random_state *random)
{
    static const word extremes[] = {0,
                                    1,
                                    2,
                                    0xfff,
                                    0x1000,
                                    NOVA_USER_LIMIT - 1,
                                    NOVA_USER_LIMIT,
                                    NOVA_USER_LIMIT - 0x1000,
                                    ~(word)0,
                                    (word)1 << 63,
                                    0x7fffffff,
                                    0xffffffff,
                                    (word)1 << 32,
                                    (word)1 << 52,
                                    ~(word)0xfff};
    switch (random_below(random, 4)) {
    case 0: return extremes[random_below(random, sizeof extremes / sizeof *extremes)];
    case 1: return random_u64(random) >> random_below(random, 64);
    case 2: return (word)1 << random_below(random, 64);
    default: return random_below(random, 1000);
    }
}

word random_selector(struct random_state *random)
{
    unsigned choice = random_below(random, 20);
    if (choice == 0)
        return random_word(random);
    if (choice == 1)
        return random_below(random, 1 << 24);
    if (choice < 6)
        return O_SM + random_below(random, 8);
    if (choice < 8)
        return O_PORTAL + random_below(random, 8);
    return random_below(random, O_END);
}

word random_crd(struct random_state *random)
{
    unsigned perm = random_below(random, 3) ? NOVA_PERM_ALL : random_below(random, 32);
    switch (random_below(random, 8)) {
    case 0: return random_word(random);
    case 1: return 0;
    case 2: return nova_crd(NOVA_CRD_PIO, random_below(random, 1 << 17), random_below(random, 18), perm);
    case 3:
    case 4:
        return nova_crd(NOVA_CRD_MEM, MEMORY + random_below(random, 1 << (MEMORY_ORDER + 1)),
                        random_below(random, MEMORY_ORDER + 2), perm);
    case 5: return nova_crd(NOVA_CRD_MEM, random_word(random) >> 12, random_below(random, 32), perm);
    default:
        return nova_crd(NOVA_CRD_OBJ, random_selector(random),
                        random_below(random, 10) ? random_below(random, 3) : random_below(random, 32), perm);
    }
}

word random_call(struct random_state *random, unsigned cpu, word arg1, word arg2, word arg3, word arg4, word arg5)
{
    struct frame *frame = cpu_frame(cpu);
    random_trace("cpu %u frame %p: hypercall %u flags %u selector %#lx: %#lx %#lx %#lx %#lx", cpu, (void *)frame,
                 (unsigned)arg1 & 15, (unsigned)arg1 >> 4 & 15, arg1 >> 8, arg2, arg3, arg4, arg5);
    word status = hypercall(cpu, arg1, arg2, arg3, arg4, arg5);
    random->calls++;
    /* After a reply the same EC may have been entered again: ARG_1 is a portal id then. */
    bool back = status != BLOCKED && (arg1 & 15) != NOVA_REPLY;
    if (back && status > NOVA_QUO_OOM)
        random_fail("a status out of range");
    random->status[back ? status : STATUSES - 1]++;
    return status;
}

/* The UTCB of the running thread: one of those that root made, found by the stack pointer. */
static struct nova_utcb *own_utcb(unsigned cpu)
{
    word sp = cpu_frame(cpu)->sp;
    return sp >= UTCB_BASE && sp < UTCB_BASE + 0x100000 ? user_try(cpu, sp & ~(word)0xfff, MMU_READ | MMU_WRITE) : 0;
}

static void utcb_fill(struct random_state *random, unsigned cpu)
{
    struct nova_utcb *utcb = own_utcb(cpu);
    if (!utcb)
        return;
    unsigned typed = random_below(random, 3) ? random_below(random, 3) : 0;
    utcb->items = random_below(random, 20) ? nova_items(random_below(random, 100), typed) : random_word(random);
    utcb->xlt = random_crd(random);
    utcb->del = random_crd(random);
    for (unsigned i = 0; i < 3; i++)
        *nova_item(utcb, i) = (struct nova_item){random_crd(random), random_word(random) << 12 | random_below(random, 1 << 12)};
    if (random_below(random, 2)) {
        utcb->state.mtd = random_below(random, 3) ? NOVA_MTD_IP : random_word(random);
        utcb->state.ip = THREAD_IP;
        utcb->state.sp = cpu_frame(cpu)->sp;
    }
}

static void hypercall_random(struct random_state *random, unsigned cpu)
{
    unsigned number = random_below(random, NOVA_HYPERCALLS);
    word flags = random_below(random, 3) ? random_below(random, 4) : random_below(random, 16);
    word arg[4];
    /* Calls and semaphores are what matters most. */
    if (random_below(random, 3) == 0)
        number = random_below(random, 2) ? NOVA_CALL : NOVA_SM_CTRL;
    for (unsigned i = 0; i < 4; i++)
        arg[i] = random_below(random, 3)   ? random_selector(random)
                 : random_below(random, 2) ? random_crd(random)
                                           : random_word(random);
    switch (number) {
    case NOVA_REVOKE:
    case NOVA_MISC:
        if (random_below(random, 4))
            arg[0] = random_crd(random);
        break;
    case NOVA_CREATE_PD:
        if (random_below(random, 2))
            arg[2] = nova_quota(random_below(random, 4), random_below(random, 20));
        break;
    case NOVA_CREATE_EC:
        if (random_below(random, 4))
            arg[1] = (UTCB_BASE + 0x100000 + random_below(random, 8) * 0x1000) | random_below(random, CPUS);
        break;
    case NOVA_CREATE_SC:
        if (random_below(random, 4))
            arg[2] = nova_qpd(1 + random_below(random, 8), 1 + random_below(random, 2000));
        break;
    case NOVA_SM_CTRL:
        if (random_below(random, 3) == 0) {
            arg[0] = machine_time() >> 32;
            arg[1] = (machine_time() & 0xffffffff) + random_below(random, 1000000);
        } else if (random_below(random, 2))
            arg[0] = arg[1] = 0;
        break;
    }
    word selector = random_below(random, 8) ? random_selector(random) : random_word(random);
    random_call(random, cpu, nova_arg1(number, (unsigned)flags, selector), arg[0], arg[1], arg[2], arg[3]);
}

void random_step(struct random_state *random, unsigned cpu)
{
    struct frame *frame = cpu_frame(cpu);
    unsigned choice = random_below(random, 100);
    if (choice < 2)
        machine_advance(random_below(random, 3000000));
    else if (!frame)
        cpu_enter(cpu, ENTER_CONTINUE, 0, 0, 0);
    else if (frame->resume == RESUME_IDLE)
        return;
    else if (choice < 5) {
        random_trace("cpu %u frame %p: exception", cpu, (void *)frame);
        exception(cpu, random_below(random, 30), random_word(random), random_word(random));
    } else if (choice < 8)
        user_touch(cpu, random_below(random, 2) ? random_word(random) : (word)(MEMORY + random_below(random, 64)) << 12,
                   1u << random_below(random, 3));
    else if (choice < 10)
        user_port(cpu, random_below(random, 65536));
    else if (choice < 12)
        frame->ip = random_word(random); /* where the next hypercall returns to */
    else if (choice < 30)
        utcb_fill(random, cpu);
    else if (frame->ip == HANDLER_IP && choice < 60) {
        utcb_fill(random, cpu);
        random_call(random, cpu, nova_arg1(NOVA_REPLY, 0, random_below(random, 4) ? 0 : O_SM + random_below(random, 8)), 0, 0, 0,
                    0);
    } else
        hypercall_random(random, cpu);
}
