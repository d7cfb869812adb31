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

/* What an argument of a hypercall is; a good one is given most of the time. */
enum kind { NONE, NEW, PD, LOCAL, GLOBAL, ANY_EC, SC, PORTAL, SM, SM_OR_0, CRD, QUOTA, PLACE, ANY, PRIORITY, SMALL, IP, DEADLINE };

static const struct {
    uint8_t weight, flags; /* how often; mask of the flags that are tried mostly */
    uint8_t kind[5];       /* of the selector and ARG_2 to ARG_5 */
} calls[NOVA_HYPERCALLS] = {
    [NOVA_CALL] = {30, 1, {PORTAL}},
    [NOVA_REPLY] = {4, 0, {SM_OR_0}},
    [NOVA_CREATE_PD] = {2, 0, {NEW, PD, CRD, QUOTA}},
    [NOVA_CREATE_EC] = {4, 1, {NEW, PD, PLACE, ANY, ANY}},
    [NOVA_CREATE_SC] = {3, 0, {NEW, PD, GLOBAL, PRIORITY}},
    [NOVA_CREATE_PT] = {4, 0, {NEW, PD, LOCAL, ANY, IP}},
    [NOVA_CREATE_SM] = {4, 0, {NEW, PD, SMALL, SM_OR_0}},
    [NOVA_REVOKE] = {3, 7, {SM_OR_0, CRD, PD}},
    [NOVA_MISC] = {8, 1, {PD, CRD, PD}},
    [NOVA_EC_CTRL] = {8, 7, {ANY_EC, SMALL, ANY}},
    [NOVA_SC_CTRL] = {1, 0, {SC}},
    [NOVA_PT_CTRL] = {2, 0, {PORTAL, SMALL}},
    [NOVA_SM_CTRL] = {24, 3, {SM, DEADLINE, DEADLINE}},
    [NOVA_ASSIGN_PCI] = {1, 0, {PD}},
    [NOVA_ASSIGN_GSI] = {1, 7, {SM}},
    [NOVA_PD_CTRL] = {3, 2, {PD, PD, SMALL}},
};

static word argument(struct random_state *random, unsigned cpu, unsigned kind)
{
    if (random_below(random, 10) == 0)
        return random_below(random, 3)   ? random_selector(random)
               : random_below(random, 2) ? random_crd(random)
                                         : random_word(random);
    unsigned any_cpu = random_below(random, 4) ? cpu : 1 + random_below(random, CPUS - 1);
    switch ((enum kind)kind) {
    case NONE: return 0;
    case NEW: return O_END + random_below(random, 0x100 - O_END);
    case PD: return random_below(random, 8) ? O_PD + random_below(random, PDS) : O_END + random_below(random, 0x100 - O_END);
    case LOCAL: return O_LOCAL + 2 * any_cpu + random_below(random, PDS);
    case GLOBAL: return random_below(random, 4) ? O_GLOBAL + 3 * any_cpu + random_below(random, 3) : O_VCPU + any_cpu;
    case ANY_EC: return argument(random, cpu, random_below(random, 2) ? LOCAL : GLOBAL);
    case SC: return O_SC + 3 * any_cpu + random_below(random, 3);
    case PORTAL: return O_PORTAL + 2 * (any_cpu - 1) + random_below(random, PDS);
    case SM_OR_0:
        if (random_below(random, 2))
            return 0;
        return O_SM + random_below(random, 8);
    case SM: return O_SM + random_below(random, 8);
    case CRD: return random_crd(random);
    case QUOTA: return nova_quota(random_below(random, 4), random_below(random, 20));
    case PLACE:
        /* Sometimes that of a virtual CPU. */
        return random_below(random, 4) ? (UTCB_BASE + 0x100000 + random_below(random, 8) * 0x1000) | any_cpu : any_cpu;
    case PRIORITY: return nova_qpd(1 + random_below(random, 8), 1 + random_below(random, 2000));
    case SMALL: return random_below(random, 5);
    case IP: return HANDLER_IP;
    case DEADLINE: return random_below(random, 2) ? 0 : (machine_time() & 0xffffffff) + random_below(random, 1000000);
    case ANY: break;
    }
    return random_word(random);
}

