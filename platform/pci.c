/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Looks for a PCI serial card on all buses. Numbers of registers and bits: PCI Local Bus Specification 3.0, chapter 6.
 */
#include "platform/pci.h"

#include "platform/io.h"

enum { ADDRESS = 0xcf8, DATA = 0xcfc, BUSES = 256, DEVICES = 32, FUNCTIONS = 8, BARS = 6 };
enum { REG_ID = 0x00, REG_COMMAND = 0x04, REG_CLASS = 0x08, REG_HEADER = 0x0c, REG_BAR = 0x10 };
enum {
    COMMAND_IO = 1,
    MULTI_FUNCTION = 0x800000,
    BAR_IO = 1,
    HEADER_TYPE = 0x7f0000,
    CLASS_SERIAL = 0x0700,
    INTERFACE_LAST_16550 = 0x06,
    INTERFACE_16450 = 0x01
};

static void select(unsigned bus, unsigned device, unsigned function, unsigned reg)
{
    io_write32(ADDRESS, 0x80000000u | bus << 16 | device << 11 | function << 8 | (reg & 0xfc));
}

uint32_t pci_read(unsigned bus, unsigned device, unsigned function, unsigned reg)
{
    select(bus, device, function, reg);
    return io_read32(DATA);
}

void pci_write(unsigned bus, unsigned device, unsigned function, unsigned reg, uint32_t value)
{
    select(bus, device, function, reg);
    io_write32(DATA, value);
}

/* The first I/O range of a serial controller; MMIO ones are not driven. */
static uint16_t serial_port(unsigned bus, unsigned device, unsigned function)
{
    uint32_t class = pci_read(bus, device, function, REG_CLASS);
    unsigned interface = class >> 8 & 0xff;
    if (class >> 16 != CLASS_SERIAL || interface < INTERFACE_16450 || interface > INTERFACE_LAST_16550)
        return 0;
    if (pci_read(bus, device, function, REG_HEADER) & HEADER_TYPE)
        return 0;
    for (unsigned i = 0; i < BARS; i++) {
        uint32_t bar = pci_read(bus, device, function, REG_BAR + 4 * i);
        if (!(bar & BAR_IO) || bar >> 16 || !(bar & 0xfff8))
            continue;
        /* The upper half is the status register: writing zeros leaves it alone. */
        uint32_t command = pci_read(bus, device, function, REG_COMMAND) & 0xffff;
        pci_write(bus, device, function, REG_COMMAND, command | COMMAND_IO);
        return bar & 0xfff8;
    }
    return 0;
}

uint16_t pci_serial_port(void)
{
    for (unsigned bus = 0; bus < BUSES; bus++)
        for (unsigned device = 0; device < DEVICES; device++) {
            if (pci_read(bus, device, 0, REG_ID) == 0xffffffff)
                continue;
            unsigned functions = pci_read(bus, device, 0, REG_HEADER) & MULTI_FUNCTION ? FUNCTIONS : 1;
            for (unsigned function = 0; function < functions; function++) {
                uint16_t port = pci_read(bus, device, function, REG_ID) == 0xffffffff ? 0 : serial_port(bus, device, function);
                if (port)
                    return port;
            }
        }
    return 0;
}
