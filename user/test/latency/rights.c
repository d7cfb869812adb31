/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory, ports and objects: wide and deep derivations, many ranges, scattered page tables, full messages; made, changed and ended in one go.
 */
#include "latency.h"

enum {
    WIDE = 10000,
    CROWDED = 5000,
    DEEP = 10000,
    RANGES = 8192,
    TABLES = 400,
    OBJECTS = 10000,
    OBJECTS_ORDER = 14,
    QUOTA = 0x4000,
    LEFT = 40, /* pages that a short account has */
    LARGE_ORDER = 18,
    EMPTY_ORDER = NOVA_WORD_BITS == 64 ? 25 : 19
};

static nova_word pd, base_page;

/* A PD of its own, and a page to give away. */
static void domain_create(void)
{
    if (!pd)
        pd = nova_selectors(1, 1);
    if (!base_page)
        base_page = (nova_word)nova_allocate(NOVA_PAGE_SIZE, NOVA_PAGE_SIZE) >> NOVA_PAGE_BITS;
    expect("create_pd", nova_create_pd(pd, nova_pd, 0, nova_quota(0, QUOTA)), NOVA_SUCCESS);
}

static void domain_destroy(void) { destroy(nova_crd(NOVA_CRD_OBJ, pd, 0, NOVA_PERM_ALL)); }

static const nova_word free_page = NOVA_FREE_AREA >> NOVA_PAGE_BITS;

/* ---- memory ---- */

void wide_memory(void)
{
    unsigned count = scaled(WIDE);

    domain_create();
    for (unsigned i = 0; i < count; i++)
        expect("child", grant(nova_pd, pd, NOVA_CRD_MEM, base_page, 0x1000 + 2 * i, 0, NOVA_PERM_ALL, 0), NOVA_SUCCESS);
    expect("revoke with rights left", nova_revoke(nova_crd(NOVA_CRD_MEM, base_page, 0, NOVA_MEM_W), 0, 0, 0), NOVA_SUCCESS);
    expect("revoke", nova_revoke(nova_crd(NOVA_CRD_MEM, base_page, 0, NOVA_PERM_ALL), 0, 0, 0), NOVA_SUCCESS);
    for (unsigned i = 0; i < count; i++)
        expect("child", grant(nova_pd, pd, NOVA_CRD_MEM, base_page, 0x1000 + 2 * i, 0, NOVA_PERM_ALL, 0), NOVA_SUCCESS);
    domain_destroy();
}

/*
 * A range of four pages, and thousands of children of its last one and of its first. Revoking the second page cuts it: who holds it does that, who holds it and
 * lets live what derives from it, and who it comes from.
 */
void crowded_range(void)
{
    static nova_word pages;
    unsigned count = scaled(CROWDED);
    nova_word found;

    if (!pages)
        pages = (nova_word)nova_allocate(4 * NOVA_PAGE_SIZE, 4 * NOVA_PAGE_SIZE) >> NOVA_PAGE_BITS;
    for (unsigned way = 0; way < 3; way++) {
        nova_word revoked = nova_crd(NOVA_CRD_MEM, (way == 2 ? pages : free_page) + 1, 0, NOVA_PERM_ALL);
        domain_create();
        expect("range", grant(nova_pd, nova_pd, NOVA_CRD_MEM, pages, free_page, 2, NOVA_PERM_ALL, 0), NOVA_SUCCESS);
        for (unsigned i = 0; i < count; i++)
            expect("child", grant(nova_pd, pd, NOVA_CRD_MEM, free_page + (i & 1 ? 3 : 0), 0x1000 + 2 * i, 0, NOVA_PERM_ALL, 0),
                   NOVA_SUCCESS);
        expect("revoke of a part",
               nova_revoke(revoked,
                           way == 0   ? NOVA_REVOKE_SELF
                           : way == 1 ? NOVA_REVOKE_SELF | NOVA_REVOKE_KEEP
                                      : 0,
                           0, 0),
               NOVA_SUCCESS);
        expect("lookup", nova_lookup(nova_crd(NOVA_CRD_MEM, free_page + 1, 0, 0), &found), NOVA_SUCCESS);
        expect("the part is gone", found, 0);
        expect("lookup", nova_lookup(nova_crd(NOVA_CRD_MEM, free_page + 3, 0, 0), &found), NOVA_SUCCESS);
        expect("the rest is there", nova_crd_base(found), free_page + 3 - (nova_crd_order(found) != 0));
        expect("revoke", nova_revoke(nova_crd(NOVA_CRD_MEM, pages, 2, NOVA_PERM_ALL), 0, 0, 0), NOVA_SUCCESS);
        domain_destroy();
    }
}

