/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * State that is more than a register to read and write: FPU image, XCR0, TSC_AUX, task priority, page directory pointers of PAE. Each is set by the monitor and
 * looked at by the guest, and the other way round.
 */
#include "vcpu.h"

enum { CR0_PAGED = 0x80000011, CR0_DISABLE = 0x40000000, CR4_PAE = 0x20, CR4_SSE = 0x600, CR4_XSAVE = 0x40000 };

static uint32_t data(unsigned at) { return *(uint32_t *)(guest_memory + DATA + at); }

/* cpuid; fnstcw [3000h]; movups [3010h],xmm3; push 27fh; fldcw [esp]; movups xmm4,xmm3; hlt */
static const uint8_t fpu[] = {0x0f, 0xa2, 0xd9, 0x3d, 0x00, 0x30, 0x00, 0x00, 0x0f, 0x11, 0x1d, 0x10, 0x30, 0x00,
                              0x00, 0x68, 0x7f, 0x02, 0x00, 0x00, 0xd9, 0x2c, 0x24, 0x0f, 0x10, 0xe3, 0xf4};
static nova_word alarm;

static void fpu_action(unsigned event, struct nova_utcb *utcb)
{
    struct nova_state *s = &utcb->state;
    if (event == NOVA_VM_STARTUP) {
        state_flat(s);
        s->cr4 = CR4_SSE;
        return;
    }
    if (event == EVENT_CPUID)
        state_skip(s, 2);
    nova_sm_up(alarm + 1);
    nova_reply(event == NOVA_VM_RECALL ? 0 : alarm);
}

/* Through ec_ctrl, whose image has more room than a reply needs. */
static void test_fpu_image(void)
{
    enum { CONTROL = 0, XMM = 160, HEADER = 512 };
    static const char mine[16] = "a guest's XMM3 .";
    uint8_t *image = ((struct nova_utcb *)NOVA_ROOT_UTCB_ADDRESS)->state.fpu;
    alarm = nova_selectors(2, 2);
    nova_create_sm(alarm, nova_pd, 0);
    nova_create_sm(alarm + 1, nova_pd, 0);
    guest_start(fpu, sizeof fpu, fpu_action);
    nova_sm_down(alarm + 1, 0, 0);
    check("fpu image: get", nova_ec_get_state(vm_ec, NOVA_MTD_FPU), 0);
    *(uint16_t *)(image + CONTROL) = 0x17f;
    memcpy(image + XMM + 3 * 16, mine, sizeof mine);
    if (nova_cpuid(1).cx >> 26 & 1)
        image[HEADER] |= 3;
    ((struct nova_utcb *)NOVA_ROOT_UTCB_ADDRESS)->state.mtd = NOVA_MTD_FPU;
    check("fpu image: set", nova_ec_set_state(vm_ec, 0), 0);
    nova_sm_up(alarm);
    nova_sm_down(alarm + 1, 0, 0);
    check("fpu image: the guest stops at its hlt", last_event, EVENT_HLT);
    check("fpu image: its control word", data(0) & 0xffff, 0x17f);
    check("fpu image: its XMM3", (unsigned)memcmp(guest_memory + DATA + 0x10, mine, sizeof mine), 0);
    memset(image, 0x5a, 512);
    check("fpu image: get what it has now", nova_ec_get_state(vm_ec, NOVA_MTD_FPU), 0);
    check("fpu image: control word", *(uint16_t *)(image + CONTROL), 0x27f);
    check("fpu image: XMM4", (unsigned)memcmp(image + XMM + 4 * 16, mine, sizeof mine), 0);
    guest_end();
}

/* xor ecx,ecx; xgetbv; mov [3000h],eax; mov eax,1; xor edx,edx; xsetbv; xgetbv; mov [3004h],eax; hlt */
static const uint8_t xcr0[] = {0x31, 0xc9, 0x0f, 0x01, 0xd0, 0xa3, 0x00, 0x30, 0x00, 0x00, 0xb8, 0x01, 0x00, 0x00, 0x00,
                               0x31, 0xd2, 0x0f, 0x01, 0xd1, 0x0f, 0x01, 0xd0, 0xa3, 0x04, 0x30, 0x00, 0x00, 0xf4};
enum { EVENT_XSETBV = 55 /* VMX */ };

