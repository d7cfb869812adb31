/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * abi.md section 4, what crosses and what does not: the header of the UTCB in a call, all MTD bits of a portal and of a reply, all flags of a reply.
 */
#include "abi.h"

static volatile nova_word portal_id;

NOVA_PORTAL(header_portal);

static void header_portal_handler(nova_word id, struct nova_utcb *utcb)
{
    portal_id = id;
    utcb->items = nova_items(1, 0);
}

static void test_windows(void)
{
    struct nova_thread *handler = new_handler(boot_cpu);
    nova_word portal = new_portal(handler, header_portal, (nova_word)0x89abcdef01234567ull), xlt = objects(0x7700, 3),
              del = objects(0x8800, 2);

    handler->utcb->tls = 0x7715;
    handler->utcb->xlt = xlt;
    handler->utcb->del = del;
    root_utcb->tls = 0x1234;
    root_utcb->xlt = objects(0x5500, 1);
    root_utcb->del = objects(0x6600, 1);
    root_utcb->items = nova_items(3, 0);
    check("call", nova_call(portal, 0), NOVA_SUCCESS);
    check("the portal's id is the whole word", portal_id, (nova_word)0x89abcdef01234567ull);
    check("the callee's tls is its own", handler->utcb->tls, 0x7715);
    check("its translate window, too", handler->utcb->xlt, xlt);
    check("its delegate window, too", handler->utcb->del, del);
    check("the caller's tls is its own", root_utcb->tls, 0x1234);
    check("its translate window, too", root_utcb->xlt, objects(0x5500, 1));
    check("its delegate window, too", root_utcb->del, objects(0x6600, 1));
    check("the answer's count", root_utcb->items, nova_items(1, 0));
    root_utcb->tls = root_utcb->xlt = root_utcb->del = 0;
    check("pt_ctrl while nobody calls", nova_pt_ctrl(portal, 7), NOVA_SUCCESS);
    root_utcb->items = 0;
    nova_call(portal, 0);
    check("the next call has the new id", portal_id, 7);
}

static struct nova_state after_mtd;

static void reply_all(nova_word vector, struct nova_utcb *utcb)
{
    (void)vector;
    memcpy(&after_mtd, &utcb->state, sizeof(after_mtd));
    utcb->state.ip += 2;
    utcb->state.mtd |= ~(nova_word)0 & ~(nova_word)(NOVA_MTD_FPU | NOVA_MTD_FLAGS);
}

static void test_mtd(void)
{
    const nova_word mtd_64 = sizeof(nova_word) == 8 ? 0 : NOVA_MTD_GPR_R8_R15;
    struct nova_state *state = &event_handler->utcb->state;
    struct registers registers;

    event_portal_set(EVENT_UD, 0xffffffff);
    memset(&registers, 0, sizeof(registers));
    registers.flags = FLAG_IF | 2;
    registers.bx = 0x5577;
    state->cr0 = state->cr3 = state->tsc_val = state->dr7 = state->exit_reason = state->es.limit = state->gdtr.limit = 0x4d4d;
    state->actv_state = state->inj_info = 0x4d4d;
    event_action = reply_all;
    undefined_registers(&registers);
    event_action = NULL;
    check("a portal with all MTD bits: those of a thread are delivered", after_mtd.mtd & ~mtd_64,
          (NOVA_MTD_GPR_ACDB | NOVA_MTD_GPR_BSD | NOVA_MTD_SP | NOVA_MTD_IP | NOVA_MTD_FLAGS | NOVA_MTD_QUAL | NOVA_MTD_GPR_R8_R15 |
           NOVA_MTD_FPU) &
              ~mtd_64);
    check("fields of virtual CPUs are left alone",
          (nova_word)(after_mtd.cr0 | after_mtd.cr3 | after_mtd.tsc_val | after_mtd.dr7 | after_mtd.exit_reason |
                      after_mtd.es.limit | after_mtd.gdtr.limit | after_mtd.actv_state | after_mtd.inj_info),
          0x4d4d);
    check("a reply with all other MTD bits resumes", registers.bx, 0x5577);
    event_portal_set(EVENT_UD, NOVA_EVENT_MTD);
}

static nova_word reply_flags;

static void set_flags(nova_word vector, struct nova_utcb *utcb)
{
    (void)vector;
    utcb->state.ip += 2;
    utcb->state.flags = reply_flags;
    utcb->state.mtd = NOVA_MTD_IP | NOVA_MTD_FLAGS;
}

static void test_flags(void)
{
    static const nova_word sets[] = {FLAGS_IOPL, FLAG_VM, FLAG_VIF, FLAG_VIP, FLAG_VIF | FLAG_VIP, ~(nova_word)FLAG_TF};
    struct registers registers;
    char name[80];

    for (unsigned i = 0; i < sizeof(sets) / sizeof(*sets); i++) {
        memset(&registers, 0, sizeof(registers));
        registers.flags = FLAG_IF | 2;
        reply_flags = sets[i];
        event_action = set_flags;
        undefined_registers(&registers);
        event_action = NULL;
        nova_format(name, sizeof(name), "reply with flags 0x%lx: IF alone of the system's", sets[i]);
        check(name, registers.flags & (FLAG_IF | FLAGS_IOPL | FLAG_VM | FLAG_VIF | FLAG_VIP), FLAG_IF);
    }
}

void test_header(void)
{
    section("4.header");
    test_windows();
    section("4.mtd");
    test_mtd();
    section("4.flags");
    test_flags();
}
