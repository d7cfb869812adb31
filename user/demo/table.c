/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The hypervisor information page (abi.md section 8 in the manual) as a table for people: features, CPUs, memory map.
 */
#include "demo.h"

static const char *memory_name(int32_t type)
{
    switch (type) {
    case NOVA_MEMORY_AVAILABLE: return "available";
    case NOVA_MEMORY_RESERVED: return "reserved";
    case NOVA_MEMORY_ACPI: return "ACPI tables";
    case NOVA_MEMORY_ACPI_NVS: return "ACPI NVS";
    case NOVA_MEMORY_KERNEL: return "kernel";
    case NOVA_MEMORY_MODULE: return "module";
    case NOVA_MEMORY_RSDT: return "RSDT";
    case NOVA_MEMORY_XSDT: return "XSDT";
    case NOVA_MEMORY_FRAMEBUFFER: return "framebuffer";
    case NOVA_MEMORY_LOG: return "kernel log";
    case NOVA_MEMORY_EFI: return "EFI system table";
    }
    return "unknown type";
}

static void print_cpus(const struct nova_hip *hip)
{
    unsigned online = 0, count = nova_hip_cpus(hip);

    nova_printf("CPU  package:core:thread  ACPI id  family/model/stepping  microcode   kind\n");
    for (unsigned i = 0; i < count; i++) {
        const struct nova_hip_cpu *cpu = nova_hip_cpu(hip, i);
        char place[16];

        if (!(cpu->flags & NOVA_CPU_ONLINE))
            continue;
        online++;
        nova_format(place, sizeof(place), "%u:%u:%u", cpu->package, cpu->core, cpu->thread);
        nova_printf("%3u  %-19s  %7u  %6x/%5x/%8x  0x%08x%s\n", i, place, cpu->acpi_id, cpu->family, cpu->model,
                    cpu->stepping_platform & 15, cpu->microcode,
                    cpu->flags & NOVA_CPU_PCORE   ? "  P-core"
                    : cpu->flags & NOVA_CPU_ECORE ? "  E-core"
                                                  : "");
    }
    nova_printf("%u CPUs online, %u descriptors\n", online, count);
}

static void print_memory(const struct nova_hip *hip)
{
    uint64_t available = 0;

    nova_printf("  memory from      to                      KiB  type\n");
    for (unsigned i = 0; i < nova_hip_memories(hip); i++) {
        const struct nova_hip_memory *memory = nova_hip_memory(hip, i);
        const char *name = memory_name(memory->type);

        if (memory->type == NOVA_MEMORY_AVAILABLE)
            available += memory->size;
        if (memory->type == NOVA_MEMORY_FRAMEBUFFER)
            nova_printf("  %016llx  %u x %u, %u bits, type %u  %s\n", (unsigned long long)memory->address,
                        (unsigned)(memory->size >> 40), (unsigned)(memory->size >> 16 & 0xffffff), (unsigned)(memory->size & 0xff),
                        (unsigned)(memory->size >> 8 & 0xff), name);
        else if (!memory->size)
            nova_printf("  %016llx%31s%s\n", (unsigned long long)memory->address, "", name);
        else
            nova_printf("  %016llx-%016llx %10llu  %s\n", (unsigned long long)memory->address,
                        (unsigned long long)(memory->address + memory->size - 1), (unsigned long long)(memory->size >> 10), name);
    }
    nova_printf("%llu MiB available\n", (unsigned long long)(available >> 20));
}

void table_print(const struct nova_hip *hip)
{
    nova_printf("API version %u, features:%s%s%s%s\n", hip->api_version, hip->features & NOVA_FEATURE_IOMMU ? " IOMMU" : "",
                hip->features & NOVA_FEATURE_VMX ? " VMX" : "", hip->features & NOVA_FEATURE_SVM ? " SVM" : "",
                hip->features & (NOVA_FEATURE_IOMMU | NOVA_FEATURE_VMX | NOVA_FEATURE_SVM) ? "" : " none");
    nova_printf("TSC %u kHz; %u selectors per PD; %u events of a thread\n", hip->tsc_khz, hip->selectors, hip->sel_exc);
    nova_printf("%u events of a virtual CPU, %u interrupts\n", hip->sel_vmi, hip->sel_gsi);
    print_cpus(hip);
    print_memory(hip);
}
