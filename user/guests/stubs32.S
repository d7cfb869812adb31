/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Start of a 32-bit guest, as a Multiboot kernel or as an ELF program without a header, the stubs of its traps, and the way to user code and back.
 */
    .section .start, "ax"
#ifdef MULTIBOOT
    .balign 4
    .long 0x1badb002, 2, -(0x1badb002 + 2)
#endif
    .globl _start
_start:
    cld
    mov $stack_end, %esp
    cmp $0x2badb002, %eax
    jne 1f
    mov 16(%ebx), %eax
    mov %eax, command_line
1:  call descriptors_init
    call traps_init
    call guest_main
2:  hlt
    jmp 2b

    .text
    .globl trap_stubs
    .balign 16
trap_stubs:
    .set vector, 0
    .rept 96
    .balign 16
    .if vector != 8 && vector != 10 && vector != 11 && vector != 12 && vector != 13 && vector != 14 && vector != 17
    push $0
    .endif
    push $vector
    jmp trap_common
    .set vector, vector + 1
    .endr

trap_common:
    pusha
    cld
    mov $0x10, %eax
    mov %eax, %ds
    mov %eax, %es
    push %esp
    call trap_entry
    add $4, %esp
    popa
    add $8, %esp
    iret

/* 4(%esp) entry, 8(%esp) stack */
    .globl user_run
user_run:
    mov 4(%esp), %eax
    mov 8(%esp), %edx
    push %ebp
    push %ebx
    push %esi
    push %edi
    mov %esp, user_sp
    push $0x23
    push %edx
    push $2
    push $0x1b
    push %eax
    mov $0x23, %eax
    mov %eax, %ds
    mov %eax, %es
    iret

    .globl user_back
user_back:
    mov $0x10, %eax
    mov %eax, %ds
    mov %eax, %es
    mov user_sp, %esp
    pop %edi
    pop %esi
    pop %ebx
    pop %ebp
    ret

    .bss
user_sp:
    .long 0
    .balign 16
    .skip 16384
    .globl stack_end
stack_end:

    .section .note.GNU-stack, "", @progbits
