/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Port I/O and memory-mapped registers: the only place in platform with machine instructions.
 */
#ifndef PLATFORM_IO_H
#define PLATFORM_IO_H

#include "hal/types.h"

static inline uint8_t io_read8(uint16_t port)
{
    uint8_t value;
    asm volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

static inline uint16_t io_read16(uint16_t port)
{
    uint16_t value;
    asm volatile("inw %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

static inline uint32_t io_read32(uint16_t port)
{
    uint32_t value;
    asm volatile("inl %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

static inline void io_write8(uint16_t port, uint8_t value) { asm volatile("outb %0, %1" : : "a"(value), "Nd"(port)); }

static inline void io_write16(uint16_t port, uint16_t value) { asm volatile("outw %0, %1" : : "a"(value), "Nd"(port)); }

static inline void io_write32(uint16_t port, uint32_t value) { asm volatile("outl %0, %1" : : "a"(value), "Nd"(port)); }

static inline uint32_t mmio_read32(const volatile void *address) { return *(const volatile uint32_t *)address; }

static inline void mmio_write32(volatile void *address, uint32_t value) { *(volatile uint32_t *)address = value; }

#endif
