/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Buddy allocator over the kernel's memory pool. It counts nothing: who allocates has charged the pages to an account before (quota).
 * One lock, held for O(log n) steps.
 */
#ifndef CORE_PAGE_ALLOC_H
#define CORE_PAGE_ALLOC_H

#include "hal/types.h"

enum { PAGE_ORDER_MAX = 10 };

/* The pool [begin, end), page aligned, becomes free memory, less a page table of one byte per page at its start. Once, at boot. */
void page_alloc_init(void *begin, void *end);

/* 2^order pages, naturally aligned, not cleared; 0 = none left. */
void *page_alloc(unsigned order);

/* The same, cleared. */
void *page_alloc_zero(unsigned order);

void page_free(void *page, unsigned order);

/* Fills one page with zeros. */
void page_clear(void *page);

/* Free pages in the pool, for accounts and tests. */
word page_alloc_free_pages(void);

#endif
