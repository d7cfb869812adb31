/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Kernel memory of one account: small objects out of size classes, and whole pages. Each account has its own slabs, so that every page belongs to
 * exactly one account and is given back when the last object in it is freed. Locks: one per account, below all space and object locks.
 */
#ifndef CORE_SLAB_H
#define CORE_SLAB_H

#include "core/lib/list.h"
#include "core/quota.h"

enum { SLAB_CLASSES = 9 };

struct account {
    struct quota quota;
    struct spinlock lock;
    struct list partial[SLAB_CLASSES]; /* pages that have room, by size class */
};

/* An empty account with a limit of zero. */
void account_init(struct account *account);

/*
 * The class of objects of this size. Multiples of 64 keep 64-byte alignment; 32, 96 suit the nodes of 32-bit and 64-bit ports. The last classes are whole
 * fractions of a page. Folded at compile time: sizes are constants almost everywhere.
 */
enum { SLAB_MAX = 4032 };
static inline unsigned slab_class(size_t size)
{
    /* What needs 64-byte alignment asks for a multiple of 64 and must not land in class 32 or 96. */
    bool aligned = size % 64 == 0;
    return size <= 32 && !aligned   ? 0
           : size <= 64             ? 1
           : size <= 96 && !aligned ? 2
           : size <= 128            ? 3
           : size <= 192            ? 4
           : size <= 320            ? 5
           : size <= 576            ? 6
           : size <= 1344           ? 7
                                    : 8;
}

/* An object of a class with any contents / back to it. forced: even if the account is exhausted (quota_charge_forced). 0 = the account or the pool is. */
void *slab_take(struct account *account, unsigned class, bool forced);
void slab_give(struct account *account, unsigned class, void *object);

/* Fills an object with zeros. */
void object_clear(void *object, size_t size);

/* size bytes, cleared, aligned to 32 bytes (64 if size is a multiple of 64); size at most SLAB_MAX. 0 = the account or the pool is exhausted. */
static inline void *slab_alloc(struct account *account, size_t size)
{
    void *object = slab_take(account, slab_class(size), false);
    if (object)
        object_clear(object, size);
    return object;
}

static inline void slab_free(struct account *account, void *object, size_t size) { slab_give(account, slab_class(size), object); }

/* 2^order cleared pages on the account; 0 = exhausted. */
void *account_page_alloc(struct account *account, unsigned order);
/* One cleared page even if the account is exhausted (quota_charge_forced); 0 = the pool is. */
void *account_page_alloc_forced(struct account *account);
void account_page_free(struct account *account, void *page, unsigned order);

#endif
