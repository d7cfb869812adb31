/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * abi.md section 5: instructions that user code may not execute, and addresses that it may not touch, are events of the thread
 * with the vector and error code of the CPU's manual (Intel SDM volume 3, chapter 6), and nothing else happens.
 */
#include "abi.h"

static void divide_by_zero(nova_word unused)
{
    uint32_t a = 1, d = 0, zero = 0;
    (void)unused;
    __asm__ volatile("divl %2" : "+a"(a), "+d"(d) : "r"(zero));
}
static void breakpoint(nova_word unused)
{
    (void)unused;
    __asm__ volatile("int3");
}
static void undefined(nova_word unused)
{
    (void)unused;
    __asm__ volatile("ud2");
}
static void single_step(nova_word unused)
{
    (void)unused;
#ifdef __x86_64__
    __asm__ volatile("pushf; orl $0x100, (%%rsp); popf; nop; nop" : : : "memory", "cc");
#else
    __asm__ volatile("pushf; orl $0x100, (%%esp); popf; nop; nop" : : : "memory", "cc");
#endif
}
static void halt(nova_word unused)
{
    (void)unused;
    __asm__ volatile("hlt");
}
static void clear_interrupts(nova_word unused)
{
    (void)unused;
    __asm__ volatile("cli");
}
static void read_cr0(nova_word unused)
{
    nova_word value;
    (void)unused;
    __asm__ volatile("mov %%cr0, %0" : "=r"(value));
}
static void write_cr3(nova_word value) { __asm__ volatile("mov %0, %%cr3" : : "r"(value) : "memory"); }
static void read_msr(nova_word msr) { __asm__ volatile("rdmsr" : : "c"(msr) : "eax", "edx"); }
static void write_msr(nova_word msr) { __asm__ volatile("wrmsr" : : "c"(msr), "a"(0), "d"(0)); }
static void load_idt(nova_word address) { __asm__ volatile("lidt (%0)" : : "r"(address) : "memory"); }
static void load_task(nova_word selector) { __asm__ volatile("ltr %w0" : : "r"(selector)); }
static void invalidate_caches(nova_word unused)
{
    (void)unused;
    __asm__ volatile("invd" : : : "memory");
}
static void invalidate_page(nova_word address) { __asm__ volatile("invlpg (%0)" : : "r"(address) : "memory"); }
static void write_debug(nova_word value) { __asm__ volatile("mov %0, %%dr7" : : "r"(value)); }
static void load_segment(nova_word selector) { __asm__ volatile("mov %w0, %%ds" : : "r"(selector)); }
static void far_jump(nova_word selector)
{
    struct {
        uint32_t offset;
        uint16_t selector;
    } __attribute__((packed)) target = {0x2000000, (uint16_t)selector};
    __asm__ volatile("ljmp *%0" : : "m"(target));
}
static void x87_divide(nova_word unused)
{
    uint16_t control = 0x37f & ~4; /* zero divide unmasked */
    (void)unused;
    __asm__ volatile("fninit; fldcw %0; fld1; fldz; fdivrp; fwait" : : "m"(control));
}
#ifdef __x86_64__
static void stack_fault(nova_word address)
{
    __asm__ volatile("push %%rbp; mov %0, %%rbp; mov (%%rbp), %%rax; pop %%rbp" : : "r"(address) : "rax", "memory");
}
#else
static void overflow(nova_word unused)
{
    (void)unused;
    __asm__ volatile("mov $0x7fffffff, %%eax; add $1, %%eax; into" : : : "eax", "cc");
}
static void bound(nova_word unused)
{
    static const int32_t limits[2] = {0, 10};
    (void)unused;
    __asm__ volatile("bound %0, %1" : : "r"(11), "m"(limits));
}
#endif

