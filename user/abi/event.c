/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * abi.md sections 4 and 5: what state an exception delivers (MTD), what a reply may change, and pagers.
 */
#include "abi.h"

/* ---- delivered state ---- */

static struct registers sent, stored;
static struct nova_state replied;
static nova_word reply_mtd;

/* Steps over the ud2; writes new values to all registers, of which the MTD lets some through. */
static void resume(nova_word vector, struct nova_utcb *utcb)
{
    (void)vector;
    utcb->state.ip += 2;
#define REPLY(r) utcb->state.r = replied.r;
    REGISTERS(REPLY)
    utcb->state.flags = replied.flags;
    utcb->state.mtd = reply_mtd;
}

static void raise_undefined(nova_word mtd, nova_word seed)
{
    registers_fill(&sent, seed);
    stored = sent;
    reply_mtd = mtd;
    event_action = resume;
    undefined_registers(&stored);
    event_action = NULL;
}

static void test_delivered(void)
{
    raise_undefined(NOVA_MTD_IP, 0x1111);
#define CHECK_DELIVERED(r) check("event delivers " #r, last_event.state.r, sent.r);
    REGISTERS(CHECK_DELIVERED)
    check("event delivers ip", last_event.state.ip, (nova_word)undefined_ip);
    check("event delivers sp", last_event.state.sp, stored.sp);
    check("event delivers flags", last_event.state.flags & ~(nova_word)FLAG_RF, FLAG_IF | FLAG_CF | 2);
    check("event delivers the portal's MTD", last_event.state.mtd & ~(nova_word)(sizeof(nova_word) == 8 ? 0 : NOVA_MTD_GPR_R8_R15),
          NOVA_EVENT_MTD & ~(nova_word)(sizeof(nova_word) == 8 ? 0 : NOVA_MTD_GPR_R8_R15));
    check("event has no typed items", nova_typed(last_event.items), 0);
    check_true("event's words cover the state",
               nova_untyped(last_event.items) * sizeof(nova_word) >= offsetof(struct nova_state, fpu));
    check_true("but are not more than the page holds", nova_untyped(last_event.items) <= NOVA_UTCB_WORDS);
#define CHECK_KEPT(r) check("reply with MTD ip alone keeps " #r, stored.r, sent.r);
    REGISTERS(CHECK_KEPT)
    check("reply with MTD ip alone keeps flags", stored.flags & ~(nova_word)FLAG_RF, FLAG_IF | FLAG_CF | 2);
}

static void test_reply(void)
{
    struct registers fresh;

    registers_fill(&fresh, 0x7777);
#define SET_REPLIED(r) replied.r = fresh.r;
    REGISTERS(SET_REPLIED)
    replied.flags = FLAG_DF | FLAGS_IOPL | 2; /* IF off, IOPL 3 */
    raise_undefined(NOVA_MTD_IP | NOVA_MTD_GPR_ACDB | NOVA_MTD_GPR_BSD | NOVA_MTD_FLAGS | NOVA_MTD_GPR_R8_R15, 0x2222);
#define CHECK_REPLIED(r) check("reply sets " #r, stored.r, fresh.r);
    REGISTERS(CHECK_REPLIED)
    check("reply sets flags, IF stays on, IOPL 0", stored.flags & ~(nova_word)FLAG_RF, FLAG_IF | FLAG_DF | 2);
    replied.flags = FLAG_VM | 2;
    raise_undefined(NOVA_MTD_IP | NOVA_MTD_FLAGS, 0x3333);
    check("reply cannot set VM", stored.flags & ~(nova_word)FLAG_RF, FLAG_IF | 2);
    raise_undefined(NOVA_MTD_IP | NOVA_MTD_GPR_ACDB, 0x4444);
    check("reply with ax cx dx bx: ax", stored.ax, fresh.ax);
    check("reply with ax cx dx bx: bx", stored.bx, fresh.bx);
    check("reply with ax cx dx bx: not si", stored.si, sent.si);
    check("reply with ax cx dx bx: not bp", stored.bp, sent.bp);
    raise_undefined(NOVA_MTD_IP | NOVA_MTD_GPR_BSD, 0x5555);
    check("reply with bp si di: bp", stored.bp, fresh.bp);
    check("reply with bp si di: di", stored.di, fresh.di);
    check("reply with bp si di: not cx", stored.cx, sent.cx);
}

/* A portal with an MTD of its own: what it does not name stays in the handler's UTCB. */
static void check_subset(const char *what, nova_word mtd, int acdb, int bsd, int flags)
{
    struct nova_state *state = &event_handler->utcb->state;
    char name[100];

    event_portal_set(EVENT_UD, mtd | NOVA_MTD_IP);
    state->ax = state->bx = state->si = state->bp = state->flags = 0xabcd;
    raise_undefined(NOVA_MTD_IP, 0x6666);
    nova_format(name, sizeof(name), "portal with %s: mtd", what);
    check(name, last_event.state.mtd, mtd | NOVA_MTD_IP);
    nova_format(name, sizeof(name), "portal with %s: ax", what);
    check(name, last_event.state.ax, acdb ? sent.ax : 0xabcd);
    nova_format(name, sizeof(name), "portal with %s: bx", what);
    check(name, last_event.state.bx, acdb ? sent.bx : 0xabcd);
    nova_format(name, sizeof(name), "portal with %s: si", what);
    check(name, last_event.state.si, bsd ? sent.si : 0xabcd);
    nova_format(name, sizeof(name), "portal with %s: bp", what);
    check(name, last_event.state.bp, bsd ? sent.bp : 0xabcd);
    nova_format(name, sizeof(name), "portal with %s: flags", what);
    check(name, last_event.state.flags & ~(nova_word)FLAG_RF, flags ? FLAG_IF | FLAG_CF | 2 : 0xabcd & ~(nova_word)FLAG_RF);
}

