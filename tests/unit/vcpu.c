/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Virtual CPUs (abi.md section 5): creation, state by MTD bits in both directions, events, recall, death of those
 * who take part. The guest is what the test says it is (guest_state, guest_exit).
 */
#include "vcpu.h"

#include <string.h>

TEST(vcpu_needs_the_feature)
{
    machine_boot(1);
    CHECK_EQ(create_vcpu(VCPU, SEL_PD, 0), NOVA_BAD_FTR);
}

TEST(vcpu_gives_all_memory_back)
{
    vcpu_machine();
    event_make(NOVA_VM_STARTUP, HANDLER, 0);
    word before = 0;
    for (unsigned i = 0; i < 4; i++) {
        CHECK_EQ(create_vcpu(VCPU, SEL_PD, i % 2), NOVA_SUCCESS);
        if (i == 2) {
            /* It dies in the event that nobody handles. */
            CHECK_EQ(create_sc(0, VCPU + 2, SEL_PD, VCPU, 10, 1000), BLOCKED);
            handler_replies();
            CHECK(guest_runs());
            machine_log_clear();
            guest_exit(0, EXIT, 0);
            CHECK_LOG("virtual CPU killed");
        }
        CHECK_EQ(revoke(0, nova_crd(NOVA_CRD_OBJ, VCPU, 2, NOVA_PERM_ALL), NOVA_REVOKE_SELF, 0, 0), NOVA_SUCCESS);
        for (unsigned k = 0; k < 16; k++)
            cpu_enter(k % 2, ENTER_SIGNAL, 0, 0, 0);
        if (i == 0)
            before = pd_usage(0, SEL_PD); /* now the tables and slabs are there */
        CHECK_EQ(pd_usage(0, SEL_PD), before);
    }
}

/* ---- state ---- */

/* All of the state in one colour. */
static void guest_fill(struct frame *guest, int colour)
{
    struct nova_state *state = guest_state(guest);
    memset(&state->inst_len, colour, sizeof *state - offsetof(struct nova_state, inst_len));
    memset(guest->arg, colour, sizeof guest->arg);
    memset(guest->reg, colour, 10 * sizeof *guest->reg);
}

/* How many bytes have this colour. */
static unsigned coloured(const void *at, size_t size, int colour)
{
    unsigned sum = 0;
    for (size_t i = 0; i < size; i++)
        sum += ((const uint8_t *)at)[i] == colour;
    return sum;
}

static unsigned size_of(word mtd)
{
    unsigned sum = mtd == NOVA_MTD_GPR_ACDB ? 32 : mtd == NOVA_MTD_GPR_BSD ? 24 : mtd == NOVA_MTD_GPR_R8_R15 ? 64 : 0;
    for (const struct guest_field *field = guest_fields; field->size; field++)
        sum += mtd & field->bit ? field->size : 0;
    return sum;
}

TEST(vcpu_event_delivers_what_the_mtd_names)
{
    struct frame *guest = guest_make(EXIT, 0);
    for (unsigned bit = 0; bit <= 26; bit++) {
        word mtd = (word)1 << bit;
        guest_exit(0, EXIT, 0);
        CHECK(in_handler(EXIT));
        /* The handler, which is in root's PD, changes its own portal. */
        CHECK_EQ(revoke(0, object(EVENTS + EXIT), NOVA_REVOKE_SELF, 0, 0), NOVA_SUCCESS);
        event_make(EXIT, HANDLER, mtd);
        utcb_fill(0x5a);
        utcb()->items = 0;
        handler_replies();
        CHECK(guest_runs());
        guest_fill(guest, 0x42);
        guest_exit(0, EXIT, 0x4242424242424242);
        const struct nova_state *state = &utcb()->state;
        CHECK_EQ(state->mtd, mtd);
        CHECK_EQ(state->exit_reason, EXIT);
        unsigned size = mtd == NOVA_MTD_CTRL ? 0 : size_of(mtd);
        if (mtd != NOVA_MTD_TSC) {
            CHECK_EQ(coloured(state, sizeof *state, 0x42), size);
            CHECK_EQ(coloured(state, sizeof *state, 0x5a), sizeof *state - 16 - size); /* but for mtd and exit_reason */
        }
        handler_replies();
    }
}

