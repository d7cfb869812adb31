/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Task switches of 32-bit guests, which VMX always and SVM under the vTLB leaves to the monitor (Intel SDM vol. 3, 7.3 and 25.4.2): the old state goes into the old TSS, the new one comes from the new TSS.
 * Descriptors that are not what they have to be give the guest an invalid-TSS exception; 16-bit TSSs are not known.
 */
#include "vmm.h"

enum { BY_CALL, BY_IRET, BY_JUMP, BY_GATE };
enum {
    TSS_AVAILABLE = 9,
    TSS_BUSY = 11,
    TYPE = 15,
    BUSY = 2,
    PRESENT = 0x80,
    UNUSABLE = 1 << 12,
    ACCESSED = 1,
    LDT = 2,
    ERROR = 1 << 11
};
#define CR0_TS ((nova_word)8)
#define CR0_PG ((nova_word)1 << 31)
enum { CR4_PAE = 1 << 5 };

/* Intel SDM vol. 3, figure 7-2. */
struct tss {
    uint32_t link, stack[6], cr3, ip, flags, ax, cx, dx, bx, sp, bp, si, di, es, cs, ss, ds, fs, gs, ldt, trap;
};
NOVA_STATIC_ASSERT(sizeof(struct tss) == 104, "the whole TSS");
enum { SAVED_FIRST = offsetof(struct tss, ip), SAVED_END = offsetof(struct tss, ldt) };

static int bad(struct nova_state *s, unsigned selector)
{
    s->mtd = 0;
    state_inject(s, INJECT_EXCEPTION, EXCEPTION_TS, (int)(selector & 0xfffc));
    return 0;
}

/* A descriptor and where it is; only GDT and LDT. */
static int descriptor_read(struct vm *vm, struct nova_state *s, unsigned selector, uint64_t *descriptor, nova_word *place)
{
    const struct nova_segment *table = selector & 4 ? &s->ldtr : &s->gdtr;
    if ((selector | 7) > table->limit)
        return bad(s, selector);
    *place = (nova_word)table->base + (selector & 0xfff8);
    return guest_access(vm, s, *place, descriptor, 8, 0);
}

static void segment_of(struct nova_segment *segment, unsigned selector, uint64_t d)
{
    segment->selector = (uint16_t)selector;
    segment->attributes = (uint16_t)((d >> 40 & 0xff) | (d >> 44 & 0xf00));
    segment->base = (d >> 16 & 0xffffff) | (d >> 32 & 0xff000000);
    segment->limit = (uint32_t)((d & 0xffff) | (d >> 32 & 0xf0000));
    if (segment->attributes & 0x800)
        segment->limit = segment->limit << 12 | 0xfff;
}

static int segment_load(struct vm *vm, struct nova_state *s, struct nova_segment *segment, unsigned selector)
{
    uint64_t d;
    nova_word place;
    if (!(selector & 0xfffc)) {
        *segment = (struct nova_segment){(uint16_t)selector, UNUSABLE, 0, 0};
        return 1;
    }
    if (!descriptor_read(vm, s, selector, &d, &place))
        return 0;
    if (!(d >> 40 & PRESENT))
        return bad(s, selector);
    segment_of(segment, selector, d);
    if (segment->attributes & 0x10) /* code or data */
        segment->attributes |= ACCESSED;
    return 1;
}

/* The busy bit of a TSS descriptor in the GDT. */
static int busy_set(struct vm *vm, struct nova_state *s, unsigned selector, int busy)
{
    uint64_t d;
    nova_word place;
    if (!descriptor_read(vm, s, selector, &d, &place))
        return 0;
    d = busy ? d | (uint64_t)BUSY << 40 : d & ~((uint64_t)BUSY << 40);
    return guest_access(vm, s, place, &d, 8, 1);
}

struct request {
    unsigned selector, source, length;
    int with_error;
    uint32_t error;
};

