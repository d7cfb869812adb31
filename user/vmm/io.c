/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Port instructions, as the hardware has decoded them: Intel SDM vol. 3, table 27-5; AMD APM vol. 2, 15.10.2. And which device is at which port. Accesses of 16 and 32 bits
 * go to devices byte by byte, but for the machine's own ports. A port without a device reads as all ones.
 */
#include "vmm.h"

enum { COM1 = 0x3f8, REGISTER_BITS_8 = 0xff, REGISTER_BITS_16 = 0xffff };

static struct io decode(const struct nova_state *s)
{
    uint64_t qual = s->qual[0];
    struct io io = {.port = (uint16_t)(qual >> 16)};
    if (is_svm) {
        io.in = qual & 1;
        io.string = qual >> 2 & 1;
        io.repeat = qual >> 3 & 1;
        io.size = qual >> 4 & 7;
        io.next = (nova_word)s->qual[1];
    } else {
        io.size = (uint8_t)((qual & 7) + 1);
        io.in = qual >> 3 & 1;
        io.string = qual >> 4 & 1;
        io.repeat = qual >> 5 & 1;
        io.next = s->ip + s->inst_len;
    }
    return io;
}

static uint8_t device_read(struct vm *vm, uint16_t port)
{
    switch (port) {
    case 0x20 ... 0x21:
    case 0xa0 ... 0xa1:
    case 0x4d0 ... 0x4d1: return pic_read(vm, port);
    case 0x40 ... 0x43:
    case 0x61: return pit_read(vm, port);
    case 0x70 ... 0x71: return rtc_read(vm, port);
    case COM1 ... COM1 + 7: return uart_read(vm, port - COM1);
    default: return 0xff;
    }
}

static void device_write(struct vm *vm, uint16_t port, uint8_t value)
{
    switch (port) {
    case 0x20 ... 0x21:
    case 0xa0 ... 0xa1:
    case 0x4d0 ... 0x4d1: pic_write(vm, port, value); break;
    case 0x40 ... 0x43:
    case 0x61: pit_write(vm, port, value); break;
    case 0x70 ... 0x71: rtc_write(vm, port, value); break;
    case COM1 ... COM1 + 7: uart_write(vm, port - COM1, value); break;
    }
}

static void doorbell(struct vm *vm, uint32_t value)
{
    unsigned number = value >> 8 & 0xff, vector = value & 0xff;
    if (number >= vm->guest->vcpus)
        return;
    vm->vcpu[number].doorbell[vector / 32] |= 1u << vector % 32;
    vcpu_kick(&vm->vcpu[number]);
}

static void second_start(struct vm *vm, uint32_t address)
{
    struct vcpu *vcpu = &vm->vcpu[1];
    if (vm->guest->vcpus < 2 || vcpu->runs)
        return;
    vcpu->start = address;
    if (vcpu_run(vcpu))
        nova_printf("vmm: %s: the second virtual CPU gets no time\n", vm->guest->name);
}

uint32_t port_access(struct vcpu *vcpu, const struct io *io, uint32_t value)
{
    struct vm *vm = vcpu->vm;
    uint32_t result = 0;
    if (!io->in && io->port == BOARD_DOORBELL && io->size == 4)
        doorbell(vm, value);
    else if (!io->in && io->port == BOARD_START && io->size == 4)
        second_start(vm, value);
    else if (!io->in && io->port == BOARD_END) {
        vm_flush(vm);
        vm_unlock(vm);
        vcpu_end(vcpu, (uint8_t)value);
    } else if (io->in && io->port == BOARD_SELF)
        result = vcpu->number;
    else if (io->in && io->port == BOARD_CPUS)
        result = vm->guest->vcpus;
    else
        for (unsigned i = 0; i < io->size; i++)
            if (io->in)
                result |= (uint32_t)device_read(vm, (uint16_t)(io->port + i)) << 8 * i;
            else
                device_write(vm, (uint16_t)(io->port + i), (uint8_t)(value >> 8 * i));
    return result;
}

/* A write to a 32-bit register clears the upper half. */
static nova_word merge(nova_word old, uint32_t value, unsigned size)
{
    switch (size) {
    case 1: return (old & ~(nova_word)REGISTER_BITS_8) | (value & REGISTER_BITS_8);
    case 2: return (old & ~(nova_word)REGISTER_BITS_16) | (value & REGISTER_BITS_16);
    default: return value;
    }
}

void io_exit(struct vcpu *vcpu, struct nova_state *s)
{
    struct io io = decode(s);
    if (io.string) {
        io_string(vcpu, s, &io);
        return;
    }
    uint32_t value = port_access(vcpu, &io, (uint32_t)s->ax);
    if (io.in) {
        s->ax = merge(s->ax, value, io.size);
        s->mtd |= NOVA_MTD_GPR_ACDB;
    }
    state_finish(s, (unsigned)(io.next - s->ip));
}
