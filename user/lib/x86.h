/* SPDX-License-Identifier: MIT */
/*
 * The few processor instructions that user programs on both x86 ports need: port I/O, time stamp counter, CPUID.
 */
#ifndef NOVA_LIB_X86_H
#define NOVA_LIB_X86_H

#include <stdint.h>

static inline void nova_outb(uint16_t port, uint8_t value)
{
    __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port) : "memory");
}

static inline uint8_t nova_inb(uint16_t port)
{
    uint8_t value;
    __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port) : "memory");
    return value;
}

static inline uint64_t nova_tsc(void)
{
    uint32_t low, high;
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high) : : "memory");
    return (uint64_t)high << 32 | low;
}

struct nova_cpuid {
    uint32_t ax, bx, cx, dx;
};

/* CPUID of a leaf and subleaf. */
static inline struct nova_cpuid nova_cpuid_sub(uint32_t leaf, uint32_t subleaf)
{
    struct nova_cpuid r;
    __asm__ volatile("cpuid" : "=a"(r.ax), "=b"(r.bx), "=c"(r.cx), "=d"(r.dx) : "a"(leaf), "c"(subleaf));
    return r;
}

/* CPUID of a leaf, subleaf 0. */
static inline struct nova_cpuid nova_cpuid(uint32_t leaf) { return nova_cpuid_sub(leaf, 0); }

static inline void nova_pause(void) { __asm__ volatile("pause" : : : "memory"); }

#endif
