/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which hardware runs virtual CPUs, decided at boot: all CPUs have to have it. And what neither SVM nor VMX switch themselves: XCR0, TSC_AUX.
 */
#include "ports/x86/vcpu.h"

#include "core/lib/log.h"
#include "core/lib/string.h"
#include "hal/physical.h"
#include "ports/x86/control.h"
#include "ports/x86/exceptions.h"
#include "ports/x86/features.h"
#include "ports/x86/kernel_map.h"
#include "registers.h"

enum { IO_GUEST_PAGES = 3 };
#define DR6_RESET ((word)0xffff0ff0)

static const struct vcpu_hardware *hardware;
static struct virtualization_ops operations;
bool vcpu_needs_vtlb;
static uint32_t failed; /* CPUs that could not; atomic */
static bool has_tsc_aux;

/* For PDs that have neither memory nor ports of guests: shared, never written. */
static uint8_t no_memory[PAGE_SIZE] __attribute__((aligned(PAGE_SIZE)));
static uint8_t no_ports[IO_GUEST_PAGES * PAGE_SIZE] __attribute__((aligned(PAGE_SIZE)));

void vcpu_boot(void)
{
    const struct vcpu_hardware *found = cpu_vendor() == VENDOR_INTEL ? &vmx_hardware : &svm_hardware;
    if (!found->boot())
        return;
    hardware = found;
    operations = found->operations;
    if (vcpu_needs_vtlb)
        operations.area_order = VCPU_AREA_ORDER_VTLB;
    has_tsc_aux = cpuid(0x80000001, 0).d >> 27 & 1;
    memset(no_ports, 0xff, sizeof no_ports);
}

void vcpu_cpu_init(struct x86_cpu *cpu)
{
    if (hardware && !hardware->cpu_init(cpu))
        __atomic_fetch_add(&failed, 1, __ATOMIC_RELAXED);
}

void vcpu_boot_done(void)
{
    if (hardware && __atomic_load_n(&failed, __ATOMIC_RELAXED)) {
        log_line("vcpu: %u CPUs cannot run virtual CPUs, so none does: the firmware has to switch it on for all", failed);
        hardware = 0;
    }
    if (!hardware)
        return;
    vcpu_resume = hardware->resume;
    vcpu_exit = hardware->exit;
    vcpu_exit_rest = hardware->exit_rest;
    boot_info.features |= hardware->feature;
}

const struct virtualization_ops *hal_virtualization(void) { return hardware ? &operations : 0; }

struct vcpu *vcpu_start(struct frame *frame, void *area, struct mmu *mmu)
{
    struct vcpu *vcpu = (struct vcpu *)((char *)area + PAGE_SIZE);
    _Static_assert(sizeof *vcpu <= PAGE_SIZE, "the second page of the area");
    vcpu->hardware = area;
    vcpu->frame = frame;
    vcpu->mmu = mmu;
    vcpu->physical = (word)virt_to_phys(area);
    vcpu->due = true;
    vcpu->xcr0.low = 1;
    vcpu->debug[4] = DR6_RESET;
    frame->reg[REG_VCPU] = (word)vcpu;
    frame->resume = RESUME_VCPU;
    frame->fpu_used = FPU_ALWAYS;
    vcpu_switches_set(vcpu);
    return vcpu;
}

void vcpu_pause(struct frame *frame, uint64_t ticks)
{
    struct vcpu *vcpu = vcpu_of(frame);
    vcpu->clock -= ticks;
    vcpu->due |= ticks != 0;
}

struct frame *vcpu_deliver(struct frame *frame, struct frame *handler, struct nova_state *state)
{
    frame_lend(frame, handler);
    operations.save(frame, state, handler->words, 0); /* what interrupted, if anything, not what is pending */
    return handler;
}

struct frame *vcpu_take(struct frame *frame, struct frame *handler, const struct nova_state *state)
{
    frame_switch(handler, frame);
    operations.load(frame, state, *(const volatile word *)&state->mtd);
    return frame_marked(frame);
}

#define DEBUG_READ(number, place) asm volatile("mov %%dr" #number ", %0" : "=r"(place))
#define DEBUG_WRITE(number, value) asm volatile("mov %0, %%dr" #number : : "r"(value))

/* The kernel and threads have DR7 off: the addresses of a guest that is gone or waits do nothing but must not be read by another one. */
__attribute__((cold, noinline)) void vcpu_debug_take(struct x86_cpu *cpu, struct vcpu *vcpu)
{
    struct vcpu *owner = cpu->vcpu_debug;
    if (owner) {
        DEBUG_READ(0, owner->debug[0]);
        DEBUG_READ(1, owner->debug[1]);
        DEBUG_READ(2, owner->debug[2]);
        DEBUG_READ(3, owner->debug[3]);
        DEBUG_READ(6, owner->debug[4]);
    }
    DEBUG_WRITE(0, vcpu->debug[0]);
    DEBUG_WRITE(1, vcpu->debug[1]);
    DEBUG_WRITE(2, vcpu->debug[2]);
    DEBUG_WRITE(3, vcpu->debug[3]);
    if (hardware->feature == NOVA_FEATURE_VMX) /* SVM has it in the VMCB */
        DEBUG_WRITE(6, vcpu->debug[4]);
    cpu->vcpu_debug = vcpu;
}

