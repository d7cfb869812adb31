/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Register frames as core sees them (hal/frame.h): a new thread's frame, transfer of state between frame and UTCB by MTD, change of threads. The
 * FPU belongs to cpu->fpu_owner; a thread that leaves the CPU always has its state in memory, so that nothing of a dead thread stays behind, and the registers are
 * clean while the FPU is off, but for those of a virtual CPU: CR0.TS is set as long as they are loaded, since guests have their own CR0. With the option fpu_lazy the state of a thread comes back by #NM, otherwise when the thread runs again.
 */
#include "hal/frame.h"

#include "core/lib/bits.h"
#include "core/lib/string.h"
#include "hal/boot_info.h"
#include "ports/x86/control.h"
#include "ports/x86/cpu_local.h"
#include "ports/x86/fpu.h"
#include "registers.h"

/* EFLAGS, SDM vol. 1, 3.4.3. */
enum {
    FLAGS_FIXED = 0x2,
    FLAGS_INTERRUPT = 0x200,
    FLAGS_USER = 0x244dd5 /* what a thread may choose: CF PF AF ZF SF TF DF OF NT AC ID */
};

static const struct {
    word mtd;
    uint16_t state, frame; /* offsets of a word */
} fields[] = {
#define FIELD(bits, state_field, frame_field) {bits, offsetof(struct nova_state, state_field), offsetof(struct frame, frame_field)},
    FRAME_FIELDS(FIELD)
#undef FIELD
};

/* Bits of an MTD for which the table has to be walked; handlers of page faults and the like ask for none of them. */
#define FIELD(bits, state_field, frame_field) | (bits)
static const word table_bits = 0 FRAME_FIELDS(FIELD);
#undef FIELD

static word *word_at(void *base, size_t offset) { return (word *)((char *)base + offset); }

/* Room for an FPU image between the state and the end of the UTCB. */
static size_t fpu_room(void)
{
    enum { ROOM = NOVA_PAGE_SIZE - offsetof(struct nova_utcb, state.fpu) };
    return word_min(ROOM, fpu_size());
}

void frame_init(struct frame *frame, word ip, word sp)
{
    void *fpu = frame->fpu;
    memset(frame, 0, sizeof *frame);
    frame->ip = ip;
    frame->sp = sp;
    frame->flags = FLAGS_FIXED | FLAGS_INTERRUPT;
    frame->resume = RESUME_FULL;
    frame->fpu = fpu;
    if (fpu)
        fpu_init(fpu);
}

void frame_state_save(struct frame *frame, struct nova_state *state, word mtd, word error, word address)
{
    for (size_t i = 0; mtd & table_bits && i < ARRAY_SIZE(fields); i++)
        if (mtd & fields[i].mtd)
            *word_at(state, fields[i].state) = *word_at(frame, fields[i].frame);
    if (mtd & NOVA_MTD_SP)
        state->sp = frame->sp;
    if (mtd & NOVA_MTD_IP) {
        state->ip = frame->ip;
        state->inst_len = 0;
    }
    if (mtd & NOVA_MTD_FLAGS)
        state->flags = frame->flags | FLAGS_INTERRUPT; /* 32 bit: SYSENTER had cleared it before the entry saved it */
    if (mtd & NOVA_MTD_QUAL) {
        state->qual[0] = error;
        state->qual[1] = address;
    }
    if (mtd & NOVA_MTD_FPU && frame->fpu) {
        if (x86_cpu_self()->fpu_owner == frame) {
            bool lent = cr0_read() & CR0_TS;
            fpu_on();
            fpu_save(frame->fpu);
            if (lent)
                fpu_off();
        }
        fpu_export(frame->fpu, state->fpu, fpu_room());
    }
}

/* The state is in memory: nobody owns the FPU. */
static void fpu_release(struct x86_cpu *cpu)
{
    fpu_on();
    fpu_clean();
    fpu_off();
    cpu->fpu_owner = 0;
}

void frame_fpu_forget(const struct frame *frame)
{
    struct x86_cpu *cpu = x86_cpu_self();
    if (cpu->fpu_owner == frame)
        fpu_release(cpu);
}

void frame_state_load(struct frame *frame, const struct nova_state *state, word mtd)
{
    for (size_t i = 0; mtd & table_bits && i < ARRAY_SIZE(fields); i++)
        if (mtd & fields[i].mtd)
            *word_at(frame, fields[i].frame) = *(const volatile word *)((const char *)state + fields[i].state);
    if (mtd & NOVA_MTD_SP)
        frame->sp = *(const volatile word *)&state->sp;
    if (mtd & NOVA_MTD_IP)
        frame->ip = *(const volatile word *)&state->ip;
    if (mtd & NOVA_MTD_FLAGS)
        frame->flags = (*(const volatile word *)&state->flags & FLAGS_USER) | FLAGS_FIXED | FLAGS_INTERRUPT;
    if (mtd & NOVA_MTD_FPU && frame->fpu) {
        struct x86_cpu *cpu = x86_cpu_self();
        if (cpu->fpu_owner == frame)
            fpu_release(cpu);
        fpu_import(frame->fpu, state->fpu, fpu_room());
        frame->fpu_used |= FPU_USED;
    }
    frame->resume = RESUME_FULL;
}

void frame_move(struct frame *from, struct frame *to)
{
    struct x86_cpu *cpu = x86_cpu_self();
    if (cpu->fpu_owner == from) {
        fpu_on();
        fpu_save(from->fpu);
        fpu_release(cpu);
    }
    *to = *from;
    from->fpu = 0;
    from->fpu_used = 0;
}

void frame_switch(struct frame *from, struct frame *to)
{
    struct x86_cpu *cpu = x86_cpu_self();
    struct frame *owner = cpu->fpu_owner;
    bool lazy = boot_info.options.fpu_lazy;
    from->fpu_used &= (uint8_t)~FPU_LENT;
    if (owner == to)
        return;
    if (owner) {
        if (owner->fpu_used & FPU_ALWAYS)
            fpu_on();
        fpu_save(owner->fpu);
        if (lazy)
            owner->fpu_used &= (uint8_t)~FPU_USED; /* it says so again by #NM */
    }
    if (to->fpu_used & (lazy ? FPU_ALWAYS : FPU_ALWAYS | FPU_USED)) {
        fpu_on();
        fpu_load(to->fpu);
        cpu->fpu_owner = to;
        if (to->fpu_used & FPU_ALWAYS)
            fpu_off(); /* the hardware switches CR0 */
    } else if (owner)
        fpu_release(cpu);
}

void frame_lend(struct frame *from, struct frame *to)
{
    if (x86_cpu_self()->fpu_owner != from || to->fpu_used) {
        frame_switch(from, to);
        return;
    }
    to->fpu_used = FPU_LENT;
}
