/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The bitmap behind the TSS is a copy of the bitmap of one protection domain, or unused: then the TSS says that there is none, and each port access of
 * user mode faults. Other CPUs change the original; whoever takes ports away then makes each CPU call io_bitmap_invalidate. Giving a port needs no
 * signal: the copy is out of date by its generation, which the next fault finds.
 */
#include "ports/x86/io_bitmap.h"

#include "core/lib/string.h"
#include "hal/mmu.h"

/* An offset beyond the limit of the TSS: no bitmap (SDM vol. 1, 18.5.2). */
enum { IO_BASE_NONE = 0xffff };

void io_bitmap_reset(struct x86_cpu *cpu)
{
    cpu->io_mmu = 0;
    cpu_block_of(cpu)->tss.io_base = IO_BASE_NONE;
}

bool io_bitmap_update(struct x86_cpu *cpu, const struct mmu *mmu)
{
    if (!mmu || !mmu->io_bitmap)
        return false;
    struct cpu_block *block = cpu_block_of(cpu);
    uint32_t generation = __atomic_load_n(&mmu->io_generation, __ATOMIC_ACQUIRE);
    if (cpu->io_mmu == mmu && cpu->io_generation == generation)
        return false;
    memcpy(block->io_bitmap, mmu->io_bitmap, IO_BITMAP_SIZE);
    cpu->io_mmu = mmu;
    cpu->io_generation = generation;
    block->tss.io_base = (uint16_t)(block->io_bitmap - (uint8_t *)&block->tss);
    return true;
}