TEST(vcpu_reply_writes_back_what_the_mtd_names)
{
    struct frame *guest = guest_make(EXIT, 0);
    for (unsigned bit = 0; bit <= 26; bit++) {
        word mtd = (word)1 << bit;
        guest_fill(guest, 0x42);
        guest_exit(0, EXIT, 0x4242424242424242);
        utcb_fill(0x11); /* no bits in it that inj and xcr0 lose ... */
        utcb()->state.xcr0 = 1, utcb()->state.xss = 0x1111111111111111;
        utcb()->state.inj_info = 0x11110111;
        utcb()->state.mtd = mtd;
        reply(0, 0);
        CHECK(guest_runs());
        const struct nova_state *state = guest_state(guest);
        unsigned written = coloured(&state->inst_len, sizeof *state - offsetof(struct nova_state, inst_len), 0x11) +
                           coloured(guest->arg, sizeof guest->arg, 0x11) + coloured(guest->reg, 10 * sizeof(word), 0x11);
        /* ... but for these. */
        unsigned lost = mtd == NOVA_MTD_XSAVE ? 8 : mtd == NOVA_MTD_INJ ? 1 : 0;
        if (mtd != NOVA_MTD_TSC)
            CHECK_EQ(written, mtd == NOVA_MTD_QUAL ? 0 : size_of(mtd) - lost);
    }
    memset(fpu_registers(0), 0x42, FPU_BYTES);
    guest_exit(0, EXIT, 0);
    utcb()->state.mtd = NOVA_MTD_FPU;
    memset(utcb()->state.fpu, 0x17, FPU_BYTES);
    memset(utcb()->state.fpu + 24, 0, 4);
    reply(0, 0);
    CHECK_EQ(fpu_registers(0)[100], 0x17);
}

TEST(vcpu_requests_for_windows_are_not_injected)
{
    struct frame *guest = guest_make(EXIT, 0);
    guest_exit(0, EXIT, 0);
    utcb()->state.mtd = NOVA_MTD_INJ;
    utcb()->state.inj_info = 0x80003021;
    reply(0, 0);
    CHECK_EQ(guest_state(guest)->inj_info, 0x80000021);
}

TEST(vcpu_clock_stands_still_while_it_waits_for_the_cpu)
{
    vcpu_machine();
    event_make(NOVA_VM_STARTUP, HANDLER, 0);
    event_make(EXIT, HANDLER, NOVA_MTD_TSC);
    sleeper_make();
    guest_create(SEL_PD, 100000);
    sleeper_wakes();
    machine_advance(TICKS);
    sm_down(0, SM, 0, 0);
    CHECK(guest_runs());
    guest_exit(0, EXIT, 0);
    CHECK(in_handler(EXIT));
    uint64_t stopped = 0 - utcb()->state.tsc_off;
    CHECK(stopped >= TICKS && stopped < TICKS + 1000);
    /* A reply adds to the offset. */
    utcb()->state.mtd = NOVA_MTD_TSC;
    utcb()->state.tsc_off = 1000;
    reply(0, 0);
    guest_exit(0, EXIT, 0);
    CHECK_EQ(utcb()->state.tsc_off, 1000 - stopped);
}

/* A new SC begins with nothing that the clock has to be stopped for; one that keeps the CPU at the end of its slice has not waited. */
TEST(vcpu_clock_and_a_new_sc)
{
    struct frame *guest = guest_make(EXIT, NOVA_MTD_TSC);
    for (unsigned i = 0; i < 5; i++)
        machine_advance(1000000); /* its slice */
    CHECK_EQ(revoke(1, object(VCPU + 2), NOVA_REVOKE_SELF, 0, 0), NOVA_SUCCESS);
    CHECK_EQ(create_sc(1, VCPU + 2, SEL_PD, VCPU, 10, 1000), NOVA_SUCCESS);
    CHECK(guest_runs() && cpu_frame(0) == guest);
    guest_exit(0, EXIT, 0);
    CHECK(0 - utcb()->state.tsc_off < 1000);
}

/* ---- events ---- */

TEST(vcpu_event_without_portal_kills)
{
    guest_make(EXIT, 0);
    machine_log_clear();
    guest_exit(0, EXIT + 1, 0);
    CHECK_EQ(running(0), 0);
    CHECK_LOG("virtual CPU killed: event 115");
    machine_advance(1000000000);
    CHECK_EQ(running(0), 0);
}

TEST(vcpu_event_portal_of_another_cpu_kills)
{
    guest_make(EXIT, 0);
    guest_exit(0, EXIT, 0);
    CHECK_EQ(create_ec(0, HANDLER + 1, SEL_PD, 1, utcb_address(UTCB + 1), SP, 0, false), NOVA_SUCCESS);
    event_make(EXIT + 1, HANDLER + 1, 0);
    handler_replies();
    CHECK(guest_runs());
    machine_log_clear();
    guest_exit(0, EXIT + 1, 0);
    CHECK_EQ(running(0), 0);
    CHECK_LOG("virtual CPU killed");
}

TEST(vcpu_handler_dies_before_it_replies)
{
    guest_make(EXIT, 0);
    guest_exit(0, EXIT, 0);
    machine_log_clear();
    revoke(0, object(HANDLER), NOVA_REVOKE_SELF, 0, 0);
    CHECK_EQ(running(0), 0);
    CHECK_LOG("virtual CPU killed");
}

