/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The table of guest state, grouped by MTD bit so that a transfer of a few fields looks at those alone, and what both kinds of hardware leave to software.
 * VMCB: AMD APM vol. 2, appendix B, table B-2 (save area at 0x400). VMCS: Intel SDM vol. 3, appendix B.
 */
#include "ports/x86/vcpu_state.h"

#include "core/lib/bits.h"
#include "ports/x86/fpu.h"
#include "ports/x86/tsc.h"

#define AT(field) offsetof(struct nova_state, field), sizeof(((struct nova_state *)0)->field)
#define PLAIN(field, vmcb, vmcs)                                                                                                   \
    {                                                                                                                              \
        AT(field), PLACE_PLAIN, vmcb, 8, vmcs                                                                                      \
    }
/* Segments: the four fields of VMCS numbers that differ by 2 from register to register. i: ES 0, CS 1, SS 2, DS 3, FS 4, GS 5, LDTR 6, TR 7. */
#define SEGMENT(name, vmcb, i)                                                                                                     \
    {AT(name.selector), PLACE_PLAIN, vmcb, 2, 0x800 + 2 * (i)},                                                                    \
        {AT(name.attributes), PLACE_ATTRIBUTES, vmcb + 2, 2, 0x4814 + 2 * (i)},                                                    \
        {AT(name.limit), PLACE_PLAIN, vmcb + 4, 4, 0x4800 + 2 * (i)},                                                              \
    {                                                                                                                              \
        AT(name.base), PLACE_PLAIN, vmcb + 8, 8, 0x6806 + 2 * (i)                                                                  \
    }
#define DESCRIPTOR_TABLE(name, vmcb, i)                                                                                            \
    {AT(name.limit), PLACE_PLAIN, vmcb + 4, 4, 0x4810 + 2 * (i)}, { AT(name.base), PLACE_PLAIN, vmcb + 8, 8, 0x6816 + 2 * (i) }

/* IP is not here: almost every exit and reply moves it, so svm_state.c and vmx_state.c do that themselves. */
static const struct state_place sp[] = {PLAIN(sp, 0x5d8, 0x681c)}, flags[] = {PLAIN(flags, 0x570, 0x6820)},
                                ds_es[] = {SEGMENT(ds, 0x430, 3), SEGMENT(es, 0x400, 0)},
                                fs_gs[] = {SEGMENT(fs, 0x440, 4), SEGMENT(gs, 0x450, 5)},
                                cs_ss[] = {SEGMENT(cs, 0x410, 1), SEGMENT(ss, 0x420, 2)}, tr[] = {SEGMENT(tr, 0x490, 7)},
                                ldtr[] = {SEGMENT(ldtr, 0x470, 6)}, gdtr[] = {DESCRIPTOR_TABLE(gdtr, 0x460, 0)},
                                idtr[] = {DESCRIPTOR_TABLE(idtr, 0x480, 1)},
                                cr[] = {PLAIN(cr0, 0x558, 0), PLAIN(cr2, 0x640, 0), PLAIN(cr3, 0x550, 0x6802),
                                        PLAIN(cr4, 0x548, 0)},
                                dr[] = {PLAIN(dr7, 0x560, 0x681a)},
                                sysenter[] = {PLAIN(sysenter_cs, 0x628, 0x482a), PLAIN(sysenter_sp, 0x630, 0x6824),
                                              PLAIN(sysenter_ip, 0x638, 0x6826)},
                                sta[] = {PLAIN(intr_state, 0, 0x4824), PLAIN(actv_state, 0, 0x4826)},
                                pdpte[] = {PLAIN(pdpte[0], 0, 0x280a), PLAIN(pdpte[1], 0, 0x280c), PLAIN(pdpte[2], 0, 0x280e),
                                           PLAIN(pdpte[3], 0, 0x2810)};
#ifdef __x86_64__
static const struct state_place efer[] = {PLAIN(efer, 0x4d0, 0x2806)},
                                syscall[] = {PLAIN(star, 0x600, 0), PLAIN(lstar, 0x608, 0), PLAIN(cstar, 0x610, 0),
                                             PLAIN(sfmask, 0x618, 0), PLAIN(kernel_gs_base, 0x620, 0)};
#endif

