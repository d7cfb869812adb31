/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the words of struct frame hold on this port, and which state of abi.md section 4 each of them is.
 */
#ifndef PORTS_REGISTERS_H
#define PORTS_REGISTERS_H

#include "hal/frame.h"

/* Indices into frame->arg: abi.md section 2. */
enum { ARG_AX, ARG_DI, ARG_SI, ARG_BX, ARG_BP };

/* Indices into frame->reg. Both mean nothing while a thread is inside a hypercall. */
enum { REG_CX, REG_DX };

/* FIELD(MTD bit, field of struct nova_state, member of struct frame) for every word that is copied as it is. */
#define FRAME_FIELDS(FIELD)                                                                                                        \
    FIELD(NOVA_MTD_GPR_ACDB, ax, arg[ARG_AX])                                                                                      \
    FIELD(NOVA_MTD_GPR_ACDB, cx, reg[REG_CX])                                                                                      \
    FIELD(NOVA_MTD_GPR_ACDB, dx, reg[REG_DX])                                                                                      \
    FIELD(NOVA_MTD_GPR_ACDB, bx, arg[ARG_BX])                                                                                      \
    FIELD(NOVA_MTD_GPR_BSD, bp, arg[ARG_BP])                                                                                       \
    FIELD(NOVA_MTD_GPR_BSD, si, arg[ARG_SI])                                                                                       \
    FIELD(NOVA_MTD_GPR_BSD, di, arg[ARG_DI])

/* Registers of an interrupted context, as traps.S pushes them; sp and ss are there only if it was user mode. */
struct trap_registers {
    word es, ds;
    word di, si, bp, unused, bx, dx, cx, ax;
    word vector, error;
    word ip, cs, flags, sp, ss;
};

#endif
