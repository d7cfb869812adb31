/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Values at and beyond every limit, made by rule: 0, each power of two up to the width of the field and its neighbours, all ones, and the limits that the HIP
 * names with theirs. Selectors, orders, bases, counts, CPUs, priorities, addresses, quotas. A check counts the values whose answer was not
 * the one of the interface; the first of them is shown.
 */
#include "abi.h"

enum { VALUES_MAX = 3 * NOVA_WORD_BITS + 20 };

static nova_word values[VALUES_MAX];
static unsigned count;

static void value_add(nova_word value, nova_word max)
{
    if (value > max)
        return;
    for (unsigned i = 0; i < count; i++)
        if (values[i] == value)
            return;
    if (count < VALUES_MAX)
        values[count++] = value;
}

/* Values of a field of `bits` bits, and around up to two limits. */
static void values_make(unsigned bits, nova_word limit, nova_word other)
{
    nova_word max = bits < NOVA_WORD_BITS ? ((nova_word)1 << bits) - 1 : ~(nova_word)0;

    count = 0;
    value_add(0, max);
    value_add(max, max);
    for (unsigned bit = 0; bit < bits; bit++)
        for (int around = -1; around <= 1; around++)
            value_add(((nova_word)1 << bit) + (nova_word)around, max);
    for (int around = -1; around <= 1; around++) {
        value_add(limit + (nova_word)around, max);
        value_add(other + (nova_word)around, max);
    }
}

static nova_word wrong, first_wrong;

static void judge(nova_word value, int right)
{
    if (!right && !wrong++)
        first_wrong = value;
}

static void verdict(const char *name)
{
    char text[140];
    nova_format(text, sizeof(text), wrong ? "%s (first wrong: 0x%lx of %u values)" : "%s", name, first_wrong, count);
    check(text, wrong, 0);
    wrong = 0;
}

/* Whether nothing is at a selector; also for those beyond the space. */
static int is_empty(nova_word selector)
{
    nova_word crd = 1;
    return selector >> (NOVA_WORD_BITS - 12) || (!nova_lookup(object(selector, 0), &crd) && !crd);
}

static nova_word child; /* a PD to act upon, nearly empty */

/* ---- selectors ---- */

enum { WIDE = NOVA_WORD_BITS, ARG1 = NOVA_WORD_BITS - 8 };

#define EACH(statement)                                                                                                            \
    for (unsigned i_ = 0; i_ < count; i_++) {                                                                                      \
        nova_word v = values[i_];                                                                                                  \
        statement;                                                                                                                 \
    }

