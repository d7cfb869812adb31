/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * abi.md section 6, ec_ctrl 4, migrate: what goes along with a thread that is moved, and what does not. migrate.h says how the checks go, migrate_refused.c has what
 * does not fit.
 */
#include "migrate.h"

enum { EVENTS = 64, RECALL_ID = 2 };

struct moved moved;

NOVA_PORTAL(moved_event);

static void moved_event_handler(nova_word id, struct nova_utcb *utcb)
{
    utcb->items = 0;
    if (id >= RECALL_ID) {
        moved.recalls++;
        moved.recall_first = moved.events[1] == 0;
        utcb->state.mtd = 0;
        return;
    }
    moved.events[id]++;
    memcpy(&moved.seen[id], &utcb->state, sizeof(moved.seen[id]));
    utcb->state.mtd = 0;
    moved.action[id](utcb);
}

void move_past(struct nova_utcb *utcb)
{
    utcb->state.ip += 2;
    utcb->state.mtd = NOVA_MTD_IP;
}

/* Startup, #UD and recall of the thread go to this side from now on. */
static void portals_set(unsigned side)
{
    drop(moved.base + EVENT_UD, 0);
    drop(moved.base + NOVA_EVENT_RECALL, 0);
    nova_portal_create(moved.base + EVENT_UD, nova_pd, moved.handler[side], NOVA_EVENT_MTD, moved_event, side);
    nova_portal_create(moved.base + NOVA_EVENT_RECALL, nova_pd, moved.handler[side], NOVA_EVENT_MTD, moved_event, RECALL_ID + side);
}

void move_oom_set(unsigned side)
{
    drop(moved.thread->ec + 1, 0);
    nova_portal_create(moved.thread->ec + 1, nova_pd, moved.handler[side], 0, moved_event, 0);
}

/* The handler's answer is to have no effect, so it asks for a lot. */
void move_spoil(struct nova_utcb *utcb)
{
    memset((void *)&utcb->state.ax, 0x66, sizeof(nova_word) * 4);
    utcb->state.ip = 0x666;
    utcb->state.sp = 0x6660;
    utcb->state.mtd = NOVA_MTD_IP | NOVA_MTD_SP | NOVA_MTD_GPR_ACDB;
}

nova_word move(unsigned side, nova_word crd) { return nova_ec_migrate(moved.thread->ec, moved.cpu[side], crd); }

void move_there(struct nova_utcb *utcb)
{
    portals_set(1);
    move_oom_set(1);
    moved.status[0] = move(1, objects(NAME, 0));
    move_spoil(utcb);
}

static void back(struct nova_utcb *utcb)
{
    portals_set(0);
    move_oom_set(0);
    moved.action[0] = move_past; /* before: the thread may be there at once, and through before this handler gets on */
    moved.status[1] = move(0, objects(NAME, 0));
    move_spoil(utcb);
    nova_sm_up(moved.answered);
}

/* One #UD a round, with all registers filled. */
void move_raise(void *rounds)
{
    uint8_t before[16], after[16];

    for (nova_word i = 0; i < (nova_word)rounds; i++) {
        registers_fill(&moved.sent, i);
        moved.stored = moved.sent;
        memset(before, 0x30 + (int)i, sizeof(before));
        nova_self()->utcb->mr[100] = 0x1000 + i;
        __asm__ volatile("movups %0, %%xmm5" : : "m"(before));
        undefined_registers(&moved.stored);
        __asm__ volatile("movups %%xmm5, %0" : "=m"(after));
        moved.fpu_wrong += memcmp(before, after, sizeof(before)) != 0;
        moved.word = nova_self()->utcb->mr[100];
        nova_sm_up(moved.finished);
        nova_sm_down(moved.gate, 0, 0);
    }
}

static void compute_and_raise(void *ms)
{
    uint64_t end = deadline_ms((unsigned)(nova_word)ms);
    while (nova_tsc() < end)
        nova_pause();
    move_raise((void *)1);
}

void move_start(void (*entry)(void *), nova_word argument, void (*action0)(struct nova_utcb *), void (*action1)(struct nova_utcb *))
{
    moved.events[0] = moved.events[1] = moved.recalls = moved.recall_first = moved.fpu_wrong = moved.word = 0;
    for (unsigned i = 0; i < sizeof(moved.status) / sizeof(*moved.status); i++)
        moved.status[i] = ~(nova_word)0;
    moved.action[0] = action0;
    moved.action[1] = action1;
    moved.thread = nova_thread_prepare(NULL, boot_cpu);
    drop(moved.base + NAME, 0);
    portals_set(0);
    check("start of a thread to move", nova_thread_start(moved.thread, moved.base, 2, BOOT_QUANTUM, entry, (void *)argument),
          NOVA_SUCCESS);
}

