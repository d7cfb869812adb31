/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Walks page tables of a guest in all their formats. The tables are guest memory: found through the guest view of the PD, never trusted, and changed by
 * others meanwhile. Accessed bits are set level by level as the walk goes down, the dirty bit last, each by a compare-and-exchange of the entry that was
 * checked.
 * Intel SDM vol. 3, 4.3 to 4.7; AMD APM vol. 2, 5.2 to 5.6.
 */
#include "core/lib/string.h"
#include "ports/x86/control.h"
#include "ports/x86/features.h"
#include "ports/x86/kernel_map.h"
#include "ports/x86/page_table.h"
#include "ports/x86/vtlb.h"

/* A guest that changes an entry all the time gets time to run instead. */
enum { ATTEMPTS = 8, FAULT_PROTECTION = 13, FAULT_PAGE = 14 };

void *vtlb_memory(struct vtlb *vtlb, uint64_t address, unsigned rights)
{
    uint64_t number = address >> PAGE_BITS;
    struct mmu_leaf leaf = {0, 0, 0, MEMORY_WRITE_BACK};
    if (number == (word)number)
        leaf = mmu_guest_find(vtlb->mmu, (word)number);
    char *page = (leaf.rights & rights) == rights ? kernel_map_frame(leaf.frame) : 0;
    vtlb->fault_address = address;
    vtlb->fault_rights = (uint8_t)leaf.rights;
    return page ? page + address % PAGE_SIZE : 0;
}

static enum vtlb_outcome refuse(struct vtlb *vtlb, unsigned access, unsigned why)
{
    bool fetch_known = (vtlb->efer & EFER_NXE && vtlb->cr4 & CR4_PAE) || vtlb->cr4 & CR4_SMEP;
    vtlb->fault_vector = FAULT_PAGE;
    vtlb->fault_error = (uint16_t)((access & (FAULT_WRITE | FAULT_USER)) | (fetch_known ? access & FAULT_FETCH : 0) | why);
    return VTLB_FAULT;
}

static uint64_t address_bits(void) { return ((uint64_t)1 << cpu_physical_bits()) - 1; }

/* Bits that have to be zero in a present entry: tables 4-4 to 4-20. */
static uint64_t reserved(const struct vtlb *vtlb, unsigned level, bool large)
{
    if (!(vtlb->cr4 & CR4_PAE))
        return large ? 1 << 21 : 0;
    uint64_t bits = ENTRY_ADDRESS & ~address_bits();
    if (!(vtlb->efer & EFER_NXE))
        bits |= ENTRY_NX_BIT;
    if (!vtlb_long(vtlb))
        bits |= (uint64_t)0x7ff << 52;
    if (level == 4 || (level == 3 && !feature(FEATURE_PAGE_1G)))
        bits |= ENTRY_LARGE;
    if (large)
        bits |= (((uint64_t)1 << (TABLE_BITS * (level - 1) + PAGE_BITS)) - 1) & ~(uint64_t)0x1fff;
    return bits;
}

static bool allowed(const struct vtlb *vtlb, const struct vtlb_page *page, unsigned access)
{
    if (access & FAULT_USER && !page->user)
        return false;
    if (access & FAULT_WRITE && !page->writable && (access & FAULT_USER || vtlb->cr0 & CR0_WP))
        return false;
    if (access & FAULT_FETCH)
        return page->execute && (access & FAULT_USER || !(vtlb->cr4 & CR4_SMEP && page->user));
    return access & FAULT_USER || !page->user || !vtlb->strict;
}

/* Reads or exchanges an entry of 4 or 8 bytes. */
static uint64_t guest_entry(const void *place, bool wide)
{
    return wide ? entry_read((uint64_t *)(word)place) : *(const volatile uint32_t *)place;
}

