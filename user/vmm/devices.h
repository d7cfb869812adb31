/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The devices of a machine: 16550 UART, pair of 8259 interrupt controllers, 8254 timer, MC146818 clock. Each is a structure and functions for its ports; interrupt lines
 * are levels that the devices compute. Times are values of the host's time stamp counter.
 */
#ifndef USER_VMM_DEVICES_H
#define USER_VMM_DEVICES_H

#include <stdint.h>

struct vm;

struct uart {
    uint8_t interrupts, fifo, line, modem, scratch, divisor[2];
    uint8_t received[16], received_first, received_count;
    uint8_t transmit_done; /* the interrupt that the transmitter is empty waits */
};

struct pic {
    uint8_t lines, requests, in_service, mask, base, step, level, auto_end, read_service, init;
};

struct pit_channel {
    uint16_t reload;
    uint8_t mode, access, low_done, latched, status_latched, status, low;
    uint16_t latch;
    uint64_t start; /* when it was loaded; 0 = never */
};

struct pit {
    struct pit_channel channel[3];
    uint64_t due; /* of channel 0's interrupt; 0 = none */
    uint8_t speaker;
};

struct rtc {
    uint8_t index, ram[128];
    uint64_t start, due, period;
};

enum { IRQ_TIMER = 0, IRQ_CASCADE = 2, IRQ_SERIAL = 4, IRQ_CLOCK = 8 };

/* time.c: ticks of the 8254's clock (1193182 Hz) of the host's time stamp counter, and back. */
void time_init(uint32_t tsc_khz);
uint64_t ticks_of(uint64_t tsc);
uint64_t tsc_of(uint64_t ticks);
/* Quotient and remainder by a divisor of up to 32 bits. */
uint64_t divide(uint64_t value, uint32_t divisor, uint32_t *remainder);

void uart_reset(struct vm *vm);
uint8_t uart_read(struct vm *vm, unsigned reg);
void uart_write(struct vm *vm, unsigned reg, uint8_t value);

void pic_reset(struct vm *vm);
uint8_t pic_read(struct vm *vm, uint16_t port);
void pic_write(struct vm *vm, uint16_t port, uint8_t value);
/* A line goes up or down; the CPU hears of it. */
void pic_line(struct vm *vm, unsigned irq, int level);
int pic_waits(const struct vm *vm);
/* The vector of the interrupt that the CPU takes now; -1: none. */
int pic_take(struct vm *vm);

void pit_reset(struct vm *vm);
uint8_t pit_read(struct vm *vm, uint16_t port);
void pit_write(struct vm *vm, uint16_t port, uint8_t value);
void pit_fire(struct vm *vm, uint64_t now);

void rtc_reset(struct vm *vm);
uint8_t rtc_read(struct vm *vm, uint16_t port);
void rtc_write(struct vm *vm, uint16_t port, uint8_t value);
void rtc_fire(struct vm *vm, uint64_t now);

#endif
