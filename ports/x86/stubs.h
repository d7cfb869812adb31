/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Assembly of ports/ARCH/traps.S: one stub every 16 bytes for the exceptions, every 8 for the interrupts 32-255 (descriptors.c counts on it). They push error code (0 if the
 * hardware has none) and vector, and go to trap, to trap_anywhere (NMI, machine check; also a double fault, for which 32 bit has a task gate instead), or to interrupt, which
 * has only a part of the vector yet.
 */
/* clang-format off */
    .macro exception vector, error=0, target=trap
    .balign 16
    .if \error == 0
    push $0
    .endif
    push $\vector
    jmp \target
    .endm

    .globl exception_stubs, interrupt_stubs
    .balign 16
exception_stubs:
    exception 0
    exception 1
    exception 2, target=trap_anywhere
    exception 3
    exception 4
    exception 5
    exception 6
    exception 7
    exception 8, error=1, target=trap_anywhere
    exception 9
    exception 10, error=1
    exception 11, error=1
    exception 12, error=1
    exception 13, error=1
    exception 14, error=1
    exception 15
    exception 16
    exception 17, error=1
    exception 18, target=trap_anywhere
    exception 19
    exception 20
    exception 21, error=1
    exception 22
    exception 23
    exception 24
    exception 25
    exception 26
    exception 27
    exception 28
    exception 29, error=1
    exception 30, error=1
    exception 31

    .balign 16
interrupt_stubs:
    .set vector, 32
    .rept 224
    .balign 8
    push $(vector - 160) /* fits one byte */
    jmp interrupt
    .set vector, vector + 1
    .endr
