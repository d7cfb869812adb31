/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A message of many steps whose receiver runs short, and what others do meanwhile: in each interrupt window of it something happens, whether it is just making mappings,
 * confirming them, or taking them back.
 */
#include "undo.h"

#include <stdio.h>
#include <sys/mman.h>

enum { POINTS = 24, PLENTY = 600, THIRD = 0x9000, TRIES = 30 };

static const struct route *route;
static struct undo_message message;
static struct {
    unsigned long windows;
} * shared;

/* ---- what happens ---- */

static word pages_of_message(void) { return nova_crd(NOVA_CRD_MEM, NEAR + 0x100, 8, 7); }

static void destroy(word selector) { revoke(3, nova_crd(NOVA_CRD_OBJ, selector, 0, NOVA_PERM_ALL), NOVA_REVOKE_SELF, 0, 0); }

static void sender_goes(void) { destroy(SENDER); }
static void sender_pd_goes(void) { destroy(PD_SENDER); }
static void receiver_goes(void) { destroy(route->way == WAY_CALL ? RECEIVER : RECEIVER_THREAD); }
static void receiver_pd_goes(void)
{
    account_loosen();
    destroy(PD_RECEIVER);
}

static void portal_goes(void) { destroy(RECEIVER_PORTAL); }

/* The receiver uses what is there already, and gives it to others. */
static void passes_on(void)
{
    for (word page = NEAR + 0x100; page < NEAR + 0x200; page += 2)
        user_try(2, page << PAGE_BITS, MMU_READ);
    struct nova_utcb *utcb = ec_at(SPY)->utcb;
    utcb->items = nova_items(0, 1);
    *nova_item(utcb, 0) = (struct nova_item){pages_of_message(), nova_control(NOVA_ITEM_DELEGATE, THIRD)};
    CHECK_EQ(hypercall(2, nova_arg1(NOVA_MISC, NOVA_MISC_DELEGATE, OWN_PD), nova_crd(NOVA_CRD_MEM, 0, 31, 7), OWN_THIRD, 0, 0),
             NOVA_SUCCESS);
}

static void passes_on_objects(void)
{
    struct nova_utcb *utcb = ec_at(SPY)->utcb;
    utcb->items = nova_items(0, 1);
    *nova_item(utcb, 0) = (struct nova_item){nova_crd(NOVA_CRD_OBJ, 0x2000, 12, 31), nova_control(NOVA_ITEM_DELEGATE, 0x2000)};
    CHECK_EQ(hypercall(2, nova_arg1(NOVA_MISC, NOVA_MISC_DELEGATE, OWN_PD), nova_crd(NOVA_CRD_OBJ, 0, 31, 31), OWN_THIRD, 0, 0),
             NOVA_SUCCESS);
}

/* ... and cuts it in pieces. */
static void passes_on_and_cuts(void)
{
    passes_on();
    for (unsigned i = 0; i < 4; i++)
        CHECK_EQ(revoke(2, nova_crd(NOVA_CRD_MEM, NEAR + 0x10a + 0x22 * i, 0, 7), NOVA_REVOKE_SELF, 0, 0), NOVA_SUCCESS);
}

static void keeps_away(void)
{
    CHECK_EQ(revoke(2, nova_crd(NOVA_CRD_MEM, NEAR + 0x100, 3, 7), NOVA_REVOKE_KEEP, 0, 0), NOVA_SUCCESS);
}

/* What the sender sends is taken away from it, or from the receiver alone. */
static void taken_from_receiver(void)
{
    CHECK_EQ(revoke(3, nova_crd(NOVA_CRD_MEM, SOURCE + 32, 2, 7), NOVA_REVOKE_REMOTE, 0, PD_SENDER), NOVA_SUCCESS);
}

/* A handler with all time in the world sends something else, or the same. */
static void other_sends_more(void)
{
    static struct undo_message more;
    more = message;
    more.count = 2;
    for (unsigned i = 0; i < more.count; i++)
        more.item[i] = (struct nova_item){nova_crd(NOVA_CRD_MEM, SOURCE + 50 + i, 0, 7),
                                          nova_control(NOVA_ITEM_DELEGATE, i ? FAR(8) : NEAR + 0x94)};
    other_sends(&more);
}

static void other_sends_the_same(void)
{
    account_give(PLENTY);
    CHECK_EQ(other_sends(&message), ARRIVED);
}

/* The same is delegated without a message: that stays. */
static void delegated_too(void)
{
    account_give(PLENTY);
    undo_delegate(route, &message);
}

static void quota_comes(void) { account_give(PLENTY); }

/* The sender changes the message. */
static void items_change(void)
{
    struct nova_utcb *utcb = ec_at(SENDER)->utcb;
    utcb->items = nova_items(1, 5);
    for (unsigned i = 0; i < 5; i++)
        *nova_item(utcb, i) = (struct nova_item){nova_crd(NOVA_CRD_MEM, SOURCE, i + 1, 7), nova_control(i % 3, NEAR + 0x110)};
}

