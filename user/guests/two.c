/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Two virtual CPUs: they send each other interrupts by the doorbell, waiting by HLT or by spinning, count together, and change mappings that the other one uses. With
 * `seconds=` on the command line they go on so long (by the clock).
 */
#include "paging.h"

enum { RING_FIRST = 0x40, RING_SECOND = 0x41, ROUNDS = 300, COUNTS = 5000, SHOOTDOWNS = 50, CMOS = 0x70 };
enum { JOB_RING, JOB_COUNT, JOB_FLUSH, JOB_READ };

extern volatile word second_cr0, second_cr3, second_cr4, second_entry;
extern uint8_t second_gdt[], second_idt[];
extern char second_start[];

static volatile word job, counter, answer, asked, rounds_done;
static volatile uint32_t page_a[PAGE / 4] __attribute__((aligned(4096))) = {0xa0a0},
                                          page_b[PAGE / 4] __attribute__((aligned(4096))) = {0xb0b0};

static void ring(unsigned number) { outl(BOARD_DOORBELL, (number ? RING_SECOND : RING_FIRST) | number << 8); }

/*
 * Waits for an interrupt that was not there before and for what it is about. Interrupts are on nowhere else, so none is missed; one that comes twice (QEMU's SVM does
 * that now and then) does no harm.
 */
static void wait_ring(unsigned vector, unsigned *seen, const volatile word *what, word value, int spinning)
{
    while (trap_counts[vector] == *seen || *what != value)
        if (spinning)
            __asm__ volatile("sti; mov $100, %%ecx; 1: dec %%ecx; jnz 1b; cli" : : : "memory", "ecx", "cc");
        else
            halt();
    *seen = trap_counts[vector];
}

static void count_together(void)
{
    for (unsigned i = 0; i < COUNTS; i++)
        __asm__ volatile("lock; add %1, %0" : "+m"(counter) : "r"((word)1));
}

/* The second one does what the first one asks for, again and again. */
static void second_main(void)
{
    unsigned seen = 0;
    for (unsigned i = 1;; i++) {
        wait_ring(RING_SECOND, &seen, &asked, i, i & 1);
        if (job == JOB_COUNT)
            count_together();
        else if (job == JOB_FLUSH)
            invlpg((void *)WINDOW);
        if (job == JOB_FLUSH || job == JOB_READ)
            answer = *(volatile uint32_t *)WINDOW;
        rounds_done = i;
        ring(0);
    }
}

static void ask(word what, int spinning)
{
    static unsigned seen;
    job = what;
    asked++;
    ring(1);
    if (what == JOB_COUNT)
        count_together();
    wait_ring(RING_FIRST, &seen, &rounds_done, asked, spinning);
}

static void start(void)
{
    second_cr0 = cr0_read();
    second_cr3 = cr3_read();
    second_cr4 = cr4_read();
    second_entry = (word)second_main;
    __asm__ volatile("sgdt (%0); sidt (%1)" : : "r"(second_gdt), "r"(second_idt) : "memory");
    outl(BOARD_START, (uint32_t)(word)second_start);
}

static void shootdowns(void)
{
    word wrong = 0;
    map(WINDOW, page_a, PRESENT | WRITE);
    ask(JOB_READ, 0);
    check("the second one reads through a mapping", answer, 0xa0a0);
    for (unsigned i = 0; i < SHOOTDOWNS; i++) {
        map(WINDOW, i & 1 ? page_a : page_b, PRESENT | WRITE);
        invlpg((void *)WINDOW);
        ask(JOB_FLUSH, (int)(i & 1));
        wrong += answer != (i & 1 ? 0xa0a0 : 0xb0b0);
    }
    check("changed mappings are seen by the second one", wrong, 0);
}

static uint8_t second_of_clock(void)
{
    outb(CMOS, 0);
    return inb(CMOS + 1);
}

static void for_long(word seconds)
{
    uint8_t last = second_of_clock();
    word before = asked;
    for (word passed = 0; passed < seconds;) {
        for (unsigned i = 0; i < 100; i++)
            ask(i % 10 ? JOB_RING : JOB_COUNT, (int)(i & 1));
        uint8_t now = second_of_clock();
        passed += now != last;
        last = now;
    }
    remark("rounds:");
    text_put("# ");
    number_put(asked - before);
    text_put("\n");
    check("the second one has done as many", rounds_done, asked);
}

void test_two(void)
{
    check("two virtual CPUs", inb(BOARD_CPUS), 2);
    check("this is the first", inb(BOARD_SELF), 0);
    start();
    ask(JOB_RING, 0);
    check("the second one answers", rounds_done, 1);
    for (unsigned i = 1; i < ROUNDS; i++)
        ask(JOB_RING, (int)(i & 1));
    check("300 rounds", rounds_done, ROUNDS);
    check("... each with its interrupts", trap_counts[RING_FIRST] >= ROUNDS && trap_counts[RING_SECOND] >= ROUNDS, 1);
    ask(JOB_COUNT, 0);
    check("counting together", counter, 2 * COUNTS);
    shootdowns();
    if (option("seconds", 0))
        for_long(option("seconds", 0));
}