enum { GROUPS = 27 };
static const struct {
    const struct state_place *first;
    unsigned count;
} groups[GROUPS] = {
#define GROUP(mtd, places) [__builtin_ctz(mtd)] = {places, ARRAY_SIZE(places)}
    GROUP(NOVA_MTD_SP, sp),       GROUP(NOVA_MTD_FLAGS, flags),     GROUP(NOVA_MTD_DS_ES, ds_es),
    GROUP(NOVA_MTD_FS_GS, fs_gs), GROUP(NOVA_MTD_CS_SS, cs_ss),     GROUP(NOVA_MTD_TR, tr),
    GROUP(NOVA_MTD_LDTR, ldtr),   GROUP(NOVA_MTD_GDTR, gdtr),       GROUP(NOVA_MTD_IDTR, idtr),
    GROUP(NOVA_MTD_CR, cr),       GROUP(NOVA_MTD_DR, dr),           GROUP(NOVA_MTD_SYSENTER, sysenter),
    GROUP(NOVA_MTD_STA, sta),     GROUP(NOVA_MTD_PDPTE, pdpte),
#ifdef __x86_64__
    GROUP(NOVA_MTD_EFER, efer),   GROUP(NOVA_MTD_SYSCALL, syscall),
#endif
};

#define TABLE_MTD ((((word)1 << GROUPS) - 1) & ~(word)STATE_NO_TABLE)

static uint64_t field_read(const void *state, const struct state_place *place)
{
    const volatile void *field = (const char *)state + place->offset;
    switch (place->size) {
    case 2: return *(const volatile uint16_t *)field;
    case 4: return *(const volatile uint32_t *)field;
    default: return *(const volatile uint64_t *)field;
    }
}

static void field_write(void *state, const struct state_place *place, uint64_t value)
{
    void *field = (char *)state + place->offset;
    switch (place->size) {
    case 2: *(uint16_t *)field = (uint16_t)value; break;
    case 4: *(uint32_t *)field = (uint32_t)value; break;
    default: *(uint64_t *)field = value;
    }
}

void vcpu_state_read(struct vcpu *vcpu, struct nova_state *state, word mtd, place_reader read)
{
    for (mtd &= TABLE_MTD; mtd; mtd &= mtd - 1) {
        unsigned bit = bit_lowest(mtd);
        for (unsigned i = 0; i < groups[bit].count; i++)
            field_write(state, &groups[bit].first[i], read(vcpu, &groups[bit].first[i]));
    }
}

void vcpu_state_write(struct vcpu *vcpu, const struct nova_state *state, word mtd, place_writer write)
{
    for (mtd &= TABLE_MTD; mtd; mtd &= mtd - 1) {
        unsigned bit = bit_lowest(mtd);
        for (unsigned i = 0; i < groups[bit].count; i++)
            write(vcpu, &groups[bit].first[i], field_read(state, &groups[bit].first[i]));
    }
}

void vcpu_common_save(struct vcpu *vcpu, struct nova_state *state, word mtd)
{
    if (mtd & STATE_FRAME)
        frame_state_save(vcpu->frame, state, mtd & STATE_FRAME, 0, 0);
    if (mtd & NOVA_MTD_TSC) {
        state->tsc_val = rdtsc();
        state->tsc_off = vcpu->clock;
    }
    if (mtd & NOVA_MTD_TSC_AUX)
        state->tsc_aux = vcpu->tsc_aux;
    if (mtd & NOVA_MTD_XSAVE) {
        state->xcr0 = (uint64_t)vcpu->xcr0.high << 32 | vcpu->xcr0.low;
        state->xss = 0;
    }
}

void vcpu_common_load(struct vcpu *vcpu, const struct nova_state *state, word mtd)
{
    if (mtd & STATE_FRAME) {
        frame_state_load(vcpu->frame, state, mtd & STATE_FRAME);
        vcpu->frame->resume = RESUME_VCPU;
    }
    if (mtd & NOVA_MTD_TSC)
        vcpu->clock += READ_ONCE(state->tsc_off);
    if (mtd & NOVA_MTD_TSC_AUX)
        vcpu->tsc_aux = (uint32_t)READ_ONCE(state->tsc_aux);
    if (mtd & NOVA_MTD_XSAVE)
        vcpu->xcr0 =
            (struct fpu_guest){fpu_constrain(READ_ONCE(state->xcr0)), 0}; /* XSS: the kernel lets no supervisor state be used */
    if (mtd & (NOVA_MTD_TSC_AUX | NOVA_MTD_XSAVE))
        vcpu_switches_set(vcpu);
}

void vcpu_vtlb_save(const struct vcpu *vcpu, struct nova_state *state, word mtd, uint64_t efer_set)
{
    const struct vtlb *vtlb = &vcpu->vtlb;
    if (mtd & NOVA_MTD_CR) {
        state->cr0 = vtlb->cr0;
        state->cr3 = vtlb->cr3;
        state->cr4 = vtlb->cr4;
    }
    for (unsigned i = 0; mtd & NOVA_MTD_PDPTE && i < 4; i++)
        state->pdpte[i] = (word)vtlb->pointer[i];
#ifdef __x86_64__
    if (mtd & NOVA_MTD_EFER)
        state->efer = vtlb->efer | efer_set;
#else
    (void)efer_set;
#endif
}