static void test_selectors(void)
{
    nova_word spare = new_selector(), out, out2, sm = new_semaphore(0);
    nova_word utcb = (nova_word)nova_utcb_address();
    uint64_t us;

    values_make(ARG1, nova_hip->selectors, 0);
    EACH(if (is_empty(v)) judge(v, nova_sm_up(v) == NOVA_BAD_CAP));
    verdict("up on selectors that hold nothing: BAD_CAP");
    EACH(if (is_empty(v)) judge(v, nova_sm_down(v, 0, 1) == NOVA_BAD_CAP));
    verdict("down");
    root_utcb->items = 0;
    EACH(if (is_empty(v)) judge(v, nova_call(v, NOVA_CALL_NOBLOCK) == NOVA_BAD_CAP));
    verdict("call");
    EACH(if (is_empty(v)) judge(v, nova_pt_ctrl(v, 0) == NOVA_BAD_CAP));
    verdict("pt_ctrl");
    EACH(if (is_empty(v)) judge(v, nova_ec_recall(v, 0) == NOVA_BAD_CAP && nova_ec_help(v, 0) == NOVA_BAD_CAP &&
                                       nova_ec_time(v, &us) == NOVA_BAD_CAP && nova_ec_msr(v) == NOVA_BAD_CAP));
    verdict("ec_ctrl recall, help, time, MSR");
    EACH(if (is_empty(v)) judge(v, nova_sc_time(v, 0, &us) == NOVA_BAD_CAP));
    verdict("sc_ctrl");
    EACH(if (is_empty(v))
             judge(v, nova_pd_quota_read(v, &out, &out2) == NOVA_BAD_CAP && nova_pd_quota_move(v, nova_pd, 0) == NOVA_BAD_CAP));
    verdict("pd_ctrl");
    EACH(if (is_empty(v)) judge(v, nova_delegate(v, nova_pd, 0) == NOVA_BAD_CAP));
    verdict("delegate from");
    EACH(if (is_empty(v)) judge(v, nova_assign_pci(v, 0, 0) == NOVA_BAD_CAP));
    verdict("assign_pci");
    EACH(if (is_empty(v)) judge(v, nova_assign_gsi(v, 0, 0, boot_cpu, ~(nova_word)0, &out, &out2) == NOVA_BAD_CAP));
    verdict("assign_gsi");
    EACH(if (v && is_empty(v)) judge(v, nova_revoke(objects(spare, 0), 0, 0, v) == NOVA_BAD_CAP));
    verdict("revoke with a semaphore");
    EACH(if (v >= nova_hip->selectors) judge(v, nova_create_sm(v, nova_pd, 0) != NOVA_SUCCESS));
    verdict("create_sm beyond the object space is refused");

    values_make(WIDE, nova_hip->selectors, 0);
    EACH(if (is_empty(v) || v >= nova_hip->selectors) judge(v, nova_create_pd(spare, v, 0, nova_quota(0, 1)) == NOVA_BAD_CAP));
    verdict("create_pd paid by");
    EACH(if (is_empty(v) || v >= nova_hip->selectors) judge(v, nova_create_ec(spare, v, boot_cpu, utcb, 0, 0, 0) == NOVA_BAD_CAP));
    verdict("create_ec paid by");
    EACH(if (is_empty(v) || v >= nova_hip->selectors)
             judge(v, nova_create_sc(spare, v, nova_hip->sel_exc + NOVA_ROOT_EC, nova_qpd(1, 1)) == NOVA_BAD_CAP));
    verdict("create_sc paid by");
    EACH(if (is_empty(v) || v >= nova_hip->selectors)
             judge(v, nova_create_pt(spare, v, event_handler->ec, 0, 0x1000) == NOVA_BAD_CAP));
    verdict("create_pt paid by");
    EACH(if (is_empty(v) || v >= nova_hip->selectors) judge(v, nova_create_sm(spare, v, 1) == NOVA_BAD_CAP));
    verdict("create_sm paid by");
    EACH(if (is_empty(v) || v >= nova_hip->selectors)
             judge(v, nova_sc_ec_time(nova_hip->sel_exc + NOVA_ROOT_SC, v, &us, &us) == NOVA_BAD_CAP));
    verdict("sc_ctrl 3 with an EC");
    EACH(if (is_empty(v) || v >= nova_hip->selectors) judge(v, nova_create_sc(spare, nova_pd, v, nova_qpd(1, 1)) == NOVA_BAD_CAP));
    verdict("create_sc for");
    EACH(if (is_empty(v) || v >= nova_hip->selectors) judge(v, nova_create_pt(spare, nova_pd, v, 0, 0x1000) == NOVA_BAD_CAP));
    verdict("create_pt for");
    EACH(if (v && (is_empty(v) || v >= nova_hip->selectors))
             judge(v, nova_create_sm_chained(spare, nova_pd, 0, v) == NOVA_BAD_CAP));
    verdict("create_sm chained to");
    EACH(if (is_empty(v) || v >= nova_hip->selectors) judge(v, nova_delegate(nova_pd, v, 0) == NOVA_BAD_CAP));
    verdict("delegate to");
    EACH(if (is_empty(v) || v >= nova_hip->selectors) judge(v, nova_pd_quota_move(nova_pd, v, 0) == NOVA_BAD_CAP));
    verdict("pd_ctrl to");
    EACH(if (is_empty(v) || v >= nova_hip->selectors)
             judge(v, nova_revoke(objects(spare, 0), NOVA_REVOKE_REMOTE, v, 0) == NOVA_BAD_CAP));
    verdict("revoke in");
    check("nothing was created", object_at(spare), 0);
    drop(sm, 0);
}