NOVA_PORTAL(answer);

static void answer_handler(nova_word id, struct nova_utcb *utcb)
{
    (void)id;
    utcb->items = 0;
}

/* A handler of this PD whose windows are open; results stay in its UTCB. */
static struct nova_thread *receiver_start(nova_word portal, unsigned type)
{
    static struct nova_thread *receiver;

    if (!receiver)
        receiver = nova_thread_prepare(NULL, boot_cpu);
    expect("receiver", nova_handler_create(receiver, nova_pd, events_of(boot_cpu)), NOVA_SUCCESS);
    expect("its portal", nova_portal_create(portal, nova_pd, receiver, 0, answer, 0), NOVA_SUCCESS);
    receiver->utcb->xlt = nova_crd(type, 0, 31, NOVA_PERM_ALL);
    receiver->utcb->del = 0;
    return receiver;
}

/* A page given on and on in root's own space; each link is translated back, one and then as many as fit into a message. */
void deep_memory(void)
{
    unsigned count = scaled(DEEP);
    nova_word portal = nova_selectors(1, 1);
    struct nova_utcb *utcb = nova_self()->utcb;
    struct nova_thread *receiver = receiver_start(portal, NOVA_CRD_MEM);

    domain_create();
    domain_destroy();
    expect("first link", grant(nova_pd, nova_pd, NOVA_CRD_MEM, base_page, free_page, 0, NOVA_PERM_ALL, 0), NOVA_SUCCESS);
    for (unsigned i = 0; i < count; i++)
        expect("link", grant(nova_pd, nova_pd, NOVA_CRD_MEM, free_page + i, free_page + i + 1, 0, NOVA_PERM_ALL, 0), NOVA_SUCCESS);
    receiver->utcb->xlt = nova_crd(NOVA_CRD_MEM, base_page, 0, NOVA_PERM_ALL);
    nova_message_begin(utcb);
    nova_message_item(utcb, nova_crd(NOVA_CRD_MEM, free_page + count, 0, NOVA_PERM_ALL), NOVA_ITEM_TRANSLATE);
    expect("translation", nova_call(portal, 0), NOVA_SUCCESS);
    expect("result", nova_crd_base(nova_item(receiver->utcb, 0)->crd), base_page);
    nova_message_begin(utcb);
    while (nova_message_item(utcb, nova_crd(NOVA_CRD_MEM, free_page + count, 0, NOVA_PERM_ALL), NOVA_ITEM_TRANSLATE)) {}
    expect("many translations", nova_call(portal, 0), NOVA_SUCCESS);
    expect("result", nova_crd_base(nova_item(receiver->utcb, 100)->crd), base_page);
    expect("revoke with rights left", nova_revoke(nova_crd(NOVA_CRD_MEM, base_page, 0, NOVA_MEM_W), 0, 0, 0), NOVA_SUCCESS);
    expect("revoke", nova_revoke(nova_crd(NOVA_CRD_MEM, base_page, 0, NOVA_PERM_ALL), 0, 0, 0), NOVA_SUCCESS);
    destroy(nova_crd(NOVA_CRD_OBJ, portal, 0, NOVA_PERM_ALL));
    destroy(nova_crd(NOVA_CRD_OBJ, receiver->ec, 0, NOVA_PERM_ALL));
}

/* Single pages side by side, passed on and revoked as one range. */
void many_ranges(void)
{
    unsigned count = scaled(RANGES), order = 13;

    domain_create();
    for (unsigned i = 0; i < count; i++)
        expect("page", grant(nova_pd, nova_pd, NOVA_CRD_MEM, base_page, free_page + i, 0, NOVA_PERM_ALL, 0), NOVA_SUCCESS);
    expect("nothing below", nova_revoke(nova_crd(NOVA_CRD_MEM, free_page, order, NOVA_PERM_ALL), 0, 0, 0), NOVA_SUCCESS);
    expect("all of them", grant(nova_pd, pd, NOVA_CRD_MEM, free_page, 0x2000, order, NOVA_PERM_ALL, 0), NOVA_SUCCESS);
    expect("again", grant(nova_pd, pd, NOVA_CRD_MEM, free_page, 0x2000, order, NOVA_PERM_ALL, 0), NOVA_SUCCESS);
    expect("fewer rights", nova_revoke(nova_crd(NOVA_CRD_MEM, free_page, order, NOVA_MEM_W), 0, 0, 0), NOVA_SUCCESS);
    expect("keep", nova_revoke(nova_crd(NOVA_CRD_MEM, free_page, order, NOVA_PERM_ALL), NOVA_REVOKE_KEEP, 0, 0), NOVA_SUCCESS);
    expect("revoke", nova_revoke(nova_crd(NOVA_CRD_MEM, base_page, 0, NOVA_PERM_ALL), 0, 0, 0), NOVA_SUCCESS);
    domain_destroy();
}

