/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The hypervisor information page (abi.md section 8).
 */
#include "scenario.h"

#include "core/lib/bits.h"

#include <nova/hip.h>

static const struct nova_hip *hip(unsigned cpu) { return user_pointer(cpu, NOVA_HIP_ADDRESS, MMU_READ); }

TEST(hip_fields)
{
    machine_prepare(&(struct machine_options){.cpus = 2, .offline = 0}, 0, 0);
    CHECK(machine_start());
    const struct nova_hip *h = hip(0);
    CHECK_EQ(h->signature, NOVA_HIP_SIGNATURE);
    uint16_t sum = 0;
    for (unsigned i = 0; i < h->length / 2u; i++)
        sum = (uint16_t)(sum + ((const uint16_t *)h)[i]);
    CHECK_EQ(sum, 0);
    CHECK(h->length % 2 == 0 && h->length <= 4096);
    CHECK_EQ(h->cpu_offset, 0x38);
    CHECK_EQ(h->cpu_size, 12);
    CHECK_EQ(h->memory_size, 24);
    CHECK_EQ(nova_hip_cpus(h), NOVA_CPUS);
    CHECK_EQ(h->memory_offset, 0x38 + 12 * NOVA_CPUS);
    CHECK_EQ((h->length - h->memory_offset) % 24, 0);
    CHECK_EQ(h->features, 0);
    CHECK_EQ(h->api_version, 10);
    CHECK(h->selectors >= 1 << 24);
    CHECK_EQ(h->sel_exc, 32);
    CHECK_EQ(h->sel_vmi, 256);
    CHECK_EQ(h->sel_gsi, HOSTED_GSIS);
    CHECK_EQ(h->page_sizes, 4096);
    CHECK_EQ(h->utcb_sizes, 4096);
    CHECK_EQ(h->tsc_khz, TSC_KHZ);
    for (unsigned i = 0; i < NOVA_CPUS; i++) {
        const struct nova_hip_cpu *cpu = nova_hip_cpu(h, i);
        CHECK_EQ(cpu->flags, i < 2 ? NOVA_CPU_ONLINE | NOVA_CPU_PCORE : 0);
        CHECK_EQ(cpu->core, i < 2 ? i : 0);
        CHECK_EQ(cpu->acpi_id, i < 2 ? i + 1 : 0);
        CHECK_EQ(cpu->microcode, i < 2 ? 0x100 + i : 0);
    }
    const uint8_t *after = (const uint8_t *)h + h->length;
    for (unsigned i = 0; i < 4096u - h->length; i++)
        CHECK_EQ(after[i], 0);
}

TEST(hip_memory)
{
    machine_boot(1);
    const struct nova_hip *h = hip(0);
    unsigned kernel = 0, count = nova_hip_memories(h);
    for (unsigned i = 0; i < count; i++) {
        const struct nova_hip_memory *a = nova_hip_memory(h, i);
        if (a->type == NOVA_MEMORY_KERNEL)
            kernel++;
        if (a->type == NOVA_MEMORY_AVAILABLE)
            continue;
        for (unsigned k = 0; k < i; k++) {
            const struct nova_hip_memory *b = nova_hip_memory(h, k);
            if (b->type == NOVA_MEMORY_AVAILABLE || !a->size || !b->size)
                continue;
            CHECK(a->address + a->size <= b->address || b->address + b->size <= a->address);
        }
    }
    CHECK(kernel >= 1);
    /* Image and pool are kernel memory. */
    static const uint64_t places[] = {IMAGE_BEGIN, IMAGE_END - 1, POOL_BEGIN, POOL_BEGIN + POOL_DEFAULT - 1};
    for (unsigned p = 0; p < ARRAY_SIZE(places); p++) {
        bool found = false;
        for (unsigned i = 0; i < count; i++) {
            const struct nova_hip_memory *a = nova_hip_memory(h, i);
            found |= a->type == NOVA_MEMORY_KERNEL && places[p] - a->address < a->size;
        }
        CHECK(found);
    }
}

TEST(hip_offline_cpu)
{
    machine_prepare(&(struct machine_options){.cpus = 4, .offline = 1 << 2}, 0, 0);
    CHECK(machine_start());
    for (unsigned i = 0; i < 4; i++)
        CHECK_EQ(nova_hip_cpu(hip(0), i)->flags, i == 2 ? 0 : NOVA_CPU_ONLINE | NOVA_CPU_PCORE);
    CHECK_EQ(create_ec(0, SEL_FREE, SEL_PD, 2, utcb_address(0), 0, 0, false), NOVA_BAD_CPU);
    CHECK_EQ(create_ec(0, SEL_FREE, SEL_PD, 3, utcb_address(0), 0, 0, false), NOVA_SUCCESS);
}

TEST(boot_with_more_memory_than_the_hip_holds)
{
    machine_prepare(&(struct machine_options){.cpus = 1}, 0, 0);
    while (boot_info.memories < BOOT_MEMORY_MAX) {
        unsigned n = boot_info.memories;
        boot_info.memory[boot_info.memories++] =
            (struct nova_hip_memory){0x100000000 + n * 0x100000ull, 0x1000, NOVA_MEMORY_RESERVED, 0};
    }
    CHECK(machine_start());
    CHECK(hip(0)->length <= 4096);
    uint16_t sum = 0;
    for (unsigned i = 0; i < hip(0)->length / 2u; i++)
        sum = (uint16_t)(sum + ((const uint16_t *)hip(0))[i]);
    CHECK_EQ(sum, 0);
}
