/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The shadow tables. Pages are taken from the pool one after the other. When it is used up, a page table that the guest has not used lately is given up for the new
 * one (a clock, by the accessed bit that the hardware sets where the directory refers to it); if less than half of the pool are page tables, everything is dropped.
 * What the guest needs comes back by its faults. An instruction touches a few pages only, so half of the smallest pool lets every one complete.
 *
 * With three levels the four page directories are always there, so that the pointers, which processors keep copies of, never change. Guest pages larger than the
 * shadow's are splintered; the directory entry then says so, since INVLPG anywhere in such a page has to drop all of it.
 */
#include "ports/x86/vtlb.h"

#include "core/lib/assert.h"
#include "core/lib/string.h"
#include "hal/physical.h"
#include "ports/x86/control.h"
#include "ports/x86/features.h"
#include "ports/x86/page_table.h"

#define SPLINTERED ((uint64_t)1 << 9) /* of a directory entry: a bit that hardware ignores */

enum { DIRECTORIES = 4, ORDER_1G = 18 };

static uint64_t *pool_page(const struct vtlb *vtlb, unsigned number) { return (uint64_t *)(vtlb->pool + number * PAGE_SIZE); }

static uint64_t *table_of(uint64_t entry) { return phys_to_virt(entry & ENTRY_ADDRESS); }

static unsigned index_of(word address, unsigned level)
{
    return (unsigned)(address >> (PAGE_BITS + TABLE_BITS * (level - 1))) & (TABLE_ENTRIES - 1);
}

static uint64_t table_entry(const void *table)
{
    return virt_to_phys(table) | ENTRY_PRESENT | ENTRY_WRITE | ENTRY_USER | ENTRY_ACCESSED;
}

/* Linear addresses have 32 bit where the tables have three levels, whatever the registers held. */
static word truncate(const struct vtlb *vtlb, word address) { return vtlb->levels == 3 ? (uint32_t)address : address; }

void vtlb_init(struct vtlb *vtlb, const struct mmu *mmu, void *pool, unsigned pages)
{
    ASSERT(pages >= VTLB_PAGES_MIN && pages <= VTLB_PAGES_MAX);
    vtlb->mmu = mmu;
    vtlb->pool = pool;
    vtlb->pages = pages;
    vtlb->changed = true;
    vtlb_flush(vtlb);
}

void vtlb_flush(struct vtlb *vtlb)
{
    unsigned levels = vtlb_long(vtlb) ? 4 : 3;
    uint64_t *root = pool_page(vtlb, 0);
    vtlb->changed = vtlb->changed || levels != vtlb->levels;
    vtlb->levels = (uint8_t)levels;
    vtlb->used = 1;
    memset(vtlb->owner, 0, sizeof vtlb->owner);
    memset(root, 0, PAGE_SIZE);
    for (unsigned i = 0; levels == 3 && i < DIRECTORIES; i++) {
        uint64_t *directory = memset(pool_page(vtlb, vtlb->used++), 0, PAGE_SIZE);
        root[i] = virt_to_phys(directory) | ENTRY_PRESENT;
    }
    vtlb->huge = false;
    vtlb->flushed = true;
    vtlb->flushes++;
}

enum vtlb_outcome vtlb_prepare(struct vtlb *vtlb)
{
    word generation = mmu_guest_generation(vtlb->mmu);
    if (vtlb->generation != generation) {
        vtlb->generation = generation;
        vtlb_flush(vtlb);
    }
    if (!vtlb->pointers_due)
        return VTLB_DONE;
    uint64_t pointer[4];
    enum vtlb_outcome outcome = vtlb_pointers_read(vtlb, vtlb->cr3, pointer);
    if (outcome != VTLB_DONE)
        return outcome;
    memcpy(vtlb->pointer, pointer, sizeof pointer);
    vtlb->pointers_due = false;
    return VTLB_DONE;
}

/* The shadow entry for a page of the guest. access: the one that has just been allowed. */
static uint64_t shadow_entry(const struct vtlb *vtlb, const struct vtlb_page *page, const struct mmu_leaf *leaf, unsigned access)
{
    bool writable = page->writable && page->dirty, user = page->user, execute = page->execute;
    if (access & FAULT_WRITE && !page->writable) {
        /*
         * Write protection is off for the guest's kernel, but never for the hardware: its user mode must not get in now. (SMAP does not see such a page
         * any more: no system has SMAP on and write protection off.)
         */
        writable = true;
        user = false;
        execute = execute && !(page->user && vtlb->cr4 & CR4_SMEP);
    }
    execute = execute && leaf->rights & MMU_EXECUTE;
    uint64_t entry = leaf->frame << PAGE_BITS | ENTRY_PRESENT | ENTRY_ACCESSED | ENTRY_DIRTY;
    entry |= entry_type(page->uncached ? MEMORY_UNCACHED : leaf->type);
    return entry | (writable && leaf->rights & MMU_WRITE ? ENTRY_WRITE : 0) | (user ? ENTRY_USER : 0) |
           (execute ? 0 : entry_no_execute);
}

/* Puts an entry in the place of another one. What loses rights, or faults although nothing is missing, is to leave the hardware's TLB. */
static void entry_put(struct vtlb *vtlb, uint64_t *place, uint64_t entry)
{
    if (*place & ENTRY_PRESENT)
        vtlb->flushed = true;
    entry_write(place, entry);
}

