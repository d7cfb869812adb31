/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Running guests by SVM with nested paging. An exit comes back with GIF set and interrupts off, like any other entry of the kernel; a pending interrupt
 * is taken in the window that core opens. TLB tags (ASIDs) are given out per CPU, one after the other: a virtual CPU whose translations are stale gets the next one,
 * and when they are used up, all begin anew with a flush of everything. So no guest ever finds translations of another one or of its own past.
 */
#include "ports/x86/svm.h"

#include "core/lib/log.h"
#include "core/lib/string.h"
#include "hal/physical.h"
#include "ports/x86/control.h"
#include "ports/x86/features.h"
#include "ports/x86/kernel_map.h"
#include "ports/x86/msr.h"
#include "registers.h"

#define PAT_RESET 0x0007040600070406 /* AMD APM vol. 2, 7.8.1 */

/*
 * QEMU's interpreter (at least to 7.2) does not put CR0 of the host back when a guest exits with EFER.LME but neither paging nor PAE, and so the machine dies. There,
 * such a state counts as invalid. And it forgets the interrupt shadow at VMRUN: a window would be open between STI and HLT, and the guest sleep over its interrupt. So
 * there the window is asked for after the next exit, which HLT itself or the host's timer makes; if the timer is so fast that the guest is still at the same
 * instruction, the shadow is put back (shadow_keep).
 */
static bool qemu;

static uint32_t tags; /* number of ASIDs, the host's 0 included */

/* Two bits an MSR, read and write; every access exits but for those below. */
static uint8_t msr_bitmap[2 * PAGE_SIZE] __attribute__((aligned(PAGE_SIZE)));

static void msr_allow(uint32_t msr)
{
    /* The second 2 KiB are for 0xc0000000 and up: 15.11. */
    uint32_t bit = 0x4000 + 2 * (msr - 0xc0000000);
    msr_bitmap[bit / 8] &= (uint8_t) ~(3 << bit % 8);
}

static bool svm_boot(void)
{
    uint64_t vm_cr = 0;
    struct cpuid limits = cpuid(0x8000000a, 0);
    if (!(cpuid(0x80000001, 0).c >> 2 & 1))
        return false;
    if (rdmsr_safe(MSR_VM_CR, &vm_cr) && vm_cr & VM_CR_DISABLED) {
        log_line("svm: switched off by the firmware: no virtual CPUs");
        return false;
    }
    vtlb_boot();
    vcpu_needs_vtlb = !(limits.d & SVM_FEATURE_NPT) || boot_info.options.vtlb;
    svm_decode_assists = limits.d & SVM_FEATURE_DECODE && limits.d & SVM_FEATURE_NEXT_IP;
    qemu = feature(FEATURE_HYPERVISOR) && cpuid(0x40000000, 0).b == 0x54474354; /* TCGT */
    tags = boot_info.options.novpid ? 2 : limits.b;
    memset(msr_bitmap, 0xff, sizeof msr_bitmap);
    msr_allow(MSR_FS_BASE);
    msr_allow(MSR_GS_BASE);
    msr_allow(MSR_KERNEL_GS_BASE);
    log_line("svm: %s, %u TLB tags", vcpu_needs_vtlb ? "software-filled TLB" : "nested paging", tags);
    return true;
}

/* The page of VM_HSAVE_PA and the VMCB that keeps what VMLOAD brings back; nothing of it changes while the kernel runs. */
static bool svm_cpu_init(struct x86_cpu *cpu)
{
    uint64_t vm_cr = 0;
    if (!(cpuid(0x80000001, 0).c >> 2 & 1) || (!vcpu_needs_vtlb && !(cpuid(0x8000000a, 0).d & SVM_FEATURE_NPT)) ||
        (rdmsr_safe(MSR_VM_CR, &vm_cr) && vm_cr & VM_CR_DISABLED))
        return false;
    char *pages = kernel_boot_alloc(1);
    if (!pages)
        return false;
    wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_SVME);
    wrmsr(MSR_VM_HSAVE_PA, virt_to_phys(pages));
    cpu->vcpu_host = pages + PAGE_SIZE;
    cpu->vcpu_host_phys = (word)virt_to_phys(cpu->vcpu_host);
    asm volatile("vmsave %0" : : "a"(cpu->vcpu_host_phys) : "memory");
    return true;
}

