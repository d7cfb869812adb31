/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * abi.md sections 6 and 9: accounts of kernel memory. Moving quota, running out of it, and getting it back.
 */
#include "abi.h"

static nova_word limit_of(nova_word pd)
{
    nova_word limit = 0, usage;
    return nova_pd_quota_read(pd, &limit, &usage) ? (nova_word)-1 : limit;
}

static void test_move(void)
{
    nova_word pd = new_selector(), sm = new_semaphore(0), before, between, freed = new_semaphore(0);
    nova_word limit, usage;

    check("read the root PD's account", nova_pd_quota_read(nova_pd, &limit, &usage), NOVA_SUCCESS);
    check_true("it has a limit, and uses less", usage && usage < limit);
    before = limit;
    check("create a PD with 100 pages, 60 of them fixed", nova_create_pd(pd, nova_pd, 0, nova_quota(60, 100)), NOVA_SUCCESS);
    check("its limit", limit_of(pd), 100);
    check("the parent's limit", limit_of(nova_pd), before - 100);
    check("move 10 pages back", nova_pd_quota_move(pd, nova_pd, 10), NOVA_SUCCESS);
    check("its limit then", limit_of(pd), 90);
    check("the parent's limit then", limit_of(nova_pd), before - 90);
    check("move so much that less than the lower limit is left", nova_pd_quota_move(pd, nova_pd, 31), NOVA_BAD_PAR);
    check("move more than there is", nova_pd_quota_move(pd, nova_pd, 91), NOVA_BAD_PAR);
    check("move all ones", nova_pd_quota_move(pd, nova_pd, ~(nova_word)0), NOVA_BAD_PAR);
    check("refused moves change nothing", limit_of(pd), 90);
    check("move to what is no PD", nova_pd_quota_move(nova_pd, sm, 1), NOVA_BAD_CAP);
    check("move from what is no PD", nova_pd_quota_move(sm, nova_pd, 1), NOVA_BAD_CAP);
    check("read of what is no PD", nova_pd_quota_read(sm, &limit, &usage), NOVA_BAD_CAP);
    check("move to the child", nova_pd_quota_move(nova_pd, pd, 5), NOVA_SUCCESS);
    check("its limit at last", limit_of(pd), 95);
    between = limit_of(nova_pd);
    check("move inside one PD", nova_pd_quota_move(nova_pd, nova_pd, 1) <= NOVA_BAD_PAR, 1);
    check("changes nothing", limit_of(nova_pd), between);
    check("destroy it", nova_revoke(objects(pd, 0), NOVA_REVOKE_SELF, 0, freed), NOVA_SUCCESS);
    check("its memory is freed", wait_for(freed), NOVA_SUCCESS);
    check("and its quota is back", limit_of(nova_pd), before);
}

/* Semaphores paid by a PD with few pages, until it has none left. */
static void test_exhaust(void)
{
    enum { ENOUGH = 4096, PAGES = 24 };
    nova_word pd = new_selector(), first = nova_selectors(ENOUGH, ENOUGH), count = 0, limit, usage, fresh, freed = new_semaphore(0);
    enum nova_status status = NOVA_SUCCESS;

    check("create a PD with few pages", nova_create_pd(pd, nova_pd, 0, nova_quota(0, PAGES)), NOVA_SUCCESS);
    nova_pd_quota_read(pd, &limit, &fresh);
    while (count < ENOUGH && !(status = nova_create_sm(first + count, pd, 0)))
        count++;
    check("create_sm ends with QUO_OOM", status, NOVA_QUO_OOM);
    check_true("after some", count > 0);
    nova_pd_quota_read(pd, &limit, &usage);
    check_true("it uses no more than its limit", usage <= limit);
    check("the last selector is empty", object_at(first + count), 0);
    check("more quota", nova_pd_quota_move(nova_pd, pd, 8), NOVA_SUCCESS);
    check("and it works", nova_create_sm(first + count, pd, 0), NOVA_SUCCESS);
    check("destroy them all", nova_revoke(objects(first, 12), NOVA_REVOKE_SELF, 0, freed), NOVA_SUCCESS);
    check("their memory is freed", wait_for(freed), NOVA_SUCCESS);
    nova_pd_quota_read(pd, &limit, &usage);
    check("the account is as it was", usage, fresh);
    check("destroy the PD", nova_revoke(objects(pd, 0), NOVA_REVOKE_SELF, 0, freed), NOVA_SUCCESS);
    check("its memory is freed", wait_for(freed), NOVA_SUCCESS);
}

/* The same object made and destroyed again and again costs nothing. */
static void test_leak(void)
{
    nova_word limit, before, after, freed = new_semaphore(0), ec = nova_selectors(4, 4), pd = new_selector();
    struct nova_utcb *utcb = nova_utcb_address();
    unsigned failed = 0;

    for (unsigned round = 0; round < 2; round++) {
        nova_pd_quota_read(nova_pd, &limit, &before);
        for (unsigned i = 0; i < 50; i++) {
            failed += nova_create_ec(ec, nova_pd, boot_cpu, (nova_word)utcb, 0, 0, 0) != NOVA_SUCCESS;
            failed += nova_create_sm(ec + 1, nova_pd, 0) != NOVA_SUCCESS;
            failed += nova_create_pt(ec + 2, nova_pd, ec, 0, (nova_word)limit_of) != NOVA_SUCCESS;
            failed += nova_create_pd(pd, nova_pd, 0, nova_quota(0, 32)) != NOVA_SUCCESS;
            failed += nova_revoke(objects(ec, 2), NOVA_REVOKE_SELF, 0, freed) != NOVA_SUCCESS;
            failed += wait_for(freed) != NOVA_SUCCESS;
            failed += nova_revoke(objects(pd, 0), NOVA_REVOKE_SELF, 0, freed) != NOVA_SUCCESS;
            failed += wait_for(freed) != NOVA_SUCCESS;
        }
        nova_pd_quota_read(nova_pd, &limit, &after);
    }
    check("create and destroy EC, SM, PT and PD 100 times", failed, 0);
    check("kernel memory in use is what it was", after, before);
}

void test_quota(void)
{
    section("6.pd_ctrl");
    test_move();
    section("9.create");
    test_exhaust();
    section("9.give_back");
    test_leak();
}