static void xcr0_action(unsigned event, struct nova_utcb *utcb)
{
    struct nova_state *s = &utcb->state;
    uint32_t all = nova_cpuid_sub(13, 0).ax & 7;
    if (event == NOVA_VM_STARTUP) {
        state_flat(s);
        s->cr4 = CR4_XSAVE;
        s->xcr0 = ~0ull << 3 | all; /* more than there is */
        s->xss = ~0ull;
    } else if (event == EVENT_XSETBV && !is_svm) {
        check("xcr0: what the processor has of it", last_state.xcr0 & 7, all);
        s->xcr0 = last_state.ax;
        state_skip(s, 3);
        s->mtd |= NOVA_MTD_XSAVE;
    } else {
        check("xcr0: hlt comes last", event, EVENT_HLT);
        check("xcr0: the guest had what the processor has", data(0) & 7, all);
        check("xcr0: and then what it wrote", data(4), 1);
        check("xcr0: which the monitor gets", last_state.xcr0, 1);
        check("xss: none", last_state.xss, 0);
        guest_done();
    }
}

/* rdtscp; hlt */
static const uint8_t aux[] = {0x0f, 0x01, 0xf9, 0xf4};

static void aux_action(unsigned event, struct nova_utcb *utcb)
{
    enum { RDTSCP = 1 << 3, SECONDARY = 1 << 31 };
    struct nova_state *s = &utcb->state;
    if (event == NOVA_VM_STARTUP) {
        state_flat(s);
        s->tsc_aux = 0x12345678;
        if (!is_svm)
            s->ctrl[0] |= (uint32_t)SECONDARY, s->ctrl[1] |= RDTSCP;
        return;
    }
    check("tsc_aux: hlt comes last", event, EVENT_HLT);
    check("tsc_aux: the guest reads it", last_state.cx, 0x12345678);
    check("tsc_aux: the monitor gets it", last_state.tsc_aux, 0x12345678);
    guest_done();
}

/* cpuid; mov eax,[201800h]; cpuid; [9] mov eax,cr0; or eax,40000000h; mov cr0,eax; mov eax,[201800h]; hlt */
static const uint8_t pointers[] = {0x0f, 0xa2, 0xa1, 0x00, 0x18, 0x20, 0x00, 0x0f, 0xa2, 0x0f, 0x20, 0xc0, 0x0d,
                                   0x00, 0x00, 0x00, 0x40, 0x0f, 0x22, 0xc0, 0xa1, 0x00, 0x18, 0x20, 0x00, 0xf4};
enum { EVENT_CR = 28 /* VMX */, OTHER = 0 /* the second page directory */, PRESENT = 1, LARGE = 0x80, MAGIC = 0x600d };

static uint32_t *entry(unsigned page, unsigned i) { return (uint32_t *)(guest_memory + page) + 2 * i; }

static void pointers_check(const char *name, uint32_t first)
{
    if (!is_svm || has_vtlb) /* elsewhere the processor keeps none */
        check(name, last_state.pdpte[0] == first && !last_state.pdpte[1] && !last_state.pdpte[2] && !last_state.pdpte[3], 1);
}

/* What is at 2 MiB only the second page directory says. With EPT the processor uses the pointers that it has, and else those in memory. */
static void pointers_action(unsigned event, struct nova_utcb *utcb)
{
    struct nova_state *s = &utcb->state;
    if (event == NOVA_VM_STARTUP) {
        *entry(TABLES, 0) = DATA | PRESENT;
        *entry(DATA, 0) = *entry(OTHER, 0) = *entry(OTHER, 1) = LARGE | 7;
        *(uint32_t *)(guest_memory + CODE + 0x800) = MAGIC;
        state_flat(s);
        s->cr0 = CR0_PAGED;
        s->cr3 = TABLES;
        s->cr4 = CR4_PAE;
        s->pdpte[0] = DATA | PRESENT;
    } else if (event == EVENT_CPUID && event_count[EVENT_CPUID] == 1) {
        pointers_check("pointers: those of the guest", DATA | PRESENT);
        state_skip(s, 2);
        s->pdpte[0] = OTHER | PRESENT;
        if (!has_ept)
            *entry(TABLES, 0) = OTHER | PRESENT;
        s->mtd |= has_ept ? NOVA_MTD_PDPTE : NOVA_MTD_CR;
    } else if (event == EVENT_CPUID) {
        check("pointers: the guest has the new ones", last_state.ax, MAGIC);
        pointers_check("pointers: the monitor, too", OTHER | PRESENT);
        state_skip(s, 2);
        s->pdpte[0] = DATA | PRESENT;
        s->mtd |= has_ept ? NOVA_MTD_PDPTE : 0;
    } else if (event == EVENT_CR && has_ept) {
        check("pointers: they are due when caching goes off", last_state.cr0, CR0_PAGED | CR0_DISABLE);
        check("pointers: ip is at the instruction", last_state.ip, CODE + 17);
        s->pdpte[0] = OTHER | PRESENT;
        state_skip(s, 3);
        s->mtd |= NOVA_MTD_PDPTE;
    } else {
        check("pointers: hlt comes last", event, EVENT_HLT);
        check("pointers: the guest reads by them", last_state.ax, MAGIC);
        check("pointers: events of CR0", event_count[EVENT_CR], has_ept ? 1 : 0);
        guest_done();
    }
}

