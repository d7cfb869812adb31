/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Frames of the simulated CPU. Its registers are those of a 64-bit PC, so that the state layout means the same: the hypercall arguments are
 * di, si, dx, ax, r8, the others are in reg[]. FPU registers are FPU_BYTES bytes per CPU, saved at every entry and loaded at every resume;
 * bytes 24-27 stand for MXCSR: an image with a reserved bit there is a bad one.
 */
#include "hosted.h"

#include <string.h>

enum { CX, BX, BP, R9, R10, R11, R12, R13, R14, R15 };
enum { DI, SI, DX, AX, R8 };
enum {
    FLAG_FIXED = 1 << 1,
    FLAG_IF = 1 << 9,
    FLAG_IOPL = 3 << 12,
    FLAG_RF = 1 << 16,
    FLAG_VM = 1 << 17,
    FLAG_VIF = 1 << 19,
    FLAG_VIP = 1 << 20
};
enum { FLAGS_CLEARED = FLAG_IOPL | FLAG_RF | FLAG_VM | FLAG_VIF | FLAG_VIP, FLAGS_ALL = 0x3f7fd7 };
enum { MXCSR_OFFSET = 24, MXCSR_VALID = 0xffff, MXCSR_INITIAL = 0x1f80 };

static uint8_t live_fpu[NOVA_CPUS][FPU_BYTES];

size_t fpu_size(void) { return FPU_BYTES; }

void fpu_init(void *area)
{
    if ((uintptr_t)area % 64)
        contract_broken("fpu_init: area %p is not aligned to 64 bytes", area);
    memset(area, 0, FPU_BYTES);
    *(uint32_t *)((char *)area + MXCSR_OFFSET) = MXCSR_INITIAL;
}

uint8_t *fpu_registers(unsigned cpu) { return live_fpu[cpu]; }

void fpu_enter(unsigned cpu, struct frame *frame)
{
    if (frame->fpu)
        memcpy(frame->fpu, live_fpu[cpu], FPU_BYTES);
}

void fpu_resume(unsigned cpu, struct frame *frame)
{
    if (frame->fpu)
        memcpy(live_fpu[cpu], frame->fpu, FPU_BYTES);
    else
        memset(live_fpu[cpu], 0xee, FPU_BYTES);
}

void frame_init(struct frame *frame, word ip, word sp)
{
    void *fpu = frame->fpu;
    if (fpu)
        fpu_init(fpu);
    /* Of every second one the machine wants to see the switches; core has ways that are for those of which it does not. */
    bool used = (uintptr_t)frame / 64 % 2;
    *frame = (struct frame){.ip = ip, .sp = sp, .flags = FLAG_FIXED | FLAG_IF, .resume = RESUME_FULL, .fpu_used = used, .fpu = fpu};
}

void frame_move(struct frame *from, struct frame *to)
{
    if (to->fpu)
        contract_broken("frame_move: the new frame has an FPU area");
    *to = *from;
    from->fpu = 0;
}

struct frame *words_copy(word *to, const word *from, struct frame *frame)
{
    for (size_t i = 0; i < frame->words; i++)
        __atomic_store_n(&to[i], __atomic_load_n(&from[i], __ATOMIC_RELAXED), __ATOMIC_RELAXED);
    return frame;
}

void frame_state_save(struct frame *frame, struct nova_state *state, word mtd, word error, word address)
{
    machine_point();
    if (mtd & NOVA_MTD_GPR_ACDB) {
        state->ax = frame->arg[AX];
        state->cx = frame->reg[CX];
        state->dx = frame->arg[DX];
        state->bx = frame->reg[BX];
    }
    if (mtd & NOVA_MTD_GPR_BSD) {
        state->bp = frame->reg[BP];
        state->si = frame->arg[SI];
        state->di = frame->arg[DI];
    }
    if (mtd & NOVA_MTD_SP)
        state->sp = frame->sp;
    if (mtd & NOVA_MTD_IP) {
        state->ip = frame->ip;
        state->inst_len = 0;
    }
    if (mtd & NOVA_MTD_FLAGS)
        state->flags = frame->flags;
    if (mtd & NOVA_MTD_QUAL) {
        state->qual[0] = error;
        state->qual[1] = address;
    }
    if (mtd & NOVA_MTD_GPR_R8_R15) {
        state->r8 = frame->arg[R8];
        memcpy(&state->r9, &frame->reg[R9], 7 * sizeof(word));
    }
    if (mtd & NOVA_MTD_FPU && frame->fpu)
        memcpy(state->fpu, frame->fpu, FPU_BYTES);
}

void frame_state_load(struct frame *frame, const struct nova_state *state, word mtd)
{
    machine_point();
    if (mtd & NOVA_MTD_GPR_ACDB) {
        frame->arg[AX] = state->ax;
        frame->reg[CX] = state->cx;
        frame->arg[DX] = state->dx;
        frame->reg[BX] = state->bx;
    }
    if (mtd & NOVA_MTD_GPR_BSD) {
        frame->reg[BP] = state->bp;
        frame->arg[SI] = state->si;
        frame->arg[DI] = state->di;
    }
    if (mtd & NOVA_MTD_SP)
        frame->sp = state->sp;
    if (mtd & NOVA_MTD_IP)
        frame->ip = state->ip;
    if (mtd & NOVA_MTD_FLAGS)
        frame->flags = (state->flags & FLAGS_ALL & ~(word)FLAGS_CLEARED) | FLAG_IF | FLAG_FIXED;
    if (mtd & NOVA_MTD_GPR_R8_R15) {
        frame->arg[R8] = state->r8;
        memcpy(&frame->reg[R9], &state->r9, 7 * sizeof(word));
    }
    if (mtd & NOVA_MTD_FPU && frame->fpu) {
        memcpy(frame->fpu, state->fpu, FPU_BYTES);
        if (*(uint32_t *)((char *)frame->fpu + MXCSR_OFFSET) & ~(uint32_t)MXCSR_VALID)
            fpu_init(frame->fpu);
    }
    frame->resume = RESUME_FULL;
}
