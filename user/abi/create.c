/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * abi.md section 6: the create calls, what they refuse, and that a refused one changes nothing. Also hypercalls that do not know
 * their flags.
 */
#include "abi.h"

/* Creates an object of any type with arguments that are right but for what the check is about. */
struct creation {
    nova_word selector, pd, ec; /* ec: what an SC or PT is bound to */
};

static struct nova_utcb *spare_utcb;
static nova_word local_ec, global_ec;

static void never(void) {}

static void sleeper(void *argument)
{
    (void)argument;
    nova_park();
}

static enum nova_status create(enum nova_object_type type, struct creation c)
{
    switch (type) {
    case NOVA_PD: return nova_create_pd(c.selector, c.pd, 0, nova_quota(0, 32));
    case NOVA_EC: return nova_create_ec(c.selector, c.pd, boot_cpu, (nova_word)spare_utcb, 0, 0, 0);
    case NOVA_SC: return nova_create_sc(c.selector, c.pd, c.ec ? c.ec : global_ec, nova_qpd(1, 1000));
    case NOVA_PT: return nova_create_pt(c.selector, c.pd, c.ec ? c.ec : local_ec, 0, (nova_word)never);
    default: return nova_create_sm(c.selector, c.pd, 0);
    }
}

static const char *const type_names[NOVA_OBJECT_TYPES] = {"PD", "EC", "SC", "PT", "SM"};
static const unsigned type_perms[NOVA_OBJECT_TYPES] = {NOVA_PD_ALL, NOVA_EC_ALL, NOVA_SC_ALL, NOVA_PT_ALL, NOVA_SM_ALL};

static void check_type(const char *what, unsigned type, nova_word got, nova_word want)
{
    char name[100];
    nova_format(name, sizeof(name), "create %s: %s", type_names[type], what);
    check(name, got, want);
}

/* Takes an object away again; its SC must go first, or the thread would run into nothing. */
static void destroy(nova_word selector) { nova_revoke(object(selector, NOVA_PERM_ALL), NOVA_REVOKE_SELF, 0, 0); }

/* What all five types have in common. */
static void test_common(void)
{
    nova_word sm = new_semaphore(0), hole = new_selector(), weak = new_selector(), taken = new_semaphore(0);

    for (unsigned type = 0; type < NOVA_OBJECT_TYPES; type++) {
        struct creation c = {new_selector(), nova_pd, 0};
        nova_word limit, before, after, again;

        grant(nova_pd, nova_pd, object(nova_pd, NOVA_PD_ALL & ~(1u << type)), nova_control(NOVA_ITEM_DELEGATE, 0),
              objects(weak, 0));
        nova_pd_quota_read(nova_pd, &limit, &before);
        check_type("on a used selector", type, create(type, (struct creation){taken, nova_pd, 0}), NOVA_BAD_CAP);
        check_type("the used selector keeps its object", type, object_at(taken), object(taken, NOVA_SM_ALL));
        check_type("paid by a semaphore", type, create(type, (struct creation){c.selector, sm, 0}), NOVA_BAD_CAP);
        check_type("paid by an empty selector", type, create(type, (struct creation){c.selector, hole, 0}), NOVA_BAD_CAP);
        check_type("paid by a selector beyond the object space", type,
                   create(type, (struct creation){c.selector, nova_hip->selectors, 0}), NOVA_BAD_CAP);
        if (far_selector() == nova_hip->selectors) /* else ARG_1 cannot name it */
            check_type("at a selector beyond the object space is refused", type,
                       create(type, (struct creation){nova_hip->selectors, nova_pd, 0}) != NOVA_SUCCESS, 1);
        check_type("PD without the permission", type, create(type, (struct creation){c.selector, weak, 0}), NOVA_BAD_CAP);
        check_type("what was refused left the selector empty", type, object_at(c.selector), 0);
        nova_pd_quota_read(nova_pd, &limit, &after);
        check_type("what was refused cost no kernel memory", type, after <= before, 1);
        destroy(weak);

        grant(nova_pd, nova_pd, object(nova_pd, 1u << type), nova_control(NOVA_ITEM_DELEGATE, 0), objects(weak, 0));
        check_type("PD with just the permission", type, create(type, (struct creation){c.selector, weak, 0}), NOVA_SUCCESS);
        destroy(weak);
        again = type == NOVA_PD ? 1u << NOVA_PD : type_perms[type]; /* a PD gets the permissions of the parent's capability */
        check_type("permissions of the new capability", type, object_at(c.selector), object(c.selector, again));
        destroy(c.selector);
        check_type("gone after revoke with self", type, object_at(c.selector), 0);
    }
    destroy(sm);
    destroy(taken);
}

