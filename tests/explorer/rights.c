/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Delegating and revoking memory, ports and capabilities while others use them: once revoke has returned, nobody does any more, on no CPU.
 */
#include "scenarios.h"

enum { PORTS = 0x300, USES = 6, ROUNDS = 3 };
#define ADDRESS ((word)PAGE << PAGE_BITS)

static word pd[2], semaphore;
static unsigned revoked; /* rights that nobody but root has any more */
static unsigned rounds;  /* how often root has delegated */

static const struct mmu *root_mmu(void) { return &CONTAINER(object_of(ROOT_SELECTOR), struct pd, object)->mmu; }

/* ---- memory ---- */

static word memory_user(void)
{
    static const unsigned rights[] = {MMU_READ, MMU_READ | MMU_WRITE, MMU_READ | MMU_EXECUTE};
    for (unsigned i = 0; i < USES; i++) {
        unsigned wanted = rights[choose(3)];
        word page = choose(4);
        if (user_access(ADDRESS + (page << PAGE_BITS), wanted) && revoked & wanted)
            fail("%s uses page %lu with rights %u after they were revoked", my_thread()->name, page, wanted);
        user_pause();
    }
    return 0;
}

/* What one PD has, the other one gets: from the first to the second, now and then. */
static word memory_passer(void)
{
    for (unsigned i = 0; i < ROUNDS; i++) {
        user_delegate(pd[0], pd[1], nova_crd(NOVA_CRD_MEM, PAGE + choose(4), choose(2), 7), 0, 0);
        user_pause();
    }
    return 0;
}

/* Only this one takes from root. */
static word memory_owner(void)
{
    for (unsigned i = 0; i < ROUNDS; i++) {
        revoked = 0;
        user_delegate(ROOT_SELECTOR, pd[0], nova_crd(NOVA_CRD_MEM, PAGE, 2, 7), 0, PAGE);
        user_pause();
        unsigned rights = chance(3) ? NOVA_MEM_W : NOVA_MEM_RWX;
        word status = user_revoke(nova_crd(NOVA_CRD_MEM, PAGE, 2, rights), 0, 0, 0);
        if (status != NOVA_SUCCESS)
            fail("revoke ends with status %lu", status);
        for (unsigned page = 0; page < 4; page++) {
            int holder = tlb_holder(PAGE + page, rights, root_mmu());
            if (holder >= 0)
                fail("CPU %d still has page %u with rights %u in its TLB", holder, page, rights);
        }
        revoked = rights;
        user_pause();
    }
    return 0;
}

static void memory_build(void)
{
    revoked = 0;
    pd[0] = make_pd(40);
    pd[1] = make_pd(40);
    make_thread("owner", anywhere(), ROOT_SELECTOR, memory_owner, 0);
    make_thread("passer", anywhere(), ROOT_SELECTOR, memory_passer, 0);
    make_thread("user A", anywhere(), pd[0], memory_user, 0);
    make_thread("user B", anywhere(), pd[1], memory_user, 0);
    make_thread("user C", anywhere(), pd[1], memory_user, 0);
}

static void memory_end(void)
{
    for (unsigned i = 0; i < 2; i++) {
        const struct mmu *mmu = &CONTAINER(object_of(pd[i]), struct pd, object)->mmu;
        for (unsigned page = 0; page < 4; page++)
            if (mmu_rights(mmu, MMU_HOST, PAGE + page, 0, 0) & revoked)
                fail("PD %u still has page %u with rights %u", i, page, revoked);
    }
    if (tlb_stale())
        fail("a CPU holds stale translations");
}

/* ---- page faults that a pager answers, while what it maps is revoked ---- */

static word map_it(void)
{
    struct nova_utcb *utcb = my_utcb();
    word page = (word)utcb->state.qual[1] >> PAGE_BITS;
    utcb->state.mtd = 0;
    utcb->items = nova_items(8, 1);
    *nova_item(utcb, 0) = (struct nova_item){nova_crd(NOVA_CRD_MEM, page, 0, 7), nova_control(NOVA_ITEM_DELEGATE, page)};
    return 0;
}

static word faulting(void)
{
    for (unsigned i = 0; i < USES; i++) {
        user_fault(ADDRESS + ((word)choose(4) << PAGE_BITS), chance(2) ? MMU_READ : MMU_READ | MMU_WRITE);
        user_pause();
    }
    return 0;
}

static word thief(void)
{
    for (unsigned i = 0; i < 4; i++) {
        user_revoke(nova_crd(NOVA_CRD_MEM, PAGE, choose(3), 7), 0, 0, 0);
        user_pause();
    }
    return 0;
}

static void pager_build(void)
{
    pager = map_it;
    pd[0] = make_pd(40);
    pd[1] = make_pd(40);
    make_thread("user A", anywhere(), pd[0], faulting, 0);
    make_thread("user B", anywhere(), pd[1], faulting, 0);
    make_thread("user C", anywhere(), pd[1], faulting, 0);
    make_thread("thief", anywhere(), ROOT_SELECTOR, thief, 0);
}

