/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The machine for the tests of virtual CPUs (vcpu.h): its guest, the handler of its events, and who comes in between.
 */
#include "vcpu.h"

#include <string.h>

struct nova_utcb *utcb(void) { return utcb_at(0, utcb_address(UTCB)); }

void vcpu_machine(void)
{
    machine_prepare(&(struct machine_options){.cpus = 2, .guests = true}, 0, 0);
    CHECK(machine_start());
    CHECK_EQ(create_ec(0, HANDLER, SEL_PD, 0, utcb_address(UTCB), SP, 0, false), NOVA_SUCCESS);
    thread_service(0, 1, SERVICE + 0x40);
    thread_make(0, 1, OTHER, SERVICE + 0x40, 5, 10);
    CHECK_EQ(running(1), 5);
}

void event_make(unsigned event, word handler, word mtd)
{
    CHECK_EQ(create_pt(0, EVENTS + event, SEL_PD, handler, mtd, IP), NOVA_SUCCESS);
    CHECK_EQ(pt_ctrl(0, EVENTS + event, event), NOVA_SUCCESS);
}

word create_vcpu(word selector, word pd, unsigned cpu) { return create_ec(0, selector, pd, cpu, 0, 0, EVENTS, true); }

bool in_handler(unsigned event) { return !cpu_idle(0) && cpu_frame(0)->ip == IP && cpu_frame(0)->arg[0] == event; }

bool guest_runs(void) { return !cpu_idle(0) && cpu_frame(0)->resume == RESUME_VCPU; }

void handler_replies(void)
{
    utcb()->state.mtd = 0;
    reply(0, 0);
}

struct frame *guest_start(word pd, word quantum)
{
    CHECK_EQ(create_sc(0, VCPU + 2, pd, VCPU, 10, quantum), BLOCKED);
    CHECK(in_handler(NOVA_VM_STARTUP));
    CHECK_EQ(utcb()->state.exit_reason, NOVA_VM_STARTUP);
    handler_replies();
    CHECK(guest_runs());
    return cpu_frame(0);
}

struct frame *guest_create(word pd, word quantum)
{
    CHECK_EQ(create_vcpu(VCPU, pd, 0), NOVA_SUCCESS);
    return guest_start(pd, quantum);
}

void child_make(word pages)
{
    CHECK_EQ(create_pd(0, CHILD, SEL_PD, 0, 0, pages), NOVA_SUCCESS);
    CHECK_EQ(delegate(0, NOVA_ROOT_UTCB_ADDRESS, SEL_PD, CHILD, nova_crd(NOVA_CRD_OBJ, EVENTS, 8, NOVA_PERM_ALL),
                      nova_control(NOVA_ITEM_DELEGATE, EVENTS), ANY_OBJECT),
             NOVA_SUCCESS);
}

static uint64_t deadline;

void sleeper_make(void)
{
    thread_service(0, 0, SERVICE);
    CHECK_EQ(create_sm(0, SM, SEL_PD, 0, 0), NOVA_SUCCESS);
    thread_make(0, 0, SLEEPER, SERVICE, 7, 20);
    CHECK_EQ(running(0), 7);
    sleeper_sleeps();
    CHECK_EQ(running(0), 0);
}

void sleeper_sleeps(void)
{
    deadline = machine_time() + 10 * TICKS;
    CHECK_EQ(sm_down(0, SM, 0, deadline), BLOCKED);
}

void sleeper_wakes(void)
{
    machine_advance(deadline - machine_time());
    CHECK_EQ(running(0), 7);
}

struct frame *guest_make(unsigned event, word mtd)
{
    vcpu_machine();
    event_make(NOVA_VM_STARTUP, HANDLER, 0);
    if (event != NOVA_VM_STARTUP)
        event_make(event, HANDLER, mtd);
    return guest_create(SEL_PD, 1000);
}

void utcb_fill(int colour) { memset(&utcb()->mr, colour, sizeof utcb()->mr); }
