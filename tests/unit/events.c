/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Events of threads (abi.md section 5): exceptions, startup, page faults; state by MTD bits; events that nobody handles.
 */
#include "scenario.h"

#include <string.h>

enum { HANDLER = 0x110, SERVICE = 0x120, EVENTS = 0x140, THREAD = 0x180, UTCB = 50, IP = CODE + 0x400, SP = 0x7000, SM = 0x1f0 };
enum {
    MTD_THREAD =
        NOVA_MTD_GPR_ACDB | NOVA_MTD_GPR_BSD | NOVA_MTD_SP | NOVA_MTD_IP | NOVA_MTD_FLAGS | NOVA_MTD_QUAL | NOVA_MTD_GPR_R8_R15
};
enum { DI, SI, DX, AX, R8 }; /* frame->arg[] */
enum { CX, BX, BP, R9 };     /* frame->reg[] */

/* Thread 1 (priority 10) runs in root's PD; its events go to EVENTS + n, where a portal for event number 'event' is. */
static struct frame *machine_make(unsigned event, word mtd)
{
    machine_boot(1);
    CHECK_EQ(create_ec(0, HANDLER, SEL_PD, 0, utcb_address(UTCB), SP, 0, false), NOVA_SUCCESS);
    CHECK_EQ(create_pt(0, EVENTS + NOVA_EVENT_STARTUP, SEL_PD, HANDLER, NOVA_MTD_IP, IP), NOVA_SUCCESS);
    if (event != NOVA_EVENT_STARTUP) {
        CHECK_EQ(create_pt(0, EVENTS + event, SEL_PD, HANDLER, mtd, IP), NOVA_SUCCESS);
        CHECK_EQ(pt_ctrl(0, EVENTS + event, event), NOVA_SUCCESS);
    }
    CHECK_EQ(create_ec(0, THREAD, SEL_PD, 0, utcb_address(1), 0x1000, EVENTS, true), NOVA_SUCCESS);
    CHECK_EQ(create_sc(0, THREAD + 1, SEL_PD, THREAD, 10, 1000), BLOCKED);
    CHECK_EQ(cpu_frame(0)->ip, IP);
    struct nova_utcb *utcb = utcb_at(0, utcb_address(UTCB));
    utcb->state.ip = CODE + 0x20;
    utcb->state.mtd = NOVA_MTD_IP;
    reply(0, 0);
    CHECK_EQ(cpu_frame(0)->ip, CODE + 0x20);
    return cpu_frame(0);
}

static struct nova_utcb *handler_utcb(void) { return utcb_at(0, utcb_address(UTCB)); }

static void registers_fill(struct frame *frame)
{
    for (unsigned i = 0; i < FRAME_ARGS; i++)
        frame->arg[i] = 0xa0 + i;
    for (unsigned i = 0; i < FRAME_REGS; i++)
        frame->reg[i] = 0xb0 + i;
    frame->flags = 0x2d7; /* with carry, zero, sign, ... */
}

