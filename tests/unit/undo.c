/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Typed items of a call or a reply while the receiver's account runs short, at each of its pages and nodes (abi.md section 9): when the failure is reported, the spaces of all
 * PDs are what they were before; with more memory the whole message arrives, and nothing takes it away any more.
 */
#include "undo.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

enum { TRIES = 400, PLENTY = 600, NODES_MAX = 200 };

static const struct route *route;
static struct undo_message message;

/* What all PDs hold. */
struct world {
    struct seen sender, receiver, third;
};

static void world_see(struct world *world)
{
    undo_see(route->sender == SENDER_ROOT ? SEL_PD : PD_SENDER, &world->sender);
    undo_see(PD_RECEIVER, &world->receiver);
    undo_see(PD_THIRD, &world->third);
    CHECK_EQ(tlb_stale(), 0);
}

/* Nothing has changed. Memory is the same, too, when what waits for a grace period is back. */
static void world_restored(const struct world *before)
{
    static struct world now;
    word total = undo_pages_total();
    world_see(&now);
    undo_same(&before->sender, &now.sender, "the sender");
    undo_same(&before->receiver, &now.receiver, "the receiver");
    undo_same(&before->third, &now.third, "the third one");
    undo_grace();
    CHECK_EQ(undo_pages(route->sender == SENDER_ROOT ? SEL_PD : PD_SENDER), before->sender.pages);
    CHECK_EQ(undo_pages(PD_RECEIVER), before->receiver.pages);
    CHECK_EQ(undo_pages(PD_THIRD), before->third.pages);
    CHECK_EQ(undo_pages_total(), total);
}

/* Something from the same sender is there already, next to where the items go and in between; all of it came by messages that went through. */
static void earlier(void)
{
    const struct nova_item before[3][3] = {
        {{nova_crd(NOVA_CRD_MEM, SOURCE, 0, 7), nova_control(NOVA_ITEM_DELEGATE, NEAR + 1)},
         {nova_crd(NOVA_CRD_MEM, SOURCE + 48, 2, 7), nova_control(NOVA_ITEM_DELEGATE, NEAR + 0x80)},
         {nova_crd(NOVA_CRD_MEM, SOURCE + 49, 0, 3), nova_control(NOVA_ITEM_DELEGATE, NEAR + 0x142)}},
        {{nova_crd(NOVA_CRD_PIO, SOURCE_PORTS + 2, 0, 31), nova_control(NOVA_ITEM_DELEGATE, 0)},
         {nova_crd(NOVA_CRD_PIO, SOURCE_PORTS + 0x38, 1, 31), nova_control(NOVA_ITEM_DELEGATE, 0)}},
        {{nova_crd(NOVA_CRD_OBJ, SOURCE_OBJECTS + 1, 0, 31), nova_control(NOVA_ITEM_DELEGATE, NEAR_OBJECTS + 2)},
         {nova_crd(NOVA_CRD_OBJ, SOURCE_OBJECTS + 1, 1, 31), nova_control(NOVA_ITEM_DELEGATE, NEAR_OBJECTS + 0x10)}}};
    for (unsigned type = 0; type < (route->way == WAY_EVENT ? 1 : 3) && route->sender != SENDER_ROOT; type++) {
        struct undo_message first = {"earlier", nova_crd(NOVA_CRD_MEM + type, 0, 31, NOVA_PERM_ALL), 0, type ? 2 : 3, {{0}}};
        memcpy(first.item, before[type], sizeof before[type]);
        sender_send(route, &first);
        undo_settle();
        CHECK_EQ(undo_outcome(route), ARRIVED);
        undo_go_on(route, &first, ARRIVED);
    }
}

/* After each failure so many pages more, until the message is through; *failures times it was not. False = the receiver was killed. */
static bool send_until_through(const struct undo_message *what, struct world *before, word more, unsigned *failures)
{
    sender_send(route, what);
    for (*failures = 0; *failures < TRIES; ++*failures) {
        undo_settle();
        enum outcome outcome = undo_outcome(route);
        if (outcome == ARRIVED)
            return true;
        CHECK_EQ(outcome, route->told == TOLD_NOBODY ? REFUSED : ASKED);
        bool killed = outcome == REFUSED && route->way == WAY_EVENT;
        if (killed)
            undo_forget(&before->receiver, UTCB_OF_RECEIVER_THREAD >> PAGE_BITS);
        world_restored(before);
        if (killed)
            return false;
        account_give(more);
        undo_go_on(route, what, outcome);
    }
    CHECK(!"the message goes through");
    return false;
}

/* Shared with the children: what the receiver has when the same items were delegated without a message, and whether this message went through at once. */
static struct {
    struct seen receiver;
    bool through;
} * shared;

struct shortage {
    word pages;
    unsigned nodes;
};

static void reference(const void *nothing)
{
    (void)nothing;
    machine_private();
    sender_enter(route);
    earlier();
    undo_delegate(route, &message);
    undo_see(PD_RECEIVER, &shared->receiver);
}