/* One page in each 4 MiB: as many page tables as pages. */
void scattered_tables(void)
{
    unsigned count = scaled(TABLES);

    domain_create();
    for (unsigned i = 0; i < count; i++)
        expect("page", grant(nova_pd, pd, NOVA_CRD_MEM, base_page, 1024 * i + 16, 0, NOVA_PERM_ALL, 0), NOVA_SUCCESS);
    domain_destroy();
    domain_create();
    for (unsigned i = 0; i < count; i++)
        expect("page", grant(nova_pd, pd, NOVA_CRD_MEM, base_page, 1024 * i + 16, 0, NOVA_PERM_ALL, 0), NOVA_SUCCESS);
    expect("revoke", nova_revoke(nova_crd(NOVA_CRD_MEM, base_page, 0, NOVA_PERM_ALL), 0, 0, 0), NOVA_SUCCESS);
    domain_destroy();
}

/* 1 GiB of physical memory in one go, from the kernel and on; small pages where a large one does not fit. */
void large_memory(void)
{
    nova_word odd = 0x40000;

    domain_create();
    expect("1 GiB", grant(nova_pd, nova_pd, NOVA_CRD_MEM, 0, free_page, LARGE_ORDER, NOVA_MEM_RW, NOVA_ITEM_KERNEL), NOVA_SUCCESS);
    expect("on", grant(nova_pd, pd, NOVA_CRD_MEM, free_page, odd, LARGE_ORDER, NOVA_MEM_RW, 0), NOVA_SUCCESS);
    expect("fewer rights", nova_revoke(nova_crd(NOVA_CRD_MEM, free_page, LARGE_ORDER, NOVA_MEM_W), 0, 0, 0), NOVA_SUCCESS);
    expect("revoke", nova_revoke(nova_crd(NOVA_CRD_MEM, free_page, LARGE_ORDER, NOVA_PERM_ALL), NOVA_REVOKE_SELF, 0, 0),
           NOVA_SUCCESS);
    domain_destroy();
}

/* ---- objects ---- */

void many_objects(void)
{
    unsigned count = scaled(OBJECTS);
    nova_word base = nova_selectors(1 << OBJECTS_ORDER, 1 << OBJECTS_ORDER);

    domain_create();
    for (unsigned i = 0; i < count; i++)
        expect("create_sm", nova_create_sm(base + i, pd, 0), NOVA_SUCCESS);
    expect("nothing below", nova_revoke(nova_crd(NOVA_CRD_OBJ, base, OBJECTS_ORDER, NOVA_PERM_ALL), 0, 0, 0), NOVA_SUCCESS);
    expect("all of them", grant(nova_pd, pd, NOVA_CRD_OBJ, base, 0, OBJECTS_ORDER, NOVA_PERM_ALL, 0), NOVA_SUCCESS);
    expect("again", grant(nova_pd, pd, NOVA_CRD_OBJ, base, 0, OBJECTS_ORDER, NOVA_PERM_ALL, 0), NOVA_SUCCESS);
    expect("once more", grant(pd, pd, NOVA_CRD_OBJ, 0, 1 << OBJECTS_ORDER, OBJECTS_ORDER, NOVA_PERM_ALL, 0), NOVA_SUCCESS);
    expect("the whole space", grant(pd, pd, NOVA_CRD_OBJ, 0, 0, NOVA_WORD_BITS == 64 ? 26 : 19, NOVA_PERM_ALL, 0), NOVA_SUCCESS);
    expect("fewer rights", nova_revoke(nova_crd(NOVA_CRD_OBJ, base, OBJECTS_ORDER, 1), 0, 0, 0), NOVA_SUCCESS);
    expect("only here",
           nova_revoke(nova_crd(NOVA_CRD_OBJ, base, OBJECTS_ORDER, NOVA_PERM_ALL), NOVA_REVOKE_SELF | NOVA_REVOKE_KEEP, 0, 0),
           NOVA_SUCCESS);
    domain_destroy();
    domain_create();
    for (unsigned i = 0; i < count; i++)
        expect("create_sm", nova_create_sm(base + i, pd, 0), NOVA_SUCCESS);
    for (unsigned i = 0; i < count; i++)
        expect("far apart", grant(nova_pd, pd, NOVA_CRD_OBJ, base + i, i << (NOVA_WORD_BITS == 64 ? 11 : 5), 0, NOVA_PERM_ALL, 0),
               NOVA_SUCCESS);
    destroy(nova_crd(NOVA_CRD_OBJ, base, OBJECTS_ORDER, NOVA_PERM_ALL));
    domain_destroy();
    /* the upper half of what a CRD can name */
    expect("an empty space",
           nova_revoke(nova_crd(NOVA_CRD_OBJ, (nova_word)1 << EMPTY_ORDER, EMPTY_ORDER, NOVA_PERM_ALL), NOVA_REVOKE_SELF, 0, 0),
           NOVA_SUCCESS);
}

