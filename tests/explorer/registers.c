/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The registers of guests, kept a second time: all of the state, general registers and a byte of the FPU's.
 */
#include "registers.h"

#include <string.h>

enum { GPR = NOVA_MTD_GPR_ACDB | NOVA_MTD_GPR_BSD | NOVA_MTD_GPR_R8_R15, FPU_BYTE = 100, WINDOWS = 3 << 12 };

word random_mtd(void) { return choose_u64() >> 20 & (chance(2) ? 0x7ffffff : GPR | NOVA_MTD_IP) & ~(word)NOVA_MTD_TSC; }

static void scramble(void *at, size_t size)
{
    for (size_t i = 0; i < size; i += 4)
        *(uint32_t *)((char *)at + i) = (uint32_t)(choose_u64() >> 16);
}

/* The guest does something with all its registers, but where it goes on and its clock. */
void registers_change(struct shadow *s)
{
    struct frame *frame = my_frame();
    struct nova_state *state = guest_state(frame);
    word ip = state->ip;
    uint64_t off = state->tsc_off;
    scramble(state, sizeof *state);
    scramble(frame->arg, sizeof frame->arg);
    scramble(frame->reg, 10 * sizeof(word));
    state->ip = ip;
    state->tsc_off = off;
    s->known = true;
    s->state = *state;
    s->frame = *frame;
    s->fpu = fpu_registers(my_cpu())[FPU_BYTE] = (uint8_t)choose(256);
}

void registers_check(struct shadow *s)
{
    const struct frame *frame = my_frame();
    const struct nova_state *state = guest_state(frame);
    s->state.ip = state->ip;
    s->state.tsc_off = state->tsc_off;
    if (memcmp(&s->state, state, sizeof *state) || memcmp(s->frame.arg, frame->arg, sizeof frame->arg) ||
        memcmp(s->frame.reg, frame->reg, sizeof frame->reg))
        fail("%s has other registers than it should", my_thread()->name);
    if (s->fpu != fpu_registers(my_cpu())[FPU_BYTE])
        fail("%s has other FPU registers than it should", my_thread()->name);
}

/* What has been delivered. */
void state_check(const struct shadow *s, unsigned event, word mtd)
{
    const struct nova_utcb *utcb = my_utcb();
    const struct nova_state *state = &utcb->state;
    struct nova_state expected = *state;
    struct frame frame = s->frame;
    if (!s->known)
        return;
    expected.mtd = mtd;
    expected.exit_reason = event;
    for (const struct guest_field *field = guest_fields; field->size; field++)
        if (mtd & field->bit & ~(word)NOVA_MTD_CTRL)
            memcpy((char *)&expected + field->offset, (const char *)&s->state + field->offset, field->size);
    frame_state_save(&frame, &expected, mtd & GPR, 0, 0);
    expected.ip = state->ip;
    if (memcmp(&expected, state, sizeof expected) || (mtd & NOVA_MTD_FPU && state->fpu[FPU_BYTE] != s->fpu))
        fail("event %u does not deliver the guest's registers: mtd %#lx", event, mtd);
}

/* What is about to be written back. */
void state_change(struct shadow *s, struct nova_state *state, word ip)
{
    word mtd = s->known ? random_mtd() | (chance(4) ? NOVA_MTD_FPU : 0) : 0;
    scramble(state, sizeof *state);
    state->fpu[FPU_BYTE] = (uint8_t)choose(256);
    memset(state->fpu + 24, 0, 4);
    state->mtd = mtd;
    state->ip = ip;
    for (const struct guest_field *field = guest_fields; field->size; field++)
        if (mtd & field->bit & ~(word)NOVA_MTD_QUAL)
            memcpy((char *)&s->state + field->offset, (const char *)state + field->offset, field->size);
    s->state.inj_info &= ~(uint32_t)WINDOWS;
    s->state.xcr0 = (s->state.xcr0 & 7) | 1;
    frame_state_load(&s->frame, state, mtd & GPR);
    if (mtd & NOVA_MTD_FPU)
        s->fpu = state->fpu[FPU_BYTE];
}