static void attempt(const void *argument)
{
    static struct world before, after;
    const struct shortage *shortage = argument;
    unsigned failures;
    machine_private();
    sender_enter(route);
    earlier();
    account_tighten(shortage->pages, shortage->nodes);
    world_see(&before);
    undo_plain(&before.receiver);
    bool alive = send_until_through(&message, &before, shortage->pages ? PLENTY : 1, &failures);
    shared->through = alive && !failures;
    if (alive) {
        world_see(&after);
        undo_plain(&after.receiver);
        undo_same(&shared->receiver, &after.receiver, "the whole message");
        undo_same(&before.sender, &after.sender, "the sender, after the whole message");
        undo_same(&before.third, &after.third, "the third one, after the whole message");
        /* Once more, and a bit more than there is memory for. */
        undo_go_on(route, &message, ARRIVED);
        struct undo_message more = message;
        undo_message_more(&more);
        account_tighten(0, 1);
        world_see(&before);
        alive = send_until_through(&more, &before, 2, &failures);
        CHECK(failures || !alive);
        world_see(&after);
        if (alive) {
            /* Within one PD, what was made by the first message is sent by the second. */
            CHECK(after.receiver.count == before.receiver.count + 2 || route->sender == SENDER_SAME);
            undo_plain(&after.receiver);
        }
    }
    undo_finish();
}

static bool attempt_with(word pages, unsigned nodes)
{
    char what[100];
    struct shortage shortage = {pages, nodes};
    snprintf(what, sizeof what, "%s, %lu pages and %u nodes", message.name, pages, nodes);
    unit_child(attempt, &shortage, what);
    return shared->through;
}

static void attempts(const struct route *of)
{
    route = of;
    shared = mmap(0, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    undo_machine_make(route);
    for (unsigned number = 0; undo_message(route, number, &message); number++) {
        unsigned stride = message.count > 50 ? 7 : 1, failed = 0;
        unit_child(reference, 0, message.name);
        CHECK(attempt_with(PLENTY, 0));
        for (word pages = 0; !attempt_with(pages, 0); pages++)
            failed++;
        /* Where there is room for its tables, nodes are all that it needs. */
        unsigned nodes = 1, end = attempt_with(0, NODES_MAX) ? NODES_MAX : 3;
        for (; nodes < end && !attempt_with(0, nodes); nodes += stride)
            failed++;
        CHECK(failed);
    }
}

#define ROUTE(name, ...)                                                                                                           \
    TEST(undo_##name) { attempts(&(struct route){__VA_ARGS__}); }

ROUTE(call, WAY_CALL, 0, TOLD_NEAR, SENDER_OTHER)
ROUTE(call_without_portal, WAY_CALL, 0, TOLD_NOBODY, SENDER_OTHER)
ROUTE(call_told_elsewhere, WAY_CALL, 0, TOLD_FAR, SENDER_OTHER)
ROUTE(call_to_another_cpu, WAY_CALL, 1, TOLD_NEAR, SENDER_OTHER)
ROUTE(call_to_another_cpu_without_portal, WAY_CALL, 1, TOLD_NOBODY, SENDER_OTHER)
ROUTE(call_to_another_cpu_told_at_home, WAY_CALL, 1, TOLD_FAR, SENDER_OTHER)
ROUTE(call_of_root, WAY_CALL, 0, TOLD_NEAR, SENDER_ROOT)
ROUTE(call_of_root_to_another_cpu, WAY_CALL, 1, TOLD_NOBODY, SENDER_ROOT)
ROUTE(call_within_one_pd, WAY_CALL, 0, TOLD_NEAR, SENDER_SAME)
ROUTE(reply, WAY_REPLY, 0, TOLD_NEAR, SENDER_OTHER)
ROUTE(reply_without_portal, WAY_REPLY, 0, TOLD_NOBODY, SENDER_OTHER)
ROUTE(reply_told_elsewhere, WAY_REPLY, 0, TOLD_FAR, SENDER_OTHER)
ROUTE(reply_of_the_handler_itself, WAY_REPLY, 0, TOLD_SENDER, SENDER_OTHER)
ROUTE(reply_to_another_cpu, WAY_REPLY, 1, TOLD_NEAR, SENDER_OTHER)
ROUTE(reply_to_another_cpu_without_portal, WAY_REPLY, 1, TOLD_NOBODY, SENDER_OTHER)
ROUTE(reply_to_another_cpu_of_the_handler_itself, WAY_REPLY, 1, TOLD_SENDER, SENDER_OTHER)
ROUTE(reply_within_one_pd, WAY_REPLY, 0, TOLD_NOBODY, SENDER_SAME)
ROUTE(event, WAY_EVENT, 0, TOLD_NEAR, SENDER_OTHER)
ROUTE(event_without_portal, WAY_EVENT, 0, TOLD_NOBODY, SENDER_OTHER)
ROUTE(event_told_elsewhere, WAY_EVENT, 0, TOLD_FAR, SENDER_OTHER)
ROUTE(event_of_the_handler_itself, WAY_EVENT, 0, TOLD_SENDER, SENDER_OTHER)
