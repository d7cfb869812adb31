/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Data of one CPU, and the block of memory that holds it together with the CPU's stacks and TSS. The kernel stack ends where struct x86_cpu begins, so
 * the stack pointer after an entry from user mode is the address of struct x86_cpu. C code finds it by the GS base (64 bit) or by rounding the
 * stack pointer (32 bit: every stack lies in the block). Only the CPU itself writes here once it runs.
 */
#ifndef PORTS_X86_CPU_LOCAL_H
#define PORTS_X86_CPU_LOCAL_H

#include "hal/frame.h"
#include "hal/types.h"

struct cpu;
struct mmu;
struct vcpu;

enum {
    CPU_BLOCK_ORDER = 3, /* pages of struct cpu_block, for kernel_boot_alloc */
    CPU_BLOCK_SIZE = 1 << (12 + CPU_BLOCK_ORDER),
    CPU_STACK_SIZE = 0x2000,
    CPU_EXTRA_STACKS = 4, /* double fault, NMI, machine check, debug: enum cpu_stack */
    CPU_EXTRA_STACK_SIZE = 0xbe0,
    IO_BITMAP_SIZE = 8192,
    GDT_ENTRIES = 16
};

enum cpu_stack { STACK_DOUBLE_FAULT, STACK_NMI, STACK_MACHINE_CHECK, STACK_DEBUG };

/* Task state segment: Intel SDM vol. 3, 8.2.1 (32 bit) and 8.7 (64 bit). */
#ifdef __x86_64__
struct tss {
    uint32_t reserved0;
    uint64_t sp[3];
    uint64_t reserved1;
    uint64_t ist[7];
    uint64_t reserved2;
    uint16_t reserved3;
    uint16_t io_base;
} __attribute__((packed));
#else
struct tss {
    uint32_t link, sp0, ss0, sp1, ss1, sp2, ss2;
    uint32_t cr3, ip, flags, ax, cx, dx, bx, sp, bp, si, di;
    uint32_t es, cs, ss, ds, fs, gs, ldt;
    uint16_t trap, io_base;
};
#endif

struct x86_cpu {
    struct frame *frame; /* frame of the thread that user mode runs: where the entry stubs save to */
    word user_limit;     /* NOVA_USER_LIMIT, here because an instruction cannot hold it */
    word scratch;        /* of the entry stubs, between two instructions */
    struct cpu *core;    /* core's CPU, 0 before kernel_cpu */
    struct x86_cpu *self;
    uint32_t number; /* index into boot_info.cpu */
    uint32_t apic_id;

    struct frame
        *fpu_owner; /* the frame whose FPU state is in the registers, 0 = none. CR0.TS is set then, and if it is a virtual CPU's */
    const struct mmu *io_mmu; /* io_bitmap below is a copy of this mmu's ... */
    uint32_t io_generation;   /* ... at this generation; io_mmu 0: no copy, the TSS denies every port */
    uint32_t unknown_interrupts;
    uint32_t machine_checks; /* survived and not yet in the log */
    uint64_t machine_check_status;
    uint64_t timer_deadline; /* for the local APIC code */
    uint64_t mwait_hint;     /* for idle */
    struct mmu_cpu *mmu;     /* the mmu code's own: 64 bit, whose translations the PCIDs hold */
    word root_generation;    /* ... 32 bit, of the active space when CR3 was loaded */

    /* Of the virtualization code: */
    uint32_t guest_flushes;                 /* translations of guests older than this count are stale */
    uint32_t vcpu_tag, vcpu_tag_generation; /* the last TLB tag given out, and how often they began anew */
    void *vcpu_host;                        /* page with the host's state (SVM: VMCB for VMLOAD; VMX: the VMXON region) */
    word vcpu_host_phys;                    /* SVM: the same as the entry stub wants it */
    struct vcpu *vcpu_debug;                /* whose DR0-3 the registers hold, 0 = nobody's any more */
    void *vcpu_current;                     /* VMX: the VMCS that is loaded */

    word port[16]; /* for whatever else the port keeps per CPU */

    uint64_t gdt[GDT_ENTRIES];
    struct tss double_fault; /* 32 bit: the task that a double fault switches to */
};

/* Naturally aligned; zeroed before cpu_block_init. The I/O bitmap has to follow the TSS within 64 KiB and needs one byte of ones after it. */
struct cpu_block {
    uint8_t stack[CPU_STACK_SIZE];
    struct x86_cpu cpu __attribute__((aligned(PAGE_SIZE)));
    struct tss tss __attribute__((aligned(128))); /* a TSS must not cross a page (SDM vol. 3, 8.2.1) */
    uint8_t io_bitmap[IO_BITMAP_SIZE] __attribute__((aligned(PAGE_SIZE)));
    uint8_t io_end;
    uint8_t extra_stack[CPU_EXTRA_STACKS][CPU_EXTRA_STACK_SIZE] __attribute__((aligned(64)));
} __attribute__((aligned(1 << 15)));

_Static_assert(sizeof(struct cpu_block) == CPU_BLOCK_SIZE, "one allocation of CPU_BLOCK_ORDER");
_Static_assert(offsetof(struct cpu_block, tss) - offsetof(struct cpu_block, cpu) + sizeof(struct tss) <= PAGE_SIZE,
               "cpu and tss share a page");

/* Block of the boot CPU, in bss; those of the others come from kernel_boot_alloc(CPU_BLOCK_ORDER). */
extern struct cpu_block boot_cpu_block;

/* This CPU's data. Any context from the first instruction of port_boot / port_ap_boot on. */
static inline struct x86_cpu *x86_cpu_self(void)
{
#ifdef __x86_64__
    struct x86_cpu *cpu;
    /* volatile is not needed: the value never changes on one CPU, and kernel code does not move to another one. */
    asm("mov %%gs:%c1, %0" : "=r"(cpu) : "i"(offsetof(struct x86_cpu, self)));
    return cpu;
#else
    word block;
    asm("mov %%esp, %0" : "=r"(block));
    return &((struct cpu_block *)(block & ~(word)(CPU_BLOCK_SIZE - 1)))->cpu;
#endif
}

static inline struct cpu_block *cpu_block_of(struct x86_cpu *cpu)
{
    return (struct cpu_block *)((word)cpu & ~(word)(CPU_BLOCK_SIZE - 1));
}

#endif
