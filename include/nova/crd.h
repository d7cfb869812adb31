/* SPDX-License-Identifier: MIT */
/*
 * Capability range descriptors and typed items (abi.md section 3).
 * A CRD names 2^order pages, ports or selectors from base on, and a permission mask.
 */
#ifndef NOVA_CRD_H
#define NOVA_CRD_H

#include <nova/word.h>

enum nova_crd_type { NOVA_CRD_NULL = 0, NOVA_CRD_MEM = 1, NOVA_CRD_PIO = 2, NOVA_CRD_OBJ = 3 };

enum { NOVA_MEM_R = 1, NOVA_MEM_W = 2, NOVA_MEM_X = 4, NOVA_MEM_RW = 3, NOVA_MEM_RX = 5, NOVA_MEM_RWX = 7, NOVA_PERM_ALL = 31 };

/* base in pages, ports or selectors; order 0-31; perm 0-31. */
static inline nova_word nova_crd(unsigned type, nova_word base, unsigned order, unsigned perm)
{
    return base << 12 | (nova_word)order << 7 | (nova_word)perm << 2 | type;
}
static inline unsigned nova_crd_type(nova_word crd) { return crd & 3; }
static inline unsigned nova_crd_perm(nova_word crd) { return crd >> 2 & 31; }
static inline unsigned nova_crd_order(nova_word crd) { return crd >> 7 & 31; }
static inline nova_word nova_crd_base(nova_word crd) { return crd >> 12; }

/* A typed item: the CRD and its control word. */
struct nova_item {
    nova_word crd;
    nova_word control;
};

/* Control word: bits 0-1 kind, then flags, bits 12.. hotspot. */
enum {
    NOVA_ITEM_TRANSLATE = 0,
    NOVA_ITEM_DELEGATE = 1,
    NOVA_ITEM_EITHER = 2, /* translate, and delegate if that finds nothing */
    NOVA_ITEM_INVALID = 3,
    NOVA_ITEM_KIND = 3,
    NOVA_ITEM_DEVICE = 1 << 8,         /* also into the device (DMA) view */
    NOVA_ITEM_GUEST = 1 << 9,          /* also into the guest view */
    NOVA_ITEM_WRITE_COMBINE = 1 << 10, /* honoured together with an honoured bit 11 */
    NOVA_ITEM_KERNEL = 1 << 11         /* from the kernel's own resources; root PD alone */
};

/* hotspot in the unit of the base it chooses. */
static inline nova_word nova_control(unsigned kind_and_flags, nova_word hotspot) { return hotspot << 12 | kind_and_flags; }

#endif
