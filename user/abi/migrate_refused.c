/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * abi.md section 6, ec_ctrl 4, migrate: what does not fit is refused, and nothing happens then.
 */
#include "migrate.h"

static nova_word limits_wrong;

/* CPUs and CRDs at and beyond every limit: none of them fits. */
static void refuse_limits(void)
{
    nova_word arg1 = nova_arg1(NOVA_EC_CTRL, NOVA_EC_MIGRATE, moved.thread->ec);
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
                            nova_hypercall(arg1, moved.cpu[1], nova_crd(type, value, order, NOVA_PERM_ALL), 0, 0) != NOVA_BAD_PAR;
            limits_wrong += nova_hypercall(arg1, moved.cpu[1], nova_crd(NOVA_CRD_OBJ, value, 0, 0), 0, 0) != NOVA_BAD_PAR;
        }
}

static void refused(struct nova_utcb *utcb)
{
    nova_word crd = objects(NAME, 0), sc = moved.thread->ec + 2, save = new_selector();
    unsigned i = 0;

    moved.status[i++] = move(1, crd); /* no OOM portal */
    move_oom_set(1);
    moved.status[i++] = nova_ec_migrate(moved.thread->ec, nova_hip_cpus(nova_hip), crd);
    moved.status[i++] = nova_ec_migrate(moved.thread->ec, ~0u, crd);
    refuse_limits();
    moved.status[i++] = move(1, 0);
    moved.status[i++] = move(1, nova_crd(NOVA_CRD_MEM, NAME, 0, NOVA_PERM_ALL));
    moved.status[i++] = move(1, nova_crd(NOVA_CRD_PIO, NAME, 0, NOVA_PERM_ALL));
    moved.status[i++] = move(1, objects(NAME, 1));
    moved.status[i++] = move(1, objects(NAME, 31));
    if (nova_crd_base(objects(far_selector() - moved.base, 0)) == far_selector() - moved.base) /* else no CRD reaches so far */
        moved.status[i] = move(1, objects(far_selector() - moved.base, 0));
    i++;
    moved.status[i++] = move(1, objects(EVENT_UD, 0)); /* a portal is there */
    moved.status[i++] = nova_ec_migrate(moved.handler[0]->ec, moved.cpu[1], crd);
    moved.status[i++] = nova_ec_migrate(nova_hip->sel_exc + NOVA_ROOT_EC, moved.cpu[1], crd);
    /* the SC elsewhere, a semaphore in its place */
    grant(nova_pd, nova_pd, objects(sc, 0), nova_control(NOVA_ITEM_DELEGATE, 0), objects(save, 0));
    nova_revoke(objects(sc, 0), NOVA_REVOKE_SELF | NOVA_REVOKE_KEEP, 0, 0);
    moved.status[i++] = move(1, crd);
    nova_create_sm(sc, nova_pd, 0);
    moved.status[i++] = move(1, crd);
    drop(sc, 0);
    grant(nova_pd, nova_pd, objects(nova_hip->sel_exc + NOVA_ROOT_SC, 0), nova_control(NOVA_ITEM_DELEGATE, 0), objects(sc, 0));
    moved.status[i++] = move(1, crd);
    nova_revoke(objects(sc, 0), NOVA_REVOKE_SELF | NOVA_REVOKE_KEEP, 0, 0);
    grant(nova_pd, nova_pd, objects(save, 0), nova_control(NOVA_ITEM_DELEGATE, 0), objects(sc, 0));
    if (moved.cpu[0] != moved.cpu[1]) {
        move_oom_set(0);
        moved.status[i++] = move(1, crd); /* the OOM portal is of this CPU */
    }
    moved.status[19] = nova_ec_migrate(save, moved.cpu[1], crd);
    utcb->items = 0;
    utcb->state = moved.seen[0];
    move_past(utcb);
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

    move_start(move_raise, 1, refused, move_past);
    check("the thread gets on", wait_for(moved.finished), NOVA_SUCCESS);
    for (unsigned i = 0; i < sizeof(names) / sizeof(*names); i++) {
        if (moved.status[i] == ~(nova_word)0)
            continue;
        nova_format(name, sizeof(name), "migrate, %s", names[i]);
        check(name, moved.status[i], NOVA_BAD_PAR);
    }
    check("migrate to CPUs and CRDs at and beyond every limit: BAD_PAR", limits_wrong, 0);
    check("migrate by an SC's selector", moved.status[19], NOVA_BAD_CAP);
    check("nothing has happened: one event, here", moved.events[0] << 4 | moved.events[1], 0x10);
    check("nothing has happened: registers", moved.stored.bx, moved.sent.bx);
    check("nothing has happened: no name", object_at(moved.base + NAME), 0);
    check("migrate of a thread that is in no event", move(1, objects(NAME, 0)), NOVA_BAD_PAR);
    check("migrate of nothing", nova_ec_migrate(new_selector(), moved.cpu[1], objects(NAME, 0)), NOVA_BAD_CAP);
    check("migrate beyond the object space", nova_ec_migrate(far_selector(), moved.cpu[1], objects(NAME, 0)), NOVA_BAD_CAP);
    drop_wait(moved.thread->ec, 2);
}

static void again(struct nova_utcb *utcb)
{
    move_there(utcb);
    moved.status[1] = move(1, objects(NAME, 0));
    move_spoil(utcb);
}

static void test_twice(void)
{
    move_start(move_raise, 1, again, move_past);
    check("the thread gets on", wait_for(moved.finished), NOVA_SUCCESS);
    check("migrate", moved.status[0], NOVA_SUCCESS);
    check("once for an event", moved.status[1], NOVA_BAD_PAR);
    drop_wait(moved.thread->ec, 2);
}

void test_migrate_refused(void)
{
    test_refused();
    test_twice();
}
