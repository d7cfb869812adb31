/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Hardware task switches: CALL and IRET, JMP, software interrupts and exceptions through a task gate, with and without error code.
 */
#include "guest.h"

/* Intel SDM vol. 3, figure 7-2. */
struct tss {
    uint32_t link, stack[6], cr3, ip, flags, ax, cx, dx, bx, sp, bp, si, di, es, cs, ss, ds, fs, gs, ldt;
    uint16_t trap, map;
};

enum { NT = 1 << 14, SIZE = sizeof(struct tss), AVAILABLE = 0x89, BUSY = 2, VECTOR = 0x52, UNDEFINED = 6, PROTECTION = 13 };
enum { BY_CALL, BY_JUMP, BY_FAULT, BY_FAULT_WITH_ERROR };

extern struct tss tss; /* of the first task: descriptors.c */
static struct tss other;
static uint8_t stack[4096] __attribute__((aligned(16)));
static volatile uint32_t runs, how, seen_flags, seen_error, seen_link, seen_tr;

__attribute__((used)) static void task_body(void)
{
    runs++;
    __asm__ volatile("pushfl; popl %0" : "=r"(seen_flags));
    __asm__ volatile("str %0" : "=r"(seen_tr));
    seen_link = other.link & 0xffff;
    if (how >= BY_FAULT)
        tss.ip += 2; /* behind the instruction, all of them have two bytes */
}

/* Goes round for every switch. An error code is taken from the stack first. */
__asm__(".text\n"
        "task_entry:\n\t"
        "clts\n\t"
        "cmpl $3, how\n\t"
        "jne 1f\n\t"
        "popl seen_error\n"
        "1:\tcall task_body\n\t"
        "cmpl $1, how\n\t"
        "je 2f\n\t"
        "iretl\n\t"
        "jmp task_entry\n"
        "2:\tljmp $0x30, $0\n\t"
        "jmp task_entry\n");
extern char task_entry[];

static uint32_t type_of(unsigned selector) { return (uint32_t)(gdt[selector / 8] >> 40) & 0xff; }

static void prepare(void)
{
    memset(&other, 0, sizeof other);
    other.cr3 = (uint32_t)cr3_read();
    other.ip = (uint32_t)task_entry;
    other.flags = 2;
    other.sp = (uint32_t)(stack + sizeof stack);
    other.es = other.ss = other.ds = DATA;
    other.cs = CODE;
    other.map = SIZE;
    descriptor_set(TSS_2, (word)&other, SIZE - 1, AVAILABLE);
    tss.cr3 = (uint32_t)cr3_read();
    tss.ldt = 0;
}

static void back(const char *name, uint32_t before)
{
    uint32_t tr;
    __asm__ volatile("str %0" : "=r"(tr));
    check(name, runs - before, 1);
    check("... the task knew itself", seen_tr, TSS_2);
    check("... back in the first task", tr, TSS);
    check("... CR0.TS is set", cr0_read() & CR0_TS, CR0_TS);
    __asm__ volatile("clts");
    check("... busy and not busy", type_of(TSS) << 8 | type_of(TSS_2), (AVAILABLE | BUSY) << 8 | AVAILABLE);
}

static void calls(void)
{
    uint32_t bx = 0x1234, si = 0x5678, before = runs;
    how = BY_CALL;
    __asm__ volatile("lcall %2, $0" : "+b"(bx), "+S"(si) : "i"(TSS_2) : "memory", "cc");
    back("task by CALL", before);
    check("... nested", seen_flags & NT, NT);
    check("... link", seen_link, TSS);
    check("... registers", bx << 16 | si, 0x12345678);
    before = runs;
    __asm__ volatile("lcall %0, $0" : : "i"(TSS_2) : "memory", "cc");
    back("again, behind its IRET", before);
}

static void jumps(void)
{
    uint32_t before = runs;
    prepare();
    how = BY_JUMP;
    __asm__ volatile("ljmp %0, $0" : : "i"(TSS_2) : "memory", "cc");
    back("task by JMP, both ways", before);
    check("... not nested", seen_flags & NT, 0);
}

static void gates(void)
{
    uint32_t before = runs;
    prepare();
    how = BY_CALL;
    trap_handler_set(VECTOR, TSS_2, GATE_TASK);
    __asm__ volatile("int %0" : : "i"(VECTOR) : "memory", "cc");
    back("task gate: software interrupt", before);
    before = runs;
    prepare();
    how = BY_FAULT;
    trap_handler_set(UNDEFINED, TSS_2, GATE_TASK);
    __asm__ volatile("ud2" : : : "memory", "cc");
    back("task gate: exception", before);
    before = runs;
    prepare();
    how = BY_FAULT_WITH_ERROR;
    seen_error = 0x77;
    trap_handler_set(PROTECTION, TSS_2, GATE_TASK);
    __asm__ volatile("movl %0, %%fs" : : "a"(0xff8) : "memory", "cc"); /* 8e e0 */
    back("task gate: exception with error code", before);
    check("... which is on the task's stack", seen_error, 0xff8);
    traps_init();
}

static void errors(void)
{
    prepare();
    descriptor_set(TSS_2, (word)&other, SIZE - 1, AVAILABLE & 0x7f);
    check("task that is not present", TRIES("lcall %0, $0", : : "i"(TSS_2)), 11);
    check("... error code", trap.error, TSS_2);
    check("... still in the first task", type_of(TSS), AVAILABLE | BUSY);
}

void test_task(void)
{
    prepare();
    calls();
    jumps();
    gates();
    errors();
}
