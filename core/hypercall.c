/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Decoding by table. call and reply are here, the others in create.c, control.c and resources.c.
 */
#include "core/hypercall.h"
#include "core/oom.h"

static unsigned hypercall_call(struct cpu *cpu, struct ec *ec, word *arg)
{
    struct capability cap = object_space_lookup(&ec->pd->spaces.objects, arg_selector(arg));
    if (!cap.object || !object_is(cap.object, &portal_type) || !(cap.permissions & NOVA_PT_CALL_PERM))
        return NOVA_BAD_CAP;
    struct portal *portal = CONTAINER(cap.object, struct portal, object);
    if (portal->ec->cpu != cpu && !(cap.permissions & NOVA_PT_CROSS_CPU_PERM))
        return NOVA_BAD_CPU;
    return ipc_call(cpu, ec, portal, arg_flags(arg) & NOVA_CALL_NOBLOCK);
}

static unsigned hypercall_reply(struct cpu *cpu, struct ec *ec, word *arg)
{
    word selector = arg_selector(arg);
    struct semaphore *semaphore = selector ? FIND(semaphore, ec, selector, NOVA_SM_DOWN_PERM) : 0;
    if (semaphore && GLANCE(semaphore->queue.kind) == SEMAPHORE_SIGNAL)
        semaphore = 0; /* nobody can wait for one: as any selector that is no good here */
    ipc_reply(cpu, ec, semaphore);
    return OUTCOME_NONE;
}

const hypercall_handler hypercall_handlers[NOVA_HYPERCALLS] = {
    [NOVA_CALL] = hypercall_call,           [NOVA_REPLY] = hypercall_reply,           [NOVA_CREATE_PD] = hypercall_create_pd,
    [NOVA_CREATE_EC] = hypercall_create_ec, [NOVA_CREATE_SC] = hypercall_create_sc,   [NOVA_CREATE_PT] = hypercall_create_pt,
    [NOVA_CREATE_SM] = hypercall_create_sm, [NOVA_REVOKE] = hypercall_revoke,         [NOVA_MISC] = hypercall_misc,
    [NOVA_EC_CTRL] = hypercall_ec_ctrl,     [NOVA_SC_CTRL] = hypercall_sc_ctrl,       [NOVA_PT_CTRL] = hypercall_pt_ctrl,
    [NOVA_SM_CTRL] = hypercall_sm_ctrl,     [NOVA_ASSIGN_PCI] = hypercall_assign_pci, [NOVA_ASSIGN_GSI] = hypercall_assign_gsi,
    [NOVA_PD_CTRL] = hypercall_pd_ctrl,
};

void hypercall_finish(struct cpu *cpu, struct ec *ec, unsigned outcome)
{
    if (outcome == OUTCOME_NONE)
        return; /* it may be somebody else's already */
    unsigned number = ec->frame.arg[0] & (NOVA_HYPERCALLS - 1);
    /* The creating ones and misc leave it to the caller to add quota and try again; call has told the callee's portal already. */
    bool told = outcome == NOVA_QUO_OOM && (number == NOVA_REVOKE || number > NOVA_MISC) && oom_call(cpu, ec, ec, OOM_CALL);
    if (!told)
        ec->frame.arg[0] = outcome;
}

void hypercall_execute(struct cpu *cpu, struct ec *ec)
{
    word *arg = ec->frame.arg;
    hypercall_finish(cpu, ec, hypercall_handlers[arg[0] & (NOVA_HYPERCALLS - 1)](cpu, ec, arg));
}
