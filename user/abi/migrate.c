/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * abi.md section 6, ec_ctrl 4: a handler moves the thread that waits for it to another CPU. The thread raises #UD; side 0 is the handler on the boot CPU, side 1 one on
 * the other CPU (with one CPU: another one of the same). What a side does with the event is a function of the check.
 */
#include "abi.h"

enum { NAME = 40, EVENTS = 64, SIDES = 2, RECALL_ID = 2 };

static struct {
    unsigned cpu[SIDES];
    struct nova_thread *handler[SIDES], *thread;
    nova_word base, finished, gate, answered;
    void (*volatile action[SIDES])(struct nova_utcb *utcb);
    struct nova_state seen[SIDES];
    volatile nova_word events[SIDES], recalls, recall_first, status[20], stop, fpu_wrong, word, crd;
    struct registers sent, stored;
} m;

NOVA_PORTAL(moved_event);

static void moved_event_handler(nova_word id, struct nova_utcb *utcb)
{
    utcb->items = 0;
    if (id >= RECALL_ID) {
        m.recalls++;
        m.recall_first = m.events[1] == 0;
        utcb->state.mtd = 0;
        return;
    }
    m.events[id]++;
    memcpy(&m.seen[id], &utcb->state, sizeof(m.seen[id]));
    utcb->state.mtd = 0;
    m.action[id](utcb);
}

static void step_over(struct nova_utcb *utcb)
{
    utcb->state.ip += 2;
    utcb->state.mtd = NOVA_MTD_IP;
}

/* Startup, #UD and recall of the thread go to this side from now on. */
static void portals_set(unsigned side)
{
    drop(m.base + EVENT_UD, 0);
    drop(m.base + NOVA_EVENT_RECALL, 0);
    nova_portal_create(m.base + EVENT_UD, nova_pd, m.handler[side], NOVA_EVENT_MTD, moved_event, side);
    nova_portal_create(m.base + NOVA_EVENT_RECALL, nova_pd, m.handler[side], NOVA_EVENT_MTD, moved_event, RECALL_ID + side);
}

static void oom_set(unsigned side)
{
    drop(m.thread->ec + 1, 0);
    nova_portal_create(m.thread->ec + 1, nova_pd, m.handler[side], 0, moved_event, 0);
}

/* The handler's answer is to have no effect, so it asks for a lot. */
static void spoil(struct nova_utcb *utcb)
{
    memset((void *)&utcb->state.ax, 0x66, sizeof(nova_word) * 4);
    utcb->state.ip = 0x666;
    utcb->state.sp = 0x6660;
    utcb->state.mtd = NOVA_MTD_IP | NOVA_MTD_SP | NOVA_MTD_GPR_ACDB;
}

static nova_word migrate(unsigned side, nova_word crd) { return nova_ec_migrate(m.thread->ec, m.cpu[side], crd); }

static void there(struct nova_utcb *utcb)
{
    portals_set(1);
    oom_set(1);
    m.status[0] = migrate(1, objects(NAME, 0));
    spoil(utcb);
}

static void back(struct nova_utcb *utcb)
{
    portals_set(0);
    oom_set(0);
    m.action[0] = step_over; /* before: the thread may be there at once, and through before this handler gets on */
    m.status[1] = migrate(0, objects(NAME, 0));
    spoil(utcb);
    nova_sm_up(m.answered);
}

/* One #UD a round, with all registers filled. */
static void raise(void *rounds)
{
    uint8_t before[16], after[16];

    for (nova_word i = 0; i < (nova_word)rounds; i++) {
        nova_word *words = (nova_word *)&m.sent;
        for (unsigned k = 0; k < sizeof(m.sent) / sizeof(nova_word); k++)
            words[k] = (nova_word)0x0101010101010101ull * (k + 1) ^ i;
        m.sent.flags = 0x203;
        m.stored = m.sent;
        memset(before, 0x30 + (int)i, sizeof(before));
        nova_self()->utcb->mr[100] = 0x1000 + i;
        __asm__ volatile("movups %0, %%xmm5" : : "m"(before));
        undefined_registers(&m.stored);
        __asm__ volatile("movups %%xmm5, %0" : "=m"(after));
        m.fpu_wrong += memcmp(before, after, sizeof(before)) != 0;
        m.word = nova_self()->utcb->mr[100];
        nova_sm_up(m.finished);
        nova_sm_down(m.gate, 0, 0);
    }
}

