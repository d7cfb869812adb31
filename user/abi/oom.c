/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * abi.md section 9: who is told when an account is exhausted, with which three words, and that the hypercall is then repeated. Here what the checks have in common, and
 * hypercalls without a message; oom_call.c and oom_reply.c have the messages.
 */
#include "oom.h"

enum { STRIDE_ORDER = 10 /* pages between two items */, PLACES = 10, MANY = 5000, SPLIT_ORDER = 8 };
#define TARGETS ((nova_word)0x70000000 >> NOVA_PAGE_BITS)
#define SPLIT_AREA ((nova_word)0x1c000000)

struct shortage shortage;
nova_word oom_words[3]; /* what the handler was entered with */

#ifdef __x86_64__
__asm__(".pushsection .text\n\t.globl oom_entry\noom_entry:\n\tmov %rdi, oom_words(%rip)\n\tmov %rsi, oom_words+8(%rip)\n\t"
        "mov %rdx, oom_words+16(%rip)\n\tjmp oom_portal\n\t.popsection");
#else
__asm__(".pushsection .text\n\t.globl oom_entry\noom_entry:\n\tmov %eax, oom_words\n\tmov %edi, oom_words+4\n\t"
        "mov %esi, oom_words+8\n\tjmp oom_portal\n\t.popsection");
#endif

NOVA_PORTAL(oom_portal);

static void oom_portal_handler(nova_word id, struct nova_utcb *utcb)
{
    (void)id;
    if (shortage.count++ == 0) {
        shortage.wrong_words = (oom_words[0] != OOM_ID) | (oom_words[1] != shortage.expected_id) << 1 |
                               (oom_words[2] != shortage.expected_reason) << 2;
        shortage.wrong = oom_words[1];
    }
    if (shortage.count > 40) /* it does not help: stop, so that the check can say so */
        nova_park();
    nova_pd_quota_move(nova_pd, shortage.pd, GIFT);
    if (!(oom_words[2] & REASON_SELF)) /* else the UTCB still holds the reply */
        utcb->items = 0;
}

/* ---- a child that is short ---- */

void account_exhaust(void)
{
    nova_word limit = 0, usage = 0;
    nova_pd_quota_read(shortage.pd, &limit, &usage);
    nova_pd_quota_move(shortage.pd, nova_pd, limit - usage);
}

void items_make(struct nova_utcb *utcb)
{
    nova_message_begin(utcb);
    for (unsigned i = 0; i < ITEMS; i++)
        nova_message_item(utcb, nova_crd(NOVA_CRD_MEM, shortage.page >> NOVA_PAGE_BITS, 0, NOVA_MEM_RW),
                          nova_control(NOVA_ITEM_DELEGATE, shortage.target + ((nova_word)i << STRIDE_ORDER)));
}

void items_count(struct nova_utcb *utcb)
{
    shortage.items = nova_typed(utcb->items);
    for (unsigned i = 0; i < shortage.items && i < ITEMS; i++)
        shortage.null += !nova_item(utcb, i)->crd;
}

void shortage_prepare(nova_word id, nova_word reason)
{
    static unsigned place; /* elsewhere each time, since tables that are there once may stay */

    nova_revoke(nova_crd(NOVA_CRD_MEM, shortage.page >> NOVA_PAGE_BITS, 0, NOVA_PERM_ALL), 0, 0, 0);
    account_exhaust();
    shortage.target = TARGETS + ((nova_word)(place++ % PLACES * ITEMS) << STRIDE_ORDER);
    shortage.count = 0;
    shortage.wrong_words = 0;
    shortage.expected_id = id;
    shortage.expected_reason = reason;
    shortage.items = shortage.null = shortage.calls = shortage.feeds = 0;
    shortage.status = 0xdead;
}

void shortage_check(const char *what)
{
    char name[120];
    nova_format(name, sizeof(name), "%s: the out-of-memory portal is called", what);
    check_true(name, shortage.count >= 1);
    nova_format(name, sizeof(name), "%s: ARG_1 to ARG_3 (wrong ones as bits; ARG_2 was 0x%lx)", what, shortage.wrong);
    check(name, shortage.wrong_words, 0);
}

struct child shortage_child(nova_word events, void (*entry)(void *), nova_word oom)
{
    struct child child = new_child(PAGES, events);

    shortage.pd = child.pd;
    child_give(&child, shortage.portal);
    child_give(&child, shortage.go);
    child_give(&child, shortage.done);
    child_start(&child, 2, entry, NULL, oom);
    return child;
}

/* ---- no messages ---- */

static void split(void *unused)
{
    nova_word status = NOVA_SUCCESS;

    (void)unused;
    nova_sm_down(shortage.go, 0, 0);
    for (nova_word i = 1; i < 1 << SPLIT_ORDER && !status; i += 2)
        status = nova_revoke(nova_crd(NOVA_CRD_MEM, (SPLIT_AREA >> NOVA_PAGE_BITS) + i, 0, NOVA_PERM_ALL), NOVA_REVOKE_SELF, 0, 0);
    shortage.status = status;
    nova_sm_up(shortage.done);
    for (;;) /* to return would be to use a semaphore that this PD does not have */
        nova_sm_down(shortage.go, 0, 0);
}