static void svm_start(struct frame *frame, void *area, struct mmu *mmu)
{
    struct vcpu *vcpu = vcpu_start(frame, area, mmu);
    struct vmcb *vmcb = area;
    vcpu->sets_xcr0 = true;
    vcpu_switches_set(vcpu);
    vmcb->exceptions = INTERCEPT_EXCEPTION_AC;
    vmcb->intercepts = INTERCEPTS;
    vmcb->intercepts2 = INTERCEPTS2;
    vmcb->msr_bitmap = kernel_image_phys(msr_bitmap);
    vmcb->vintr = VINTR_MASKING;
    vmcb->nested = 1;
    vmcb->efer = EFER_SVME;
    vmcb->pat = PAT_RESET;
    vmcb->flags = 2;
    if (!vcpu_needs_vtlb)
        return;
    vcpu_vtlb_start(vcpu, SVM_VTLB_PAGE);
    vcpu->vtlb.on = true;
    vmcb->nested = 0;
    vmcb->cr_reads = vmcb->cr_writes = INTERCEPT_CR_034;
    vmcb->exceptions |= INTERCEPT_EXCEPTION_PAGE;
    vmcb->intercepts |= INTERCEPTS_VTLB;
    vmcb->intercepts3 = cpuid(7, 0).b >> 10 & 1 ? INTERCEPT3_INVPCID : 0;
}

/* Gives the guest a tag under which this CPU knows nothing of it if it has none that is good. */
static void tag_choose(struct x86_cpu *cpu, struct vcpu *vcpu, struct vmcb *vmcb)
{
    if (vcpu->vtlb.on) {
        vcpu->flushes = cpu->guest_flushes; /* the vTLB sees to it itself */
        if (vcpu->vtlb.flushed)
            vcpu->tag = 0;
        vcpu->vtlb.flushed = false;
    }
    paddr_t root = vcpu->vtlb.on ? 0 : vcpu_memory(vcpu);
    bool good =
        vcpu->tag_generation == cpu->vcpu_tag_generation && vcpu->tag && vcpu->flushes == cpu->guest_flushes && vcpu->root == root;
    vmcb->tlb_control = TLB_KEEP;
    if (good && !boot_info.options.novpid)
        return;
    if (++cpu->vcpu_tag >= tags) {
        cpu->vcpu_tag = 1;
        cpu->vcpu_tag_generation++;
        cpu->guest_flushes++; /* so that others, too, come here */
        vmcb->tlb_control = TLB_FLUSH_ALL;
    }
    vcpu->tag = vmcb->asid = cpu->vcpu_tag;
    vcpu->tag_generation = cpu->vcpu_tag_generation;
    vcpu->flushes = cpu->guest_flushes;
    vcpu->root = vmcb->nested_root = root;
}

/* Event injection that the processor would not take is the monitor's mistake. */
static bool inject_good(uint64_t inject)
{
    if (!(inject & INJECT_VALID))
        return true;
    unsigned vector = inject & INJECT_VECTOR;
    switch ((inject & INJECT_TYPE) >> 8) {
    case INJECT_INTERRUPT:
    case INJECT_NMI:
    case INJECT_SOFTWARE: return true;
    case INJECT_EXCEPTION: return vector < 32 && vector != 2;
    default: return false;
    }
}

static bool state_good(const struct vmcb *vmcb)
{
    return !qemu || !(vmcb->efer & EFER_LME) || vmcb->cr0 & CR0_PG || vmcb->cr4 & CR4_PAE;
}

