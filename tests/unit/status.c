/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Status codes of the hypercalls (abi.md section 6): what is wrong with the arguments decides, and nothing changes.
 */
#include "scenario.h"

#include "core/lib/bits.h"

#include <string.h>

enum { PD = 0x100, EC_LOCAL = 0x102, EC_GLOBAL = 0x104, SC = 0x106, PT = 0x108, SM = 0x10a, NEW = 0x110, HIGH = 1 << 23 };

/* Makes one object of each type; the thread's EC at EC_GLOBAL has no SC. */
static void machine_make(void)
{
    machine_boot(2);
    CHECK_EQ(create_pd(0, PD, SEL_PD, 0, 10, 100), NOVA_SUCCESS);
    CHECK_EQ(create_ec(0, EC_LOCAL, SEL_PD, 0, utcb_address(1), 0, 0, false), NOVA_SUCCESS);
    CHECK_EQ(create_ec(0, EC_GLOBAL, SEL_PD, 1, utcb_address(2), 0, 0x800, true), NOVA_SUCCESS);
    CHECK_EQ(create_pt(0, PT, SEL_PD, EC_LOCAL, 0, CODE), NOVA_SUCCESS);
    CHECK_EQ(create_sm(0, SM, SEL_PD, 0, 0), NOVA_SUCCESS);
}

/* A copy of a capability with these permissions at NEW + 0x80. */
static word copy(word selector, unsigned permissions)
{
    word place = NEW + 0x80;
    CHECK_EQ(revoke(0, nova_crd(NOVA_CRD_OBJ, place, 0, 31), NOVA_REVOKE_SELF, 0, 0), NOVA_SUCCESS);
    CHECK_EQ(delegate(0, NOVA_ROOT_UTCB_ADDRESS, SEL_PD, SEL_PD, nova_crd(NOVA_CRD_OBJ, selector, 0, permissions),
                      nova_control(NOVA_ITEM_DELEGATE, 0), nova_crd(NOVA_CRD_OBJ, place, 0, 31)),
             NOVA_SUCCESS);
    return place;
}

/* Selectors that do not name what is asked for. */
static const word not_a[] = {0, 31, 0x999, HIGH, 1 << 24, (word)1 << 40, ALL_ONES};
static const word kinds[] = {SEL_PD, EC_LOCAL, SEL_SC, PT, SM};

/* Calls with each wrong selector; 'right' is the kind (index into kinds) that would do. */
#define WRONG(right, expression)                                                                                                   \
    do {                                                                                                                           \
        for (unsigned i_ = 0; i_ < ARRAY_SIZE(not_a) + ARRAY_SIZE(kinds); i_++) {                                                  \
            word wrong = i_ < ARRAY_SIZE(not_a) ? not_a[i_] : kinds[i_ - ARRAY_SIZE(not_a)];                                       \
            if (wrong != kinds[right])                                                                                             \
                CHECK_EQ(expression, NOVA_BAD_CAP);                                                                                \
        }                                                                                                                          \
    } while (0)

/* An occupied or impossible place for a new object. */
#define PLACES(expression)                                                                                                         \
    do {                                                                                                                           \
        static const word places[] = {SM, SEL_PD, 1 << 24, ALL_ONES >> 8};                                                         \
        for (unsigned i_ = 0; i_ < ARRAY_SIZE(places); i_++) {                                                                     \
            word place = places[i_];                                                                                               \
            CHECK_EQ(expression, NOVA_BAD_CAP);                                                                                    \
        }                                                                                                                          \
    } while (0)

/* Without the create permission of the type. */
#define PERMISSION(bit, expression)                                                                                                \
    do {                                                                                                                           \
        word weak = copy(SEL_PD, NOVA_PD_ALL & ~(bit));                                                                            \
        CHECK_EQ(expression, NOVA_BAD_CAP);                                                                                        \
    } while (0)

#define NOTHING_AT_NEW() CHECK_EQ(lookup(0, nova_crd(NOVA_CRD_OBJ, NEW, 0, 0)), 0)

