/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The few instructions of guests that the kernel itself carries out under the vTLB, where the hardware does not say what they were.
 */
#ifndef PORTS_X86_INSTRUCTION_H
#define PORTS_X86_INSTRUCTION_H

#include "hal/types.h"

enum instruction_kind {
    INSTRUCTION_OTHER,
    INSTRUCTION_TO_CR,   /* control := gpr */
    INSTRUCTION_FROM_CR, /* gpr := control */
    INSTRUCTION_CLTS,
    INSTRUCTION_LMSW,  /* of gpr */
    INSTRUCTION_SMSW,  /* into gpr */
    INSTRUCTION_INVLPG /* at address, which is the offset in segment */
};

struct instruction {
    enum instruction_kind kind;
    uint8_t length, gpr, control;
    uint8_t size;    /* of the operand in bytes */
    uint8_t segment; /* 0 ES, 1 CS, 2 SS, 3 DS, 4 FS, 5 GS */
    word address;
};

enum { INSTRUCTION_LONGEST = 15 };

/* How the code that the instruction belongs to runs: bits of its operands and addresses by default; its registers by number. */
struct instruction_context {
    unsigned bits; /* 16, 32 or 64 */
    word ip;       /* of the instruction */
    word (*gpr)(void *owner, unsigned number);
    void *owner;
};

/* Decodes size bytes at text; kind is INSTRUCTION_OTHER for what is not in the list above, or longer. LMSW and SMSW are decoded with registers only. */
struct instruction instruction_decode(const uint8_t *text, unsigned size, const struct instruction_context *context);

#endif
