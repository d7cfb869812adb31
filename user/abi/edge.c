/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * abi.md section 2, its edges: whatever is in the stack pointer and the flags of a thread that enters the kernel is its own affair.
 */
#include "abi.h"

/* ---- a bad stack ---- */

static const nova_word bad_stacks[] = {
    0,
    1,
    NOVA_USER_LIMIT,
    NOVA_USER_LIMIT + 0x1000,
    ~(nova_word)0,
#ifdef __x86_64__
    (nova_word)1 << 47,
    (nova_word)1 << 63,
    0xffffffff80200000,
#else
    0xfffff000,
#endif
};

/* A hypercall with this stack pointer; the portal's handler runs meanwhile. */
static nova_word call_with_stack(nova_word portal, nova_word sp)
{
    nova_word arg1 = nova_arg1(NOVA_CALL, 0, portal);
#ifdef __x86_64__
    __asm__ volatile("mov %%rsp, %%r12; mov %[sp], %%rsp; syscall; mov %%r12, %%rsp"
                     : "+D"(arg1)
                     : [sp] "r"(sp)
                     : "rcx", "r11", "r12", "memory", "cc");
#else
    nova_word bad = sp;
    __asm__ volatile("push %%ebp; mov %%esp, %%ebp; mov %%ecx, %%esp; mov $1f, %%edx; sysenter; 1: mov %%ebp, %%esp; pop %%ebp"
                     : "+a"(arg1), "+c"(bad)
                     :
                     : "edx", "memory", "cc");
#endif
    return arg1;
}

/* Computes for some time with this stack pointer, so that interrupts come, and raises #UD with it. */
static void compute_with_stack(nova_word sp, uint64_t ticks)
{
    uint64_t end = nova_tsc() + ticks;
    uint32_t low = (uint32_t)end, high = (uint32_t)(end >> 32);
#ifdef __x86_64__
    __asm__ volatile(
        "mov %%rsp, %%r12; mov %[sp], %%rsp; 1: rdtsc; sub %[low], %%eax; sbb %[high], %%edx; jc 1b; ud2; mov %%r12, %%rsp"
        :
        : [sp] "r"(sp), [low] "r"(low), [high] "r"(high)
        : "rax", "rdx", "r12", "memory", "cc");
#else
    __asm__ volatile("push %%ebp; mov %%esp, %%ebp; mov %[sp], %%esp; 1: rdtsc; sub %[low], %%eax; sbb %[high], %%edx; jc 1b; ud2; "
                     "mov %%ebp, %%esp; pop %%ebp"
                     :
                     : [sp] "S"(sp), [low] "D"(low), [high] "b"(high)
                     : "eax", "edx", "memory", "cc");
#endif
}

static void push_there(nova_word sp)
{
#ifdef __x86_64__
    __asm__ volatile("mov %0, %%rsp; push %%rax" : : "r"(sp) : "memory");
#else
    __asm__ volatile("mov %0, %%esp; push %%eax" : : "r"(sp) : "memory");
#endif
}

static void test_stacks(void)
{
    nova_word portal = new_portal(new_handler(boot_cpu), null_portal, 0);
    char name[100];

    for (unsigned i = 0; i < sizeof(bad_stacks) / sizeof(*bad_stacks); i++) {
        nova_word vector;
        root_utcb->items = 0;
        nova_format(name, sizeof(name), "call with sp 0x%lx", bad_stacks[i]);
        check(name, call_with_stack(portal, bad_stacks[i]), NOVA_SUCCESS);
        event_action = step_over;
        compute_with_stack(bad_stacks[i], nova_hip->tsc_khz * 3ull);
        event_action = NULL;
        nova_format(name, sizeof(name), "interrupts and an exception with sp 0x%lx", bad_stacks[i]);
        check(name, last_event.state.sp, bad_stacks[i]);
        vector = probe(push_there, bad_stacks[i]);
        nova_format(name, sizeof(name), "push with sp 0x%lx", bad_stacks[i]);
        check_true(name, vector == EVENT_PF || vector == EVENT_GP || vector == 12);
    }
}

