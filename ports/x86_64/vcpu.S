/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Into guests and out of them, 64 bit. An exit is an entry of the kernel like any other: the guest's registers go into the frame, and vcpu_exit runs on the
 * empty stack. No debugger or other interrupt but NMI, double fault and machine check can come between entry and exit.
 */
#include "offsets.h"

    .section .text.entry, "ax"

    .macro guest_load frame
    mov FRAME_BX(\frame), %rbx
    mov FRAME_CX(\frame), %rcx
    mov FRAME_DX(\frame), %rdx
    mov FRAME_BP(\frame), %rbp
    mov FRAME_SI(\frame), %rsi
    mov FRAME_R8(\frame), %r8
    mov FRAME_R9(\frame), %r9
    mov FRAME_R10(\frame), %r10
    mov FRAME_R11(\frame), %r11
    mov FRAME_R12(\frame), %r12
    mov FRAME_R13(\frame), %r13
    mov FRAME_R14(\frame), %r14
    mov FRAME_R15(\frame), %r15
    mov FRAME_DI(\frame), %rdi /* may be the frame's own register: last */
    .endm

    /* All but ax, into the frame that rax points to. */
    .macro guest_save
    mov %rbx, FRAME_BX(%rax)
    mov %rcx, FRAME_CX(%rax)
    mov %rdx, FRAME_DX(%rax)
    mov %rbp, FRAME_BP(%rax)
    mov %rsi, FRAME_SI(%rax)
    mov %rdi, FRAME_DI(%rax)
    mov %r8, FRAME_R8(%rax)
    mov %r9, FRAME_R9(%rax)
    mov %r10, FRAME_R10(%rax)
    mov %r11, FRAME_R11(%rax)
    mov %r12, FRAME_R12(%rax)
    mov %r13, FRAME_R13(%rax)
    mov %r14, FRAME_R14(%rax)
    mov %r15, FRAME_R15(%rax)
    .endm

    /* rsp: struct x86_cpu */
    .macro leave_to_core
    mov %rsp, %rdi
    call *vcpu_exit
    test %rax, %rax
    jnz resume_fast
    mov %rsp, %rdi
    call *vcpu_exit_rest
    jmp resume
    .endm

    /*
     * svm_enter(frame, vmcb, cpu): with GIF clear nothing comes in, so that IF may be set: with virtual interrupt masking it decides whether
     * interrupts end the guest. VMLOAD and VMSAVE move what VMRUN leaves alone: FS, GS, TR, LDTR and the system call MSRs.
     */
    .globl svm_enter
    .balign 16
svm_enter:
    mov %rdx, %rsp
    mov %rsi, %rax
    guest_load %rdi
    clgi
    sti
    vmload %rax
    vmrun %rax
    vmsave %rax
    mov CPU_VCPU_HOST(%rsp), %rax
    vmload %rax
    cli
    mov CPU_FRAME(%rsp), %rax
    guest_save
    stgi
    leave_to_core

    /* vmx_enter(frame, launched) */
    .globl vmx_enter, vmx_exit_entry
    .balign 16
vmx_enter:
    test %esi, %esi
    mov FRAME_AX(%rdi), %rax
    guest_load %rdi
    jnz 1f
    vmlaunch
    jmp 2f
1:
    vmresume
2:
    /* Refused: the kernel's registers are lost, and with them the caller. */
    mov %gs:CPU_SELF, %rdi
    mov %rdi, %rsp
    call vmx_failed
    jmp resume

    /* The host state of the VMCS: GS base and the stack as at every entry. */
    .balign 16
vmx_exit_entry:
    push %rax
    mov %gs:CPU_FRAME, %rax
    guest_save
    popq FRAME_AX(%rax)
    leave_to_core /* HOST_SP */