static void test_pd(void)
{
    nova_word pd = new_selector(), child = new_selector(), back = new_selector(), sm = new_semaphore(1), limit, usage;
    nova_word pair = nova_selectors(2, 2);

    check("create PD: lower limit above upper", nova_create_pd(pd, nova_pd, 0, nova_quota(2, 1)), NOVA_BAD_PAR);
    check("create PD: more than the parent has",
          nova_create_pd(pd, nova_pd, 0, nova_quota(0, ((nova_word)1 << NOVA_WORD_BITS / 2) - 1)), NOVA_BAD_PAR);
    check("create PD: nothing was created", object_at(pd), 0);

    nova_create_sm(pair, nova_pd, 0);
    nova_create_sm(pair + 1, nova_pd, 0);
    check("create PD: with two objects", nova_create_pd(pd, nova_pd, objects(pair, 1), nova_quota(4, 40)), NOVA_SUCCESS);
    check("create PD: all permissions of the parent's", object_at(pd), object(pd, NOVA_PD_ALL));
    check("create PD: its limit", (nova_pd_quota_read(pd, &limit, &usage), limit), 40);
    check_true("create PD: it uses no more than its limit", usage <= 40);
    grant(pd, nova_pd, object(1, NOVA_PERM_ALL), nova_control(NOVA_ITEM_DELEGATE, 0), objects(back, 0));
    check("create PD: the second object is at its selector 1", object_at(back), object(back, NOVA_SM_ALL));
    check("create PD: and is that object", (nova_sm_up(back), nova_sm_down(pair + 1, 0, 1)), NOVA_SUCCESS);

    check("create PD: in the child", nova_create_pd(child, pd, 0, nova_quota(0, 16)), NOVA_SUCCESS);
    check("create PD: the child's limit shrinks", (nova_pd_quota_read(pd, &limit, &usage), limit), 24);
    check("create PD: more than the child has", nova_create_pd(back + 1000, pd, 0, nova_quota(0, 60)), NOVA_BAD_PAR);
    destroy(child);
    destroy(pd);
    destroy(pair);
    destroy(pair + 1);
    check("create PD: what it got is gone with its source", object_at(back), 0);
    destroy(sm);
}

static void test_ec(void)
{
    nova_word ec = nova_selectors(4, 4), utcb = (nova_word)spare_utcb, limit = NOVA_USER_LIMIT;

    check("create EC: CPU 0xfff", nova_create_ec(ec, nova_pd, 0xfff, utcb, 0, 0, 0), NOVA_BAD_CPU);
    for (unsigned i = 0; i < nova_hip_cpus(nova_hip); i++)
        if (!(nova_hip_cpu(nova_hip, i)->flags & NOVA_CPU_ONLINE)) {
            check("create EC: first CPU that is not online", nova_create_ec(ec, nova_pd, i, utcb, 0, 0, 0), NOVA_BAD_CPU);
            break;
        }
    check("create EC: first number behind the last CPU", nova_create_ec(ec, nova_pd, nova_hip_cpus(nova_hip), utcb, 0, 0, 0),
          NOVA_BAD_CPU);
    check("create EC: UTCB at the user limit", nova_create_ec(ec, nova_pd, boot_cpu, limit, 0, 0, 0), NOVA_BAD_PAR);
    check("create EC: UTCB at the last page", nova_create_ec(ec, nova_pd, boot_cpu, -NOVA_PAGE_SIZE, 0, 0, 0), NOVA_BAD_PAR);
    check("create EC: UTCB of the root EC", nova_create_ec(ec, nova_pd, boot_cpu, (nova_word)root_utcb, 0, 0, 0), NOVA_BAD_PAR);
    check("create EC: thread with the UTCB of another EC",
          nova_create_ec(ec, nova_pd, boot_cpu, (nova_word)event_handler->utcb, 0, 0, NOVA_EC_GLOBAL), NOVA_BAD_PAR);
    if (!(nova_hip->features & (NOVA_FEATURE_VMX | NOVA_FEATURE_SVM)))
        check("create EC: virtual CPU without VMX or SVM", nova_create_ec(ec, nova_pd, boot_cpu, 0, 0, 0, NOVA_EC_GLOBAL),
              NOVA_BAD_FTR);
    check("create EC: nothing was created", object_at(ec), 0);

    check("create EC: local", nova_create_ec(ec, nova_pd, boot_cpu, utcb, 0, 0, 0), NOVA_SUCCESS);
    spare_utcb->tls = 0x1234;
    check("create EC: its UTCB is mapped", spare_utcb->tls, 0x1234);
    check("create EC: its UTCB is in use", nova_create_ec(ec + 1, nova_pd, boot_cpu, utcb, 0, 0, 0), NOVA_BAD_PAR);
    destroy(ec);
    check("create EC: same UTCB right after its owner is gone", nova_create_ec(ec, nova_pd, boot_cpu, utcb, 0, 0, 0), NOVA_SUCCESS);
    spare_utcb->tls = 0x4321;
    check("create EC: and it is mapped again", spare_utcb->tls, 0x4321);
    destroy(ec);
    check("create EC: the UTCB is unmapped after that", probe(touch_read, utcb), EVENT_PF);
}

