/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Events (abi.md section 5): what an EC cannot go on with becomes a call of the portal at its event base plus number.
 */
#ifndef CORE_EVENT_H
#define CORE_EVENT_H

#include "core/ipc.h"

/* Makes the EC deliver an event before it runs user code again. */
static inline void event_raise(struct ec *ec, unsigned event, word error, word address)
{
    ec->todo = TODO_EVENT;
    ec->event = event;
    ec->event_error = error;
    ec->event_address = address;
}

/* Delivers ec->event of the current EC: enters the portal, helps if its EC is busy (the event stays to be done), or kills the EC. */
void event_deliver(struct cpu *cpu, struct ec *ec);

#endif
