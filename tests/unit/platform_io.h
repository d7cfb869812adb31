/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Stands in for platform/io.h when the platform is built for tests: the same functions, but they ask the test's machine.
 */
#ifndef PLATFORM_IO_H
#define PLATFORM_IO_H

#include "hal/types.h"

uint32_t test_port_read(uint16_t port, unsigned size);
void test_port_write(uint16_t port, unsigned size, uint32_t value);
uint32_t mmio_read32(const volatile void *address);
void mmio_write32(volatile void *address, uint32_t value);

static inline uint8_t io_read8(uint16_t port) { return (uint8_t)test_port_read(port, 1); }
static inline uint16_t io_read16(uint16_t port) { return (uint16_t)test_port_read(port, 2); }
static inline uint32_t io_read32(uint16_t port) { return test_port_read(port, 4); }
static inline void io_write8(uint16_t port, uint8_t value) { test_port_write(port, 1, value); }
static inline void io_write16(uint16_t port, uint16_t value) { test_port_write(port, 2, value); }
static inline void io_write32(uint16_t port, uint32_t value) { test_port_write(port, 4, value); }

#endif
