/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * abi.md section 5 for exceptions: which event, what state it delivers (MTD), and what a reply may change.
 */
#include "limits.h"

enum { FLAG_CF = 1, FLAG_TF = 1 << 8, FLAG_IF = 1 << 9, FLAG_DF = 1 << 10, FLAGS_IOPL = 3 << 12, FLAG_VM = 1 << 17, FLAG_RF = 1 << 16 };

/* ---- instructions that fault ---- */

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
static void write_cr3(nova_word value)
{
    __asm__ volatile("mov %0, %%cr3" : : "r"(value) : "memory");
}
static void read_msr(nova_word msr)
{
    __asm__ volatile("rdmsr" : : "c"(msr) : "eax", "edx");
}
static void write_msr(nova_word msr)
{
    __asm__ volatile("wrmsr" : : "c"(msr), "a"(0), "d"(0));
}
static void load_idt(nova_word address)
{
    __asm__ volatile("lidt (%0)" : : "r"(address) : "memory");
}
static void load_task(nova_word selector)
{
    __asm__ volatile("ltr %w0" : : "r"(selector));
}
static void invalidate_caches(nova_word unused)
{
    (void)unused;
    __asm__ volatile("invd" : : : "memory");
}
static void invalidate_page(nova_word address)
{
    __asm__ volatile("invlpg (%0)" : : "r"(address) : "memory");
}
static void write_debug(nova_word value)
{
    __asm__ volatile("mov %0, %%dr7" : : "r"(value));
}
static void load_segment(nova_word selector)
{
    __asm__ volatile("mov %w0, %%ds" : : "r"(selector));
}
static void far_return(nova_word selector)
{
    nova_word code = selector;
#ifdef __x86_64__
    __asm__ volatile("push %0; lea 1f(%%rip), %%rax; push %%rax; lretq; 1:" : : "r"(code) : "rax", "memory");
#else
    __asm__ volatile("push %0; push $1f; lret; 1:" : : "r"(code) : "memory");
#endif
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
    {"far return to a selector beyond the GDT", far_return, 0xfffb, EVENT_GP, 0xfff8},
    {"x87 division by zero", x87_divide, 0, EVENT_MF, 0},
#ifdef __x86_64__
    {"read of a non-canonical address", touch_read, (nova_word)1 << 63, EVENT_GP, 0},
    {"write of a non-canonical address", touch_write, (nova_word)0x8000 << 32, EVENT_GP, 0},
    {"jump to a non-canonical address", touch_execute, (nova_word)0x8000 << 32, EVENT_GP, 0},
    {"stack access at a non-canonical address", stack_fault, (nova_word)1 << 63, 12, 0},
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
    __asm__ volatile("fninit"); /* no pending x87 exception stays behind */
}

