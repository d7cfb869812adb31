/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What user programs do, one step at a time: hypercalls, exceptions, memory and port accesses of the thread that runs on a CPU.
 */
#include "hosted.h"

#include <nova/hypercall.h>

unsigned hypercall_patience = 100;

static struct frame *user_frame(unsigned cpu)
{
    struct frame *frame = cpu_frame(cpu);
    if (!frame || frame->resume == RESUME_IDLE || frame->resume == RESUME_VCPU)
        contract_broken("test: no thread runs on CPU %u", cpu);
    return frame;
}

static struct frame *guest_frame(unsigned cpu)
{
    struct frame *frame = cpu_frame(cpu);
    if (!frame || frame->resume != RESUME_VCPU)
        contract_broken("test: no guest runs on CPU %u", cpu);
    return frame;
}

word hypercall(unsigned cpu, word arg1, word arg2, word arg3, word arg4, word arg5)
{
    struct frame *frame = user_frame(cpu);
    frame->arg[0] = arg1;
    frame->arg[1] = arg2;
    frame->arg[2] = arg3;
    frame->arg[3] = arg4;
    frame->arg[4] = arg5;
    frame->resume = RESUME_HYPERCALL;
    struct frame *next = cpu_enter(cpu, ENTER_HYPERCALL, 0, 0, 0);
    for (unsigned i = 0; !next && i < hypercall_patience && !machine_stopped(); i++)
        next = cpu_enter(cpu, ENTER_CONTINUE, 0, 0, 0);
    return next == frame ? frame->arg[0] : BLOCKED;
}

struct frame *exception(unsigned cpu, unsigned vector, word error, word address)
{
    user_frame(cpu)->resume = RESUME_FULL;
    return cpu_enter(cpu, ENTER_EXCEPTION, vector, error, address);
}

bool machine_gsi(unsigned gsi)
{
    struct gsi_state *state = gsi_state(gsi);
    if (state->masked || !state->routed) {
        state->pending = true;
        return false;
    }
    cpu_raise_gsi(state->cpu, gsi);
    return true;
}

void *user_try(unsigned cpu, word address, unsigned rights)
{
    uint64_t frame = 0;
    user_frame(cpu);
    if (address >= NOVA_USER_LIMIT || !mmu_active(cpu))
        return 0;
    if ((tlb_lookup(cpu, mmu_active(cpu), MMU_HOST, address >> PAGE_BITS, rights, &frame) & rights) != rights)
        return 0;
    return machine_memory(frame << PAGE_BITS | (address & (PAGE_SIZE - 1)));
}

void *user_pointer(unsigned cpu, word address, unsigned rights)
{
    void *pointer = user_try(cpu, address, rights);
    if (!pointer)
        contract_broken("test: CPU %u: page fault at %#lx, rights %u", cpu, address, rights);
    return pointer;
}

bool user_touch(unsigned cpu, word address, unsigned rights)
{
    uint64_t frame = 0;
    if (user_try(cpu, address, rights))
        return true;
    bool present = address < NOVA_USER_LIMIT && tlb_lookup(cpu, mmu_active(cpu), MMU_HOST, address >> PAGE_BITS, 0, &frame);
    /* Error code of a page fault: bit 0 protection, 1 write, 2 user, 4 instruction fetch. */
    word error = (word)present | (rights & MMU_WRITE ? 2 : 0) | 4 | (rights & MMU_EXECUTE ? 16 : 0);
    exception(cpu, 14, error, address);
    return false;
}

bool user_port(unsigned cpu, unsigned port)
{
    user_frame(cpu);
    return port < 65536 && port_allowed(cpu, mmu_active(cpu), port);
}

struct frame *guest_exit(unsigned cpu, unsigned event, uint64_t address)
{
    guest_state(guest_frame(cpu))->qual[1] = address;
    return cpu_enter(cpu, ENTER_GUEST, event, 0, address);
}

void *guest_try(unsigned cpu, uint64_t address, unsigned rights)
{
    uint64_t frame = 0;
    guest_frame(cpu);
    if ((tlb_lookup(cpu, mmu_guest(cpu), MMU_GUEST, address >> PAGE_BITS, rights, &frame) & rights) != rights)
        return 0;
    return machine_memory(frame << PAGE_BITS | (address & (PAGE_SIZE - 1)));
}

/* The hardware looks at the bitmap itself, each time. */
bool guest_port(unsigned cpu, unsigned port)
{
    guest_frame(cpu);
    const uint8_t *bits = mmu_guest(cpu)->io_guest;
    return bits && port < 65536 && !(__atomic_load_n(&bits[port / 8], __ATOMIC_RELAXED) >> port % 8 & 1);
}
