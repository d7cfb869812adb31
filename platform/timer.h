/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Takes the PM timer over from the ACPI tables; the rest is in platform.h.
 */
#ifndef PLATFORM_TIMER_H
#define PLATFORM_TIMER_H

void timer_boot(void);

#endif
