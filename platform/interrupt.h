/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Interrupt controllers and the one device of them that the kernel drives itself, as platform sees them. hal/interrupt.h is what core sees.
 */
#ifndef PLATFORM_INTERRUPT_H
#define PLATFORM_INTERRUPT_H

#include "hal/interrupt.h"

/* 8259A: both get vectors out of the way and are masked for good. */
void pic_boot(void);

/* Maps the I/O APICs of the MADT, hides them from root, masks all pins and notes trigger and polarity that ACPI gives them. */
void io_apic_boot(void);

/* GSI of an ISA interrupt, after overrides. */
unsigned isa_gsi(unsigned source);

/* From now on gsi is the kernel's: core's gsi_route and gsi_mask leave it alone. */
void gsi_reserve(unsigned gsi);

/* 8042 keyboard (option keyb): interrupt to the boot CPU. keyboard_interrupt: gsi was the keyboard's and is done with. */
void keyboard_boot(void);
bool keyboard_interrupt(unsigned gsi);

#endif