TEST(status_create_pd)
{
    machine_make();
    word usage = pd_usage(0, SEL_PD), limit = pd_limit(0, SEL_PD);
    WRONG(0, create_pd(0, NEW, wrong, 0, 0, 0));
    PLACES(create_pd(0, place, SEL_PD, 0, 0, 0));
    PERMISSION(NOVA_PD_CREATE_PD, create_pd(0, NEW, weak, 0, 0, 0));
    CHECK_EQ(create_pd(0, NEW, SEL_PD, 0, 11, 10), NOVA_BAD_PAR);
    CHECK_EQ(create_pd(0, NEW, SEL_PD, 0, 0, limit), NOVA_BAD_PAR);
    CHECK_EQ(create_pd(0, NEW, SEL_PD, 0, 0, 0xffffffff), NOVA_BAD_PAR);
    CHECK_EQ(create_pd(0, NEW, PD, 0, 0, 101), NOVA_BAD_PAR);
    machine_settle();
    NOTHING_AT_NEW();
    CHECK_EQ(pd_limit(0, SEL_PD), limit);
    CHECK(pd_usage(0, SEL_PD) <= usage + 1); /* the slot table of the copy */
    CHECK_EQ(create_pd(0, NEW, SEL_PD, 0, 10, 10), NOVA_SUCCESS);
    CHECK_EQ(pd_limit(0, NEW), 10);
    CHECK_EQ(pd_limit(0, SEL_PD), limit - 10);
    CHECK_EQ(lookup(0, nova_crd(NOVA_CRD_OBJ, NEW, 0, 0)), nova_crd(NOVA_CRD_OBJ, NEW, 0, NOVA_PD_ALL));
    /* The new capability has the permissions of the parent's that was used. */
    CHECK_EQ(create_pd(0, NEW + 1, copy(SEL_PD, NOVA_PD_CREATE_PD | NOVA_PD_CREATE_SM), 0, 0, 5), NOVA_SUCCESS);
    CHECK_EQ(lookup(0, nova_crd(NOVA_CRD_OBJ, NEW + 1, 0, 0)),
             nova_crd(NOVA_CRD_OBJ, NEW + 1, 0, NOVA_PD_CREATE_PD | NOVA_PD_CREATE_SM));
}

TEST(status_create_ec)
{
    machine_make();
    WRONG(0, create_ec(0, NEW, wrong, 0, utcb_address(9), 0, 0, false));
    PLACES(create_ec(0, place, SEL_PD, 0, utcb_address(9), 0, 0, false));
    PERMISSION(NOVA_PD_CREATE_EC, create_ec(0, NEW, weak, 0, utcb_address(9), 0, 0, false));
    CHECK_EQ(create_ec(0, NEW, SEL_PD, 2, utcb_address(9), 0, 0, false), NOVA_BAD_CPU);
    CHECK_EQ(create_ec(0, NEW, SEL_PD, 0xfff, utcb_address(9), 0, 0, false), NOVA_BAD_CPU);
    CHECK_EQ(create_ec(0, NEW, SEL_PD, 0, 0, 0, 0, true), NOVA_BAD_FTR);
    CHECK_EQ(create_ec(0, NEW, SEL_PD, 0, 0, 0, 0, false), NOVA_BAD_PAR);
    CHECK_EQ(create_ec(0, NEW, SEL_PD, 0, utcb_address(1), 0, 0, false), NOVA_BAD_PAR);
    CHECK_EQ(create_ec(0, NEW, SEL_PD, 0, NOVA_ROOT_UTCB_ADDRESS, 0, 0, false), NOVA_BAD_PAR);
    CHECK_EQ(create_ec(0, NEW, SEL_PD, 0, NOVA_HIP_ADDRESS, 0, 0, false), NOVA_BAD_PAR);
    CHECK_EQ(create_ec(0, NEW, SEL_PD, 0, NOVA_USER_LIMIT, 0, 0, false), NOVA_BAD_PAR);
    CHECK_EQ(create_ec(0, NEW, SEL_PD, 0, ALL_ONES & ~0xffful, 0, 0, false), NOVA_BAD_PAR);
    NOTHING_AT_NEW();
    CHECK(!user_try(0, utcb_address(9), MMU_READ));
    CHECK_EQ(create_ec(0, NEW, SEL_PD, 0, utcb_address(9), ALL_ONES, ALL_ONES, false), NOVA_SUCCESS);
    CHECK(user_try(0, utcb_address(9), MMU_READ | MMU_WRITE));
    CHECK_EQ(lookup(0, nova_crd(NOVA_CRD_OBJ, NEW, 0, 0)), nova_crd(NOVA_CRD_OBJ, NEW, 0, NOVA_EC_ALL));
}

