/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The software-filled TLB of a virtual CPU: page tables that the hardware walks instead of the guest's own, filled from those and from the guest view of the PD one
 * page at a time, when the guest faults. They are a TLB as the manuals allow it: whatever they hold more than the guest's tables, the guest has to drop by INVLPG
 * or a write to a control register, as on a real processor. Nothing in them gives the guest more than its PD's guest view does.
 *
 * While the vTLB is on, the guest's control registers live here, and the hardware has others (vtlb_hardware). Everything belongs to the virtual CPU's own CPU; no locks.
 */
#ifndef PORTS_X86_VTLB_H
#define PORTS_X86_VTLB_H

#include "ports/x86/mmu.h"

/* Pages that a virtual CPU's area has for its shadow tables: the first one is the root, with the next ones below it where pointers of PAE are. */
enum { VTLB_PAGES_MIN = 28, VTLB_PAGES_MAX = 32 };

/* Error code of page faults: SDM vol. 3, 4.7. The same bits say what an access is about. */
enum { FAULT_PRESENT = 1, FAULT_WRITE = 2, FAULT_USER = 4, FAULT_RESERVED = 8, FAULT_FETCH = 16 };

enum vtlb_outcome {
    VTLB_DONE,
    VTLB_FAULT,     /* the guest's own exception: fault_vector, and fault_error */
    VTLB_MEMORY,    /* the monitor has to do something about guest-physical address fault_address, where fault_rights are mapped */
    VTLB_IMPOSSIBLE /* the monitor has to do all of it */
};

struct vtlb {
    bool on;
    bool changed;      /* the registers of vtlb_hardware are not yet what the hardware has */
    bool flushed;      /* translations are gone or have lost rights: the hardware's TLB has to be flushed */
    bool pointers_due; /* PAE: the pointers have to be read before the guest runs */
    bool huge;         /* a page of 1 GiB of the guest is among what the tables hold */
    bool strict;       /* SMAP: FLAGS.AC does not help, set before vtlb_miss */
    uint8_t levels;    /* of the shadow tables as they are: 3 or 4 */
    uint8_t fault_vector, fault_rights;
    uint16_t fault_error;
    uint64_t fault_address;

    /* The guest's registers. */
    word cr0, cr3, cr4;
    uint64_t efer;
    uint64_t pointer[4];

    const struct mmu *mmu;
    char *pool;
    unsigned pages, used, next;     /* next: where the search for a table that can be given up goes on */
    uint16_t owner[VTLB_PAGES_MAX]; /* of a page table: which entry of which page of the pool refers to it; 0 = another table */
    word generation;                /* of the guest view */
    uint32_t flushes, recycled;     /* times that everything was dropped, and one page table */
};

/* A new virtual CPU's, in its reset state; pool: pages of kernel memory, zeroed, below 4 GiB. */
void vtlb_init(struct vtlb *vtlb, const struct mmu *mmu, void *pool, unsigned pages);

/* Drops everything. */
void vtlb_flush(struct vtlb *vtlb);

/* Before each entry: drops what the guest view no longer has, and reads pointers that are due. */
enum vtlb_outcome vtlb_prepare(struct vtlb *vtlb);

/* The guest had a page fault at this linear address; error: as the hardware says. VTLB_DONE: it may try again. */
enum vtlb_outcome vtlb_miss(struct vtlb *vtlb, word address, unsigned error);

/* INVLPG. */
void vtlb_invalidate(struct vtlb *vtlb, word address);

/* vtlb_control.c: what the hardware has while the vTLB is on. */
struct vtlb_hardware {
    word cr0, cr3, cr4;
    uint64_t efer;
};
struct vtlb_hardware vtlb_hardware(const struct vtlb *vtlb);

/* Bits of CR4 that a guest may set; found by vtlb_boot on the boot CPU. */
extern word vtlb_cr4_known;
void vtlb_boot(void);

/* The monitor sets the registers. LMA follows from the others. */
void vtlb_load(struct vtlb *vtlb, word cr0, word cr3, word cr4, uint64_t efer);

/* Whether a processor would run with what the monitor has set. */
bool vtlb_good(const struct vtlb *vtlb);

/* MOV to CR0, CR3 or CR4 by the guest. mode_64: by 64-bit code. Nothing has changed unless it is VTLB_DONE. */
enum vtlb_outcome vtlb_write(struct vtlb *vtlb, unsigned number, word value, bool mode_64);

/* Paging modes of the guest. */
bool vtlb_paging(const struct vtlb *vtlb);
bool vtlb_long(const struct vtlb *vtlb);
bool vtlb_pointers(const struct vtlb *vtlb); /* PAE outside long mode */

/* vtlb_walk.c: where a linear address leads by the guest's own page tables. */
struct vtlb_page {
    uint64_t address; /* guest-physical */
    unsigned order;   /* of the guest's page: 0, 9, 10 or 18; more = no paging */
    bool writable, user, execute, dirty, uncached;
};
enum vtlb_outcome vtlb_walk(struct vtlb *vtlb, word address, unsigned access, struct vtlb_page *page);

/* Where the bytes at a guest-physical address are, up to the end of the page; 0 = fault_address and fault_rights say why not. Valid until the next call. */
void *vtlb_memory(struct vtlb *vtlb, uint64_t address, unsigned rights);

/* Reads four page directory pointers. VTLB_FAULT = they are no good; the guest's exception is #GP. */
enum vtlb_outcome vtlb_pointers_read(struct vtlb *vtlb, word cr3, uint64_t pointer[4]);

/* Reads memory at a linear address as the guest would with this access. Anything but VTLB_DONE: not all of it could be read. */
enum vtlb_outcome vtlb_read(struct vtlb *vtlb, word address, unsigned access, void *buffer, unsigned size);

#endif
