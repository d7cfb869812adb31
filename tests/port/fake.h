/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Put in front of a file of ports/x86 that is tested as part of a Linux program: what only a kernel may do becomes functions of the
 * test.
 */
#ifndef TESTS_PORT_FAKE_H
#define TESTS_PORT_FAKE_H

#include "hal/mmu.h"

#define PORTS_X86_CONTROL_H
#define PORTS_X86_CPU_LOCAL_H
#define PORTS_X86_IO_BITMAP_H
#define PORTS_X86_FIXUP_H
#define PORTS_X86_MTRR_H
enum { MTRR_UC = 0, MTRR_WC = 1, MTRR_WB = 6 };
bool mtrr_uniform(word frame, word count);
static inline unsigned mtrr_type(uint64_t frame) { return frame < 256 ? MTRR_UC : MTRR_WB; }
#define FIXUP(from, to) ""
#define CR0_MP ((word)0)
#define CR0_EM ((word)0)
#define CR0_TS ((word)0)
#define CR4_OSFXSR ((word)0)
#define CR4_OSXMMEXCPT ((word)0)
#define CR4_OSXSAVE ((word)0)

struct x86_cpu {
    struct mmu_cpu *mmu;
    word root_generation;
    const struct mmu *io_mmu;
    uint32_t io_generation;
    uint32_t guest_flushes;
};
struct x86_cpu *x86_cpu_self(void);
void io_bitmap_reset(struct x86_cpu *cpu);
void io_bitmap_invalidate(void);

word cr0_read(void);
void cr0_write(word value);
word cr3_read(void);
word cr4_read(void);
void cr4_write(word value);
void page_flush(word address);

/* 32 bit: the high half is 0. */
void cr3_write(word value);

#endif