TEST(event_startup)
{
    machine_boot(1);
    CHECK_EQ(create_ec(0, HANDLER, SEL_PD, 0, utcb_address(UTCB), SP, 0, false), NOVA_SUCCESS);
    CHECK_EQ(create_pt(0, EVENTS + NOVA_EVENT_STARTUP, SEL_PD, HANDLER, NOVA_MTD_SP | NOVA_MTD_IP | NOVA_MTD_FLAGS, IP),
             NOVA_SUCCESS);
    CHECK_EQ(pt_ctrl(0, EVENTS + NOVA_EVENT_STARTUP, 0x99), NOVA_SUCCESS);
    CHECK_EQ(create_ec(0, THREAD, SEL_PD, 0, utcb_address(1), 0x1230, EVENTS, true), NOVA_SUCCESS);
    CHECK_EQ(running(0), 0);
    CHECK_EQ(create_sc(0, THREAD + 1, SEL_PD, THREAD, 10, 1000), BLOCKED);
    CHECK_EQ(cpu_frame(0)->ip, IP);
    CHECK_EQ(cpu_frame(0)->arg[0], 0x99);
    struct nova_utcb *utcb = handler_utcb();
    CHECK_EQ(utcb->state.mtd, NOVA_MTD_SP | NOVA_MTD_IP | NOVA_MTD_FLAGS);
    CHECK_EQ(utcb->state.sp, 0x1230);
    CHECK_EQ(nova_untyped(utcb->items), (offsetof(struct nova_utcb, state.fpu) - offsetof(struct nova_utcb, state)) / sizeof(word));
    CHECK_EQ(nova_typed(utcb->items), 0);
    utcb->state.ip = CODE + 0x50;
    utcb->state.sp = 0x4560;
    utcb->state.mtd = NOVA_MTD_IP | NOVA_MTD_SP;
    CHECK_EQ(reply(0, 0), BLOCKED);
    CHECK_EQ(cpu_frame(0)->ip, CODE + 0x50);
    CHECK_EQ(cpu_frame(0)->sp, 0x4560);
    CHECK_EQ(cpu_frame(0)->resume, RESUME_FULL);
    /* Once only. */
    machine_advance(100000000);
    CHECK_EQ(create_sm(0, SM, SEL_PD, 0, 0), NOVA_SUCCESS);
}

TEST(event_delivers_what_the_mtd_names)
{
    struct frame *thread = machine_make(6, MTD_THREAD);
    registers_fill(thread);
    struct frame *handler = exception(0, 6, 0x77, 0x123456789);
    CHECK(handler != thread && handler->ip == IP && handler->sp == SP && handler->arg[0] == 6);
    const struct nova_state *state = &handler_utcb()->state;
    CHECK_EQ(state->mtd, MTD_THREAD);
    CHECK(state->ax == 0xa3 && state->cx == 0xb0 && state->dx == 0xa2 && state->bx == 0xb1);
    CHECK(state->bp == 0xb2 && state->si == 0xa1 && state->di == 0xa0);
    CHECK(state->sp == 0x1000 && state->ip == CODE + 0x20 && state->flags == 0x2d7);
    CHECK(state->r8 == 0xa4 && state->r9 == 0xb3 && state->r15 == 0xb9);
    CHECK(state->qual[0] == 0x77 && state->qual[1] == 0x123456789);
}

TEST(event_delivers_nothing_else)
{
    struct frame *thread = machine_make(6, 0);
    registers_fill(thread);
    memset(&handler_utcb()->mr, 0x5a, sizeof handler_utcb()->mr);
    exception(0, 6, 1, 2);
    const struct nova_utcb *utcb = handler_utcb();
    CHECK_EQ(utcb->state.mtd, 0);
    for (unsigned i = 1; i < NOVA_UTCB_WORDS; i++)
        CHECK_EQ(utcb->mr[i], 0x5a5a5a5a5a5a5a5a);
    /* And the reply writes nothing back. */
    handler_utcb()->state.mtd = 0;
    reply(0, 0);
    CHECK(cpu_frame(0) == thread);
    CHECK_EQ(thread->ip, CODE + 0x20);
    CHECK_EQ(thread->arg[AX], 0xa3);
    CHECK_EQ(thread->flags, 0x2d7);
    CHECK_EQ(thread->resume, RESUME_FULL);
}

