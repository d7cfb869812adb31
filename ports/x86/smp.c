/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Start of all CPUs in parallel: INIT to each, 10 ms, startup IPI to each, again to those that have not come after 200 us (SDM vol.
 * 3, 9.4.4.1). A CPU sets itself up and then sleeps with interrupts on until smp_release signals it; nobody spins, which 255
 * virtual CPUs on a few real ones would not survive.
 *
 * states[] says how far a CPU is. A CPU takes each of its steps, and the boot CPU gives one up, by compare-and-swap, so both agree.
 * What has been given up gets an INIT, so that it cannot wake up in memory that is not the trampoline any more.
 */
#include "ports/x86/smp.h"

#include "core/lib/bits.h"
#include "core/lib/log.h"
#include "core/lib/string.h"
#include "hal/cpu.h"
#include "hal/physical.h"
#include "hal/upcall.h"
#include "platform/platform.h"
#include "ports/x86/descriptors.h"
#include "ports/x86/exceptions.h"
#include "ports/x86/features.h"
#include "ports/x86/fpu.h"
#include "ports/x86/kernel_map.h"
#include "ports/x86/local_apic.h"
#include "ports/x86/mmu.h"
#include "ports/x86/timer.h"
#include "ports/x86/tsc.h"
#include "ports/x86/vcpu.h"

enum { XAPIC_ID_MAX = 254, INIT_MICROSECONDS = 10000, STARTUP_MICROSECONDS = 200, PATIENCE_MICROSECONDS = 1000000 };

/* Life of a CPU: sent for, in its set-up, waiting for core, unfit by what it lacks, given up. */
enum state { ABSENT, STARTED, HERE, ONLINE, UNFIT, LEFT_OUT };

extern const char smp_trampoline[], smp_trampoline_end[];

static uint32_t states[NOVA_CPUS];
static uint32_t missing[NOVA_CPUS]; /* features that an UNFIT one lacks */
static bool released;

/* Resumed by a CPU that waits for core. */
static struct frame idle_frame = {.resume = RESUME_IDLE};

static enum state state_of(unsigned i) { return (enum state)__atomic_load_n(&states[i], __ATOMIC_ACQUIRE); }

static void state_set(unsigned i, enum state state) { __atomic_store_n(&states[i], state, __ATOMIC_RELEASE); }

