/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * FPU, SSE and AVX state. Areas are fpu_size() bytes, 64-byte aligned (hal/frame.h has fpu_size and fpu_init). The format is
 * FXSAVE, or the standard (not compacted) XSAVE format where the CPU has XSAVE. Only the current CPU's registers are touched,
 * without locks.
 */
#ifndef PORTS_X86_FPU_H
#define PORTS_X86_FPU_H

#include "hal/frame.h"

/*
 * Sets CR0, CR4 and XCR0 of this CPU up and switches the FPU off. The boot CPU first, when all CPUs have said what they lack; it
 * also fixes fpu_size.
 */
void fpu_cpu_init(void);

/* Off: any FPU instruction raises #NM. On: it works on what the registers hold, so load first. */
void fpu_off(void);
void fpu_on(void);

/* frame->fpu_used: there is state in the registers or to be loaded when the thread runs next / the state is loaded whenever it runs (virtual CPUs). */
enum { FPU_USED = 1, FPU_ALWAYS = 2, FPU_LENT = 4 };

/* FPU_LENT: the registers still hold the state of the virtual CPU whose event this handler has. When the virtual CPU is gone, they must not: */
void frame_fpu_forget(const struct frame *frame);

/* Gives all registers their initial values: nothing of a thread stays where another one could guess it. The FPU is on. */
void fpu_clean(void);

/* Between registers and area; the FPU is on. A damaged area (not possible by user space) loads as the initial state. */
void fpu_save(void *area);
void fpu_load(void *area);

/*
 * Takes over an image of user space of 'size' bytes into area (the registers are not touched). What is wrong in any way becomes the
 * initial state. image may change under us: it is copied first and checked then.
 */
void fpu_import(void *area, const void *image, size_t size);

/*
 * XCR0 as a guest wants it, constrained to what the kernel saves and the CPU accepts; 1 if there is no XSAVE. The kernel's own value is in XCR0 whenever fpu_save
 * and fpu_load run: fpu_guest_enter loads the guest's, fpu_guest_leave the kernel's again and notes what the guest left there. Both only if there is XSAVE.
 */
uint32_t fpu_constrain(uint64_t wanted);

/* XCR0 of the kernel and its threads; 0 without XSAVE. Fixed at boot. */
extern uint32_t fpu_components;

/* XCR0 in halves, as the instructions have it. */
struct fpu_guest {
    uint32_t low, high;
};

static inline void fpu_guest_enter(const struct fpu_guest *guest)
{
    if (guest->low != fpu_components || guest->high)
        asm volatile("xsetbv" : : "c"(0), "a"(guest->low), "d"(guest->high));
}

static inline void fpu_guest_leave(struct fpu_guest *guest, bool may_differ)
{
    uint32_t low = guest->low, high = guest->high;
    if (may_differ) {
        asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
        guest->low = low;
        guest->high = high;
    }
    if (low != fpu_components || high)
        asm volatile("xsetbv" : : "c"(0), "a"(fpu_components), "d"(0));
}

/* Copies the image out of area, at most size bytes. */
void fpu_export(const void *area, void *image, size_t size);

#endif
