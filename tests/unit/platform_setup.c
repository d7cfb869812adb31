/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the tests of the platform need of main.c: each begins with an empty machine.
 */
#include "unit.h"

#include "platform_machine.h"

const char unit_prefix[] = "platform_";

void unit_begin(void) { machine_reset(); }

const char *unit_log(void) { return machine_log(); }