static bool window_open(const struct vcpu *vcpu, const struct vmcb *vmcb)
{
    return vcpu->window && vmcb->flags & 0x200 && !(vmcb->shadow & SHADOW_ACTIVE) && !(vcpu->inject & INJECT_VALID);
}

/*
 * The delivery that the exit interrupted, as it can be put up for injection again: what had been injected, and #DB after an instruction. Everything else is the doing
 * of the instruction at IP, which does it again: an injected software interrupt would have to know the next IP, and Bochs (2.7) takes the last exception for it.
 */
static uint64_t interrupted_again(const struct vcpu *vcpu)
{
    enum { VECTOR_DEBUG = 1 };
    uint64_t event = vcpu->interrupted;
    bool trap = (event & INJECT_TYPE) == INJECT_EXCEPTION << 8 && (event & INJECT_VECTOR) == VECTOR_DEBUG;
    return event == (vcpu->inject & INJECT_FIELDS) || trap ? event : 0;
}

/* The vTLB's registers take the place of the guest's. False = the guest cannot run: *exit is what to do. */
static bool vtlb_enter(struct x86_cpu *cpu, struct vcpu *vcpu, struct vmcb *vmcb, struct frame **exit)
{
    enum vtlb_outcome outcome = vtlb_good(&vcpu->vtlb) ? vtlb_prepare(&vcpu->vtlb) : VTLB_FAULT;
    if (outcome != VTLB_DONE) {
        *exit = outcome == VTLB_MEMORY ? svm_vtlb_memory(cpu, vcpu) : kernel_vcpu_exit(cpu->core, NOVA_VM_INVALID_STATE, 0);
        return false;
    }
    struct vtlb_hardware hardware = vtlb_hardware(&vcpu->vtlb);
    vmcb->cr0 = hardware.cr0;
    vmcb->cr3 = hardware.cr3;
    vmcb->cr4 = hardware.cr4;
    vmcb->efer = hardware.efer | EFER_SVME;
    return true;
}

/* All that an entry may need; 0 = the guest can run. */
static struct frame *prepare(struct x86_cpu *cpu, struct vcpu *vcpu, struct vmcb *vmcb)
{
    vcpu->due = true;
    vcpu->frame->ip = (word)vmcb->ip;
    if (!(vmcb->intercepts2 & INTERCEPT2_VMRUN) || !inject_good(vcpu->inject) || !state_good(vmcb))
        return kernel_vcpu_exit(cpu->core, NOVA_VM_INVALID_STATE, 0);
    if (window_open(vcpu, vmcb)) {
        /* Not every processor makes the exit when the window is open from the beginning. */
        vcpu->interrupted = 0;
        return kernel_vcpu_exit(cpu->core, EXIT_VINTR, 0);
    }
    struct frame *exit;
    if (vcpu->vtlb.on && !vtlb_enter(cpu, vcpu, vmcb, &exit))
        return exit;
    /* All of it anew: QEMU writes something else back when it refuses a state, and without masking nothing would end the guest. */
    vmcb->vintr = (vmcb->vintr & VINTR_TPR) | VINTR_MASKING;
    vmcb->intercepts &= ~(uint32_t)INTERCEPT_VINTR;
    if (vcpu->window && !(qemu && vmcb->shadow & SHADOW_ACTIVE)) {
        vmcb->vintr |= VINTR_IRQ | VINTR_IGNORE_TPR;
        vmcb->intercepts |= INTERCEPT_VINTR;
    }
    vmcb->inject = vcpu->inject;
    vmcb->tsc_offset = vcpu->clock;
    vcpu->bitmap = __atomic_load_n(&vcpu->mmu->io_guest, __ATOMIC_ACQUIRE);
    vmcb->io_bitmap = vcpu_ports(vcpu);
    tag_choose(cpu, vcpu, vmcb);
    if (cpu->vcpu_debug != vcpu)
        vcpu_debug_take(cpu, vcpu);
    if (vcpu->vtlb.on) /* Bochs (at least to 2.7) does not load it, and the page faults that the kernel injects need it */
        asm volatile("mov %0, %%cr2" : : "r"((word)vmcb->cr2));
    vcpu->due = vcpu->vtlb.on || vcpu->window || vcpu->inject & INJECT_VALID || vmcb->tlb_control != TLB_KEEP ||
                boot_info.options.novpid || !vcpu->mmu->root[MMU_GUEST];
    vcpu->interrupted = 0;
    return 0;
}

