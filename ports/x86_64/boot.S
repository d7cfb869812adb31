/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * From 32-bit mode without paging to C in the high half: the boot CPU after start.S, the other CPUs after their trampoline (ap_start). kernel_root,
 * with the 1:1 view of low memory, has to be complete.
 */
#include "offsets.h"
#include "ports/x86_64/layout.h"
#include "ports/x86_64/segments.h"

#define CR0_KERNEL 0x80010033 /* PG, WP, NE, ET, MP, PE: SDM vol. 3, 2.5 */
#define CR4_PAE 0x20
#define MSR_EFER 0xc0000080
#define EFER_LME 0x100
#define EFER_NXE 0x800
#define NX_LEAF 0x80000001 /* EDX bit 20 */

    .section .boot, "ax"
    .code32

    .globl boot_features, boot_links, boot_enter, ap_start
boot_features:
    .long 0x1, 1 << 4, text_tsc
    .long 0x1, 1 << 5, text_msr
    .long 0x1, 1 << 6, text_pae
    .long 0x1, 1 << 9, text_apic
    .long 0x80000001, 1 << 29, text_long
    .long 0
text_tsc:
    .asciz "the processor lacks a time stamp counter (TSC)"
text_msr:
    .asciz "the processor lacks model-specific registers (MSR)"
text_pae:
    .asciz "the processor lacks physical address extension (PAE)"
text_apic:
    .asciz "the processor lacks a local APIC, or it is switched off"
text_long:
    .asciz "the processor lacks 64-bit mode; take the 32-bit kernel"

#define LINK(table, index, target) .long (table - KERNEL_OFFSET) + (index) * 8, (target - KERNEL_OFFSET) + 3
    .macro link_tables index, target, count
    .set number, 0
    .rept \count
    LINK(kernel_directory, (\index) + number, \target + number * 4096)
    .set number, number + 1
    .endr
    .endm

    .balign 4
boot_links:
    LINK(kernel_root, 0, kernel_top_image)
    LINK(kernel_root, 256, kernel_top_pool)
    LINK(kernel_root, 511, kernel_top_image)
    LINK(kernel_top_image, 0, kernel_directory)
    LINK(kernel_top_image, 510, kernel_directory)
    LINK(kernel_top_pool, 0, kernel_directory_pool)
    LINK(kernel_top_pool, 1, kernel_directory_pool + 0x1000)
    LINK(kernel_top_pool, 2, kernel_directory_pool + 0x2000)
    LINK(kernel_top_pool, 3, kernel_directory_pool + 0x3000)
    link_tables 0, kernel_table_image, IMAGE_TABLES
    link_tables ((WINDOW_BASE - KERNEL_OFFSET) >> 21), kernel_table_window, WINDOW_TABLES
    link_tables ((DEVICE_BASE - KERNEL_OFFSET) >> 21), kernel_table_device, DEVICE_TABLES
    .long 0

    /* The boot CPU: edi, esi for port_boot. */
boot_enter:
    mov $(boot_high - KERNEL_OFFSET), %ebp
    jmp long_mode

    /* Another CPU, in flat 32-bit mode without paging. */
ap_start:
    cli
    cld
    mov $(ap_high - KERNEL_OFFSET), %ebp

long_mode:
    mov $CR4_PAE, %eax
    mov %eax, %cr4
    mov $(kernel_root - KERNEL_OFFSET), %eax
    mov %eax, %cr3
    mov $NX_LEAF, %eax
    cpuid
    mov %edx, %ebx
    mov $MSR_EFER, %ecx
    xor %edx, %edx
    mov $EFER_LME, %eax
    test $(1 << 20), %ebx
    jz 1f
    or $EFER_NXE, %eax
1:
    wrmsr
    mov $CR0_KERNEL, %eax
    mov %eax, %cr0
    lgdt boot_gdt_register
    ljmp $SELECTOR_KERNEL_CODE, $long_entered

    .code64
long_entered:
    xor %eax, %eax
    mov %eax, %ds
    mov %eax, %es
    mov %eax, %fs
    mov %eax, %gs
    mov %eax, %ss
    add $KERNEL_OFFSET, %rbp
    jmp *%rbp

    .balign 8
boot_gdt:
    .quad 0, 0x00af9b000000ffff /* SELECTOR_KERNEL_CODE: 64 bit */
boot_gdt_register:
    .short boot_gdt_register - boot_gdt - 1
    .long boot_gdt

    .text
boot_high:
    mov $(boot_cpu_block + BLOCK_CPU), %rsp
    push %rdi
    push %rsi
    call descriptors_boot
    pop %rsi
    pop %rdi
    xor %ebp, %ebp
    call port_boot
1:
    cli
    hlt
    jmp 1b

    /* Takes the next of the blocks that the boot CPU has prepared; more CPUs than blocks stop here. */
ap_high:
    mov $1, %ebx
    lock xadd %ebx, ap_ticket
    cmp $AP_SLOTS, %ebx
    jae 1f
    mov ap_cpu(, %rbx, 8), %rbx
    test %rbx, %rbx
    jz 1f
    mov %rbx, %rsp
    mov %rbx, %rdi
    call descriptors_load
    mov %rbx, %rdi
    xor %ebp, %ebp
    call port_ap_boot
1:
    cli
    hlt
    jmp 1b

    /* layout.h */
    .bss
    .macro tables name, count
    .globl \name
    .balign 4096
\name:
    .skip (\count) * 4096
    .endm
    tables kernel_root, 1
    tables kernel_top_image, 1
    tables kernel_top_pool, 1
    tables kernel_directory, 1
    tables kernel_directory_pool, POOL_DIRECTORIES
    tables kernel_table_image, IMAGE_TABLES
    tables kernel_table_window, WINDOW_TABLES
    tables kernel_table_device, DEVICE_TABLES
