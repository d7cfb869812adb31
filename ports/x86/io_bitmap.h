/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * I/O permission bitmap of this CPU: copied from the protection domain when it first uses a port, not when it is switched to.
 */
#ifndef PORTS_X86_IO_BITMAP_H
#define PORTS_X86_IO_BITMAP_H

#include "ports/x86/cpu_local.h"

/* Denies every port from now on. */
void io_bitmap_reset(struct x86_cpu *cpu);

/* The same on the executing CPU: another address space was activated, or a bitmap has changed. */
static inline void io_bitmap_invalidate(void) { io_bitmap_reset(x86_cpu_self()); }

/* A protection fault of user mode came: true if this CPU's bitmap was not that of mmu (0 = none) and now is, so that the instruction may be tried again. */
bool io_bitmap_update(struct x86_cpu *cpu, const struct mmu *mmu);

#endif