static void test_own_account(void)
{
    nova_word memory = (nova_word)nova_allocate(NOVA_PAGE_SIZE << SPLIT_ORDER, NOVA_PAGE_SIZE << SPLIT_ORDER);
    struct child child;

    section("9.own_account");
    for (unsigned round = 0; round < 2; round++) {
        child = shortage_child(0, split, round ? 0 : shortage.oom);
        check("memory for a PD",
              nova_delegate_range(nova_pd, child.pd, NOVA_CRD_MEM, memory >> NOVA_PAGE_BITS, SPLIT_AREA >> NOVA_PAGE_BITS,
                                  1 << SPLIT_ORDER, NOVA_MEM_RW, 0),
              NOVA_SUCCESS);
        shortage_prepare(OOM_ID, REASON_CALL);
        nova_sm_up(shortage.go);
        check("hypercalls of a PD that is short: their end", wait_for(shortage.done), NOVA_SUCCESS);
        if (round)
            check_true("without an out-of-memory portal: SUCCESS or QUO_OOM",
                       shortage.status == NOVA_SUCCESS || shortage.status == NOVA_QUO_OOM);
        else {
            check("with one: SUCCESS", shortage.status, NOVA_SUCCESS);
            check("its handler, if asked, had the right words", shortage.wrong_words, 0);
        }
        child_end(&child);
    }
}

static void test_create_short(void)
{
    struct child child = new_child(PAGES, 0);
    nova_word first = nova_selectors(MANY, 8192), n, utcb = (nova_word)nova_utcb_address();
    struct nova_thread *thread = nova_thread_prepare(NULL, boot_cpu);
    enum nova_status status = NOVA_SUCCESS;

    section("9.create");
    shortage.pd = child.pd;
    nova_create_ec(thread->ec, nova_pd, boot_cpu, (nova_word)thread->utcb, (nova_word)thread, 0, NOVA_EC_GLOBAL);
    account_exhaust();
    for (n = 0; n < MANY && !(status = nova_create_sm(first + n, shortage.pd, 0)); n++)
        ;
    check("create_sm ends with QUO_OOM", status, NOVA_QUO_OOM);
    check("and leaves the selector empty", object_at(first + n), 0);
    for (; n < MANY && !(status = nova_create_pt(first + n, shortage.pd, event_handler->ec, 0, 0x1000)); n++)
        ;
    check("create_pt ends with QUO_OOM", status, NOVA_QUO_OOM);
    check("and leaves the selector empty", object_at(first + n), 0);
    for (; n < MANY && !(status = nova_create_sc(first + n, shortage.pd, thread->ec, nova_qpd(1, 1000))); n++)
        ;
    check("create_sc ends with QUO_OOM", status, NOVA_QUO_OOM);
    check("and leaves the selector empty", object_at(first + n), 0);
    check("create_ec ends with QUO_OOM", nova_create_ec(first + n, shortage.pd, boot_cpu, utcb, 0, 0, 0), NOVA_QUO_OOM);
    check("and leaves the selector empty", object_at(first + n), 0);
    nova_pd_quota_move(nova_pd, shortage.pd, GIFT);
    check("with more quota create_ec works", nova_create_ec(first + n, shortage.pd, boot_cpu, utcb, 0, 0, 0), NOVA_SUCCESS);

    section("9.delegate");
    account_exhaust();
    items_make(root_utcb);
    check("misc delegate to a PD that is short: QUO_OOM",
          nova_delegate(nova_pd, shortage.pd, nova_crd(NOVA_CRD_MEM, 0, 31, NOVA_PERM_ALL)), NOVA_QUO_OOM);
    nova_pd_quota_move(nova_pd, shortage.pd, GIFT);
    items_make(root_utcb);
    check("with more quota: repeated", nova_delegate(nova_pd, shortage.pd, nova_crd(NOVA_CRD_MEM, 0, 31, NOVA_PERM_ALL)),
          NOVA_SUCCESS);
    nova_message_begin(root_utcb);
    drop_wait(first, 13);
    drop_wait(thread->ec, 2);
    child_end(&child);
}

void test_oom(void)
{
    struct nova_thread *handler = new_handler(boot_cpu);
    struct child child = new_child(PAGES, 0);

    shortage.page = (nova_word)nova_allocate(NOVA_PAGE_SIZE, NOVA_PAGE_SIZE);
    shortage.go = new_semaphore(0);
    shortage.done = new_semaphore(0);
    shortage.oom = new_selector();
    nova_portal_create(shortage.oom, nova_pd, handler, 0, oom_entry, OOM_ID);
    shortage.pd = child.pd;
    test_create_short();
    shortage.pd = child.pd;
    test_oom_call(handler);
    child_end(&child);
    test_oom_reply(handler);
    test_oom_event();
    test_own_account();
    test_oom_cross();
}
