/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Interrupts of the timer, the clock and the serial port through both PICs: to a processor that waits, to one that runs, masked, and switched off.
 */
#include "guest.h"

enum { PIC_1 = 0x20, PIC_2 = 0xa0, PIT_0 = 0x40, PIT_CONTROL = 0x43, CMOS = 0x70, COM1 = 0x3f8, TIMER = 0, CLOCK = 8, SERIAL = 4 };
enum { TICKS_1MS = 1193 };

static void pics_init(void)
{
    static const uint8_t words[2][4] = {{0x11, IRQ_BASE, 4, 1}, {0x11, IRQ_BASE + 8, 2, 1}};
    for (unsigned i = 0; i < 2; i++) {
        uint16_t port = i ? PIC_2 : PIC_1;
        outb(port, words[i][0]);
        for (unsigned j = 1; j < 4; j++)
            outb((uint16_t)(port + 1), words[i][j]);
        outb((uint16_t)(port + 1), 0xff);
    }
    check("PIC: mask can be read", inb(PIC_1 + 1), 0xff);
}

static void unmask(unsigned irq)
{
    uint16_t mask = irq ? (uint16_t) ~(1 << irq | (irq >= 8 ? 4 : 0)) : 0xfffe;
    outb(PIC_1 + 1, (uint8_t)mask);
    outb(PIC_2 + 1, (uint8_t)(mask >> 8));
}

static void timer_set(unsigned mode, unsigned count)
{
    outb(PIT_CONTROL, (uint8_t)(0x30 | mode << 1));
    outb(PIT_0, (uint8_t)count);
    outb(PIT_0, (uint8_t)(count >> 8));
}

/* Waits for n interrupts; gives up when much more time has gone by than they need. */
static void wait_for(unsigned irq, unsigned n, int sleeping)
{
    for (word rounds = 0; irq_counts[irq] < n; rounds++) {
        if (sleeping)
            halt();
        else if (rounds > 200000000)
            break;
        else
            __asm__ volatile("sti; nop; nop" : : : "memory");
    }
    interrupts_off();
}

static void timer(void)
{
    irq_counts[TIMER] = 0;
    unmask(TIMER);
    timer_set(0, TICKS_1MS);
    wait_for(TIMER, 1, 1);
    check("timer once, processor waits", irq_counts[TIMER], 1);
    timer_set(2, TICKS_1MS);
    irq_counts[TIMER] = 0;
    wait_for(TIMER, 10, 1);
    check("timer ten times, processor waits", irq_counts[TIMER] >= 10, 1);
    irq_counts[TIMER] = 0;
    wait_for(TIMER, 3, 0);
    check("timer three times, processor runs", irq_counts[TIMER] >= 3, 1);
}

static void masks(void)
{
    uint8_t request = 0;
    outb(PIC_1 + 1, 0xff);
    outb(PIC_1, 0x0a);
    irq_counts[TIMER] = 0;
    interrupts_on();
    for (word rounds = 0; !request && rounds < 10000000; rounds++)
        request = inb(PIC_1) & 1;
    __asm__ volatile("nop; nop");
    interrupts_off();
    check("timer, masked", irq_counts[TIMER], 0);
    check("... the request waits in the PIC", request, 1);
    unmask(TIMER);
    check("... interrupts are off", irq_counts[TIMER], 0);
    __asm__ volatile("sti; nop" : : : "memory");
    interrupts_off();
    check("... and comes when both let it", irq_counts[TIMER] >= 1, 1);
    timer_set(0, 0);
}

static void clock(void)
{
    unsigned sum = 0;
    unmask(CLOCK);
    outb(CMOS, 0x0b);
    uint8_t b = inb(CMOS + 1);
    outb(CMOS, 0x0b);
    outb(CMOS + 1, b | 0x40);
    for (unsigned i = 0; i < 3; i++) {
        irq_counts[CLOCK] = 0;
        wait_for(CLOCK, 1, 1);
        sum += irq_counts[CLOCK];
        outb(CMOS, 0x0c);
        check("clock: periodic", inb(CMOS + 1) & 0xc0, 0xc0);
    }
    outb(CMOS, 0x0b);
    outb(CMOS + 1, b);
    check("clock: three interrupts through the second PIC", sum >= 3, 1);
}

static void serial(void)
{
    irq_counts[SERIAL] = 0;
    unmask(SERIAL);
    outb(COM1 + 4, 0x0b);
    outb(COM1 + 1, 2);
    wait_for(SERIAL, 1, 0);
    uint8_t first = inb(COM1 + 2) & 0xf, second = inb(COM1 + 2) & 0xf; /* before a line of output changes it */
    outb(COM1 + 1, 0);
    check("serial: transmitter empty", first, 2);
    check("... gone when it was read", second, 1);
    check("... one interrupt", irq_counts[SERIAL], 1);
}

void test_interrupts(void)
{
    pics_init();
    timer();
    masks();
    clock();
    serial();
    outb(PIC_1 + 1, 0xff);
    outb(PIC_2 + 1, 0xff);
}
