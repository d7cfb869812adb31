/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Entries of page tables, the same on both ports: tables of 512 entries of 64 bit, 4 levels (64 bit) or 3 (32 bit, PAE; there the
 * root has 4 entries of which 3 belong to user space). Intel SDM vol. 3, chapter 4.
 */
#ifndef PORTS_X86_PAGE_TABLE_H
#define PORTS_X86_PAGE_TABLE_H

#include "hal/types.h"

enum {
    TABLE_BITS = 9,
    TABLE_ENTRIES = 1 << TABLE_BITS,
    LARGE_PAGE_SIZE = 1 << (12 + TABLE_BITS), /* leaf of a level 2 table */
#ifdef __x86_64__
    TABLE_LEVELS = 4,
    ROOT_USER_ENTRIES = 256,
#else
    TABLE_LEVELS = 3,
    ROOT_USER_ENTRIES = 3,
#endif
};

/* EPT, SDM vol. 3, 28.3.2: always four levels; the lowest bit says present as long as everything is readable. */
enum { EPT_LEVELS = 4, EPT_TYPE_SHIFT = 3 };
#define EPT_READ ((uint64_t)1)
#define EPT_WRITE ((uint64_t)1 << 1)
#define EPT_EXECUTE ((uint64_t)1 << 2)

#define ENTRY_PRESENT ((uint64_t)1)
#define ENTRY_WRITE ((uint64_t)1 << 1)
#define ENTRY_USER ((uint64_t)1 << 2)
#define ENTRY_PWT ((uint64_t)1 << 3)
#define ENTRY_PCD ((uint64_t)1 << 4)
#define ENTRY_ACCESSED ((uint64_t)1 << 5)
#define ENTRY_DIRTY ((uint64_t)1 << 6)
#define ENTRY_LARGE ((uint64_t)1 << 7)
#define ENTRY_GLOBAL ((uint64_t)1 << 8)
#define ENTRY_ADDRESS (((uint64_t)1 << 52) - ((uint64_t)1 << 12))
#define ENTRY_NX_BIT ((uint64_t)1 << 63)

/*
 * Bit of a page that must not be executed: ENTRY_NX_BIT, or 0 where the CPUs lack it (then the bit is reserved). Set by
 * kernel_map_protect.
 */
extern uint64_t entry_no_execute;

/*
 * The three memory types as PWT and PCD select them from the PAT that features_enable programs: entry 0 write-back, 1 write
 * combining, 3 uncached. Without PAT, entry 1 would be write-through: a wrong but harmless type for a framebuffer.
 */
static inline word entry_type(enum memory_type type)
{
    return type == MEMORY_UNCACHED ? (word)(ENTRY_PWT | ENTRY_PCD) : type == MEMORY_WRITE_COMBINE ? (word)ENTRY_PWT : 0;
}

/*
 * Entries change while other CPUs walk the table. 64 bit: one store. 32 bit: two, in the order in which no half-written entry is
 * present. Changes that keep the frame may be seen in halves; each half alone only takes rights away.
 */
static inline void entry_write(uint64_t *entry, uint64_t value)
{
    asm volatile("" : : : "memory"); /* what a new entry leads to is complete before it */
#ifdef __x86_64__
    *(volatile uint64_t *)entry = value;
#else
    volatile uint32_t *half = (volatile uint32_t *)entry;
    if (value & ENTRY_PRESENT) {
        half[1] = (uint32_t)(value >> 32);
        half[0] = (uint32_t)value;
    } else {
        half[0] = (uint32_t)value;
        half[1] = (uint32_t)(value >> 32);
    }
#endif
}

/* An entry that another CPU may be writing: never half of one and half of another. */
static inline uint64_t entry_read(uint64_t *entry)
{
#ifdef __x86_64__
    return *(volatile uint64_t *)entry;
#else
    uint64_t value = 0; /* where it is zero, zero is written */
    asm volatile("lock cmpxchg8b %1" : "+A"(value), "+m"(*entry) : "b"(0), "c"(0) : "memory", "cc");
    return value;
#endif
}

/* The same for an entry that is present and gets another frame: a large page that becomes a table. No half of it may be seen. */
static inline void entry_replace(uint64_t *entry, uint64_t value)
{
#ifdef __x86_64__
    entry_write(entry, value);
#else
    uint64_t old = *entry; /* nobody else writes it */
    asm volatile("lock cmpxchg8b %1"
                 : "+A"(old), "+m"(*entry)
                 : "b"((uint32_t)value), "c"((uint32_t)(value >> 32))
                 : "memory", "cc");
#endif
}

#endif
