/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The smallest root task that shows life: one line on the console, then it leaves the emulator. For harness cases that are about
 * getting as far as a root task at all, and for pulling the boot apart by hand.
 */
#include <user/lib/console.h>
#include <user/lib/emulator.h>
#include <user/lib/task.h>

void nova_main(const struct nova_hip *hip, unsigned cpu)
{
    nova_console_init();
    nova_printf("\nNOVA-C hello: %u bit, CPU %u, API %u\n", NOVA_WORD_BITS, cpu, hip->api_version);
    nova_emulator_exit(0x10);
}