/* Makes a page table available again that nobody has used since this function last came to it. 0 = there are not enough to take one. */
static unsigned page_table_recycle(struct vtlb *vtlb)
{
    unsigned count = 0;
    for (unsigned i = 0; i < vtlb->pages; i++)
        count += vtlb->owner[i] != 0;
    if (count < vtlb->pages / 2)
        return 0;
    for (;;) {
        unsigned page = vtlb->next++ % vtlb->pages;
        if (!vtlb->owner[page])
            continue;
        uint64_t *entry = (uint64_t *)vtlb->pool + vtlb->owner[page];
        if (*entry & ENTRY_ACCESSED)
            *entry &= ~(uint64_t)ENTRY_ACCESSED;
        else {
            entry_write(entry, 0);
            vtlb->owner[page] = 0;
            vtlb->flushed = true; /* what the hardware's TLB has of it is not in the tables any more, where INVLPG would find it */
            vtlb->recycled++;
            return page;
        }
    }
}

/* Makes an entry refer to a new table. False = the pool is used up. */
static bool table_make(struct vtlb *vtlb, uint64_t *entry, bool is_page_table)
{
    unsigned page = vtlb->used < vtlb->pages ? vtlb->used++ : page_table_recycle(vtlb);
    if (!page)
        return false;
    if (is_page_table)
        vtlb->owner[page] = (uint16_t)(entry - (uint64_t *)vtlb->pool);
    entry_put(vtlb, entry, table_entry(memset(pool_page(vtlb, page), 0, PAGE_SIZE)));
    return true;
}

/* The directory entry of an address, with the tables above it made; 0 = the pool is used up. */
static uint64_t *directory_entry(struct vtlb *vtlb, word address, bool make)
{
    uint64_t *table = pool_page(vtlb, 0);
    for (unsigned level = vtlb->levels; level > 2; level--) {
        uint64_t *entry = &table[index_of(address, level)];
        if (!(*entry & ENTRY_PRESENT)) {
            if (!make || !table_make(vtlb, entry, false))
                return 0;
        }
        table = table_of(*entry);
    }
    return &table[index_of(address, 2)];
}

static bool fill(struct vtlb *vtlb, word address, uint64_t entry, const struct vtlb_page *page, const struct mmu_leaf *leaf)
{
    uint64_t *directory = directory_entry(vtlb, address, true);
    if (!directory)
        return false;
    bool is_table = (*directory & (ENTRY_PRESENT | ENTRY_LARGE)) == ENTRY_PRESENT;
    if (page->order >= TABLE_BITS && leaf->level >= 2 && !is_table) {
        uint64_t low = ((uint64_t)TABLE_ENTRIES - 1) << PAGE_BITS;
        if ((page->address & low) == (entry & low) && (address & low) == (page->address & low)) {
            entry_put(vtlb, directory, (entry & ~low) | ENTRY_LARGE);
            return true;
        }
    }
    if (!is_table && !table_make(vtlb, directory, true))
        return false;
    if (page->order)
        *directory |= SPLINTERED;
    entry_put(vtlb, &table_of(*directory)[index_of(address, 1)], entry);
    return true;
}

enum vtlb_outcome vtlb_miss(struct vtlb *vtlb, word address, unsigned error)
{
    struct vtlb_page page;
    unsigned access = error & (FAULT_WRITE | FAULT_USER | FAULT_FETCH);
    address = truncate(vtlb, address);
    enum vtlb_outcome outcome = vtlb_walk(vtlb, address, access, &page);
    if (outcome == VTLB_IMPOSSIBLE)
        return VTLB_DONE; /* the guest's own CPUs keep it busy: once more */
    if (outcome != VTLB_DONE)
        return outcome;
    struct mmu_leaf leaf = {0, 0, 0, MEMORY_WRITE_BACK};
    uint64_t number = page.address >> PAGE_BITS;
    if (number == (word)number)
        leaf = mmu_guest_find(vtlb->mmu, (word)number);
    if (leaf.frame >> (cpu_physical_bits() - PAGE_BITS))
        leaf.rights = 0;
    bool enough = leaf.rights && (!(access & FAULT_WRITE) || leaf.rights & MMU_WRITE) &&
                  (!(access & FAULT_FETCH) || !entry_no_execute || leaf.rights & MMU_EXECUTE);
    if (!enough) {
        vtlb->fault_address = page.address;
        vtlb->fault_rights = (uint8_t)leaf.rights;
        return VTLB_MEMORY;
    }
    vtlb->huge = vtlb->huge || (page.order == ORDER_1G && vtlb_paging(vtlb));
    /* If the pool is used up: without anything. The guest faults again. */
    if (!fill(vtlb, address, shadow_entry(vtlb, &page, &leaf, access), &page, &leaf))
        vtlb_flush(vtlb);
    return VTLB_DONE;
}

/* Drops the page at an address, or all of the guest's large page that is there in pieces. */
static void drop(struct vtlb *vtlb, word address, bool only_large)
{
    uint64_t *directory = directory_entry(vtlb, address, false);
    if (!directory || !(*directory & ENTRY_PRESENT))
        return;
    if (*directory & ENTRY_LARGE) {
        entry_put(vtlb, directory, 0);
        return;
    }
    uint64_t *table = table_of(*directory), *entry = &table[index_of(address, 1)];
    if (*directory & SPLINTERED) {
        memset(table, 0, PAGE_SIZE);
        *directory &= ~SPLINTERED;
        vtlb->flushed = true;
    } else if (!only_large && *entry & ENTRY_PRESENT)
        entry_put(vtlb, entry, 0);
}

void vtlb_invalidate(struct vtlb *vtlb, word address)
{
    address = truncate(vtlb, address);
    if (vtlb->huge) {
        vtlb_flush(vtlb);
        return;
    }
    drop(vtlb, address, false);
    if (!(vtlb->cr4 & CR4_PAE)) /* the other half of 4 MiB */
        drop(vtlb, address ^ LARGE_PAGE_SIZE, true);
}
