/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Decoding by the general rules of prefixes, ModRM and SIB: Intel SDM vol. 2, chapter 2; AMD APM vol. 3, 1.2 to 1.4. Bytes come from guest memory and may be
 * anything.
 */
#include "ports/x86/instruction.h"

enum { REX_W = 8, REX_R = 4, REX_X = 2, REX_B = 1, DS = 3, SS = 2, GPR_SP = 4, GPR_BP = 5 };

struct text {
    const uint8_t *at, *end;
    bool short_of; /* a byte was read that is not there */
};

struct prefixes {
    uint8_t rex;
    int segment; /* -1 = none */
    bool operand, address, lock;
};

static uint8_t next(struct text *text)
{
    if (text->at == text->end) {
        text->short_of = true;
        return 0;
    }
    return *text->at++;
}

/* A displacement of so many bytes, sign extended. */
static word displacement(struct text *text, unsigned bytes)
{
    uint32_t value = 0;
    for (unsigned i = 0; i < bytes; i++)
        value |= (uint32_t)next(text) << 8 * i;
    return bytes == 1 ? (word)(int8_t)value : bytes == 2 ? (word)(int16_t)value : (word)(int32_t)value;
}

/* Reads prefixes; returns the first byte that is none. */
static uint8_t prefixes_read(struct text *text, struct prefixes *prefixes, unsigned bits)
{
    *prefixes = (struct prefixes){.segment = -1};
    for (;;) {
        uint8_t byte = next(text);
        switch (byte) {
        case 0x26:
        case 0x2e:
        case 0x36:
        case 0x3e: prefixes->segment = byte >> 3 & 3; break;
        case 0x64:
        case 0x65: prefixes->segment = byte - 0x60; break;
        case 0x66: prefixes->operand = true; break;
        case 0x67: prefixes->address = true; break;
        case 0xf0: prefixes->lock = true; break;
        case 0xf2:
        case 0xf3: break;
        default:
            if (bits != 64 || byte >> 4 != 4)
                return byte;
            prefixes->rex = byte; /* counts only just before the opcode */
            continue;
        }
        prefixes->rex = 0;
        if (text->short_of)
            return 0;
    }
}

/* 16 bit: table 2-1. */
static word address_16(struct text *text, unsigned modrm, const struct instruction_context *context, int *segment)
{
    static const uint8_t first[8] = {3, 3, 5, 5, 6, 7, 5, 3}, second[4] = {6, 7, 6, 7};
    unsigned mod = modrm >> 6, rm = modrm & 7;
    if (mod == 0 && rm == 6)
        return displacement(text, 2) & 0xffff;
    word address = context->gpr(context->owner, first[rm]);
    if (rm < 4)
        address += context->gpr(context->owner, second[rm]);
    if (first[rm] == GPR_BP)
        *segment = SS;
    return (address + displacement(text, mod)) & 0xffff;
}

/* 32 and 64 bit: tables 2-2 and 2-3. What is relative to IP counts from the end of the instruction, which is here: none of them has an immediate operand. */
static word address_wide(struct text *text, unsigned modrm, unsigned rex, const struct instruction_context *context, unsigned done,
                         int *segment)
{
    unsigned mod = modrm >> 6, base = modrm & 7;
    const uint8_t *begin = text->at;
    word address = 0;
    if (base == GPR_SP) {
        unsigned sib = next(text), index = (sib >> 3 & 7) | (rex & REX_X ? 8 : 0);
        base = sib & 7;
        if (index != GPR_SP)
            address = context->gpr(context->owner, index) << (sib >> 6);
        if (mod == 0 && base == GPR_BP)
            return address + displacement(text, 4);
    } else if (mod == 0 && base == GPR_BP) {
        address = displacement(text, 4);
        return context->bits == 64 ? context->ip + done + (word)(text->at - begin) + address : address;
    }
    if (base == GPR_SP || base == GPR_BP)
        *segment = SS;
    return address + context->gpr(context->owner, base | (rex & REX_B ? 8 : 0)) +
           (mod == 1   ? displacement(text, 1)
            : mod == 2 ? displacement(text, 4)
                       : 0);
}

static void group_7(struct instruction *result, struct text *text, const struct prefixes *prefixes, const uint8_t *begin,
                    const struct instruction_context *context)
{
    unsigned modrm = next(text), operation = modrm >> 3 & 7;
    if (modrm >> 6 == 3) {
        result->gpr = (uint8_t)((modrm & 7) | (prefixes->rex & REX_B ? 8 : 0));
        result->kind = operation == 4 ? INSTRUCTION_SMSW : operation == 6 ? INSTRUCTION_LMSW : INSTRUCTION_OTHER;
        return;
    }
    if (operation != 7)
        return;
    unsigned bits = !prefixes->address ? context->bits : context->bits == 32 ? 16 : 32;
    int segment = DS;
    if (bits == 16)
        result->address = address_16(text, modrm, context, &segment);
    else
        result->address = address_wide(text, modrm, prefixes->rex, context, (unsigned)(text->at - begin), &segment);
    if (bits == 32)
        result->address = (uint32_t)result->address;
    result->segment = (uint8_t)(prefixes->segment >= 0 ? prefixes->segment : segment);
    result->kind = INSTRUCTION_INVLPG;
}

struct instruction instruction_decode(const uint8_t *bytes, unsigned size, const struct instruction_context *context)
{
    struct instruction result = {.kind = INSTRUCTION_OTHER};
    struct text text = {bytes, bytes + size, false};
    struct prefixes prefixes;
    if (prefixes_read(&text, &prefixes, context->bits) != 0x0f)
        return result;
    result.size = prefixes.rex & REX_W ? 8 : (context->bits == 16) != prefixes.operand ? 2 : 4;
    uint8_t opcode = next(&text);
    switch (opcode) {
    case 0x01: group_7(&result, &text, &prefixes, bytes, context); break;
    case 0x06: result.kind = INSTRUCTION_CLTS; break;
    case 0x20:
    case 0x22: {
        unsigned modrm = next(&text);
        result.kind = opcode == 0x20 ? INSTRUCTION_FROM_CR : INSTRUCTION_TO_CR;
        result.control = (uint8_t)((modrm >> 3 & 7) | (prefixes.rex & REX_R || prefixes.lock ? 8 : 0));
        result.gpr = (uint8_t)((modrm & 7) | (prefixes.rex & REX_B ? 8 : 0));
        result.size = context->bits == 64 ? 8 : 4;
        break;
    }
    }
    if (text.short_of)
        result.kind = INSTRUCTION_OTHER;
    result.length = (uint8_t)(text.at - bytes);
    return result;
}
