/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The register state of an EC while the kernel runs. The first words are what core reads and writes itself; reg[] belongs to the port.
 * A port saves the user's registers here at every entry and restores them from here when it resumes the EC. Only the CPU that the EC is bound
 * to touches a frame, or any CPU while the EC does not run.
 */
#ifndef HAL_FRAME_H
#define HAL_FRAME_H

#include "hal/types.h"
#include <nova/utcb.h>

enum { FRAME_ARGS = 5, FRAME_REGS = 20 };

/* How the port has to resume a frame. */
enum frame_resume {
    RESUME_HYPERCALL = 0, /* fast return: only what abi.md section 2 calls destroyed may differ */
    RESUME_FULL = 1,      /* every register, by an interrupt return */
    RESUME_IDLE = 2,      /* nothing to run: wait with interrupts on; an interrupt enters the kernel anew */
    RESUME_VCPU = 3       /* virtual CPU: the port's virtualization table resumes it */
};

struct frame {
    word arg[FRAME_ARGS]; /* ARG_1 .. ARG_5 of abi.md section 2 */
    word ip, sp, flags;   /* where user mode goes on; for a hypercall: the return IP and SP */
    word reg[FRAME_REGS]; /* the port's: the other registers */
    union {
        struct {
            uint8_t resume;   /* enum frame_resume: set by the port at entry, by core for a new EC */
            uint8_t fpu_used; /* the port's: frame_switch has something to do for this EC (it has FPU state in fpu) */
        };
        uint32_t special; /* both: 0 = a fast return is all that it takes to go on */
    };
    uint32_t words; /* see words_copy */
    void *fpu;      /* state area of fpu_size() bytes, 64-byte aligned, set by core when the EC is made; 0 = no FPU for this EC */
};

/* A frame that needs more than a fast return, as the result of a function that may also return one that does not (hal/upcall.h). */
static inline struct frame *frame_marked(struct frame *frame) { return (struct frame *)((word)frame + 1); }

/*
 * Prepares the frame of a new thread: all registers zero, flags as the port's user mode needs them (interrupts on), resume = RESUME_FULL.
 * Caller: ec creation, any CPU. sp, ip: user addresses, unchecked here. frame->fpu stays as it is; its area is made valid with fpu_init.
 */
void frame_init(struct frame *frame, word ip, word sp);

/*
 * Copies the state that mtd names (bits 0-4, 15, 22 and 31 of abi.md section 4 mean something for threads) from a thread's frame into state.
 * error and address become qual[0] and qual[1]. Fields not named stay as they are; state->mtd is not written. Returns nothing and cannot fail.
 * Caller: event delivery and recall, on the EC's CPU, frame not running. With bit 31 state->fpu gets at most the rest of the UTCB page.
 */
void frame_state_save(struct frame *frame, struct nova_state *state, word mtd, word error, word address);

/*
 * Copies the state that mtd names from state into the frame, sanitised as abi.md section 4 says (flags: IF on; IOPL, VM, VIF, VIP, RF off; a bad FPU
 * image becomes the initial state), and sets frame->resume to RESUME_FULL. state is user memory that changes under us: every field is read once.
 * An IP at or above the user limit is allowed: resuming it raises exception 13 in that thread.
 */
void frame_state_load(struct frame *frame, const struct nova_state *state, word mtd);

/*
 * The CPU goes on with another thread: saves what the port keeps lazily of 'from' (FPU) and prepares it for 'to'. Called with interrupts off on the CPU itself,
 * for every change of the resumed frame where one of the two has fpu_used set, before it is resumed. 'from' may belong to a dying EC, its memory is valid until the CPU's next grace period.
 */
void frame_switch(struct frame *from, struct frame *to);

/*
 * The same for a virtual CPU and the handler of its event, which may leave the FPU as it is: what is lazily kept of 'from' can stay until somebody uses it, or until
 * the next frame_switch. For both frames fpu_used says then that there is something to do.
 */
void frame_lend(struct frame *from, struct frame *to);

/*
 * The thread of 'from' goes on in 'to', perhaps on another CPU: registers, and the FPU state area with all that the registers still hold of it. 'from' is never
 * resumed again and has no area any more. Caller: migration, on the CPU of 'from', which does not run; 'to' is new and has no area.
 */
void frame_move(struct frame *from, struct frame *to);

/*
 * Copies frame->words words of a message from one UTCB to another, which threads of other CPUs may be changing meanwhile. Returns frame. The last
 * thing that kernel_call and kernel_reply (hal/upcall.h) do, nobody else: a register that they need not keep is not kept here.
 */
struct frame *words_copy(word *to, const word *from, struct frame *frame);

/* Size in bytes of the FPU state area of an EC, a multiple of 64; fixed after the boot CPU is set up. */
size_t fpu_size(void);

/* Writes the initial FPU state into an area of fpu_size() bytes. */
void fpu_init(void *area);

#endif
