/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Exits of a virtual CPU to its monitor and back: a guest executes CPUID in a loop, and the monitor moves its instruction pointer on.
 */
#include <user/lib/string.h>

#include "bench.h"

/* hlt; mov si,LOOPS; back: cpuid; dec si; jnz back; hlt */
enum {
    LOOPS = 1000,
    CODE = 0x1000,
    PAGE = 4096,
    GUEST_PHYSICAL = 0x30000,
    SVM_CPUID = 0x72,
    SVM_HLT = 0x78,
    VMX_CPUID = 10,
    VMX_HLT = 12
};
static const uint8_t code[] = {0xf4, 0xbe, LOOPS & 0xff, LOOPS >> 8, 0x0f, 0xa2, 0x4e, 0x75, 0xfb, 0xf4};

static nova_word done, hold;
static uint64_t begin, end;
static unsigned halts;
struct nova_utcb *bench_vm_utcb;

/* The least that a monitor can do with the exit. */
void bench_vm_skip(void);
#define MTD_IP "8"
#ifdef __x86_64__
__asm__(".pushsection .text\n\t.globl bench_vm_skip\nbench_vm_skip:\n\tmov bench_vm_utcb(%rip), %rax\n\taddq $2, 0x30(%rax)\n\t"
        "movq $" MTD_IP ", 0x20(%rax)\n\tmovq $4, (%rax)\n\tmov $1, %edi\n\tsyscall\n\tud2\n\t.popsection");
#else
__asm__(".pushsection .text\n\t.globl bench_vm_skip\nbench_vm_skip:\n\tmov bench_vm_utcb, %eax\n\taddl $2, 0x18(%eax)\n\t"
        "movl $" MTD_IP ", 0x10(%eax)\n\tmovl $4, (%eax)\n\tmov $1, %eax\n\tmov %esp, %ecx\n\tsysenter\n\tud2\n\t.popsection");
#endif

static void segment(struct nova_segment *s, unsigned attributes) { *s = (struct nova_segment){0, (uint16_t)attributes, 0xffff, 0}; }

static void startup(struct nova_state *s)
{
    memset(&s->ip, 0, sizeof *s - offsetof(struct nova_state, ip));
    segment(&s->cs, 0x9b);
    segment(&s->ss, 0x93);
    segment(&s->ds, 0x93);
    segment(&s->es, 0x93);
    segment(&s->fs, 0x93);
    segment(&s->gs, 0x93);
    segment(&s->ldtr, 0x82);
    segment(&s->tr, 0x8b);
    s->ip = CODE;
    s->flags = 2;
    s->cr0 = 0x10;
    s->ctrl[0] = nova_hip->features & NOVA_FEATURE_SVM ? 1 << 18 : 0;
    s->ctrl[1] = 1;
    s->xcr0 = 1;
    s->mtd = 2 * (nova_word)NOVA_MTD_XSAVE - 1;
}

NOVA_PORTAL(bench_vm_event);
static void bench_vm_event_handler(nova_word event, struct nova_utcb *utcb)
{
    uint64_t now = nova_tsc();
    utcb->items = 0;
    if (event == NOVA_VM_STARTUP) {
        startup(&utcb->state);
    } else if (!halts++) {
        utcb->state.ip++;
        utcb->state.mtd = NOVA_MTD_IP;
        begin = nova_tsc();
    } else {
        end = now;
        expect("only HLT exits", event != SVM_HLT && event != VMX_HLT ? NOVA_BAD_PAR : NOVA_SUCCESS);
        nova_sm_up(done);
        nova_reply(hold);
    }
}

void bench_vm(void)
{
    if (!(nova_hip->features & (NOVA_FEATURE_SVM | NOVA_FEATURE_VMX))) {
        nova_printf("# no virtual CPUs\n");
        return;
    }
    unsigned exit = nova_hip->features & NOVA_FEATURE_SVM ? SVM_CPUID : VMX_CPUID;
    nova_word portals = nova_selectors(NOVA_EVENTS_VM, NOVA_EVENTS_VM), vcpu = nova_selectors(4, 4), pd = nova_selectors(1, 1);
    struct nova_thread *handler = handler_create(nova_pd, boot_cpu, 0);
    uint8_t *page = nova_map_physical(GUEST_PHYSICAL, PAGE, NOVA_MEM_RWX);
    done = semaphore_create();
    hold = semaphore_create();
    bench_vm_utcb = handler->utcb;
    memcpy(page, code, sizeof code);
    for (unsigned i = 0; i < NOVA_EVENTS_VM; i++)
        expect("portal of an event",
               nova_portal_create(portals + i, nova_pd, handler, NOVA_MTD_IP, i == exit ? bench_vm_skip : bench_vm_event, i));
    expect("create_pd of a guest",
           nova_create_pd(pd, nova_pd, nova_crd(NOVA_CRD_OBJ, portals, 8, NOVA_PERM_ALL), nova_quota(0, 128)));
    expect("guest memory",
           nova_delegate_range(nova_pd, pd, NOVA_CRD_MEM, (nova_word)page / PAGE, CODE / PAGE, 1, NOVA_MEM_RWX, NOVA_ITEM_GUEST));
    expect("create_ec of a virtual CPU", nova_create_ec(vcpu, pd, boot_cpu, 0, 0, 0, NOVA_EC_GLOBAL));
    expect("create_sc of a virtual CPU", nova_create_sc(vcpu + 2, pd, vcpu, nova_qpd(1, 10000)));
    expect("end of the guest", nova_sm_down(done, 0, 0));
    result("vm_exit_roundtrip", (uint32_t)(end - begin) / LOOPS);
    nova_revoke(nova_crd(NOVA_CRD_OBJ, vcpu, 2, NOVA_PERM_ALL), NOVA_REVOKE_SELF, 0, 0);
    nova_revoke(nova_crd(NOVA_CRD_OBJ, pd, 0, NOVA_PERM_ALL), NOVA_REVOKE_SELF, 0, 0);
}
