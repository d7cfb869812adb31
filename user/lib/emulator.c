/* SPDX-License-Identifier: MIT */
/*
 * The ports by which emulators let their guest end them: isa-debug-exit where our command lines put it, and Bochs' port 0x8900,
 * which wants a word spelled out.
 */
#include <user/lib/emulator.h>
#include <user/lib/memory.h>
#include <user/lib/x86.h>

enum { QEMU_DEBUG_EXIT = 0xf4, BOCHS_SHUTDOWN = 0x8900 };

void nova_emulator_exit(unsigned char value)
{
    if (!nova_take_ports(QEMU_DEBUG_EXIT, 1))
        nova_outb(QEMU_DEBUG_EXIT, value);
    if (!nova_take_ports(BOCHS_SHUTDOWN, 1))
        for (const char *c = "Shutdown"; *c; c++)
            nova_outb(BOCHS_SHUTDOWN, (uint8_t)*c);
}
