/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Making and unmaking of protection domains. The mmu's root page and the PD itself are on the payer's and on the PD's own account: the root page is
 * the PD's, so that a PD of quota zero cannot exist with page tables.
 */
#include "core/pd.h"

#include "core/lib/assert.h"
#include "core/lib/bits.h"
#include "core/page_alloc.h"

/* Tables that are given back in one go: each is looked through. */
enum { RELEASE_STEP = 3 };

static void spaces_init(struct pd *pd)
{
    object_space_init(&pd->spaces.objects, &pd->account, &pd->object);
    range_space_init(&pd->spaces.memory, NOVA_CRD_MEM, &pd->account, &pd->mmu, pd->cpus);
    range_space_init(&pd->spaces.ports, NOVA_CRD_PIO, &pd->account, &pd->mmu, pd->cpus);
}

struct pd *pd_create(struct pd *payer, const struct object_type *type)
{
    struct pd *pd = payer ? slab_alloc(&payer->account, sizeof *pd) : page_alloc_zero(0);
    if (!pd)
        return 0;
    void *root = payer ? account_page_alloc(&payer->account, 0) : page_alloc_zero(0);
    if (!root) {
        slab_free(&payer->account, pd, sizeof *pd);
        return 0;
    }
    _Static_assert(sizeof *pd <= SLAB_MAX, "one object of a slab");
    object_init(&pd->object, type, payer);
    account_init(&pd->account);
    spaces_init(pd);
    list_init(&pd->ecs);
    pd->root_page = root;
    mmu_init(&pd->mmu, root);
    return pd;
}

static struct account *page_owner(struct pd *pd, void *page)
{
    return page == pd->root_page ? &pd->object.payer->account : &pd->account;
}

/* A bounded number of page tables; true = all are free. */
static bool mmu_release(struct pd *pd)
{
    struct page_reserve pages = {0, 0};
    bool complete = mmu_fini(&pd->mmu, &pages, RELEASE_STEP);
    while (pages.count) {
        void *page = page_reserve_take(&pages);
        account_page_free(page_owner(pd, page), page, 0);
    }
    return complete;
}

bool pd_destroy(struct cpu *cpu, struct pd *pd)
{
    struct pd *payer = pd->object.payer;
    static const uint8_t order[] = {NOVA_CRD_OBJ, NOVA_CRD_MEM, NOVA_CRD_PIO};
    while (pd->emptied < ARRAY_SIZE(order)) {
        if (!space_empty(cpu, &pd->spaces, order[pd->emptied], &pd->progress, &pd->cursor))
            return false;
        pd->emptied++;
    }
    if (!mmu_release(pd))
        return false;
    if (!object_space_fini(&pd->spaces.objects, RELEASE_STEP))
        return false;
    if (pd->mmu.io_bitmap)
        account_page_free(&pd->account, (void *)(word)pd->mmu.io_bitmap, IO_BITMAP_ORDER);
    if (pd->mmu.io_guest)
        account_page_free(&pd->account, (void *)(word)pd->mmu.io_guest, IO_GUEST_ORDER);
    ASSERT(!pd->account.quota.used);
    pd->account.quota.lower = 0;
    quota_move(&pd->account.quota, &payer->account.quota, pd->account.quota.limit);
    slab_free(&payer->account, pd, sizeof *pd);
    object_unref(cpu, &payer->object);
    return true;
}
