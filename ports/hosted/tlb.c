/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What each simulated CPU keeps of the page tables: the address space that is active, a TLB that keeps what it saw until core flushes it, and a copy of the I/O bitmap. A
 * forgotten flush shows as a stale translation. All of it belongs to the CPU itself; tags are those of address spaces.
 */
#include "hosted.h"

#include <string.h>

enum { TLB_SIZE = 256 };

struct translation {
    uint32_t tag; /* 0 = unused */
    enum mmu_view view;
    const struct mmu *mmu;
    word page;
    uint64_t frame;
    unsigned rights;
};

static struct translation tlb[NOVA_CPUS][TLB_SIZE];
static struct mmu *active[NOVA_CPUS];
static struct mmu *guest[NOVA_CPUS];
static struct {
    uint32_t tag, generation;
    bool valid;
    uint8_t bits[8192];
} io_copy[NOVA_CPUS];
static uint32_t next_tag;

void mmu_reset(void)
{
    memset(tlb, 0, sizeof tlb);
    memset(active, 0, sizeof active);
    memset(io_copy, 0, sizeof io_copy);
    next_tag = 0;
}

uint32_t tlb_tag_new(void) { return __atomic_add_fetch(&next_tag, 1, __ATOMIC_RELAXED); }

void *mmu_activate(void *result, struct mmu *mmu)
{
    if (!mmu || !mmu->root[MMU_HOST])
        contract_broken("mmu_activate: no host view");
    machine_point();
    __atomic_store_n(&active[cpu_number()], mmu, __ATOMIC_RELAXED);
    return result;
}

struct mmu *mmu_active(unsigned cpu) { return __atomic_load_n(&active[cpu], __ATOMIC_RELAXED); }

void mmu_guest_set(unsigned cpu, struct mmu *mmu) { __atomic_store_n(&guest[cpu], mmu, __ATOMIC_RELAXED); }
struct mmu *mmu_guest(unsigned cpu) { return __atomic_load_n(&guest[cpu], __ATOMIC_RELAXED); }

void mmu_flush(struct mmu *mmu, word page, word count)
{
    unsigned cpu = cpu_number();
    machine_point();
    if (!mmu || (io_copy[cpu].tag == mmu->tag && io_copy[cpu].generation != __atomic_load_n(&mmu->io_generation, __ATOMIC_ACQUIRE)))
        io_copy[cpu].valid = false;
    for (struct translation *t = tlb[cpu]; t < tlb[cpu] + TLB_SIZE; t++)
        if (!mmu || (t->tag == mmu->tag && (!count || t->page - page < count)))
            t->tag = 0;
}

unsigned tlb_lookup(unsigned cpu, const struct mmu *mmu, enum mmu_view view, word page, unsigned wanted, uint64_t *frame)
{
    struct translation *t = &tlb[cpu][(page ^ mmu->tag * 37 ^ view * 11) % TLB_SIZE];
    if (t->tag != mmu->tag || t->view != view || t->page != page || (t->rights & wanted) != wanted) {
        uint64_t found;
        unsigned rights = mmu_rights(mmu, view, page, &found, 0);
        if (!rights)
            return 0;
        *t = (struct translation){mmu->tag, view, mmu, page, found, rights};
    }
    *frame = t->frame;
    return t->rights;
}

unsigned tlb_stale(void)
{
    unsigned sum = 0;
    for (unsigned cpu = 0; cpu < NOVA_CPUS; cpu++)
        for (struct translation *t = tlb[cpu]; t < tlb[cpu] + TLB_SIZE; t++) {
            /* Only address spaces that are still there: the memory of others may be reused. */
            if (!t->tag || (active[cpu] != t->mmu && guest[cpu] != t->mmu) || t->mmu->tag != t->tag)
                continue;
            uint64_t frame = 0;
            unsigned rights = mmu_rights(t->mmu, t->view, t->page, &frame, 0);
            sum += (t->rights & ~rights) || (rights && frame != t->frame);
        }
    return sum;
}

int tlb_holder(uint64_t frame, unsigned rights, const struct mmu *except)
{
    for (unsigned cpu = 0; cpu < NOVA_CPUS; cpu++)
        for (struct translation *t = tlb[cpu]; t < tlb[cpu] + TLB_SIZE; t++)
            if (t->tag && t->frame == frame && t->rights & rights && t->mmu != except)
                return (int)cpu;
    return -1;
}

bool port_allowed(unsigned cpu, const struct mmu *mmu, unsigned port)
{
    if (!mmu->io_bitmap)
        return false;
    if (!io_copy[cpu].valid || io_copy[cpu].tag != mmu->tag || (io_copy[cpu].bits[port / 8] >> port % 8 & 1)) {
        io_copy[cpu].valid = true;
        io_copy[cpu].tag = mmu->tag;
        io_copy[cpu].generation = __atomic_load_n(&mmu->io_generation, __ATOMIC_ACQUIRE);
        memcpy(io_copy[cpu].bits, mmu->io_bitmap, sizeof io_copy[cpu].bits);
    }
    return !(io_copy[cpu].bits[port / 8] >> port % 8 & 1);
}