/* One semaphore given on and on. */
void deep_objects(void)
{
    unsigned count = scaled(DEEP);
    nova_word base = nova_selectors(1 << OBJECTS_ORDER, 1 << OBJECTS_ORDER);

    expect("create_sm", nova_create_sm(base, nova_pd, 0), NOVA_SUCCESS);
    for (unsigned i = 0; i < count; i++)
        expect("link", grant(nova_pd, nova_pd, NOVA_CRD_OBJ, base + i, base + i + 1, 0, NOVA_PERM_ALL, 0), NOVA_SUCCESS);
    expect("fewer rights", nova_revoke(nova_crd(NOVA_CRD_OBJ, base, 0, NOVA_SM_DOWN_PERM), 0, 0, 0), NOVA_SUCCESS);
    destroy(nova_crd(NOVA_CRD_OBJ, base, 0, NOVA_PERM_ALL));
}

/* ---- messages ---- */

/* As many items as fit: each delegates a page, and each needs a page table of its own. */
void full_message(void)
{
    nova_word portal = nova_selectors(1, 1), spread = NOVA_WORD_BITS == 64 ? 0x200 : 0x400,
              items = NOVA_WORD_BITS == 64 ? 250 : 120;
    struct nova_utcb *utcb = nova_self()->utcb;
    struct nova_thread *receiver = receiver_start(portal, NOVA_CRD_MEM);

    domain_create();
    nova_message_begin(utcb);
    for (nova_word i = 0; i < items; i++)
        nova_message_item(utcb, nova_crd(NOVA_CRD_MEM, base_page, 0, NOVA_MEM_RW),
                          nova_control(NOVA_ITEM_DELEGATE, (i + 1) * spread));
    expect("delegation to tables of their own", nova_delegate(nova_pd, pd, nova_crd(NOVA_CRD_MEM, 0, 31, NOVA_PERM_ALL)),
           NOVA_SUCCESS);
    domain_destroy();
    receiver->utcb->xlt = 0;
    receiver->utcb->del = nova_crd(NOVA_CRD_MEM, free_page, NOVA_WORD_BITS == 64 ? 19 : 17, NOVA_PERM_ALL);
    nova_message_begin(utcb);
    for (nova_word i = 0; i < items; i++)
        nova_message_item(utcb, nova_crd(NOVA_CRD_MEM, base_page, 0, NOVA_MEM_RW), nova_control(NOVA_ITEM_DELEGATE, i * spread));
    expect("message full of items", nova_call(portal, 0), NOVA_SUCCESS);
    utcb->items = nova_items(NOVA_UTCB_WORDS, 0);
    expect("message full of words", nova_call(portal, 0), NOVA_SUCCESS);
    expect("revoke", nova_revoke(nova_crd(NOVA_CRD_MEM, base_page, 0, NOVA_PERM_ALL), 0, 0, 0), NOVA_SUCCESS);
    destroy(nova_crd(NOVA_CRD_OBJ, portal, 0, NOVA_PERM_ALL));
    destroy(nova_crd(NOVA_CRD_OBJ, receiver->ec, 0, NOVA_PERM_ALL));
}