/* ---- other numbers ---- */

static void test_numbers(void)
{
    nova_word spare = new_selector(), limit, usage, before, after, half = ((nova_word)1 << NOVA_WORD_BITS / 2) - 1;
    nova_word utcb = (nova_word)nova_utcb_address();
    struct nova_thread *thread = nova_thread_prepare(NULL, boot_cpu);

    section("6.create_ec");
    values_make(12, nova_hip_cpus(nova_hip), 0);
    EACH(if (v >= nova_hip_cpus(nova_hip) || !(nova_hip_cpu(nova_hip, (unsigned)v)->flags & NOVA_CPU_ONLINE))
             judge(v, nova_create_ec(spare, nova_pd, (unsigned)v, utcb, 0, 0, 0) == NOVA_BAD_CPU));
    verdict("CPUs that are not online: BAD_CPU");
    values_make(WIDE - NOVA_PAGE_BITS, NOVA_USER_LIMIT >> NOVA_PAGE_BITS, (nova_word)1 << (47 % NOVA_WORD_BITS - NOVA_PAGE_BITS));
    EACH(if (v >= NOVA_USER_LIMIT >> NOVA_PAGE_BITS)
             judge(v, nova_create_ec(spare, nova_pd, boot_cpu, v << NOVA_PAGE_BITS, 0, 0, 0) == NOVA_BAD_PAR));
    verdict("UTCB addresses that are not the user's: BAD_PAR");
    check("a local EC with UTCB address 0", nova_create_ec(spare, nova_pd, boot_cpu, 0, 0, 0, 0) != NOVA_SUCCESS, 1);

    values_make(WIDE, NOVA_USER_LIMIT, nova_hip->selectors);
    EACH(judge(v, nova_create_ec(spare, nova_pd, boot_cpu, utcb, v, values[count - 1 - i_], 0) == NOVA_SUCCESS); drop(spare, 0));
    verdict("any SP and event base: SUCCESS");

    section("6.create_pt");
    values_make(WIDE, NOVA_USER_LIMIT, 0);
    EACH(judge(v, nova_create_pt(spare, nova_pd, event_handler->ec, v, 0x1000) == NOVA_SUCCESS);
         judge(v, nova_pt_ctrl(spare, v) == NOVA_SUCCESS); drop(spare, 0));
    verdict("any MTD and id: SUCCESS");
    EACH(if (v >= NOVA_USER_LIMIT) judge(v, nova_create_pt(spare, nova_pd, event_handler->ec, 0, v) == NOVA_BAD_PAR));
    verdict("entry IPs that are not the user's: BAD_PAR");

    section("6.create_sc");
    nova_create_ec(thread->ec, nova_pd, boot_cpu, (nova_word)thread->utcb, (nova_word)thread, 0, NOVA_EC_GLOBAL);
    count = 0;
    for (unsigned priority = 0; priority < 256; priority++) {
        if (!priority || priority > 127)
            judge(priority, nova_create_sc(spare, nova_pd, thread->ec, nova_qpd(priority, 1000)) == NOVA_BAD_PAR);
        judge(priority, nova_create_sc(spare, nova_pd, thread->ec, nova_qpd(priority, 0)) == NOVA_BAD_PAR);
    }
    verdict("priorities 0 and above 127, quantum 0: BAD_PAR");
    drop(thread->ec, 0);

    section("6.pd_ctrl");
    nova_pd_quota_read(child, &before, &usage);
    values_make(WIDE, before, before - usage);
    EACH(if (v > before) judge(v, nova_pd_quota_move(child, nova_pd, v) == NOVA_BAD_PAR));
    verdict("moves of more than there is: BAD_PAR");
    nova_pd_quota_read(child, &after, &usage);
    check("change nothing", after, before);
    nova_pd_quota_read(nova_pd, &limit, &usage);

    section("6.create_pd");
    values_make(NOVA_WORD_BITS / 2, limit, limit - usage);
    EACH(if (v > limit) judge(v, nova_create_pd(spare, nova_pd, 0, nova_quota(0, v)) == NOVA_BAD_PAR));
    verdict("more than the parent has: BAD_PAR");
    EACH(if (v) judge(v, nova_create_pd(spare, nova_pd, 0, nova_quota(v, v - 1)) == NOVA_BAD_PAR));
    verdict("lower limit above the upper one: BAD_PAR");
    check("all ones and 0", nova_create_pd(spare, nova_pd, 0, nova_quota(half, 0)), NOVA_BAD_PAR);
    check("nothing was created", object_at(spare), 0);

    section("6.sm_ctrl");
    values_make(WIDE, 0, 0);
    EACH(nova_create_sm(spare, nova_pd, v); judge(v, nova_sm_down(spare, 0, 1) == (v ? NOVA_SUCCESS : NOVA_COM_TIM));
         judge(v, nova_sm_up(spare) == NOVA_SUCCESS); judge(v, nova_sm_down(spare, NOVA_SM_ZERO, 1) == NOVA_SUCCESS);
         judge(v, nova_sm_down(spare, 0, 1) == NOVA_COM_TIM); drop(spare, 0));
    verdict("initial counts: down, up, down to zero");
    values_make(WIDE, 0, 0);
    nova_create_sm(spare, nova_pd, 0);
    EACH(if (v && v < nova_tsc()) judge(v, nova_sm_down(spare, 0, v) == NOVA_COM_TIM));
    verdict("deadlines in the past: COM_TIM");
    drop(spare, 0);
}

