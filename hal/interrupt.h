/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Device interrupts (GSIs) as core sees them. Pins are I/O APIC inputs; a GSI without a pin can only be an MSI.
 * The port acknowledges the local interrupt controller itself before it calls kernel_gsi. Locks: the platform's own, per controller.
 */
#ifndef HAL_INTERRUPT_H
#define HAL_INTERRUPT_H

#include "hal/types.h"

/* Number of GSIs that interrupt semaphores are made for; at least 1, fixed after boot (HIP.sel_gsi). */
unsigned gsi_count(void);

/* gsi has an I/O APIC pin. */
bool gsi_has_pin(unsigned gsi);

/*
 * Routes a pin to a CPU and unmasks it. mode: -1 = keep, otherwise bit 0 low active, bit 1 level triggered (NOVA_GSI_LOW, NOVA_GSI_LEVEL).
 * For a GSI without pin only its vector is prepared; *msi_address and *msi_data get what the device has to write (0 and 0 for a pin).
 */
void gsi_route(unsigned gsi, unsigned cpu, int mode, uint32_t *msi_address, uint32_t *msi_data);

/* Masks or unmasks a pin; no effect on a GSI without one. gsi_is_level: it is level triggered now, so core masks it until the next down. */
void gsi_mask(unsigned gsi, bool masked);
bool gsi_is_level(unsigned gsi);

#endif
