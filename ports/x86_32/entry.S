/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Hypercalls and the way out of the kernel, 32 bit. SYSENTER and the TSS both give the top of the kernel stack, which is the address of struct x86_cpu, so that
 * data is reached from the stack pointer. The stack pointer is good at every instruction: NMIs and machine checks simply use it.
 * The kernel keeps nothing on its stack between two entries: an interrupt that comes in the kernel (only in idle_wait or in the window below) gives
 * up what it interrupted. C functions take their first three words in eax, edx and ecx (build/Makefile). DS and ES are the user's at an entry, and may be anything; SS is good.
 */
#include "offsets.h"
#include "ports/x86_32/layout.h"
#include "ports/x86_32/segments.h"
#include "ports/x86_32/stack.h"

#define FLAG_TF 0x100
#define FLAGS_SPECIAL 0x244500 /* ID, AC, NT, DF, TF: what a fast return must not carry from one thread to another */

    .section .text.entry, "ax"

/* ---- hypercall ---- */

    /* Everything into the frame, with IP, SP and flags from the stack; eax, too, if that is where it is. */
    .macro save_all pushed=0
    mov \pushed+12+CPU_FRAME(%esp), %ecx
    .if \pushed
    popl FRAME_AX(%ecx)
    .else
    mov %eax, FRAME_AX(%ecx)
    .endif
    mov %edi, FRAME_DI(%ecx)
    mov %esi, FRAME_SI(%ecx)
    mov %ebx, FRAME_BX(%ecx)
    mov %ebp, FRAME_BP(%ecx)
    popl FRAME_SP(%ecx)
    popl FRAME_IP(%ecx)
    popl FRAME_FLAGS(%ecx)
    .endm

    /* The fast way out: eax = frame, whose resume is RESUME_HYPERCALL. */
    .macro load_fast
    mov FRAME_IP(%eax), %edx
    mov FRAME_SP(%eax), %ecx
    mov FRAME_DI(%eax), %edi
    mov FRAME_SI(%eax), %esi
    mov FRAME_BX(%eax), %ebx
    mov FRAME_BP(%eax), %ebp
    mov FRAME_AX(%eax), %eax
    sti /* takes effect after the next instruction */
    sysexit
    .endm

    .macro load_segments
    mov $SELECTOR_USER_DATA, %ecx
    mov %ecx, %ds
    mov %ecx, %es
    .endm

    /*
     * SYSENTER: edx = return IP, ecx = return SP. The CPU has cleared IF, but not TF: then a debug exception comes before the first instruction here.
     * A frame's resume is RESUME_HYPERCALL whenever user mode runs: all ways out leave it so. It remains so if the IP can be returned to, which is looked at here and
     * not at the exit. Hypercall number and two flags choose the way.
     */
    .globl entry_sysenter, entry_sysenter_traced
    .balign 64
entry_sysenter:
    pushfl
    testl $FLAGS_SPECIAL, (%esp)
    jnz entry_special
    push %edx
    push %ecx
    load_segments
    mov %eax, %ecx
    and $63, %ecx
    jmp *ways(, %ecx, 4)

    .section .rodata.entry, "a"
    .balign 64
ways:
    .long way_call, way_reply, way_slow, way_slow, way_slow, way_slow, way_slow, way_slow
    .long way_slow, way_slow, way_slow, way_pt_ctrl, way_up, way_slow, way_slow, way_slow
    .long way_call, way_slow, way_slow, way_slow, way_slow, way_slow, way_slow, way_slow
    .long way_slow, way_slow, way_slow, way_slow, way_down, way_slow, way_slow, way_slow
    .rept 32
    .long way_slow
    .endr
    .section .text.entry

    /* Ends at once. As all functions, kernel_quick_* keep ebx, ebp, esi and edi. */
    .macro quick function
    cmp $KERNEL_OFFSET, %edx
    jae way_special
    push %eax
    mov %edi, %edx
    mov 16+CPU_CORE(%esp), %ecx
    call \function
    cmp $KERNEL_SLOW, %eax
    jae 1f
    pop %ecx
    pop %ecx
    pop %edx
    sti /* takes effect after the next instruction */
    sysexit
    .endm

    /* As for kernel_call, with what was found. What it returns is resumed in its own way, which mostly is a fast one. */
    .macro switch function
