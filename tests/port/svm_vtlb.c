/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Exits of guests on the vTLB of SVM, with VMCBs as a processor with decode assists fills them in (AMD APM vol. 2, 15.33), since no emulator here has these. Random
 * instructions exit twice: once the processor says what they were, once they are fetched. Registers, VMCB and what the vTLB was told have to be the same.
 */
#include "ports/x86/svm_vtlb.c"
#include "tests/dice.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { GPRS = sizeof(word) == 8 ? 16 : 8, LOG = 4, BASE = 0x40000 };

static uint64_t seed;
static word gprs[GPRS];
static uint8_t text[INSTRUCTION_LONGEST];
static unsigned text_size, fetches;
static struct {
    unsigned count;
    word what[LOG][3];
} told;

static unsigned chance(unsigned n) { return dice(&seed, n); }

static word random_word(void) { return (word)((uint64_t)chance(1u << 31) << 33 ^ (uint64_t)chance(1u << 31) << 8 ^ chance(256)); }

static void tell(word what, word a, word b)
{
    if (told.count < LOG) {
        told.what[told.count][0] = what;
        told.what[told.count][1] = a;
        told.what[told.count][2] = b;
    }
    told.count++;
}

/* What the file uses. */
word *vcpu_register(struct frame *frame, unsigned number)
{
    (void)frame;
    return &gprs[number % GPRS];
}
word vcpu_machine_status(word cr0, word value) { return (cr0 & ~(word)0xe) | (value & 0xf); }
bool vcpu_inject_exception(struct vcpu *vcpu, unsigned vector, uint32_t error)
{
    vcpu->inject = INJECT_VALID | INJECT_EXCEPTION << 8 | vector;
    tell('x', vector, error);
    return true;
}
struct frame *kernel_vcpu_exit(struct cpu *cpu, unsigned event, uint64_t address)
{
    (void)cpu;
    tell('e', event, (word)address);
    return 0;
}
bool vtlb_long(const struct vtlb *vtlb) { return sizeof(word) == 8 && vtlb->efer & EFER_LMA; }
enum vtlb_outcome vtlb_write(struct vtlb *vtlb, unsigned number, word value, bool mode_64)
{
    tell('w' | number << 8 | (word)mode_64 << 16, value, 0);
    if (number == 0)
        vtlb->cr0 = value;
    return value % 16 == 15 ? VTLB_FAULT : number == 0 || number == 3 || number == 4 ? VTLB_DONE : VTLB_IMPOSSIBLE;
}
void vtlb_invalidate(struct vtlb *vtlb, word address)
{
    (void)vtlb;
    tell('i', address, 0);
}
enum vtlb_outcome vtlb_miss(struct vtlb *vtlb, word address, unsigned error)
{
    (void)vtlb, (void)address, (void)error;
    abort();
}
enum vtlb_outcome vtlb_walk(struct vtlb *vtlb, word address, unsigned access, struct vtlb_page *page)
{
    (void)vtlb, (void)address, (void)access, (void)page;
    return VTLB_DONE;
}
enum vtlb_outcome vtlb_read(struct vtlb *vtlb, word address, unsigned access, void *buffer, unsigned size)
{
    (void)vtlb, (void)address, (void)access;
    fetches++;
    memset(buffer, 0x90, size);
    memcpy(buffer, text, text_size < size ? text_size : size);
    return VTLB_DONE;
}

/* An instruction, its exit code, and what a processor with assists says about it. */
static unsigned code;
static uint64_t info;
static word linear_address;

static void put(unsigned byte) { text[text_size++] = (uint8_t)byte; }

static void instruction_random(unsigned bits)
{
    static const uint8_t controls[] = {0, 3, 4};
    unsigned gpr = chance(bits == 64 ? 16 : 8), control = controls[chance(3)], rex = bits == 64 && gpr >= 8 ? 0x41 : 0;
    text_size = 0;
    info = 0;
    switch (chance(6)) {
    case 0:
    case 1: {
        unsigned write = chance(2);
        if (rex)
            put(rex);
        put(0x0f), put(write ? 0x22 : 0x20), put(0xc0 | control << 3 | (gpr & 7));
        code = (write ? EXIT_CR_WRITE : 0) + control;
        info = (uint64_t)1 << 63 | gpr;
        break;
    }
    case 2: put(0x0f), put(0x06), code = EXIT_CR_WRITE; break;
    case 3:
        if (rex)
            put(rex);
        put(0x0f), put(0x01), put(0xf0 | (gpr & 7)), code = EXIT_CR_WRITE;
        break;
    case 4:
        if (rex)
            put(rex);
        put(0x0f), put(0x01), put(0xe0 | (gpr & 7)), code = 0;
        break;
    default: {
        /* By a register: SI, which addresses of 16 bit can use, too. */
        word offset = bits == 16 ? (uint16_t)gprs[6] : bits == 32 ? (uint32_t)gprs[6] : gprs[6];
        put(0x0f), put(0x01), put(bits == 16 ? 0x3c : 0x3e);
        code = EXIT_INVLPG;
        linear_address = bits == 64 ? offset : offset + BASE;
        info = linear_address;
    }
    }
}