/* ---- flags ---- */

static struct {
    volatile unsigned steps, elsewhere;
} stepping;

static void step(nova_word vector, struct nova_utcb *utcb)
{
    nova_word ip = utcb->state.ip;
    stepping.steps++;
    stepping.elsewhere += vector != EVENT_DB || ip < (nova_word)hypercall_registers || ip > (nova_word)hypercall_return_ip + 16;
    if (ip >= (nova_word)hypercall_return_ip || stepping.steps > 20)
        utcb->state.flags &= ~(nova_word)FLAG_TF;
    utcb->state.mtd = NOVA_MTD_FLAGS;
}

/* A hypercall with TF set: nobody else is traced, the thread is itself when the kernel is done. */
static void check_stepping(const char *what, nova_word arg1, nova_word arg2, nova_word arg3, nova_word status)
{
    struct registers r;
    char name[100];

    memset(&r, 0, sizeof(r));
    r.flags = FLAG_TF | FLAG_IF | 2;
#ifdef __x86_64__
    r.di = arg1;
    r.si = arg2;
    r.dx = arg3;
#else
    r.ax = arg1;
    r.di = arg2;
    r.si = arg3;
#endif
    stepping.steps = stepping.elsewhere = 0;
    event_action = step;
    hypercall_registers(&r);
    event_action = NULL;
    nova_format(name, sizeof(name), "%s with TF set: status", what);
    check(name, sizeof(nova_word) == 8 ? r.di : r.ax, status);
    nova_format(name, sizeof(name), "%s with TF set: nobody else is traced", what);
    check(name, stepping.elsewhere, 0);
    nova_format(name, sizeof(name), "%s with TF set: at most a few debug exceptions", what);
    check_true(name, stepping.steps <= 3);
}

static void test_stepping(void)
{
    nova_word portal = new_portal(new_handler(boot_cpu), null_portal, 0), sm = new_semaphore(0);
    uint64_t deadline = deadline_ms(3);

    root_utcb->items = 0;
    check_stepping("call", nova_arg1(NOVA_CALL, 0, portal), 0, 0, NOVA_SUCCESS);
    check_stepping("refused call", nova_arg1(NOVA_CALL, 0, sm), 0, 0, NOVA_BAD_CAP);
    check_stepping("yield", nova_arg1(NOVA_EC_CTRL, NOVA_EC_YIELD, 0), 0, 0, NOVA_SUCCESS);
    check_stepping("down that blocks", nova_arg1(NOVA_SM_CTRL, NOVA_SM_DOWN, sm), (nova_word)(deadline >> 32), (uint32_t)deadline,
                   NOVA_COM_TIM);
}

static void test_flags(void)
{
    static const nova_word flags[] = {FLAG_NT, FLAG_DF, FLAG_AC, FLAG_ID, FLAG_NT | FLAG_DF | FLAG_AC | FLAG_ID};
    struct registers r;
    char name[100];

    for (unsigned i = 0; i < sizeof(flags) / sizeof(*flags); i++) {
        memset(&r, 0, sizeof(r));
        r.flags = flags[i] | FLAG_IF | 2;
        event_action = step_over;
        undefined_registers(&r);
        event_action = NULL;
        nova_format(name, sizeof(name), "an exception with flags 0x%lx delivers them", flags[i]);
        check(name, last_event.state.flags & ~(nova_word)FLAG_RF, flags[i] | FLAG_IF | 2);
        nova_format(name, sizeof(name), "and they come back: 0x%lx", flags[i]);
        check(name, r.flags & ~(nova_word)FLAG_RF, flags[i] | FLAG_IF | 2);
    }
}

void test_edges(void)
{
    section("2.bad_stack");
    test_stacks();
    section("2.single_step");
    test_stepping();
    section("2.flags");
    test_flags();
}
