/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * SVM without nested paging: exits that belong to the vTLB. Processors with decode assists say which register MOV CR means and what INVLPG names; otherwise the
 * instruction is fetched as the guest fetched it. What cannot be fetched or decoded becomes the event of its exit.
 */
#include "ports/x86/control.h"
#include "ports/x86/instruction.h"
#include "ports/x86/svm.h"

enum { ATTRIBUTE_LONG = 1 << 9, ATTRIBUTE_DEFAULT = 1 << 10, CR_ASSIST_GPR = 15, SEGMENT_FS = 4, GPR_SP = 4 };
enum { FLAGS_TRAP = 1 << 8, FLAGS_VM = 1 << 17, FLAGS_AC = 1 << 18, DR6_STEP = 1 << 14, EXCEPTION_DEBUG = 1 };
enum { EXCEPTION_OPCODE = 6, EXCEPTION_PROTECTION = 13, EXCEPTION_PAGE = 14 };
#define CR_ASSIST_MOV ((uint64_t)1 << 63)

bool svm_decode_assists;

struct segment {
    uint16_t selector, attributes;
    uint32_t limit;
    uint64_t base;
};

static const struct segment *segment_of(const struct vmcb *vmcb, unsigned number)
{
    return (const struct segment *)(vmcb->segments + number * sizeof(struct segment));
}

static bool code_long(const struct vmcb *vmcb) { return segment_of(vmcb, 1)->attributes & ATTRIBUTE_LONG; }

static unsigned code_bits(const struct vcpu *vcpu, const struct vmcb *vmcb)
{
    if (vtlb_long(&vcpu->vtlb) && code_long(vmcb))
        return 64;
    return segment_of(vmcb, 1)->attributes & ATTRIBUTE_DEFAULT && !(vmcb->flags & FLAGS_VM) ? 32 : 16;
}

static word gpr_read(void *owner, unsigned number) { return *vcpu_register(owner, number); }

/* Where an address in a segment lies. */
static word linear(const struct vmcb *vmcb, unsigned bits, unsigned segment, word offset)
{
    return offset + (bits == 64 && segment < SEGMENT_FS ? 0 : (word)segment_of(vmcb, segment)->base);
}

/* The instruction at IP; INSTRUCTION_OTHER = it cannot be read, or is none of those. */
static struct instruction fetch(struct vcpu *vcpu, const struct vmcb *vmcb)
{
    uint8_t text[INSTRUCTION_LONGEST];
    struct instruction_context context = {code_bits(vcpu, vmcb), (word)vmcb->ip, gpr_read, vcpu->frame};
    word at = linear(vmcb, context.bits, 1, context.ip), first = PAGE_SIZE - at % PAGE_SIZE;
    unsigned access = FAULT_FETCH | (vmcb->cpl == 3 ? FAULT_USER : 0), size = sizeof text;
    struct vtlb_page page;
    /* The rest of it may lie in another page, which perhaps the guest has not mapped and the instruction does not need. */
    if (first < size && vtlb_walk(&vcpu->vtlb, at + first, access, &page) != VTLB_DONE)
        size = (unsigned)first;
    if (vtlb_read(&vcpu->vtlb, at, access, text, size) != VTLB_DONE)
        return (struct instruction){.kind = INSTRUCTION_OTHER};
    return instruction_decode(text, size, &context);
}

static struct instruction find(struct vcpu *vcpu, const struct vmcb *vmcb, unsigned code)
{
    struct instruction result = {.length = (uint8_t)(vmcb->next_ip - vmcb->ip), .size = code_bits(vcpu, vmcb) == 64 ? 8 : 4};
    if (svm_decode_assists && code == EXIT_INVLPG) {
        result.kind = INSTRUCTION_INVLPG;
        result.address = (word)vmcb->exit_info[0];
        return result;
    }
    if (svm_decode_assists && vmcb->exit_info[0] & CR_ASSIST_MOV) {
        result.kind = code < EXIT_CR_WRITE ? INSTRUCTION_FROM_CR : INSTRUCTION_TO_CR;
        result.control = code % EXIT_CR_WRITE;
        result.gpr = vmcb->exit_info[0] & CR_ASSIST_GPR;
        return result;
    }
    result = fetch(vcpu, vmcb);
    if (result.kind == INSTRUCTION_INVLPG)
        result.address = linear(vmcb, code_bits(vcpu, vmcb), result.segment, result.address);
    return result;
}

static void gpr_write(struct vcpu *vcpu, struct vmcb *vmcb, unsigned number, word value, unsigned size)
{
    word *gpr = vcpu_register(vcpu->frame, number);
    *gpr = size == 2 ? (*gpr & ~(word)0xffff) | (value & 0xffff) : size == 4 ? (uint32_t)value : value;
    if (number == GPR_SP)
        vmcb->sp = *gpr;
}

static word control_read(const struct vtlb *vtlb, unsigned number)
{
    return number == 0 ? vtlb->cr0 : number == 3 ? vtlb->cr3 : vtlb->cr4;
}

