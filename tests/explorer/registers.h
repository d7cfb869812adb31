/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the registers of guests have to be.
 */
#ifndef TESTS_REGISTERS_H
#define TESTS_REGISTERS_H

#include "explorer.h"

struct shadow {
    struct frame frame;
    uint8_t fpu;
    bool known;
    unsigned answers; /* to A and B */
    word mtd[3];      /* of the portals: A, B, recall */
    struct nova_state state;
};

/* Any bits but that of the clock. */
word random_mtd(void);

/* In the guest's program: it does something with all of its registers; they are what they have to be. */
void registers_change(struct shadow *s);
void registers_check(struct shadow *s);

/* In the handler's: what has been delivered is right; what is about to be written back (ip: as before). */
void state_check(const struct shadow *s, unsigned event, word mtd);
void state_change(struct shadow *s, struct nova_state *state, word ip);

#endif
