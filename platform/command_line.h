/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kernel's command line: the words of the interface, and kmem=SIZE.
 */
#ifndef PLATFORM_COMMAND_LINE_H
#define PLATFORM_COMMAND_LINE_H

#include "hal/boot_info.h"

/* Sets options from line; unknown words are left to command_line_report, because the consoles depend on options. */
void command_line_parse(const char *line, struct boot_options *options);

/* Names in the log what command_line_parse could not use. */
void command_line_report(const char *line);

#endif
