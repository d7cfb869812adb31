/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Clocks of known frequency to measure the CPU's against: the ACPI PM timer (ACPI Specification 6.4, section 4.8.3.3) and channel 2 of the PIT (Intel 8254).
 */
#include "platform/platform.h"

#include "hal/cpu.h"
#include "hal/physical.h"
#include "platform/acpi.h"
#include "platform/io.h"
#include "platform/timer.h"

enum { PIT_CHANNEL_2 = 0x42, PIT_COMMAND = 0x43, SPEAKER = 0x61, SPEAKER_GATE = 1, SPEAKER_DATA = 2, SPEAKER_OUT = 0x20 };
/* Channel 2, both bytes, mode 0: the output rises at the end. */
enum { PIT_COUNT_DOWN = 0xb0, PATIENCE = 2000000 };

static const volatile uint8_t *timer_registers;
static uint16_t timer_port;
static uint32_t timer_mask;

void timer_boot(void)
{
    const struct acpi_register *timer = &acpi_machine.pm_timer;
    timer_registers = 0;
    timer_port = 0;
    timer_mask = acpi_machine.pm_timer_wide ? UINT32_MAX : 0xffffff;
    if (!timer->address)
        return;
    if (timer->space == 1)
        timer_port = (uint16_t)timer->address;
    else
        timer_registers = physical_device(timer->address, sizeof(uint32_t), MEMORY_UNCACHED);
}

bool pm_timer_present(void) { return timer_port || timer_registers; }

uint32_t pm_timer_read(void) { return (timer_port ? io_read32(timer_port) : mmio_read32(timer_registers)) & timer_mask; }

uint32_t pm_timer_elapsed(uint32_t from, uint32_t to) { return (to - from) & timer_mask; }

bool pit_wait(uint16_t ticks)
{
    uint8_t speaker = io_read8(SPEAKER);
    io_write8(SPEAKER, (uint8_t)((speaker & ~SPEAKER_DATA) | SPEAKER_GATE));
    io_write8(PIT_COMMAND, PIT_COUNT_DOWN);
    io_write8(PIT_CHANNEL_2, (uint8_t)ticks);
    io_write8(PIT_CHANNEL_2, (uint8_t)(ticks >> 8));
    unsigned tries = PATIENCE;
    while (!(io_read8(SPEAKER) & SPEAKER_OUT) && --tries)
        cpu_pause();
    io_write8(SPEAKER, speaker);
    return tries;
}
