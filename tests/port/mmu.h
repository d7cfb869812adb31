/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The test of ports/x86/mmu*.c: mmu_hardware.c is the hardware, which keeps every translation as long as the manual lets it; mmu_spaces.c has plain lists of what each
 * space should be; mmu.c has the random changes after which both must say the same.
 */
#ifndef TESTS_PORT_MMU_H
#define TESTS_PORT_MMU_H

#include "tests/port/fake.h"

#include "core/lib/bits.h"
#include "ports/x86/features.h"
#include "ports/x86/page_table.h"

#include "layout.h"

enum { CPUS = 3, LIVE = 6, SEGMENTS = 64 };
#define PAGES_2M ((word)1 << 9)
#define PAGES_1G ((word)1 << 18)

extern const char *phase;
void __attribute__((format(printf, 1, 2), noreturn)) fail(const char *format, ...);

/* Below n, and the same in each run. */
unsigned pick(unsigned n);

/* ---- the hardware ---- */

extern unsigned current;       /* the CPU whose turn it is */
extern unsigned large_seen[4]; /* leaves that were used, by level */

/* Its TLB is empty. */
void hardware_reset(void);

/* The leaf entry that an access of user mode uses, as if it were one of a small page; 0 = page fault that stays. */
uint64_t access_page(const struct mmu *mmu, word page);

/* ---- the kernel's memory ---- */

void pool_init(void);
unsigned pool_missing(void);

/* ---- the spaces as they should be ---- */

struct segment {
    word page, count;
    uint64_t frame;
    unsigned rights;
};

struct space {
    struct mmu mmu;
    bool live;
    unsigned pages, segments;
    struct segment segment[SEGMENTS];
};
extern struct space *active[CPUS];
extern unsigned splits; /* pages for parts of large pages */
static const word user_pages = NOVA_USER_LIMIT >> 12;

/* A space that is active somewhere is not destroyed. */
void space_make(struct space *space);
void space_destroy(struct space *space);

/* Maps, or leaves only rights; nothing is flushed. */
void map_segment(struct space *space, struct segment segment);
void protect(struct space *space, word begin, word count, unsigned rights);

/* What every CPU sees in and around the segments of its active space. */
void check_all(void);

#endif
