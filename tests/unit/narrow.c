/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * 64-bit division as 32-bit ports do it: core/lib/bits.c once more, with a word of 32 bits.
 */
#include "unit.h"
#include "tests/dice.h"

#include "core/lib/bits.h"

uint64_t narrow_div_u64(uint64_t dividend, uint32_t divisor, uint32_t *rest);
uint64_t narrow_scale_u64(uint64_t value, uint32_t numerator, uint32_t denominator);

#define word uint32_t
#define div_u64 narrow_div_u64
#define scale_u64 narrow_scale_u64
#include "core/lib/bits.c"
#undef word
#undef div_u64
#undef scale_u64

TEST(division_out_of_steps)
{
    uint64_t state = 1;
    for (unsigned i = 0; i < 100000; i++) {
        dice_next(&state);
        uint64_t dividend = (state ^ state >> 29) >> (state >> 58), expected = dividend;
        uint32_t divisor = (uint32_t)(state >> 20) >> (state >> 53 & 31), rest;
        divisor += !divisor;
        CHECK_EQ(narrow_div_u64(dividend, divisor, &rest), expected / divisor);
        CHECK_EQ(rest, expected % divisor);
        unsigned __int128 scaled = (unsigned __int128)dividend * (divisor ^ 0x5555) / divisor;
        if (!(scaled >> 64))
            CHECK_EQ(narrow_scale_u64(dividend, divisor ^ 0x5555, divisor), (uint64_t)scaled);
    }
    uint32_t rest;
    CHECK_EQ(narrow_div_u64(~0ull, 0xffffffff, &rest), 0x100000001);
    CHECK_EQ(rest, 0);
    CHECK_EQ(narrow_div_u64(~0ull, 1, 0), ~0ull);
}
