/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * For ports/ARCH/offsets.c, which build/Makefile turns into offsets.h: how a constant gets there, and those that assembly of both ports uses.
 */
#ifndef PORTS_X86_OFFSETS_COMMON_H
#define PORTS_X86_OFFSETS_COMMON_H

#include "hal/upcall.h"
#include <nova/hypercall.h>
#include "ports/x86/cpu_local.h"
#include "registers.h"

#define OFFSET(name, value) asm volatile(".ascii \"->" #name " %c0\"" : : "i"(value))

__attribute__((always_inline)) static inline void offsets_common(void)
{
    OFFSET(FRAME_DI, offsetof(struct frame, arg[ARG_DI]));
    OFFSET(FRAME_SI, offsetof(struct frame, arg[ARG_SI]));
    OFFSET(FRAME_AX, offsetof(struct frame, arg[ARG_AX]));
    OFFSET(FRAME_CX, offsetof(struct frame, reg[REG_CX]));
    OFFSET(FRAME_IP, offsetof(struct frame, ip));
    OFFSET(FRAME_SP, offsetof(struct frame, sp));
    OFFSET(FRAME_FLAGS, offsetof(struct frame, flags));
    OFFSET(FRAME_WORDS, offsetof(struct frame, words));
    OFFSET(FRAME_RESUME, offsetof(struct frame, resume));
    OFFSET(RESUME_HYPERCALL, RESUME_HYPERCALL);
    OFFSET(RESUME_FULL, RESUME_FULL);
    OFFSET(RESUME_IDLE, RESUME_IDLE);
    OFFSET(KERNEL_SLOW, KERNEL_SLOW);
    OFFSET(NOVA_REPLY, NOVA_REPLY);
    OFFSET(CPU_FRAME, offsetof(struct x86_cpu, frame));
    OFFSET(CPU_SCRATCH, offsetof(struct x86_cpu, scratch));
    OFFSET(CPU_CORE, offsetof(struct x86_cpu, core));
    OFFSET(CPU_VCPU_HOST, offsetof(struct x86_cpu, vcpu_host_phys));
    OFFSET(BLOCK_CPU, offsetof(struct cpu_block, cpu));
    OFFSET(AP_SLOTS, NOVA_CPUS);
}

#endif