static void test_sc(void)
{
    nova_word sc = new_selector(), sm = new_semaphore(0), weak = new_selector();

    check("create SC: on a local EC", nova_create_sc(sc, nova_pd, local_ec, nova_qpd(1, 1000)), NOVA_BAD_CAP);
    check("create SC: on a semaphore", nova_create_sc(sc, nova_pd, sm, nova_qpd(1, 1000)), NOVA_BAD_CAP);
    check("create SC: on nothing", nova_create_sc(sc, nova_pd, new_selector(), nova_qpd(1, 1000)), NOVA_BAD_CAP);
    grant(nova_pd, nova_pd, object(global_ec, NOVA_EC_CTRL_PERM | NOVA_EC_BIND_PT), nova_control(NOVA_ITEM_DELEGATE, 0),
          objects(weak, 0));
    check("create SC: EC without permission", nova_create_sc(sc, nova_pd, weak, nova_qpd(1, 1000)), NOVA_BAD_CAP);
    destroy(weak);
    check("create SC: priority 0", nova_create_sc(sc, nova_pd, global_ec, nova_qpd(0, 1000)), NOVA_BAD_PAR);
    check("create SC: priority 128", nova_create_sc(sc, nova_pd, global_ec, nova_qpd(128, 1000)), NOVA_BAD_PAR);
    check("create SC: priority 255", nova_create_sc(sc, nova_pd, global_ec, nova_qpd(255, 1000)), NOVA_BAD_PAR);
    check("create SC: quantum 0", nova_create_sc(sc, nova_pd, global_ec, nova_qpd(1, 0)), NOVA_BAD_PAR);
    check("create SC: nothing was created", object_at(sc), 0);
    destroy(sm);
}

