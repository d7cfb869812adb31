/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Port instructions: all sizes, immediate and DX, strings in both directions with and without REP, at ports with and without a device.
 */
#include "guest.h"

enum { COM1 = 0x3f8, SCRATCH = COM1 + 7, MODEM = COM1 + 4, LOOP = 0x10, NOBODY = 0x2f0, FIFO = COM1 + 2, PIT_2 = 0x42 };

static uint8_t sent[16], received[16] __attribute__((aligned(4)));

static void sizes(void)
{
    outb(SCRATCH, 0x5a);
    check("in of 8 bits", inb(SCRATCH), 0x5a);
    check("nobody: 8 bits", inb(NOBODY), 0xff);
    check("nobody: 16 bits", inw(NOBODY), 0xffff);
    check("nobody: 32 bits", inl(NOBODY), 0xffffffff);
    word ax = (word)-1;
    __asm__ volatile("inb %%dx, %%al" : "+a"(ax) : "d"(SCRATCH));
    check("8 bits leave the others", ax, ((word)-1 & ~(word)0xff) | 0x5a);
    ax = 0x12345678;
    __asm__ volatile("inw %%dx, %%ax" : "+a"(ax) : "d"(NOBODY));
    check("16 bits leave the others", ax, 0x1234ffff);
    ax = (word)-1;
    __asm__ volatile("inl $0xe8, %%eax" : "+a"(ax));
    check("32 bits, immediate port", ax, 0);
    check("speaker port: refresh toggles", (inb(0x61) ^ inb(0x61)) & 0x10, 0x10);
}

static word counter(void)
{
    outb(0x43, 0x80);
    word low = inb(PIT_2);
    return low | (word)inb(PIT_2) << 8;
}

static void counts(void)
{
    outb(0x43, 0xb4);
    outb(PIT_2, 0xff);
    outb(PIT_2, 0xff);
    word first = counter(), second;
    for (volatile int i = 0; i < 20000; i++)
        ;
    second = counter();
    check("timer: the counter counts", first != second, 1);
}

static void strings(void)
{
    const void *from = sent;
    void *to = received;
    word count_out = sizeof sent, count = sizeof received;
    for (unsigned i = 0; i < sizeof sent; i++)
        sent[i] = (uint8_t)(i * 7 + 1);
    outb(FIFO, 7);
    outb(MODEM, LOOP);
    __asm__ volatile("cld; rep outsb" : "+S"(from), "+c"(count_out) : "d"(COM1) : "memory");
    __asm__ volatile("cld; rep insb" : "+D"(to), "+c"(count) : "d"(COM1) : "memory");
    outb(MODEM, 0);
    check("rep outsb: count", count_out, 0);
    check("rep outsb: pointer", (word)from, (word)(sent + sizeof sent));
    check("rep insb: count", count, 0);
    check("rep insb: pointer", (word)to, (word)(received + sizeof received));
    unsigned same = 0;
    for (unsigned i = 0; i < sizeof sent; i++)
        same += sent[i] == received[i];
    check("rep insb: what was sent", same, sizeof sent);

    to = received + 15;
    __asm__ volatile("std; insb; cld" : "+D"(to) : "d"(SCRATCH) : "memory");
    check("insb backwards: pointer", (word)to, (word)(received + 14));
    check("insb backwards: value", received[15], 0x5a);
    to = received;
    __asm__ volatile("insl" : "+D"(to) : "d"(NOBODY) : "memory");
    check("insl: value", *(uint32_t *)received, 0xffffffff);
    check("insl: pointer", (word)to, (word)(received + 4));
    from = sent;
    sent[0] = 0x33;
    __asm__ volatile("outsb" : "+S"(from) : "d"(SCRATCH) : "memory");
    check("outsb", inb(SCRATCH), 0x33);
    count = 0;
    to = received;
    __asm__ volatile("rep insb" : "+D"(to), "+c"(count) : "d"(SCRATCH) : "memory");
    check("rep with count 0 does nothing", (word)to, (word)received);
}

/* More than the monitor does in one go. */
static void longer(void)
{
    static uint16_t many[1000];
    void *to = many;
    word count = 1000;
    __asm__ volatile("rep insw" : "+D"(to), "+c"(count) : "d"(NOBODY) : "memory");
    unsigned same = 0;
    for (unsigned i = 0; i < 1000; i++)
        same += many[i] == 0xffff;
    check("rep insw of 1000 words", same, 1000);
}

void test_ports(void)
{
    sizes();
    counts();
    strings();
    longer();
}
