/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Traps: the stubs push a vector (and an error code where the processor does not) and call trap_entry. Interrupts of the PIC are counted and acknowledged; other traps are
 * recorded, and go on at trap_resume if a test has set it. An exception that nobody expects ends the guest.
 */
#include "guest.h"

enum { PIC_1 = 0x20, PIC_2 = 0xa0, END = 0x20, DEBUG = 1, BREAKPOINT = 3, OVERFLOW = 4, FIRST_SOFT = 0x30 };

volatile struct trap trap;
volatile word trap_resume;
volatile unsigned trap_counts[TRAPS], irq_counts[16];

/* As the stubs leave it on the stack. */
struct frame {
#if BITS == 64
    word r[15], vector, error, ip, cs, flags, sp, ss;
#elif BITS == 32
    word r[8], vector, error, ip, cs, flags, sp, ss;
#else
    word r[8], vector, error;
    uint16_t ip, cs, flags;
#endif
};

void trap_entry(struct frame *frame);
__attribute__((noreturn)) void user_back(void);

static void interrupt(unsigned number)
{
    irq_counts[number]++;
    if (number >= 8)
        outb(PIC_2, END);
    outb(PIC_1, END);
}

void trap_entry(struct frame *frame)
{
    unsigned vector = (unsigned)frame->vector;
    trap_counts[vector]++;
    if (vector >= IRQ_BASE && vector < IRQ_BASE + 16) {
        interrupt(vector - IRQ_BASE);
        return;
    }
    trap.count++;
    trap.vector = vector;
    trap.error = frame->error;
    trap.ip = frame->ip;
    trap.cs = frame->cs;
    trap.flags = frame->flags;
#if BITS != 16
    trap.cr2 = cr2_read();
    if (frame->cs & 3)
        user_back();
#endif
    if (trap_resume) {
        frame->ip = (typeof(frame->ip))trap_resume;
        trap_resume = 0;
    } else if (vector != DEBUG && vector != BREAKPOINT && vector != OVERFLOW && vector < FIRST_SOFT)
        give_up("unexpected trap");
}

extern char trap_stubs[][16];

#if BITS == 16
void traps_init(void)
{
    for (unsigned i = 0; i < TRAPS; i++)
        ((volatile uint32_t *)0)[i] = (uint32_t)trap_stubs[i];
}
#else
static struct {
    uint64_t entry[TRAPS * (BITS / 32)];
} idt __attribute__((aligned(16)));

void trap_handler_set(unsigned vector, word address, unsigned type)
{
    uint64_t low = (address & 0xffff) | (uint64_t)(type == GATE_TASK ? address : CODE) << 16 | (uint64_t)type << 40 |
                   (uint64_t)(address >> 16 & 0xffff) << 48;
#if BITS == 64
    idt.entry[2 * vector] = low;
    idt.entry[2 * vector + 1] = address >> 32;
#else
    idt.entry[vector] = low;
#endif
}

void traps_init(void)
{
    struct {
        uint16_t limit;
        word base;
    } __attribute__((packed)) pointer = {sizeof idt - 1, (word)&idt};
    for (unsigned i = 0; i < TRAPS; i++)
        trap_handler_set(i, (word)trap_stubs[i], i == BREAKPOINT || i == OVERFLOW || i >= FIRST_SOFT ? GATE_USER : GATE_INTERRUPT);
    __asm__ volatile("lidt %0" : : "m"(pointer));
}
#endif