/* ---- CRDs ---- */

/* abi.md section 3: the name of what is received, for objects and memory; windows and items are aligned. */
static nova_word expected(nova_word item, nova_word hotspot, nova_word window)
{
    unsigned perm = nova_crd_perm(item) & nova_crd_perm(window), io = nova_crd_order(item), wo = nova_crd_order(window);
    unsigned order = io < wo ? io : wo;
    nova_word base = nova_crd_base(window), inside = ((nova_word)1 << wo) - 1;

    if (nova_crd_type(item) != nova_crd_type(window) || !perm)
        return 0;
    if (io < wo)
        base |= hotspot & inside & ~(((nova_word)1 << order) - 1);
    return nova_crd(nova_crd_type(item), base, order, perm);
}

static nova_word received;
static struct nova_thread *receiver;

NOVA_PORTAL(receive_range);

static void receive_range_handler(nova_word id, struct nova_utcb *utcb)
{
    (void)id;
    received = nova_item(utcb, 0)->crd;
    utcb->items = 0;
}

static const unsigned orders[] = {0, 1, 2, 5, 8, 9, 10, 11, 18, 19, 31};
enum { ORDERS = sizeof(orders) / sizeof(*orders) };

/* Below `top` lies nothing, nor does from there on: names come back, no capability does. */
static void test_delegate_ranges(enum nova_crd_type type, nova_word top, unsigned order_max, const char *name)
{
    nova_word portal = new_portal(receiver, receive_range, 0);
    uint32_t random = 12345;

    count = 0;
    for (unsigned io = 0; io < ORDERS && orders[io] <= order_max; io++)
        for (unsigned wo = 0; wo < ORDERS && orders[wo] <= order_max; wo++)
            for (unsigned perms = 0; perms < 4; perms++) {
                nova_word item = nova_crd(type, top - ((nova_word)1 << orders[io]), orders[io], perms & 1 ? NOVA_PERM_ALL : 2);
                nova_word window = nova_crd(type, top, orders[wo], perms & 2 ? NOVA_PERM_ALL : 5), hot;

                random = random * 1664525 + 1013904223;
                hot = random >> 12;
                nova_message_windows(receiver->utcb, 0, window);
                nova_message_begin(root_utcb);
                nova_message_item(root_utcb, item, nova_control(NOVA_ITEM_DELEGATE, hot));
                received = 0xdead;
                count++;
                judge(item, nova_call(portal, 0) == NOVA_SUCCESS && received == expected(item, hot, window));
            }
    nova_message_windows(receiver->utcb, 0, 0);
    verdict(name);
}

