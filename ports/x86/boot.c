/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The boot CPU's way from boot.S to the root task. Each step stands on those before it; the order is that of platform/platform.h
 * and hal/upcall.h.
 */
#include "core/lib/bits.h"
#include "core/lib/log.h"
#include "hal/physical.h"
#include "hal/upcall.h"
#include "layout.h"
#include "platform/platform.h"
#include "ports/x86/descriptors.h"
#include "ports/x86/features.h"
#include "ports/x86/fpu.h"
#include "ports/x86/kernel_map.h"
#include "ports/x86/local_apic.h"
#include "ports/x86/mtrr.h"
#include "ports/x86/smp.h"
#include "ports/x86/timer.h"
#include "ports/x86/tsc.h"
#include "ports/x86/vcpu.h"

#ifdef __x86_64__
#define ARCHITECTURE "x86_64"
#define STACK_POINTER "rsp"
#else
#define ARCHITECTURE "x86_32"
#define STACK_POINTER "esp"
#endif

#define VERSION "0.1"

#ifdef __clang__
#define COMPILER "clang " __clang_version__
#else
#define COMPILER "gcc " __VERSION__
#endif

extern char _image_end[];
uint64_t boot_tsc; /* set by start.S */

void port_greet(void)
{
    log_line("NOVA-C " VERSION " " ARCHITECTURE " (%s%u CPUs at most)",
#ifdef DEBUG
             "debug, "
#else
             ""
#endif
             COMPILER ", ",
             (unsigned)NOVA_CPUS);
}

/* Everything that needs the machine as the ACPI tables describe it. */
static void machine_boot(struct x86_cpu *cpu)
{
    platform_acpi_boot();
    cpu->number = boot_info.boot_cpu;
    cpu->apic_id = boot_info.cpu[boot_info.boot_cpu].apic_id;
    smp_cpu_init(cpu->number);
    local_apic_boot();
    local_apic_cpu_init();
    tsc_boot();
    timer_choose();
    timer_cpu_init();
    tsc_cpu_init();
    vcpu_boot();
    vcpu_cpu_init(cpu);
    smp_start();
    vcpu_boot_done();
    fpu_cpu_init();
}

void port_boot(uint32_t magic, uint32_t info)
{
    struct x86_cpu *cpu = x86_cpu_self();
    features_boot();
    features_enable();
    kernel_map_protect();
    boot_info.image_begin = KERNEL_PHYSICAL;
    boot_info.image_end = kernel_image_phys(_image_end);
    platform_boot(magic, info);
    features_apply_options();
    mtrr_boot();
    void *pool = kernel_map_pool();
    kernel_memory_init(pool, phys_to_virt(boot_info.pool_end));
    machine_boot(cpu);
    kernel_init();
    kernel_map_identity_drop();
    smp_release();
    cpu->core = kernel_cpu(cpu->number);
    log_line("boot: root task starts after %u ms", (unsigned)div_u64(rdtsc() - boot_tsc, boot_info.tsc_khz, 0));
    struct frame *frame = kernel_start(cpu->core);
    asm volatile("mov %0, %%" STACK_POINTER "\n\tjmp resume" : : "r"(cpu), "a"(frame) : "memory");
    __builtin_unreachable();
}
