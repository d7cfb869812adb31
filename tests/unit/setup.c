/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the unit tests of core need of main.c: a machine that stops ends the test.
 */
#include "unit.h"

#include "hosted.h"

const char unit_prefix[] = "";

static void stopped(void) { unit_stopped(); }

void unit_begin(void) { machine_stop_hook = stopped; }

const char *unit_log(void) { return machine_log(); }
