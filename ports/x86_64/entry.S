/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Hypercalls and the way out of the kernel, 64 bit. User mode runs with the GS base of its own and ours in KERNEL_GS_BASE; in the kernel it is the other way
 * round. The kernel keeps nothing on its stack between two entries: each one from user mode begins at the top, and an interrupt that comes in the
 * kernel (only in idle_wait or in the window below) gives up what it interrupted. Exceptions that may come anywhere have stacks of their own (IST).
 */
#include "offsets.h"
#include "ports/x86_64/segments.h"

    .section .text.entry, "ax"

/* ---- hypercall ---- */

    /* Everything into the frame, which rsp points to, then onto the kernel stack; rax has been saved. */
    .macro save_all
    mov %gs:CPU_SCRATCH, %rax
    mov %rcx, FRAME_IP(%rsp)
    mov %rax, FRAME_SP(%rsp)
    mov %r11, FRAME_FLAGS(%rsp)
    mov %rdi, FRAME_DI(%rsp)
    mov %rsi, FRAME_SI(%rsp)
    mov %rdx, FRAME_DX(%rsp)
    mov %r8, FRAME_R8(%rsp)
    mov %rbx, FRAME_BX(%rsp)
    mov %rbp, FRAME_BP(%rsp)
    mov %r9, FRAME_R9(%rsp)
    mov %r10, FRAME_R10(%rsp)
    mov %r12, FRAME_R12(%rsp)
    mov %r13, FRAME_R13(%rsp)
    mov %r14, FRAME_R14(%rsp)
    mov %r15, FRAME_R15(%rsp)
    mov %gs:CPU_SELF, %rsp
    .endm

    /* The fast way out: rax = frame, whose resume is RESUME_HYPERCALL. load_kept_fast: rbx, rbp and r12-r15 still hold what they should. */
    .macro load_kept_fast
    mov FRAME_IP(%rax), %rcx
    mov FRAME_FLAGS(%rax), %r11
    mov FRAME_DI(%rax), %rdi
    mov FRAME_SI(%rax), %rsi
    mov FRAME_DX(%rax), %rdx
    mov FRAME_R8(%rax), %r8
    mov FRAME_R9(%rax), %r9
    mov FRAME_R10(%rax), %r10
    mov FRAME_SP(%rax), %rsp
    mov FRAME_AX(%rax), %rax
    swapgs
    sysretq
    .endm

    .macro load_fast
    mov FRAME_BX(%rax), %rbx
    mov FRAME_BP(%rax), %rbp
    mov FRAME_R12(%rax), %r12
    mov FRAME_R13(%rax), %r13
    mov FRAME_R14(%rax), %r14
    mov FRAME_R15(%rax), %r15
    load_kept_fast
    .endm

    /*
     * SYSCALL: rcx = return IP, r11 = flags; the rest is the user's, also the stack pointer. FMASK has cleared IF, DF, TF, NT, AC. A
     * frame's resume is RESUME_HYPERCALL whenever user mode runs: all ways out leave it so. It remains so if the IP can be returned to, which is looked at here and
     * not at the exit. Hypercall number and two flags choose the way.
     */
    .globl entry_syscall
    .balign 64
entry_syscall:
    swapgs
    mov %rsp, %gs:CPU_SCRATCH
    mov %gs:CPU_FRAME, %rsp /* as a base register only: nothing is pushed (NMIs have their own stack) */
    mov %rax, FRAME_AX(%rsp)
    mov %edi, %eax
    and $63, %eax
    jmp *ways(, %rax, 8)

    .section .rodata.entry, "a"
    .balign 64
ways:
    .quad way_call, way_reply, way_slow, way_slow, way_slow, way_slow, way_slow, way_slow
    .quad way_slow, way_slow, way_slow, way_pt_ctrl, way_up, way_slow, way_slow, way_slow
    .quad way_call, way_slow, way_slow, way_slow, way_slow, way_slow, way_slow, way_slow
    .quad way_slow, way_slow, way_slow, way_slow, way_down, way_slow, way_slow, way_slow
    .rept 32
    .quad way_slow
    .endr
    .section .text.entry

    /* Ends at once. kernel_quick_* keep every register but rax, rcx, rdx and rdi (build/Makefile). */
    .macro quick function
    cmp %gs:CPU_USER_LIMIT, %rcx
    jae slow_limit
    mov %rdi, FRAME_DI(%rsp)
    mov %rdx, FRAME_DX(%rsp)
    mov %rcx, FRAME_IP(%rsp)
    mov %gs:CPU_SELF, %rsp
    mov %gs:CPU_CORE, %rdx
    call \function
    cmp $KERNEL_SLOW, %rax
    jae 1f
    mov %eax, %edi
    mov %gs:CPU_FRAME, %rax
    mov FRAME_IP(%rax), %rcx
    mov FRAME_DX(%rax), %rdx
    mov FRAME_AX(%rax), %rax
    mov %gs:CPU_SCRATCH, %rsp
    swapgs
    sysretq
    .endm

    /* What "quick" has left is saved, too. Then as for kernel_call, with what was found. What it returns is resumed in its own way, which mostly is a fast one. */
    .macro switch function
