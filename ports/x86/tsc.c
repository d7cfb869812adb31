/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How fast TSC and local APIC timer count. One measurement of 20 ms against the ACPI PM timer (or 10 ms against the PIT without
 * one) gives both. What CPUID or an MSR says about the TSC is more exact and wins if the measurement agrees; it does not on
 * emulators whose CPU models only repeat what the real CPU says.
 */
#include "ports/x86/tsc.h"

#include "core/lib/bits.h"
#include "core/lib/log.h"
#include "hal/boot_info.h"
#include "hal/cpu.h"
#include "platform/platform.h"
#include "ports/x86/features.h"
#include "ports/x86/local_apic.h"
#include "ports/x86/msr.h"

enum {
    MEASURE_PM_TICKS = PM_TIMER_HZ / 50,
    MEASURE_PIT_TICKS = PIT_HZ / 100,
    STUCK_READS = 10000, /* of the same value; a tick is 280 ns */
    SAMPLE_TRIES = 5,
    AGREE_PERCENT = 2,
    APIC_LVT_TIMER = 0x320,
    APIC_TIMER_INITIAL = 0x380,
    APIC_TIMER_CURRENT = 0x390,
    APIC_TIMER_DIVIDE = 0x3e0,
    DIVIDE_BY_1 = 0xb,
    LVT_MASKED = 1 << 16
};

/* Readings of all three clocks at about one moment. */
struct sample {
    uint64_t tsc;
    uint32_t pm, apic;
};

static uint64_t measured_tsc, adjust;
static uint32_t measured_apic;

uint32_t tsc_apic_ticks(uint64_t *tsc)
{
    *tsc = measured_tsc;
    return measured_apic;
}

/* Of several tries the one that took the least time: nothing got in between. */
static struct sample sample_take(void)
{
    struct sample best = {0, 0, 0};
    uint64_t best_length = ~(uint64_t)0;
    for (unsigned i = 0; i < SAMPLE_TRIES; i++) {
        struct sample now;
        uint64_t begin = rdtsc();
        now.pm = pm_timer_present() ? pm_timer_read() : 0;
        now.tsc = rdtsc();
        now.apic = local_apic_read(APIC_TIMER_CURRENT);
        uint64_t length = rdtsc() - begin;
        if (length < best_length) {
            best_length = length;
            best = now;
        }
    }
    return best;
}

/* Lets the PM timer run for 20 ms; false if it stands still. */
static bool pm_wait(void)
{
    uint32_t from = pm_timer_read(), last = from;
    for (unsigned same = 0; same < STUCK_READS; same++) {
        uint32_t now = pm_timer_read();
        if (pm_timer_elapsed(from, now) >= MEASURE_PM_TICKS)
            return true;
        if (now != last)
            same = 0;
        last = now;
    }
    return false;
}

/* kHz as measured, and the name of the clock; 0 = nothing to measure against. */
static uint32_t measure(const char **clock)
{
    uint32_t khz = 0;
    local_apic_write(APIC_TIMER_DIVIDE, DIVIDE_BY_1);
    local_apic_write(APIC_LVT_TIMER, LVT_MASKED);
    local_apic_write(APIC_TIMER_INITIAL, 0xffffffff);
    struct sample from = sample_take(), to = from;
    if (pm_timer_present() && pm_wait()) {
        to = sample_take();
        *clock = "ACPI PM timer";
        khz = (uint32_t)div_u64(scale_u64(to.tsc - from.tsc, PM_TIMER_HZ, pm_timer_elapsed(from.pm, to.pm)), 1000, 0);
    } else {
        from = sample_take();
        if (pit_wait(MEASURE_PIT_TICKS)) {
            to = sample_take();
            *clock = "PIT";
            khz = (uint32_t)div_u64(scale_u64(to.tsc - from.tsc, PIT_HZ, MEASURE_PIT_TICKS), 1000, 0);
        }
    }
    local_apic_write(APIC_TIMER_INITIAL, 0);
    measured_tsc = to.tsc - from.tsc;
    measured_apic = from.apic - to.apic;
    return khz;
}

