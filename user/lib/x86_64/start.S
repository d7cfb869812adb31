/* SPDX-License-Identifier: MIT */
/*
 * x86_64: where the kernel enters user code. The root task starts with rdi = CPU and rsp = address of the HIP; a portal handler
 * with rdi = portal id and rsp = its struct nova_thread; a thread where its startup handler sends it, rsp the same.
 */
#include <user/lib/thread.h>

    .text
    .globl _start
    .type _start, @function
_start:
    mov %rsp, %rsi
    lea nova_main_stack + NOVA_STACK_SIZE - NOVA_THREAD_SIZE(%rip), %rsp
    xor %ebp, %ebp
    call nova_start
    ud2
    .size _start, . - _start

/* rax = handler. rsp is the same when the handler is back, and so at the next call. */
    .globl nova_portal_enter
    .type nova_portal_enter, @function
nova_portal_enter:
    mov NOVA_THREAD_UTCB(%rsp), %rsi
    xor %ebp, %ebp
    call *%rax
    mov $1, %edi /* NOVA_REPLY */
    syscall
    ud2
    .size nova_portal_enter, . - nova_portal_enter

    .globl nova_thread_enter
    .type nova_thread_enter, @function
nova_thread_enter:
    mov NOVA_THREAD_ARGUMENT(%rsp), %rdi
    xor %ebp, %ebp
    call *NOVA_THREAD_ENTRY(%rsp)
    call nova_park
    ud2
    .size nova_thread_enter, . - nova_thread_enter

/* rdi = sp, rsi = ARG_1 */
    .globl nova_reply_at
    .type nova_reply_at, @function
nova_reply_at:
    mov %rdi, %rsp
    mov %rsi, %rdi
    syscall
    ud2
    .size nova_reply_at, . - nova_reply_at

    .section .note.GNU-stack, "", @progbits
