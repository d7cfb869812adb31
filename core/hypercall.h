/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The sixteen hypercalls (abi.md section 6). Each handler checks everything and then does what cannot fail; it returns a status, or OUTCOME_NONE when the frame's
 * ARG_1 is not to be written. Arguments are frame->arg[0..4].
 */
#ifndef CORE_HYPERCALL_H
#define CORE_HYPERCALL_H

#include "core/interrupt.h"
#include "core/ipc.h"

typedef unsigned (*hypercall_handler)(struct cpu *cpu, struct ec *ec, word *arg);

unsigned hypercall_create_pd(struct cpu *cpu, struct ec *ec, word *arg);
unsigned hypercall_create_ec(struct cpu *cpu, struct ec *ec, word *arg);
unsigned hypercall_create_sc(struct cpu *cpu, struct ec *ec, word *arg);
unsigned hypercall_create_pt(struct cpu *cpu, struct ec *ec, word *arg);
unsigned hypercall_create_sm(struct cpu *cpu, struct ec *ec, word *arg);
unsigned hypercall_revoke(struct cpu *cpu, struct ec *ec, word *arg);
unsigned hypercall_misc(struct cpu *cpu, struct ec *ec, word *arg);
unsigned hypercall_pd_ctrl(struct cpu *cpu, struct ec *ec, word *arg);
unsigned hypercall_ec_ctrl(struct cpu *cpu, struct ec *ec, word *arg);
unsigned hypercall_sc_ctrl(struct cpu *cpu, struct ec *ec, word *arg);
unsigned hypercall_pt_ctrl(struct cpu *cpu, struct ec *ec, word *arg);
unsigned hypercall_sm_ctrl(struct cpu *cpu, struct ec *ec, word *arg);
unsigned hypercall_assign_pci(struct cpu *cpu, struct ec *ec, word *arg);
unsigned hypercall_assign_gsi(struct cpu *cpu, struct ec *ec, word *arg);

static inline unsigned arg_flags(const word *arg) { return arg[0] >> 4 & 15; }
static inline word arg_selector(const word *arg) { return arg[0] >> 8; }

/* What a selector of the caller names, if it is of this type with these permissions; 0 otherwise. */
#define FIND(kind, ec, selector, permissions)                                                                                      \
    ((struct kind *)find_object(ec, selector, &kind##_type, permissions, offsetof(struct kind, object)))

static inline void *find_object(const struct ec *ec, word selector, const struct object_type *type, unsigned permissions,
                                size_t offset)
{
    struct object *object = object_space_find(&ec->pd->spaces.objects, selector, type, permissions);
    return object ? (char *)object - offset : 0;
}

/* By number. */
extern const hypercall_handler hypercall_handlers[NOVA_HYPERCALLS];

/* Writes the status; an exhausted account of the caller's own goes to its OOM portal instead, where abi.md section 9 says so. */
void hypercall_finish(struct cpu *cpu, struct ec *ec, unsigned outcome);

/* Executes what is in the current EC's frame. */
void hypercall_execute(struct cpu *cpu, struct ec *ec);

#endif