/* Nothing of these may fault, hang or change what is there. */
static void test_any_crd(void)
{
    nova_word out, status;

    section("6.misc_lookup");
    values_make(WIDE - 12, nova_hip->selectors, NOVA_USER_LIMIT >> NOVA_PAGE_BITS);
    for (unsigned order = 0; order < 32; order++)
        EACH(for (unsigned type = 0; type < 4; type++) {
            status = nova_lookup(nova_crd(type, v, order, NOVA_PERM_ALL), &out);
            judge(v, status == NOVA_SUCCESS && (!out || (type && nova_crd_type(out) == type)));
        });
    verdict("any type, order and base: SUCCESS, and a CRD of the type or null");
    EACH(if (v >= nova_hip->selectors) {
        nova_lookup(nova_crd(NOVA_CRD_OBJ, v, 0, 0), &out);
        judge(v, !out);
    });
    verdict("objects beyond the object space: null");
    EACH(if (v >= 0x10000) {
        nova_lookup(nova_crd(NOVA_CRD_PIO, v, 0, 0), &out);
        judge(v, !out);
    });
    verdict("ports beyond 65535: null");

    section("6.revoke");
    for (unsigned order = 0; order < 32; order += 3)
        EACH(for (unsigned type = 0; type < 4; type++) for (unsigned flags = 0; flags < 8; flags += 3) {
            status = nova_revoke(nova_crd(type, v, order, NOVA_PERM_ALL), (flags & 5) | NOVA_REVOKE_REMOTE, child, 0);
            judge(v, status == NOVA_SUCCESS);
        });
    verdict("any type, order, base and flags in a PD that is empty: SUCCESS");

    section("6.misc_delegate");
    for (unsigned order = 0; order < 32; order += 3)
        EACH(for (unsigned type = 0; type < 4; type++) for (unsigned kind = 0; kind < 4; kind++) {
            nova_message_begin(root_utcb);
            nova_message_item(root_utcb, nova_crd(type, v, order, NOVA_PERM_ALL), nova_control(kind, values[count - 1 - i_]));
            status = nova_delegate(child, child, nova_crd(type, values[(i_ * 7) % count], (order * 5) & 31, NOVA_PERM_ALL));
            judge(v, status == NOVA_SUCCESS);
        });
    verdict("any item inside a PD that is empty: SUCCESS");
    nova_message_begin(root_utcb);
}

/* Counts of words and items that a message can claim. */
static void test_counts(void)
{
    struct nova_thread *handler = new_handler(boot_cpu);
    nova_word portal = new_portal(handler, receive_range, 0);

    section("4.counts");
    values_make(16, NOVA_UTCB_WORDS, NOVA_UTCB_WORDS / 2);
    for (unsigned i = 0; i < NOVA_UTCB_WORDS; i++)
        root_utcb->mr[i] = 0;
    handler->utcb->tls = 0x2222;
    handler->utcb->xlt = handler->utcb->del = 0;
    EACH(for (unsigned j = 0; j < count; j += 5) {
        root_utcb->items = v | values[j] << 16;
        judge(v | values[j] << 16,
              nova_call(portal, 0) == NOVA_SUCCESS && handler->utcb->tls == 0x2222 && !handler->utcb->xlt && !handler->utcb->del);
    });
    verdict("any counts of words and items: SUCCESS, and the header is not run over");
    root_utcb->items = 0;
}

void test_ranges(void)
{
    child = new_selector();
    nova_create_pd(child, nova_pd, 0, nova_quota(0, 64));
    receiver = new_handler(boot_cpu);
    section("6.selectors");
    test_selectors();
    test_numbers();
    section("3.delegate_ranges");
    test_delegate_ranges(NOVA_CRD_OBJ, nova_hip->selectors / 2, 19, "objects: the name of what is received");
    /* between what the library gives out and what checks have mapped, and the end of user space */
    test_delegate_ranges(NOVA_CRD_MEM, (nova_word)0xb0000000 >> NOVA_PAGE_BITS, 11, "memory: the name of what is received");
    test_any_crd();
    test_counts();
    drop_wait(child, 0);
}
