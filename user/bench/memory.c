/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Page faults served by a pager's reply, delegation and revoke of memory.
 */
#include <nova/hypercall.h>

#include "bench.h"

enum { CHILDREN = 200, EVENT_PF = 14, LARGE_ORDER = 10 };
#define FAULT_AREA (NOVA_FREE_AREA + 0x1000000)
#define COPY_AREA (NOVA_FREE_AREA + 0x2000000)
#define LARGE_AREA (NOVA_FREE_AREA + 0x4000000)
#define CHAIN_AREA (NOVA_FREE_AREA + 0x8000000)

static nova_word source;

NOVA_PORTAL(pager);

static void pager_handler(nova_word id, struct nova_utcb *utcb)
{
    (void)id;
    utcb->state.mtd = 0;
    utcb->items = nova_items(0, 1);
    nova_item(utcb, 0)->crd = nova_crd(NOVA_CRD_MEM, source, 0, NOVA_MEM_RW);
    nova_item(utcb, 0)->control = nova_control(NOVA_ITEM_DELEGATE, (nova_word)utcb->state.qual[1] >> NOVA_PAGE_BITS);
}

static enum nova_status copy(nova_word from, nova_word to, unsigned order, unsigned flags)
{
    root_utcb->items = nova_items(0, 1);
    nova_item(root_utcb, 0)->crd = nova_crd(NOVA_CRD_MEM, from, order, NOVA_MEM_RWX);
    nova_item(root_utcb, 0)->control = nova_control(NOVA_ITEM_DELEGATE | flags, to);
    return nova_delegate(nova_pd, nova_pd, nova_crd(NOVA_CRD_MEM, 0, 31, NOVA_PERM_ALL));
}

static enum nova_status revoke(nova_word page, unsigned order, unsigned flags)
{
    return nova_revoke(nova_crd(NOVA_CRD_MEM, page, order, NOVA_PERM_ALL), flags, 0, 0);
}

/* Physical page number of 4 MiB of free RAM that are naturally aligned, far above what nova_allocate gives out; 0: none. */
static nova_word large_ram(void)
{
    uint64_t best = 0, size = (uint64_t)NOVA_PAGE_SIZE << LARGE_ORDER;

    for (unsigned i = 0; i < nova_hip_memories(nova_hip); i++) {
        const struct nova_hip_memory *memory = nova_hip_memory(nova_hip, i);
        uint64_t at = (memory->address + memory->size / 2) & -size; /* the middle: the kernel's memory and modules are at an end */
        if (memory->type == NOVA_MEMORY_AVAILABLE && memory->size >= 64 * size && at + size < 0xffffffff)
            best = at;
    }
    return (nova_word)(best >> NOVA_PAGE_BITS);
}

static void bench_faults(void)
{
    volatile char *area = (volatile char *)FAULT_AREA;
    struct nova_thread *handler = handler_create(nova_pd, boot_cpu, nova_selectors(32, 32));
    uint64_t ticks;

    nova_revoke(nova_crd(NOVA_CRD_OBJ, EVENT_PF, 0, NOVA_PERM_ALL), NOVA_REVOKE_SELF, 0, 0);
    expect("pager's portal", nova_portal_create(EVENT_PF, nova_pd, handler, NOVA_MTD_QUAL | NOVA_MTD_IP, pager, EVENT_PF));
    ticks = nova_tsc();
    for (unsigned i = 0; i < CHILDREN; i++)
        area[i * NOVA_PAGE_SIZE] = 1;
    ticks = nova_tsc() - ticks;
    result("page_fault_mapped_by_pager", (uint32_t)ticks / CHILDREN);

    ticks = nova_tsc();
    expect("revoke of what has children", revoke(source, 0, 0));
    ticks = nova_tsc() - ticks;
    result("revoke_per_child_of_200", (uint32_t)ticks / CHILDREN);
}

/* Each page out of the one before: revoke of the first one goes down the whole chain. */
static void bench_chain(void)
{
    nova_word from = source;
    uint64_t ticks;

    for (unsigned i = 0; i < CHILDREN; i++) {
        nova_word to = (CHAIN_AREA >> NOVA_PAGE_BITS) + 2 * i;
        enum nova_status status = copy(from, to, 0, 0);
        if (status) {
            expect("chain of delegations", status);
            return;
        }
        from = to;
    }
    ticks = nova_tsc();
    expect("revoke of the chain", revoke(source, 0, 0));
    ticks = nova_tsc() - ticks;
    result("revoke_per_link_of_200", (uint32_t)ticks / CHILDREN);
}

void bench_memory(void)
{
    nova_word to = COPY_AREA >> NOVA_PAGE_BITS, large_to = LARGE_AREA >> NOVA_PAGE_BITS, large = large_ram(), found;

    source = (nova_word)nova_allocate(NOVA_PAGE_SIZE, NOVA_PAGE_SIZE) >> NOVA_PAGE_BITS;
    bench_faults();
    bench_chain();
    expect("delegation of a page", copy(source, to, 0, 0));
    expect("revoke of a page", revoke(to, 0, NOVA_REVOKE_SELF));
    AVERAGE("delegate_revoke_4k", CHILDREN, copy(source, to, 0, 0); revoke(to, 0, NOVA_REVOKE_SELF));
    /* a name for the same page that exists: nothing happens */
    copy(source, to, 0, 0);
    AVERAGE("delegate_4k_again", CHILDREN, copy(source, to, 0, 0));
    revoke(to, 0, NOVA_REVOKE_SELF);

    expect("delegation of 4 MiB", copy(large, large_to, LARGE_ORDER, NOVA_ITEM_KERNEL));
    nova_lookup(nova_crd(NOVA_CRD_MEM, large_to, 0, 0), &found);
    if (!nova_crd_type(found) || nova_crd_order(found) < LARGE_ORDER)
        expect("4 MiB in one piece", NOVA_BAD_PAR);
    expect("revoke of 4 MiB", revoke(large_to, LARGE_ORDER, NOVA_REVOKE_SELF));
    AVERAGE("delegate_revoke_4m", 20, copy(large, large_to, LARGE_ORDER, NOVA_ITEM_KERNEL);
            revoke(large_to, LARGE_ORDER, NOVA_REVOKE_SELF));
    root_utcb->items = 0;
}
