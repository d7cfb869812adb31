/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ec_ctrl 6 and 7, and what can go wrong when virtual CPUs are created.
 */
#include "vcpu.h"

/* hlt; mov bx,4444h; hlt; [5] mov bx,5555h; hlt */
static const uint8_t code[] = {0xf4, 0xbb, 0x44, 0x44, 0xf4, 0xbb, 0x55, 0x55, 0xf4};
static nova_word alarm;

static void action(unsigned event, struct nova_utcb *utcb)
{
    struct nova_state *s = &utcb->state;
    if (event == NOVA_VM_STARTUP)
        state_real_mode(s);
    else if (event == EVENT_HLT && event_count[EVENT_HLT] == 1) {
        state_skip(s, 1);
        nova_sm_up(alarm + 1);
        nova_reply(alarm);
    } else if (event == EVENT_HLT)
        guest_done();
}

void test_control(void)
{
    struct nova_utcb *utcb = (struct nova_utcb *)NOVA_ROOT_UTCB_ADDRESS;
    nova_word other = nova_selectors(4, 4);
    alarm = nova_selectors(2, 2);
    nova_create_sm(alarm, nova_pd, 0);
    nova_create_sm(alarm + 1, nova_pd, 0);
    guest_start(code, sizeof code, action);
    nova_sm_down(alarm + 1, 0, 0);
    memset(&utcb->state, 0x5a, sizeof utcb->state);
    check("get state", nova_ec_get_state(vm_ec, NOVA_MTD_IP | NOVA_MTD_GPR_ACDB | NOVA_MTD_CR), 0);
    check("get state: ip", utcb->state.ip, CODE + 1);
    check("get state: cr0", utcb->state.cr0, REAL_CR0);
    check("get state: exit_reason", utcb->state.exit_reason, NOVA_VM_RECALL);
    check("get state: what was not asked for", utcb->state.si & 0xff, 0x5a);
    utcb->state.ip = CODE + 5;
    utcb->state.mtd = NOVA_MTD_IP;
    check("set state", nova_ec_set_state(vm_ec, 0), 0);
    nova_sm_up(alarm);
    guest_wait("get and set state");
    check("set state: the guest goes on there", last_state.bx, 0x5555);
    check("set state: no recall", event_count[NOVA_VM_RECALL], 0);
    check("state of what is no virtual CPU", nova_ec_get_state(nova_hip->sel_exc + NOVA_ROOT_EC, 0), NOVA_BAD_CAP);
    check("a virtual CPU on a CPU that is not there", nova_create_ec(other, nova_pd, 4000, 0, 0, 0, NOVA_EC_GLOBAL), NOVA_BAD_CPU);
    check("a local EC without UTCB", nova_create_ec(other, nova_pd, test_cpu, 0, 0, 0, 0), NOVA_BAD_PAR);
    guest_end();
    /* Nobody to tell: the virtual CPU is killed with a line in the log. */
    check("a virtual CPU without portals", nova_create_ec(other, nova_pd, test_cpu, 0, 0, nova_selectors(256, 256), NOVA_EC_GLOBAL),
          0);
    check("... with time", nova_create_sc(other + 2, nova_pd, other, nova_qpd(2, 10000)), 0);
    check("... goes", nova_revoke(nova_crd(NOVA_CRD_OBJ, other, 2, NOVA_PERM_ALL), NOVA_REVOKE_SELF, 0, 0), 0);
}
