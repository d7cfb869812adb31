/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Complete guest states to start from. Attributes of segments: Intel SDM vol. 3, 24.4.1, with the high bits moved as abi.md section 4 says.
 */
#include "vcpu.h"

enum { DATA_RW = 0x93, CODE_RX = 0x9b, LDT = 0x82, TSS_BUSY_32 = 0x8b, FLAT = 0xc00, LONG = 0xa00 };
enum { GATES = 0x800, DESCRIPTORS = 0xf80, SELECTOR = 8, GATE_16 = 0x8600 };
enum { SVM_CPUID = 1 << 18, SVM_VMRUN = 1 << 0, VMX_TSC_OFFSET = 1 << 3 };

static void segment(struct nova_segment *s, unsigned attributes, uint32_t limit)
{
    *s = (struct nova_segment){0, (uint16_t)attributes, limit, 0};
}

static void segments(struct nova_state *state, unsigned code, unsigned data, uint32_t limit)
{
    segment(&state->es, data, limit);
    segment(&state->cs, code, limit);
    segment(&state->ss, data, limit);
    segment(&state->ds, data, limit);
    segment(&state->fs, data, limit);
    segment(&state->gs, data, limit);
    segment(&state->ldtr, LDT, 0xffff);
    segment(&state->tr, TSS_BUSY_32, 0xffff);
    segment(&state->gdtr, 0, 0xffff);
    segment(&state->idtr, 0, 0xffff);
}

void state_real_mode(struct nova_state *state)
{
    memset(&state->ip, 0, sizeof *state - offsetof(struct nova_state, ip));
    segments(state, CODE_RX, DATA_RW, 0xffff);
    state->ip = CODE;
    state->sp = 0xff0;
    state->flags = 2;
    state->cr0 = REAL_CR0;
    state->dr7 = 0x400;
    state->ctrl[0] = is_svm ? SVM_CPUID : VMX_TSC_OFFSET;
    state->ctrl[1] = is_svm ? SVM_VMRUN : 0;
    state->xcr0 = 1;
    state->mtd = (((nova_word)NOVA_MTD_XSAVE << 1) - 1) & ~(nova_word)NOVA_MTD_QUAL;
    if (has_real_mode)
        return;
    state->idtr.base = GATES;
    state->gdtr.base = DESCRIPTORS;
    const uint64_t code = 0x00009b000000ffff; /* 16 bit, from 0 to 0xffff */
    memcpy(guest_memory + DESCRIPTORS + SELECTOR, &code, sizeof code);
}

void state_vector(unsigned vector, unsigned offset)
{
    uint16_t entry[4] = {(uint16_t)(CODE + offset), has_real_mode ? 0 : SELECTOR, GATE_16, 0};
    if (has_real_mode)
        memcpy(guest_memory + 4 * vector, entry, 4);
    else
        memcpy(guest_memory + GATES + 8 * vector, entry, 8);
}

void state_flat(struct nova_state *state)
{
    state_real_mode(state);
    segments(state, CODE_RX | FLAT, DATA_RW | FLAT, 0xffffffff);
    state->cr0 = 0x11;
}

void state_long(struct nova_state *state)
{
#ifdef __x86_64__
    enum { PRESENT_WRITE = 3, LARGE = 0x80, DIRECTORY = 0 };
    *(uint64_t *)(guest_memory + TABLES) = DATA | PRESENT_WRITE;
    *(uint64_t *)(guest_memory + DATA) = DIRECTORY | PRESENT_WRITE;
    *(uint64_t *)(guest_memory + DIRECTORY) = LARGE | PRESENT_WRITE;
    state_real_mode(state);
    segments(state, CODE_RX | LONG, DATA_RW | FLAT, 0xffffffff);
    state->cr0 = 0x80000011;
    state->cr3 = TABLES;
    state->cr4 = 0x20;
    state->efer = 0x500;
#else
    state_flat(state);
#endif
}