static struct frame *svm_resume(struct x86_cpu *cpu, struct frame *frame)
{
    struct vcpu *vcpu = vcpu_of(frame);
    struct frame *instead = svm_prepared(cpu, vcpu) ? 0 : prepare(cpu, vcpu, vcpu->hardware);
    if (instead)
        return instead;
    svm_run(cpu, frame, vcpu, vcpu->hardware, frame->arg[ARG_AX]);
}

/* After an exit that is no instruction's doing. Where the guest really stays at one place with interrupts on, they come some exits later. */
static void shadow_keep(struct vcpu *vcpu, struct vmcb *vmcb)
{
    enum { EXITS = 8 };
    if (!qemu)
        return;
    if (vmcb->shadow & SHADOW_ACTIVE) {
        vcpu->shadow_ip = vmcb->ip;
        vcpu->shadow_left = EXITS;
    } else if (vcpu->shadow_left && vcpu->shadow_ip == vmcb->ip) {
        vcpu->shadow_left--;
        vmcb->shadow = SHADOW_ACTIVE;
    } else
        vcpu->shadow_left = 0;
}

/* After svm_exit. */
static struct frame *svm_exit_rest(struct x86_cpu *cpu)
{
    struct frame *frame = cpu->frame;
    struct vcpu *vcpu = vcpu_of(frame);
    struct vmcb *vmcb = vcpu->hardware;
    vcpu->due = true;
    frame->arg[ARG_AX] = (word)vmcb->ax;
    frame->ip = (word)vmcb->ip;
    frame->sp = (word)vmcb->sp;
    frame->flags = (word)vmcb->flags;
    uint64_t code = vmcb->exit_code;
    if (code == EXIT_INVALID)
        return kernel_vcpu_exit(cpu->core, NOVA_VM_INVALID_STATE, 0); /* what was to be injected still is */
    vcpu->interrupted = vmcb->exit_interrupted & INJECT_VALID ? vmcb->exit_interrupted & INJECT_FIELDS : 0;
    uint64_t again = interrupted_again(vcpu);
    vcpu->inject = 0;
    switch (code) {
    case EXIT_INTR:
    case EXIT_NMI:
    case EXIT_INIT: /* NMIs have come when the stub set GIF */
        vcpu->inject = again;
        shadow_keep(vcpu, vmcb);
        return 0;
    case EXIT_EXCEPTION ... EXIT_EXCEPTION + 31: vcpu->inject = again; /* fall through */
    case EXIT_NPF: shadow_keep(vcpu, vmcb); break;
    }
    if (vcpu->vtlb.on && code <= EXIT_LAST) {
        struct frame *handled = svm_vtlb_exit(cpu, vcpu, (unsigned)code);
        if (handled)
            return handled;
    }
    if (code == EXIT_NPF)
        return kernel_vcpu_exit(cpu->core, NOVA_VM_NPT_FAULT, vmcb->exit_info[1]);
    return kernel_vcpu_exit(cpu->core, code <= EXIT_LAST ? (unsigned)code : NOVA_VM_UNKNOWN, 0);
}

const struct vcpu_hardware svm_hardware = {
    .feature = NOVA_FEATURE_SVM,
    .boot = svm_boot,
    .cpu_init = svm_cpu_init,
    .resume = svm_resume,
    .exit = svm_exit,
    .exit_rest = svm_exit_rest,
    .operations = {VCPU_AREA_ORDER, svm_start, vcpu_stop, svm_save, svm_load, svm_deliver, svm_take, vcpu_pause},
};
