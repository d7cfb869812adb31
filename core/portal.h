/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Portal: an entry point into a local EC. Read-only after creation, but for its id.
 */
#ifndef CORE_PORTAL_H
#define CORE_PORTAL_H

#include "core/ec.h"

struct portal {
    struct object object;
    struct ec *ec; /* a reference */
    word ip, id;
    uint32_t mtd;
};

extern const struct object_type portal_type;

/* 0 = payer's account is exhausted. */
struct portal *portal_create(struct pd *payer, struct ec *ec, word mtd, word ip);

#endif