/* Length of a far CALL or JMP, INT or IRET, which SVM does not say. 0: it cannot be read, and the guest gets the fault. */
static unsigned length_find(struct vm *vm, struct nova_state *s)
{
    enum { CALL = 0x9a, JUMP = 0xea, INDIRECT = 0xff, INT_N = 0xcd, LONGEST = 15 };
    unsigned wide = s->cs.attributes & 0x400 ? 4 : 2, addresses = wide, length = 0;
    uint8_t byte, modrm, sib;
    nova_word at = (nova_word)s->cs.base + s->ip;
    for (;; length++) {
        if (length == LONGEST || !guest_access(vm, s, at + length, &byte, 1, 0))
            return 0;
        if (byte == 0x66)
            wide = 6 - wide;
        else if (byte == 0x67)
            addresses = 6 - addresses;
        else if (byte != 0x26 && byte != 0x2e && byte != 0x36 && byte != 0x3e && byte != 0x64 && byte != 0x65)
            break;
    }
    if (byte == CALL || byte == JUMP)
        return length + 1 + wide + 2;
    if (byte == INT_N)
        return length + 2;
    if (byte != INDIRECT)
        return length + 1;
    if (!guest_access(vm, s, at + length + 1, &modrm, 1, 0))
        return 0;
    unsigned mod = modrm >> 6, base = modrm & 7, displacement = mod == 1 ? 1 : mod == 2 ? addresses : 0;
    if (addresses == 2)
        return length + 2 + (!mod && base == 6 ? 2 : displacement);
    if (base != 4)
        return length + 2 + (!mod && base == 5 ? 4 : displacement);
    if (!guest_access(vm, s, at + length + 2, &sib, 1, 0))
        return 0;
    return length + 3 + (!mod && (sib & 7) == 5 ? 4 : displacement);
}

/* AMD APM vol. 2, 15.14.1; Intel SDM vol. 3, table 27-2. */
static struct request request_of(const struct nova_state *s)
{
    uint64_t more = s->qual[1];
    struct request r = {.selector = s->qual[0] & 0xffff, .source = s->qual[0] >> 30 & 3, .length = (unsigned)s->inst_len};
    int delivery = s->inj_info >> 31;
    r.with_error = delivery && s->inj_info & ERROR;
    r.error = s->inj_error;
    if (is_svm) {
        r.source = more >> 36 & 1 ? BY_IRET : more >> 38 & 1 ? BY_JUMP : delivery ? BY_GATE : BY_CALL;
        r.with_error = more >> 44 & 1;
        r.error = (uint32_t)more;
    }
    return r;
}

/* Whether IP is to be behind the instruction: not for faults and interrupts that came through a gate. */
static int by_instruction(const struct nova_state *s, unsigned source)
{
    unsigned type = s->inj_info >> 8 & 7;
    return source != BY_GATE || !(s->inj_info >> 31) || type == INJECT_SOFTWARE || type == INJECT_TRAP;
}

static int old_save(struct vm *vm, struct nova_state *s, const struct request *request)
{
    unsigned source = request->source, length = request->length;
    int behind = by_instruction(s, source);
    if (behind && is_svm && !(length = length_find(vm, s)))
        return 0;
    struct tss tss = {
        .ip = (uint32_t)(s->ip + (behind ? length : 0)),
        .flags = (uint32_t)s->flags & ~(source == BY_IRET ? (uint32_t)FLAGS_NT : 0),
        .ax = (uint32_t)s->ax,
        .cx = (uint32_t)s->cx,
        .dx = (uint32_t)s->dx,
        .bx = (uint32_t)s->bx,
        .sp = (uint32_t)s->sp,
        .bp = (uint32_t)s->bp,
        .si = (uint32_t)s->si,
        .di = (uint32_t)s->di,
        .es = s->es.selector,
        .cs = s->cs.selector,
        .ss = s->ss.selector,
        .ds = s->ds.selector,
        .fs = s->fs.selector,
        .gs = s->gs.selector,
    };
    return guest_access(vm, s, (nova_word)s->tr.base + SAVED_FIRST, &tss.ip, SAVED_END - SAVED_FIRST, 1);
}

