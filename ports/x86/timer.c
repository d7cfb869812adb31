/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * timer_set on each CPU. TSC deadline: the CPU compares by itself. One-shot: the distance becomes counter ticks, rounded up; what
 * lies beyond the counter, or comes early because the rates were measured, is armed again when the counter is through. The deadline
 * is in struct x86_cpu, only its CPU uses it.
 */
#include "ports/x86/timer.h"

#include "core/lib/bits.h"
#include "core/lib/log.h"
#include "hal/boot_info.h"
#include "hal/cpu.h"
#include "ports/x86/cpu_local.h"
#include "ports/x86/features.h"
#include "ports/x86/local_apic.h"
#include "ports/x86/msr.h"
#include "ports/x86/tsc.h"
#include "ports/x86/vectors.h"

enum {
    APIC_LVT_TIMER = 0x320,
    APIC_TIMER_INITIAL = 0x380,
    APIC_TIMER_DIVIDE = 0x3e0,
    MODE_TSC_DEADLINE = 2 << 17 /* 0 = one-shot */
};

/* Divide configuration for 1, 2, 4, ... 128 (SDM vol. 3, figure 11-10). */
static const uint8_t dividers[] = {0xb, 0x0, 0x1, 0x2, 0x3, 0x8, 0x9, 0xa};
static unsigned divider;

/* Counter ticks per 2^32 TSC ticks, and the TSC ticks that the counter can hold. */
static uint32_t ticks_per_tsc;
static uint64_t distance_max;

void timer_choose(void)
{
    if (feature(FEATURE_TSC_DEADLINE)) {
        log_line("timer: TSC deadline");
        return;
    }
    uint64_t tsc;
    uint32_t ticks = tsc_apic_ticks(&tsc);
    if (!ticks || !tsc)
        fatal("timer: the local APIC's counter does not count; the CPU or the machine is not usable");
    for (; tsc >> 32; tsc >>= 1)
        ticks >>= 1;
    /* A counter that is slower than the TSC keeps the ratio below 1. */
    for (; ticks >= tsc && divider < ARRAY_SIZE(dividers) - 1; divider++)
        ticks >>= 1;
    uint64_t ratio = ticks < tsc ? scale_u64((uint64_t)1 << 32, ticks, (uint32_t)tsc) : 0xffffffff;
    ticks_per_tsc = ratio < 2 ? 2 : (uint32_t)ratio;
    distance_max = scale_u64(0xfffffffe, 0x80000000, ticks_per_tsc / 2);
    log_line("timer: local APIC one-shot, %u kHz", (unsigned)scale_u64(boot_info.tsc_khz, ticks, (uint32_t)tsc));
}

void timer_cpu_init(void)
{
    x86_cpu_self()->timer_deadline = ~(uint64_t)0;
    if (feature(FEATURE_TSC_DEADLINE)) {
        local_apic_write(APIC_LVT_TIMER, MODE_TSC_DEADLINE | VECTOR_TIMER);
        /* In xAPIC mode the store above is not ordered with the write of the deadline (SDM vol. 3, 11.5.4.1). */
        asm volatile("mfence" : : : "memory");
        return;
    }
    local_apic_write(APIC_TIMER_DIVIDE, dividers[divider]);
    local_apic_write(APIC_LVT_TIMER, VECTOR_TIMER);
}

/* ticks = distance * ticks_per_tsc / 2^32, at least 1, without 128-bit numbers. */
static uint32_t ticks_of(uint64_t distance)
{
    if (distance > distance_max)
        return 0xffffffff;
    uint64_t ticks = (distance >> 32) * ticks_per_tsc + ((distance & 0xffffffff) * ticks_per_tsc >> 32) + 1;
    return ticks > 0xffffffff ? 0xffffffff : (uint32_t)ticks;
}

static void arm(uint64_t deadline)
{
    if (feature(FEATURE_TSC_DEADLINE)) {
        /* 0 disarms, so it stands for "none"; a deadline of 0 is long past. */
        wrmsr(MSR_TSC_DEADLINE, deadline == ~(uint64_t)0 ? 0 : deadline ? deadline : 1);
        return;
    }
    uint64_t now = rdtsc();
    local_apic_write(APIC_TIMER_INITIAL, deadline == ~(uint64_t)0 ? 0 : deadline <= now ? 1 : ticks_of(deadline - now));
}

void timer_set(uint64_t deadline)
{
    x86_cpu_self()->timer_deadline = deadline;
    arm(deadline);
}

bool timer_interrupt(void)
{
    uint64_t deadline = x86_cpu_self()->timer_deadline;
    if (rdtsc() >= deadline && deadline != ~(uint64_t)0)
        return true;
    arm(deadline);
    return false;
}