void vcpu_stop(struct frame *frame)
{
    struct x86_cpu *cpu = x86_cpu_self();
    if (cpu->vcpu_debug == vcpu_of(frame))
        cpu->vcpu_debug = 0;
    frame_fpu_forget(frame);
}

void vcpu_switches_set(struct vcpu *vcpu)
{
    vcpu->switches = 0;
    if (feature(FEATURE_XSAVE) && (vcpu->sets_xcr0 || vcpu->xcr0.high || vcpu->xcr0.low != fpu_components))
        vcpu->switches |= SWITCH_XCR0 | (vcpu->sets_xcr0 ? SWITCH_XCR0_READ : 0);
    if (has_tsc_aux && vcpu->tsc_aux)
        vcpu->switches |= SWITCH_TSC_AUX;
}

paddr_t vcpu_memory(const struct vcpu *vcpu)
{
    paddr_t root = vcpu->mmu->root[MMU_GUEST];
    return root ? root : kernel_image_phys(no_memory);
}

paddr_t vcpu_ports(const struct vcpu *vcpu)
{
    const uint8_t *bitmap = __atomic_load_n(&vcpu->mmu->io_guest, __ATOMIC_ACQUIRE);
    return bitmap ? virt_to_phys(bitmap) : kernel_image_phys(no_ports);
}

void vcpu_vtlb_start(struct vcpu *vcpu, unsigned page)
{
    if (!vcpu_needs_vtlb)
        return;
    vtlb_init(&vcpu->vtlb, vcpu->mmu, (char *)vcpu->hardware + page * PAGE_SIZE, (1u << VCPU_AREA_ORDER_VTLB) - page);
}

word *vcpu_register(struct frame *frame, unsigned number)
{
#define PLACE(member) offsetof(struct frame, member) / sizeof(word)
#ifdef __x86_64__
    static const uint8_t places[16] = {PLACE(arg[ARG_AX]),  PLACE(reg[REG_CX]),  PLACE(arg[ARG_DX]),  PLACE(reg[REG_BX]),
                                       PLACE(sp),           PLACE(reg[REG_BP]),  PLACE(arg[ARG_SI]),  PLACE(arg[ARG_DI]),
                                       PLACE(arg[ARG_R8]),  PLACE(reg[REG_R9]),  PLACE(reg[REG_R10]), PLACE(reg[REG_R11]),
                                       PLACE(reg[REG_R12]), PLACE(reg[REG_R13]), PLACE(reg[REG_R14]), PLACE(reg[REG_R15])};
#else
    static const uint8_t places[8] = {PLACE(arg[ARG_AX]), PLACE(reg[REG_CX]), PLACE(reg[REG_DX]), PLACE(arg[ARG_BX]),
                                      PLACE(sp),          PLACE(arg[ARG_BP]), PLACE(arg[ARG_SI]), PLACE(arg[ARG_DI])};
#endif
    return (word *)frame + places[number % sizeof places];
}

word vcpu_machine_status(word cr0, word value) { return (cr0 & ~(word)(CR0_MP | CR0_EM | CR0_TS)) | (value & 0xf); }

static bool contributory(unsigned vector) { return vector == 0 || (vector >= 10 && vector <= 13); }

bool vcpu_inject_exception(struct vcpu *vcpu, unsigned vector, uint32_t error)
{
    enum { DOUBLE_FAULT = 8, PAGE_FAULT = 14, HAVE_ERROR = 0x27d00 /* 8, 10-14, 17 */ };
    uint64_t first = vcpu->interrupted;
    if (first & INJECT_VALID && (first & INJECT_TYPE) == INJECT_EXCEPTION << 8) {
        unsigned before = first & INJECT_VECTOR;
        if (before == DOUBLE_FAULT)
            return false;
        if ((before == PAGE_FAULT && (vector == PAGE_FAULT || contributory(vector))) ||
            (contributory(before) && contributory(vector))) {
            vector = DOUBLE_FAULT;
            error = 0;
        }
    }
    vcpu->inject = INJECT_VALID | INJECT_EXCEPTION << 8 | vector;
    if (HAVE_ERROR >> vector & 1)
        vcpu->inject |= INJECT_ERROR | (uint64_t)error << 32;
    return true;
}