static bool state_swap(unsigned i, enum state from, enum state to)
{
    uint32_t expected = from;
    return __atomic_compare_exchange_n(&states[i], &expected, to, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}

static uint64_t tsc_ticks(uint32_t microseconds) { return scale_u64(microseconds, boot_info.tsc_khz, 1000); }

static void wait(uint32_t microseconds)
{
    for (uint64_t end = rdtsc() + tsc_ticks(microseconds); rdtsc() < end;)
        cpu_pause();
}

void smp_cpu_init(unsigned number)
{
    features_enable_pcid();
    mmu_cpu_init();
    features_describe(number);
}

static _Noreturn void give_up(void)
{
    for (;;)
        asm volatile("cli; hlt");
}

void port_ap_boot(struct x86_cpu *cpu)
{
    uint32_t id = local_apic_id();
    unsigned i = 0;
    while (i < boot_info.cpus && boot_info.cpu[i].apic_id != id)
        i++;
    if (i == boot_info.cpus || !state_swap(i, STARTED, HERE))
        give_up();
    cpu->number = i;
    cpu->apic_id = id;
    cpu->frame = &idle_frame;
    missing[i] = features_common();
    if (missing[i]) {
        state_swap(i, HERE, UNFIT);
        give_up();
    }
    features_enable();
    smp_cpu_init(i);
    local_apic_cpu_init();
    timer_cpu_init();
    tsc_cpu_init();
    vcpu_cpu_init(cpu);
    if (!state_swap(i, HERE, ONLINE))
        give_up();
    idle_wait(cpu);
}

struct frame *smp_enter(struct x86_cpu *cpu)
{
    if (!__atomic_load_n(&released, __ATOMIC_ACQUIRE))
        return &idle_frame;
    fpu_cpu_init();
    cpu->core = kernel_cpu(cpu->number);
    return kernel_start(cpu->core);
}

void smp_release(void)
{
    __atomic_store_n(&released, true, __ATOMIC_RELEASE);
    for (unsigned i = 0; i < boot_info.cpus; i++)
        if (i != boot_info.boot_cpu && state_of(i) == ONLINE)
            cpu_signal(i);
}

/* Prepares a block for each CPU that can be started, in any order: a CPU takes the next one. */
static bool block_prepare(unsigned i, unsigned slot)
{
    if (boot_info.cpu[i].apic_id > XAPIC_ID_MAX && !local_apic_x2()) {
        log_line("cpu %u (apic id %x) cannot be reached without x2APIC; left out", i, boot_info.cpu[i].apic_id);
        return false;
    }
    struct cpu_block *block = kernel_boot_alloc(CPU_BLOCK_ORDER);
    if (!block) {
        log_line("cpu %u (apic id %x): no kernel memory for it; left out. Give the kernel more (kmem=)", i,
                 boot_info.cpu[i].apic_id);
        return false;
    }
    ap_cpu[slot] = cpu_block_init(block, i, boot_info.cpu[i].apic_id);
    return true;
}

static void each_started(void (*act)(unsigned i))
{
    for (unsigned i = 0; i < boot_info.cpus; i++)
        if (state_of(i) == STARTED)
            act(i);
}

static void init_send(unsigned i) { local_apic_send_init(boot_info.cpu[i].apic_id); }

static void startup_send(unsigned i) { local_apic_send_startup(boot_info.cpu[i].apic_id, platform_low_page()); }

/* CPUs on their way. */
static unsigned pending(void)
{
    unsigned count = 0;
    for (unsigned i = 0; i < boot_info.cpus; i++)
        count += state_of(i) == STARTED || state_of(i) == HERE;
    return count;
}

/* Until all are there, or for one second nothing has moved. */
static void wait_for_all(void)
{
    unsigned left = pending();
    for (uint64_t end = rdtsc() + tsc_ticks(PATIENCE_MICROSECONDS); left && rdtsc() < end; cpu_pause()) {
        unsigned now = pending();
        if (now != left)
            end = rdtsc() + tsc_ticks(PATIENCE_MICROSECONDS);
        left = now;
    }
}

static void report(unsigned i)
{
    char text[160];
    switch (state_of(i)) {
    case UNFIT:
        features_names(missing[i], text, sizeof text);
        log_line("cpu %u (apic id %x) lacks what the boot CPU has:%s; left out", i, boot_info.cpu[i].apic_id, text);
        break;
    case LEFT_OUT: log_line("cpu %u (apic id %x) does not answer; left out", i, boot_info.cpu[i].apic_id); break;
    case ONLINE:
        boot_info.cpu[i].online = true;
        features_log(i);
        break;
    default:;
    }
}

void smp_start(void)
{
    paddr_t page = platform_low_page();
    void *target = page ? physical_window(0, page, PAGE_SIZE) : 0;
    unsigned slots = 0;
    state_set(boot_info.boot_cpu, ONLINE);
    for (unsigned i = 0; target && i < boot_info.cpus; i++)
        if (i != boot_info.boot_cpu && block_prepare(i, slots)) {
            slots++;
            state_set(i, STARTED);
        }
    if (slots) {
        memcpy(target, smp_trampoline, (word)smp_trampoline_end - (word)smp_trampoline);
        kernel_map_identity(page);
        each_started(init_send);
        wait(INIT_MICROSECONDS);
        each_started(startup_send);
        wait(STARTUP_MICROSECONDS);
        each_started(startup_send);
        wait_for_all();
    }
    for (unsigned i = 0; i < boot_info.cpus; i++) {
        if (state_swap(i, STARTED, LEFT_OUT) || state_swap(i, HERE, LEFT_OUT))
            init_send(i);
        report(i);
    }
}