static enum vtlb_outcome perform(struct vcpu *vcpu, struct vmcb *vmcb, const struct instruction *instruction)
{
    struct vtlb *vtlb = &vcpu->vtlb;
    word value = *vcpu_register(vcpu->frame, instruction->gpr);
    switch (instruction->kind) {
    case INSTRUCTION_TO_CR:
        return vtlb_write(vtlb, instruction->control, instruction->size == 4 ? (uint32_t)value : value, code_long(vmcb));
    case INSTRUCTION_FROM_CR:
        gpr_write(vcpu, vmcb, instruction->gpr, control_read(vtlb, instruction->control), instruction->size);
        return VTLB_DONE;
    case INSTRUCTION_CLTS: return vtlb_write(vtlb, 0, vtlb->cr0 & ~CR0_TS, code_long(vmcb));
    case INSTRUCTION_LMSW: return vtlb_write(vtlb, 0, vcpu_machine_status(vtlb->cr0, value), code_long(vmcb));
    case INSTRUCTION_SMSW: gpr_write(vcpu, vmcb, instruction->gpr, vtlb->cr0, instruction->size); return VTLB_DONE;
    case INSTRUCTION_INVLPG: vtlb_invalidate(vtlb, instruction->address); return VTLB_DONE;
    default: return VTLB_IMPOSSIBLE;
    }
}

/* The instruction is over: a debugger in the guest that steps sees it like any other. */
static void step(struct vcpu *vcpu, struct vmcb *vmcb, unsigned length)
{
    uint64_t ip = vmcb->ip + length;
    vmcb->ip = code_bits(vcpu, vmcb) == 64 ? ip : (uint32_t)ip;
    vcpu->frame->ip = (word)vmcb->ip;
    vmcb->shadow = 0;
    if (vmcb->flags & FLAGS_TRAP) {
        vmcb->dr6 |= DR6_STEP;
        vcpu->inject = INJECT_VALID | INJECT_EXCEPTION << 8 | EXCEPTION_DEBUG;
    }
}

/* An exception that the guest gets; a third one in a row ends it. */
static struct frame *raise(struct x86_cpu *cpu, struct vcpu *vcpu, unsigned vector, uint32_t error)
{
    if (vcpu_inject_exception(vcpu, vector, error))
        return vcpu->frame;
    struct vmcb *vmcb = vcpu->hardware;
    vmcb->exit_info[0] = vmcb->exit_info[1] = 0;
    return kernel_vcpu_exit(cpu->core, EXIT_SHUTDOWN, 0);
}

struct frame *svm_vtlb_memory(struct x86_cpu *cpu, struct vcpu *vcpu)
{
    struct vmcb *vmcb = vcpu->hardware;
    vmcb->exit_info[0] = 0;
    vmcb->exit_info[1] = vcpu->vtlb.fault_address;
    return kernel_vcpu_exit(cpu->core, NOVA_VM_NPT_FAULT, vmcb->exit_info[1]);
}

static struct frame *page_fault(struct x86_cpu *cpu, struct vcpu *vcpu, struct vmcb *vmcb)
{
    struct vtlb *vtlb = &vcpu->vtlb;
    vtlb->strict = vtlb->cr4 & CR4_SMAP && (vmcb->cpl == 3 || !(vmcb->flags & FLAGS_AC));
    switch (vtlb_miss(vtlb, (word)vmcb->exit_info[1], (unsigned)vmcb->exit_info[0])) {
    case VTLB_FAULT:
        vmcb->cr2 = vmcb->exit_info[1];
        asm volatile("mov %0, %%cr2" : : "r"((word)vmcb->cr2)); /* Bochs 2.7 does not load it */
        return raise(cpu, vcpu, vtlb->fault_vector, vtlb->fault_error);
    case VTLB_MEMORY: return svm_vtlb_memory(cpu, vcpu);
    default: return vcpu->frame;
    }
}

struct frame *svm_vtlb_exit(struct x86_cpu *cpu, struct vcpu *vcpu, unsigned code)
{
    struct vmcb *vmcb = vcpu->hardware;
    if (code == EXIT_EXCEPTION + EXCEPTION_PAGE)
        return page_fault(cpu, vcpu, vmcb);
    if (code == EXIT_INVPCID)
        return raise(cpu, vcpu, EXCEPTION_OPCODE, 0);
    if (code > EXIT_CR_LAST && code != EXIT_INVLPG)
        return 0;
    struct instruction instruction = find(vcpu, vmcb, code);
    switch (perform(vcpu, vmcb, &instruction)) {
    case VTLB_DONE: step(vcpu, vmcb, instruction.length); return vcpu->frame;
    case VTLB_FAULT: return raise(cpu, vcpu, vcpu->vtlb.fault_vector, vcpu->vtlb.fault_error);
    case VTLB_MEMORY: return svm_vtlb_memory(cpu, vcpu);
    default: return 0;
    }
}