TEST(status_create_sc)
{
    machine_make();
    WRONG(0, create_sc(0, NEW, wrong, EC_GLOBAL, 1, 1));
    WRONG(1, create_sc(0, NEW, SEL_PD, wrong, 1, 1));
    CHECK_EQ(create_sc(0, NEW, SEL_PD, EC_LOCAL, 1, 1), NOVA_BAD_CAP);
    PLACES(create_sc(0, place, SEL_PD, EC_GLOBAL, 1, 1));
    PERMISSION(NOVA_PD_CREATE_SC, create_sc(0, NEW, weak, EC_GLOBAL, 1, 1));
    CHECK_EQ(create_sc(0, NEW, SEL_PD, copy(EC_GLOBAL, NOVA_EC_ALL & ~NOVA_EC_BIND_SC), 1, 1), NOVA_BAD_CAP);
    CHECK_EQ(create_sc(0, NEW, SEL_PD, EC_GLOBAL, 0, 1), NOVA_BAD_PAR);
    CHECK_EQ(create_sc(0, NEW, SEL_PD, EC_GLOBAL, 1, 0), NOVA_BAD_PAR);
    CHECK_EQ(create_sc(0, NEW, SEL_PD, EC_GLOBAL, 128, 1), NOVA_BAD_PAR);
    CHECK_EQ(create_sc(0, NEW, SEL_PD, EC_GLOBAL, 255, 1), NOVA_BAD_PAR);
    NOTHING_AT_NEW();
    CHECK(cpu_idle(1));
    CHECK_EQ(create_sc(0, NEW, SEL_PD, EC_GLOBAL, 127, ALL_ONES >> 12), NOVA_SUCCESS);
    CHECK_EQ(lookup(0, nova_crd(NOVA_CRD_OBJ, NEW, 0, 0)), nova_crd(NOVA_CRD_OBJ, NEW, 0, NOVA_SC_ALL));
}

TEST(status_create_pt)
{
    machine_make();
    WRONG(0, create_pt(0, NEW, wrong, EC_LOCAL, 0, CODE));
    WRONG(1, create_pt(0, NEW, SEL_PD, wrong, 0, CODE));
    CHECK_EQ(create_pt(0, NEW, SEL_PD, EC_GLOBAL, 0, CODE), NOVA_BAD_CAP);
    PLACES(create_pt(0, place, SEL_PD, EC_LOCAL, 0, CODE));
    PERMISSION(NOVA_PD_CREATE_PT, create_pt(0, NEW, weak, EC_LOCAL, 0, CODE));
    CHECK_EQ(create_pt(0, NEW, SEL_PD, copy(EC_LOCAL, NOVA_EC_ALL & ~NOVA_EC_BIND_PT), 0, CODE), NOVA_BAD_CAP);
    CHECK_EQ(create_pt(0, NEW, SEL_PD, EC_LOCAL, 0, NOVA_USER_LIMIT), NOVA_BAD_PAR);
    CHECK_EQ(create_pt(0, NEW, SEL_PD, EC_LOCAL, 0, ALL_ONES), NOVA_BAD_PAR);
    NOTHING_AT_NEW();
    CHECK_EQ(create_pt(0, NEW, SEL_PD, EC_LOCAL, ALL_ONES, NOVA_USER_LIMIT - 1), NOVA_SUCCESS);
    CHECK_EQ(lookup(0, nova_crd(NOVA_CRD_OBJ, NEW, 0, 0)), nova_crd(NOVA_CRD_OBJ, NEW, 0, NOVA_PT_ALL));
    /* The id is 0 at first. */
    CHECK_EQ(call(0, NEW, 0), BLOCKED);
    CHECK_EQ(cpu_frame(0)->arg[0], 0);
}

TEST(status_create_sm)
{
    machine_make();
    WRONG(0, create_sm(0, NEW, wrong, 0, 0));
    PLACES(create_sm(0, place, SEL_PD, 0, 0));
    PERMISSION(NOVA_PD_CREATE_SM, create_sm(0, NEW, weak, 0, 0));
    static const word chains[] = {0x999, HIGH, 1 << 24, ALL_ONES, SEL_PD, EC_LOCAL, SEL_SC, PT};
    for (unsigned i = 0; i < ARRAY_SIZE(chains); i++)
        CHECK_EQ(create_sm(0, NEW, SEL_PD, 0, chains[i]), NOVA_BAD_CAP);
    NOTHING_AT_NEW();
    CHECK_EQ(create_sm(0, NEW, SEL_PD, 0, SM), NOVA_SUCCESS);
    CHECK_EQ(lookup(0, nova_crd(NOVA_CRD_OBJ, NEW, 0, 0)), nova_crd(NOVA_CRD_OBJ, NEW, 0, NOVA_SM_ALL));
}

