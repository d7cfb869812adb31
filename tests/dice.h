/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Numbers that look random and are the same in each run: one step of a linear congruential generator, whose upper bits are the good ones.
 */
#ifndef TESTS_DICE_H
#define TESTS_DICE_H

#include <stdint.h>

static inline uint64_t dice_next(uint64_t *state) { return *state = *state * 6364136223846793005u + 1442695040888963407u; }

/* A number below the limit. */
static inline unsigned dice(uint64_t *state, unsigned limit) { return (unsigned)(dice_next(state) >> 33) % limit; }

#endif
