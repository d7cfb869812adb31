/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A boot loader that does what its only module says: a list of bytes and places, then the registers to enter the next kernel with.
 * tests/forge.py writes that module; so tests can hand any information block, ACPI tables and kernel image to the kernel.
 * QEMU loads this with -kernel (Multiboot 1, 32-bit protected mode, flat segments, no paging). It lies above everything it places.
 *
 * Module: u32 magic, entry, EAX, EBX, number of records; then records: u32 place, bytes that follow, bytes in all (the rest is zeroed),
 * the bytes, padding to 4.
 */
#define MAGIC 0x4745524f /* "OREG" */

        .text
        .balign 8
        .long 0x1badb002, 0, -0x1badb002

        .globl _start
_start:
        mov     $stack_end, %esp
        cld
        mov     24(%ebx), %esi          /* mods_addr */
        mov     (%esi), %esi            /* start of the first module */
        lodsl
        cmp     $MAGIC, %eax
        jne     stop
        lodsl
        push    %eax                    /* entry: popped by ret */
        lodsl
        push    %eax
        lodsl
        push    %eax
        lodsl
        mov     %eax, %edx
next:   test    %edx, %edx
        jz      go
        lodsl
        mov     %eax, %edi
        lodsl
        mov     %eax, %ebx
        lodsl
        mov     %eax, %ebp
        mov     %ebx, %ecx
        rep movsb
        mov     %ebp, %ecx
        sub     %ebx, %ecx
        xor     %eax, %eax
        rep stosb
        add     $3, %esi
        and     $-4, %esi
        dec     %edx
        jmp     next
go:     pop     %ebx
        pop     %eax
        ret
stop:   cli
        hlt
        jmp     stop

        .bss
        .skip   256
stack_end:

        .section .note.GNU-stack, "", @progbits
