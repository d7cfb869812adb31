/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the words of struct frame hold on this port, and which state of abi.md section 4 each of them is.
 */
#ifndef PORTS_REGISTERS_H
#define PORTS_REGISTERS_H

#include "hal/frame.h"

/* Indices into frame->arg: abi.md section 2. */
enum { ARG_DI, ARG_SI, ARG_DX, ARG_AX, ARG_R8 };

/* Indices into frame->reg. CX and R11 mean nothing while a thread is inside a hypercall. */
enum { REG_BX, REG_BP, REG_R9, REG_R10, REG_R12, REG_R13, REG_R14, REG_R15, REG_CX, REG_R11 };

/* FIELD(MTD bit, field of struct nova_state, member of struct frame) for every word that is copied as it is. */
#define FRAME_FIELDS(FIELD)                                                                                                        \
    FIELD(NOVA_MTD_GPR_ACDB, ax, arg[ARG_AX])                                                                                      \
    FIELD(NOVA_MTD_GPR_ACDB, cx, reg[REG_CX])                                                                                      \
    FIELD(NOVA_MTD_GPR_ACDB, dx, arg[ARG_DX])                                                                                      \
    FIELD(NOVA_MTD_GPR_ACDB, bx, reg[REG_BX])                                                                                      \
    FIELD(NOVA_MTD_GPR_BSD, bp, reg[REG_BP])                                                                                       \
    FIELD(NOVA_MTD_GPR_BSD, si, arg[ARG_SI])                                                                                       \
    FIELD(NOVA_MTD_GPR_BSD, di, arg[ARG_DI])                                                                                       \
    FIELD(NOVA_MTD_GPR_R8_R15, r8, arg[ARG_R8])                                                                                    \
    FIELD(NOVA_MTD_GPR_R8_R15, r9, reg[REG_R9])                                                                                    \
    FIELD(NOVA_MTD_GPR_R8_R15, r10, reg[REG_R10])                                                                                  \
    FIELD(NOVA_MTD_GPR_R8_R15, r11, reg[REG_R11])                                                                                  \
    FIELD(NOVA_MTD_GPR_R8_R15, r12, reg[REG_R12])                                                                                  \
    FIELD(NOVA_MTD_GPR_R8_R15, r13, reg[REG_R13])                                                                                  \
    FIELD(NOVA_MTD_GPR_R8_R15, r14, reg[REG_R14])                                                                                  \
    FIELD(NOVA_MTD_GPR_R8_R15, r15, reg[REG_R15])

/* Registers of an interrupted kernel context (and of user mode for NMIs and machine checks), as traps.S pushes them. */
struct trap_registers {
    word r15, r14, r13, r12, r11, r10, r9, r8, di, si, bp, bx, dx, cx, ax;
    word vector, error;
    word ip, cs, flags, sp, ss;
};

#endif
