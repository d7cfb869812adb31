/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What kernel_reply does when the caller is a virtual CPU.
 */
#ifndef CORE_FAST_EVENT_H
#define CORE_FAST_EVENT_H

#include "core/ec.h"

/* The current EC replies to a virtual CPU. Result as that of kernel_reply. */
struct frame *fast_event_reply(struct cpu *cpu);

#endif