/* What a message has delegated is taken back among what was there, when the account runs short: in this PD, whose quota another one gets meanwhile. */
static void message_short(nova_word portal, enum nova_crd_type type, nova_word base, nova_word there, nova_word target,
                          unsigned order)
{
    struct nova_utcb *utcb = nova_self()->utcb;
    nova_word limit, used, found;

    nova_message_begin(utcb);
    nova_message_item(utcb, nova_crd(type, base, order, NOVA_PERM_ALL), nova_control(NOVA_ITEM_DELEGATE, there));
    nova_message_item(utcb, nova_crd(type, base, order, NOVA_PERM_ALL), nova_control(NOVA_ITEM_DELEGATE, target));
    expect("quota", nova_pd_quota_read(nova_pd, &limit, &used), NOVA_SUCCESS);
    nova_word spare = limit - used - LEFT;
    expect("less quota", nova_pd_quota_move(nova_pd, pd, spare), NOVA_SUCCESS);
    expect("message without memory", nova_call(portal, 0), NOVA_QUO_OOM);
    expect("quota back", nova_pd_quota_move(pd, nova_pd, spare), NOVA_SUCCESS);
    expect("lookup", nova_lookup(nova_crd(type, target, 0, 0), &found), NOVA_SUCCESS);
    expect("nothing of it is left", found, 0);
    expect("lookup", nova_lookup(nova_crd(type, there, 0, 0), &found), NOVA_SUCCESS);
    expect("what was there is", nova_crd_base(found), there);
}

void short_message(void)
{
    unsigned ranges = scaled(RANGES), objects = scaled(OBJECTS), order = 13;
    nova_word portal = nova_selectors(1, 1), base = nova_selectors(1 << OBJECTS_ORDER, 1 << OBJECTS_ORDER);
    nova_word there = nova_selectors(1 << OBJECTS_ORDER, 1 << OBJECTS_ORDER);
    struct nova_thread *receiver = receiver_start(portal, NOVA_CRD_MEM);

    domain_create();
    receiver->utcb->xlt = 0;
    receiver->utcb->del = nova_crd(NOVA_CRD_MEM, 0, 31, NOVA_PERM_ALL);
    for (unsigned i = 0; i < ranges; i++)
        expect("page", grant(nova_pd, nova_pd, NOVA_CRD_MEM, base_page, free_page + i, 0, NOVA_PERM_ALL, 0), NOVA_SUCCESS);
    expect("again", grant(nova_pd, nova_pd, NOVA_CRD_MEM, free_page, free_page + 0x2000, order, NOVA_PERM_ALL, 0), NOVA_SUCCESS);
    message_short(portal, NOVA_CRD_MEM, free_page, free_page + 0x2000, free_page + 0x4000, order);
    expect("revoke", nova_revoke(nova_crd(NOVA_CRD_MEM, base_page, 0, NOVA_PERM_ALL), 0, 0, 0), NOVA_SUCCESS);

    receiver->utcb->del = nova_crd(NOVA_CRD_OBJ, 0, 31, NOVA_PERM_ALL);
    for (unsigned i = 0; i < objects; i++)
        expect("create_sm", nova_create_sm(base + i, pd, 0), NOVA_SUCCESS);
    expect("again", grant(nova_pd, nova_pd, NOVA_CRD_OBJ, base, there, OBJECTS_ORDER, NOVA_PERM_ALL, 0), NOVA_SUCCESS);
    message_short(portal, NOVA_CRD_OBJ, base, there, nova_selectors(1 << OBJECTS_ORDER, 1 << OBJECTS_ORDER), OBJECTS_ORDER);
    destroy(nova_crd(NOVA_CRD_OBJ, base, OBJECTS_ORDER, NOVA_PERM_ALL));
    destroy(nova_crd(NOVA_CRD_OBJ, portal, 0, NOVA_PERM_ALL));
    destroy(nova_crd(NOVA_CRD_OBJ, receiver->ec, 0, NOVA_PERM_ALL));
    domain_destroy();
}

void ports(void)
{
    domain_create();
    expect("ports from the kernel", grant(nova_pd, nova_pd, NOVA_CRD_PIO, 0x1000, 0x1000, 12, NOVA_PERM_ALL, NOVA_ITEM_KERNEL),
           NOVA_SUCCESS);
    for (unsigned i = 0; i < 0x1000; i += 2)
        expect("port", grant(nova_pd, pd, NOVA_CRD_PIO, 0x1000 + i, 0x1000 + i, 0, NOVA_PERM_ALL, 0), NOVA_SUCCESS);
    expect("all", grant(nova_pd, pd, NOVA_CRD_PIO, 0x1000, 0x1000, 12, NOVA_PERM_ALL, 0), NOVA_SUCCESS);
    expect("revoke", nova_revoke(nova_crd(NOVA_CRD_PIO, 0x1000, 12, NOVA_PERM_ALL), NOVA_REVOKE_SELF, 0, 0), NOVA_SUCCESS);
    domain_destroy();
}
