/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * User code: what it may not do, software interrupts, system call instructions there and back, alignment checks.
 */
#include "guest.h"

#define TOP (user_stack + sizeof user_stack)
#define MSR_EFER 0xc0000080u
#define MSR_STAR 0xc0000081u
#define MSR_LSTAR 0xc0000082u
#define MSR_SFMASK 0xc0000084u
#define MSR_GS_BASE 0xc0000101u
#define MSR_KERNEL_GS_BASE 0xc0000102u
enum { MSR_SYSENTER_CS = 0x174, MSR_SYSENTER_SP = 0x175, MSR_SYSENTER_IP = 0x176 };

/* Each ends in a trap, that of the name, or in the software interrupt behind it. */
#define USER_CODE(name, code)                                                                                                      \
    __asm__(".text\n" #name ":\n\t" code "\n\tint $0x50\n\tjmp .");                                                                \
    extern char name[]
USER_CODE(user_nothing, "nop");
USER_CODE(user_cli, "cli");
USER_CODE(user_hlt, "hlt");
USER_CODE(user_in, "inb $0x80, %al");
#if BITS == 64
USER_CODE(user_cr, "mov %cr0, %rax");
#else
USER_CODE(user_cr, "mov %cr0, %eax");
#endif
USER_CODE(user_int, "int $0x20");
volatile word arrivals;
#if BITS == 64
__asm__(".text\nsyscall_arrives: incq arrivals; jmp user_back\n");
extern char syscall_arrives[];
USER_CODE(user_syscall, "syscall");
#else
__asm__(".text\nsysenter_arrives: incl arrivals; jmp user_back\n");
extern char sysenter_arrives[];
USER_CODE(user_sysenter, "sysenter");
#endif

static word run(const char *code)
{
    trap.vector = NOTHING;
    user_run((void (*)(void))(word)code, TOP);
    return trap.vector;
}

static void rights(void)
{
    check("user: software interrupt", run(user_nothing), SOFT);
    check("... from user code", trap.cs & 3, 3);
    check("user: cli", run(user_cli), 13);
    check("user: hlt", run(user_hlt), 13);
    check("user: in", run(user_in), 13);
    check("user: mov from cr0", run(user_cr), 13);
    check("user: a gate that is not for it", run(user_int), 13);
    check("... error code: of the IDT", trap.error & 7, 2); /* QEMU has another number in 64-bit mode */
}

static void alignment(void)
{
    static char code[32] __attribute__((aligned(16)));
    /* pushf; or dword [sp],40000h; popf; mov eax,[sp-15]; int 50h: the same bytes in both modes */
    static const uint8_t bytes[] = {0x9c, 0x81, 0x0c, 0x24, 0, 0, 4, 0, 0x9d, 0x8b, 0x44, 0x24, 0xf1, 0xcd, 0x50};
    memcpy(code, bytes, sizeof bytes);
    cr0_write(cr0_read() | CR0_AM);
    word vector = run(code);
    cr0_write(cr0_read() & ~(word)CR0_AM);
    if (vector == SOFT)
        skip("user: alignment check", "the processor does not check");
    else {
        check("user: alignment check", vector, 17);
        check("... error code", trap.error, 0);
    }
}

#if BITS == 64
static void system_calls(void)
{
    wrmsr(MSR_EFER, rdmsr(MSR_EFER) | 1);
    wrmsr(MSR_STAR, (uint64_t)0x18 << 48 | (uint64_t)CODE << 32);
    wrmsr(MSR_LSTAR, (word)syscall_arrives);
    wrmsr(MSR_SFMASK, 0x700);
    check("lstar", rdmsr(MSR_LSTAR), (word)syscall_arrives);
    word before = arrivals;
    run(user_syscall);
    check("syscall", arrivals - before, 1);
    for (unsigned i = 0; i < 100; i++)
        run(user_syscall);
    check("syscall 100 times", arrivals - before, 101);
    wrmsr(MSR_GS_BASE, 0x1111);
    wrmsr(MSR_KERNEL_GS_BASE, 0x2222);
    cpuid(0, 0);
    __asm__ volatile("swapgs");
    check("swapgs: GS base", rdmsr(MSR_GS_BASE), 0x2222);
    check("swapgs: the other", rdmsr(MSR_KERNEL_GS_BASE), 0x1111);
    user_by_sysret = 1;
    check("sysret, then a software interrupt", run(user_nothing), SOFT);
    check("... from user code", trap.cs, USER_CODE_64);
    user_by_sysret = 0;
}
#else
static void system_calls(void)
{
    static uint8_t kernel_stack[256] __attribute__((aligned(16)));
    wrmsr(MSR_SYSENTER_CS, CODE);
    wrmsr(MSR_SYSENTER_SP, (word)(kernel_stack + sizeof kernel_stack));
    wrmsr(MSR_SYSENTER_IP, (word)sysenter_arrives);
    word before = arrivals;
    run(user_sysenter);
    check("sysenter", arrivals - before, 1);
    for (unsigned i = 0; i < 100; i++)
        run(user_sysenter);
    check("sysenter 100 times", arrivals - before, 101);
    user_by_sysret = 1;
    check("sysexit, then a software interrupt", run(user_nothing), SOFT);
    check("... from user code", trap.cs, USER_CODE_32);
    user_by_sysret = 0;
}
#endif

void test_user(void)
{
    rights();
    alignment();
    system_calls();
}
