/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Into guests and out of them, 32 bit. An exit is an entry of the kernel like any other: the guest's registers go into the frame, and vcpu_exit runs on the
 * empty stack. No debugger or other interrupt but NMI, double fault and machine check can come between entry and exit.
 */
#include "offsets.h"
#include "ports/x86_32/segments.h"
#include "ports/x86_32/stack.h"

    .section .text.entry, "ax"

    .macro guest_load frame
    mov FRAME_BX(\frame), %ebx
    mov FRAME_DX(\frame), %edx
    mov FRAME_BP(\frame), %ebp
    mov FRAME_SI(\frame), %esi
    mov FRAME_DI(\frame), %edi
    mov FRAME_CX(\frame), %ecx /* may be the frame's own register: last */
    .endm

    /* All but ax and cx, into the frame that eax points to. */
    .macro guest_save
    mov %ebx, FRAME_BX(%eax)
    mov %edx, FRAME_DX(%eax)
    mov %ebp, FRAME_BP(%eax)
    mov %esi, FRAME_SI(%eax)
    mov %edi, FRAME_DI(%eax)
    .endm

    /* esp: struct x86_cpu */
    .macro leave_to_core
    mov %esp, %eax
    call *vcpu_exit
    test %eax, %eax
    jnz resume_fast
    mov %esp, %eax
    call *vcpu_exit_rest
    jmp resume
    .endm

    /* svm_enter(frame, vmcb, cpu): as on 64 bit. */
    .globl svm_enter
    .balign 16
svm_enter:
    mov %ecx, %esp
    mov %eax, %ecx
    mov %edx, %eax
    guest_load %ecx
    clgi
    sti
    vmload %eax
    vmrun %eax
    vmsave %eax
    mov CPU_VCPU_HOST(%esp), %eax
    vmload %eax
    cli
    mov CPU_FRAME(%esp), %eax
    mov %ecx, FRAME_CX(%eax)
    guest_save
    stgi
    leave_to_core

    /* vmx_enter(frame, launched) */
    .globl vmx_enter, vmx_exit_entry
    .balign 16
vmx_enter:
    mov %eax, %ecx
    test %dl, %dl
    mov FRAME_AX(%ecx), %eax
    guest_load %ecx
    jne 1f
    vmlaunch
    jmp 2f
1:
    vmresume
2:
    /* Refused: the kernel's registers are lost, and with them the caller. */
    reset_stack
    mov %esp, %eax
    call vmx_failed
    jmp resume

    /* The host state of the VMCS: the stack as at every entry, but DS and ES cannot have the user's selectors, which the kernel keeps there. */
    .balign 16
vmx_exit_entry:
    push %eax
    push %ecx
    mov $SELECTOR_USER_DATA, %ecx
    mov %ecx, %ds
    mov %ecx, %es
    mov 8+CPU_FRAME(%esp), %eax
    popl FRAME_CX(%eax)
    popl FRAME_AX(%eax)
    guest_save
    leave_to_core