TEST(status_create_without_quota)
{
    machine_make();
    CHECK_EQ(create_pd(0, NEW, SEL_PD, 0, 0, 0), NOVA_SUCCESS);
    CHECK_EQ(pd_limit(0, NEW), 0);
    CHECK_EQ(create_pd(0, NEW + 1, NEW, 0, 0, 0), NOVA_QUO_OOM);
    CHECK_EQ(create_ec(0, NEW + 1, NEW, 0, utcb_address(9), 0, 0, false), NOVA_QUO_OOM);
    CHECK_EQ(create_sc(0, NEW + 1, NEW, EC_GLOBAL, 1, 1), NOVA_QUO_OOM);
    CHECK_EQ(create_pt(0, NEW + 1, NEW, EC_LOCAL, 0, CODE), NOVA_QUO_OOM);
    CHECK_EQ(create_sm(0, NEW + 1, NEW, 0, 0), NOVA_QUO_OOM);
    machine_settle();
    CHECK_EQ(pd_usage(0, NEW), 0);
    CHECK_EQ(lookup(0, nova_crd(NOVA_CRD_OBJ, NEW + 1, 0, 0)), 0);
    /* At each limit the hypercall either works or changes nothing. */
    for (word pages = 1; pages < 12; pages++) {
        CHECK_EQ(hypercall(0, nova_arg1(NOVA_PD_CTRL, 0, SEL_PD), NEW, 1, 0, 0), NOVA_SUCCESS);
        word status = create_ec(0, NEW + 1, NEW, 0, utcb_address(9), 0, 0, false);
        machine_settle();
        if (status == NOVA_SUCCESS) {
            CHECK(pd_usage(0, NEW) > 1 && pd_usage(0, NEW) <= pages);
            return;
        }
        CHECK_EQ(status, NOVA_QUO_OOM);
        CHECK_EQ(lookup(0, nova_crd(NOVA_CRD_OBJ, NEW + 1, 0, 0)), 0);
    }
    CHECK(!"create_ec works with 11 pages");
}

TEST(status_pd_ctrl)
{
    machine_make();
    WRONG(0, hypercall(0, nova_arg1(NOVA_PD_CTRL, NOVA_PD_QUOTA_READ, wrong & (ALL_ONES >> 8)), 0, 0, 0, 0));
    WRONG(0, hypercall(0, nova_arg1(NOVA_PD_CTRL, 0, wrong & (ALL_ONES >> 8)), SEL_PD, 0, 0, 0));
    WRONG(0, hypercall(0, nova_arg1(NOVA_PD_CTRL, 0, SEL_PD), wrong, 0, 0, 0));
    word limit = pd_limit(0, SEL_PD);
    CHECK_EQ(hypercall(0, nova_arg1(NOVA_PD_CTRL, 0, SEL_PD), PD, limit, 0, 0), NOVA_BAD_PAR);
    CHECK_EQ(hypercall(0, nova_arg1(NOVA_PD_CTRL, 0, SEL_PD), PD, ALL_ONES, 0, 0), NOVA_BAD_PAR);
    /* The lower limit stays. */
    CHECK_EQ(hypercall(0, nova_arg1(NOVA_PD_CTRL, 0, PD), SEL_PD, 91, 0, 0), NOVA_BAD_PAR);
    CHECK_EQ(hypercall(0, nova_arg1(NOVA_PD_CTRL, 0, PD), SEL_PD, 90, 0, 0), NOVA_SUCCESS);
    CHECK_EQ(pd_limit(0, PD), 10);
    CHECK_EQ(pd_limit(0, SEL_PD), limit + 90);
    CHECK_EQ(hypercall(0, nova_arg1(NOVA_PD_CTRL, 0, SEL_PD), SEL_PD, 5, 0, 0), NOVA_SUCCESS);
    CHECK_EQ(pd_limit(0, SEL_PD), limit + 90);
}

TEST(status_pt_ctrl)
{
    machine_make();
    WRONG(3, hypercall(0, nova_arg1(NOVA_PT_CTRL, 0, wrong & (ALL_ONES >> 8)), 5, 0, 0, 0));
    CHECK_EQ(pt_ctrl(0, copy(PT, NOVA_PT_CALL_PERM | NOVA_PT_CROSS_CPU_PERM), 5), NOVA_BAD_CAP);
    CHECK_EQ(pt_ctrl(0, PT, ALL_ONES), NOVA_SUCCESS);
    CHECK_EQ(call(0, PT, 0), BLOCKED);
    CHECK_EQ(cpu_frame(0)->arg[0], ALL_ONES);
}