struct result {
    word gprs[GPRS], inject;
    struct vmcb vmcb;
    word ip, cr0;
    __typeof__(told) told;
    bool stays;
};

static void run(bool assists, const word *start, unsigned bits, word ip, uint64_t flags, struct result *result)
{
    static struct vmcb vmcb;
    static struct frame frame;
    static struct vcpu vcpu;
    static struct x86_cpu cpu;
    memset(&vmcb, 0, sizeof vmcb);
    memset(&vcpu, 0, sizeof vcpu);
    memset(&told, 0, sizeof told);
    memcpy(gprs, start, sizeof gprs);
    struct segment *segments = (struct segment *)vmcb.segments;
    segments[1].attributes = bits == 64 ? ATTRIBUTE_LONG : bits == 32 ? ATTRIBUTE_DEFAULT : 0;
    segments[3].base = BASE;
    vcpu.hardware = &vmcb;
    vcpu.frame = &frame;
    vcpu.vtlb.efer = bits == 64 ? EFER_LMA : 0;
    vcpu.vtlb.cr0 = 0x80000011, vcpu.vtlb.cr3 = 0x3000, vcpu.vtlb.cr4 = 0x20;
    vmcb.ip = ip;
    vmcb.flags = flags;
    vmcb.shadow = 1;
    svm_decode_assists = assists;
    if (assists) {
        vmcb.exit_info[0] = info;
        vmcb.next_ip = ip + text_size;
    }
    result->stays = svm_vtlb_exit(&cpu, &vcpu, code) == &frame;
    memcpy(result->gprs, gprs, sizeof gprs);
    vmcb.exit_info[0] = vmcb.next_ip = 0;
    result->vmcb = vmcb;
    result->ip = frame.ip;
    result->cr0 = vcpu.vtlb.cr0;
    result->inject = (word)vcpu.inject;
    result->told = told;
}

int main(int count, char **arguments)
{
    static const uint8_t modes[] = {16, 32, 64};
    unsigned steps = 200000, assisted = 0, seen[3] = {0};
    static struct result with, without;
    seed = count > 1 ? strtoull(arguments[1], 0, 0) * 0x9e3779b97f4a7c15 | 1 : 0x2545f4914f6cdd1d;
    for (unsigned i = 0; i < steps; i++) {
        unsigned bits = modes[chance(sizeof(word) == 8 ? 3 : 2)];
        word start[GPRS], ip = random_word() & (bits == 16 ? 0xfff : bits == 32 ? 0xffffff : (word)-1);
        uint64_t flags = chance(4) ? 2 : 0x102;
        for (unsigned r = 0; r < GPRS; r++)
            start[r] = gprs[r] = random_word();
        instruction_random(bits);
        unsigned before = fetches;
        run(true, start, bits, ip, flags, &with);
        assisted += fetches == before;
        if ((fetches == before) != (info >> 63 || code == EXIT_INVLPG)) {
            printf("not ok step %u: it was %sfetched\n", i, fetches == before ? "not " : "");
            return 1;
        }
        run(false, start, bits, ip, flags, &without);
        seen[code == EXIT_INVLPG ? 2 : code >= EXIT_CR_WRITE] += with.stays;
        if (memcmp(&with, &without, sizeof with) || !with.stays || with.told.count > 2) {
            printf("not ok step %u: %u bits, exit 0x%x, info 0x%llx: not the same with and without assists\n", i, bits, code,
                   (unsigned long long)info);
            return 1;
        }
        if (code == EXIT_INVLPG && with.told.what[0][1] != (bits == 64 ? linear_address : (uint32_t)linear_address)) {
            printf("not ok step %u: INVLPG of another address\n", i);
            return 1;
        }
    }
    printf("# %u exits: %u by decode assists; %u reads and %u writes of control registers, %u INVLPG\n", steps, assisted, seen[0],
           seen[1], seen[2]);
    if (!seen[0] || !seen[1] || !seen[2]) {
        printf("not ok something never happened\n");
        return 1;
    }
    printf("ok decode assists, %u bit\n", (unsigned)(8 * sizeof(word)));
    return 0;
}
