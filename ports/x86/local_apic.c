/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Local APIC: one set of registers, reached through memory (offset o) or as MSR 0x800 + o / 16. Physical destinations only. Each
 * CPU works on its own APIC with interrupts off: no locks. Intel SDM vol. 3, chapter 11 (x2APIC: 11.12).
 */
#include "ports/x86/local_apic.h"

#include "core/lib/log.h"
#include "hal/boot_info.h"
#include "hal/cpu.h"
#include "hal/physical.h"
#include "platform/io.h"
#include "platform/platform.h"
#include "ports/x86/features.h"
#include "ports/x86/msr.h"
#include "ports/x86/vectors.h"

enum {
    APIC_VERSION = 0x30,
    APIC_TPR = 0x80,
    APIC_EOI = 0xb0,
    APIC_SVR = 0xf0,
    APIC_ISR = 0x100, /* 8 registers */
    APIC_ESR = 0x280,
    APIC_ICR = 0x300,
    APIC_ICR_HIGH = 0x310, /* not in x2APIC mode: there APIC_ICR has 64 bit */
    APIC_LVT_THERMAL = 0x330,
    APIC_LVT_PERFORMANCE = 0x340,
    APIC_LVT_LINT0 = 0x350,
    APIC_LVT_LINT1 = 0x360,
    APIC_LVT_ERROR = 0x370
};

enum {
    BASE_X2 = 1 << 10,
    BASE_ENABLE = 1 << 11,
    SVR_ENABLE = 1 << 8,
    LVT_MASKED = 1 << 16,
    LVT_LOW = 1 << 13,
    MODE_NMI = 4 << 8,
    MODE_INIT = 5 << 8,
    MODE_STARTUP = 6 << 8,
    ICR_PENDING = 1 << 12,
    ICR_ASSERT = 1 << 14
};

static bool x2;
static volatile uint8_t *registers;

bool local_apic_x2(void) { return x2; }

uint32_t local_apic_read(unsigned offset)
{
    return x2 ? (uint32_t)rdmsr(MSR_X2APIC + offset / 16) : mmio_read32(registers + offset);
}

void local_apic_write(unsigned offset, uint32_t value)
{
    if (x2)
        wrmsr(MSR_X2APIC + offset / 16, value);
    else
        mmio_write32(registers + offset, value);
}

uint32_t local_apic_id(void)
{
    struct cpuid extended = cpuid(0xb, 0);
    return extended.b ? extended.d : cpuid(1, 0).b >> 24;
}

uint32_t port_boot_apic_id(void) { return local_apic_id(); }

void local_apic_boot(void)
{
    x2 = feature(FEATURE_X2APIC);
    if (x2)
        return;
    paddr_t base = rdmsr(MSR_APIC_BASE) & ~(paddr_t)(PAGE_SIZE - 1) & (((paddr_t)1 << 52) - 1);
    if (base != platform_local_apic())
        log_line("local APIC: the CPU has it at %llx, the ACPI tables say %llx; the CPU is right", (unsigned long long)base,
                 (unsigned long long)platform_local_apic());
    registers = physical_device(base, PAGE_SIZE, MEMORY_UNCACHED);
    if (!registers)
        fatal("local APIC at %llx cannot be mapped", (unsigned long long)base);
}

static void local_interrupts_init(void)
{
    unsigned entries = (local_apic_read(APIC_VERSION) >> 16 & 0xff) + 1;
    local_apic_write(APIC_LVT_LINT0, LVT_MASKED);
    local_apic_write(APIC_LVT_LINT1, LVT_MASKED);
    if (entries > 4)
        local_apic_write(APIC_LVT_PERFORMANCE, LVT_MASKED);
    if (entries > 5)
        local_apic_write(APIC_LVT_THERMAL, LVT_MASKED);
    uint16_t flags = 0;
    int nmi = platform_local_nmi(cpu_number(), &flags);
    if (nmi == 0 || nmi == 1) /* NMIs are edge triggered whatever the table says */
        local_apic_write(nmi ? APIC_LVT_LINT1 : APIC_LVT_LINT0, MODE_NMI | ((flags & 3) == 3 ? LVT_LOW : 0));
}

void local_apic_cpu_init(void)
{
    /* From off to x2APIC the way leads through xAPIC mode (SDM vol. 3, figure 11-27). */
    uint64_t base = rdmsr(MSR_APIC_BASE);
    if (!(base & BASE_ENABLE))
        wrmsr(MSR_APIC_BASE, base |= BASE_ENABLE);
    if (x2 && !(base & BASE_X2))
        wrmsr(MSR_APIC_BASE, base | BASE_X2);
    local_apic_write(APIC_TPR, 0);
    local_apic_write(APIC_SVR, SVR_ENABLE | VECTOR_SPURIOUS);
    local_interrupts_init();
    /* What firmware left in service would block everything below it; each end of interrupt takes one of at most 256. */
    for (unsigned i = 0, done = 0; i < 8 && done < 256; done++) {
        if (local_apic_read(APIC_ISR + i * 16))
            local_apic_eoi();
        else
            i++;
    }
    local_apic_write(APIC_ESR, 0);
    local_apic_write(APIC_LVT_ERROR, VECTOR_APIC_ERROR);
}

void local_apic_eoi(void) { local_apic_write(APIC_EOI, 0); }

void local_apic_error(void)
{
    static uint8_t seen[NOVA_CPUS];
    local_apic_write(APIC_ESR, 0); /* latches */
    uint8_t status = (uint8_t)local_apic_read(APIC_ESR);
    if (status & ~seen[cpu_number()]) {
        seen[cpu_number()] |= status;
        log_line("local APIC: error status %x (SDM vol. 3, 11.5.3); said once per CPU and error", status);
    }
}

static void send(uint32_t apic_id, uint32_t command)
{
    if (x2) {
        /* This MSR write does not wait for earlier stores by itself (SDM vol. 3, 11.12.3). */
        asm volatile("mfence; lfence" : : : "memory");
        wrmsr(MSR_X2APIC + APIC_ICR / 16, (uint64_t)apic_id << 32 | command);
        return;
    }
    volatile uint8_t *base = registers;
    while (mmio_read32(base + APIC_ICR) & ICR_PENDING)
        cpu_pause();
    mmio_write32(base + APIC_ICR_HIGH, apic_id << 24);
    mmio_write32(base + APIC_ICR, command);
}

void local_apic_send(uint32_t apic_id, unsigned vector) { send(apic_id, ICR_ASSERT | vector); }

void local_apic_send_nmi(uint32_t apic_id) { send(apic_id, ICR_ASSERT | MODE_NMI); }

void local_apic_send_init(uint32_t apic_id) { send(apic_id, ICR_ASSERT | MODE_INIT); }

void local_apic_send_startup(uint32_t apic_id, paddr_t page)
{
    send(apic_id, ICR_ASSERT | MODE_STARTUP | (uint32_t)(page >> PAGE_BITS));
}
