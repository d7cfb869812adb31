/* SPDX-License-Identifier: GPL-2.0-only */
/* Instructions that the kernel has to answer, or that bring the CPU into a state from which it has to recover. */
#include "siege.h"

/* Where a jump may go: never into the program, where registers that mean nothing would meet a hypercall. */
static nova_word elsewhere(nova_word *random)
{
    nova_word address = victim_word(random);
    return address - (nova_word)nova_image_start < (nova_word)(nova_text_end - nova_image_start) ? 0 : address;
}

static void flags_load(nova_word flags)
{
#ifdef __x86_64__
    __asm__ volatile("push %0\n\tpopfq\n\tnop\n\tnop" : : "r"(flags) : "cc", "memory");
#else
    __asm__ volatile("push %0\n\tpopfl\n\tnop\n\tnop" : : "r"(flags) : "cc", "memory");
#endif
}

/* A hypercall that only reads, entered with these flags. */
static void flags_hypercall(nova_word flags)
{
    nova_word a1 = nova_arg1(NOVA_SM_CTRL, NOVA_SM_UP, SEL_SM);
#ifdef __x86_64__
    __asm__ volatile("push %1\n\tpopfq\n\tsyscall" : "+D"(a1) : "r"(flags) : "rcx", "r11", "cc", "memory");
#else
    __asm__ volatile("mov %%esp, %%ecx\n\tmov $1f, %%edx\n\tpush %1\n\tpopfl\n\tsysenter\n1:"
                     : "+a"(a1)
                     : "b"(flags)
                     : "ecx", "edx", "cc", "memory");
#endif
    flags_load(2);
}

static void hypercall_from(nova_word sp, nova_word ip)
{
    nova_word a1 = nova_arg1(NOVA_SM_CTRL, NOVA_SM_UP, SEL_SM);
#ifdef __x86_64__
    (void)ip;
    __asm__ volatile("xchg %1, %%rsp\n\tsyscall\n\txchg %1, %%rsp" : "+D"(a1), "+r"(sp) : : "rcx", "r11", "cc", "memory");
#else
    __asm__ volatile("sysenter" : "+a"(a1), "+c"(sp), "+d"(ip) : : "cc", "memory");
#endif
}

static void segments_load(nova_word *random)
{
    uint16_t selector = (uint16_t)(random_next(random) % 4 ? random_next(random) & 0xff : random_next(random));

    switch (random_next(random) % 6) {
    case 0: __asm__ volatile("mov %0, %%ds" : : "r"(selector)); break;
    case 1: __asm__ volatile("mov %0, %%es" : : "r"(selector)); break;
    case 2: __asm__ volatile("mov %0, %%fs" : : "r"(selector)); break;
    case 3: __asm__ volatile("mov %0, %%gs" : : "r"(selector)); break;
    case 4: __asm__ volatile("mov %0, %%ss" : : "r"(selector)); break;
    default:
        /* far return: another code segment, with what lies at that address in its mode */
#ifdef __x86_64__
        __asm__ volatile("push %0\n\tpush %1\n\tlretq" : : "r"((nova_word)selector), "r"(elsewhere(random)) : "memory");
#else
        __asm__ volatile("push %0\n\tpush %1\n\tlret" : : "r"((nova_word)selector), "r"(elsewhere(random)) : "memory");
#endif
    }
}

static void privileged(nova_word *random)
{
    nova_word value = victim_word(random);

    switch (random_next(random) % 16) {
    case 0: __asm__ volatile("hlt"); break;
    case 1: __asm__ volatile("cli"); break;
    case 2: __asm__ volatile("mov %0, %%cr3" : : "r"(value)); break;
    case 3: __asm__ volatile("mov %0, %%cr4" : : "r"(value)); break;
    case 4: __asm__ volatile("mov %0, %%dr7" : : "r"(value)); break;
    case 5: __asm__ volatile("wrmsr" : : "a"((uint32_t)value), "c"(0xc0000080), "d"(0)); break;
    case 6: __asm__ volatile("invlpg (%0)" : : "r"(value) : "memory"); break;
    case 7: __asm__ volatile("lgdt (%0)" : : "r"(VICTIM_SPARE) : "memory"); break;
    case 8: __asm__ volatile("vmcall"); break;
    case 9: __asm__ volatile("vmmcall"); break;
    case 10: __asm__ volatile("vmrun" : : "a"(value)); break;
    case 11: __asm__ volatile("clgi"); break;
    case 12: __asm__ volatile("outb %b0, %w1" : : "a"(value), "d"(random_next(random) & 1 ? PORT : (uint16_t)value)); break;
    case 13: __asm__ volatile(".byte 0x0f, 0x01, 0xf8"); break; /* SWAPGS */
    case 14: __asm__ volatile("ltr %w0" : : "r"(value)); break;
    default: __asm__ volatile("iret"); break;
    }
}

static void interrupts(nova_word *random)
{
    switch (random_next(random) % 10) {
    case 0: __asm__ volatile("int $0"); break;
    case 1: __asm__ volatile("int $1"); break;
    case 2: __asm__ volatile("int $2"); break;
    case 3: __asm__ volatile("int3"); break;
    case 4: __asm__ volatile("int $4"); break;
    case 5: __asm__ volatile("int $8"); break;
    case 6: __asm__ volatile("int $14"); break;
    case 7: __asm__ volatile("int $0x80"); break;
    case 8: __asm__ volatile("int $0xf0"); break;
    default: __asm__ volatile("ud2"); break;
    }
}

static void floating_point(nova_word *random)
{
    uint32_t value = (uint32_t)random_next(random);

    switch (value % 5) {
    case 0: __asm__ volatile("fninit\n\tfld1\n\tfldz\n\tfdivrp"); break;
    case 1: __asm__ volatile("fldcw %0\n\tfld1\n\tfldz\n\tfdivrp\n\tfwait" : : "m"(value)); break;
    case 2: __asm__ volatile("ldmxcsr %0" : : "m"(value)); break;
    case 3: __asm__ volatile("xorps %%xmm0, %%xmm0\n\tdivps %%xmm0, %%xmm0" : : : "memory"); break;
    default: __asm__ volatile("fxrstor (%0)" : : "r"(VICTIM_SPARE) : "memory"); break;
    }
}

void victim_instruction(nova_word *random)
{
    nova_word address = elsewhere(random), flags = 2 | (victim_word(random) & 0x3f7fd5);

    switch (random_next(random) % 10) {
    case 0: *(volatile nova_word *)address = address; break;
    case 1: (void)*(volatile nova_word *)address; break;
    case 2: ((void (*)(void))address)(); break;
    case 3: flags_load(flags); break;
    case 4: flags_hypercall(flags); break;
    case 5: hypercall_from(victim_word(random), elsewhere(random)); break;
    case 6: segments_load(random); break;
    case 7: privileged(random); break;
    case 8: interrupts(random); break;
    default: floating_point(random); break;
    }
}
