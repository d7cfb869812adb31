/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Address spaces on CPUs: which one CR3 holds, and what is left of others in the TLB.
 *
 * Each address space has a number that is never used again. A CPU remembers which number it runs, and in mmu_cpu.owner whose
 * translations each of its PCIDs may hold: the slot of a space is its number modulo SLOTS, and taking a slot over from another
 * space flushes it. So PCIDs need no allocation, no lock and no flush of other CPUs when a space goes.
 */
#include "ports/x86/mmu.h"

#include "core/lib/spinlock.h"
#include "core/lib/string.h"
#include "hal/boot_info.h"
#include "ports/x86/control.h"
#include "ports/x86/cpu_local.h"
#include "ports/x86/features.h"
#include "ports/x86/io_bitmap.h"
#include "ports/x86/kernel_map.h"
#include "ports/x86/page_table.h"

enum {
    SLOTS = 127,          /* PCIDs 1 .. SLOTS of each CPU; 0 is kernel_root's */
    FLUSH_SINGLE_MAX = 32 /* more pages than this are flushed with the whole space */
};

#define CR3_NO_FLUSH ((uint64_t)1 << 63)

#ifdef __x86_64__
static struct mmu_cpu {
    uint64_t owner[SLOTS];
} __attribute__((aligned(64))) mmu_cpus[NOVA_CPUS];
#endif

static struct spinlock id_lock;
static uint64_t id_last;

void mmu_number(struct mmu *mmu)
{
    spin_lock(&id_lock);
    uint64_t id = ++id_last;
    spin_unlock(&id_lock);
    mmu->tag = (uint32_t)id % SLOTS;
    mmu->port[PORT_ID_LOW] = (uint32_t)id;
    mmu->port[PORT_ID_HIGH] = (uint32_t)(id >> 32);
}

void mmu_cpu_init(void)
{
#ifdef __x86_64__
    x86_cpu_self()->mmu = &mmu_cpus[cpu_number()];
#endif
    cr3_write((word)kernel_root_phys());
}

static bool tagged(void) { return TABLE_LEVELS == 4 && feature(FEATURE_PCID); }

#ifdef __x86_64__
static uint64_t mmu_id(const struct mmu *mmu) { return (uint64_t)mmu->port[PORT_ID_LOW] | (uint64_t)mmu->port[PORT_ID_HIGH] << 32; }
#endif

/* Loads CR3 for an address space. What the TLB may still hold of it stays only if keep is set. */
static inline __attribute__((always_inline)) void space_load(struct x86_cpu *cpu, const struct mmu *mmu, bool keep)
{
#ifdef __x86_64__
    word value = mmu->root[MMU_HOST];
    if (tagged()) {
        uint64_t *owner = &cpu->mmu->owner[mmu->tag], id = mmu_id(mmu);
        value |= mmu->tag + 1;
        if (keep && *owner == id)
            value |= CR3_NO_FLUSH;
        *owner = id;
    }
#else
    (void)keep;
    cpu->root_generation = __atomic_load_n(&mmu->port[PORT_ROOT_GENERATION], __ATOMIC_ACQUIRE);
    word value = (word)mmu->root[MMU_HOST];
#endif
    cr3_write(value);
}

/* With what is rarer: an I/O bitmap to be put away, PCIDs. */
static SELDOM void *activate_specially(void *result, struct mmu *mmu, struct x86_cpu *cpu)
{
    if (cpu->io_mmu)
        io_bitmap_reset(cpu);
    space_load(cpu, mmu, true);
    return result;
}

void *mmu_activate(void *result, struct mmu *mmu)
{
    struct x86_cpu *cpu = x86_cpu_self();
    if (__builtin_expect(cpu->io_mmu || tagged(), 0))
        return activate_specially(result, mmu, cpu);
    space_load(cpu, mmu, true);
    return result;
}

/* CR3 says it. */
static bool is_active(const struct mmu *mmu) { return cr3_read() == (word)(mmu->root[MMU_HOST] | (tagged() ? mmu->tag + 1 : 0)); }

/* What is not active here, or all of it. */
static SELDOM void others_flush(struct x86_cpu *cpu, const struct mmu *mmu)
{
    (void)cpu;
#ifdef __x86_64__
    /* Not active, but translations may wait under its PCID: the next activation has to flush them. */
    if (!mmu)
        memset(cpu->mmu->owner, 0, sizeof cpu->mmu->owner);
    else if (cpu->mmu->owner[mmu->tag] == mmu_id(mmu))
        cpu->mmu->owner[mmu->tag] = 0;
#endif
    if (!mmu)
        cr3_write(cr3_read());
}

void mmu_flush(struct mmu *mmu, word page, word count)
{
    struct x86_cpu *cpu = x86_cpu_self();
    if (!mmu || (cpu->io_mmu == mmu && cpu->io_generation != mmu->io_generation))
        io_bitmap_invalidate();
    if (!mmu || mmu->root[MMU_GUEST])
        cpu->guest_flushes++;
    if (!mmu || !is_active(mmu))
        others_flush(cpu, mmu);
    else if (!count || count > FLUSH_SINGLE_MAX)
        space_load(cpu, mmu, false);
    else
        for (; count; count--, page++)
            page_flush(page << PAGE_BITS);
}

bool mmu_fault_retry(const struct mmu *mmu)
{
#ifdef __x86_64__
    (void)mmu;
    return false;
#else
    struct x86_cpu *cpu = x86_cpu_self();
    if (!is_active(mmu) || cpu->root_generation == __atomic_load_n(&mmu->port[PORT_ROOT_GENERATION], __ATOMIC_ACQUIRE))
        return false;
    space_load(cpu, mmu, false);
    return true;
#endif
}
