/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Injection of interrupts, exceptions and NMIs, interrupt windows, recall of a guest that runs and of one that waits.
 */
#include <user/lib/event.h>

#include "vcpu.h"

#define INJECT(type, vector) ((uint32_t)(1u << 31 | (type) << 8 | (vector)))
enum { INTERRUPT = 0, NMI = 2, EXCEPTION = 3, WINDOW = 1 << 12 };

/* 0: jmp $; 2: mov bx,2222h; hlt */
static const uint8_t handler[] = {0xeb, 0xfe, 0xbb, 0x22, 0x22, 0xf4};
static uint32_t injection;

static void inject_action(unsigned event, struct nova_utcb *utcb)
{
    struct nova_state *s = &utcb->state;
    if (event == NOVA_VM_STARTUP) {
        state_real_mode(s);
        state_vector(injection & 0xff, 2);
        s->inj_info = injection;
        s->flags = 0x202;
        return;
    }
    check("injection: the guest's handler has run", event, EVENT_HLT);
    check("injection: bx", last_state.bx, 0x2222);
    check("injection: interrupts are off in it", last_state.flags & 0x200, 0);
    guest_done();
}

/* cpuid; nop; sti; nop; nop; jmp $; [8] mov bx,2222h; hlt */
static const uint8_t window[] = {0x0f, 0xa2, 0x90, 0xfb, 0x90, 0x90, 0xeb, 0xfe, 0xbb, 0x22, 0x22, 0xf4};

static void window_action(unsigned event, struct nova_utcb *utcb)
{
    struct nova_state *s = &utcb->state;
    if (event == NOVA_VM_STARTUP) {
        state_real_mode(s);
        state_vector(0x40, 8);
    } else if (event == EVENT_CPUID) {
        state_skip(s, 2);
        s->inj = WINDOW;
        s->mtd |= NOVA_MTD_INJ;
    } else if (event == EVENT_WINDOW) {
        check("window: interrupts are on", last_state.flags >> 9 & 1, 1);
        check("window: after sti", last_state.ip >= CODE + 4 && last_state.ip <= CODE + 6, 1);
        s->inj = INJECT(INTERRUPT, 0x40);
        s->mtd = NOVA_MTD_INJ;
    } else {
        check("window: the handler has run", event, EVENT_HLT);
        check("window: one event", event_count[EVENT_WINDOW], 1);
        guest_done();
    }
}

/* inc word [3000h]; jmp back */
static const uint8_t loop[] = {0xff, 0x06, 0x00, 0x30, 0xeb, 0xfa};
static unsigned loop_flags;

static void loop_action(unsigned event, struct nova_utcb *utcb)
{
    struct nova_state *s = &utcb->state;
    if (event == NOVA_VM_STARTUP) {
        state_real_mode(s);
        s->flags = loop_flags;
        return;
    }
    check("recall: event", event, NOVA_VM_RECALL);
    check("recall: exit_reason", last_state.exit_reason, NOVA_VM_RECALL);
    check("recall: in the loop", last_state.ip == CODE || last_state.ip == CODE + 4, 1);
    guest_done();
}

static void nap(unsigned ms)
{
    nova_word semaphore = nova_selectors(1, 1);
    nova_create_sm(semaphore, nova_pd, 0);
    nova_sm_down(semaphore, 0, nova_tsc() + (uint64_t)ms * nova_hip->tsc_khz);
}

static void recall_running(unsigned flags)
{
    loop_flags = flags;
    guest_start(loop, sizeof loop, loop_action);
    guest_counts("recall: the guest runs");
    check("recall", nova_ec_recall(vm_ec, 0), 0);
    guest_wait("recall of a running guest");
    guest_end();
}

/* hlt; mov dx,3333h; hlt */
static const uint8_t sleeper[] = {0xf4, 0xba, 0x33, 0x33, 0xf4};
static nova_word alarm;

static void sleeper_action(unsigned event, struct nova_utcb *utcb)
{
    struct nova_state *s = &utcb->state;
    if (event == NOVA_VM_STARTUP)
        state_real_mode(s);
    else if (event == EVENT_HLT && event_count[EVENT_HLT] == 1) {
        state_skip(s, 1);
        nova_reply(alarm);
    } else if (event == NOVA_VM_RECALL)
        check("recall of a sleeper comes before it goes on", last_state.dx, 0);
    else {
        check("sleeper: it goes on", last_state.dx, 0x3333);
        check("sleeper: one recall", event_count[NOVA_VM_RECALL], 1);
        guest_done();
    }
}