static void compute_and_raise(void *ms)
{
    uint64_t end = deadline_ms((unsigned)(nova_word)ms);
    while (nova_tsc() < end)
        nova_pause();
    raise((void *)1);
}

static void start(void (*entry)(void *), nova_word argument, void (*action0)(struct nova_utcb *),
                  void (*action1)(struct nova_utcb *))
{
    m.events[0] = m.events[1] = m.recalls = m.recall_first = m.fpu_wrong = m.word = 0;
    for (unsigned i = 0; i < sizeof(m.status) / sizeof(*m.status); i++)
        m.status[i] = ~(nova_word)0;
    m.action[0] = action0;
    m.action[1] = action1;
    m.thread = nova_thread_prepare(NULL, boot_cpu);
    drop(m.base + NAME, 0);
    portals_set(0);
    check("start of a thread to move", nova_thread_start(m.thread, m.base, 2, BOOT_QUANTUM, entry, (void *)argument), NOVA_SUCCESS);
}

#define REGISTERS(X) X(ax) X(cx) X(dx) X(bx) X(bp) X(si) X(di)

/* ---- it goes along ---- */

static void test_state(void)
{
    start(raise, 2, there, step_over);
    check("the thread gets on after its event", wait_for(m.finished), NOVA_SUCCESS);
    check("migrate", m.status[0], NOVA_SUCCESS);
    check("one event here", m.events[0], 1);
    check("it is raised again there", m.events[1], 1);
    check("with the same IP", m.seen[1].ip, m.seen[0].ip);
    check("and SP", m.seen[1].sp, m.seen[0].sp);
    check("and flags", m.seen[1].flags, m.seen[0].flags);
#define CHECK_MOVED(r) check("what the handler answers has no effect: " #r, m.seen[1].r, m.sent.r);
    REGISTERS(CHECK_MOVED)
#ifdef __x86_64__
    check("and r8", m.seen[1].r8, m.sent.r8);
    check("and r15", m.seen[1].r15, m.sent.r15);
#endif
    check("its FPU registers go along", m.fpu_wrong, 0);
    check("its UTCB goes along", m.word, 0x1000);
    check("the EC's selector: all permissions", object_at(m.thread->ec),
          object(m.thread->ec, NOVA_EC_CTRL_PERM | NOVA_EC_BIND_SC | NOVA_EC_BIND_PT));
    check("the SC's selector: all permissions", object_at(m.thread->ec + 2), object(m.thread->ec + 2, NOVA_SC_CTRL_PERM));
    check("its own name for itself", object_at(m.base + NAME),
          object(m.base + NAME, NOVA_EC_CTRL_PERM | NOVA_EC_BIND_SC | NOVA_EC_BIND_PT));
    /* ... and comes back. */
    m.action[1] = back;
    nova_sm_up(m.gate);
    check("the thread gets on after another event", wait_for(m.finished), NOVA_SUCCESS);
    check("and so does its handler there", wait_for(m.answered), NOVA_SUCCESS);
    check("migrate from there back", m.status[1], NOVA_SUCCESS);
    check("the event there", m.events[1], 2);
    check("and here again", m.events[0], 2);
    check("with the same IP", m.seen[0].ip, m.seen[1].ip);
    check("its FPU registers come back", m.fpu_wrong, 0);
    check("its UTCB comes back", m.word, 0x1001);
    check("no recall on the way", m.recalls, 0);
    drop_wait(m.thread->ec, 2);
    check("revoked: its own name for itself is gone", object_at(m.base + NAME), 0);
    check("revoked: its UTCB is gone", probe(touch_read, (nova_word)m.thread->utcb), EVENT_PF);
}

/* ---- capabilities ---- */

static nova_word copies;

static void copy_and_go(struct nova_utcb *utcb)
{
    for (unsigned i = 0; i < 4; i++) {
        nova_word from = m.thread->ec + (i & 2);
        nova_message_begin(utcb);
        nova_message_item(utcb, object(from, 1), nova_control(NOVA_ITEM_DELEGATE, 0));
        nova_delegate(nova_pd, nova_pd, objects(copies + i, 0));
    }
    m.word = 0;
    for (unsigned i = 0; i < 4; i++)
        m.word += object_at(copies + i) != 0;
    there(utcb);
    m.status[2] = nova_ec_recall(copies, 0);
    m.status[3] = nova_sc_time(copies + 2, 0, &(uint64_t){0});
    utcb->items = 0;
    spoil(utcb);
}

