/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The test of the vTLB: vtlb_model.c has a guest view, a plain walk over the guest's tables and a processor that walks the shadow tables; vtlb.c has the random guests that
 * all three have to agree about.
 */
#ifndef TESTS_PORT_VTLB_H
#define TESTS_PORT_VTLB_H

#include "ports/x86/vtlb.h"

/* The guest view: GUEST_PAGES small pages that repeat, with holes, and one large page. */
enum { GUEST_PAGES = 64, FRAMES = 1000, LARGE_FROM = 1024, LARGE_PAGES = 512, LARGE_FRAME = 5 * 512, PHYSICAL_BITS = 40 };
extern uint64_t memory[GUEST_PAGES][512];
extern uint8_t rights[GUEST_PAGES];
extern word generation;
unsigned rights_of(uint64_t page);
uint64_t frame_of(uint64_t page);

extern struct vtlb vtlb;
extern unsigned paging; /* of the guest's tables: 0 none, 1 two levels, 2 PAE, 3 four levels */

/* What the guest's tables say. */
struct answer {
    enum vtlb_outcome outcome;
    unsigned error;
    uint64_t address;
    uint64_t *leaf64;
    uint32_t *leaf32;
    word span; /* of the guest's page */
    bool dirty;
};
struct answer plain_walk(word address, unsigned access);

/* A processor that walks the shadow tables: true = the access goes to *frame. */
bool hardware_access(word address, unsigned access, uint64_t *frame);

extern unsigned long steps;
void __attribute__((format(printf, 1, 2), noreturn)) fail(const char *format, ...);

#endif
