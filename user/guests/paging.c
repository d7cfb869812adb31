/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Making page tables; see paging.h. Tables come from a pool in the image and are never given back.
 */
#include "paging.h"

enum { POOL = 40, LOW = 4 << 20 };

static entry pool[POOL][ENTRIES] __attribute__((aligned(4096)));
static unsigned used;

static entry *table_new(void)
{
    if (used == POOL)
        give_up("the guest has no more page tables");
    return pool[used++];
}

entry *root_now(void) { return (entry *)(cr3_read() & ~(word)31); }

static unsigned index_of(word address, unsigned level) { return (unsigned)(address >> (12 + level * INDEX_BITS)) & (ENTRIES - 1); }

volatile entry *entry_of(entry *root, word address, unsigned level)
{
    volatile entry *table = root ? root : root_now();
    for (unsigned i = LEVELS - 1; i > level; i--) {
        volatile entry *at = &table[index_of(address, i)];
        if (!(*at & PRESENT)) /* pointers of PAE have no rights */
            *at = (entry)(word)table_new() | PRESENT | (LEVELS == 3 && i == 2 ? 0 : WRITE | USER);
        table = (volatile entry *)(word)(*at & ~(entry)0xfff);
    }
    return &table[index_of(address, level)];
}

void map(word address, const volatile void *physical, entry flags) { *entry_of(0, address, 0) = (entry)(word)physical | flags; }

entry *root_copy(word address)
{
    entry *root = table_new();
    memcpy(root, root_now(), (LEVELS == 3 ? 4 : ENTRIES) * sizeof *root);
    for (unsigned level = LEVELS - 1; level; level--) {
        volatile entry *at = entry_of(root, address, level);
        entry *copy = table_new();
        memcpy(copy, (void *)(word)(*at & ~(entry)0xfff), PAGE);
        *at = (entry)(word)copy | (*at & 0xfff);
    }
    return root;
}

void paging_init(void)
{
    entry *root = table_new();
    for (word at = 0; at < LOW; at += PAGE)
        *entry_of(root, at, 0) = (entry)at | PRESENT | WRITE | USER;
    entry_of(root, WINDOW, 0); /* the pointers of PAE do not change later */
    cr4_write(cr4_read() | CR4_PSE | (LEVELS > 2 ? CR4_PAE : 0));
    cr3_write((word)root);
    cr0_write(cr0_read() | CR0_WP | CR0_PG);
}