static void test_names(void)
{
    unsigned left = 0;
    copies = nova_selectors(4, 4);
    start(raise, 1, copy_and_go, step_over);
    check("the thread gets on", wait_for(m.finished), NOVA_SUCCESS);
    check("migrate with copies of the capabilities", m.status[0], NOVA_SUCCESS);
    for (unsigned i = 0; i < 4; i++)
        left += object_at(copies + i) != 0;
    check("capabilities to the old EC and SC are gone", left, 0);
    check("recall by an old one", m.status[2], NOVA_BAD_CAP);
    check("sc_ctrl by an old one", m.status[3], NOVA_BAD_CAP);
    check("revoke of what comes from the new one", nova_revoke(objects(m.thread->ec, 0), 0, 0, 0), NOVA_SUCCESS);
    check("its own name for itself came from it", object_at(m.base + NAME), 0);
    drop_wait(m.thread->ec, 2);
}

/* ---- recall, time ---- */

static void recall_and_go(struct nova_utcb *utcb)
{
    m.status[2] = nova_ec_recall(m.thread->ec, 0);
    there(utcb);
}

static void test_recall(void)
{
    start(raise, 1, recall_and_go, step_over);
    check("the thread gets on", wait_for(m.finished), NOVA_SUCCESS);
    check("recall before migrate", m.status[2], NOVA_SUCCESS);
    check("migrate", m.status[0], NOVA_SUCCESS);
    check("the recall comes there", m.recalls, 1);
    check("before the thread runs on", m.recall_first, 1);
    nova_ec_recall(m.thread->ec, 0);
    nova_sm_up(m.gate);
    for (uint64_t end = deadline_ms(PATIENCE_MS); m.recalls < 2 && nova_tsc() < end;)
        sleep_ms(1);
    check("the new capability recalls", m.recalls, 2);
    drop_wait(m.thread->ec, 2);
}

static uint64_t times[4];

static void read_and_go(struct nova_utcb *utcb)
{
    nova_ec_time(m.thread->ec, &times[0]);
    there(utcb);
    m.status[2] = nova_sc_ec_time(m.thread->ec + 2, m.thread->ec, &times[1], &times[2]);
}

static void test_time(void)
{
    nova_word idle = new_selector();
    uint64_t before = 0, after = 0;

    nova_take_objects(boot_cpu, idle, 1);
    nova_sc_time(idle, 2, &before);
    start(compute_and_raise, 30, read_and_go, step_over);
    check("the thread gets on", wait_for(m.finished), NOVA_SUCCESS);
    check_true("EC time before migrate", times[0] >= 25000);
    check("SC and EC time after it", m.status[2], NOVA_SUCCESS);
    check_true("the new SC begins at 0", times[1] < 5000);
    check_true("the new EC begins at 0", times[2] < 5000);
    for (uint64_t end = deadline_ms(PATIENCE_MS); after < before + 25000 && nova_tsc() < end;) {
        sleep_ms(1);
        nova_sc_time(idle, 2, &after);
    }
    check_true("the old SC's time is with what is gone", after >= before + 25000);
    drop_wait(m.thread->ec, 2);
}

/* ---- another PD ---- */

static struct child child;

static void child_body(void *unused)
{
    (void)unused;
    __asm__ volatile("ud2");
    nova_lookup(object(NAME, 0), (nova_word *)&m.crd);
    nova_sm_up(m.finished);
    nova_sm_down(m.gate, 0, 0);
}

static void child_go(struct nova_utcb *utcb)
{
    m.thread = child.thread;
    portals_set(1);
    oom_set(1);
    nova_message_begin(utcb);
    nova_message_item(utcb, objects(m.base + EVENT_UD, 0), nova_control(NOVA_ITEM_DELEGATE, 0));
    nova_delegate(nova_pd, child.pd, objects(EVENT_UD, 0));
    m.status[0] = migrate(1, nova_crd(NOVA_CRD_OBJ, NAME, 0, NOVA_EC_CTRL_PERM));
    spoil(utcb);
}

