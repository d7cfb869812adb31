/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Constants of C structures for assembly: build/Makefile turns each line of this file's assembly text into a #define of offsets.h. Never linked.
 */
#include "ports/x86/offsets_common.h"

void offsets(void);
void offsets(void)
{
    offsets_common();
    OFFSET(FRAME_DX, offsetof(struct frame, arg[ARG_DX]));
    OFFSET(FRAME_R8, offsetof(struct frame, arg[ARG_R8]));
    OFFSET(FRAME_BX, offsetof(struct frame, reg[REG_BX]));
    OFFSET(FRAME_BP, offsetof(struct frame, reg[REG_BP]));
    OFFSET(FRAME_R9, offsetof(struct frame, reg[REG_R9]));
    OFFSET(FRAME_R10, offsetof(struct frame, reg[REG_R10]));
    OFFSET(FRAME_R11, offsetof(struct frame, reg[REG_R11]));
    OFFSET(FRAME_R12, offsetof(struct frame, reg[REG_R12]));
    OFFSET(FRAME_R13, offsetof(struct frame, reg[REG_R13]));
    OFFSET(FRAME_R14, offsetof(struct frame, reg[REG_R14]));
    OFFSET(FRAME_R15, offsetof(struct frame, reg[REG_R15]));
    OFFSET(CPU_USER_LIMIT, offsetof(struct x86_cpu, user_limit));
    OFFSET(CPU_SELF, offsetof(struct x86_cpu, self));
}
