/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * abi.md section 8: the hypervisor information page, and what root owns when it starts.
 */
#include "abi.h"

/* root's objects, counted from sel_exc */
static const struct {
    const char *name;
    unsigned perm;
} root_objects[] = {
    {"root PD capability", NOVA_PD_ALL},           {"root EC capability", NOVA_EC_ALL},       {"root SC capability", NOVA_SC_ALL},
    {"suspend semaphore capability", NOVA_SM_ALL}, {"MSR semaphore capability", NOVA_SM_ALL},
};

static void test_fields(const struct nova_hip *hip)
{
    uint16_t sum = 0;

    check("HIP is at user limit - 4096", (nova_word)hip, NOVA_HIP_ADDRESS);
    check("HIP signature", hip->signature, NOVA_HIP_SIGNATURE);
    for (unsigned i = 0; i < hip->length / 2u; i++)
        sum += ((const uint16_t *)hip)[i];
    check("HIP checksum over its length", sum, 0);
    check_true("HIP length fits the page", hip->length <= NOVA_PAGE_SIZE && hip->length > sizeof(*hip));
    check("HIP CPU descriptors come behind the fixed part", hip->cpu_offset, sizeof(*hip));
    check("HIP size of a CPU descriptor", hip->cpu_size, sizeof(struct nova_hip_cpu));
    check("HIP size of a memory descriptor", hip->memory_size, sizeof(struct nova_hip_memory));
    check("HIP CPU descriptors fill their room", (hip->memory_offset - hip->cpu_offset) % hip->cpu_size, 0);
    check("HIP memory descriptors fill their room", (hip->length - hip->memory_offset) % hip->memory_size, 0);
    check("HIP unknown feature flags", hip->features & ~(NOVA_FEATURE_IOMMU | NOVA_FEATURE_VMX | NOVA_FEATURE_SVM), 0);
    check_true("HIP not both VMX and SVM",
               (hip->features & (NOVA_FEATURE_VMX | NOVA_FEATURE_SVM)) != (NOVA_FEATURE_VMX | NOVA_FEATURE_SVM));
    check("HIP API version", hip->api_version, NOVA_API_VERSION);
    check_true("HIP at least 2^24 object selectors", hip->selectors >= 1 << 24);
    check("HIP sel_exc", hip->sel_exc, NOVA_EVENTS_THREAD);
    check("HIP sel_vmi", hip->sel_vmi, NOVA_EVENTS_VM);
    check_true("HIP has interrupt semaphores", hip->sel_gsi >= 16);
    check("HIP page sizes", hip->page_sizes, NOVA_PAGE_SIZE);
    check("HIP UTCB sizes", hip->utcb_sizes, NOVA_PAGE_SIZE);
    check_true("HIP TSC frequency", hip->tsc_khz >= 1000);
}

static void test_cpus(const struct nova_hip *hip)
{
    unsigned count = nova_hip_cpus(hip), online = 0, same_place = 0, same_acpi = 0;

    check_true("HIP has CPU descriptors", count >= 1);
    check_true("boot CPU is one of them", boot_cpu < count);
    check_true("boot CPU is online", nova_hip_cpu(hip, boot_cpu)->flags & NOVA_CPU_ONLINE);
    for (unsigned i = 0; i < count; i++) {
        const struct nova_hip_cpu *a = nova_hip_cpu(hip, i);
        if (!(a->flags & NOVA_CPU_ONLINE))
            continue;
        online++;
        for (unsigned j = 0; j < i; j++) {
            const struct nova_hip_cpu *b = nova_hip_cpu(hip, j);
            if (!(b->flags & NOVA_CPU_ONLINE))
                continue;
            same_place += a->package == b->package && a->core == b->core && a->thread == b->thread;
            same_acpi += a->acpi_id == b->acpi_id;
        }
    }
    check_true("at least one CPU is online", online >= 1);
    check("no two online CPUs in the same package:core:thread", same_place, 0);
    check("no two online CPUs with the same ACPI id", same_acpi, 0);
    check_true("the boot CPU's family is what CPUID says",
               nova_hip_cpu(hip, boot_cpu)->family ==
                   ((nova_cpuid(1).ax >> 8 & 15) + ((nova_cpuid(1).ax >> 8 & 15) == 15 ? nova_cpuid(1).ax >> 20 & 255 : 0)));
}