static bool exchange(void *place, bool wide, uint64_t old, uint64_t new)
{
    if (!wide) {
        uint32_t expected = (uint32_t)old;
        return __atomic_compare_exchange_n((uint32_t *)place, &expected, (uint32_t) new, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
    }
    bool done;
#ifdef __x86_64__
    asm volatile("lock cmpxchgq %3, %1" : "=@ccz"(done), "+m"(*(uint64_t *)place), "+a"(old) : "r"(new) : "memory");
#else
    asm volatile("lock cmpxchg8b %1"
                 : "=@ccz"(done), "+m"(*(uint64_t *)place), "+A"(old)
                 : "b"((uint32_t) new), "c"((uint32_t)(new >> 32))
                 : "memory");
#endif
    return done;
}

/* The page that a leaf of this level names, for this address. */
static void leaf_take(const struct vtlb *vtlb, uint64_t entry, unsigned level, word address, struct vtlb_page *page)
{
    bool wide = vtlb->cr4 & CR4_PAE;
    page->order = (wide ? TABLE_BITS : TABLE_BITS + 1) * (level - 1);
    uint64_t offset = ((uint64_t)1 << (page->order + PAGE_BITS)) - 1, frame = entry & ENTRY_ADDRESS;
    if (!wide)
        frame = (entry & 0xfffff000) | (level == 2 ? (entry >> 13 & 0xff) << 32 : 0); /* PSE-36 */
    page->address = (frame & ~offset) | (address & offset);
    page->dirty = entry & ENTRY_DIRTY;
    page->uncached = entry & ENTRY_PCD;
}

/* Sets bits of an entry; false = it has changed meanwhile. */
static bool mark(void *place, bool wide, uint64_t *entry, uint64_t bits)
{
    if ((*entry & bits) == bits)
        return true;
    if (!exchange(place, wide, *entry, *entry | bits))
        return false;
    *entry |= bits;
    return true;
}

enum vtlb_outcome vtlb_walk(struct vtlb *vtlb, word address, unsigned access, struct vtlb_page *page)
{
    *page = (struct vtlb_page){address, TABLE_BITS * TABLE_LEVELS, true, true, true, true, false};
    if (!vtlb_paging(vtlb)) {
        page->address = (uint32_t)address;
        return VTLB_DONE;
    }
    bool wide = vtlb->cr4 & CR4_PAE;
    unsigned bits = wide ? TABLE_BITS : TABLE_BITS + 1, size = wide ? 8 : 4, level = vtlb_long(vtlb) ? 4 : 2;
    uint64_t table = vtlb_long(vtlb) ? vtlb->cr3 & ENTRY_ADDRESS : vtlb->cr3 & 0xfffff000;
    if (vtlb_pointers(vtlb)) {
        uint64_t pointer = vtlb->pointer[address >> 30 & 3];
        if (!(pointer & ENTRY_PRESENT))
            return refuse(vtlb, access, 0);
        table = pointer & ENTRY_ADDRESS;
    }
    for (unsigned attempts = ATTEMPTS; attempts; attempts--) {
        unsigned index = (unsigned)(address >> (PAGE_BITS + bits * (level - 1))) & ((1u << bits) - 1);
        void *place = vtlb_memory(vtlb, table + index * size, MMU_READ);
        if (!place)
            return VTLB_MEMORY;
        bool marks = vtlb->fault_rights & MMU_WRITE;
        uint64_t entry = guest_entry(place, wide);
        if (!(entry & ENTRY_PRESENT))
            return refuse(vtlb, access, 0);
        bool large = level > 1 && entry & ENTRY_LARGE && level < 4 && (wide || vtlb->cr4 & CR4_PSE);
        if (entry & reserved(vtlb, level, large))
            return refuse(vtlb, access, FAULT_PRESENT | FAULT_RESERVED);
        struct vtlb_page so_far = *page;
        so_far.writable = page->writable && entry & ENTRY_WRITE;
        so_far.user = page->user && entry & ENTRY_USER;
        so_far.execute = page->execute && !(entry & ENTRY_NX_BIT);
        bool leaf = large || level == 1;
        if (leaf && !allowed(vtlb, &so_far, access))
            return refuse(vtlb, access, FAULT_PRESENT);
        uint64_t wanted = ENTRY_ACCESSED | (leaf && access & FAULT_WRITE ? ENTRY_DIRTY : 0);
        if ((entry & wanted) != wanted && !marks)
            return VTLB_MEMORY;
        if (!mark(place, wide, &entry, wanted))
            continue; /* the same entry again */
        *page = so_far;
        if (leaf) {
            leaf_take(vtlb, entry, level, address, page);
            return VTLB_DONE;
        }
        table = wide ? entry & ENTRY_ADDRESS : entry & 0xfffff000;
        level--;
    }
    return VTLB_IMPOSSIBLE;
}

enum vtlb_outcome vtlb_pointers_read(struct vtlb *vtlb, word cr3, uint64_t pointer[4])
{
    const uint64_t bad = (ENTRY_ADDRESS & ~address_bits()) | (uint64_t)0xfff << 52 | 0x1e6; /* SDM vol. 3, table 4-8 */
    for (unsigned i = 0; i < 4; i++) {
        const void *place = vtlb_memory(vtlb, (cr3 & 0xffffffe0) + 8 * i, MMU_READ);
        if (!place)
            return VTLB_MEMORY;
        pointer[i] = guest_entry(place, true);
        if (pointer[i] & ENTRY_PRESENT && pointer[i] & bad) {
            vtlb->fault_vector = FAULT_PROTECTION;
            vtlb->fault_error = 0;
            return VTLB_FAULT;
        }
    }
    return VTLB_DONE;
}

enum vtlb_outcome vtlb_read(struct vtlb *vtlb, word address, unsigned access, void *buffer, unsigned size)
{
    while (size) {
        struct vtlb_page page;
        enum vtlb_outcome outcome = vtlb_walk(vtlb, address, access, &page);
        if (outcome != VTLB_DONE)
            return outcome;
        unsigned part = (unsigned)(PAGE_SIZE - address % PAGE_SIZE);
        part = part < size ? part : size;
        const void *place = vtlb_memory(vtlb, page.address, MMU_READ);
        if (!place)
            return VTLB_MEMORY;
        memcpy(buffer, place, part);
        buffer = (char *)buffer + part;
        address += part;
        size -= part;
    }
    return VTLB_DONE;
}