TEST(event_each_mtd_bit_alone)
{
    for (unsigned bit = 0; bit < 27; bit++) {
        word mask = (word)1 << bit, known = mask & MTD_THREAD;
        static bool first = true;
        static struct frame *thread;
        if (first)
            thread = machine_make(1, 0);
        first = false;
        CHECK_EQ(revoke(0, nova_crd(NOVA_CRD_OBJ, EVENTS + 1, 0, 31), NOVA_REVOKE_SELF, 0, 0), NOVA_SUCCESS);
        CHECK_EQ(create_pt(0, EVENTS + 1, SEL_PD, HANDLER, mask, IP), NOVA_SUCCESS);
        registers_fill(thread);
        struct nova_utcb *utcb = handler_utcb();
        memset(&utcb->mr, 0x5a, sizeof utcb->mr);
        exception(0, 1, 1, 2);
        CHECK_EQ(utcb->state.mtd, known);
        unsigned changed = 0;
        for (unsigned i = 1; i < NOVA_UTCB_WORDS; i++)
            changed += utcb->mr[i] != 0x5a5a5a5a5a5a5a5a;
        CHECK_EQ(changed != 0, known != 0);
        memset(&utcb->mr, 0x11, sizeof utcb->mr);
        utcb->state.mtd = mask;
        utcb->state.ip = CODE + 0x90;
        reply(0, 0);
        CHECK(cpu_frame(0) == thread);
        /* Written back: exactly the named ones (not qual). */
        CHECK_EQ(thread->arg[AX], mask == NOVA_MTD_GPR_ACDB ? 0x1111111111111111 : 0xa3);
        CHECK_EQ(thread->reg[BP], mask == NOVA_MTD_GPR_BSD ? 0x1111111111111111 : 0xb2);
        CHECK_EQ(thread->sp == 0x1111111111111111, mask == NOVA_MTD_SP);
        CHECK_EQ(thread->flags != 0x2d7, mask == NOVA_MTD_FLAGS);
        CHECK_EQ(thread->reg[R9], mask == NOVA_MTD_GPR_R8_R15 ? 0x1111111111111111 : 0xb3);
        CHECK_EQ(thread->ip, mask == NOVA_MTD_IP ? CODE + 0x90 : CODE + 0x20);
        thread->sp = 0x1000;
        thread->ip = CODE + 0x20;
    }
}

TEST(event_reply_sanitises_flags)
{
    struct frame *thread = machine_make(3, NOVA_MTD_FLAGS);
    exception(0, 3, 0, 0);
    handler_utcb()->state.mtd = NOVA_MTD_FLAGS;
    handler_utcb()->state.flags = ALL_ONES;
    reply(0, 0);
    CHECK(cpu_frame(0) == thread);
    CHECK_EQ(thread->flags & (3 << 12 | 1 << 16 | 1 << 17 | 1 << 19 | 1 << 20), 0);
    CHECK(thread->flags & 1 << 9);
    exception(0, 3, 0, 0);
    handler_utcb()->state.mtd = NOVA_MTD_FLAGS;
    handler_utcb()->state.flags = 0;
    reply(0, 0);
    CHECK(thread->flags & 1 << 9);
}

TEST(event_fpu_state)
{
    struct frame *thread = machine_make(7, NOVA_MTD_FPU);
    memset(fpu_registers(0), 0x42, FPU_BYTES);
    memset(fpu_registers(0) + 24, 0, 4);
    exception(0, 7, 0, 0);
    struct nova_utcb *utcb = handler_utcb();
    CHECK_EQ(utcb->state.mtd, NOVA_MTD_FPU);
    CHECK_EQ(nova_untyped(utcb->items), NOVA_UTCB_WORDS);
    CHECK_EQ(utcb->state.fpu[100], 0x42);
    memset(utcb->state.fpu, 0x17, FPU_BYTES);
    memset(utcb->state.fpu + 24, 0, 4);
    reply(0, 0);
    CHECK(cpu_frame(0) == thread);
    CHECK_EQ(fpu_registers(0)[100], 0x17);
    /* A bad image: the initial state. */
    exception(0, 7, 0, 0);
    memset(utcb->state.fpu, 0xff, FPU_BYTES);
    reply(0, 0);
    CHECK_EQ(fpu_registers(0)[100], 0);
    CHECK_EQ(*(uint32_t *)(fpu_registers(0) + 24), 0x1f80);
}

TEST(fpu_registers_belong_to_their_thread)
{
    struct frame *thread = machine_make(7, 0);
    memset(fpu_registers(0), 0x42, FPU_BYTES);
    memset(fpu_registers(0) + 24, 0, 4);
    exception(0, 7, 0, 0);
    CHECK_EQ(fpu_registers(0)[100], 0); /* the handler's own */
    memset(fpu_registers(0), 0x33, FPU_BYTES);
    reply(0, 0);
    CHECK(cpu_frame(0) == thread);
    CHECK_EQ(fpu_registers(0)[100], 0x42);
    exception(0, 7, 0, 0);
    CHECK_EQ(fpu_registers(0)[100], 0x33);
}

