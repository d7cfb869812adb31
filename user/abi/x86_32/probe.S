/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * x86_32: the parts of the checks that need exact registers. struct registers: ax cx dx bx sp bp si di, r8-r15 unused, flags,
 * 4 bytes each. A hypercall uses cx and dx for its return.
 */
    .text

/* nova_word probe_enter(f, argument): returns when f does. An exception's handler comes back to probe_return with esp = probe_sp. */
    .globl probe_enter, probe_return
probe_enter:
    push %ebx
    push %ebp
    push %esi
    push %edi
    sub $12, %esp
    mov %esp, probe_sp
    mov 32(%esp), %eax
    push 36(%esp)
    call *%eax
    add $4, %esp
probe_return:
    cld
    add $12, %esp
    pop %edi
    pop %esi
    pop %ebp
    pop %ebx
    ret

    .macro WITH_REGISTERS name, ip, instruction:vararg
    .globl \name, \ip
\name:
    push %ebx
    push %ebp
    push %esi
    push %edi
    mov 20(%esp), %edi
    push %edi
    mov 0x04(%edi), %ecx
    mov 0x08(%edi), %edx
    mov 0x0c(%edi), %ebx
    mov 0x14(%edi), %ebp
    mov 0x18(%edi), %esi
    mov %esp, 0x10(%edi)
    mov 0x00(%edi), %eax
    push 0x40(%edi)
    mov 0x1c(%edi), %edi
    \instruction
    pushf
    push $2
    popf
    push %edi
    mov 8(%esp), %edi
    mov %eax, 0x00(%edi)
    mov %ecx, 0x04(%edi)
    mov %edx, 0x08(%edi)
    mov %ebx, 0x0c(%edi)
    mov %ebp, 0x14(%edi)
    mov %esi, 0x18(%edi)
    pop 0x1c(%edi)
    pop 0x40(%edi)
    mov %esp, 0x10(%edi)
    pop %edi
    pop %edi
    pop %esi
    pop %ebp
    pop %ebx
    ret
    .endm

/* The flags are loaded last, so that with TF set it is sysenter that is stepped over. */
    .macro HYPERCALL
    lea 4(%esp), %ecx
    mov $hypercall_return_ip, %edx
    popf
    sysenter
hypercall_return_ip:
    nop
    .endm
    .macro UNDEFINED
    popf
undefined_ip:
    ud2
    .endm
    WITH_REGISTERS hypercall_registers, hypercall_return_ip, HYPERCALL
    WITH_REGISTERS undefined_registers, undefined_ip, UNDEFINED

/* A hypercall with any return address and stack: edge_hypercall(ARG_1, ip, sp). */
    .globl edge_hypercall
edge_hypercall:
    mov 4(%esp), %eax
    mov 8(%esp), %edx
    mov 12(%esp), %ecx
    .globl edge_entry
edge_entry:
    sysenter

/* int n; ret: four bytes each */
    .text
    .globl int_table
int_table:
    .set number, 0
    .rept 256
    .byte 0xcd, number, 0xc3, 0x90
    .set number, number + 1
    .endr

    .data
    .globl probe_sp
probe_sp:
    .long 0
    .section .note.GNU-stack, "", @progbits
