/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory types of physical memory as the firmware has set them in the MTRRs: guests get them through EPT, which replaces the MTRRs for them, and a large page
 * must not cover more than one of them.
 * Intel SDM vol. 3, 11.11. Read once on the boot CPU; all CPUs have the same.
 */
#ifndef PORTS_X86_MTRR_H
#define PORTS_X86_MTRR_H

#include "hal/types.h"

enum { MTRR_UC = 0, MTRR_WC = 1, MTRR_WT = 4, MTRR_WP = 5, MTRR_WB = 6 };

/* Boot CPU, before core maps anything for user mode. */
void mtrr_boot(void);

/* Type of a page frame. */
unsigned mtrr_type(uint64_t frame);

/* False if the frames may have different types (SDM vol. 3, 11.11.9: what a large page over them does is undefined). */
bool mtrr_uniform(word frame, word count);

#endif
