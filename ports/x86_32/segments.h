/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Segment selectors, 32 bit, in the order that SYSENTER and SYSEXIT want (Intel SDM vol. 3, 5.8.7): kernel code, kernel data, user code, user data.
 * DS and ES hold SELECTOR_USER_DATA in the kernel, too, so that a fast return need not load them.
 */
#ifndef PORTS_SEGMENTS_H
#define PORTS_SEGMENTS_H

#define SELECTOR_KERNEL_CODE 0x08
#define SELECTOR_KERNEL_DATA 0x10
#define SELECTOR_USER_CODE 0x1b
#define SELECTOR_USER_DATA 0x23
#define SELECTOR_TSS 0x28
#define SELECTOR_DOUBLE_FAULT 0x30 /* TSS of the task that a double fault switches to */

#endif
