/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Virtual CPUs of the simulated machine: a guest is its state in the area, and does nothing but exit when the test says so (guest_exit). General registers and FPU are in
 * the frame; the guest's memory and ports are looked up by driver.c. What core promises of the operations is checked: on one CPU, stopped once, never used afterwards.
 */
#include "hosted.h"

#include <nova/hypercall.h>
#include <string.h>

enum {
    IN_FRAME = NOVA_MTD_GPR_ACDB | NOVA_MTD_GPR_BSD | NOVA_MTD_GPR_R8_R15,
    DELIVER_ONLY = NOVA_MTD_QUAL,
    REPLY_ONLY = NOVA_MTD_CTRL
};
enum { WINDOWS = 3 << 12, XCR0_ALL = 7 }; /* of inj_info: asks for a window, is never injected */

struct guest {
    struct frame *frame;
    struct mmu *mmu;
    unsigned cpu; /* number + 1, from when it first runs */
    bool stopped;
    uint64_t paused;
    struct nova_state state;
};

#define FIELD(bit, first, last)                                                                                                    \
    {                                                                                                                              \
        bit, offsetof(struct nova_state, first),                                                                                   \
            offsetof(struct nova_state, last) + sizeof((struct nova_state *)0)->last - offsetof(struct nova_state, first)          \
    }
const struct guest_field guest_fields[] = {
    FIELD(NOVA_MTD_SP, sp, sp),
    FIELD(NOVA_MTD_IP, inst_len, ip),
    FIELD(NOVA_MTD_FLAGS, flags, flags),
    FIELD(NOVA_MTD_DS_ES, es, es),
    FIELD(NOVA_MTD_DS_ES, ds, ds),
    FIELD(NOVA_MTD_FS_GS, fs, gs),
    FIELD(NOVA_MTD_CS_SS, cs, ss),
    FIELD(NOVA_MTD_TR, tr, tr),
    FIELD(NOVA_MTD_LDTR, ldtr, ldtr),
    FIELD(NOVA_MTD_GDTR, gdtr, gdtr),
    FIELD(NOVA_MTD_IDTR, idtr, idtr),
    FIELD(NOVA_MTD_CR, cr0, cr4),
    FIELD(NOVA_MTD_CR, cr8, cr8),
    FIELD(NOVA_MTD_DR, dr7, dr7),
    FIELD(NOVA_MTD_SYSENTER, sysenter_cs, sysenter_ip),
    FIELD(NOVA_MTD_QUAL, qual, qual),
    FIELD(NOVA_MTD_CTRL, ctrl, ctrl),
    FIELD(NOVA_MTD_INJ, inj_info, inj_error),
    FIELD(NOVA_MTD_STA, intr_state, actv_state),
    FIELD(NOVA_MTD_EFER, efer, efer),
    FIELD(NOVA_MTD_PDPTE, pdpte, pdpte),
    FIELD(NOVA_MTD_SYSCALL, star, kernel_gs_base),
    FIELD(NOVA_MTD_TPR, tpr, tpr_threshold),
    FIELD(NOVA_MTD_TSC_AUX, tsc_aux, tsc_aux),
    FIELD(NOVA_MTD_XSAVE, xcr0, xss),
    {0, 0, 0},
};

static struct guest *guest_of(const struct frame *frame)
{
    struct guest *guest = (struct guest *)frame->reg[FRAME_REGS - 1];
    if (frame->resume != RESUME_VCPU || !guest || guest->frame != frame)
        contract_broken("frame %p is not a virtual CPU's", (const void *)frame);
    return guest;
}

/* Of one that lives, for its own CPU. */
static struct guest *guest_here(const struct frame *frame)
{
    struct guest *guest = guest_of(frame);
    if (guest->stopped)
        contract_broken("virtual CPU %p has been stopped", (const void *)frame);
    if (guest->cpu && guest->cpu != cpu_number() + 1)
        contract_broken("virtual CPU %p of CPU %u on CPU %u", (const void *)frame, guest->cpu - 1, cpu_number());
    return guest;
}

