/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * 16550 UART (National Semiconductor PC16550D), 115200 8N1, output only, polled. User space may drive the same port at the same time: characters are dropped
 * rather than waited for without end.
 */
#include "platform/console.h"

#include "hal/cpu.h"
#include "hal/physical.h"
#include "platform/bytes.h"
#include "platform/io.h"
#include "platform/pci.h"

enum { DATA = 0, INTERRUPTS = 1, FIFO = 2, LINE = 3, MODEM = 4, STATUS = 5, SCRATCH = 7 };
enum { LINE_8N1 = 0x03, LINE_DIVISOR = 0x80, FIFO_ON = 0x07, MODEM_DTR_RTS = 0x03, STATUS_EMPTY = 0x20 };
/* One character takes 87 us; a port read at least 0.1 us, so this is more than a full FIFO takes. */
enum { PATIENCE = 30000, DIVISOR_115200 = 1, STANDARD_PORT = 0x3f8, BIOS_PORTS = 0x400, BIOS_PORT_COUNT = 4, PORT_LEAST = 0x100 };

static uint16_t base;
static bool stuck;

/* A UART keeps what is written to its scratch register; a missing one floats. */
static bool answers(uint16_t port)
{
    static const uint8_t patterns[] = {0x5a, 0xa5};
    bool good = true;
    uint8_t before = io_read8(port + SCRATCH);
    for (size_t i = 0; i < sizeof patterns; i++) {
        io_write8(port + SCRATCH, patterns[i]);
        good &= io_read8(port + SCRATCH) == patterns[i];
    }
    io_write8(port + SCRATCH, before);
    return good && io_read8(port + STATUS) != 0xff;
}

static uint16_t find(bool only_standard)
{
    if (only_standard)
        return answers(STANDARD_PORT) ? STANDARD_PORT : 0;
    const uint8_t *bios = physical_window(2, BIOS_PORTS, BIOS_PORT_COUNT * sizeof(uint16_t));
    for (unsigned i = 0; bios && i < BIOS_PORT_COUNT; i++) {
        uint16_t port = bytes_u16(bios + i * sizeof(uint16_t));
        if (port >= PORT_LEAST && port <= 0xfff8 && answers(port))
            return port;
    }
    if (answers(STANDARD_PORT))
        return STANDARD_PORT;
    uint16_t port = pci_serial_port();
    return port && answers(port) ? port : 0;
}

bool serial_start(bool only_standard_port)
{
    base = find(only_standard_port);
    if (!base)
        return false;
    io_write8(base + INTERRUPTS, 0);
    io_write8(base + LINE, LINE_DIVISOR);
    io_write8(base + DATA, DIVISOR_115200);
    io_write8(base + INTERRUPTS, 0);
    io_write8(base + LINE, LINE_8N1);
    io_write8(base + FIFO, FIFO_ON);
    io_write8(base + MODEM, MODEM_DTR_RTS);
    return true;
}

static void put(uint8_t c)
{
    unsigned tries = stuck ? 1 : PATIENCE;
    while (!(io_read8(base + STATUS) & STATUS_EMPTY))
        if (!--tries) {
            stuck = true;
            return;
        } else {
            cpu_pause();
        }
    stuck = false;
    io_write8(base + DATA, c);
}

void serial_write(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '\n')
            put('\r');
        put((uint8_t)text[i]);
    }
}
