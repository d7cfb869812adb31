/* SPDX-License-Identifier: MIT */
/*
 * x86_32: where the kernel enters user code. The root task starts with eax = CPU and esp = address of the HIP; a portal handler
 * with eax = portal id and esp = its struct nova_thread; a thread where its startup handler sends it, esp the same.
 * sysenter wants the stack in ecx and the return address in edx, also for a reply, which never returns.
 */
#include <user/lib/thread.h>

    .text
    .globl _start
    .type _start, @function
_start:
    mov %esp, %edx
    mov $nova_main_stack + NOVA_STACK_SIZE - NOVA_THREAD_SIZE, %esp
    xor %ebp, %ebp
    sub $8, %esp
    push %edx
    push %eax
    call nova_start
    ud2
    .size _start, . - _start

/* ecx = handler. esp is the same when the handler is back and its arguments are gone, and so at the next call. */
    .globl nova_portal_enter
    .type nova_portal_enter, @function
nova_portal_enter:
    mov NOVA_THREAD_UTCB(%esp), %edx
    xor %ebp, %ebp
    sub $8, %esp
    push %edx
    push %eax
    call *%ecx
    add $16, %esp
    mov $1, %eax /* NOVA_REPLY */
    mov %esp, %ecx
    mov $nova_dead_end, %edx
    sysenter
    .size nova_portal_enter, . - nova_portal_enter

    .globl nova_thread_enter
    .type nova_thread_enter, @function
nova_thread_enter:
    mov NOVA_THREAD_ENTRY(%esp), %ecx
    mov NOVA_THREAD_ARGUMENT(%esp), %eax
    xor %ebp, %ebp
    sub $12, %esp
    push %eax
    call *%ecx
    call nova_park
    ud2
    .size nova_thread_enter, . - nova_thread_enter

/* 4(%esp) = sp, 8(%esp) = ARG_1 */
    .globl nova_reply_at
    .type nova_reply_at, @function
nova_reply_at:
    mov 8(%esp), %eax
    mov 4(%esp), %ecx
    mov %ecx, %esp
    mov $nova_dead_end, %edx
    sysenter
    .size nova_reply_at, . - nova_reply_at

/* A reply does not return; if it ever does, it is an event and not a run into the weeds. */
nova_dead_end:
    ud2

    .section .note.GNU-stack, "", @progbits
