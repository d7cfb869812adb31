/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Time of the devices: the host's time stamp counter and the clock of the 8254, converted by multiplication with factors of 32 fractional bits. Division is written out, as
 * 32-bit code has no library for it.
 */
#include "devices.h"

enum { TICKS_PER_SECOND = 1193182 };

static uint64_t ticks_per_tsc, tsc_per_tick;

uint64_t divide(uint64_t value, uint32_t divisor, uint32_t *remainder)
{
    uint64_t quotient = 0, rest = 0;
    for (int bit = 63; bit >= 0; bit--) {
        rest = rest << 1 | (value >> bit & 1);
        if (rest >= divisor) {
            rest -= divisor;
            quotient |= (uint64_t)1 << bit;
        }
    }
    if (remainder)
        *remainder = (uint32_t)rest;
    return quotient;
}

static uint64_t scale(uint64_t value, uint64_t factor)
{
    uint64_t high = value >> 32, low = (uint32_t)value;
    return high * factor + low * (factor >> 32) + (low * (uint32_t)factor >> 32);
}

void time_init(uint32_t tsc_khz)
{
    uint32_t rest;
    uint64_t whole;
    /* 1193182 / (khz * 1000) = 596591 / (khz * 500), which keeps the divisor below 2^32 up to 8 GHz */
    ticks_per_tsc = divide((uint64_t)(TICKS_PER_SECOND / 2) << 32, tsc_khz < 8000000 ? tsc_khz * 500 : 4000000000u, 0);
    whole = divide((uint64_t)tsc_khz * 1000, TICKS_PER_SECOND, &rest);
    tsc_per_tick = whole << 32 | divide((uint64_t)rest << 32, TICKS_PER_SECOND, 0);
}

uint64_t ticks_of(uint64_t tsc) { return scale(tsc, ticks_per_tsc); }

uint64_t tsc_of(uint64_t ticks) { return scale(ticks, tsc_per_tick); }