struct nova_state *guest_state(const struct frame *frame) { return &guest_of(frame)->state; }

static unsigned alive;

unsigned guests_alive(void) { return __atomic_load_n(&alive, __ATOMIC_RELAXED); }

struct mmu *guest_resume(const struct frame *frame)
{
    struct guest *guest = guest_here(frame);
    guest->cpu = cpu_number() + 1;
    return guest->mmu;
}

static void start(struct frame *frame, void *area, struct mmu *mmu)
{
    struct guest *guest = area;
    for (unsigned i = 0; i < (PAGE_SIZE << 1) / sizeof(word); i++)
        if (((word *)area)[i] || (uintptr_t)area % PAGE_SIZE)
            contract_broken("the area %p of a virtual CPU is not zeroed pages", area);
    machine_point();
    __atomic_add_fetch(&alive, 1, __ATOMIC_RELAXED);
    guest->frame = frame;
    guest->mmu = mmu;
    guest->state.xcr0 = 1;
    frame->reg[FRAME_REGS - 1] = (word)guest;
    frame->resume = RESUME_VCPU;
    frame->fpu_used = 1;
}

static void stop(struct frame *frame)
{
    machine_point();
    guest_here(frame)->stopped = true;
    __atomic_sub_fetch(&alive, 1, __ATOMIC_RELAXED);
}

static void save(struct frame *frame, struct nova_state *state, word mtd, unsigned event)
{
    const struct guest *guest = guest_here(frame);
    if (event > NOVA_VM_RECALL)
        contract_broken("a virtual CPU's event %u", event);
    frame_state_save(frame, state, mtd & (IN_FRAME | NOVA_MTD_FPU), 0, 0);
    for (const struct guest_field *field = guest_fields; field->size; field++)
        if (mtd & field->bit & ~(word)REPLY_ONLY)
            memcpy((char *)state + field->offset, (const char *)&guest->state + field->offset, field->size);
    if (mtd & NOVA_MTD_TSC) {
        state->tsc_val = machine_time() + guest->state.tsc_off - guest->paused;
        state->tsc_off = guest->state.tsc_off - guest->paused;
    }
}

static void load(struct frame *frame, const struct nova_state *state, word mtd)
{
    struct guest *guest = guest_here(frame);
    if (mtd & (IN_FRAME | NOVA_MTD_FPU))
        frame_state_load(frame, state, mtd & (IN_FRAME | NOVA_MTD_FPU));
    frame->resume = RESUME_VCPU;
    machine_point();
    for (const struct guest_field *field = guest_fields; field->size; field++)
        if (mtd & field->bit & ~(word)DELIVER_ONLY)
            memcpy((char *)&guest->state + field->offset, (const char *)state + field->offset, field->size);
    if (mtd & NOVA_MTD_TSC)
        guest->state.tsc_off += state->tsc_off;
    guest->state.inj_info &= ~(uint32_t)WINDOWS;
    guest->state.xcr0 = (guest->state.xcr0 & XCR0_ALL) | 1;
}

static struct frame *deliver(struct frame *frame, struct frame *handler, struct nova_state *state)
{
    frame_lend(frame, handler);
    save(frame, state, handler->words, 0);
    return handler;
}

static struct frame *take(struct frame *frame, struct frame *handler, const struct nova_state *state)
{
    frame_switch(handler, frame);
    load(frame, state, *(const volatile word *)&state->mtd);
    return frame_marked(frame);
}

static void pause(struct frame *frame, uint64_t ticks)
{
    struct guest *guest = guest_here(frame);
    if (ticks >> 63)
        contract_broken("the clock of a virtual CPU goes back");
    guest->paused += ticks;
}

bool hosted_guests;

const struct virtualization_ops *hal_virtualization(void)
{
    static const struct virtualization_ops operations = {1, start, stop, save, load, deliver, take, pause};
    return hosted_guests ? &operations : 0;
}