static int new_load(struct vm *vm, struct nova_state *s, const struct tss *tss)
{
    s->ip = tss->ip;
    s->flags = tss->flags | 2;
    s->ax = tss->ax;
    s->cx = tss->cx;
    s->dx = tss->dx;
    s->bx = tss->bx;
    s->sp = tss->sp;
    s->bp = tss->bp;
    s->si = tss->si;
    s->di = tss->di;
    s->cr0 |= CR0_TS;
    if (s->cr0 & CR0_PG)
        s->cr3 = tss->cr3;
    uint64_t *pointers = guest_memory(vm, s->cr3 & ~(nova_word)31, 4 * sizeof *pointers);
    for (unsigned i = 0; s->cr4 & CR4_PAE && pointers && i < 4; i++)
        s->pdpte[i] = (nova_word)pointers[i];
    return segment_load(vm, s, &s->ldtr, tss->ldt & 0xffff) && segment_load(vm, s, &s->cs, tss->cs & 0xffff) &&
           segment_load(vm, s, &s->ss, tss->ss & 0xffff) && segment_load(vm, s, &s->ds, tss->ds & 0xffff) &&
           segment_load(vm, s, &s->es, tss->es & 0xffff) && segment_load(vm, s, &s->fs, tss->fs & 0xffff) &&
           segment_load(vm, s, &s->gs, tss->gs & 0xffff);
}

void task_switch(struct vcpu *vcpu, struct nova_state *s)
{
    struct vm *vm = vcpu->vm;
    struct request request = request_of(s);
    unsigned selector = request.selector, source = request.source, old = s->tr.selector;
    uint64_t d;
    nova_word place;
    struct tss tss;
    struct nova_segment segment;
    if (!descriptor_read(vm, s, selector, &d, &place))
        return;
    segment_of(&segment, selector, d);
    if ((segment.attributes & TYPE) != (source == BY_IRET ? TSS_BUSY : TSS_AVAILABLE) || !(segment.attributes & PRESENT) ||
        segment.limit < sizeof tss - 1) {
        bad(s, selector);
        return;
    }
    if (!old_save(vm, s, &request) || !guest_access(vm, s, (nova_word)segment.base, &tss, sizeof tss, 0))
        return;
    if ((source == BY_JUMP || source == BY_IRET) && !busy_set(vm, s, old, 0))
        return;
    if (source == BY_CALL || source == BY_GATE) {
        uint32_t link = old;
        tss.flags |= FLAGS_NT;
        if (!guest_access(vm, s, (nova_word)segment.base, &link, 2, 1))
            return;
    }
    if (source != BY_IRET && !busy_set(vm, s, selector, 1))
        return;
    s->tr = segment;
    s->tr.attributes |= BUSY;
    s->intr_state = 0;
    s->inj = 0;
    s->mtd = NOVA_MTD_GPR_ACDB | NOVA_MTD_GPR_BSD | NOVA_MTD_SP | NOVA_MTD_IP | NOVA_MTD_FLAGS | NOVA_MTD_DS_ES | NOVA_MTD_FS_GS |
             NOVA_MTD_CS_SS | NOVA_MTD_TR | NOVA_MTD_LDTR | NOVA_MTD_CR | NOVA_MTD_INJ | NOVA_MTD_STA |
             (s->cr4 & CR4_PAE ? NOVA_MTD_PDPTE : 0);
    nova_word mtd = s->mtd;
    if (!new_load(vm, s, &tss))
        s->mtd = mtd; /* the exception comes in the new task */
    else if (request.with_error) {
        s->sp -= 4;
        guest_access(vm, s, (nova_word)s->ss.base + s->sp, &request.error, 4, 1);
    }
}
