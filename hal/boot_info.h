/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What platform and port found out about the machine before core starts: command line, memory, modules, CPUs.
 * Filled on the boot CPU by platform_boot (all but the CPU details, which each CPU's port code fills in); read-only once core runs.
 */
#ifndef HAL_BOOT_INFO_H
#define HAL_BOOT_INFO_H

#include "hal/types.h"
#include <nova/hip.h>

/* Command line, abi.md section 11. */
struct boot_options {
    bool iommu_intel, iommu_amd, keyb, serial, spinner, logmem, vtlb, nopcid, novpid, vga, nodl, fpu_lazy, hlt;
    uint64_t kmem; /* bytes of kernel memory asked for, 0 = default */
};

/* One CPU, in MADT order; the index is the CPU's number. */
struct boot_cpu {
    uint32_t apic_id;
    uint32_t acpi_uid;
    uint8_t acpi_id;         /* as the HIP shows it: low 8 bits of the uid */
    bool boot;               /* the CPU that the loader started */
    bool online;             /* set by the CPU itself when it is up */
    struct nova_hip_cpu hip; /* flags to microcode; the port of that CPU fills it in */
};

enum { BOOT_MEMORY_MAX = 136, BOOT_COMMAND_LINE_MAX = 1024 };

struct boot_info {
    char command_line[BOOT_COMMAND_LINE_MAX];
    struct boot_options options;

    struct boot_cpu cpu[NOVA_CPUS];
    unsigned cpus;     /* entries in cpu[] */
    unsigned boot_cpu; /* index of the boot CPU */

    /* Memory descriptors for the HIP in final form: available, reserved, kernel, modules, RSDT/XSDT, log page, ... */
    struct nova_hip_memory memory[BOOT_MEMORY_MAX];
    unsigned memories;

    /* Physical pages [first, end) that root can never get: kernel image and pool, local APIC, I/O APICs, IOMMU registers, AP start page. Sorted, no overlap. */
    struct {
        word first, end;
    } hidden[32];
    unsigned hiddens;

    paddr_t root_begin, root_end;   /* first module; begin < end */
    paddr_t pool_begin, pool_end;   /* kernel memory pool, mapped at physical_pool_offset */
    paddr_t image_begin, image_end; /* kernel image incl. bss */

    uint32_t features; /* NOVA_FEATURE_* */
    uint32_t tsc_khz;
    paddr_t log_page; /* logmem: physical address of the log page, 0 = none */
};

/* The one instance. */
extern struct boot_info boot_info;

#endif