static void test_child(void)
{
    m.action[0] = child_go;
    m.action[1] = step_over;
    m.status[0] = m.crd = ~(nova_word)0;
    portals_set(0);
    child = new_child(100, m.base);
    child_give(&child, m.finished);
    child_give(&child, m.gate);
    child_start(&child, 2, child_body, NULL, 0);
    check("a thread of another PD gets on", wait_for(m.finished), NOVA_SUCCESS);
    check("migrate of a thread of another PD", m.status[0], NOVA_SUCCESS);
    check("its own name for itself, with the CRD's permissions", m.crd, object(NAME, NOVA_EC_CTRL_PERM));
    check("not in this PD", object_at(m.base + NAME), 0);
    child_end(&child);
}

/* ---- what does not fit ---- */

static nova_word limits_wrong;

/* CPUs and CRDs at and beyond every limit: none of them fits. */
static void refuse_limits(void)
{
    nova_word arg1 = nova_arg1(NOVA_EC_CTRL, NOVA_EC_MIGRATE, m.thread->ec);
    for (unsigned bit = 0; bit < NOVA_WORD_BITS; bit++)
        for (int around = -1; around <= 1; around++) {
            nova_word value = ((nova_word)1 << bit) + (nova_word)around;
            if (value >= nova_hip_cpus(nova_hip) || !(nova_hip_cpu(nova_hip, (unsigned)value)->flags & NOVA_CPU_ONLINE))
                limits_wrong += nova_hypercall(arg1, value, objects(NAME, 0), 0, 0) != NOVA_BAD_PAR;
            if (bit >= NOVA_WORD_BITS - 12)
                continue;
            for (unsigned type = 0; type < 4; type++)
                for (unsigned order = 0; order < 32; order++)
                    if (type != NOVA_CRD_OBJ || order)
                        limits_wrong +=
                            nova_hypercall(arg1, m.cpu[1], nova_crd(type, value, order, NOVA_PERM_ALL), 0, 0) != NOVA_BAD_PAR;
            limits_wrong += nova_hypercall(arg1, m.cpu[1], nova_crd(NOVA_CRD_OBJ, value, 0, 0), 0, 0) != NOVA_BAD_PAR;
        }
}

static void refused(struct nova_utcb *utcb)
{
    nova_word crd = objects(NAME, 0), sc = m.thread->ec + 2, save = new_selector();
    unsigned i = 0;

    m.status[i++] = migrate(1, crd); /* no OOM portal */
    oom_set(1);
    m.status[i++] = nova_ec_migrate(m.thread->ec, nova_hip_cpus(nova_hip), crd);
    m.status[i++] = nova_ec_migrate(m.thread->ec, ~0u, crd);
    refuse_limits();
    m.status[i++] = migrate(1, 0);
    m.status[i++] = migrate(1, nova_crd(NOVA_CRD_MEM, NAME, 0, NOVA_PERM_ALL));
    m.status[i++] = migrate(1, nova_crd(NOVA_CRD_PIO, NAME, 0, NOVA_PERM_ALL));
    m.status[i++] = migrate(1, objects(NAME, 1));
    m.status[i++] = migrate(1, objects(NAME, 31));
    if (nova_crd_base(objects(far_selector() - m.base, 0)) == far_selector() - m.base) /* else no CRD reaches so far */
        m.status[i] = migrate(1, objects(far_selector() - m.base, 0));
    i++;
    m.status[i++] = migrate(1, objects(EVENT_UD, 0)); /* a portal is there */
    m.status[i++] = nova_ec_migrate(m.handler[0]->ec, m.cpu[1], crd);
    m.status[i++] = nova_ec_migrate(nova_hip->sel_exc + NOVA_ROOT_EC, m.cpu[1], crd);
    /* the SC elsewhere, a semaphore in its place */
    nova_message_begin(utcb);
    nova_message_item(utcb, objects(sc, 0), nova_control(NOVA_ITEM_DELEGATE, 0));
    nova_delegate(nova_pd, nova_pd, objects(save, 0));
    nova_revoke(objects(sc, 0), NOVA_REVOKE_SELF | NOVA_REVOKE_KEEP, 0, 0);
    m.status[i++] = migrate(1, crd);
    nova_create_sm(sc, nova_pd, 0);
    m.status[i++] = migrate(1, crd);
    drop(sc, 0);
    nova_message_begin(utcb);
    nova_message_item(utcb, objects(nova_hip->sel_exc + NOVA_ROOT_SC, 0), nova_control(NOVA_ITEM_DELEGATE, 0));
    nova_delegate(nova_pd, nova_pd, objects(sc, 0));
    m.status[i++] = migrate(1, crd);
    nova_revoke(objects(sc, 0), NOVA_REVOKE_SELF | NOVA_REVOKE_KEEP, 0, 0);
    nova_message_begin(utcb);
    nova_message_item(utcb, objects(save, 0), nova_control(NOVA_ITEM_DELEGATE, 0));
    nova_delegate(nova_pd, nova_pd, objects(sc, 0));
    if (m.cpu[0] != m.cpu[1]) {
        oom_set(0);
        m.status[i++] = migrate(1, crd); /* the OOM portal is of this CPU */
    }
    m.status[19] = nova_ec_migrate(save, m.cpu[1], crd);
    utcb->items = 0;
    utcb->state = m.seen[0];
    step_over(utcb);
}

