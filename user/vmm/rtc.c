/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * MC146818 clock and its memory (Motorola data sheet): a machine is started at midnight of 1 January 2000. The time cannot be set; the periodic interrupt is there, alarm
 * and update interrupts are not.
 */
#include "vmm.h"

enum { INDEX = 0x70 };
enum {
    SECOND = 0,
    MINUTE = 2,
    HOUR = 4,
    WEEKDAY = 6,
    DAY = 7,
    MONTH = 8,
    YEAR = 9,
    A = 10,
    B = 11,
    C = 12,
    D = 13,
    CENTURY = 0x32
};
enum { BASE_MEMORY = 0x15, EXTENDED_MEMORY = 0x17, EXTENDED_MEMORY_2 = 0x30, HIGH_MEMORY = 0x34 };
enum {
    A_DIVIDER = 0x20,
    A_RATE = 15,
    B_PERIODIC = 0x40,
    B_BINARY = 4,
    B_24 = 2,
    C_REQUEST = 0x80,
    C_PERIODIC = 0x40,
    D_VALID = 0x80
};

static void put16(struct rtc *rtc, unsigned at, nova_word value)
{
    rtc->ram[at] = (uint8_t)value;
    rtc->ram[at + 1] = (uint8_t)(value >> 8);
}

void rtc_reset(struct vm *vm)
{
    struct rtc *rtc = &vm->rtc;
    nova_word kib = vm->ram_size >> 10, above_1m = kib > 1024 ? kib - 1024 : 0, above_16m = kib > 16384 ? (kib - 16384) / 64 : 0;
    memset(rtc, 0, sizeof *rtc);
    rtc->start = nova_tsc();
    rtc->ram[A] = A_DIVIDER | 6;
    rtc->ram[B] = B_24;
    put16(rtc, BASE_MEMORY, 640);
    put16(rtc, EXTENDED_MEMORY, above_1m > 0xfc00 ? 0xfc00 : above_1m);
    put16(rtc, EXTENDED_MEMORY_2, above_1m > 0xfc00 ? 0xfc00 : above_1m);
    put16(rtc, HIGH_MEMORY, above_16m);
}

static uint8_t field(const struct rtc *rtc, unsigned index)
{
    uint32_t second, minute, hour;
    uint64_t time = divide(divide(nova_tsc() - rtc->start, nova_hip->tsc_khz, 0), 1000, 0);
    time = divide(time, 60, &second);
    time = divide(time, 60, &minute);
    time = divide(time, 24, &hour);
    switch (index) {
    case SECOND: return (uint8_t)second;
    case MINUTE: return (uint8_t)minute;
    case HOUR: return (uint8_t)hour;
    case WEEKDAY: return 7; /* a Saturday */
    case DAY: return (uint8_t)(1 + (uint32_t)time % 31);
    case MONTH: return 1;
    case CENTURY: return 20;
    default: return 0;
    }
}

static int is_time(unsigned index)
{
    return index == SECOND || index == MINUTE || index == HOUR || (index >= WEEKDAY && index <= YEAR) || index == CENTURY;
}

uint8_t rtc_read(struct vm *vm, uint16_t port)
{
    struct rtc *rtc = &vm->rtc;
    uint8_t value = rtc->ram[rtc->index];
    if (port == INDEX)
        return 0xff;
    if (is_time(rtc->index)) {
        value = field(rtc, rtc->index);
        return rtc->ram[B] & B_BINARY ? value : (uint8_t)(value / 10 * 16 + value % 10);
    }
    if (rtc->index == C) {
        rtc->ram[C] = 0;
        pic_line(vm, IRQ_CLOCK, 0);
    }
    return rtc->index == D ? D_VALID : value;
}

static void period_set(struct rtc *rtc)
{
    unsigned rate = rtc->ram[A] & A_RATE;
    uint64_t second = (uint64_t)nova_hip->tsc_khz * 1000;
    rtc->due = rtc->period = 0;
    if (!(rtc->ram[B] & B_PERIODIC) || !rate)
        return;
    rtc->period = second >> (15 - ((rate < 3 ? rate + 7 : rate) - 1));
    rtc->due = nova_tsc() + rtc->period;
    nova_sm_up(supervisor_wake);
}

void rtc_write(struct vm *vm, uint16_t port, uint8_t value)
{
    struct rtc *rtc = &vm->rtc;
    if (port == INDEX) {
        rtc->index = value & 0x7f;
        return;
    }
    if (rtc->index == C || rtc->index == D)
        return;
    rtc->ram[rtc->index] = value;
    if (rtc->index == A || rtc->index == B)
        period_set(rtc);
}

void rtc_fire(struct vm *vm, uint64_t now)
{
    struct rtc *rtc = &vm->rtc;
    if (!rtc->due || now < rtc->due)
        return;
    rtc->due = now - rtc->due < 16 * rtc->period ? rtc->due + rtc->period : now + rtc->period;
    rtc->ram[C] |= C_REQUEST | C_PERIODIC;
    pic_line(vm, IRQ_CLOCK, 0);
    pic_line(vm, IRQ_CLOCK, 1);
}