/* Kernel addresses are page faults like any other, and tell nothing about what is there but by the P bit. */
static void test_kernel_addresses(void)
{
    static const nova_word addresses[] = {
        NOVA_USER_LIMIT,
        NOVA_USER_LIMIT + 0x123456,
#ifdef __x86_64__
        0x00007ffffffff000,
        0xffff800000000000,
        0xffffffff80000000,
        0xffffffff81000000,
#else
        0xc0100000,
        0xcfc00000,
        0xfec00000,
        0xfee00000,
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

/* ---- delivered state ---- */

static struct registers sent, stored;
static struct nova_state replied;
static nova_word reply_mtd;

static void fill(struct registers *r, nova_word seed)
{
    nova_word *words = (nova_word *)r;
    for (unsigned i = 0; i < sizeof(*r) / sizeof(nova_word); i++)
        words[i] = (nova_word)0x0101010101010101ull * (i + 1) ^ seed;
    r->flags = FLAG_IF | FLAG_CF | 2;
}

/* Steps over the ud2; writes new values to all registers, of which the MTD lets some through. */
static void resume(nova_word vector, struct nova_utcb *utcb)
{
    (void)vector;
    utcb->state.ip += 2;
    utcb->state.ax = replied.ax;
    utcb->state.cx = replied.cx;
    utcb->state.dx = replied.dx;
    utcb->state.bx = replied.bx;
    utcb->state.bp = replied.bp;
    utcb->state.si = replied.si;
    utcb->state.di = replied.di;
    utcb->state.flags = replied.flags;
#ifdef __x86_64__
    utcb->state.r8 = replied.r8;
    utcb->state.r9 = replied.r9;
    utcb->state.r10 = replied.r10;
    utcb->state.r11 = replied.r11;
    utcb->state.r12 = replied.r12;
    utcb->state.r13 = replied.r13;
    utcb->state.r14 = replied.r14;
    utcb->state.r15 = replied.r15;
#endif
    utcb->state.mtd = reply_mtd;
}

static void raise_undefined(nova_word mtd, nova_word seed)
{
    fill(&sent, seed);
    stored = sent;
    reply_mtd = mtd;
    event_action = resume;
    undefined_registers(&stored);
    event_action = NULL;
}

#define REGISTERS_COMMON(X) X(ax) X(cx) X(dx) X(bx) X(bp) X(si) X(di)
#ifdef __x86_64__
#define REGISTERS(X) REGISTERS_COMMON(X) X(r8) X(r9) X(r10) X(r11) X(r12) X(r13) X(r14) X(r15)
#else
#define REGISTERS(X) REGISTERS_COMMON(X)
#endif

static void test_delivered(void)
{
    raise_undefined(NOVA_MTD_IP, 0x1111);
#define CHECK_DELIVERED(r) check("event delivers " #r, last_event.state.r, sent.r);
    REGISTERS(CHECK_DELIVERED)
    check("event delivers ip", last_event.state.ip, (nova_word)undefined_ip);
    check("event delivers sp", last_event.state.sp, stored.sp);
    check("event delivers flags", last_event.state.flags & ~(nova_word)FLAG_RF, FLAG_IF | FLAG_CF | 2);
    check("event delivers the portal's MTD",
          last_event.state.mtd & ~(nova_word)(sizeof(nova_word) == 8 ? 0 : NOVA_MTD_GPR_R8_R15),
          NOVA_EVENT_MTD & ~(nova_word)(sizeof(nova_word) == 8 ? 0 : NOVA_MTD_GPR_R8_R15));
    check("event has no typed items", nova_typed(last_event.items), 0);
    check_true("event's words cover the state", nova_untyped(last_event.items) * sizeof(nova_word) >= offsetof(struct nova_state, fpu));
    check_true("but are not more than the page holds", nova_untyped(last_event.items) <= NOVA_UTCB_WORDS);
#define CHECK_KEPT(r) check("reply with MTD ip alone keeps " #r, stored.r, sent.r);
    REGISTERS(CHECK_KEPT)
    check("reply with MTD ip alone keeps flags", stored.flags & ~(nova_word)FLAG_RF, FLAG_IF | FLAG_CF | 2);
}

static void test_reply(void)
{
    struct registers fresh;

    fill(&fresh, 0x7777);
#define SET_REPLIED(r) replied.r = fresh.r;
    REGISTERS(SET_REPLIED)
    replied.flags = FLAG_DF | FLAGS_IOPL | 2; /* IF off, IOPL 3 */
    raise_undefined(NOVA_MTD_IP | NOVA_MTD_GPR_ACDB | NOVA_MTD_GPR_BSD | NOVA_MTD_FLAGS | NOVA_MTD_GPR_R8_R15, 0x2222);
#define CHECK_REPLIED(r) check("reply sets " #r, stored.r, fresh.r);
    REGISTERS(CHECK_REPLIED)
    check("reply sets flags, IF stays on, IOPL 0", stored.flags & ~(nova_word)FLAG_RF, FLAG_IF | FLAG_DF | 2);
    replied.flags = FLAG_VM | 2;
    raise_undefined(NOVA_MTD_IP | NOVA_MTD_FLAGS, 0x3333);
    check("reply cannot set VM", stored.flags & ~(nova_word)FLAG_RF, FLAG_IF | 2);
    raise_undefined(NOVA_MTD_IP | NOVA_MTD_GPR_ACDB, 0x4444);
    check("reply with ax cx dx bx: ax", stored.ax, fresh.ax);
    check("reply with ax cx dx bx: bx", stored.bx, fresh.bx);
    check("reply with ax cx dx bx: not si", stored.si, sent.si);
    check("reply with ax cx dx bx: not bp", stored.bp, sent.bp);
    raise_undefined(NOVA_MTD_IP | NOVA_MTD_GPR_BSD, 0x5555);
    check("reply with bp si di: bp", stored.bp, fresh.bp);
    check("reply with bp si di: di", stored.di, fresh.di);
    check("reply with bp si di: not cx", stored.cx, sent.cx);
}

/* A portal with an MTD of its own: what it does not name stays in the handler's UTCB. */
static void check_subset(const char *what, nova_word mtd, int acdb, int bsd, int flags)
{
    struct nova_state *state = &event_handler->utcb->state;
    char name[100];

    event_portal_set(EVENT_UD, mtd | NOVA_MTD_IP);
    state->ax = state->bx = state->si = state->bp = state->flags = 0xabcd;
    raise_undefined(NOVA_MTD_IP, 0x6666);
    nova_format(name, sizeof(name), "portal with %s: mtd", what);
    check(name, last_event.state.mtd, mtd | NOVA_MTD_IP);
    nova_format(name, sizeof(name), "portal with %s: ax", what);
    check(name, last_event.state.ax, acdb ? sent.ax : 0xabcd);
    nova_format(name, sizeof(name), "portal with %s: bx", what);
    check(name, last_event.state.bx, acdb ? sent.bx : 0xabcd);
    nova_format(name, sizeof(name), "portal with %s: si", what);
    check(name, last_event.state.si, bsd ? sent.si : 0xabcd);
    nova_format(name, sizeof(name), "portal with %s: bp", what);
    check(name, last_event.state.bp, bsd ? sent.bp : 0xabcd);
    nova_format(name, sizeof(name), "portal with %s: flags", what);
    check(name, last_event.state.flags & ~(nova_word)FLAG_RF, flags ? FLAG_IF | FLAG_CF | 2 : 0xabcd & ~(nova_word)FLAG_RF);
}

static void test_subsets(void)
{
    check_subset("ip alone", 0, 0, 0, 0);
    check_subset("ax cx dx bx", NOVA_MTD_GPR_ACDB, 1, 0, 0);
    check_subset("bp si di", NOVA_MTD_GPR_BSD, 0, 1, 0);
    check_subset("flags", NOVA_MTD_FLAGS, 0, 0, 1);
    event_portal_set(EVENT_UD, NOVA_EVENT_MTD);
}

/* FPU registers: an FXSAVE image, or an XSAVE one that begins with the same fields (Intel SDM volume 1, section 13.4.1). */
static void test_fpu(void)
{
    uint16_t control = 0x27f, arrived;

    event_portal_set(EVENT_UD, NOVA_MTD_IP | NOVA_MTD_FPU);
    __asm__ volatile("fninit; fldcw %0" : : "m"(control));
    raise_undefined(NOVA_MTD_IP, 0x8888);
    memcpy(&arrived, event_handler->utcb->state.fpu, sizeof(arrived));
    check("event delivers the FPU's control word", arrived, control);
    check("and says so", last_event.state.mtd, NOVA_MTD_IP | NOVA_MTD_FPU);
    __asm__ volatile("fninit");
    event_portal_set(EVENT_UD, NOVA_EVENT_MTD);
}

/* ---- a pager ---- */

static nova_word pager_page, pager_faults, pager_error;

static void pager(nova_word vector, struct nova_utcb *utcb)
{
    nova_word address = (nova_word)utcb->state.qual[1];

    (void)vector;
    pager_faults++;
    pager_error = (nova_word)utcb->state.qual[0];
    utcb->state.mtd = 0;
    utcb->items = 0;
    nova_message_item(utcb, nova_crd(NOVA_CRD_MEM, pager_page >> NOVA_PAGE_BITS, 0, NOVA_MEM_RW),
                      nova_control(NOVA_ITEM_DELEGATE, address >> NOVA_PAGE_BITS));
}

static void test_pager(void)
{
    nova_word range = free_range(4);

    pager_page = (nova_word)nova_allocate(NOVA_PAGE_SIZE, NOVA_PAGE_SIZE);
    ((volatile nova_word *)pager_page)[3] = 0x7a67;
    event_action = pager;
    check("a pager's reply maps the page", ((volatile nova_word *)range)[3], 0x7a67);
    check("with one fault", pager_faults, 1);
    check("which was a read", pager_error & PF_WRITE, 0);
    ((volatile nova_word *)(range + 5 * NOVA_PAGE_SIZE))[4] = 0x1234;
    check("a write elsewhere: one more fault", pager_faults, 2);
    check("which was a write", pager_error & PF_WRITE, PF_WRITE);
    check("the write went to the page", ((volatile nova_word *)pager_page)[4], 0x1234);
    check("mapped pages do not fault", ((volatile nova_word *)range)[4], 0x1234);
    check("so there were two faults", pager_faults, 2);
    nova_revoke(nova_crd(NOVA_CRD_MEM, pager_page >> NOVA_PAGE_BITS, 0, NOVA_PERM_ALL), 0, 0, 0);
    (void)((volatile nova_word *)range)[3];
    check("after revoke it faults again", pager_faults, 3);
    event_action = NULL;
}

/* Replies that send the thread where it cannot be. */
static nova_word bad_ip;

static void send_away(nova_word vector, struct nova_utcb *utcb)
{
    (void)vector;
    event_action = NULL;
    utcb->state.ip = bad_ip;
    utcb->state.mtd = NOVA_MTD_IP;
}

static void test_bad_reply(void)
{
    static const nova_word ips[] = {
        NOVA_USER_LIMIT,
        ~(nova_word)0,
#ifdef __x86_64__
        (nova_word)1 << 63,
        (nova_word)1 << 47,
        0xffffffff80000000,
#endif
    };
    char name[100];

    for (unsigned i = 0; i < sizeof(ips) / sizeof(*ips); i++) {
        nova_word vector;
        bad_ip = ips[i];
        event_action = send_away;
        vector = probe(undefined, 0);
        event_action = NULL;
        nova_format(name, sizeof(name), "event reply with ip 0x%lx ends in an exception of the thread", ips[i]);
        check_true(name, vector == EVENT_GP || vector == EVENT_PF);
    }
}

void test_event(void)
{
    remark("exceptions");
    test_exceptions();
    test_kernel_addresses();
    test_delivered();
    test_reply();
    test_subsets();
    test_fpu();
    test_pager();
    test_bad_reply();
}
