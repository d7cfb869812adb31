/* SPDX-License-Identifier: MIT */
/*
 * Hypervisor information page (abi.md section 8): read only, at NOVA_HIP_ADDRESS in the root task.
 * The sum of all u16 in [0, length) is zero.
 */
#ifndef NOVA_HIP_H
#define NOVA_HIP_H

#include <nova/word.h>

#define NOVA_HIP_SIGNATURE 0x41564f4eu /* "NOVA" */

enum { NOVA_FEATURE_IOMMU = 1, NOVA_FEATURE_VMX = 2, NOVA_FEATURE_SVM = 4 };
enum { NOVA_CPU_ONLINE = 1, NOVA_CPU_PCORE = 2, NOVA_CPU_ECORE = 4 };

enum nova_memory_type {
    NOVA_MEMORY_AVAILABLE = 1,
    NOVA_MEMORY_RESERVED = 2,
    NOVA_MEMORY_ACPI = 3, /* reclaimable */
    NOVA_MEMORY_ACPI_NVS = 4,
    NOVA_MEMORY_KERNEL = -1,
    NOVA_MEMORY_MODULE = -2,      /* aux: physical address of its command line */
    NOVA_MEMORY_RSDT = -3,        /* address only */
    NOVA_MEMORY_XSDT = -4,        /* address only */
    NOVA_MEMORY_FRAMEBUFFER = -5, /* size = width << 40 | height << 16 | type << 8 | bits per pixel, aux = pitch */
    NOVA_MEMORY_LOG = -6,
    NOVA_MEMORY_EFI = -7
};

struct nova_hip_cpu {
    uint8_t flags, thread, core, package, acpi_id, family, model, stepping_platform; /* stepping bits 0-3, platform bits 4-6 */
    uint32_t microcode;
};

struct nova_hip_memory {
    uint64_t address, size;
    int32_t type;
    uint32_t aux;
};

struct nova_hip {
    uint32_t signature;
    uint16_t checksum, length;
    uint16_t cpu_offset, cpu_size;
    uint16_t memory_offset, memory_size;
    uint32_t features, api_version;
    uint32_t selectors; /* number of object selectors of a PD */
    uint32_t sel_exc;   /* event selectors of a thread */
    uint32_t sel_vmi;   /* event selectors of a virtual CPU */
    uint32_t sel_gsi;   /* number of interrupt semaphores */
    uint32_t page_sizes, utcb_sizes;
    uint32_t tsc_khz, reserved;
    /* CPU descriptors, then memory descriptors, at the offsets above */
};

NOVA_STATIC_ASSERT(sizeof(struct nova_hip_cpu) == 12, "abi.md section 8");
NOVA_STATIC_ASSERT(sizeof(struct nova_hip_memory) == 24, "abi.md section 8");
NOVA_STATIC_ASSERT(sizeof(struct nova_hip) == 0x38, "abi.md section 8");

/* Number of CPU and memory descriptors; user space derives both from the offsets. */
static inline unsigned nova_hip_cpus(const struct nova_hip *hip)
{
    return (unsigned)(hip->memory_offset - hip->cpu_offset) / hip->cpu_size;
}
static inline unsigned nova_hip_memories(const struct nova_hip *hip)
{
    return (unsigned)(hip->length - hip->memory_offset) / hip->memory_size;
}
static inline const struct nova_hip_cpu *nova_hip_cpu(const struct nova_hip *hip, unsigned i)
{
    return (const struct nova_hip_cpu *)((const char *)hip + hip->cpu_offset + i * hip->cpu_size);
}
static inline const struct nova_hip_memory *nova_hip_memory(const struct nova_hip *hip, unsigned i)
{
    return (const struct nova_hip_memory *)((const char *)hip + hip->memory_offset + i * hip->memory_size);
}

#endif