static void hypercall_random(struct random_state *random, unsigned cpu)
{
    unsigned weights = 0, number = 0, pick;
    for (unsigned i = 0; i < NOVA_HYPERCALLS; i++)
        weights += calls[i].weight;
    for (pick = random_below(random, weights); pick >= calls[number].weight; number++)
        pick -= calls[number].weight;
    unsigned flags = (unsigned)random_u64(random) & (random_below(random, 10) ? calls[number].flags : 15);
    word arg[5];
    for (unsigned i = 0; i < 5; i++)
        arg[i] = argument(random, cpu, calls[number].kind[i]);
    if (number == NOVA_SM_CTRL && flags & NOVA_SM_DOWN)
        arg[1] = machine_time() >> 32;
    random_call(random, cpu, nova_arg1(number, flags, arg[0]), arg[1], arg[2], arg[3], arg[4]);
}

/* A handler moves the thread that it serves, or some other one, to another CPU, with names for it that it makes first: EC, OOM portal, SC in a row. */
static void migrate_random(struct random_state *random, unsigned cpu)
{
    unsigned n = random_below(random, 3), to = 1 + random_below(random, CPUS - 1), pd = random_below(random, PDS);
    word names = random_below(random, 10) ? 0xf0 + 4 * cpu : O_GLOBAL + 3 * cpu + n;
    struct nova_utcb *utcb = own_utcb(cpu);
    if (!utcb)
        return;
    random_call(random, cpu, nova_arg1(NOVA_REVOKE, NOVA_REVOKE_SELF, 0), nova_crd(NOVA_CRD_OBJ, names, 2, NOVA_PERM_ALL), 0, 0, 0);
    const word from[] = {O_GLOBAL + 3 * cpu + n, O_PORTAL + 2 * (to - 1) + random_below(random, PDS), O_SC + 3 * cpu + n};
    if (!cpu_frame(cpu) || !(utcb = own_utcb(cpu)))
        return; /* somebody else's turn, and without one */
    utcb->items = nova_items(0, 3);
    for (unsigned i = 0; i < 3; i++)
        *nova_item(utcb, i) =
            (struct nova_item){nova_crd(NOVA_CRD_OBJ, from[i], 0, NOVA_PERM_ALL), nova_control(NOVA_ITEM_DELEGATE, names + i)};
    random_call(random, cpu, nova_arg1(NOVA_MISC, NOVA_MISC_DELEGATE, O_PD + pd), nova_crd(NOVA_CRD_OBJ, 0, 31, NOVA_PERM_ALL),
                O_PD + pd, 0, 0);
    if (!cpu_frame(cpu) || cpu_idle(cpu))
        return;
    word crd =
        random_below(random, 8) ? nova_crd(NOVA_CRD_OBJ, 0x300 + random_below(random, 4), 0, NOVA_PERM_ALL) : random_crd(random);
    if (random_call(random, cpu, nova_arg1(NOVA_EC_CTRL, NOVA_EC_MIGRATE, names), to, crd, 0, 0) == NOVA_SUCCESS)
        random->migrations++;
}

static void guest_step(struct random_state *random, unsigned cpu)
{
    uint64_t address = random_below(random, 2) ? random_word(random) : (uint64_t)(MEMORY + random_below(random, 64)) << PAGE_BITS;
    unsigned choice = random_below(random, 10);
    if (choice < 2 && address >> 52 == 0 && guest_try(cpu, address, 1u << random_below(random, 3)))
        return;
    if (choice == 2 && guest_port(cpu, random_below(random, 65536)))
        return;
    unsigned event = random_below(random, 4) ? NOVA_VM_RECALL - random_below(random, 32) : random_below(random, 256);
    random_trace("cpu %u frame %p: guest exits, event %u", cpu, (void *)cpu_frame(cpu), event);
    random->exits++;
    guest_exit(cpu, event, address);
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
    else if (frame->resume == RESUME_VCPU)
        guest_step(random, cpu);
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
    else if (frame->ip == HANDLER_IP && choice < 40)
        migrate_random(random, cpu);
    else if (frame->ip == HANDLER_IP && choice < 60) {
        utcb_fill(random, cpu);
        random_call(random, cpu, nova_arg1(NOVA_REPLY, 0, random_below(random, 4) ? 0 : O_SM + random_below(random, 8)), 0, 0, 0,
                    0);
    } else
        hypercall_random(random, cpu);
}
