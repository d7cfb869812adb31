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
#include "trap_stubs.h"

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
    cmpl $0, user_by_sysret
    jne 1f
    push $0x23
    push %edx
    push $2
    push $0x1b
    push %eax
    mov $0x23, %eax
    mov %eax, %ds
    mov %eax, %es
    iret
1:  mov %edx, %ecx
    mov %eax, %edx
    mov $0x23, %eax
    mov %eax, %ds
    mov %eax, %es
    sysexit

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

/* The second virtual CPU, flat: the first one's tables, its own stack. */
    .globl second_start
second_start:
    cld
    mov $second_stack_end, %esp
    mov second_cr4, %eax
    mov %eax, %cr4
    mov second_cr3, %eax
    mov %eax, %cr3
    mov second_cr0, %eax
    mov %eax, %cr0
    lgdt second_gdt
    lidt second_idt
    ljmp $0x08, $1f
1:  mov $0x10, %eax
    mov %eax, %ds
    mov %eax, %es
    mov %eax, %ss
    call *second_entry
2:  hlt
    jmp 2b

    .bss
    .balign 8
    .globl second_cr0, second_cr3, second_cr4, second_gdt, second_idt, second_entry
second_cr0: .long 0
second_cr3: .long 0
second_cr4: .long 0
second_entry: .long 0
second_gdt: .skip 8
second_idt: .skip 8
    .balign 16
    .skip 8192
second_stack_end:
user_sp:
    .long 0
    .balign 16
    .skip 16384
    .globl stack_end
stack_end:

    .section .note.GNU-stack, "", @progbits
