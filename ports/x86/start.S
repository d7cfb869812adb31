/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where the boot loader comes in: Multiboot 1 and 2 headers, the checks without which nothing works, and a message if one of them fails. 32-bit code in the
 * .boot section, which is linked at its physical address. boot_link and what follows (ports/ARCH/boot.S) gets edi = magic, esi = physical address of the
 * boot information, and a stack. boot_features (ports/ARCH/boot.S) lists what the CPU has to have: CPUID leaf, bits of EDX, name; leaf 0 ends it.
 */
#include "offsets.h"
#include "layout.h"

#define MULTIBOOT1_LOADER 0x2badb002 /* Multiboot Specification 0.6.96, 3.2 */
#define MULTIBOOT2_LOADER 0x36d76289 /* Multiboot2 Specification 2.0, 3.3 */
#define UART 0x3f8
#define VGA_TEXT 0xb8000

    .section .boot, "ax"
    .code32

    /* Multiboot 1, 3.1.1: modules page aligned (bit 0), memory information (bit 1). */
    .balign 4
    .long 0x1badb002, 3, -(0x1badb002 + 3)

    /* Multiboot 2, 3.1: everything asked for is optional (flag 1): platform code says what is missing. */
    .balign 8
header2:
    .long 0xe85250d6, 0, header2_end - header2, -(0xe85250d6 + (header2_end - header2))
    .balign 8
request:
    .short 1, 1 /* information: command line, modules, memory, map, framebuffer, EFI system table, ACPI RSDP old and new */
    .long request_end - request, 1, 3, 4, 6, 8, 12, 14, 15
request_end:
    .balign 8
    .short 6, 0 /* modules page aligned */
    .long 8
    .balign 8
    .short 0, 0
    .long 8
header2_end:

    .globl start
start:
    cli
    cld
    mov %eax, %edi
    mov %ebx, %esi
    mov $(boot_cpu_block + BLOCK_CPU - KERNEL_OFFSET), %esp

    mov $text_loader, %ebp
    cmp $MULTIBOOT1_LOADER, %edi
    je 1f
    cmp $MULTIBOOT2_LOADER, %edi
    jne boot_fail
1:
    /* CPUID is there if the ID flag can be changed (SDM vol. 1, 20.1). */
    mov $text_cpuid, %ebp
    pushfl
    mov (%esp), %eax
    xorl $0x200000, (%esp)
    popfl
    pushfl
    pop %ecx
    xor %ecx, %eax
    test $0x200000, %eax
    jz boot_fail

    push %esi
    mov $boot_features, %esi
2:
    mov (%esi), %eax
    test %eax, %eax
    jz 3f
    mov 8(%esi), %ebp
    and $0x80000000, %eax
    cpuid
    cmp (%esi), %eax
    jb boot_fail
    mov (%esi), %eax
    cpuid
    and 4(%esi), %edx
    cmp 4(%esi), %edx
    jne boot_fail
    add $12, %esi
    jmp 2b
3:
    pop %esi
    rdtsc /* the boot log says how long the kernel took */
    mov %eax, boot_tsc - KERNEL_OFFSET
    mov %edx, boot_tsc - KERNEL_OFFSET + 4

    /* The kernel's page tables: pairs of entry and value; the high halves stay 0. */
    mov $boot_links, %ebx
4:
    mov (%ebx), %edx
    test %edx, %edx
    jz 5f
    mov 4(%ebx), %eax
    mov %eax, (%edx)
    add $8, %ebx
    jmp 4b
5:
    mov $(kernel_table_image - KERNEL_OFFSET), %edx
    mov $3, %eax /* present, writable */
6:
    mov %eax, (%edx)
    add $8, %edx
    add $0x1000, %eax
    cmp $KERNEL_PHYSICAL_LIMIT, %eax
    jb 6b
    jmp boot_enter

/* ebp = what is missing: says so on the first serial port and the text screen, and stops. */
boot_fail:
    mov $uart_setup, %esi
1:
    mov (%esi), %dx
    test %dx, %dx
    jz 2f
    mov 2(%esi), %al
    out %al, %dx
    add $3, %esi
    jmp 1b
2:
    mov $VGA_TEXT, %edi
    mov $text_begin, %esi
    call boot_print
    mov %ebp, %esi
    call boot_print
    mov $text_end, %esi
    call boot_print
3:
    hlt
    jmp 3b

boot_print:
    lodsb
    test %al, %al
    jz 3f
    mov %al, %bl
    mov $0x10000, %ecx /* no endless wait where there is no port */
    mov $(UART + 5), %dx
1:
    in %dx, %al
    test $0x20, %al
    loopz 1b
    mov $UART, %dx
    mov %bl, %al
    out %al, %dx
    cmp $' ', %al
    jb boot_print
    mov $0x0f, %ah
    stosw
    jmp boot_print
3:
    ret

uart_setup: /* 115200 baud, 8N1, no interrupts */
    .macro uart register, value
    .short UART + \register
    .byte \value
    .endm
    uart 1, 0
    uart 3, 0x80
    uart 0, 1
    uart 1, 0
    uart 3, 3
    .short 0

text_begin:
    .asciz "FATAL: this kernel cannot start here: "
text_loader:
    .asciz "the boot loader is not a Multiboot loader; load it with multiboot or multiboot2"
text_cpuid:
    .asciz "the processor lacks CPUID"
text_end:
    .asciz "\r\n"
