/* SPDX-License-Identifier: MIT */
/*
 * The program as a whole: what start.S hands over, and the selector allocator. A program supplies nova_main; there is one per
 * program, and it runs on the root EC, priority 1, on the boot CPU.
 */
#ifndef NOVA_LIB_TASK_H
#define NOVA_LIB_TASK_H

#include <nova/hip.h>
#include <user/lib/thread.h>

/* The program's entry. When it returns, the root EC sleeps for good. */
void nova_main(const struct nova_hip *hip, unsigned cpu);

extern const struct nova_hip *nova_hip; /* as given to nova_main */
extern nova_word nova_pd;               /* selector of the program's own protection domain */

/* First of `count` selectors that were never given out before, a multiple of `align` (a power of two). Any thread may ask. */
nova_word nova_selectors(nova_word count, nova_word align);

/* start.S */
__attribute__((noreturn)) void nova_start(unsigned long cpu, const struct nova_hip *hip);

/* First and last addresses of the program's image (link.ld). */
extern char nova_image_start[], nova_text_end[], nova_rodata_end[], nova_image_end[];

#endif