static void window_changes(void)
{
    ec_at(route->way == WAY_CALL ? RECEIVER : RECEIVER_THREAD)->utcb->del = nova_crd(NOVA_CRD_MEM, NEAR + 0x100, 5, 7);
}

/* ---- what has to be true then ---- */

enum after {
    SAME_STATE = 1, /* what fails leaves everybody with what they had, but what they did themselves */
    WHOLE = 2,      /* in the end the whole message is there */
    OVER = 4,       /* nobody sends any more, or nobody receives */
    DELEGATED = 8,  /* what is left is delegated once more, without a message, */
    THINNED = 16    /* after the receiver has thrown half of it away: from tables of slots that stay */
};

/* What others have got from the receiver comes from what it still holds. */
static void check_third(const struct seen *receiver)
{
    static struct seen third;
    undo_see(PD_THIRD, &third);
    for (unsigned i = 0; i < third.count; i++) {
        bool held = false;
        for (unsigned k = 0; k < receiver->count; k++)
            held |= receiver->unit[k].type == third.unit[i].type && receiver->unit[k].place == third.unit[i].parent;
        CHECK(held);
    }
}

struct interruption {
    void (*happens)(void);
    unsigned window, after;
    word pages;
    unsigned nodes;
};

/* What one sender has left is not what another one's message takes back. */
static void check_root(void)
{
    static struct seen before, now;
    struct undo_message other = message;
    other.count = 2;
    other.item[0] = (struct nova_item){nova_crd(NOVA_CRD_MEM, ROOT_MEMORY, 6, 7), nova_control(NOVA_ITEM_DELEGATE, NEAR + 0x100)};
    other.item[1] = (struct nova_item){nova_crd(NOVA_CRD_MEM, ROOT_MEMORY, 0, 7), nova_control(NOVA_ITEM_DELEGATE, FAR(7))};
    account_tighten(0, 5);
    undo_see(PD_RECEIVER, &before);
    CHECK_EQ(root_sends(&other), REFUSED);
    undo_see(PD_RECEIVER, &now);
    undo_same(&before, &now, "another sender's message that fails");
}

static void throw_half_away(void)
{
    for (word selector = 0x2000; selector < 0x3000; selector += 8)
        CHECK_EQ(revoke(2, nova_crd(NOVA_CRD_OBJ, selector, 2, NOVA_PERM_ALL), NOVA_REVOKE_SELF, 0, 0), NOVA_SUCCESS);
}

/* Whoever comes next finds everything as usual, whatever is left. */
static void check_others(unsigned after)
{
    static struct seen before, now;
    if (!pd_at(PD_SENDER) || !pd_at(PD_RECEIVER))
        return;
    if (nova_crd_type(message.delegate_window) == NOVA_CRD_MEM)
        check_root();
    account_give(PLENTY);
    if (after & THINNED)
        throw_half_away();
    if (after & DELEGATED)
        undo_delegate(route, &message);
    else
        CHECK_EQ(other_sends(&message), ARRIVED);
    undo_see(PD_RECEIVER, &before);
    undo_plain(&before);
    struct undo_message more = message;
    undo_message_more(&more);
    account_tighten(0, 1);
    CHECK_EQ(other_sends(&more), REFUSED);
    undo_see(PD_RECEIVER, &now);
    undo_same(&before, &now, "a later message that fails");
}

static void run(const void *argument)
{
    static struct seen before, now;
    const struct interruption *what = argument;
    machine_private();
    sender_enter(route);
    if (route->way == WAY_CALL) { /* something of the receiver's own among it */
        struct undo_message first = message;
        first.count = 2;
        first.item[0] = first.item[message.count / 2];
        first.item[1] = first.item[message.count / 2 + 1];
        CHECK_EQ(other_sends(&first), ARRIVED);
    }
    account_tighten(what->pages, what->nodes);
    undo_see(PD_RECEIVER, &before);
    unsigned long windows = machine_windows();
    sender_begin(route, &message, what->window);
    shared->windows = machine_windows() - windows;
    machine_window_limit = 32;
    if (what->happens)
        what->happens();
    undo_settle();
    for (unsigned i = 0; !(what->after & OVER); i++) {
        enum outcome outcome = undo_outcome(route);
        CHECK(i < TRIES);
        CHECK_EQ(tlb_stale(), 0);
        undo_see(PD_RECEIVER, &now);
        check_third(&now);
        if (outcome == ARRIVED) {
            if (what->after & WHOLE)
                CHECK(now.count >= before.count + message.count / 2);
            break;
        }
        CHECK_EQ(outcome, route->told == TOLD_NOBODY ? REFUSED : ASKED);
        if (what->after & SAME_STATE)
            undo_same(&before, &now, "the receiver");
        account_give(PLENTY);
        undo_go_on(route, &message, outcome);
        undo_settle();
    }
    if (!(what->after & OVER)) {
        undo_see(PD_RECEIVER, &now);
        if (what->after & WHOLE)
            undo_plain(&now);
    }
    check_others(what->after);
    undo_finish();
}

