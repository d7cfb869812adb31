/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Processor modes: protected mode, long mode, control registers that the kernel keeps a part of, FPU state, time.
 */
#include "vcpu.h"

/* mov eax,cr0; or eax,40000000h; mov cr0,eax; mov ebx,cr0; and eax,~40000000h; mov cr0,eax; mov ecx,cr4; hlt */
static const uint8_t control[] = {0x0f, 0x20, 0xc0, 0x0d, 0x00, 0x00, 0x00, 0x40, 0x0f, 0x22, 0xc0, 0x0f, 0x20,
                                  0xc3, 0x25, 0xff, 0xff, 0xff, 0xbf, 0x0f, 0x22, 0xc0, 0x0f, 0x20, 0xe1, 0xf4};

static void control_action(unsigned event, struct nova_utcb *utcb)
{
    if (event == NOVA_VM_STARTUP) {
        state_flat(&utcb->state);
        return;
    }
    check("cr0: nobody is asked", event, EVENT_HLT);
    check("cr0: what the guest wrote is what it reads", last_state.bx, 0x40000011);
    check("cr0: and what the monitor gets", last_state.cr0, 0x11);
    check("cr4", last_state.cx, 0);
    guest_done();
}

#ifdef __x86_64__
/* mov rax,123456789abcdef0h; mov r15,rax; cpuid; hlt */
static const uint8_t long_mode[] = {0x48, 0xb8, 0xf0, 0xde, 0xbc, 0x9a, 0x78, 0x56, 0x34, 0x12, 0x49, 0x89, 0xc7, 0x0f, 0xa2, 0xf4};

static void long_action(unsigned event, struct nova_utcb *utcb)
{
    struct nova_state *s = &utcb->state;
    if (event == NOVA_VM_STARTUP) {
        state_long(s);
        s->star = 0x1111, s->lstar = 0x2222, s->kernel_gs_base = 0x3333, s->r8 = ~0ul;
    } else if (event == EVENT_CPUID) {
        check("long mode: ax", last_state.ax, 0x123456789abcdef0);
        check("long mode: r15", last_state.r15, 0x123456789abcdef0);
        check("long mode: r8", last_state.r8, ~0ul);
        check("long mode: star", last_state.star, 0x1111);
        check("long mode: lstar", last_state.lstar, 0x2222);
        check("long mode: kernel_gs_base", last_state.kernel_gs_base, 0x3333);
        check("long mode: efer", last_state.efer & 0x500, 0x500);
        check("long mode: cs attributes", last_state.cs.attributes & 0xfff, 0xa9b);
        state_skip(s, 2);
    } else {
        check("long mode: hlt comes last", event, EVENT_HLT);
        guest_done();
    }
}
#endif

/* fninit; push 27fh; fldcw [esp]; cpuid; fnstcw [3000h]; mov eax,[3000h]; hlt */
static const uint8_t fpu[] = {0xdb, 0xe3, 0x68, 0x7f, 0x02, 0x00, 0x00, 0xd9, 0x2c, 0x24, 0x0f, 0xa2,
                              0xd9, 0x3d, 0x00, 0x30, 0x00, 0x00, 0xa1, 0x00, 0x30, 0x00, 0x00, 0xf4};

static void fpu_action(unsigned event, struct nova_utcb *utcb)
{
    static const uint16_t mine = 0x17f;
    struct nova_state *s = &utcb->state;
    uint16_t now = 0;
    if (event != NOVA_VM_STARTUP) /* so that the first time is when the guest has a state */
        __asm__ volatile("fnstcw %0" : "=m"(now));
    if (event == NOVA_VM_STARTUP)
        state_flat(s);
    else if (event == EVENT_CPUID) {
        check("fpu: the monitor does not see the guest's", now, 0x37f);
        __asm__ volatile("fldcw %0" : : "m"(mine));
        state_skip(s, 2);
    } else {
        check("fpu: nor the guest the monitor's", now, mine);
        __asm__ volatile("fninit");
        check("fpu: control word", last_state.ax & 0xffff, 0x27f);
        guest_done();
    }
}

/* mov eax,dr0; mov ebx,dr3; mov edx,1234h; mov dr0,edx; mov dr3,edx; cpuid; mov ecx,dr0; hlt */
static const uint8_t debug[] = {0x0f, 0x21, 0xc0, 0x0f, 0x21, 0xdb, 0xba, 0x34, 0x12, 0x00, 0x00, 0x0f,
                                0x23, 0xc2, 0x0f, 0x23, 0xda, 0x0f, 0xa2, 0x0f, 0x21, 0xc1, 0xf4};

static void debug_action(unsigned event, struct nova_utcb *utcb)
{
    if (event == NOVA_VM_STARTUP)
        state_flat(&utcb->state);
    else if (event == EVENT_CPUID)
        state_skip(&utcb->state, 2);
    else {
        check("debug registers: dr0 of nobody else", last_state.ax, 0);
        check("debug registers: dr3 of nobody else", last_state.bx, 0);
        check("debug registers: kept over an event", last_state.cx, 0x1234);
        guest_done();
    }
}

/* rdtsc; mov esi,eax; mov edi,edx; hlt; then again */
static const uint8_t time[] = {0x0f, 0x31, 0x89, 0xc6, 0x89, 0xd7, 0xf4, 0xeb, 0xf7};
static uint64_t time_start, time_before;

static void time_action(unsigned event, struct nova_utcb *utcb)
{
    const uint64_t shift = (uint64_t)1 << 44;
    struct nova_state *s = &utcb->state;
    if (event == NOVA_VM_STARTUP) {
        state_flat(s);
        s->tsc_off = shift;
        time_start = nova_tsc();
    } else if (event_count[EVENT_HLT] == 1) {
        time_before = (uint64_t)last_state.di << 32 | (uint32_t)last_state.si;
        check("time: the offset counts", time_before >> 44, 1);
        /* The guest has waited for the CPU meanwhile: that is taken off. */
        check("time: tsc_off is the sum", (last_state.tsc_off + (shift >> 8)) >> 44, 1);
        check("time: tsc_val is the time of the event", last_state.tsc_val > time_start && last_state.tsc_val < nova_tsc(), 1);
        s->tsc_off = shift;
        state_skip(s, 1);
        s->mtd |= NOVA_MTD_TSC;
    } else {
        uint64_t now = (uint64_t)last_state.di << 32 | (uint32_t)last_state.si;
        check("time: a reply adds to it", (now - time_before) >> 44, 1);
        check("time: tsc_off is the sum of both", (last_state.tsc_off + (shift >> 8)) >> 44, 2);
        guest_done();
    }
}

void test_modes(void)
{
    guest_run("cr0", control, sizeof control, control_action);
    guest_run("fpu", fpu, sizeof fpu, fpu_action);
    guest_run("debug registers", debug, sizeof debug, debug_action);
    guest_run("debug registers of the next one", debug, sizeof debug, debug_action);
    guest_run("time", time, sizeof time, time_action);
#ifdef __x86_64__
    guest_run("long mode", long_mode, sizeof long_mode, long_action);
#endif
}
