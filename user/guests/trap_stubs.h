/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Assembly of stubs*.S: one stub every 16 bytes for each of 96 vectors. They push error code (0 if the hardware has none, as in real mode always) and vector, and go to trap_common.
 */
/* clang-format off */
#if BITS == 16
#define PUSH pushl
#else
#define PUSH push
#endif
    .globl trap_stubs
    .balign 16
trap_stubs:
    .set vector, 0
    .rept 96
    .balign 16
    .if BITS == 16 || (vector != 8 && vector != 10 && vector != 11 && vector != 12 && vector != 13 && vector != 14 && vector != 17)
    PUSH $0
    .endif
    PUSH $vector
    jmp trap_common
    .set vector, vector + 1
    .endr