#ifdef __x86_64__
/* mov rax,cr8; mov ebx,9; mov cr8,rbx; cpuid; mov rcx,cr8; mov ebx,2; mov cr8,rbx; hlt */
static const uint8_t priority[] = {0x44, 0x0f, 0x20, 0xc0, 0xbb, 0x09, 0x00, 0x00, 0x00, 0x44, 0x0f, 0x22, 0xc3, 0x0f, 0xa2,
                                   0x44, 0x0f, 0x20, 0xc1, 0xbb, 0x02, 0x00, 0x00, 0x00, 0x44, 0x0f, 0x22, 0xc3, 0xf4};
enum { SHADOW = 1 << 21, EVENT_PRIORITY = 43 };
static int shadow;             /* VMX: the processor keeps the guest's priority */
static unsigned own, accesses; /* without: the monitor */

static unsigned priority_now(void) { return is_svm ? (unsigned)last_state.cr8 : shadow ? last_state.tpr >> 4 : own; }

static void priority_action(unsigned event, struct nova_utcb *utcb)
{
    struct nova_state *s = &utcb->state;
    if (event == NOVA_VM_STARTUP) {
        state_long(s);
        own = 5;
        accesses = 0;
        s->cr8 = is_svm ? 5 : 0;
        s->tpr = is_svm || !shadow ? 0 : 0x50;
        s->ctrl[0] |= !is_svm && shadow ? SHADOW : 0;
    } else if (event == EVENT_CR && !is_svm) {
        nova_word *place[] = {&s->ax, &s->cx, &s->dx, &s->bx};
        unsigned gpr = last_state.qual[0] >> 8 & 15;
        accesses++;
        check("priority: cr8 is asked for", (last_state.qual[0] & 15) << 4 | gpr,
              8 << 4 | (accesses == 1   ? 0
                        : accesses == 3 ? 1
                                        : 3));
        if (last_state.qual[0] >> 4 & 3)
            *place[gpr & 3] = own;
        else
            own = (unsigned)*place[gpr & 3];
        state_skip(s, 4);
        s->mtd |= NOVA_MTD_GPR_ACDB;
    } else if (event == EVENT_CPUID) {
        check("priority: what the guest had", last_state.ax, 5);
        check("priority: what it has set", priority_now(), 9);
        own = 3;
        s->cr8 = is_svm ? 3 : 0;
        s->tpr = 0x30;
        s->tpr_threshold = 3;
        state_skip(s, 2);
        s->mtd |= is_svm ? NOVA_MTD_CR : NOVA_MTD_TPR;
    } else if (event == EVENT_PRIORITY && !is_svm) {
        check("priority: below the threshold", last_state.tpr, 0x20);
        check("priority: the threshold", last_state.tpr_threshold, 3);
        s->tpr_threshold = 0;
        s->mtd = NOVA_MTD_TPR;
    } else {
        check("priority: hlt comes last", event, EVENT_HLT);
        check("priority: what the monitor had set", last_state.cx, 3);
        check("priority: what the guest has set then", priority_now(), 2);
        check("priority: exits of cr8", accesses, is_svm || shadow ? 0 : 4);
        check("priority: events of the threshold", event_count[EVENT_PRIORITY], !is_svm && shadow ? 1 : 0);
        guest_done();
    }
}
#endif

void test_special(void)
{
    test_fpu_image();
    if (nova_cpuid(1).cx >> 26 & 1)
        guest_run("xcr0", xcr0, sizeof xcr0, xcr0_action);
    if (nova_cpuid(0x80000001).dx >> 27 & 1)
        guest_run("tsc_aux", aux, sizeof aux, aux_action);
    guest_run("pointers", pointers, sizeof pointers, pointers_action);
#ifdef __x86_64__
    for (shadow = 1; shadow >= is_svm; shadow--)
        guest_run("priority", priority, sizeof priority, priority_action);
#endif
}