static const struct {
    const char *name;
    void (*f)(nova_word);
    nova_word argument, vector, error;
} faults[] = {
    {"division by zero", divide_by_zero, 0, 0, 0},
    {"single step", single_step, 0, EVENT_DB, 0},
    {"int3", breakpoint, 0, EVENT_BP, 0},
    {"ud2", undefined, 0, EVENT_UD, 0},
    {"hlt", halt, 0, EVENT_GP, 0},
    {"cli", clear_interrupts, 0, EVENT_GP, 0},
    {"mov from cr0", read_cr0, 0, EVENT_GP, 0},
    {"mov to cr3", write_cr3, 0, EVENT_GP, 0},
    {"rdmsr of EFER", read_msr, 0xc0000080, EVENT_GP, 0},
    {"wrmsr of the APIC base", write_msr, 0x1b, EVENT_GP, 0},
    {"lidt", load_idt, 0, EVENT_GP, 0},
    {"ltr", load_task, 0, EVENT_GP, 0},
    {"invd", invalidate_caches, 0, EVENT_GP, 0},
    {"invlpg", invalidate_page, 0, EVENT_GP, 0},
    {"mov to dr7", write_debug, 0, EVENT_GP, 0},
    {"a segment selector beyond the GDT", load_segment, 0xfff8, EVENT_GP, 0xfff8},
    {"a segment selector in the LDT", load_segment, 0xf, EVENT_GP, 0xc},
    {"far jump to a selector beyond the GDT", far_jump, 0xfffb, EVENT_GP, 0xfff8},
    {"x87 division by zero", x87_divide, 0, EVENT_MF, 0},
#ifdef __x86_64__
    {"read of a non-canonical address", touch_read, (nova_word)1 << 63, EVENT_GP, 0},
    {"write of a non-canonical address", touch_write, (nova_word)0x8000 << 32, EVENT_GP, 0},
    {"jump to a non-canonical address", touch_execute, (nova_word)0x8000 << 32, EVENT_GP, 0},
#else
    {"into", overflow, 0, EVENT_OF, 0},
    {"bound", bound, 0, 5, 0},
#endif
};

static void test_exceptions(void)
{
    char name[100];

    for (unsigned i = 0; i < sizeof(faults) / sizeof(*faults); i++) {
        nova_format(name, sizeof(name), "%s: vector", faults[i].name);
        check(name, probe(faults[i].f, faults[i].argument), faults[i].vector);
        if (faults[i].vector < 8 || faults[i].vector == EVENT_MF)
            continue;
        nova_format(name, sizeof(name), "%s: error code", faults[i].name);
        check(name, (nova_word)last_event.state.qual[0], faults[i].error);
    }
    check("fninit", probe(touch_fpu, 0x37f), NO_EXCEPTION); /* no pending x87 exception stays behind */
#ifdef __x86_64__
    /* #SS says the manual; QEMU says #GP */
    check_true("stack access at a non-canonical address", (probe(stack_fault, (nova_word)1 << 63) | 1) == EVENT_GP);
#endif
}

/* Kernel addresses are page faults like any other, and tell nothing about what is there but by the P bit. */
static void test_kernel_addresses(void)
{
    static const nova_word addresses[] = {
        NOVA_USER_LIMIT,    NOVA_USER_LIMIT + 0x123456,
#ifdef __x86_64__
        0x00007ffffffff000, 0xffff800000000000,         0xffffffff80000000, 0xffffffff81000000,
#else
        0xc0100000,      0xcfc00000,
        0xfec00000,      0xfee00000,
#endif
        ~(nova_word)0,
    };
    char name[100];

    for (unsigned i = 0; i < sizeof(addresses) / sizeof(*addresses); i++) {
        nova_word vector = probe(touch_read, addresses[i]);
        nova_format(name, sizeof(name), "read of 0x%lx: page fault", addresses[i]);
        check(name, vector, EVENT_PF);
        nova_format(name, sizeof(name), "read of 0x%lx: error code without P", addresses[i]);
        check(name, (nova_word)last_event.state.qual[0] & ~(nova_word)PF_PRESENT, PF_USER);
        nova_format(name, sizeof(name), "read of 0x%lx: address", addresses[i]);
        check(name, (nova_word)last_event.state.qual[1], addresses[i]);
        nova_format(name, sizeof(name), "write to 0x%lx", addresses[i]);
        check(name, probe(touch_write, addresses[i]), EVENT_PF);
        nova_format(name, sizeof(name), "jump to 0x%lx", addresses[i]);
        check(name, probe(touch_execute, addresses[i]), EVENT_PF);
    }
}

void test_fault(void)
{
    section("5.exceptions");
    test_exceptions();
    section("5.kernel_addresses");
    test_kernel_addresses();
}
