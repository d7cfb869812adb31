/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * x86_64: the parts of the checks that need exact registers. struct registers: ax cx dx bx sp bp si di r8-r15 flags, 8 bytes each.
 */
    .text

/* What a C function has to keep; and the end of that function. */
    .macro KEEP
    push %rbx
    push %rbp
    push %r12
    push %r13
    push %r14
    push %r15
    .endm
    .macro RETURN_KEPT
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %rbp
    pop %rbx
    ret
    .endm

/* nova_word probe_enter(f, argument): -1 when f returns. An exception's handler comes back to probe_return with rsp = probe_sp. */
    .globl probe_enter, probe_return
probe_enter:
    KEEP
    sub $8, %rsp
    mov %rsp, probe_sp(%rip)
    mov %rdi, %rax
    mov %rsi, %rdi
    call *%rax
probe_return:
    cld
    add $8, %rsp
    RETURN_KEPT

    .macro WITH_REGISTERS name, ip, instruction:vararg
    .globl \name, \ip
\name:
    KEEP
    push %rdi
    mov 0x08(%rdi), %rcx
    mov 0x10(%rdi), %rdx
    mov 0x18(%rdi), %rbx
    mov 0x28(%rdi), %rbp
    mov 0x30(%rdi), %rsi
    mov 0x40(%rdi), %r8
    mov 0x48(%rdi), %r9
    mov 0x50(%rdi), %r10
    mov 0x58(%rdi), %r11
    mov 0x60(%rdi), %r12
    mov 0x68(%rdi), %r13
    mov 0x70(%rdi), %r14
    mov 0x78(%rdi), %r15
    mov %rsp, 0x20(%rdi)
    mov 0x00(%rdi), %rax
    push 0x80(%rdi)
    mov 0x38(%rdi), %rdi
    popf
    \instruction
    pushf
    push $2
    popf
    push %rdi
    mov 16(%rsp), %rdi
    mov %rax, 0x00(%rdi)
    mov %rcx, 0x08(%rdi)
    mov %rdx, 0x10(%rdi)
    mov %rbx, 0x18(%rdi)
    mov %rbp, 0x28(%rdi)
    mov %rsi, 0x30(%rdi)
    pop 0x38(%rdi)
    mov %r8, 0x40(%rdi)
    mov %r9, 0x48(%rdi)
    mov %r10, 0x50(%rdi)
    mov %r11, 0x58(%rdi)
    mov %r12, 0x60(%rdi)
    mov %r13, 0x68(%rdi)
    mov %r14, 0x70(%rdi)
    mov %r15, 0x78(%rdi)
    pop 0x80(%rdi)
    mov %rsp, 0x20(%rdi)
    pop %rdi
    RETURN_KEPT
    .endm

    .macro HYPERCALL
    syscall
hypercall_return_ip:
    nop
    .endm
    .macro UNDEFINED
undefined_ip:
    ud2
    .endm
    WITH_REGISTERS hypercall_registers, hypercall_return_ip, HYPERCALL
    WITH_REGISTERS undefined_registers, undefined_ip, UNDEFINED

/* A page for the end of user space: its last instruction is a syscall whose return address is the user limit itself. */
    .section .text.edge, "ax", @progbits
    .balign 4096
    .globl edge_page
edge_page:
    .fill 4094, 1, 0x90
    syscall

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
    .quad 0
    .section .note.GNU-stack, "", @progbits