/* ---- it goes along ---- */

static void test_state(void)
{
    move_start(move_raise, 2, move_there, move_past);
    check("the thread gets on after its event", wait_for(moved.finished), NOVA_SUCCESS);
    check("migrate", moved.status[0], NOVA_SUCCESS);
    check("one event here", moved.events[0], 1);
    check("it is raised again there", moved.events[1], 1);
    check("with the same IP", moved.seen[1].ip, moved.seen[0].ip);
    check("and SP", moved.seen[1].sp, moved.seen[0].sp);
    check("and flags", moved.seen[1].flags, moved.seen[0].flags);
#define CHECK_MOVED(r) check("what the handler answers has no effect: " #r, moved.seen[1].r, moved.sent.r);
    REGISTERS_COMMON(CHECK_MOVED)
#ifdef __x86_64__
    check("and r8", moved.seen[1].r8, moved.sent.r8);
    check("and r15", moved.seen[1].r15, moved.sent.r15);
#endif
    check("its FPU registers go along", moved.fpu_wrong, 0);
    check("its UTCB goes along", moved.word, 0x1000);
    check("the EC's selector: all permissions", object_at(moved.thread->ec),
          object(moved.thread->ec, NOVA_EC_CTRL_PERM | NOVA_EC_BIND_SC | NOVA_EC_BIND_PT));
    check("the SC's selector: all permissions", object_at(moved.thread->ec + 2), object(moved.thread->ec + 2, NOVA_SC_CTRL_PERM));
    check("its own name for itself", object_at(moved.base + NAME),
          object(moved.base + NAME, NOVA_EC_CTRL_PERM | NOVA_EC_BIND_SC | NOVA_EC_BIND_PT));
    /* ... and comes back. */
    moved.action[1] = back;
    nova_sm_up(moved.gate);
    check("the thread gets on after another event", wait_for(moved.finished), NOVA_SUCCESS);
    check("and so does its handler there", wait_for(moved.answered), NOVA_SUCCESS);
    check("migrate from there back", moved.status[1], NOVA_SUCCESS);
    check("the event there", moved.events[1], 2);
    check("and here again", moved.events[0], 2);
    check("with the same IP", moved.seen[0].ip, moved.seen[1].ip);
    check("its FPU registers come back", moved.fpu_wrong, 0);
    check("its UTCB comes back", moved.word, 0x1001);
    check("no recall on the way", moved.recalls, 0);
    drop_wait(moved.thread->ec, 2);
    check("revoked: its own name for itself is gone", object_at(moved.base + NAME), 0);
    check("revoked: its UTCB is gone", probe(touch_read, (nova_word)moved.thread->utcb), EVENT_PF);
}

/* ---- capabilities ---- */

static nova_word copies;

static void copy_and_go(struct nova_utcb *utcb)
{
    for (unsigned i = 0; i < 4; i++) {
        nova_word from = moved.thread->ec + (i & 2);
        grant(nova_pd, nova_pd, object(from, 1), nova_control(NOVA_ITEM_DELEGATE, 0), objects(copies + i, 0));
    }
    moved.word = 0;
    for (unsigned i = 0; i < 4; i++)
        moved.word += object_at(copies + i) != 0;
    move_there(utcb);
    moved.status[2] = nova_ec_recall(copies, 0);
    moved.status[3] = nova_sc_time(copies + 2, 0, &(uint64_t){0});
    utcb->items = 0;
    move_spoil(utcb);
}

static void test_names(void)
{
    unsigned left = 0;
    copies = nova_selectors(4, 4);
    move_start(move_raise, 1, copy_and_go, move_past);
    check("the thread gets on", wait_for(moved.finished), NOVA_SUCCESS);
    check("migrate with copies of the capabilities", moved.status[0], NOVA_SUCCESS);
    for (unsigned i = 0; i < 4; i++)
        left += object_at(copies + i) != 0;
    check("capabilities to the old EC and SC are gone", left, 0);
    check("recall by an old one", moved.status[2], NOVA_BAD_CAP);
    check("sc_ctrl by an old one", moved.status[3], NOVA_BAD_CAP);
    check("revoke of what comes from the new one", nova_revoke(objects(moved.thread->ec, 0), 0, 0, 0), NOVA_SUCCESS);
    check("its own name for itself came from it", object_at(moved.base + NAME), 0);
    drop_wait(moved.thread->ec, 2);
}

