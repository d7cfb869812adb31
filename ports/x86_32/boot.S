/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * From 32-bit mode without paging to C in the last gigabyte: the boot CPU after start.S, the other CPUs after their trampoline (ap_start). kernel_root,
 * with the 1:1 view of low memory, has to be complete.
 */
#include "offsets.h"
#include "ports/x86_32/layout.h"
#include "ports/x86_32/segments.h"

#define CR0_KERNEL 0x80010033 /* PG, WP, NE, ET, MP, PE: SDM vol. 3, 2.5 */
#define CR4_PAE 0x20
#define MSR_EFER 0xc0000080
#define EFER_NXE 0x800
#define NX_LEAF 0x80000001 /* EDX bit 20 */

    .section .boot, "ax"

    .globl boot_features, boot_links, boot_enter, ap_start
boot_features:
    .long 0x1, 1 << 4, text_tsc
    .long 0x1, 1 << 5, text_msr
    .long 0x1, 1 << 6, text_pae
    .long 0x1, 1 << 9, text_apic
    .long 0x1, 1 << 11, text_sysenter
    .long 0x1, 1 << 15, text_cmov
    .long 0
text_tsc:
    .asciz "the processor lacks a time stamp counter (TSC)"
text_msr:
    .asciz "the processor lacks model-specific registers (MSR)"
text_pae:
    .asciz "the processor lacks physical address extension (PAE)"
text_apic:
    .asciz "the processor lacks a local APIC, or it is switched off"
text_sysenter:
    .asciz "the processor lacks SYSENTER"
text_cmov:
    .asciz "the processor lacks CMOV"

#define LINK(table, index, target, rights) .long (table - KERNEL_OFFSET) + (index) * 8, (target - KERNEL_OFFSET) + rights
    .macro link_tables index, target, count
    .set number, 0
    .rept \count
    LINK(kernel_directory, (\index) + number, \target + number * 4096, 3)
    .set number, number + 1
    .endr
    .endm

    .balign 4
boot_links:
    /* An entry of the PDPT has only the present bit (SDM vol. 3, 4.4.1). */
    LINK(kernel_root, 0, kernel_directory, 1)
    LINK(kernel_root, 3, kernel_directory, 1)
    link_tables 0, kernel_table_image, IMAGE_TABLES
    link_tables ((WINDOW_BASE - KERNEL_OFFSET) >> 21), kernel_table_window, WINDOW_TABLES
    link_tables ((DEVICE_BASE - KERNEL_OFFSET) >> 21), kernel_table_device, DEVICE_TABLES
    .long 0

    /* The boot CPU: edi, esi for port_boot. */
boot_enter:
    mov $boot_high, %ebp
    jmp paging

    /* Another CPU, in flat 32-bit mode without paging. */
ap_start:
    cli
    cld
    mov $ap_high, %ebp

paging:
    mov $CR4_PAE, %eax
    mov %eax, %cr4
    mov $(kernel_root - KERNEL_OFFSET), %eax
    mov %eax, %cr3
    mov $0x80000000, %eax
    cpuid
    cmp $NX_LEAF, %eax
    jb 1f
    mov $NX_LEAF, %eax
    cpuid
    test $(1 << 20), %edx
    jz 1f
    mov $MSR_EFER, %ecx
    xor %edx, %edx
    mov $EFER_NXE, %eax
    wrmsr
1:
    mov $CR0_KERNEL, %eax
    mov %eax, %cr0
    lgdt boot_gdt_register
    ljmp $SELECTOR_KERNEL_CODE, $1f
1:
    mov $SELECTOR_KERNEL_DATA, %eax
    mov %eax, %ds
    mov %eax, %es
    mov %eax, %ss
    xor %eax, %eax
    mov %eax, %fs
    mov %eax, %gs
    jmp *%ebp

    .balign 8
boot_gdt:
    .quad 0, 0x00cf9b000000ffff, 0x00cf93000000ffff /* SELECTOR_KERNEL_CODE, SELECTOR_KERNEL_DATA: flat */
boot_gdt_register:
    .short boot_gdt_register - boot_gdt - 1
    .long boot_gdt

    .text
boot_high:
    mov $(boot_cpu_block + BLOCK_CPU), %esp
    call descriptors_boot
    xor %ebp, %ebp
    mov %edi, %eax
    mov %esi, %edx
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
    mov ap_cpu(, %ebx, 4), %ebx
    test %ebx, %ebx
    jz 1f
    mov %ebx, %esp
    mov %ebx, %eax
    call descriptors_load
    xor %ebp, %ebp
    mov %ebx, %eax
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
    tables kernel_directory, 1
    tables kernel_table_image, IMAGE_TABLES
    tables kernel_table_window, WINDOW_TABLES
    tables kernel_table_device, DEVICE_TABLES
    .globl kernel_root
    .balign 32
kernel_root:
    .skip ROOT_ENTRIES * 8
