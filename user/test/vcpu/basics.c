/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Startup, exits with registers both ways, port I/O with and without the port, MSRs, the guest's own exceptions.
 */
#include "vcpu.h"

/* mov ax,1234h; cpuid; cmp ax,5678h; jne $; mov bx,9abch; hlt */
static const uint8_t registers[] = {0xb8, 0x34, 0x12, 0x0f, 0xa2, 0x3d, 0x78, 0x56, 0x75, 0xfe, 0xbb, 0xbc, 0x9a, 0xf4};

static void registers_action(unsigned event, struct nova_utcb *utcb)
{
    struct nova_state *s = &utcb->state;
    if (event == NOVA_VM_STARTUP) {
        check("startup: exit_reason", last_state.exit_reason, NOVA_VM_STARTUP);
        check("startup: items cover the state", last_state.mtd, ((nova_word)NOVA_MTD_XSAVE << 1) - 1);
        state_real_mode(s);
        s->si = 0x51;
    } else if (event == EVENT_CPUID) {
        check("cpuid: ax is the guest's", last_state.ax, 0x1234);
        check("cpuid: si as it was set", last_state.si, 0x51);
        check("cpuid: ip", last_state.ip, CODE + 3);
        check("cpuid: inst_len", last_state.inst_len, is_svm ? 0 : 2);
        check("cpuid: exit_reason", last_state.exit_reason, EVENT_CPUID);
        s->ax = 0x5678;
        state_skip(s, 2);
        s->mtd |= NOVA_MTD_GPR_ACDB;
    } else {
        check("hlt comes last", event, EVENT_HLT);
        check("hlt: bx", last_state.bx, 0x9abc);
        check("hlt: selector and base of cs", last_state.cs.selector | last_state.cs.base, 0);
        check("hlt: limit of ds", last_state.ds.limit, 0xffff);
        check("hlt: cr0", last_state.cr0, REAL_CR0);
        guest_done();
    }
}

/* mov al,5; out 80h,al; out 80h,ax; in al,84h; hlt */
static const uint8_t ports[] = {0xb0, 0x05, 0xe6, 0x80, 0xe7, 0x80, 0xe4, 0x84, 0xf4};
static int port_given;
static volatile int ports_ready;

static void ports_action(unsigned event, struct nova_utcb *utcb)
{
    struct nova_state *s = &utcb->state;
    if (event == NOVA_VM_STARTUP) {
        while (!ports_ready)
            nova_ec_yield();
        state_real_mode(s);
    } else if (event == EVENT_IO) {
        unsigned n = event_count[EVENT_IO] + (port_given ? 1 : 0);
        check("i/o: port", last_state.qual[0] >> 16 & 0xffff, n == 3 ? 0x84 : 0x80);
        check("i/o: direction", is_svm ? last_state.qual[0] & 1 : last_state.qual[0] >> 3 & 1, n == 3);
        s->ax = 0x77;
        state_skip(s, 2);
        s->mtd |= NOVA_MTD_GPR_ACDB;
    } else {
        check("i/o: hlt comes last", event, EVENT_HLT);
        check("i/o: what the port gave", last_state.ax, 0x77);
        check("i/o: number of exits", event_count[EVENT_IO], port_given ? 2 : 3);
        guest_done();
    }
}

/* mov ecx,0c0000080h; rdmsr; hlt */
static const uint8_t msr[] = {0x66, 0xb9, 0x80, 0x00, 0x00, 0xc0, 0x0f, 0x32, 0xf4};

static void msr_action(unsigned event, struct nova_utcb *utcb)
{
    struct nova_state *s = &utcb->state;
    if (event == NOVA_VM_STARTUP)
        state_real_mode(s);
    else if (event == EVENT_MSR_READ) {
        check("rdmsr: number", last_state.cx, 0xc0000080);
        s->ax = 0xd00;
        state_skip(s, 2);
        s->mtd |= NOVA_MTD_GPR_ACDB;
    } else {
        check("rdmsr: value", last_state.ax, 0xd00);
        guest_done();
    }
}

/* mov word [0],handler; mov word [2],0; xor dx,dx; mov ax,1; xor cx,cx; div cx; jmp $; handler: mov bx,1111h; hlt */
static const uint8_t divide[] = {0xc7, 0x06, 0x00, 0x00, 0x17, 0x10, 0xc7, 0x06, 0x02, 0x00, 0x00, 0x00, 0x31, 0xd2,
                                 0xb8, 0x01, 0x00, 0x31, 0xc9, 0xf7, 0xf1, 0xeb, 0xfe, 0xbb, 0x11, 0x11, 0xf4};

static void divide_action(unsigned event, struct nova_utcb *utcb)
{
    if (event == NOVA_VM_STARTUP) {
        state_real_mode(&utcb->state);
        if (!has_real_mode)
            state_vector(0, 0x17);
        return;
    }
    check("divide error: the guest's handler has run", event, EVENT_HLT);
    check("divide error: bx", last_state.bx, 0x1111);
    guest_done();
}

static const uint8_t halt[] = {0xf4};

/* Entry without the VMRUN intercept is an event, and a monitor can go on from there. */
static void vmrun_action(unsigned event, struct nova_utcb *utcb)
{
    struct nova_state *s = &utcb->state;
    if (event == NOVA_VM_STARTUP) {
        state_real_mode(s);
        s->ctrl[1] = 0;
    } else if (event == NOVA_VM_INVALID_STATE) {
        s->ctrl[0] = 1 << 18;
        s->ctrl[1] = 1;
        s->mtd = NOVA_MTD_CTRL;
    } else {
        check("without VMRUN intercept: event 253 once", event_count[NOVA_VM_INVALID_STATE], 1);
        check("... and then it runs", event, EVENT_HLT);
        guest_done();
    }
}

void test_basics(void)
{
    guest_run("registers", registers, sizeof registers, registers_action);
    port_given = 0;
    ports_ready = 1;
    guest_run("ports", ports, sizeof ports, ports_action);
    /* One port is the guest's: of "out 80h,ax" the second byte still is not. */
    port_given = 1;
    ports_ready = 0;
    check("port 0x80 for root", nova_take_ports(0x80, 1), 0);
    guest_start(ports, sizeof ports, ports_action);
    check("port 0x80 for the guest",
          nova_delegate_range(nova_pd, vm_pd, NOVA_CRD_PIO, 0x80, 0x80, 1, NOVA_PERM_ALL, NOVA_ITEM_GUEST), 0);
    ports_ready = 1;
    guest_wait("ports given");
    guest_end();
    guest_run("msr", msr, sizeof msr, msr_action);
    guest_run("divide", divide, sizeof divide, divide_action);
    if (is_svm)
        guest_run("vmrun", halt, sizeof halt, vmrun_action);
}