TEST(vcpu_dies_while_its_handler_runs)
{
    guest_make(EXIT, 0);
    guest_exit(0, EXIT, 0);
    machine_log_clear();
    revoke(0, nova_crd(NOVA_CRD_OBJ, VCPU, 2, NOVA_PERM_ALL), NOVA_REVOKE_SELF, 0, 0);
    /* The handler has lost its time with it; who calls it next brings it to its reply. */
    CHECK_EQ(running(0), 0);
    CHECK_EQ(create_pt(0, SM + 1, SEL_PD, HANDLER, 0, IP + 0x10), NOVA_SUCCESS);
    CHECK_EQ(call(0, SM + 1, 0), BLOCKED);
    CHECK(in_handler(EXIT) || cpu_frame(0)->ip == IP);
    reply(0, 0);
    CHECK_EQ(cpu_frame(0)->ip, IP + 0x10);
    CHECK_EQ(machine_log_length(), 0);
}

/* The guest's event comes while root's call keeps the handler: the guest helps it, and has its turn then. */
TEST(vcpu_helps_a_busy_handler)
{
    vcpu_machine();
    event_make(NOVA_VM_STARTUP, HANDLER, 0);
    CHECK_EQ(create_pt(0, SM + 1, SEL_PD, HANDLER, 0, IP + 0x10), NOVA_SUCCESS);
    CHECK_EQ(call(0, SM + 1, 0), BLOCKED);
    CHECK_EQ(cpu_frame(0)->ip, IP + 0x10);
    CHECK_EQ(create_vcpu(VCPU, SEL_PD, 0), NOVA_SUCCESS);
    create_sc(0, VCPU + 2, SEL_PD, VCPU, 10, 1000);
    CHECK(cpu_frame(0)->ip == IP + 0x10); /* by the guest's time now */
    reply(0, 0);
    CHECK(in_handler(NOVA_VM_STARTUP));
    handler_replies();
    CHECK(guest_runs());
}

TEST(vcpu_reply_with_a_semaphore)
{
    struct frame *guest = guest_make(EXIT, 0);
    guest_exit(0, EXIT, 0);
    CHECK_EQ(create_sm(0, SM, SEL_PD, 0, 0), NOVA_SUCCESS);
    utcb()->state.mtd = NOVA_MTD_IP;
    utcb()->state.ip = 0x1234;
    CHECK_EQ(reply(0, SM), BLOCKED);
    CHECK_EQ(running(0), 0);
    CHECK_EQ(sm_up(0, SM), BLOCKED);
    CHECK(guest_runs() && cpu_frame(0) == guest);
    CHECK_EQ(guest_state(guest)->ip, 0x1234);
}

static word recall(unsigned cpu, word ec) { return hypercall(cpu, nova_arg1(NOVA_EC_CTRL, NOVA_EC_RECALL, ec), 0, 0, 0, 0); }

TEST(vcpu_recall)
{
    struct frame *guest = guest_make(NOVA_VM_RECALL, NOVA_MTD_IP);
    guest_state(guest)->ip = 0x777;
    CHECK_EQ(recall(1, VCPU), NOVA_SUCCESS);
    CHECK(in_handler(NOVA_VM_RECALL));
    CHECK_EQ(utcb()->state.exit_reason, NOVA_VM_RECALL);
    CHECK_EQ(utcb()->state.ip, 0x777);
    /* One that comes while the handler is at it is not lost. */
    CHECK_EQ(recall(1, VCPU), NOVA_SUCCESS);
    utcb()->state.mtd = 0;
    CHECK(reply(0, 0) != NOVA_SUCCESS);
    CHECK(in_handler(NOVA_VM_RECALL));
    handler_replies();
    CHECK(guest_runs());
}

TEST(vcpu_and_its_sc)
{
    struct frame *guest = guest_make(EXIT, 0);
    CHECK_EQ(revoke(1, object(VCPU + 2), NOVA_REVOKE_SELF, 0, 0), NOVA_SUCCESS);
    CHECK_EQ(running(0), 0);
    CHECK_EQ(create_sc(1, VCPU + 2, SEL_PD, VCPU, 10, 1000), NOVA_SUCCESS);
    CHECK(guest_runs() && cpu_frame(0) == guest);
    CHECK_EQ(revoke(1, object(VCPU), NOVA_REVOKE_SELF, 0, 0), NOVA_SUCCESS);
    CHECK_EQ(running(0), 0);
}

TEST(vcpu_and_its_pd)
{
    vcpu_machine();
    event_make(NOVA_VM_STARTUP, HANDLER, 0);
    child_make(20);
    guest_create(CHILD, 1000);
    machine_log_clear();
    CHECK_EQ(revoke(1, object(CHILD), NOVA_REVOKE_SELF, 0, 0), NOVA_SUCCESS);
    machine_settle();
    CHECK_EQ(running(0), 0);
    CHECK_EQ(machine_log_length(), 0);
}
