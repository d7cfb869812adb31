/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * abi.md section 2: every other way to leave user mode (gates, far calls, privileged returns) is an exception of the thread, a segment register takes the thread's own
 * selectors or a fault, and what is in it when the thread enters the kernel is its own affair.
 */
#include "abi.h"

static nova_word selector_cs(void)
{
    nova_word value;
    __asm__("mov %%cs, %0" : "=r"(value));
    return value & 0xffff;
}

static nova_word selector_ss(void)
{
    nova_word value;
    __asm__("mov %%ss, %0" : "=r"(value));
    return value & 0xffff;
}

/* ---- gates, descriptors, privileged returns ---- */

extern char int_table[];
enum { INT_SIZE = 4 };

static void software_interrupt(nova_word number) { ((void (*)(void))(nova_word)(int_table + number * INT_SIZE))(); }

static void test_interrupts(void)
{
    unsigned wrong = 0, last = 0, codes = 0;
    for (unsigned number = 0; number < 256; number++) {
        nova_word want = number == EVENT_BP   ? EVENT_BP
                         : number == EVENT_OF ? EVENT_OF
                                              : EVENT_GP,
                  got = probe(software_interrupt, number);
        if (got != want)
            wrong++, last = number;
        /* bits 3.. name the gate, but QEMU gets them wrong in 64-bit mode */
        codes += want == EVENT_GP && ((nova_word)last_event.state.qual[0] & 7) != 2;
    }
    check("int n: exceptions 3 and 4, otherwise a general protection fault", wrong ? last | 0x100 : 0, 0);
    check("int n: its error code is one of the interrupt table", codes, 0);
}

static void trap_byte(nova_word unused)
{
    (void)unused;
    __asm__ volatile(".byte 0xf1; nop");
}

static void far_call(nova_word selector)
{
    struct {
        uint32_t offset;
        uint16_t selector;
    } __attribute__((packed)) target;
    target.selector = (uint16_t)selector;
#ifdef __x86_64__
    __asm__ volatile("movl $1f, %0; lcall *%0; jmp 2f; 1: lretl; 2:" : "+m"(target) : : "memory");
#else
    __asm__ volatile("movl $1f, %0; lcall *%0; jmp 2f; 1: lret; 2:" : "+m"(target) : : "memory");
#endif
}

static void load_ds(nova_word selector) { __asm__ volatile("mov %w0, %%ds" : : "r"(selector)); }
static void load_es(nova_word selector) { __asm__ volatile("mov %w0, %%es" : : "r"(selector)); }
static void load_fs(nova_word selector) { __asm__ volatile("mov %w0, %%fs" : : "r"(selector)); }
static void load_gs(nova_word selector) { __asm__ volatile("mov %w0, %%gs" : : "r"(selector)); }
static void load_ss(nova_word selector) { __asm__ volatile("mov %w0, %%ss; nop" : : "r"(selector)); }

/* QEMU lets far returns and IRET of user mode read their stack as the kernel, which SMAP forbids: a page fault that no CPU would raise. */
static int emulator_smap(nova_word vector)
{
    return vector == EVENT_PF && ((nova_word)last_event.state.qual[0] & ~(nova_word)PF_WRITE) == PF_PRESENT;
}

static void segments_reset(void)
{
    nova_word ss = selector_ss();
    load_ds(ss);
    load_es(ss);
    load_fs(0);
    load_gs(0);
}

static void test_selectors(void)
{
    static const struct {
        const char *name;
        void (*f)(nova_word);
        int data; /* null and user data are good */
    } loads[] = {{"a far call", far_call, 0},  {"a load of DS", load_ds, 1}, {"a load of ES", load_es, 1},
                 {"a load of FS", load_fs, 1}, {"a load of GS", load_gs, 1}, {"a load of SS", load_ss, 2}};
    char name[100];

    for (unsigned i = 0; i < sizeof(loads) / sizeof(*loads); i++) {
        unsigned wrong = 0;
        for (nova_word selector = 0; selector < 0x100; selector++) {
            nova_word got = probe(loads[i].f, selector), index = selector & ~(nova_word)3;
            int good = loads[i].data
                           ? index == (selector_ss() & ~(nova_word)3) || index == (selector_cs() & ~(nova_word)3) || !index
                       : selector == 3 ? 0
                                       : index == (selector_cs() & ~(nova_word)3);
            /* What may be good depends on more than this knows; all else has to be refused, as a fault of the thread. */
            wrong += got == NO_EXCEPTION || emulator_smap(got) ? !good : got != EVENT_GP && got != 11 && got != 12;
            segments_reset();
        }
        nova_format(name, sizeof(name), "%s with any of 256 selectors: the thread's own, or a fault", loads[i].name);
        check(name, wrong, 0);
    }
    check("the kernel's data segment for DS", probe(load_ds, 0x10), EVENT_GP);
    segments_reset();
}

static void privileged_return(nova_word which)
{
    if (which == 0)
        __asm__ volatile(".byte 0x0f, 0x35"); /* sysexit */
    else if (which == 1)
        __asm__ volatile("sysretl");
    else
        __asm__ volatile("mov %0, %%cr4" : : "r"((nova_word)0));
}

