/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The end of an event: the instruction that the monitor did is over, exceptions and interrupts are injected. Format of injections: Intel SDM vol. 3, 24.8.3; AMD APM
 * vol. 2, 15.20. What is to be injected already (an interrupted delivery, or what a recall found) goes first.
 */
#include "vmm.h"

#define INJECT_VALID (1u << 31)
enum { INJECT_ERROR = 1 << 11, INJECT_WINDOW = 1 << 12, SHADOW = 3 };

void state_finish(struct nova_state *s, unsigned svm_length)
{
    s->ip += s->inst_len ? s->inst_len : svm_length;
    s->mtd |= NOVA_MTD_IP | NOVA_MTD_STA;
    s->intr_state &= ~(uint32_t)SHADOW; /* the instruction after STI or MOV SS is over */
    if (s->flags & FLAGS_TF)
        state_inject(s, INJECT_EXCEPTION, EXCEPTION_DB, -1);
}

void state_inject(struct nova_state *s, unsigned type, unsigned vector, int error)
{
    s->inj_info = INJECT_VALID | type << 8 | vector | (error >= 0 ? (uint32_t)INJECT_ERROR : 0);
    s->inj_error = error >= 0 ? (uint32_t)error : 0;
    s->mtd |= NOVA_MTD_INJ;
}

/*
 * Delivery of an INT n, INT3 or INTO that was interrupted is not resumed: IP is still at the instruction, which is simply done again.
 */
static int again(uint32_t info)
{
    unsigned type = info >> 8 & 7, vector = info & 0xff;
    return type == INJECT_SOFTWARE || type == INJECT_TRAP || (type == INJECT_EXCEPTION && (vector == 3 || vector == 4));
}

void state_offer(struct vcpu *vcpu, struct nova_state *s)
{
    int vector;
    s->mtd |= NOVA_MTD_INJ; /* a window that nobody needs any more is closed */
    if (s->inj_info & INJECT_VALID && again(s->inj_info))
        s->inj = 0;
    s->inj_info &= ~(uint32_t)INJECT_WINDOW;
    if (!(s->inj_info & INJECT_VALID)) {
        s->inj = 0;
        if (s->flags & FLAGS_IF && !(s->intr_state & SHADOW) && (vector = interrupt_take(vcpu)) >= 0)
            state_inject(s, INJECT_INTERRUPT, (unsigned)vector, -1);
    }
    if (interrupt_waits(vcpu))
        s->inj_info |= INJECT_WINDOW;
}
