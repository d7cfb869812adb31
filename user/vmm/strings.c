/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * INS and OUTS: memory is DS:SI (or another segment for OUTS) and ES:DI. The hardware says what is transferred, not always by which segment and address size, so the
 * prefixes of the instruction are looked at. A repeated instruction is done in parts, between which interrupts come.
 */
#include "vmm.h"

enum { PREFIXES = 14, PART = 256, CODE_LONG = 1 << 9, CODE_32 = 1 << 10 };

struct string {
    const struct nova_segment *segment;
    unsigned address_bits;
};

static unsigned code_bits(const struct nova_state *s)
{
#ifdef __x86_64__
    if (s->efer & 1 << 10 && s->cs.attributes & CODE_LONG)
        return 64;
#endif
    return s->cs.attributes & CODE_32 ? 32 : 16;
}

/* Prefixes: Intel SDM vol. 2, 2.1.1. 0: the guest gets a page fault. */
static int string_decode(struct vm *vm, struct nova_state *s, const struct io *io, struct string *string)
{
    unsigned bits = code_bits(s);
    nova_word base = bits == 64 ? 0 : (nova_word)s->cs.base;
    string->segment = io->in ? &s->es : &s->ds;
    string->address_bits = bits;
    for (unsigned i = 0; i < PREFIXES; i++) {
        uint8_t byte;
        const struct nova_segment *other = NULL;
        if (!guest_access(vm, s, base + s->ip + i, &byte, 1, 0))
            return 0;
        switch (byte) {
        case 0x26: other = &s->es; break;
        case 0x2e: other = &s->cs; break;
        case 0x36: other = &s->ss; break;
        case 0x3e: other = &s->ds; break;
        case 0x64: other = &s->fs; break;
        case 0x65: other = &s->gs; break;
        case 0x67: string->address_bits = bits == 32 ? 16 : 32; break;
        case 0x66:
        case 0xf2:
        case 0xf3: break;
        default:
            if (bits != 64 || (byte & 0xf0) != 0x40) /* REX */
                return 1;
        }
        if (other && !io->in)
            string->segment = other;
    }
    return 1;
}

static nova_word mask_of(unsigned bits) { return bits >= NOVA_WORD_BITS ? ~(nova_word)0 : ((nova_word)1 << bits) - 1; }

/* A register of which `bits` are used; 32 bits clear the upper half. */
static void step(nova_word *reg, long difference, unsigned bits)
{
    nova_word mask = mask_of(bits), value = (*reg + (nova_word)difference) & mask;
    *reg = bits == 16 ? (*reg & ~mask) | value : value;
}

void io_string(struct vcpu *vcpu, struct nova_state *s, const struct io *io)
{
    struct string string;
    nova_word *pointer = io->in ? &s->di : &s->si, left;
    long difference = s->flags & FLAGS_DF ? -(long)io->size : io->size;
    if (!string_decode(vcpu->vm, s, io, &string))
        return;
    nova_word base =
        code_bits(s) == 64 && string.segment != &s->fs && string.segment != &s->gs ? 0 : (nova_word)string.segment->base;
    nova_word mask = mask_of(string.address_bits);
    left = io->repeat ? s->cx & mask : 1;
    s->mtd |= NOVA_MTD_GPR_ACDB | NOVA_MTD_GPR_BSD;
    for (unsigned i = 0; i < PART && left; i++, left--) {
        nova_word linear = base + (*pointer & mask);
        uint32_t value = 0;
        if (code_bits(s) != 64)
            linear = (uint32_t)linear;
        if (!io->in && !guest_access(vcpu->vm, s, linear, &value, io->size, 0))
            return;
        value = port_access(vcpu, io, value);
        if (io->in && !guest_access(vcpu->vm, s, linear, &value, io->size, 1))
            return; /* the byte is lost: a device does not take it back */
        step(pointer, difference, string.address_bits);
        if (io->repeat)
            step(&s->cx, -1, string.address_bits);
    }
    if (!left)
        state_finish(s, (unsigned)(io->next - s->ip));
}