static void test_pt(void)
{
    nova_word pt = new_selector(), sm = new_semaphore(0), weak = new_selector();

    check("create PT: on a global EC", nova_create_pt(pt, nova_pd, nova_hip->sel_exc + NOVA_ROOT_EC, 0, (nova_word)never),
          NOVA_BAD_CAP);
    check("create PT: on a semaphore", nova_create_pt(pt, nova_pd, sm, 0, (nova_word)never), NOVA_BAD_CAP);
    grant(nova_pd, nova_pd, object(local_ec, NOVA_EC_CTRL_PERM | NOVA_EC_BIND_SC), nova_control(NOVA_ITEM_DELEGATE, 0),
          objects(weak, 0));
    check("create PT: EC without permission", nova_create_pt(pt, nova_pd, weak, 0, (nova_word)never), NOVA_BAD_CAP);
    destroy(weak);
    check("create PT: IP at the user limit", nova_create_pt(pt, nova_pd, local_ec, 0, NOVA_USER_LIMIT), NOVA_BAD_PAR);
    check("create PT: IP at the end of the address space", nova_create_pt(pt, nova_pd, local_ec, 0, ~(nova_word)0), NOVA_BAD_PAR);
    check("create PT: nothing was created", object_at(pt), 0);
    check("create PT: last IP of user space", nova_create_pt(pt, nova_pd, local_ec, 0, NOVA_USER_LIMIT - 1), NOVA_SUCCESS);
    check("pt_ctrl", nova_pt_ctrl(pt, 1), NOVA_SUCCESS);
    check("pt_ctrl on a semaphore", nova_pt_ctrl(sm, 1), NOVA_BAD_CAP);
    grant(nova_pd, nova_pd, object(pt, NOVA_PT_CALL_PERM), nova_control(NOVA_ITEM_DELEGATE, 0), objects(weak, 0));
    check("pt_ctrl without permission", nova_pt_ctrl(weak, 1), NOVA_BAD_CAP);
    destroy(pt);
    destroy(sm);
}

static void test_sm(void)
{
    nova_word target = new_semaphore(0), chained = new_selector(), sm = new_selector();

    check("create SM: chained to nothing", nova_create_sm_chained(sm, nova_pd, 1, new_selector()), NOVA_BAD_CAP);
    check("create SM: chained to a PD", nova_create_sm_chained(sm, nova_pd, 1, nova_pd), NOVA_BAD_CAP);
    check("create SM: chained to a semaphore", nova_create_sm_chained(chained, nova_pd, 1, target), NOVA_SUCCESS);
    check("create SM: chained to a chained one", nova_create_sm_chained(sm, nova_pd, 1, chained), NOVA_BAD_CAP);
    check("create SM: nothing was created", object_at(sm), 0);
    destroy(chained);
    destroy(target);
}

static void test_flags(void)
{
    static const struct {
        const char *name;
        unsigned number, flags;
    } unknown[] = {
        {"misc with flags 3", NOVA_MISC, 3},         {"misc with flags 7", NOVA_MISC, 7},
        {"misc with flags 15", NOVA_MISC, 15},       {"ec_ctrl with flags 9", NOVA_EC_CTRL, 9},
        {"ec_ctrl with flags 12", NOVA_EC_CTRL, 12}, {"ec_ctrl with flags 15", NOVA_EC_CTRL, 15},
    };

    for (unsigned i = 0; i < sizeof(unknown) / sizeof(*unknown); i++)
        check(unknown[i].name, nova_hypercall(nova_arg1(unknown[i].number, unknown[i].flags, 0), 0, 0, 0, 0), NOVA_BAD_PAR);
    check("misc delegate: source is no PD", nova_delegate(nova_hip->sel_exc + NOVA_ROOT_EC, nova_pd, 0), NOVA_BAD_CAP);
    check("misc delegate: destination is no PD", nova_delegate(nova_pd, new_selector(), 0), NOVA_BAD_CAP);
    check("misc suspend with a wrong semaphore", nova_suspend(nova_hip->sel_exc + NOVA_ROOT_MSR_SM, 0, 0), NOVA_BAD_CAP);
}

void test_create(void)
{
    struct nova_thread *thread = nova_thread_prepare(NULL, boot_cpu);

    section("6.create_ec");
    spare_utcb = nova_utcb_address();
    local_ec = event_handler->ec;
    global_ec = thread->ec;
    thread->entry = sleeper;
    /* a thread without an SC: it does not run until test_common gives it one, and then sleeps */
    check("create EC: global",
          nova_create_ec(global_ec, nova_pd, boot_cpu, (nova_word)thread->utcb, (nova_word)thread, 0, NOVA_EC_GLOBAL),
          NOVA_SUCCESS);
    check("create EC: permissions of a global EC", object_at(global_ec), object(global_ec, NOVA_EC_ALL));
    section("6.create_pd");
    test_pd();
    section("6.create_ec");
    test_ec();
    section("6.create_sc");
    test_sc();
    section("6.create_pt");
    test_pt();
    section("6.create_sm");
    test_sm();
    section("6.flags");
    test_flags();
    section("6.create");
    test_common();
    destroy(global_ec);
}