TEST(status_sc_ctrl)
{
    machine_make();
    WRONG(2, hypercall(0, nova_arg1(NOVA_SC_CTRL, 0, wrong & (ALL_ONES >> 8)), 0, 0, 0, 0));
    CHECK_EQ(hypercall(0, nova_arg1(NOVA_SC_CTRL, 0, SEL_SC), 0, 0, 0, 0), NOVA_SUCCESS);
    word before = result_arg(0, 2) << 32 | result_arg(0, 3);
    machine_advance(5000000); /* 5 ms */
    CHECK_EQ(hypercall(0, nova_arg1(NOVA_SC_CTRL, 0, SEL_SC), 0, 0, 0, 0), NOVA_SUCCESS);
    word after = result_arg(0, 2) << 32 | result_arg(0, 3);
    CHECK(after - before >= 5000 && after - before < 5100);
}

TEST(status_ec_ctrl)
{
    machine_make();
    static const unsigned unknown[] = {9, 10, 11, 12, 13, 14, 15};
    for (unsigned i = 0; i < ARRAY_SIZE(unknown); i++)
        CHECK_EQ(hypercall(0, nova_arg1(NOVA_EC_CTRL, unknown[i], SEL_EC), 0, 0, 0, 0), NOVA_BAD_PAR);
    static const unsigned operations[] = {NOVA_EC_RECALL,  NOVA_EC_HELP,      NOVA_EC_TIME,
                                          NOVA_EC_MIGRATE, NOVA_EC_GET_STATE, NOVA_EC_SET_STATE};
    for (unsigned i = 0; i < ARRAY_SIZE(operations); i++)
        WRONG(1, hypercall(0, nova_arg1(NOVA_EC_CTRL, operations[i], wrong & (ALL_ONES >> 8)), 0, 0, 0, 0));
    CHECK_EQ(hypercall(0, nova_arg1(NOVA_EC_CTRL, NOVA_EC_RECALL, copy(EC_LOCAL, NOVA_EC_ALL & ~NOVA_EC_CTRL_PERM)), 0, 0, 0, 0),
             NOVA_BAD_CAP);
    CHECK_EQ(hypercall(0, nova_arg1(NOVA_EC_CTRL, NOVA_EC_YIELD, 0), 0, 0, 0, 0), NOVA_SUCCESS);
    CHECK_EQ(hypercall(0, nova_arg1(NOVA_EC_CTRL, NOVA_EC_RESCHEDULE, 0), 0, 0, 0, 0), NOVA_SUCCESS);
    CHECK_EQ(hypercall(0, nova_arg1(NOVA_EC_CTRL, NOVA_EC_MSR, SEL_PD), 0, 0, 0, 0), NOVA_BAD_CAP);
    CHECK_EQ(hypercall(0, nova_arg1(NOVA_EC_CTRL, NOVA_EC_MSR, SM), 0, 0, 0, 0), NOVA_BAD_CAP);
}

TEST(status_misc)
{
    machine_make();
    for (unsigned flags = 3; flags < 16; flags++)
        CHECK_EQ(hypercall(0, nova_arg1(NOVA_MISC, flags, SEL_PD), 0, SEL_PD, 0, 0), NOVA_BAD_PAR);
    WRONG(0, hypercall(0, nova_arg1(NOVA_MISC, NOVA_MISC_DELEGATE, wrong & (ALL_ONES >> 8)), 0, SEL_PD, 0, 0));
    WRONG(0, hypercall(0, nova_arg1(NOVA_MISC, NOVA_MISC_DELEGATE, SEL_PD), 0, wrong, 0, 0));
    WRONG(4, hypercall(0, nova_arg1(NOVA_MISC, NOVA_MISC_SUSPEND, wrong & (ALL_ONES >> 8)), 0, 0, 0, 0));
    CHECK_EQ(hypercall(0, nova_arg1(NOVA_MISC, NOVA_MISC_SUSPEND, SM), 0, 0, 0, 0), NOVA_BAD_CAP);
    CHECK_EQ(hypercall(0, nova_arg1(NOVA_MISC, NOVA_MISC_SUSPEND, 32 + NOVA_ROOT_SUSPEND_SM), 0, 0, 0, 0), NOVA_BAD_PAR);
}

