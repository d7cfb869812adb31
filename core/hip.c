/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * All CPU descriptors that this build has come first, online or not: user space derives their number from the offsets. Then memory, as much as fits.
 */
#include "core/hip.h"

#include "core/lib/log.h"
#include "core/spaces.h"
#include "hal/interrupt.h"

void hip_fill(struct nova_hip *hip)
{
    enum { CPU_OFFSET = sizeof *hip, MEMORY_OFFSET = CPU_OFFSET + NOVA_CPUS * sizeof(struct nova_hip_cpu) };
    unsigned room = (PAGE_SIZE - MEMORY_OFFSET) / sizeof(struct nova_hip_memory), memories = boot_info.memories;
    if (memories > room) {
        log_line("hip: %u of %u memory descriptors left out: the page holds %u beside %u CPUs", memories - room, memories, room,
                 NOVA_CPUS);
        memories = room;
    }
    struct nova_hip_cpu *cpu = (struct nova_hip_cpu *)((char *)hip + CPU_OFFSET);
    for (unsigned i = 0; i < boot_info.cpus; i++) {
        cpu[i] = boot_info.cpu[i].hip;
        cpu[i].acpi_id = boot_info.cpu[i].acpi_id;
        if (boot_info.cpu[i].online)
            cpu[i].flags |= NOVA_CPU_ONLINE;
        else
            cpu[i].flags &= (uint8_t)~NOVA_CPU_ONLINE;
    }
    struct nova_hip_memory *memory = (struct nova_hip_memory *)((char *)hip + MEMORY_OFFSET);
    for (unsigned i = 0; i < memories; i++)
        memory[i] = boot_info.memory[i];
    hip->signature = NOVA_HIP_SIGNATURE;
    hip->length = (uint16_t)(MEMORY_OFFSET + memories * sizeof(struct nova_hip_memory));
    hip->cpu_offset = CPU_OFFSET;
    hip->cpu_size = sizeof(struct nova_hip_cpu);
    hip->memory_offset = MEMORY_OFFSET;
    hip->memory_size = sizeof(struct nova_hip_memory);
    hip->features = boot_info.features;
    hip->api_version = NOVA_API_VERSION;
    hip->selectors = 1u << SELECTOR_BITS;
    hip->sel_exc = NOVA_EVENTS_THREAD;
    hip->sel_vmi = NOVA_EVENTS_VM;
    hip->sel_gsi = gsi_count() < KERNEL_GSI_MAX ? gsi_count() : KERNEL_GSI_MAX;
    hip->page_sizes = hip->utcb_sizes = PAGE_SIZE;
    hip->tsc_khz = boot_info.tsc_khz;
    uint16_t sum = 0;
    for (unsigned i = 0; i < hip->length / sizeof(uint16_t); i++)
        sum = (uint16_t)(sum + ((uint16_t *)hip)[i]);
    hip->checksum = (uint16_t)-sum;
}