/* cli; sti; [2] nop; jmp back */
static const uint8_t shadow[] = {0xfa, 0xfb, 0x90, 0xeb, 0xfb};
enum { SHADOW_RECALLS = 2000, SHADOW_RECALLS_MAX = 20 * SHADOW_RECALLS, SHADOW_FOUND = 5, SHADOW_NOP = CODE + 2 };
static unsigned in_shadow, forgotten;
static volatile int disturbing;

static void shadow_action(unsigned event, struct nova_utcb *utcb)
{
    if (event == NOVA_VM_STARTUP) {
        state_real_mode(&utcb->state);
        return;
    }
    in_shadow += last_state.ip == SHADOW_NOP;
    forgotten += last_state.ip == SHADOW_NOP && !(last_state.intr_state & 1);
    /* How often it is found there is chance: as long as it takes. Bochs lets nothing in there. */
    unsigned recalls = event_count[NOVA_VM_RECALL];
    if (event != NOVA_VM_RECALL || recalls >= (in_qemu && in_shadow < SHADOW_FOUND ? SHADOW_RECALLS_MAX : SHADOW_RECALLS))
        guest_done();
}

/* Takes the CPU away from the guest twice, the second time in many cases before it has run one instruction; then it is to say where it is. */
static void disturb(void *semaphore)
{
    /* Where an instruction takes more than a tick, the guest is to come on all the same. */
    uint64_t unit = in_real_time ? 40 : 1;
    for (uint32_t random = 1; disturbing; random = random * 1664525 + 1013904223) { /* no rhythm, or it might always miss */
        nova_sm_down((nova_word)semaphore, 0, nova_tsc() + unit * (5000 + (random >> 20)));
        nova_sm_down((nova_word)semaphore, 0, nova_tsc() + unit * (100 + (random >> 8) % 2000));
        nova_ec_recall(vm_ec, 0);
    }
    nova_sm_up((nova_word)semaphore + 1);
    nova_park();
}

/* Between STI and HLT no interrupt may come: a guest would sleep over it. So the monitor has to hear of the shadow, whatever the host does meanwhile. */
static void interrupt_shadow(void)
{
    enum { PRIORITY = 3, QUANTUM_US = 10000 };
    nova_word semaphores = nova_selectors(2, 2);
    struct nova_thread *thread = nova_thread_prepare(0, test_cpu), *starter = nova_thread_prepare(0, test_cpu);
    nova_word events = nova_selectors(NOVA_EVENTS_THREAD, NOVA_EVENTS_THREAD);
    nova_create_sm(semaphores, nova_pd, 0);
    nova_create_sm(semaphores + 1, nova_pd, 0);
    in_shadow = forgotten = 0;
    disturbing = 1;
    guest_start(shadow, sizeof shadow, shadow_action);
    check("shadow: a thread that disturbs",
          !thread || !starter || nova_handler_create(starter, nova_pd, 0) || nova_events_create(events, starter, 0) ||
              nova_thread_start(thread, events, PRIORITY, QUANTUM_US, disturb, (void *)semaphores),
          0);
    guest_wait("shadow of sti");
    disturbing = 0;
    nova_sm_down(semaphores + 1, 0, 0);
    guest_end();
    if (in_qemu)
        check("shadow: the guest is found behind sti", in_shadow >= SHADOW_FOUND, 1);
    nova_printf("# shadow: found %u times in %lu recalls\n", in_shadow, (unsigned long)event_count[NOVA_VM_RECALL]);
    check("shadow: the monitor hears of it each time", forgotten, 0);
}

void test_interrupts(void)
{
    static const uint32_t injections[] = {INJECT(INTERRUPT, 0x20), INJECT(EXCEPTION, 6), INJECT(NMI, 2)};
    for (unsigned i = 0; i < sizeof injections / sizeof injections[0]; i++) {
        injection = injections[i];
        guest_run("injection", handler, sizeof handler, inject_action);
    }
    guest_run("window", window, sizeof window, window_action);
    interrupt_shadow();
    recall_running(0x202);
    alarm = nova_selectors(1, 1);
    nova_create_sm(alarm, nova_pd, 0);
    guest_start(sleeper, sizeof sleeper, sleeper_action);
    nap(2);
    check("recall of a sleeper", nova_ec_recall(vm_ec, 0), 0);
    nap(2);
    check("... waits until it wakes", event_count[NOVA_VM_RECALL], 0);
    nova_sm_up(alarm);
    guest_wait("sleeper");
    guest_end();
}