static void test_memory_map(const struct nova_hip *hip)
{
    unsigned count = nova_hip_memories(hip), kernel = 0, modules = 0, tables = 0, available = 0, overlaps = 0, kernel_in_ram = 0;
    uint64_t kernel_bytes = 0;

    for (unsigned i = 0; i < count; i++) {
        const struct nova_hip_memory *a = nova_hip_memory(hip, i);
        kernel += a->type == NOVA_MEMORY_KERNEL;
        kernel_bytes += a->type == NOVA_MEMORY_KERNEL ? a->size : 0;
        modules += a->type == NOVA_MEMORY_MODULE;
        tables += a->type == NOVA_MEMORY_RSDT || a->type == NOVA_MEMORY_XSDT;
        available += a->type == NOVA_MEMORY_AVAILABLE;
        for (unsigned j = 0; j < count; j++) {
            const struct nova_hip_memory *b = nova_hip_memory(hip, j);
            int counts = a->type != NOVA_MEMORY_AVAILABLE && b->type != NOVA_MEMORY_AVAILABLE && a->size && b->size &&
                         a->type != NOVA_MEMORY_FRAMEBUFFER && b->type != NOVA_MEMORY_FRAMEBUFFER;
            if (j < i && counts && a->address < b->address + b->size && b->address < a->address + a->size)
                overlaps++;
            if (a->type == NOVA_MEMORY_KERNEL && b->type == NOVA_MEMORY_AVAILABLE && a->address >= b->address &&
                a->address + a->size <= b->address + b->size)
                kernel_in_ram++;
        }
    }
    check_true("HIP lists available memory", available >= 1);
    check_true("HIP lists the kernel's memory", kernel >= 1);
    check_true("the kernel has at least 12 MiB", kernel_bytes >= 12 << 20);
    check_true("HIP lists this module", modules >= 1);
    check_true("HIP lists an RSDT or XSDT", tables >= 1);
    check("no two non-available descriptors overlap", overlaps, 0);
    check("every kernel descriptor lies in available memory", kernel_in_ram, kernel);
}

/* The module is mapped in place: a word of the image, read through its physical address, is the one in the image. */
static void test_module(const struct nova_hip *hip)
{
    for (unsigned i = 0; i < nova_hip_memories(hip); i++) {
        const struct nova_hip_memory *memory = nova_hip_memory(hip, i);
        static volatile nova_word place[2];
        const nova_word *image = NULL;
        nova_word mark = (nova_word)nova_tsc();
        const char *elf;

        if (memory->type != NOVA_MEMORY_MODULE)
            continue;
        elf = nova_map_physical(memory->address, memory->size, NOVA_MEM_R);
        check_true("the module can be mapped at its physical address", elf != NULL);
        if (!elf)
            return;
        check("it begins with an ELF header", *(const uint32_t *)elf, 0x464c457f);
        /* data follows text and constants in the file as in memory, but for alignment: look for the mark just set */
        place[0] = mark;
        place[1] = ~mark;
        for (nova_word offset = 0; offset + 2 * sizeof(nova_word) <= memory->size && !image; offset += sizeof(nova_word))
            if (*(const nova_word *)(elf + offset) == mark && *(const nova_word *)(elf + offset + sizeof(nova_word)) == ~mark)
                image = (const nova_word *)(elf + offset);
        check_true("a variable of this program changes in the module's memory", image && place[0] == mark);
        return;
    }
}

static void test_root_state(void)
{
    nova_word used = 0;

    for (unsigned i = 0; i < NOVA_EVENTS_THREAD; i++)
        used += object_at(i) != 0;
    check("selectors 0-31 are free", used, 0);
    for (unsigned i = 0; i < NOVA_ROOT_CAPS; i++)
        check(root_objects[i].name, object_at(nova_hip->sel_exc + i), object(nova_hip->sel_exc + i, root_objects[i].perm));
    check("root's UTCB is the page below the HIP", (nova_word)root_utcb, NOVA_ROOT_UTCB_ADDRESS);
    root_utcb->tls = 0x5a5a;
    check("root's UTCB is writable", root_utcb->tls, 0x5a5a);
}

/* Objects that root takes from the kernel's own space. */
static void test_kernel_objects(void)
{
    nova_word first = nova_selectors(4, 4), cpus = nova_hip_cpus(nova_hip);
    uint64_t idle;

    check("take the boot CPU's idle SC", nova_take_objects(boot_cpu, first, 1), NOVA_SUCCESS);
    check_true("it is there", nova_crd_type(object_at(first)) == NOVA_CRD_OBJ);
    check("it tells its time", nova_sc_time(first, 0, &idle), NOVA_SUCCESS);
    check("take the semaphore of GSI 1", nova_take_objects(cpus + 1, first + 1, 1), NOVA_SUCCESS);
    check_true("it is there too", nova_crd_type(object_at(first + 1)) == NOVA_CRD_OBJ);
    check("take an object that the kernel does not have", nova_take_objects(cpus + nova_hip->sel_gsi + 1000, first + 2, 1),
          NOVA_SUCCESS);
    check("nothing is there", object_at(first + 2), 0);
    nova_revoke(objects(first, 2), NOVA_REVOKE_SELF, 0, 0);
}

void test_hip(void)
{
    section("8.hip");
    test_fields(nova_hip);
    section("8.hip_cpus");
    test_cpus(nova_hip);
    section("8.hip_memory");
    test_memory_map(nova_hip);
    section("8.root");
    test_root_state();
    section("8.module");
    test_module(nova_hip);
    section("8.kernel_objects");
    test_kernel_objects();
}
