/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Control registers under the vTLB: what the guest has, what the hardware has instead, and what the processor would say to a new value.
 * Intel SDM vol. 3, 2.5 and 4.1.1; vol. 2, MOV to control registers.
 */
#include "core/lib/string.h"
#include "hal/physical.h"
#include "ports/x86/control.h"
#include "ports/x86/features.h"
#include "ports/x86/page_table.h"
#include "ports/x86/vtlb.h"

#define CR0_KNOWN (CR0_PE | CR0_MP | CR0_EM | CR0_TS | CR0_ET | CR0_NE | CR0_WP | CR0_AM | CR0_NW | CR0_CD | CR0_PG)

enum { PROTECTION = 13 };

word vtlb_cr4_known;

/* VME to OSXMMEXCPT; then what has to be there. Not: process contexts, five levels, protection keys, which the walk does not know, and virtualization. */
void vtlb_boot(void)
{
    uint32_t extended = cpuid(7, 0).b;
    vtlb_cr4_known = 0x7ff | (feature(FEATURE_XSAVE) ? CR4_OSXSAVE : 0) | (feature(FEATURE_UMIP) ? CR4_UMIP : 0) |
                     (extended & 1 ? CR4_FSGSBASE : 0) | (extended >> 7 & 1 ? CR4_SMEP : 0) | (extended >> 20 & 1 ? CR4_SMAP : 0);
}

static bool pages(word cr0) { return cr0 & CR0_PG; }
static bool is_long(uint64_t efer) { return sizeof(word) == 8 && efer & EFER_LMA; }

bool vtlb_paging(const struct vtlb *vtlb) { return pages(vtlb->cr0); }
bool vtlb_long(const struct vtlb *vtlb) { return is_long(vtlb->efer); }
bool vtlb_pointers(const struct vtlb *vtlb) { return pages(vtlb->cr0) && vtlb->cr4 & CR4_PAE && !vtlb_long(vtlb); }

struct vtlb_hardware vtlb_hardware(const struct vtlb *vtlb)
{
    struct vtlb_hardware hardware;
    hardware.cr0 = (vtlb->cr0 & ~(CR0_NW | CR0_CD)) | CR0_PG | CR0_WP;
    hardware.cr3 = (word)virt_to_phys(vtlb->pool);
    hardware.cr4 = (vtlb->cr4 & ~CR4_PGE) | CR4_PAE;
    if (!vtlb_paging(vtlb))
        hardware.cr4 &= ~(CR4_SMEP | CR4_SMAP); /* all pages are the user's then */
    hardware.efer = vtlb->efer & ~(EFER_LME | EFER_LMA | EFER_NXE);
    hardware.efer |= (entry_no_execute ? EFER_NXE : 0) | (vtlb_long(vtlb) ? EFER_LME | EFER_LMA : 0);
    return hardware;
}

static bool cr0_bad(word value)
{
    return (sizeof(word) == 8 && (uint64_t)value >> 32) || (value & CR0_PG && !(value & CR0_PE)) ||
           (value & CR0_NW && !(value & CR0_CD));
}

static bool cr3_bad(word value, uint64_t efer) { return is_long(efer) && (uint64_t)value >> cpu_physical_bits(); }

void vtlb_load(struct vtlb *vtlb, word cr0, word cr3, word cr4, uint64_t efer)
{
    vtlb->cr0 = cr0;
    vtlb->cr3 = cr3;
    vtlb->cr4 = cr4;
    vtlb->efer = (efer & ~EFER_LMA) | (cr0 & CR0_PG && efer & EFER_LME ? EFER_LMA : 0);
    vtlb->pointers_due = vtlb_pointers(vtlb);
    vtlb->changed = true;
    vtlb_flush(vtlb);
}

bool vtlb_good(const struct vtlb *vtlb)
{
    if (cr0_bad(vtlb->cr0) || vtlb->cr4 & ~vtlb_cr4_known || cr3_bad(vtlb->cr3, vtlb->efer))
        return false;
    return !pages(vtlb->cr0) || !(vtlb->efer & EFER_LME) || (sizeof(word) == 8 && vtlb->cr4 & CR4_PAE);
}

static enum vtlb_outcome refuse(struct vtlb *vtlb)
{
    vtlb->fault_vector = PROTECTION;
    vtlb->fault_error = 0;
    return VTLB_FAULT;
}

/* All at once, with the pointers that PAE then needs, or nothing. */
static enum vtlb_outcome commit(struct vtlb *vtlb, const struct vtlb *new, bool read_pointers, bool drop)
{
    uint64_t pointer[4];
    if (read_pointers && vtlb_pointers(new)) {
        enum vtlb_outcome outcome = vtlb_pointers_read(vtlb, new->cr3, pointer);
        if (outcome != VTLB_DONE)
            return outcome;
        memcpy(vtlb->pointer, pointer, sizeof pointer);
    }
    vtlb->cr0 = new->cr0;
    vtlb->cr3 = new->cr3;
    vtlb->cr4 = new->cr4;
    vtlb->efer = new->efer;
    vtlb->changed = true;
    if (drop)
        vtlb_flush(vtlb);
    return VTLB_DONE;
}

enum vtlb_outcome vtlb_write(struct vtlb *vtlb, unsigned number, word value, bool mode_64)
{
    struct vtlb new = {.cr0 = vtlb->cr0, .cr3 = vtlb->cr3, .cr4 = vtlb->cr4, .efer = vtlb->efer};
    word difference;
    switch (number) {
    case 0:
        if (cr0_bad(value))
            return refuse(vtlb);
        new.cr0 = (value & CR0_KNOWN) | CR0_ET;
        difference = new.cr0 ^ vtlb->cr0;
        if (difference & CR0_PG && vtlb->efer & EFER_LME) {
            if (mode_64 || (value & CR0_PG && !(vtlb->cr4 & CR4_PAE)))
                return refuse(vtlb);
            new.efer ^= EFER_LMA;
        }
        return commit(vtlb, &new, difference & (CR0_PG | CR0_CD | CR0_NW), difference & (CR0_PG | CR0_WP));
    case 3:
        if (cr3_bad(value, vtlb->efer))
            return refuse(vtlb);
        new.cr3 = value;
        return commit(vtlb, &new, true, pages(vtlb->cr0));
    case 4:
        if (value & ~vtlb_cr4_known || (vtlb_long(vtlb) && !(value & CR4_PAE)))
            return refuse(vtlb);
        new.cr4 = value;
        difference = value ^ vtlb->cr4;
        return commit(vtlb, &new, difference & (CR4_PAE | CR4_PGE | CR4_PSE | CR4_SMEP),
                      difference & (CR4_PAE | CR4_PGE | CR4_PSE | CR4_SMEP | CR4_SMAP));
    default: return VTLB_IMPOSSIBLE;
    }
}
