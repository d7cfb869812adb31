/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Page tables of the guests in all three formats: two levels of 32-bit entries, PAE (three levels) and 64-bit mode (four). The same code for all; a table can be at one place
 * and mapped elsewhere, as everything below 4 MiB is mapped 1:1.
 */
#ifndef USER_GUESTS_PAGING_H
#define USER_GUESTS_PAGING_H

#include "guest.h"

#if BITS == 64
typedef uint64_t entry;
enum { LEVELS = 4, INDEX_BITS = 9 };
#elif defined PAE
typedef uint64_t entry;
enum { LEVELS = 3, INDEX_BITS = 9 };
#else
typedef uint32_t entry;
enum { LEVELS = 2, INDEX_BITS = 10 };
#endif
enum { PAGE = 4096, ENTRIES = 1 << INDEX_BITS, LARGE_PAGE = PAGE << INDEX_BITS };
enum { PRESENT = 1, WRITE = 2, USER = 4, ACCESSED = 1 << 5, DIRTY = 1 << 6, LARGE = 1 << 7, GLOBAL = 1 << 8 };
enum { ERROR_PRESENT = 1, ERROR_WRITE = 2, ERROR_USER = 4, ERROR_RESERVED = 8, ERROR_FETCH = 16 };

/* Where tests map what they like: a place of its own for small and for large pages. */
#define WINDOW ((word)0x40000000)
#define WINDOW_LARGE ((word)0x40800000)

/* Switches paging on, with the first 4 MiB mapped 1:1 and readable, writable, executable by everybody. */
void paging_init(void);
/* The entry of an address on a level, 0 the last; tables above it are made. root: 0 = the current one. */
volatile entry *entry_of(entry *root, word address, unsigned level);
entry *root_now(void);
/* A new root with the same contents as the current one, and tables of its own on the way to an address. */
entry *root_copy(word address);
void map(word address, const volatile void *physical, entry flags);

#endif
