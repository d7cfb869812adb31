/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Constants of C structures for assembly: build/Makefile turns each line of this file's assembly text into a #define of offsets.h. Never linked.
 */
#include "ports/x86/offsets_common.h"

void offsets(void);
void offsets(void)
{
    offsets_common();
    OFFSET(FRAME_BX, offsetof(struct frame, arg[ARG_BX]));
    OFFSET(FRAME_BP, offsetof(struct frame, arg[ARG_BP]));
    OFFSET(FRAME_DX, offsetof(struct frame, reg[REG_DX]));
    OFFSET(TRAP_IP, offsetof(struct trap_registers, ip));
    OFFSET(TRAP_CS, offsetof(struct trap_registers, cs));
    OFFSET(TRAP_FLAGS, offsetof(struct trap_registers, flags));
}