/* ---- recall, time ---- */

static void recall_and_go(struct nova_utcb *utcb)
{
    moved.status[2] = nova_ec_recall(moved.thread->ec, 0);
    move_there(utcb);
}

static void test_recall(void)
{
    move_start(move_raise, 1, recall_and_go, move_past);
    check("the thread gets on", wait_for(moved.finished), NOVA_SUCCESS);
    check("recall before migrate", moved.status[2], NOVA_SUCCESS);
    check("migrate", moved.status[0], NOVA_SUCCESS);
    check("the recall comes there", moved.recalls, 1);
    check("before the thread runs on", moved.recall_first, 1);
    nova_ec_recall(moved.thread->ec, 0);
    nova_sm_up(moved.gate);
    for (uint64_t end = deadline_ms(PATIENCE_MS); moved.recalls < 2 && nova_tsc() < end;)
        sleep_ms(1);
    check("the new capability recalls", moved.recalls, 2);
    drop_wait(moved.thread->ec, 2);
}

static uint64_t times[4];

static void read_and_go(struct nova_utcb *utcb)
{
    nova_ec_time(moved.thread->ec, &times[0]);
    move_there(utcb);
    moved.status[2] = nova_sc_ec_time(moved.thread->ec + 2, moved.thread->ec, &times[1], &times[2]);
}

static void test_time(void)
{
    nova_word idle = new_selector();
    uint64_t before = 0, after = 0;

    nova_take_objects(boot_cpu, idle, 1);
    nova_sc_time(idle, 2, &before);
    move_start(compute_and_raise, 30, read_and_go, move_past);
    check("the thread gets on", wait_for(moved.finished), NOVA_SUCCESS);
    check_true("EC time before migrate", times[0] >= 25000);
    check("SC and EC time after it", moved.status[2], NOVA_SUCCESS);
    check_true("the new SC begins at 0", times[1] < 5000);
    check_true("the new EC begins at 0", times[2] < 5000);
    for (uint64_t end = deadline_ms(PATIENCE_MS); after < before + 25000 && nova_tsc() < end;) {
        sleep_ms(1);
        nova_sc_time(idle, 2, &after);
    }
    check_true("the old SC's time is with what is gone", after >= before + 25000);
    drop_wait(moved.thread->ec, 2);
}

/* ---- another PD ---- */

static struct child child;

static void child_body(void *unused)
{
    (void)unused;
    __asm__ volatile("ud2");
    nova_lookup(object(NAME, 0), (nova_word *)&moved.crd);
    nova_sm_up(moved.finished);
    nova_sm_down(moved.gate, 0, 0);
}

static void child_go(struct nova_utcb *utcb)
{
    moved.thread = child.thread;
    portals_set(1);
    move_oom_set(1);
    grant(nova_pd, child.pd, objects(moved.base + EVENT_UD, 0), nova_control(NOVA_ITEM_DELEGATE, 0), objects(EVENT_UD, 0));
    moved.status[0] = move(1, nova_crd(NOVA_CRD_OBJ, NAME, 0, NOVA_EC_CTRL_PERM));
    move_spoil(utcb);
}

static void test_child(void)
{
    moved.action[0] = child_go;
    moved.action[1] = move_past;
    moved.status[0] = moved.crd = ~(nova_word)0;
    portals_set(0);
    child = new_child(100, moved.base);
    child_give(&child, moved.finished);
    child_give(&child, moved.gate);
    child_start(&child, 2, child_body, NULL, 0);
    check("a thread of another PD gets on", wait_for(moved.finished), NOVA_SUCCESS);
    check("migrate of a thread of another PD", moved.status[0], NOVA_SUCCESS);
    check("its own name for itself, with the CRD's permissions", moved.crd, object(NAME, NOVA_EC_CTRL_PERM));
    check("not in this PD", object_at(moved.base + NAME), 0);
    child_end(&child);
}

void test_migrate(void)
{
    int second = second_cpu();

    section("6.ec_ctrl_migrate");
    moved.cpu[0] = boot_cpu;
    moved.cpu[1] = second < 0 ? boot_cpu : (unsigned)second;
    moved.base = nova_selectors(EVENTS, EVENTS);
    moved.finished = new_semaphore(0);
    moved.gate = new_semaphore(0);
    moved.answered = new_semaphore(0);
    for (unsigned side = 0; side < SIDES; side++)
        moved.handler[side] = handler_on(moved.cpu[side]);
    nova_events_create(moved.base, moved.handler[0], NULL);
    test_state();
    test_names();
    test_recall();
    test_time();
    test_child();
    test_migrate_refused();
}
