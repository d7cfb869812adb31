/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * 8254 timer (Intel 8254 data sheet): counters are computed from the time since they were loaded. Channel 0 interrupts, channel 2 has its gate and output at port 0x61.
 * Modes 0 and 4 count once, 2 and 3 periodically; the gate-triggered modes 1 and 5 count as 0.
 */
#include "vmm.h"

enum { CONTROL = 0x43, SPEAKER = 0x61, GATE_2 = 1, OUTPUT_2 = 0x20, REFRESH = 0x10 };
enum { ACCESS_LATCH = 0, ACCESS_LOW = 1, ACCESS_HIGH = 2, ACCESS_BOTH = 3, READ_BACK = 3, STATUS_OUTPUT = 0x80 };
enum { MODE_ONCE = 0, MODE_RATE = 2, MODE_SQUARE = 3 };

static uint32_t period(const struct pit_channel *channel) { return channel->reload ? channel->reload : 0x10000; }

static int repeats(const struct pit_channel *channel) { return channel->mode == MODE_RATE || channel->mode == MODE_SQUARE; }

static uint64_t elapsed(const struct pit_channel *channel, uint64_t now)
{
    return channel->start ? ticks_of(now - channel->start) : 0;
}

static uint16_t counter(const struct pit_channel *channel, uint64_t now)
{
    uint32_t length = period(channel), rest;
    uint64_t ticks = elapsed(channel, now);
    if (!repeats(channel))
        return (uint16_t)(length - ticks);
    divide(ticks, length, &rest);
    if (channel->mode == MODE_SQUARE)
        return (uint16_t)(length - 2 * rest % length);
    return (uint16_t)(length - rest);
}

static int output(const struct pit_channel *channel, uint64_t now)
{
    uint32_t length = period(channel), rest;
    uint64_t ticks = elapsed(channel, now);
    if (!repeats(channel))
        return channel->start && ticks >= length;
    divide(ticks, length, &rest);
    return channel->mode == MODE_RATE || rest < (length + 1) / 2;
}

static void load(struct vm *vm, struct pit_channel *channel, uint16_t reload)
{
    channel->reload = reload;
    channel->start = nova_tsc();
    if (channel != &vm->pit.channel[0])
        return;
    vm->pit.due = channel->start + tsc_of(period(channel));
    pic_line(vm, IRQ_TIMER, 0);
    nova_sm_up(supervisor_wake);
}

void pit_reset(struct vm *vm) { memset(&vm->pit, 0, sizeof vm->pit); }

void pit_fire(struct vm *vm, uint64_t now)
{
    struct pit *pit = &vm->pit;
    if (!pit->due || now < pit->due)
        return;
    if (repeats(&pit->channel[0])) {
        uint64_t step = tsc_of(period(&pit->channel[0]));
        pit->due = now - pit->due < 16 * step ? pit->due + step : now + step; /* what was missed is missed */
        pic_line(vm, IRQ_TIMER, 0);
    } else
        pit->due = 0;
    pic_line(vm, IRQ_TIMER, 1);
}

static uint8_t channel_read(struct pit_channel *channel)
{
    uint64_t now = nova_tsc();
    if (channel->status_latched) {
        channel->status_latched = 0;
        return channel->status;
    }
    uint16_t value = channel->latched ? channel->latch : counter(channel, now);
    if (channel->access == ACCESS_BOTH && !channel->low_done) {
        channel->low_done = 1;
        if (!channel->latched) { /* both halves of the same moment */
            channel->latch = value;
            channel->latched = 1;
        }
        return (uint8_t)value;
    }
    channel->latched = channel->low_done = 0;
    return (uint8_t)(channel->access == ACCESS_LOW ? value : value >> 8);
}

uint8_t pit_read(struct vm *vm, uint16_t port)
{
    struct pit *pit = &vm->pit;
    if (port == SPEAKER) {
        pit->speaker ^= REFRESH;
        return (uint8_t)(pit->speaker | (output(&pit->channel[2], nova_tsc()) ? OUTPUT_2 : 0));
    }
    return port == CONTROL ? 0xff : channel_read(&pit->channel[port & 3]);
}

static void latch_count(struct pit_channel *channel)
{
    if (channel->latched)
        return;
    channel->latch = counter(channel, nova_tsc());
    channel->latched = 1;
}

static void latch_status(struct pit_channel *channel)
{
    channel->status = (uint8_t)(channel->access << 4 | channel->mode << 1 | (output(channel, nova_tsc()) ? STATUS_OUTPUT : 0));
    channel->status_latched = 1;
}

static void control(struct vm *vm, uint8_t value)
{
    unsigned number = value >> 6;
    struct pit_channel *channel = &vm->pit.channel[number % 3];
    if (number == READ_BACK) {
        for (unsigned i = 0; i < 3; i++) {
            if (value >> (i + 1) & 1 && !(value & 0x20))
                latch_count(&vm->pit.channel[i]);
            if (value >> (i + 1) & 1 && !(value & 0x10))
                latch_status(&vm->pit.channel[i]);
        }
        return;
    }
    if ((value >> 4 & 3) == ACCESS_LATCH) {
        latch_count(channel);
        return;
    }
    memset(channel, 0, sizeof *channel);
    channel->access = value >> 4 & 3;
    channel->mode = value >> 1 & 7;
    if (channel->mode > 5)
        channel->mode -= 4;
    if (!number) {
        vm->pit.due = 0;
        pic_line(vm, IRQ_TIMER, channel->mode != MODE_ONCE);
    }
}

static void channel_write(struct vm *vm, struct pit_channel *channel, uint8_t value)
{
    switch (channel->access) {
    case ACCESS_LOW: load(vm, channel, value); break;
    case ACCESS_HIGH: load(vm, channel, (uint16_t)(value << 8)); break;
    case ACCESS_BOTH:
        if (channel->low_done)
            load(vm, channel, (uint16_t)(channel->low | value << 8));
        else
            channel->low = value;
        channel->low_done = !channel->low_done;
    }
}

void pit_write(struct vm *vm, uint16_t port, uint8_t value)
{
    struct pit *pit = &vm->pit;
    if (port == CONTROL)
        control(vm, value);
    else if (port != SPEAKER)
        channel_write(vm, &pit->channel[port & 3], value);
    else {
        if (value & ~pit->speaker & GATE_2)
            pit->channel[2].start = nova_tsc();
        pit->speaker = value & 3;
    }
}
