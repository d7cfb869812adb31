/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Little-endian fields at any address: what boot loader and firmware hand over need not be aligned.
 */
#ifndef PLATFORM_BYTES_H
#define PLATFORM_BYTES_H

#include "hal/types.h"

static inline uint16_t bytes_u16(const void *place)
{
    uint16_t value;
    __builtin_memcpy(&value, place, sizeof value);
    return value;
}

static inline uint32_t bytes_u32(const void *place)
{
    uint32_t value;
    __builtin_memcpy(&value, place, sizeof value);
    return value;
}

static inline uint64_t bytes_u64(const void *place)
{
    uint64_t value;
    __builtin_memcpy(&value, place, sizeof value);
    return value;
}

/* Sum of all bytes: 0 for a structure with a valid ACPI checksum. */
static inline uint8_t bytes_sum(const uint8_t *place, size_t length)
{
    uint8_t sum = 0;
    while (length--)
        sum = (uint8_t)(sum + *place++);
    return sum;
}

static inline paddr_t align_up(paddr_t value, paddr_t alignment) { return (value + alignment - 1) & ~(alignment - 1); }

static inline paddr_t align_down(paddr_t value, paddr_t alignment) { return value & ~(alignment - 1); }

#endif
