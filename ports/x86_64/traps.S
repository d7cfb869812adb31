/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Exceptions and interrupts, 64 bit: into the frame if they come from user mode, else onto the stack where they are. Those that may come anywhere (NMI, double fault, machine
 * check) have stacks of their own (IST) and find out which GS base is there. resume (entry.S) is the way out.
 */
#include "offsets.h"
#include "ports/x86_64/segments.h"

    .section .text.entry, "ax"

    /* The hardware has pushed ss, rsp, rflags, cs, rip, the stub below error code and vector. From user mode: the registers go into the frame. */
    .balign 16
trap:
    testb $3, 24(%rsp)
    jz trap_anywhere
    swapgs
    mov %rax, %gs:CPU_SCRATCH
    mov %gs:CPU_FRAME, %rax
    mov %rdi, FRAME_DI(%rax)
    mov %rsi, FRAME_SI(%rax)
    pop %rsi /* vector */
    mov %rdx, FRAME_DX(%rax)
    pop %rdx /* error code */
    mov %rcx, FRAME_CX(%rax)
    mov %gs:CPU_SCRATCH, %rcx
    mov %rcx, FRAME_AX(%rax)
    mov %r8, FRAME_R8(%rax)
    mov %r9, FRAME_R9(%rax)
    mov %r10, FRAME_R10(%rax)
    mov %r11, FRAME_R11(%rax)
    mov %rbx, FRAME_BX(%rax)
    mov %rbp, FRAME_BP(%rax)
    mov %r12, FRAME_R12(%rax)
    mov %r13, FRAME_R13(%rax)
    mov %r14, FRAME_R14(%rax)
    mov %r15, FRAME_R15(%rax)
    pop FRAME_IP(%rax)
    add $8, %rsp
    pop FRAME_FLAGS(%rax)
    pop FRAME_SP(%rax)
    movb $RESUME_FULL, FRAME_RESUME(%rax)
    mov %gs:CPU_SELF, %rdi
    mov %rdi, %rsp
    pushq $2 /* DF, NT and AC are the user's until here */
    popfq
    cmp $32, %esi
    jae 1f
    call trap_user
    jmp resume
1:
    call trap_interrupt
    jmp resume

    /*
     * The kernel itself was interrupted, or it is an NMI, double fault or machine check, which may come with any GS base and stack pointer. User mode
     * cannot make its GS base negative, so the sign tells which one is there.
     */
trap_anywhere:
    cmpl $32, (%rsp)
    jae trap_interrupted_kernel
    push %rax
    push %rcx
    push %rdx
    push %rbx
    push %rbp
    push %rsi
    push %rdi
    push %r8
    push %r9
    push %r10
    push %r11
    push %r12
    push %r13
    push %r14
    push %r15
    cld
    mov $0xc0000101, %ecx /* IA32_GS_BASE */
    rdmsr
    mov %edx, %ebx
    test %edx, %edx
    js 1f
    swapgs
1:
    mov %rsp, %rdi
    call trap_kernel
    test %ebx, %ebx
    js 2f
    swapgs
2:
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %r11
    pop %r10
    pop %r9
    pop %r8
    pop %rdi
    pop %rsi
    pop %rbp
    pop %rbx
    pop %rdx
    pop %rcx
    pop %rax
    add $16, %rsp
    iretq

    /* In idle_wait or in the window: that context is given up. */
trap_interrupted_kernel:
    mov (%rsp), %esi
    mov %gs:CPU_SELF, %rdi
    mov %rdi, %rsp
    call trap_interrupt
    jmp resume

#include "ports/x86/stubs.h"
    .balign 8
interrupt:
    addq $160, (%rsp)
    pushq (%rsp) /* in place of the error code */
    jmp trap