/* IRET to a code selector with flags; returns the flags then. */
static nova_word iret_to(nova_word cs, nova_word flags)
{
    nova_word after;
#ifdef __x86_64__
    __asm__ volatile(
        "mov %%rsp, %%rcx; mov %%ss, %%rdx; push %%rdx; push %%rcx; push %[flags]; push %[cs]; lea 1f(%%rip), %%rdx; push %%rdx; "
        "iretq; 1: pushf; pop %[after]; push $2; popf"
        : [after] "=&r"(after)
        : [cs] "r"(cs), [flags] "r"(flags)
        : "rcx", "rdx", "memory", "cc");
#else
    __asm__ volatile("push %[flags]; push %[cs]; push $1f; iret; 1: pushf; pop %[after]; push $2; popf"
                     : [after] "=&r"(after)
                     : [cs] "r"(cs), [flags] "r"(flags)
                     : "memory", "cc");
#endif
    return after;
}

static void iret_bad(nova_word cs) { iret_to(cs, 2); }

static nova_word flags_after;
static void iret_flags(nova_word flags) { flags_after = iret_to(selector_cs(), flags); }

static void iret_nested(nova_word unused)
{
    (void)unused;
#ifdef __x86_64__
    __asm__ volatile("pushf; orl $0x4000, (%%rsp); popf; iretq" : : : "memory", "cc");
#else
    __asm__ volatile("pushf; orl $0x4000, (%%esp); popf; iret" : : : "memory", "cc");
#endif
}

static void test_returns(void)
{
    nova_word vector;

    vector = probe(trap_byte, 0);
    check_true("icebp is a debug exception (or, on QEMU, undefined)", vector == EVENT_DB || vector == EVENT_UD);
    vector = probe(privileged_return, 0);
    check_true("sysexit is an exception", vector == EVENT_GP || vector == EVENT_UD);
    vector = probe(privileged_return, 1);
    check_true("sysret is an exception", vector == EVENT_GP || vector == EVENT_UD);
    check("mov to cr4", probe(privileged_return, 2), EVENT_GP);
    vector = probe(iret_bad, 0x8);
    check_true("iret to the kernel's code segment is a general protection fault", vector == EVENT_GP || emulator_smap(vector));
    vector = probe(iret_bad, 0);
    check_true("iret to the null selector is a general protection fault", vector == EVENT_GP || emulator_smap(vector));
    vector = probe(iret_nested, 0);
    check_true("iret with NT set is an exception", vector == EVENT_GP || vector == 10);
    vector = probe(iret_flags, FLAGS_IOPL | 2);
    if (emulator_smap(vector)) {
        remark("QEMU with SMAP: no IRET of user mode");
        return;
    }
    check("iret to oneself", vector, NO_EXCEPTION);
    check("iret sets neither IOPL nor clears IF", flags_after & (FLAGS_IOPL | FLAG_IF), FLAG_IF);
    probe(iret_flags, FLAG_NT | FLAG_DF | FLAG_ID | 2);
    check("but NT, DF and ID", flags_after & (FLAG_NT | FLAG_DF | FLAG_ID), FLAG_NT | FLAG_DF | FLAG_ID);
}

/* ---- segment registers ---- */

static void null_segments(nova_word portal)
{
    nova_word arg1 = nova_arg1(NOVA_PT_CTRL, 0, portal);
#ifdef __x86_64__
    __asm__ volatile("mov %w1, %%ds; mov %w1, %%es; mov %w1, %%fs; mov %w1, %%gs; syscall; ud2"
                     : "+D"(arg1)
                     : "d"(0)
                     : "rcx", "r11", "memory");
#else
    __asm__ volatile(
        "mov %w1, %%ds; mov %w1, %%es; mov %w1, %%fs; mov %w1, %%gs; mov %%esp, %%ecx; mov $1f, %%edx; sysenter; 1: ud2"
        : "+a"(arg1)
        : "D"(0)
        : "ecx", "edx", "memory");
#endif
}

static void null_segments_fault(nova_word unused)
{
    (void)unused;
    __asm__ volatile("mov %w0, %%ds; mov %w0, %%es; mov %w0, %%fs; mov %w0, %%gs; ud2" : : "r"(0));
}

static void test_segments(void)
{
    nova_word portal = new_portal(new_handler(boot_cpu), null_portal, 0);

    check("hypercall and exception with null in DS, ES, FS, GS", probe(null_segments, portal), EVENT_UD);
    segments_reset();
    check("the hypercall was done", sizeof(nova_word) == 8 ? last_event.state.di : last_event.state.ax, NOVA_SUCCESS);
    check("exception with null in DS, ES, FS, GS", probe(null_segments_fault, 0), EVENT_UD);
    segments_reset();
}

void test_gates(void)
{
    section("2.other_entries");
    test_interrupts();
    test_selectors();
    test_returns();
    section("2.segments");
    test_segments();
}