static void test_subsets(void)
{
    check_subset("ip alone", 0, 0, 0, 0);
    check_subset("ax cx dx bx", NOVA_MTD_GPR_ACDB, 1, 0, 0);
    check_subset("bp si di", NOVA_MTD_GPR_BSD, 0, 1, 0);
    check_subset("flags", NOVA_MTD_FLAGS, 0, 0, 1);
    event_portal_set(EVENT_UD, NOVA_EVENT_MTD);
}

/* FPU registers: an FXSAVE image, or an XSAVE one that begins with the same fields (Intel SDM volume 1, section 13.4.1). */
static void test_fpu(void)
{
    uint16_t control = 0x27f, arrived;

    event_portal_set(EVENT_UD, NOVA_MTD_IP | NOVA_MTD_FPU);
    check("the FPU can be used", probe(touch_fpu, control), NO_EXCEPTION);
    raise_undefined(NOVA_MTD_IP, 0x8888);
    memcpy(&arrived, event_handler->utcb->state.fpu, sizeof(arrived));
    check("event delivers the FPU's control word", arrived, control);
    check("and says so", last_event.state.mtd, NOVA_MTD_IP | NOVA_MTD_FPU);
    probe(touch_fpu, 0x37f);
    event_portal_set(EVENT_UD, NOVA_EVENT_MTD);
}

/* ---- a pager ---- */

static volatile nova_word pager_page, pager_faults, pager_error;

static void pager(nova_word vector, struct nova_utcb *utcb)
{
    nova_word address = (nova_word)utcb->state.qual[1];

    (void)vector;
    pager_faults++;
    pager_error = (nova_word)utcb->state.qual[0];
    utcb->state.mtd = 0;
    utcb->items = 0;
    nova_message_item(utcb, nova_crd(NOVA_CRD_MEM, pager_page >> NOVA_PAGE_BITS, 0, NOVA_MEM_RW),
                      nova_control(NOVA_ITEM_DELEGATE, address >> NOVA_PAGE_BITS));
}

static void test_pager(void)
{
    nova_word range = free_range(4);

    pager_page = (nova_word)nova_allocate(NOVA_PAGE_SIZE, NOVA_PAGE_SIZE);
    ((volatile nova_word *)pager_page)[3] = 0x7a67;
    event_action = pager;
    check("a pager's reply maps the page", ((volatile nova_word *)range)[3], 0x7a67);
    check("with one fault", pager_faults, 1);
    check("which was a read", pager_error & PF_WRITE, 0);
    ((volatile nova_word *)(range + 5 * NOVA_PAGE_SIZE))[4] = 0x1234;
    check("a write elsewhere: one more fault", pager_faults, 2);
    check("which was a write", pager_error & PF_WRITE, PF_WRITE);
    check("the write went to the page", ((volatile nova_word *)pager_page)[4], 0x1234);
    check("mapped pages do not fault", ((volatile nova_word *)range)[4], 0x1234);
    check("so there were two faults", pager_faults, 2);
    nova_revoke(nova_crd(NOVA_CRD_MEM, pager_page >> NOVA_PAGE_BITS, 0, NOVA_PERM_ALL), 0, 0, 0);
    (void)((volatile nova_word *)range)[3];
    check("after revoke it faults again", pager_faults, 3);
    event_action = NULL;
}

/* Replies that send the thread where it cannot be. */
static nova_word bad_ip;

static void undefined(nova_word unused)
{
    (void)unused;
    __asm__ volatile("ud2");
}

static void send_away(nova_word vector, struct nova_utcb *utcb)
{
    (void)vector;
    event_action = NULL;
    utcb->state.ip = bad_ip;
    utcb->state.mtd = NOVA_MTD_IP;
}

static void test_bad_reply(void)
{
    static const nova_word ips[] = {
        NOVA_USER_LIMIT,    ~(nova_word)0,
#ifdef __x86_64__
        (nova_word)1 << 63, (nova_word)1 << 47, 0xffffffff80000000,
#endif
    };
    char name[100];

    for (unsigned i = 0; i < sizeof(ips) / sizeof(*ips); i++) {
        nova_word vector;
        bad_ip = ips[i];
        event_action = send_away;
        vector = probe(undefined, 0);
        event_action = NULL;
        nova_format(name, sizeof(name), "event reply with ip 0x%lx ends in an exception of the thread", ips[i]);
        check_true(name, vector == EVENT_GP || vector == EVENT_PF);
    }
}

void test_event(void)
{
    section("5.event_state");
    test_delivered();
    section("5.event_reply");
    test_reply();
    section("4.mtd");
    test_subsets();
    section("4.mtd_fpu");
    test_fpu();
    section("5.pager");
    test_pager();
    section("5.event_reply");
    test_bad_reply();
}