TEST(event_without_portal_kills)
{
    machine_make(6, 0);
    machine_log_clear();
    exception(0, 0, 0x12, 0x3456);
    CHECK_EQ(running(0), 0);
    const char *log = machine_log();
    CHECK(strlen(log) > 20 && strchr(log, '\n') == log + strlen(log) - 1);
    CHECK(!user_try(0, utcb_address(1), MMU_READ));
    machine_advance(1000000000);
    CHECK_EQ(running(0), 0);
    CHECK_EQ(revoke(0, nova_crd(NOVA_CRD_OBJ, THREAD, 1, 31), NOVA_REVOKE_SELF, 0, 0), NOVA_SUCCESS);
    machine_settle();
}

TEST(event_portal_of_another_cpu_kills)
{
    machine_boot(2);
    CHECK_EQ(create_ec(0, HANDLER, SEL_PD, 1, utcb_address(UTCB), SP, 0, false), NOVA_SUCCESS);
    CHECK_EQ(create_pt(0, EVENTS + NOVA_EVENT_STARTUP, SEL_PD, HANDLER, 0, IP), NOVA_SUCCESS);
    CHECK_EQ(create_ec(0, THREAD, SEL_PD, 0, utcb_address(1), 0, EVENTS, true), NOVA_SUCCESS);
    machine_log_clear();
    create_sc(0, THREAD + 1, SEL_PD, THREAD, 10, 1000);
    CHECK_EQ(running(0), 0);
    CHECK(machine_log_length() > 20);
    CHECK(cpu_idle(1));
}

TEST(event_handler_dies_before_it_replies)
{
    machine_make(6, 0);
    exception(0, 6, 0, 0);
    machine_log_clear();
    revoke(0, nova_crd(NOVA_CRD_OBJ, HANDLER, 0, 31), NOVA_REVOKE_SELF, 0, 0);
    CHECK_EQ(running(0), 0);
    CHECK(machine_log_length() > 20);
    CHECK(!user_try(0, utcb_address(1), MMU_READ));
}

TEST(event_caller_of_a_killed_callee_gets_abort)
{
    machine_boot(1);
    CHECK_EQ(create_ec(0, HANDLER, SEL_PD, 0, utcb_address(UTCB), SP, 0x800, false), NOVA_SUCCESS);
    CHECK_EQ(create_pt(0, HANDLER + 1, SEL_PD, HANDLER, 0, IP), NOVA_SUCCESS);
    CHECK_EQ(call(0, HANDLER + 1, 0), BLOCKED);
    exception(0, 13, 0, 0);
    CHECK_EQ(running(0), 0);
    CHECK_EQ(result_arg(0, 1), NOVA_COM_ABT);
}

TEST(return_above_the_user_limit_is_an_exception)
{
    struct frame *thread = machine_make(13, NOVA_MTD_IP | NOVA_MTD_QUAL);
    thread->ip = NOVA_USER_LIMIT;
    struct nova_utcb *utcb = handler_utcb();
    CHECK_EQ(create_sm(0, SM, SEL_PD, 0, 0), BLOCKED);
    CHECK_EQ(cpu_frame(0)->ip, IP);
    CHECK_EQ(cpu_frame(0)->arg[0], 13);
    CHECK_EQ(utcb->state.ip, NOVA_USER_LIMIT);
    utcb->state.mtd = NOVA_MTD_IP;
    utcb->state.ip = CODE + 0x30;
    reply(0, 0);
    CHECK(cpu_frame(0) == thread);
    CHECK_EQ(thread->ip, CODE + 0x30);
    /* The hypercall was done. */
    CHECK_EQ(sm_up(0, SM), NOVA_SUCCESS);
}

