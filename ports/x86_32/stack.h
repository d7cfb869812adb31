/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * For assembly: reset_stack makes esp the top of the kernel stack of this CPU, its struct x86_cpu, wherever on that stack it is.
 */
/* clang-format off */
    .macro reset_stack
    and $-(1 << 15), %esp
    add $BLOCK_CPU, %esp
    .endm
