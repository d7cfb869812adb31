/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Start of a 64-bit guest: an image that its Multiboot header describes, entered in 32-bit mode. First tables of 2 MiB pages, then long mode; the second virtual CPU comes the
 * same way. Stubs of traps, user code and back.
 */
    .section .start, "ax"
    .code32
    .balign 4
header:
    .long 0x1badb002, 0x10002, -(0x1badb002 + 0x10002)
    .long header, header, image_end, bss_end, _start
    .globl _start
_start:
    cld
    mov 16(%ebx), %eax
    mov %eax, command_line
    mov $stack_end, %esp
    mov $first_tables, %edi
    lea 0x1003(%edi), %eax
    mov %eax, (%edi)
    add $0x1000, %eax
    mov %eax, 0x1000(%edi)
    mov $0x83, %eax
    lea 0x2000(%edi), %edx
1:  mov %eax, (%edx)
    add $0x200000, %eax
    add $8, %edx
    cmp $0x40000083, %eax
    jne 1b
    mov %edi, %esi
    mov $first_64, %ebp
/* esi = CR3, ebp = where to go in 64-bit mode */
to_long:
    mov %cr4, %eax
    or $0x30, %eax
    mov %eax, %cr4
    mov %esi, %cr3
    mov $0xc0000080, %ecx
    rdmsr
    or $0x100, %eax
    wrmsr
    mov %cr0, %eax
    or $0x80010001, %eax
    mov %eax, %cr0
    lgdt start_pointer
    ljmp $0x08, $1f
    .code64
1:  mov $0x10, %eax
    mov %eax, %ds
    mov %eax, %es
    mov %eax, %ss
    mov %esp, %esp
    mov %ebp, %ebp
    jmp *%rbp

first_64:
    call descriptors_init
    call traps_init
    call guest_main
2:  hlt
    jmp 2b

    .code32
    .globl second_start
second_start:
    cld
    mov $second_stack_end, %esp
    mov second_cr3, %esi
    mov $second_64, %ebp
    jmp to_long
    .code64
second_64:
    lgdt second_gdt
    lidt second_idt
    mov second_cr4, %rax
    mov %rax, %cr4
    call *second_entry
3:  hlt
    jmp 3b

    .balign 8
start_gdt:
    .quad 0, 0x00af9b000000ffff, 0x00cf93000000ffff
start_pointer:
    .word 23
    .long start_gdt, 0

    .text
#include "trap_stubs.h"

trap_common:
    push %r15
    push %r14
    push %r13
    push %r12
    push %r11
    push %r10
    push %r9
    push %r8
    push %rdi
    push %rsi
    push %rbp
    push %rbx
    push %rdx
    push %rcx
    push %rax
    cld
    mov %rsp, %rdi
    mov %rsp, %rbx
    and $-16, %rsp
    call trap_entry
    mov %rbx, %rsp
    pop %rax
    pop %rcx
    pop %rdx
    pop %rbx
    pop %rbp
    pop %rsi
    pop %rdi
    pop %r8
    pop %r9
    pop %r10
    pop %r11
    pop %r12
    pop %r13
    pop %r14
    pop %r15
    add $16, %rsp
    iretq

/* rdi = entry, rsi = stack */
    .globl user_run
user_run:
    push %rbp
    push %rbx
    push %r12
    push %r13
    push %r14
    push %r15
    mov %rsp, user_sp
    cmpq $0, user_by_sysret
    jne 1f
    push $0x23
    push %rsi
    push $2
    push $0x2b
    push %rdi
    iretq
1:  mov %rdi, %rcx
    mov $2, %r11d
    mov %rsi, %rsp
    sysretq

    .globl user_back
user_back:
    mov user_sp, %rsp
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %rbx
    pop %rbp
    ret

    .bss
    .balign 8
    .globl second_cr0, second_cr3, second_cr4, second_gdt, second_idt, second_entry
second_cr0: .quad 0
second_cr3: .quad 0
second_cr4: .quad 0
second_entry: .quad 0
second_gdt: .skip 16
second_idt: .skip 16
user_sp: .quad 0
    .balign 16
    .skip 8192
second_stack_end:
    .skip 16384
    .globl stack_end
stack_end:
    .balign 4096
first_tables:
    .skip 0x3000

    .section .note.GNU-stack, "", @progbits
