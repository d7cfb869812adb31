/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Virtual CPUs. A port that cannot run them leaves all of this out: hal_virtualization returns 0. Core knows a virtual CPU as an EC whose frame is resumed with
 * RESUME_VCPU; the general registers and the FPU are in the frame, everything else in an area of kernel memory that core allocates and the port fills.
 * The guest's memory is MMU_GUEST of the struct mmu, its I/O ports are mmu->io_guest. An exit that the port does not handle itself comes in by kernel_vcpu_exit.
 */
#ifndef HAL_VIRTUALIZATION_H
#define HAL_VIRTUALIZATION_H

#include "hal/frame.h"
#include "hal/mmu.h"

struct virtualization_ops {
    unsigned area_order; /* the area of a virtual CPU is 2^area_order pages */

    /* Prepares area (zeroed) and frame of a new virtual CPU; the guest state is undefined but harmless until load. Any CPU; cannot fail. */
    void (*start)(struct frame *frame, void *area, struct mmu *mmu);

    /* The virtual CPU is never resumed again: its own CPU forgets what it keeps of it. On its own CPU, once, before the area is freed. */
    void (*stop)(struct frame *frame);

    /*
     * Copies the state that mtd names (abi.md section 4) into state, as an event with this number delivers it. Fields not named stay as they are; mtd and
     * exit_reason are not written. On its own CPU, the guest not running.
     */
    void (*save)(struct frame *frame, struct nova_state *state, word mtd, unsigned event);

    /*
     * Takes over the state that mtd names, sanitised so that nothing in it can harm the host; the guest's own mistakes become events when it is resumed. state is
     * user memory that changes under us: every field is read once. On its own CPU, the guest not running.
     */
    void (*load)(struct frame *frame, const struct nova_state *state, word mtd);

    /*
     * The same for the event that an exit has just led to, on the way from it to the handler, for which frame_lend is done, too; handler->words is the mtd. The last
     * thing that kernel_vcpu_event does: returns handler.
     */
    struct frame *(*deliver)(struct frame *frame, struct frame *handler, struct nova_state *state);

    /*
     * The way back: frame_switch from the handler's frame, then load of what state->mtd names. The last thing that kernel_reply does: the port may resume the
     * virtual CPU at once instead of returning frame_marked(frame).
     */
    struct frame *(*take)(struct frame *frame, struct frame *handler, const struct nova_state *state);

    /* The guest's clock stood still for so many ticks of time_now. On its own CPU, the guest not running. */
    void (*pause)(struct frame *frame, uint64_t ticks);
};

/* The operations, the same on all CPUs, fixed before kernel_init; 0 = no virtual CPUs. */
const struct virtualization_ops *hal_virtualization(void);

#endif