TEST(page_fault_pager_maps_with_the_hotspot_alone)
{
    struct frame *thread = machine_make(14, NOVA_MTD_QUAL | NOVA_MTD_IP);
    const word address = 0x6203456;
    /* Memory that the pager (root's PD as well) holds. */
    struct nova_utcb *utcb = utcb_at(0, utcb_address(1));
    utcb->items = nova_items(0, 1);
    *nova_item(utcb, 0) =
        (struct nova_item){nova_crd(NOVA_CRD_MEM, 0x5200, 0, 7), nova_control(NOVA_ITEM_DELEGATE | NOVA_ITEM_KERNEL, 0x5200)};
    CHECK_EQ(hypercall(0, nova_arg1(NOVA_MISC, NOVA_MISC_DELEGATE, SEL_PD), nova_crd(NOVA_CRD_MEM, 0, 31, 7), SEL_PD, 0, 0),
             NOVA_SUCCESS);
    CHECK(!user_touch(0, address, MMU_READ | MMU_WRITE));
    CHECK_EQ(cpu_frame(0)->arg[0], 14);
    utcb = handler_utcb();
    CHECK_EQ(utcb->state.qual[1], address);
    CHECK_EQ(utcb->state.qual[0], 6);
    utcb->state.mtd = 0;
    utcb->items = nova_items(0, 1);
    *nova_item(utcb, 0) = (struct nova_item){nova_crd(NOVA_CRD_MEM, 0x5200, 0, 3), nova_control(NOVA_ITEM_DELEGATE, address >> 12)};
    reply(0, 0);
    CHECK(cpu_frame(0) == thread);
    CHECK(user_touch(0, address, MMU_READ | MMU_WRITE));
    CHECK(user_pointer(0, address, MMU_READ) == machine_memory(0x5200456));
    /* Not executable: another fault, with the error code that says so. */
    CHECK(!user_touch(0, address, MMU_EXECUTE));
    CHECK_EQ(handler_utcb()->state.qual[0], 1 | 4 | 16);
}

TEST(event_reply_with_state_and_no_words)
{
    /* mtd alone says what is written back, whatever items says. */
    struct frame *thread = machine_make(6, NOVA_MTD_IP);
    exception(0, 6, 0, 0);
    struct nova_utcb *utcb = handler_utcb();
    utcb->items = 0;
    utcb->state.mtd = NOVA_MTD_IP;
    utcb->state.ip = CODE + 0x60;
    reply(0, 0);
    CHECK(cpu_frame(0) == thread);
    CHECK_EQ(thread->ip, CODE + 0x60);
}

TEST(event_reply_with_a_semaphore)
{
    struct frame *thread = machine_make(6, NOVA_MTD_IP);
    CHECK_EQ(create_sm(0, SM, SEL_PD, 0, 0), NOVA_SUCCESS);
    exception(0, 6, 0, 0);
    handler_utcb()->state.mtd = NOVA_MTD_IP;
    handler_utcb()->state.ip = CODE + 0x60;
    CHECK_EQ(reply(0, SM), BLOCKED);
    CHECK_EQ(running(0), 0);
    CHECK_EQ(sm_up(0, SM), BLOCKED);
    CHECK(cpu_frame(0) == thread);
    CHECK_EQ(thread->ip, CODE + 0x60);
    /* Destroyed: it just resumes. */
    exception(0, 6, 0, 0);
    handler_utcb()->state.mtd = NOVA_MTD_IP;
    handler_utcb()->state.ip = CODE + 0x70;
    CHECK_EQ(reply(0, SM), BLOCKED);
    CHECK_EQ(running(0), 0);
    revoke(0, nova_crd(NOVA_CRD_OBJ, SM, 0, 31), NOVA_REVOKE_SELF, 0, 0);
    machine_settle();
    CHECK(cpu_frame(0) == thread);
    CHECK_EQ(thread->ip, CODE + 0x70);
}

TEST(event_base_at_the_end_of_all_selectors)
{
    machine_boot(1);
    machine_log_clear();
    CHECK_EQ(create_ec(0, THREAD, SEL_PD, 0, utcb_address(1), 0, ALL_ONES - 10, true), NOVA_SUCCESS);
    create_sc(0, THREAD + 1, SEL_PD, THREAD, 10, 1000);
    CHECK_EQ(running(0), 0);
    CHECK(machine_log_length() > 20);
}
