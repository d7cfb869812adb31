/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Start of a guest in real mode, at BOARD_FLAT with all segments 0, and the stubs of its interrupts. The stack is below the image. C is compiled for 16-bit segments, too.
 */
#include <user/vmm/board.h>

    .section .start, "ax"
    .code16
    .globl _start
_start:
    ljmp $0, $1f
1:  xor %ax, %ax
    mov %ax, %ds
    mov %ax, %es
    mov %ax, %ss
    mov $BOARD_FLAT, %esp
    cld
    call traps_init16
    calll guest_main
2:  hlt
    jmp 2b
traps_init16:
    calll traps_init
    ret

    .text
#include "trap_stubs.h"

trap_common:
    pushal
    cld
    movl %esp, %eax
    pushl %eax
    calll trap_entry
    popl %eax
    popal
    addl $8, %esp
    iretw

    .section .note.GNU-stack, "", @progbits
