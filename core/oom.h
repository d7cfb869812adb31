/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Out-of-memory portals (abi.md section 9): when an account runs short in the middle of a hypercall, somebody is told by a call without a message, and the hypercall
 * is repeated from its start when that handler replies.
 */
#ifndef CORE_OOM_H
#define CORE_OOM_H

#include "core/remote.h"

enum oom_reason {
    OOM_CALL = 1,  /* of ec's own account, or of the callee's for the items of ec's call */
    OOM_REPLY = 2, /* of the receiver's account for the items of ec's reply */
    OOM_SELF = 4   /* added when the handler is the replying EC itself */
};

/*
 * ec, the current EC, cannot go on because receiver's account is exhausted: calls receiver's OOM portal for it. False = it has none, or the handler died: the
 * hypercall ends with NOVA_QUO_OOM. True: ec's frame is not to be touched.
 */
bool oom_call(struct cpu *cpu, struct ec *ec, struct ec *receiver, enum oom_reason reason);

#endif
