/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Exceptions and interrupts, 32 bit: into the frame if they come from user mode, else onto the stack where they are. NMIs and machine checks may come at every
 * instruction: the stack pointer always is good, DS and ES may be the user's. A double fault has a task of its own. resume (entry.S) is the way out.
 */
#include "offsets.h"
#include "ports/x86_32/segments.h"
#include "ports/x86_32/stack.h"

#define FLAG_IF 0x200
#define OPCODE_SYSEXIT 0x350f

    .section .text.entry, "ax"

    /*
     * The hardware has pushed ss, esp, eflags, cs, eip to the top of the stack, the stub below error code and vector: 28 bytes. From user mode: the
     * registers go into the frame.
     */
    .balign 16
trap:
    testb $3, 12(%esp)
    jz trap_anywhere
    mov %eax, 28+CPU_SCRATCH(%esp)
    mov 28+CPU_FRAME(%esp), %eax
    mov %ecx, %ss:FRAME_CX(%eax)
    mov $SELECTOR_USER_DATA, %ecx
    mov %ecx, %ds
    mov %ecx, %es
    mov %edi, FRAME_DI(%eax)
    mov %esi, FRAME_SI(%eax)
    mov %ebx, FRAME_BX(%eax)
    mov %ebp, FRAME_BP(%eax)
    mov %edx, FRAME_DX(%eax)
    mov 28+CPU_SCRATCH(%esp), %ecx
    mov %ecx, FRAME_AX(%eax)
    pop %ebx /* vector */
    pop %esi /* error code */
    popl FRAME_IP(%eax)
    pop %ecx
    popl FRAME_FLAGS(%eax)
    popl FRAME_SP(%eax)
    pop %ecx
    movb $RESUME_FULL, FRAME_RESUME(%eax)
    mov %esp, %eax
    pushl $2 /* DF, NT and AC are the user's until here */
    popfl
    cmp $32, %ebx
    jae 1f
    mov %ebx, %edx
    mov %esi, %ecx
    call trap_user
    jmp resume
1:
    mov %ebx, %edx
    call trap_interrupt
    jmp resume

    /* The kernel itself was interrupted, or it is an NMI or machine check. DS and ES may still be the user's. */
trap_anywhere:
    cmpl $32, (%esp)
    jae trap_interrupted_kernel
    pushal
    push %ds
    push %es
    mov $SELECTOR_USER_DATA, %eax
    mov %eax, %ds
    mov %eax, %es
    cld
    mov %esp, %eax
    call trap_kernel

    /*
     * An NMI or machine check between STI and SYSEXIT: IRET would not bring the shadow of STI back (SDM vol. 3, 6.8.3), and an interrupt there would find a
     * thread on its way out that no frame holds. So back to the STI, with interrupts off.
     */
    mov TRAP_IP(%esp), %eax
    testb $3, TRAP_CS(%esp)
    jnz 1f
    cmpw $OPCODE_SYSEXIT, (%eax)
    jne 1f
    decl TRAP_IP(%esp)
    andl $~FLAG_IF, TRAP_FLAGS(%esp)
1:
    pop %es
    pop %ds
    popal
    add $8, %esp
    iretl

    /* In idle_wait or in the window: that context is given up. */
trap_interrupted_kernel:
    mov (%esp), %edx
    reset_stack
    mov %esp, %eax
    call trap_interrupt
    jmp resume

    /* Task of a double fault: never ends. */
    .globl double_fault_task
double_fault_task:
    cld
    call trap_double_fault
    ud2

#include "ports/x86/stubs.h"
    .balign 8
interrupt:
    addl $160, (%esp)
    pushl (%esp) /* in place of the error code */
    jmp trap