1:
    mov %gs:CPU_FRAME, %rcx
    mov %gs:CPU_SCRATCH, %rdx
    mov %rdx, FRAME_SP(%rcx)
    mov %r11, FRAME_FLAGS(%rcx)
    mov %rsi, FRAME_SI(%rcx)
    mov %r8, FRAME_R8(%rcx)
    mov %rbx, FRAME_BX(%rcx)
    mov %rbp, FRAME_BP(%rcx)
    mov %r9, FRAME_R9(%rcx)
    mov %r10, FRAME_R10(%rcx)
    mov %r12, FRAME_R12(%rcx)
    mov %r13, FRAME_R13(%rcx)
    mov %r14, FRAME_R14(%rcx)
    mov %r15, FRAME_R15(%rcx)
    mov %rax, %rsi
    mov CPU_CORE(%rsp), %rdi
    call \function
    test %rax, %rax
    jz core_failed
    mov %rax, %gs:CPU_FRAME
    cmpb $RESUME_HYPERCALL, FRAME_RESUME(%rax)
    jne resume_frame
    load_fast
    .endm

    .balign 16
way_up:
    quick kernel_quick_up
    switch kernel_up
    .balign 16
way_down:
    quick kernel_quick_down
    switch kernel_down
    .balign 16
way_pt_ctrl:
    quick kernel_quick_pt_ctrl
1:
    mov %gs:CPU_FRAME, %rsp
    mov FRAME_DI(%rsp), %rdi
    mov FRAME_DX(%rsp), %rdx
    mov FRAME_IP(%rsp), %rcx
    jmp way_slow

    /* These functions do not keep what ends up in the frame (build/Makefile), so the thread gets every register from there. */
core_failed:
    mov CPU_CORE(%rsp), %rdi
    call kernel_hypercall
    jmp resume

    /* The way out for a frame of which all is known (kernel_call, kernel_reply, vcpu_exit). */
    .macro leave_fast
    mov %rax, %gs:CPU_FRAME
    load_fast
    .endm

    .balign 16
way_call:
    cmp %gs:CPU_USER_LIMIT, %rcx
    jae slow_limit
    save_all
    mov %rdi, %rsi
    mov CPU_CORE(%rsp), %rdi
    call kernel_call
    test %rax, %rax
    jz core_failed
    leave_fast

    /* What a handler's IP is does not matter: it goes on at a portal's. */
    .balign 16
way_reply:
    cmp $NOVA_REPLY, %edi
    jne way_slow /* with a semaphore */
    save_all
    mov CPU_CORE(%rsp), %rdi
    call kernel_reply
    test $1, %al
    jnz reply_other
    .globl resume_fast
resume_fast:
    leave_fast

    /* It was not such a case, or the caller goes on in its own way. */
reply_other:
    dec %rax
    jz core_failed
    jmp resume_frame

    /* Who goes on at the limit takes an exception: not a fast return. */
slow_limit:
    movb $RESUME_FULL, FRAME_RESUME(%rsp)
    jmp slow_saving
    .balign 16
way_slow:
    cmp %gs:CPU_USER_LIMIT, %rcx
    jae slow_limit
slow_saving:
    save_all
    mov CPU_CORE(%rsp), %rdi
    call kernel_hypercall

    /* The same thread goes on: the C code has kept rbx, rbp and r12-r15 as they were. */
    cmp %rax, %gs:CPU_FRAME
    jne resume
    cmpb $RESUME_HYPERCALL, FRAME_RESUME(%rax)
    jne resume
return_fast:
    load_kept_fast

    /* hal/frame.h: words_copy(to, from, frame) */
    .globl words_copy
    .balign 16
words_copy:
    mov FRAME_WORDS(%rdx), %ecx
    mov %rdx, %rax
    rep movsq
    ret

/* ---- the way out: rax = frame to resume, or 0 ---- */

    .globl resume
    .balign 16
resume:
    test %rax, %rax
    jz window
resume_frame:
    mov %rax, %gs:CPU_FRAME
    movzbl FRAME_RESUME(%rax), %ecx
    cmp $RESUME_FULL, %ecx
    ja resume_other
    mov FRAME_BX(%rax), %rbx
    mov FRAME_BP(%rax), %rbp
    mov FRAME_R12(%rax), %r12
    mov FRAME_R13(%rax), %r13
    mov FRAME_R14(%rax), %r14
    mov FRAME_R15(%rax), %r15
    jb return_fast

    /* Every register, by IRET. */
    mov FRAME_IP(%rax), %rcx
    cmp %gs:CPU_USER_LIMIT, %rcx
    jae return_limit
    movb $RESUME_HYPERCALL, FRAME_RESUME(%rax)
    pushq $SELECTOR_USER_DATA
    pushq FRAME_SP(%rax)
    pushq FRAME_FLAGS(%rax)
    pushq $SELECTOR_USER_CODE
    push %rcx
    mov FRAME_DI(%rax), %rdi
    mov FRAME_SI(%rax), %rsi
    mov FRAME_DX(%rax), %rdx
    mov FRAME_CX(%rax), %rcx
    mov FRAME_R8(%rax), %r8
    mov FRAME_R9(%rax), %r9
    mov FRAME_R10(%rax), %r10
    mov FRAME_R11(%rax), %r11
    mov FRAME_AX(%rax), %rax
    swapgs
    iretq

    /* The thread would go on where user mode ends. */
return_limit:
    mov %gs:CPU_SELF, %rdi
    mov %rdi, %rsp
    call trap_limit
    jmp resume

resume_other:
    mov %gs:CPU_SELF, %rdi
    mov %rdi, %rsp
    cmp $RESUME_IDLE, %ecx
    jne 1f
    call idle_wait
    ud2
1:
    mov %rax, %rsi
    call trap_resume_vcpu
    jmp resume

    /* Core wants interrupts to get in. The one instruction after the STI shadow is where they come. */
window:
    mov %rax, %gs:CPU_FRAME
    mov %gs:CPU_SELF, %rsp
    sti
    nop
    cli
    mov CPU_CORE(%rsp), %rdi
    call kernel_continue
    jmp resume