TEST(status_revoke)
{
    machine_make();
    for (unsigned i = 1; i < ARRAY_SIZE(not_a); i++)
        CHECK_EQ(revoke(0, 0, 0, not_a[i] & (ALL_ONES >> 8), 0), NOVA_BAD_CAP);
    CHECK_EQ(revoke(0, 0, 0, SEL_PD, 0), NOVA_BAD_CAP);
    CHECK_EQ(revoke(0, 0, 0, copy(SM, NOVA_SM_DOWN_PERM), 0), NOVA_BAD_CAP);
    WRONG(0, revoke(0, 0, NOVA_REVOKE_REMOTE, 0, wrong));
    CHECK_EQ(revoke(0, 0, NOVA_REVOKE_REMOTE, 0, PD), NOVA_SUCCESS);
}

TEST(status_devices)
{
    machine_make();
    WRONG(0, hypercall(0, nova_arg1(NOVA_ASSIGN_PCI, 0, wrong & (ALL_ONES >> 8)), 0, 0, 0, 0));
    CHECK_EQ(hypercall(0, nova_arg1(NOVA_ASSIGN_PCI, 0, SEL_PD), CODE, 0x10, 0, 0), NOVA_BAD_DEV);
    /* No interrupt semaphore at all, a plain one. */
    for (unsigned i = 0; i < ARRAY_SIZE(not_a); i++)
        CHECK_EQ(hypercall(0, nova_arg1(NOVA_ASSIGN_GSI, 0, not_a[i] & (ALL_ONES >> 8)), 0, 0, ALL_ONES, 0), NOVA_BAD_CAP);
    CHECK_EQ(hypercall(0, nova_arg1(NOVA_ASSIGN_GSI, 0, SM), 0, 0, ALL_ONES, 0), NOVA_BAD_CAP);
    /* GSI 4 at NOVA_CPUS + 4. */
    word gsi = NOVA_CPUS + 4, msi = NOVA_CPUS + HOSTED_PINS + 1;
    CHECK_EQ(take(0, nova_crd(NOVA_CRD_OBJ, gsi, 0, 31), 0), NOVA_SUCCESS);
    CHECK_EQ(take(0, nova_crd(NOVA_CRD_OBJ, msi, 0, 31), 0), NOVA_SUCCESS);
    CHECK_EQ(lookup(0, nova_crd(NOVA_CRD_OBJ, gsi, 0, 0)), nova_crd(NOVA_CRD_OBJ, gsi, 0, NOVA_SM_ALL));
    CHECK_EQ(hypercall(0, nova_arg1(NOVA_ASSIGN_GSI, 0, gsi), 0, 2, ALL_ONES, 0), NOVA_BAD_CPU);
    CHECK_EQ(hypercall(0, nova_arg1(NOVA_ASSIGN_GSI, 0, gsi), 0, ALL_ONES, ALL_ONES, 0), NOVA_BAD_CPU);
    CHECK_EQ(hypercall(0, nova_arg1(NOVA_ASSIGN_GSI, 0, gsi), 0, 0, SEL_PD, 0), NOVA_BAD_CAP);
    CHECK_EQ(hypercall(0, nova_arg1(NOVA_ASSIGN_GSI, 0, gsi), 0, 0, 0x999, 0), NOVA_BAD_CAP);
    CHECK_EQ(hypercall(0, nova_arg1(NOVA_ASSIGN_GSI, 0, gsi), 0, 0, msi, 0), NOVA_BAD_CAP);
    CHECK_EQ(hypercall(0, nova_arg1(NOVA_ASSIGN_GSI, 0, gsi), CODE, 0, ALL_ONES, 0), NOVA_BAD_DEV);
    CHECK_EQ(hypercall(0, nova_arg1(NOVA_ASSIGN_GSI, 0, msi), CODE, 0, ALL_ONES, 0), NOVA_BAD_DEV);
    CHECK_EQ(hypercall(0, nova_arg1(NOVA_ASSIGN_GSI, 0, msi), 0, 0, ALL_ONES, 0), NOVA_BAD_DEV);
    CHECK(!gsi_state(4)->routed);
    CHECK_EQ(hypercall(0, nova_arg1(NOVA_ASSIGN_GSI, 0, gsi), 0, 1, ALL_ONES, 0), NOVA_SUCCESS);
    CHECK_EQ(result_arg(0, 2), 0);
    CHECK_EQ(result_arg(0, 3), 0);
    CHECK(gsi_state(4)->routed && gsi_state(4)->cpu == 1);
}
