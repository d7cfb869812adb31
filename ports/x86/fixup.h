/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Instructions of the kernel that may fault, and where to go on then. Everything else that faults in the kernel is fatal.
 *     asm volatile("1: rdmsr; mov $1, %0; 2:" FIXUP("1b", "2b") : ...)   with the "failed" value in place before
 * An exception at 'from' continues at 'to' with all registers as they were at 'from'.
 */
#ifndef PORTS_X86_FIXUP_H
#define PORTS_X86_FIXUP_H

#include "hal/types.h"

#ifdef __x86_64__
#define FIXUP_WORD ".quad "
#else
#define FIXUP_WORD ".long "
#endif

#define FIXUP(from, to) "\n.pushsection .fixup, \"a\"\n" FIXUP_WORD from ", " to "\n.popsection\n"

struct fixup {
    word from, to;
};

/* Sorted by nothing; the linker script collects them. */
extern const struct fixup _fixup_begin[], _fixup_end[];

#endif
