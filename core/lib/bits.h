/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Arithmetic on words: alignment, powers of two, and 64-bit division that needs no compiler library on 32-bit ports.
 */
#ifndef CORE_LIB_BITS_H
#define CORE_LIB_BITS_H

#include "hal/types.h"

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

/*
 * What one CPU changes and others look at without a lock. GLANCE for looks that may be a moment old, since whoever makes the change also leaves word: what was seen is
 * not used again. POKE for the change where it is no atomic operation anyway. The compiler may fold them into other instructions, which it does not do with
 * atomic accesses; the thread sanitizer sees those, and reports what is not marked.
 */
#ifdef __SANITIZE_THREAD__
#define GLANCE(place) __atomic_load_n(&(place), __ATOMIC_RELAXED)
#define POKE(place, value) __atomic_store_n(&(place), value, __ATOMIC_RELAXED)
#else
#define GLANCE(place) (place)
#define POKE(place, value) ((place) = (value))
#endif

static inline word word_min(word a, word b) { return a < b ? a : b; }
static inline word word_max(word a, word b) { return a > b ? a : b; }

/* Position of the highest set bit; value is not 0. */
static inline unsigned bit_highest(word value) { return (unsigned)(8 * sizeof(word) - 1) ^ (unsigned)__builtin_clzl(value); }

/* Position of the lowest set bit; value is not 0. */
static inline unsigned bit_lowest(word value) { return (unsigned)__builtin_ctzl(value); }

/* Largest order of a naturally aligned power of two that starts at base and has at most count units; count is not 0. */
static inline unsigned range_order(word base, word count)
{
    unsigned order = bit_highest(count);
    return base && bit_lowest(base) < order ? bit_lowest(base) : order;
}

/* Quotient, and remainder in *rest if it is not null. A 32-bit divisor is what the kernel needs; division by zero is the caller's mistake. */
uint64_t div_u64(uint64_t dividend, uint32_t divisor, uint32_t *rest);

/* value * numerator / denominator without overflow in between as long as the result fits 64 bit. */
uint64_t scale_u64(uint64_t value, uint32_t numerator, uint32_t denominator);

#endif
