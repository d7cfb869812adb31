/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the port itself needs of the page tables of protection domains beyond hal/mmu.h.
 */
#ifndef PORTS_X86_MMU_H
#define PORTS_X86_MMU_H

#include "hal/mmu.h"

/* Seldom used: built for size. */
#define SELDOM __attribute__((cold, noinline))

/* Words of mmu->port. */
enum {
    PORT_ID_LOW = 0,
    PORT_ID_HIGH = 1,
    PORT_ROOT_GENERATION = 2,  /* 32 bit: counts new entries of the root */
    PORT_GUEST_GENERATION = 3, /* counts changes of the guest view that take rights away */
    PORT_LEAVES = 4,           /* the table of 4 KiB leaves of the host view that was used last; tables stay */
    PORT_LEAVES_OF = 5,        /* ... and the number of its first page >> TABLE_BITS */
    PORT_LARGE = 6,            /* the same for a table of level 2 in which there are large pages */
    PORT_LARGE_OF = 7          /* first page >> 2 * TABLE_BITS */
};

/* A new space gets its number. */
void mmu_number(struct mmu *mmu);

/* The guest view has the format of EPT. Fixed before core runs. */
extern bool mmu_ept;
/* Highest level at which this CPU's EPT has leaves: 2 = pages of 2 MiB, 3 = of 1 GiB. */
extern unsigned mmu_ept_leaf_levels;

/* Every CPU, before its first mmu_activate: kernel_root is loaded, no user mapping is cached. */
void mmu_cpu_init(void);

/* A page of the guest view: its frame, rights (0 = nothing there), level of the leaf that holds it, and memory type. */
struct mmu_leaf {
    uint64_t frame;
    unsigned rights, level;
    enum memory_type type;
};

/* Looks a page of the guest view up. Needs no lock: what it finds holds until this CPU leaves the kernel, or until mmu_guest_generation has changed. */
struct mmu_leaf mmu_guest_find(const struct mmu *mmu, word page);

/* Changes whenever rights of the guest view have been taken away. */
word mmu_guest_generation(const struct mmu *mmu);

/*
 * A page fault of user mode came in the space that is active: true if this CPU only worked with an outdated copy of a page directory pointer (32 bit: the CPU
 * caches the four of them when CR3 is loaded, SDM vol. 3, 4.4.1), which is now refreshed; the instruction has to be repeated. At
 * most three times per address space.
 */
bool mmu_fault_retry(const struct mmu *mmu);

#endif
