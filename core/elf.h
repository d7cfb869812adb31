/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The root task's ELF file of the kernel's word size: header and program headers as the ELF specification gives them, read from module memory.
 */
#ifndef CORE_ELF_H
#define CORE_ELF_H

#include "hal/types.h"

/* A loadable segment, checked: inside the module, page-congruent, in user space, size not 0. */
struct elf_segment {
    word address, size;
    paddr_t offset;  /* in the module */
    unsigned rights; /* NOVA_MEM_* */
};

/*
 * Checks the module [begin, end) and calls map for each loadable segment; returns the entry point. Whatever is wrong ends in a fatal message that says what and where.
 */
word elf_load(paddr_t begin, paddr_t end, void (*map)(void *context, const struct elf_segment *segment), void *context);

#endif