/* kHz as the machine says, and who says it; 0 = nobody. */
static uint32_t claimed(const char **source)
{
    uint64_t value = 0;
    if (feature(FEATURE_HYPERVISOR)) {
        *source = "CPUID leaf 0x40000010";
        return cpuid(0x40000010, 0).a; /* kHz, a convention of several hypervisors */
    }
    if (cpu_vendor() == VENDOR_INTEL) {
        struct cpuid ratio = cpuid(0x15, 0); /* TSC = crystal * b / a, crystal c in Hz (SDM vol. 3, 19.7.3) */
        *source = "CPUID leaf 0x15";
        if (ratio.a && ratio.b && ratio.c)
            return (uint32_t)div_u64(scale_u64(ratio.c, ratio.b, ratio.a), 1000, 0);
        *source = "CPUID leaf 0x16"; /* base frequency in MHz */
        if (ratio.a && ratio.b && cpuid(0x16, 0).a)
            return (cpuid(0x16, 0).a & 0xffff) * 1000;
        *source = "MSR_PLATFORM_INFO"; /* bits 8-15: multiple of 100 MHz from Sandy Bridge on (SDM vol. 4, table 2-20) */
        if (cpu_family() == 6 && cpu_model() >= 0x2a && rdmsr_safe(MSR_PLATFORM_INFO, &value))
            return (uint32_t)(value >> 8 & 0xff) * 100000;
    } else if (cpu_vendor() == VENDOR_AMD && cpu_family() >= 0x17 && cpu_family() <= 0x19 && rdmsr_safe(MSR_AMD_PSTATE_0, &value)) {
        /* The TSC counts at the frequency of P-state 0: 200 MHz * FID / DID (PPR of family 17h, MSRC001_0064). */
        uint32_t fid = value & 0xff, did = value >> 8 & 0x3f;
        *source = "MSR P-state 0";
        return value >> 63 && did ? fid * 200000 / did : 0;
    }
    return 0;
}

static bool agree(uint32_t a, uint32_t b)
{
    uint32_t difference = a > b ? a - b : b - a;
    return difference <= b / 100 * AGREE_PERCENT;
}

/* Without any clock to measure against: the local APIC's rate during 20 ms of what the TSC is said to be. */
static void measure_apic_alone(uint32_t khz)
{
    local_apic_write(APIC_TIMER_INITIAL, 0xffffffff);
    struct sample from = sample_take(), to;
    do
        to = sample_take();
    while (to.tsc - from.tsc < (uint64_t)khz * 20);
    local_apic_write(APIC_TIMER_INITIAL, 0);
    measured_tsc = to.tsc - from.tsc;
    measured_apic = from.apic - to.apic;
}

void tsc_boot(void)
{
    const char *clock = 0, *source = 0;
    uint32_t measured = measure(&clock), said = claimed(&source);
    if (measured && said && agree(said, measured)) {
        boot_info.tsc_khz = said;
        log_line("tsc: %u kHz (%s)", said, source);
    } else if (measured) {
        boot_info.tsc_khz = measured;
        if (said)
            log_line("tsc: %s says %u kHz, which is not what the %s shows", source, said, clock);
        log_line("tsc: %u kHz (measured against the %s)", measured, clock);
    } else if (said) {
        boot_info.tsc_khz = said;
        measure_apic_alone(said);
        log_line("tsc: %u kHz (%s; nothing there to check it)", said, source);
    } else {
        fatal("tsc: its frequency is unknown: the CPU does not tell it, and there is neither an ACPI PM timer nor a PIT that "
              "counts; this machine cannot be used");
    }
}

void tsc_cpu_init(void)
{
    /* SDM vol. 3, 18.17.3: the offset that was added to what counts since reset, in step on all CPUs. */
    uint64_t own;
    if (!feature(FEATURE_TSC_ADJUST) || !rdmsr_safe(MSR_TSC_ADJUST, &own))
        return;
    if (cpu_number() == boot_info.boot_cpu)
        adjust = own;
    else if (own != adjust)
        wrmsr_safe(MSR_TSC_ADJUST, adjust);
}
