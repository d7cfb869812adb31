/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * CPUID, MSRs, control registers, time stamp counter.
 */
#include "guest.h"

enum { MSR_TSC = 0x10, MSR_SYSENTER_CS = 0x174, MSR_SYSENTER_SP = 0x175, MSR_SYSENTER_IP = 0x176, MSR_NONE = 0x12345 };

static void cpuids(void)
{
    struct cpuid first = cpuid(0, 0), features = cpuid(1, 0);
    check("cpuid: a vendor", first.b == 0x756e6547 || first.b == 0x68747541, 1); /* Genu, Auth */
    check("cpuid: under a monitor", features.c >> 31, 1);
    check("cpuid: no virtualization", (features.c >> 5 & 1) | (cpuid(0x80000001, 0).c >> 2 & 1), 0);
    check("cpuid: number of this processor", features.b >> 24, inb(BOARD_SELF));
    check("cpuid: the monitor's name", cpuid(0x40000000, 0).b, 0x41564f4e);
}

#define TRIES_MSR(instruction, number) TRIES(instruction, : : "c"(number), "a"(0), "d"(0) : "memory")

static void msrs(void)
{
    uint64_t one = rdmsr(MSR_TSC), two = rdmsr(MSR_TSC);
    check("msr: the time goes on", two > one, 1);
    check("msr: and is that of RDTSC", rdtsc() - two < 100000000, 1);
    wrmsr(MSR_SYSENTER_CS, 8);
    wrmsr(MSR_SYSENTER_SP, 0x1234);
    wrmsr(MSR_SYSENTER_IP, 0x5678);
    check("msr: SYSENTER_CS", (word)rdmsr(MSR_SYSENTER_CS), 8);
    check("msr: SYSENTER_ESP", (word)rdmsr(MSR_SYSENTER_SP), 0x1234);
    check("msr: SYSENTER_EIP", (word)rdmsr(MSR_SYSENTER_IP), 0x5678);
    check("msr: reading one that is not there", TRIES_MSR("rdmsr", MSR_NONE), 13);
    check("msr: writing one that is not there", TRIES_MSR("wrmsr", MSR_NONE), 13);
    wrmsr(MSR_TSC, 1000);
    check("msr: the time can be set", rdtsc() < 100000000, 1);
}

static void control_registers(void)
{
    word cr0 = cr0_read(), cr4 = cr4_read(), value;
    check("cr0: PE", cr0 & CR0_PE, BITS != 16);
    cr0_write(cr0 | CR0_WP | CR0_NE | CR0_MP);
    check("cr0: WP NE MP set", cr0_read() & (CR0_WP | CR0_NE | CR0_MP), CR0_WP | CR0_NE | CR0_MP);
    cr0_write(cr0 | CR0_CD);
    check("cr0: CD set", cr0_read() & CR0_CD, CR0_CD);
    cr0_write(cr0 | CR0_TS);
    check("cr0: TS set", cr0_read() & CR0_TS, CR0_TS);
    check("no floating point with TS", TRIES("fnop"), 7);
    __asm__ volatile("clts");
    check("clts", cr0_read() & CR0_TS, 0);
    check("floating point", TRIES("fnop"), NOTHING);
    __asm__ volatile("smsw %0" : "=r"(value));
    check("smsw", value & 0xffff, cr0_read() & 0xffff);
    __asm__ volatile("lmsw %w0" : : "r"(value | CR0_TS));
    check("lmsw", cr0_read() & CR0_TS, CR0_TS);
    cr0_write(cr0);
    cr4_write(cr4 | CR4_DE | CR4_TSD);
    check("cr4: DE TSD set", cr4_read() & (CR4_DE | CR4_TSD), CR4_DE | CR4_TSD);
    cr4_write(cr4);
    check("cr4: and clear", cr4_read(), cr4);
    cr2_write(0x12345000);
    check("cr2 is kept over events", (cpuid(0, 0), cr2_read()), 0x12345000);
#if BITS == 64
    word cr8;
    __asm__ volatile("mov %0, %%cr8" : : "r"((word)5));
    __asm__ volatile("mov %%cr8, %0" : "=r"(cr8));
    check("cr8", cr8, 5);
    __asm__ volatile("mov %0, %%cr8" : : "r"((word)0));
#endif
}

void test_processor(void)
{
    cpuids();
    msrs();
    control_registers();
}