static void test_refused(void)
{
    static const char *const names[] = {"without an OOM portal",
                                        "CPU number beyond the HIP's",
                                        "CPU number all ones",
                                        "null CRD",
                                        "memory CRD",
                                        "I/O CRD",
                                        "CRD of order 1",
                                        "CRD of order 31",
                                        "CRD beyond the object space",
                                        "a place that is taken",
                                        "the handler itself",
                                        "an EC that is in no event of the caller",
                                        "no SC at sel + 2",
                                        "a semaphore at sel + 2",
                                        "another thread's SC at sel + 2",
                                        "an OOM portal of the wrong CPU"};
    char name[100];

    start(raise, 1, refused, step_over);
    check("the thread gets on", wait_for(m.finished), NOVA_SUCCESS);
    for (unsigned i = 0; i < sizeof(names) / sizeof(*names); i++) {
        if (m.status[i] == ~(nova_word)0)
            continue;
        nova_format(name, sizeof(name), "migrate, %s", names[i]);
        check(name, m.status[i], NOVA_BAD_PAR);
    }
    check("migrate to CPUs and CRDs at and beyond every limit: BAD_PAR", limits_wrong, 0);
    check("migrate by an SC's selector", m.status[19], NOVA_BAD_CAP);
    check("nothing has happened: one event, here", m.events[0] << 4 | m.events[1], 0x10);
    check("nothing has happened: registers", m.stored.bx, m.sent.bx);
    check("nothing has happened: no name", object_at(m.base + NAME), 0);
    check("migrate of a thread that is in no event", migrate(1, objects(NAME, 0)), NOVA_BAD_PAR);
    check("migrate of nothing", nova_ec_migrate(new_selector(), m.cpu[1], objects(NAME, 0)), NOVA_BAD_CAP);
    check("migrate beyond the object space", nova_ec_migrate(far_selector(), m.cpu[1], objects(NAME, 0)), NOVA_BAD_CAP);
    drop_wait(m.thread->ec, 2);
}

static void again(struct nova_utcb *utcb)
{
    there(utcb);
    m.status[1] = migrate(1, objects(NAME, 0));
    spoil(utcb);
}

static void test_twice(void)
{
    start(raise, 1, again, step_over);
    check("the thread gets on", wait_for(m.finished), NOVA_SUCCESS);
    check("migrate", m.status[0], NOVA_SUCCESS);
    check("once for an event", m.status[1], NOVA_BAD_PAR);
    drop_wait(m.thread->ec, 2);
}

void test_migrate(void)
{
    int second = second_cpu();

    section("6.ec_ctrl_migrate");
    m.cpu[0] = boot_cpu;
    m.cpu[1] = second < 0 ? boot_cpu : (unsigned)second;
    m.base = nova_selectors(EVENTS, EVENTS);
    m.finished = new_semaphore(0);
    m.gate = new_semaphore(0);
    m.answered = new_semaphore(0);
    for (unsigned side = 0; side < SIDES; side++)
        m.handler[side] = handler_on(m.cpu[side]);
    nova_events_create(m.base, m.handler[0], NULL);
    test_state();
    test_names();
    test_recall();
    test_time();
    test_child();
    test_refused();
    test_twice();
}
