/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * 64-bit division out of 32-bit steps: 32-bit ports have no compiler library to call.
 */
#include "core/lib/bits.h"

uint64_t div_u64(uint64_t dividend, uint32_t divisor, uint32_t *rest)
{
    uint64_t quotient = 0, remainder = 0;
    if (sizeof(word) == 8 || dividend >> 32 == 0) {
        /* The machine divides a word: no library call. */
        word wide = (word)dividend;
        if (rest)
            *rest = (uint32_t)(wide % divisor);
        return wide / divisor;
    }
    for (int bit = 63; bit >= 0; bit--) {
        remainder = remainder << 1 | (dividend >> bit & 1);
        if (remainder >= divisor) {
            remainder -= divisor;
            quotient |= (uint64_t)1 << bit;
        }
    }
    if (rest)
        *rest = (uint32_t)remainder;
    return quotient;
}

uint64_t scale_u64(uint64_t value, uint32_t numerator, uint32_t denominator)
{
    /* value = high * 2^32 + low; the remainder of the high part goes into the low one. */
    uint64_t high = (value >> 32) * numerator, low = (value & 0xffffffff) * numerator;
    high += low >> 32;
    low &= 0xffffffff;
    uint32_t rest;
    uint64_t upper = div_u64(high, denominator, &rest);
    return (upper << 32) + div_u64((uint64_t)rest << 32 | low, denominator, 0);
}
