/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * PCI configuration space through ports 0xcf8 and 0xcfc (PCI Local Bus 3.0, section 3.2.2.3.2), as far as the kernel itself needs it. Boot CPU, during boot.
 */
#ifndef PLATFORM_PCI_H
#define PLATFORM_PCI_H

#include "hal/types.h"

/* Aligned 32-bit register of a function; all ones if there is none. */
uint32_t pci_read(unsigned bus, unsigned device, unsigned function, unsigned reg);
void pci_write(unsigned bus, unsigned device, unsigned function, unsigned reg, uint32_t value);

/* I/O port of the first 16550-compatible serial card, its decoding switched on; 0 = there is none. */
uint16_t pci_serial_port(void);

#endif
