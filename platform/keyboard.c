/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Option keyb: the kernel drives the keyboard (Intel 8042). There is not much to say to a microhypervisor: Esc makes it log that it is alive and where its memory
 * is, every other key is read and forgotten. Interrupts go to the boot CPU, so the handler needs no lock.
 */
#include "platform/interrupt.h"

#include "core/lib/log.h"
#include "hal/boot_info.h"
#include "platform/io.h"

enum { DATA = 0x60, STATUS = 0x64, COMMAND = 0x64, STATUS_OUTPUT = 1, STATUS_INPUT = 2 };
enum {
    READ_CONFIG = 0x20,
    WRITE_CONFIG = 0x60,
    KEYBOARD_ON = 0xae,
    CONFIG_INTERRUPT = 1,
    CONFIG_KEYBOARD_OFF = 1 << 4,
    CONFIG_TRANSLATE = 1 << 6
};
enum { KEY_ESCAPE = 0x01, KEYBOARD_IRQ = 1, DRAIN_MAX = 32, PATIENCE = 100000 };

static unsigned keyboard_gsi;
static bool active;

static bool wait(uint8_t bit, bool set)
{
    for (unsigned i = 0; i < PATIENCE; i++)
        if (!(io_read8(STATUS) & bit) != set)
            return true;
    return false;
}

static bool send(uint16_t port, uint8_t value)
{
    bool ready = wait(STATUS_INPUT, false);
    if (ready)
        io_write8(port, value);
    return ready;
}

static void drain(void)
{
    for (unsigned i = 0; i < DRAIN_MAX && io_read8(STATUS) & STATUS_OUTPUT; i++)
        io_read8(DATA);
}

void keyboard_boot(void)
{
    unsigned gsi = isa_gsi(KEYBOARD_IRQ);
    drain();
    bool answers = gsi_has_pin(gsi) && send(COMMAND, READ_CONFIG) && wait(STATUS_OUTPUT, true);
    if (answers) {
        uint8_t config = (uint8_t)((io_read8(DATA) | CONFIG_INTERRUPT | CONFIG_TRANSLATE) & ~CONFIG_KEYBOARD_OFF);
        answers = send(COMMAND, WRITE_CONFIG) && send(DATA, config) && send(COMMAND, KEYBOARD_ON);
    }
    if (!answers) {
        log_line("keyb: there is no keyboard controller that answers; the kernel goes on without");
        return;
    }
    drain();
    uint32_t address, data;
    gsi_route(gsi, boot_info.boot_cpu, -1, &address, &data);
    gsi_reserve(gsi);
    keyboard_gsi = gsi;
    active = true;
}

bool keyboard_interrupt(unsigned gsi)
{
    if (!active || gsi != keyboard_gsi)
        return false;
    for (unsigned i = 0; i < DRAIN_MAX && io_read8(STATUS) & STATUS_OUTPUT; i++)
        if (io_read8(DATA) == KEY_ESCAPE)
            log_line("keyb: the kernel is alive: %u CPUs, kernel memory 0x%llx-0x%llx", boot_info.cpus,
                     (unsigned long long)boot_info.pool_begin, (unsigned long long)boot_info.pool_end);
    return true;
}
