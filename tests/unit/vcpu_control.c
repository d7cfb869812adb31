/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What others do with a virtual CPU (ec_ctrl), and the memory and ports of its guest.
 */
#include "vcpu.h"

/* ---- ec_ctrl ---- */

static word get_state(unsigned cpu, word ec, word mtd)
{
    return hypercall(cpu, nova_arg1(NOVA_EC_CTRL, NOVA_EC_GET_STATE, ec), mtd, 0, 0, 0);
}

static word set_state(unsigned cpu, word ec, word recall_stays)
{
    return hypercall(cpu, nova_arg1(NOVA_EC_CTRL, NOVA_EC_SET_STATE, ec), recall_stays, 0, 0, 0);
}

TEST(vcpu_state_by_hypercall)
{
    struct frame *guest = guest_make(EXIT, 0);
    CHECK_EQ(get_state(1, VCPU, NOVA_MTD_IP), NOVA_BAD_CPU);
    CHECK_EQ(set_state(1, VCPU, 0), NOVA_BAD_CPU);
    guest_state(guest)->ip = 0x777;
    guest_state(guest)->dr7 = 0x888;
    guest_exit(0, EXIT, 0);
    CHECK_EQ(get_state(0, HANDLER, NOVA_MTD_IP), NOVA_BAD_CAP);
    CHECK_EQ(get_state(0, SEL_PD, NOVA_MTD_IP), NOVA_BAD_CAP);
    utcb_fill(0x5a);
    CHECK_EQ(get_state(0, VCPU, NOVA_MTD_IP), NOVA_SUCCESS);
    CHECK_EQ(utcb()->state.ip, 0x777);
    CHECK_EQ(utcb()->state.mtd, NOVA_MTD_IP);
    CHECK_EQ(utcb()->state.exit_reason, EXIT);
    CHECK_EQ(utcb()->state.dr7, 0x5a5a5a5a5a5a5a5a);
    /* It has marked the guest for a recall; this takes the mark away. */
    utcb()->state.mtd = NOVA_MTD_DR;
    utcb()->state.dr7 = 0x999;
    CHECK_EQ(set_state(0, VCPU, 0), NOVA_SUCCESS);
    CHECK_EQ(guest_state(guest)->dr7, 0x999);
    handler_replies();
    CHECK(guest_runs());
}

TEST(vcpu_state_by_hypercall_leaves_a_recall)
{
    guest_make(EXIT, 0);
    guest_exit(0, EXIT, 0);
    event_make(NOVA_VM_RECALL, HANDLER, 0);
    CHECK_EQ(get_state(0, VCPU, 0), NOVA_SUCCESS);
    handler_replies();
    CHECK(in_handler(NOVA_VM_RECALL));
    utcb()->state.mtd = 0;
    CHECK_EQ(set_state(0, VCPU, 1), NOVA_SUCCESS);
    handler_replies();
    CHECK(in_handler(NOVA_VM_RECALL));
}

TEST(vcpu_that_was_killed_has_no_state)
{
    guest_make(EXIT, 0);
    guest_exit(0, EXIT + 1, 0);
    CHECK_EQ(running(0), 0);
    CHECK_EQ(get_state(0, VCPU, NOVA_MTD_IP), NOVA_BAD_CAP);
    CHECK_EQ(set_state(0, VCPU, 0), NOVA_BAD_CAP);
}

TEST(vcpu_does_not_move)
{
    guest_make(EXIT, 0);
    guest_exit(0, EXIT, 0);
    CHECK_EQ(create_ec(0, HANDLER + 1, SEL_PD, 1, utcb_address(UTCB + 1), SP, 0, false), NOVA_SUCCESS);
    CHECK_EQ(create_pt(0, VCPU + 1, SEL_PD, HANDLER + 1, 0, IP), NOVA_SUCCESS);
    CHECK_EQ(hypercall(0, nova_arg1(NOVA_EC_CTRL, NOVA_EC_MIGRATE, VCPU), 1, object(0), 0, 0), NOVA_BAD_PAR);
    CHECK_EQ(hypercall(0, nova_arg1(NOVA_EC_CTRL, NOVA_EC_HELP, VCPU), 0, 0, 0, 0), NOVA_BAD_PAR);
    handler_replies();
    CHECK(guest_runs());
}

/* ---- memory and ports of the guest ---- */

