/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The tables of scenarios, one for each file of them; each ends with an entry without a name. And words that they share.
 */
#ifndef TESTS_SCENARIOS_H
#define TESTS_SCENARIOS_H

#include "explorer.h"

extern const struct scenario calls_scenarios[], semaphores_scenarios[], rights_scenarios[], lives_scenarios[], guests_scenarios[],
    moves_scenarios[];

/* A CPU; a time that comes soon. */
static inline unsigned anywhere(void) { return choose(boot_info.cpus); }
static inline uint64_t soon(void) { return machine_time() + 1 + choose(3000); }

#endif
