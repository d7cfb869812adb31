/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * 16550 UART at COM1 (TI PC16550D data sheet, section 8). What is sent goes to the console line by line, with the name of the machine; in loopback it comes back as
 * received. Nothing else is ever received.
 */
#include "vmm.h"

enum { DATA, INTERRUPTS, IDENTIFICATION, LINE_CONTROL, MODEM_CONTROL, LINE_STATUS, MODEM_STATUS, SCRATCH };
enum { INTERRUPT_RECEIVED = 1, INTERRUPT_SENT = 2, DIVISOR = 0x80, LOOP = 0x10, OUT2 = 8, FIFO_ON = 1, FIFO_CLEAR = 2 };
enum { STATUS_DATA = 1, STATUS_EMPTY = 0x60, ID_NONE = 1, ID_SENT = 2, ID_RECEIVED = 4, ID_FIFO = 0xc0 };

void vm_flush(struct vm *vm)
{
    static const char failed[] = "not ok"; /* never quiet about that */
    vm->text[vm->text_length] = 0;
    if (vm->text_length && (!vm->quiet || !memcmp(vm->text, failed, sizeof failed - 1)))
        nova_printf("vm%u %s: %s\n", vm->number, vm->guest->name, vm->text);
    vm->text_length = 0;
}

void vm_put(struct vm *vm, char c)
{
    if (c == '\n')
        vm_flush(vm);
    else if (c != '\r') {
        vm->text[vm->text_length++] = c;
        if (vm->text_length == LINE - 1)
            vm_flush(vm);
    }
}

static unsigned cause(const struct uart *uart)
{
    if (uart->interrupts & INTERRUPT_RECEIVED && uart->received_count)
        return ID_RECEIVED;
    return uart->interrupts & INTERRUPT_SENT && uart->transmit_done ? ID_SENT : ID_NONE;
}

static void update(struct vm *vm)
{
    struct uart *uart = &vm->uart;
    pic_line(vm, IRQ_SERIAL, cause(uart) != ID_NONE && (uart->modem & OUT2 || uart->modem & LOOP));
}

void uart_reset(struct vm *vm)
{
    memset(&vm->uart, 0, sizeof vm->uart);
    vm->uart.divisor[0] = 1;
}

static void send(struct vm *vm, uint8_t value)
{
    struct uart *uart = &vm->uart;
    uart->transmit_done = 1; /* as fast as that */
    if (!(uart->modem & LOOP))
        vm_put(vm, (char)value);
    else if (uart->received_count < sizeof uart->received)
        uart->received[(uart->received_first + uart->received_count++) % sizeof uart->received] = value;
}

static uint8_t receive(struct uart *uart)
{
    uint8_t value = uart->received[uart->received_first];
    if (uart->received_count) {
        uart->received_first = (uint8_t)((uart->received_first + 1) % sizeof uart->received);
        uart->received_count--;
    }
    return value;
}

uint8_t uart_read(struct vm *vm, unsigned reg)
{
    struct uart *uart = &vm->uart;
    uint8_t value = 0;
    switch (reg) {
    case DATA: value = uart->line & DIVISOR ? uart->divisor[0] : receive(uart); break;
    case INTERRUPTS: value = uart->line & DIVISOR ? uart->divisor[1] : uart->interrupts; break;
    case IDENTIFICATION:
        value = (uint8_t)(cause(uart) | (uart->fifo & FIFO_ON ? ID_FIFO : 0));
        if ((value & 0xf) == ID_SENT)
            uart->transmit_done = 0;
        break;
    case LINE_CONTROL: value = uart->line; break;
    case MODEM_CONTROL: value = uart->modem; break;
    case LINE_STATUS: value = STATUS_EMPTY | (uart->received_count ? STATUS_DATA : 0); break;
    case MODEM_STATUS: /* in loopback the outputs are the inputs: RTS CTS, DTR DSR, OUT1 RI, OUT2 DCD */
        value = uart->modem & LOOP ? (uint8_t)((uart->modem & 2) << 3 | (uart->modem & 1) << 5 | (uart->modem & 12) << 4) : 0xb0;
        break;
    default: value = uart->scratch;
    }
    update(vm);
    return value;
}

void uart_write(struct vm *vm, unsigned reg, uint8_t value)
{
    struct uart *uart = &vm->uart;
    switch (reg) {
    case DATA:
        if (uart->line & DIVISOR)
            uart->divisor[0] = value;
        else
            send(vm, value);
        break;
    case INTERRUPTS:
        if (uart->line & DIVISOR)
            uart->divisor[1] = value;
        else {
            uart->transmit_done = uart->transmit_done || (value & ~uart->interrupts & INTERRUPT_SENT);
            uart->interrupts = value & 0xf;
        }
        break;
    case IDENTIFICATION:
        uart->fifo = value;
        if (value & FIFO_CLEAR)
            uart->received_count = 0;
        break;
    case LINE_CONTROL: uart->line = value; break;
    case MODEM_CONTROL: uart->modem = value & 0x1f; break;
    case SCRATCH: uart->scratch = value; break;
    }
    update(vm);
}