TEST(vcpu_nested_page_fault)
{
    const uint64_t address = 0x6203456;
    guest_make(NPT, NOVA_MTD_QUAL);
    CHECK_EQ(delegate(1, utcb_address(5), SEL_PD, SEL_PD, nova_crd(NOVA_CRD_MEM, MEMORY, 1, NOVA_MEM_RWX),
                      nova_control(NOVA_ITEM_DELEGATE | NOVA_ITEM_KERNEL, MEMORY), nova_crd(NOVA_CRD_MEM, 0, 31, NOVA_PERM_ALL)),
             NOVA_SUCCESS);
    CHECK(!guest_try(0, address, MMU_READ));
    guest_exit(0, NPT, address);
    CHECK_EQ(utcb()->state.qual[1], address);
    utcb()->state.mtd = 0;
    utcb()->items = nova_items(0, 1);
    *nova_item(utcb(), 0) = (struct nova_item){nova_crd(NOVA_CRD_MEM, MEMORY, 0, NOVA_MEM_RWX),
                                               nova_control(NOVA_ITEM_DELEGATE | NOVA_ITEM_GUEST, address >> PAGE_BITS)};
    reply(0, 0);
    CHECK(guest_runs());
    CHECK(guest_try(0, address, MMU_READ | MMU_WRITE) == machine_memory(((paddr_t)MEMORY << PAGE_BITS) + 0x456));
    /* Taken away by the other CPU, also from this one's TLB. */
    CHECK_EQ(revoke(1, nova_crd(NOVA_CRD_MEM, MEMORY, 0, NOVA_MEM_W), 0, 0, 0), NOVA_SUCCESS);
    CHECK(!guest_try(0, address, MMU_WRITE));
    CHECK(guest_try(0, address, MMU_READ));
    CHECK_EQ(revoke(1, nova_crd(NOVA_CRD_MEM, MEMORY, 0, NOVA_PERM_ALL), 0, 0, 0), NOVA_SUCCESS);
    CHECK(!guest_try(0, address, MMU_READ));
}

TEST(vcpu_ports)
{
    guest_make(EXIT, 0);
    CHECK(!guest_port(0, 0x80));
    CHECK_EQ(delegate(1, utcb_address(5), SEL_PD, SEL_PD, nova_crd(NOVA_CRD_PIO, 0x80, 0, NOVA_PERM_ALL),
                      nova_control(NOVA_ITEM_DELEGATE | NOVA_ITEM_KERNEL | NOVA_ITEM_GUEST, 0x80),
                      nova_crd(NOVA_CRD_PIO, 0, 16, NOVA_PERM_ALL)),
             NOVA_SUCCESS);
    CHECK(guest_port(0, 0x80));
    CHECK(!guest_port(0, 0x81));
    CHECK_EQ(revoke(1, nova_crd(NOVA_CRD_PIO, 0x80, 0, NOVA_PERM_ALL), NOVA_REVOKE_SELF, 0, 0), NOVA_SUCCESS);
    CHECK(!guest_port(0, 0x80));
}

/* What a reply maps needs memory that the guest's PD does not have: its OOM portal is asked, then the reply is repeated. */
TEST(vcpu_out_of_memory)
{
    const uint64_t address = 0x40000000;
    vcpu_machine();
    event_make(NOVA_VM_STARTUP, HANDLER, 0);
    event_make(NPT, HANDLER, NOVA_MTD_QUAL | NOVA_MTD_IP);
    CHECK_EQ(create_ec(0, HANDLER + 1, SEL_PD, 0, utcb_address(UTCB + 1), SP, 0, false), NOVA_SUCCESS);
    CHECK_EQ(create_pt(0, VCPU + 1, SEL_PD, HANDLER + 1, 0, IP + 0x20), NOVA_SUCCESS);
    child_make(20);
    CHECK_EQ(take(0, nova_crd(NOVA_CRD_MEM, MEMORY, 1, NOVA_MEM_RWX), 0), NOVA_SUCCESS);
    CHECK_EQ(create_vcpu(VCPU, CHILD, 0), NOVA_SUCCESS);
    word left = pd_limit(0, CHILD) - pd_usage(0, CHILD);
    CHECK_EQ(hypercall(0, nova_arg1(NOVA_PD_CTRL, NOVA_PD_QUOTA_MOVE, CHILD), SEL_PD, left - 3, 0, 0), NOVA_SUCCESS);
    guest_start(CHILD, 1000);
    struct frame *guest = cpu_frame(0);
    unsigned asked = 0;
    guest_exit(0, NPT, address);
    CHECK(in_handler(NPT));
    utcb()->state.mtd = NOVA_MTD_IP;
    utcb()->state.ip = 0x1234;
    utcb()->items = nova_items(0, 1);
    *nova_item(utcb(), 0) = (struct nova_item){nova_crd(NOVA_CRD_MEM, MEMORY, 0, NOVA_MEM_RWX),
                                               nova_control(NOVA_ITEM_DELEGATE | NOVA_ITEM_GUEST, address >> PAGE_BITS)};
    for (reply(0, 0); cpu_frame(0)->ip == IP + 0x20; reply(0, 0)) {
        CHECK(++asked < 20);
        CHECK_EQ(cpu_frame(0)->arg[2], 2);
        CHECK_EQ(hypercall(0, nova_arg1(NOVA_PD_CTRL, NOVA_PD_QUOTA_MOVE, SEL_PD), CHILD, 1, 0, 0), NOVA_SUCCESS);
    }
    CHECK(asked);
    CHECK(guest_runs() && cpu_frame(0) == guest);
    CHECK_EQ(guest_state(guest)->ip, 0x1234);
    CHECK(guest_try(0, address, MMU_READ | MMU_WRITE));
}