static void interrupt(const char *name, void (*happens)(void), unsigned after, word pages, unsigned nodes)
{
    struct interruption what = {0, 1000, 0, pages, nodes};
    what.after = SAME_STATE | WHOLE;
    unit_child(run, &what, "without an interruption");
    unsigned long windows = shared->windows;
    CHECK(windows > 4);
    what.happens = happens;
    what.after = after;
    unsigned step = windows > POINTS ? (unsigned)windows / POINTS : 1;
    for (what.window = 1; what.window <= windows; what.window += step) {
        char text[150];
        snprintf(text, sizeof text, "%s, %s in window %u of %lu, %lu pages and %u nodes", message.name, name, what.window, windows,
                 pages, nodes);
        unit_child(run, &what, text);
    }
}

/* The message with this name; it finds 'pages' and 'nodes', which is too little, or plenty. */
static void machine(const struct route *of, const char *name)
{
    route = of;
    shared = mmap(0, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    undo_machine_make(route);
    for (unsigned number = 0; undo_message(route, number, &message); number++)
        if (!__builtin_strcmp(message.name, name))
            return;
    CHECK(!"there is such a message");
}

static const struct route call_route = {WAY_CALL, 0, TOLD_NEAR, SENDER_OTHER},
                          refused_route = {WAY_CALL, 0, TOLD_NOBODY, SENDER_OTHER},
                          reply_route = {WAY_REPLY, 0, TOLD_SENDER, SENDER_OTHER};

static void interrupted(const struct route *of, const char *name, const char *event, void (*happens)(void), unsigned after)
{
    machine(of, name);
    bool objects = nova_crd_type(message.delegate_window) == NOVA_CRD_OBJ, pieces = message.count < 20;
    interrupt(event, happens, after, objects ? 40 : 0, pieces ? 55 : message.count - 4);
    interrupt(event, happens, after, PLENTY, 0);
}

#define INTERRUPTED(name, of, what, happens, after)                                                                                \
    TEST(undo_window_##name) { interrupted(&(of), what, #happens, happens, after); }

INTERRUPTED(sender_goes, call_route, "many pages", sender_goes, OVER)
INTERRUPTED(sender_goes_in_a_reply, reply_route, "many pages", sender_goes, OVER)
INTERRUPTED(sender_pd_goes, refused_route, "many pages", sender_pd_goes, OVER)
INTERRUPTED(receiver_goes, call_route, "many pages", receiver_goes, OVER)
INTERRUPTED(receiver_goes_in_a_reply, reply_route, "many pages", receiver_goes, OVER)
INTERRUPTED(receiver_pd_goes, refused_route, "many pages", receiver_pd_goes, OVER)
INTERRUPTED(receiver_pd_goes_in_a_reply, reply_route, "many pages", receiver_pd_goes, OVER)
INTERRUPTED(portal_goes, call_route, "many pages", portal_goes, OVER)
INTERRUPTED(passes_on, call_route, "many pages", passes_on, SAME_STATE | WHOLE)
INTERRUPTED(passes_on_in_a_reply, reply_route, "many pages", passes_on, SAME_STATE | WHOLE)
INTERRUPTED(passes_pieces_on, refused_route, "many pieces", passes_on, SAME_STATE | WHOLE)
INTERRUPTED(passes_on_objects, refused_route, "many objects", passes_on_objects, SAME_STATE | WHOLE)
INTERRUPTED(passes_on_and_cuts, call_route, "many pieces", passes_on_and_cuts, SAME_STATE)
INTERRUPTED(keeps_away, call_route, "many pages", keeps_away, SAME_STATE)
INTERRUPTED(taken_from_receiver, call_route, "many pages", taken_from_receiver, SAME_STATE)
INTERRUPTED(other_sends_more, call_route, "many pages", other_sends_more, SAME_STATE | WHOLE)
INTERRUPTED(other_sends_the_same, call_route, "many pages", other_sends_the_same, WHOLE)
INTERRUPTED(quota_comes, call_route, "many pages", quota_comes, SAME_STATE | WHOLE)
INTERRUPTED(delegated_too, call_route, "many pages", delegated_too, WHOLE)
INTERRUPTED(delegated_after_a_call, call_route, "many pages", sender_goes, OVER | DELEGATED)
INTERRUPTED(delegated_after_a_reply, reply_route, "many pages", receiver_goes, OVER | DELEGATED)
INTERRUPTED(pieces_delegated_afterwards, call_route, "many pieces", receiver_goes, OVER | DELEGATED)
INTERRUPTED(objects_delegated_afterwards, call_route, "many objects", receiver_goes, OVER | DELEGATED)
INTERRUPTED(ports_delegated_afterwards, call_route, "many ports", receiver_goes, OVER | DELEGATED)
INTERRUPTED(items_change, call_route, "many pages", items_change, 0)
INTERRUPTED(window_changes, call_route, "many pages", window_changes, 0)
INTERRUPTED(thinned_objects_delegated, call_route, "many objects", receiver_goes, OVER | DELEGATED | THINNED)