1:
    save_all 4
    mov %eax, %edx
    mov CPU_CORE(%esp), %eax
    call \function
    test %eax, %eax
    jz slow_saved
    mov %eax, CPU_FRAME(%esp)
    cmpb $RESUME_HYPERCALL, FRAME_RESUME(%eax)
    jne resume
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
    save_all 4
    jmp slow_saved

    /* The way out for a frame of which all is known (kernel_call, kernel_reply, vcpu_exit). */
    .macro leave_fast
    mov %eax, CPU_FRAME(%esp)
    load_fast
    .endm

    .balign 16
way_call:
    cmp $KERNEL_OFFSET, %edx
    jae way_special
    save_all
    mov %eax, %edx
    mov CPU_CORE(%esp), %eax
    call kernel_call
    test %eax, %eax
    jz slow_saved
    leave_fast

    /* What a handler's IP is does not matter: it goes on at a portal's. */
    .balign 16
way_reply:
    cmp $NOVA_REPLY, %eax
    jne way_slow /* with a semaphore */
    save_all
    mov CPU_CORE(%esp), %eax
    call kernel_reply
    test $1, %al
    jnz reply_other
    .globl resume_fast
resume_fast:
    leave_fast

    /* It was not such a case, or the caller goes on in its own way. */
reply_other:
    dec %eax
    jz slow_saved
    jmp resume

    /* hal/frame.h: words_copy(to, from, frame) */
    .globl words_copy
    .balign 16
words_copy:
    mov %eax, %edi
    mov %edx, %esi
    mov %ecx, %eax
    mov FRAME_WORDS(%eax), %ecx
    rep movsl
    ret

    /* The debug exception of a traced SYSENTER sends us here (trap_kernel); it has cleared TF. */
entry_sysenter_traced:
    pushfl
    orl $FLAG_TF, (%esp)
entry_special:
    push %edx
    push %ecx
    load_segments
    pushl $2
    popfl
    /* Flags or an IP that this thread cannot go on with by a fast return. */
way_special:
    mov 12+CPU_FRAME(%esp), %ecx
    movb $RESUME_FULL, FRAME_RESUME(%ecx)
    jmp slow_saving
    .balign 16
way_slow:
    cmp $KERNEL_OFFSET, %edx
    jae way_special
slow_saving:
    save_all
slow_saved:
    mov CPU_CORE(%esp), %eax
    call kernel_hypercall

    /* The same thread goes on. */
    cmp %eax, CPU_FRAME(%esp)
    jne resume
    cmpb $RESUME_HYPERCALL, FRAME_RESUME(%eax)
    jne resume
return_fast:
    load_fast

/* ---- the way out: eax = frame to resume, or 0 ---- */

    .globl resume
    .balign 16
resume:
    reset_stack
    mov %eax, CPU_FRAME(%esp)
    test %eax, %eax
    jz window
    cmpb $RESUME_FULL, FRAME_RESUME(%eax)
    jb return_fast
    ja resume_other

    /* Every register, by IRET. */
    cmpl $KERNEL_OFFSET, FRAME_IP(%eax)
    jae return_limit
    mov FRAME_FLAGS(%eax), %ecx
    or $0x200, %ecx /* SYSENTER had cleared IF before it was saved */
    movb $RESUME_HYPERCALL, FRAME_RESUME(%eax)
    pushl $SELECTOR_USER_DATA
    pushl FRAME_SP(%eax)
    pushl %ecx
    pushl $SELECTOR_USER_CODE
    pushl FRAME_IP(%eax)
    mov FRAME_CX(%eax), %ecx
    mov FRAME_DX(%eax), %edx
    mov FRAME_DI(%eax), %edi
    mov FRAME_SI(%eax), %esi
    mov FRAME_BX(%eax), %ebx
    mov FRAME_BP(%eax), %ebp
    mov FRAME_AX(%eax), %eax
    iretl

    /* The thread would go on where user mode ends. */
return_limit:
    reset_stack
    mov %esp, %eax
    call trap_limit
    jmp resume

resume_other:
    mov %eax, %edx
    cmpb $RESUME_IDLE, FRAME_RESUME(%eax)
    mov %esp, %eax
    jne 1f
    call idle_wait
    ud2
1:
    call trap_resume_vcpu
    jmp resume

    /* Core wants interrupts to get in. The one instruction after the STI shadow is where they come. */
window:
    sti
    nop
    cli
    mov CPU_CORE(%esp), %eax
    call kernel_continue
    jmp resume
