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

/* size bytes, cleared, aligned to 32 bytes (64 if size is a multiple of 64); size at most SLAB_MAX. 0 = the account or the pool is exhausted. */
enum { SLAB_MAX = 4032 };
void *slab_alloc(struct account *account, size_t size);
/* The same even if the account is exhausted (quota_charge_forced); 0 = the pool is. */
void *slab_alloc_forced(struct account *account, size_t size);
void slab_free(struct account *account, void *object, size_t size);

/* 2^order cleared pages on the account; 0 = exhausted. */
void *account_page_alloc(struct account *account, unsigned order);
/* One cleared page even if the account is exhausted (quota_charge_forced); 0 = the pool is. */
void *account_page_alloc_forced(struct account *account);
void account_page_free(struct account *account, void *page, unsigned order);

#endif
