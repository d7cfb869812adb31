/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where another CPU begins after its startup IPI: real mode, at the page that smp.c copied smp_trampoline to. It needs no data but
 * what lies in .boot at its linked physical address, so the copy is used as it is. Goes on in ports/ARCH/boot.S.
 */
    .section .rodata
    .code16
    .globl smp_trampoline, smp_trampoline_end
    .balign 4
smp_trampoline:
    cli
    mov %cs, %ax
    mov %ax, %ds
    lgdtl flat_gdt_register - smp_trampoline
    mov %cr0, %eax
    or $1, %al /* PE */
    mov %eax, %cr0
    ljmpl $8, $flat_entered
    .balign 4
flat_gdt_register:
    .short flat_gdt_end - flat_gdt - 1
    .long flat_gdt
smp_trampoline_end:

    .section .boot, "ax"
    .code32
flat_entered:
    mov $16, %eax
    mov %eax, %ds
    mov %eax, %es
    mov %eax, %ss
    jmp ap_start

    .balign 8
flat_gdt: /* flat code and data, accessed already: this page is not written */
    .quad 0, 0x00cf9b000000ffff, 0x00cf93000000ffff
flat_gdt_end:
