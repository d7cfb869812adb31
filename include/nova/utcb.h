/* SPDX-License-Identifier: MIT */
/*
 * The UTCB (abi.md section 4): one page per EC, four header words, then message words or the architectural state.
 * Typed items grow down from the end of the page. The offsets are checked below against the table of abi.md.
 */
#ifndef NOVA_UTCB_H
#define NOVA_UTCB_H

#include <nova/crd.h>

enum { NOVA_UTCB_WORDS = NOVA_PAGE_SIZE / sizeof(nova_word) - 4 }; /* most untyped words; typed items: half of it */

struct nova_segment {
    uint16_t selector;
    uint16_t attributes; /* bits 0-7 type S DPL P, bits 8-11 AVL L D G, bit 12 unusable (VMX) */
    uint32_t limit;
    uint64_t base;
};

/* The architectural state; field order and offsets are the interface. */
struct nova_state {
    nova_word mtd, inst_len, ip, flags;
    uint32_t intr_state, actv_state;
    union {
        struct {
            uint32_t inj_info, inj_error;
        };
        uint64_t inj;
    };
    nova_word ax, cx, dx, bx, sp, bp, si, di;
#if UINTPTR_MAX > 0xffffffffu
    nova_word r8, r9, r10, r11, r12, r13, r14, r15;
#endif
    uint64_t qual[2];
    uint32_t ctrl[2];
    nova_word cr0, cr2, cr3, cr4;
    uint64_t xcr0, xss;
    nova_word pdpte[4];
#if UINTPTR_MAX > 0xffffffffu
    nova_word cr8, efer;
    uint64_t star, lstar, cstar, sfmask, kernel_gs_base;
    uint32_t tpr, tpr_threshold;
#endif
    nova_word dr7, sysenter_cs, sysenter_sp, sysenter_ip;
    struct nova_segment es, cs, ss, ds, fs, gs, ldtr, tr, gdtr, idtr;
    uint64_t tsc_val, tsc_off, tsc_aux;
    uint64_t exit_reason;
    uint8_t fpu[]; /* FXSAVE or XSAVE image, the rest of the page at most */
};

struct nova_utcb {
    nova_word items; /* bits 0-15 untyped words, bits 16-31 typed items */
    nova_word xlt;   /* translate window */
    nova_word del;   /* delegate window */
    nova_word tls;   /* the user's own */
    union {
        nova_word mr[NOVA_UTCB_WORDS];
        struct nova_state state;
    };
};

NOVA_STATIC_ASSERT(sizeof(struct nova_utcb) == NOVA_PAGE_SIZE, "one page");

#define NOVA_STATE_OFFSET(field, wide, narrow)                                                                                     \
    NOVA_STATIC_ASSERT(offsetof(struct nova_utcb, state.field) == (sizeof(nova_word) == 8 ? (wide) : (narrow)), #field)
NOVA_STATE_OFFSET(mtd, 0x020, 0x010);
NOVA_STATE_OFFSET(intr_state, 0x040, 0x020);
NOVA_STATE_OFFSET(inj_info, 0x048, 0x028);
NOVA_STATE_OFFSET(ax, 0x050, 0x030);
NOVA_STATE_OFFSET(qual, 0x0d0, 0x050);
NOVA_STATE_OFFSET(ctrl, 0x0e0, 0x060);
NOVA_STATE_OFFSET(cr0, 0x0e8, 0x068);
NOVA_STATE_OFFSET(xcr0, 0x108, 0x078);
NOVA_STATE_OFFSET(pdpte, 0x118, 0x088);
NOVA_STATE_OFFSET(dr7, 0x178, 0x098);
NOVA_STATE_OFFSET(es, 0x198, 0x0a8);
NOVA_STATE_OFFSET(tsc_val, 0x238, 0x148);
NOVA_STATE_OFFSET(exit_reason, 0x250, 0x160);
NOVA_STATE_OFFSET(fpu, 0x258, 0x168);
#undef NOVA_STATE_OFFSET

/* Message transfer descriptor: which state a portal delivers and a reply writes back (abi.md section 4). */
enum {
    NOVA_MTD_GPR_ACDB = 1 << 0,
    NOVA_MTD_GPR_BSD = 1 << 1,
    NOVA_MTD_SP = 1 << 2,
    NOVA_MTD_IP = 1 << 3, /* and inst_len */
    NOVA_MTD_FLAGS = 1 << 4,
    NOVA_MTD_DS_ES = 1 << 5,
    NOVA_MTD_FS_GS = 1 << 6,
    NOVA_MTD_CS_SS = 1 << 7,
    NOVA_MTD_TR = 1 << 8,
    NOVA_MTD_LDTR = 1 << 9,
    NOVA_MTD_GDTR = 1 << 10,
    NOVA_MTD_IDTR = 1 << 11,
    NOVA_MTD_CR = 1 << 12,
    NOVA_MTD_DR = 1 << 13,
    NOVA_MTD_SYSENTER = 1 << 14,
    NOVA_MTD_QUAL = 1 << 15, /* deliver only */
    NOVA_MTD_CTRL = 1 << 16, /* reply only */
    NOVA_MTD_INJ = 1 << 17,
    NOVA_MTD_STA = 1 << 18,
    NOVA_MTD_TSC = 1 << 19,
    NOVA_MTD_EFER = 1 << 20,
    NOVA_MTD_PDPTE = 1 << 21,
    NOVA_MTD_GPR_R8_R15 = 1 << 22,
    NOVA_MTD_SYSCALL = 1 << 23,
    NOVA_MTD_TPR = 1 << 24,
    NOVA_MTD_TSC_AUX = 1 << 25,
    NOVA_MTD_XSAVE = 1 << 26
};
#define NOVA_MTD_FPU ((nova_word)1 << 31)

/* items word of a message; untyped at most NOVA_UTCB_WORDS, typed at most half of it. */
static inline nova_word nova_items(unsigned untyped, unsigned typed) { return untyped | (nova_word)typed << 16; }
static inline unsigned nova_untyped(nova_word items) { return items & 0xffff; }
static inline unsigned nova_typed(nova_word items) { return items >> 16 & 0xffff; }

/* Typed item i of a UTCB: item 0 is at the very end of the page. */
static inline struct nova_item *nova_item(struct nova_utcb *utcb, unsigned i)
{
    return (struct nova_item *)((char *)utcb + NOVA_PAGE_SIZE) - 1 - i;
}

#endif
