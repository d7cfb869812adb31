/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Segment selectors, 64 bit (Intel SDM vol. 3, 5.8.8: SYSRET takes its SS from STAR[63:48] + 8 and its CS from STAR[63:48] + 16). There is no
 * 32-bit code segment for user mode: every user thread is 64 bit.
 */
#ifndef PORTS_SEGMENTS_H
#define PORTS_SEGMENTS_H

#define SELECTOR_KERNEL_CODE 0x08
#define SELECTOR_KERNEL_DATA 0x10
#define SELECTOR_SYSRET 0x1b /* STAR[63:48]; the descriptor itself is empty */
#define SELECTOR_USER_DATA 0x23
#define SELECTOR_USER_CODE 0x2b
#define SELECTOR_TSS 0x30 /* two entries */

#endif