static void pager_end(void)
{
    if (tlb_stale())
        fail("a CPU holds stale translations");
}

/* ---- ports ---- */

static word port_user(void)
{
    for (unsigned i = 0; i < USES; i++) {
        if (user_port(my_cpu(), PORTS + choose(4)) && revoked)
            fail("%s uses a port after it was revoked", my_thread()->name);
        user_pause();
    }
    return 0;
}

static word port_owner(void)
{
    for (unsigned i = 0; i < ROUNDS; i++) {
        revoked = 0;
        user_delegate(ROOT_SELECTOR, pd[0], nova_crd(NOVA_CRD_PIO, PORTS, 2, 1), 0, 0);
        user_pause();
        user_revoke(nova_crd(NOVA_CRD_PIO, PORTS, 2, 31), 0, 0, 0);
        revoked = 1;
        user_pause();
    }
    return 0;
}

static void ports_build(void)
{
    revoked = 0;
    pd[0] = make_pd(40);
    give_ports(PORTS, 2);
    make_thread("owner", anywhere(), ROOT_SELECTOR, port_owner, 0);
    make_thread("user A", anywhere(), pd[0], port_user, 0);
    make_thread("user B", anywhere(), pd[0], port_user, 0);
}

/* ---- capabilities ---- */

static word cap_user(void)
{
    for (unsigned i = 0; i < USES; i++) {
        unsigned was_revoked = revoked, round = rounds;
        word status = user_up(semaphore);
        if (was_revoked && round == rounds && status != NOVA_BAD_CAP)
            fail("%s uses a capability after it was revoked: status %lu", my_thread()->name, status);
    }
    return 0;
}

static word cap_passer(void)
{
    for (unsigned i = 0; i < ROUNDS; i++)
        user_delegate(pd[0], pd[1], nova_crd(NOVA_CRD_OBJ, semaphore, 0, 31), 0, semaphore);
    return 0;
}

static word cap_owner(void)
{
    for (unsigned i = 0; i < ROUNDS; i++) {
        revoked = 0;
        rounds++;
        user_delegate(ROOT_SELECTOR, pd[0], nova_crd(NOVA_CRD_OBJ, semaphore, 0, 31), 0, semaphore);
        user_pause();
        word status = user_revoke(nova_crd(NOVA_CRD_OBJ, semaphore, 0, 31), 0, 0, 0);
        if (status != NOVA_SUCCESS)
            fail("revoke ends with status %lu", status);
        for (unsigned k = 0; k < 2; k++)
            if (object_space_lookup(&CONTAINER(object_of(pd[k]), struct pd, object)->spaces.objects, semaphore).object)
                fail("PD %u still has the capability", k);
        revoked = 1;
        user_pause();
    }
    return 0;
}

static void caps_build(void)
{
    revoked = 0;
    semaphore = make_semaphore(ROOT_SELECTOR, 0, 0);
    pd[0] = make_pd(40);
    pd[1] = make_pd(40);
    make_thread("owner", anywhere(), ROOT_SELECTOR, cap_owner, 0);
    make_thread("passer", anywhere(), ROOT_SELECTOR, cap_passer, 0);
    make_thread("user A", anywhere(), pd[0], cap_user, 0);
    make_thread("user B", anywhere(), pd[1], cap_user, 0);
}

/* ---- a revoke that tells a semaphore when the memory is free ---- */

static word made;

static word freeing(void)
{
    for (unsigned i = 0; i < 2; i++) {
        word status = user_hypercall(NOVA_CREATE_SM, 0, made, ROOT_SELECTOR, 0, 0, 0);
        if (status != NOVA_SUCCESS)
            fail("create_sm ends with status %lu", status);
        status = user_revoke(nova_crd(NOVA_CRD_OBJ, made, 0, 31), NOVA_REVOKE_SELF, semaphore, 0);
        if (status != NOVA_SUCCESS)
            fail("revoke ends with status %lu", status);
        status = user_down(semaphore, 0, 0);
        if (status != NOVA_SUCCESS)
            fail("the notice ends with status %lu", status);
    }
    return 0;
}

static void notice_build(void)
{
    semaphore = make_semaphore(ROOT_SELECTOR, 0, 0);
    made = new_selector();
    pd[0] = make_pd(40);
    make_thread("freeing", anywhere(), ROOT_SELECTOR, freeing, 0);
    make_thread("user A", anywhere(), pd[0], cap_user, 0);
    make_thread("user B", anywhere(), ROOT_SELECTOR, memory_user, 0);
    revoked = 0;
}

const struct scenario rights_scenarios[] = {
    {.name = "memory-revoke", .cpus = 3, .build = memory_build, .end = memory_end},
    {.name = "memory-pager", .cpus = 3, .build = pager_build, .end = pager_end},
    {.name = "ports-revoke", .cpus = 3, .build = ports_build},
    {.name = "capability-revoke", .cpus = 3, .build = caps_build},
    {.name = "revoke-notice", .cpus = 3, .build = notice_build},
    {.name = 0},
};
