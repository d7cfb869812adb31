/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * CPUID, walked by a table of the features that the kernel uses, and the bits of CR0, CR4, EFER and PAT that switch them on.
 */
#include "ports/x86/features.h"

#include "core/lib/bits.h"
#include "core/lib/log.h"
#include "ports/x86/control.h"
#include "ports/x86/msr.h"

enum cpuid_register { A, B, C, D };

/* Intel SDM vol. 2, CPUID; AMD APM vol. 3, appendix E. */
static const struct {
    uint32_t leaf;
    uint8_t subleaf, reg, bit;
    char name[13];
} places[FEATURES] = {
    [FEATURE_TSC] = {1, 0, D, 4, "tsc"},
    [FEATURE_MSR] = {1, 0, D, 5, "msr"},
    [FEATURE_APIC] = {1, 0, D, 9, "apic"},
    [FEATURE_SYSENTER] = {1, 0, D, 11, "sysenter"},
    [FEATURE_FXSR] = {1, 0, D, 24, "fxsr"},
    [FEATURE_SSE] = {1, 0, D, 25, "sse"},
    [FEATURE_PAT] = {1, 0, D, 16, "pat"},
    [FEATURE_PGE] = {1, 0, D, 13, "pge"},
    [FEATURE_NX] = {0x80000001, 0, D, 20, "nx"},
    [FEATURE_SMEP] = {7, 0, B, 7, "smep"},
    [FEATURE_SMAP] = {7, 0, B, 20, "smap"},
    [FEATURE_UMIP] = {7, 0, C, 2, "umip"},
    [FEATURE_PCID] = {1, 0, C, 17, "pcid"},
    [FEATURE_X2APIC] = {1, 0, C, 21, "x2apic"},
    [FEATURE_TSC_DEADLINE] = {1, 0, C, 24, "tsc-deadline"},
    [FEATURE_XSAVE] = {1, 0, C, 26, "xsave"},
    [FEATURE_XSAVEOPT] = {0xd, 1, A, 0, "xsaveopt"},
    [FEATURE_AVX] = {1, 0, C, 28, "avx"},
    [FEATURE_AVX512] = {7, 0, B, 16, "avx512"},
    [FEATURE_PAGE_1G] = {0x80000001, 0, D, 26, "1g-pages"},
    [FEATURE_RESIZE] = {7, 0, D, 29, "resize"}, /* on Intel: the register that may say so exists */
    [FEATURE_MWAIT] = {1, 0, C, 3, "mwait"},
    [FEATURE_TSC_ADJUST] = {7, 0, B, 1, "tsc-adjust"},
    [FEATURE_TSC_INVARIANT] = {0x80000007, 0, D, 8, "tsc-const"},
    [FEATURE_HYBRID] = {7, 0, D, 15, "hybrid"},
    [FEATURE_HYPERVISOR] = {1, 0, C, 31, "hypervisor"},
};

#define REQUIRED ((1u << FEATURE_PAT) - 1)
#define COMMON ((1u << FEATURE_TSC_ADJUST) - (1u << FEATURE_XSAVEOPT))
#define MAY_DIFFER (~0u << FEATURE_TSC_ADJUST)

uint32_t features_used;

struct cpuid cpuid(uint32_t leaf, uint32_t subleaf)
{
    struct cpuid r;
    asm volatile("cpuid" : "=a"(r.a), "=b"(r.b), "=c"(r.c), "=d"(r.d) : "a"(leaf & 0xc0000000), "c"(0));
    if (leaf > r.a || (r.a ^ leaf) >> 30)
        return (struct cpuid){0, 0, 0, 0};
    asm volatile("cpuid" : "=a"(r.a), "=b"(r.b), "=c"(r.c), "=d"(r.d) : "a"(leaf), "c"(subleaf));
    return r;
}

enum vendor cpu_vendor(void)
{
    switch (cpuid(0, 0).b) {
    case 0x756e6547: /* GenuineIntel */ return VENDOR_INTEL;
    case 0x68747541: /* AuthenticAMD */
    case 0x6f677948: /* HygonGenuine */ return VENDOR_AMD;
    default: return VENDOR_OTHER;
    }
}

unsigned cpu_family(void)
{
    uint32_t signature = cpuid(1, 0).a;
    unsigned family = signature >> 8 & 0xf;
    return family == 0xf ? family + (signature >> 20 & 0xff) : family;
}

unsigned cpu_model(void)
{
    uint32_t signature = cpuid(1, 0).a;
    unsigned family = signature >> 8 & 0xf;
    return (signature >> 4 & 0xf) | (family == 6 || family == 0xf ? signature >> 12 & 0xf0 : 0);
}

unsigned cpu_physical_bits(void)
{
    static unsigned known; /* CPUID is slow, and very slow where this kernel itself is a guest */
    if (known)
        return known;
    unsigned bits = cpuid(0x80000008, 0).a & 0xff;
    return known = bits >= 32 && bits <= 52 ? bits : 36;
}

/*
 * Whether the CPU bears it that a large page becomes small ones while its TLB holds the large one, as the architecture allows (SDM vol. 3, 4.10.2.3). Otherwise
 * the two translations at once can be a machine check: in instruction fetches of Intel's Core CPUs before IF_PSCHANGE_MC_NO (ARCH_CAPABILITIES bit 6; CVE-2018-12207),
 * in all accesses of AMD family 10h (erratum 383).
 */
static bool may_resize(bool capabilities)
{
    static const uint8_t atom[] = {0x1c, 0x26, 0x27, 0x35, 0x36, 0x37, 0x4a, 0x4c, 0x4d, 0x5a, 0x5c, 0x5f, 0x7a};
    if (cpu_vendor() != VENDOR_INTEL)
        return cpu_vendor() != VENDOR_AMD || cpu_family() != 0x10;
    bool fine = capabilities && rdmsr(MSR_ARCH_CAPABILITIES) >> 6 & 1;
    for (unsigned i = 0; i < sizeof atom && cpu_family() == 6; i++)
        fine = fine || cpu_model() == atom[i];
    return fine;
}

static uint32_t detect(void)
{
    uint32_t set = 0;
    for (unsigned i = 0; i < FEATURES; i++) {
        struct cpuid r = cpuid(places[i].leaf, places[i].subleaf);
        const uint32_t reg[] = {r.a, r.b, r.c, r.d};
        set |= (reg[places[i].reg] >> places[i].bit & 1) << i;
    }
    if (!may_resize(set >> FEATURE_RESIZE & 1))
        set &= ~(1u << FEATURE_RESIZE);
    else
        set |= 1u << FEATURE_RESIZE;
    if (sizeof(word) == 4) /* PCIDs and pages of 1 GiB exist in 64-bit mode only (SDM vol. 3, 4.10.1 and 4.4) */
        set &= ~(1u << FEATURE_PCID | 1u << FEATURE_PAGE_1G);
    else /* and there it is syscall that matters, which every CPU has then */
        set |= 1u << FEATURE_SYSENTER;
    if (!(set >> FEATURE_PGE & 1))
        set &= ~(1u << FEATURE_PCID); /* so that features_enable needs to know one order only */
    if (!(set >> FEATURE_XSAVE & 1))
        set &= ~(1u << FEATURE_XSAVEOPT | 1u << FEATURE_AVX | 1u << FEATURE_AVX512);
    /*
     * Virtual machines wait badly with MWAIT: what runs them makes a pause of it. Without leaf 5 it does not say what it waits for.
     */
    if (set >> FEATURE_HYPERVISOR & 1 || !cpuid(5, 0).b)
        set &= ~(1u << FEATURE_MWAIT);
    if (!(set >> FEATURE_AVX & 1))
        set &= ~(1u << FEATURE_AVX512);
    return set;
}

void features_names(uint32_t set, char *text, size_t size)
{
    text[0] = 0;
    for (unsigned i = 0; i < FEATURES; i++)
        if (set >> i & 1) {
            size_t length = format_text(text, size, " %s", places[i].name);
            text += length;
            size -= length;
        }
}

void features_boot(void) { features_used = detect(); }

void features_apply_options(void)
{
    if (boot_info.options.nopcid)
        features_used &= ~(1u << FEATURE_PCID);
    if (boot_info.options.nodl)
        features_used &= ~(1u << FEATURE_TSC_DEADLINE);
    if (boot_info.options.hlt)
        features_used &= ~(1u << FEATURE_MWAIT);
    if (~features_used & REQUIRED) {
        char text[80];
        features_names(~features_used & REQUIRED, text, sizeof text);
        fatal("this CPU lacks:%s; the kernel needs a newer one", text);
    }
    if (!feature(FEATURE_NX))
        log_line("cpu: no NX: data can be executed");
}

uint32_t features_common(void)
{
    uint32_t lacks = ~detect();
    __atomic_and_fetch(&features_used, ~(lacks & COMMON), __ATOMIC_RELAXED);
    return features_used & lacks & ~MAY_DIFFER;
}

void features_enable(void)
{
    if (feature(FEATURE_NX))
        wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_NXE);
    /*
     * Entries 0-7: WB, WC, UC-, UC, WB, WT, UC-, UC (SDM vol. 3, 12.12.2). Only entry 1, which nobody has used so far, differs from
     * reset.
     */
    if (feature(FEATURE_PAT))
        wrmsr(MSR_PAT, 0x0007040600070106);
    cr0_write((cr0_read() & ~(CR0_CD | CR0_NW | CR0_AM)) | CR0_WP | CR0_NE);
    static const struct {
        enum feature name;
        word bit;
    } bits[] = {{FEATURE_PGE, CR4_PGE}, {FEATURE_UMIP, CR4_UMIP}, {FEATURE_SMEP, CR4_SMEP}, {FEATURE_SMAP, CR4_SMAP}};
    word cr4 = cr4_read() | CR4_DE | CR4_MCE;
    for (unsigned i = 0; i < ARRAY_SIZE(bits); i++)
        if (feature(bits[i].name))
            cr4 |= bits[i].bit;
    cr4_write(cr4);
}

void features_enable_pcid(void)
{
    if (feature(FEATURE_PCID))
        cr4_write(cr4_read() | CR4_PCIDE);
}

/* Bits of the APIC id that count threads, and threads and cores. */
struct topology {
    unsigned thread_bits, package_bits;
};

/* Bits that n different numbers need. */
static unsigned bits_for(unsigned n) { return n > 1 ? bit_highest(n - 1) + 1 : 0; }

static struct topology topology_find(void)
{
    struct topology t = {0, 0};
    uint32_t leaf = cpuid(0x1f, 0).b ? 0x1f : cpuid(0xb, 0).b ? 0xb : 0;
    if (leaf) {
        /* Extended topology: a level at a time, from threads (type 1) up; the last level's shift leads to the package. */
        for (uint32_t level = 0; level < 8; level++) {
            struct cpuid r = cpuid(leaf, level);
            unsigned type = r.c >> 8 & 0xff;
            if (!type)
                break;
            t.package_bits = r.a & 0x1f;
            if (type == 1)
                t.thread_bits = r.a & 0x1f;
        }
        return t;
    }
    unsigned logical = cpuid(1, 0).d >> 28 & 1 ? cpuid(1, 0).b >> 16 & 0xff : 1, cores = 1;
    if (cpu_vendor() == VENDOR_AMD) {
        struct cpuid r = cpuid(0x80000008, 0);
        cores = (r.c & 0xff) + 1;
        t.package_bits = r.c >> 12 & 0xf ? r.c >> 12 & 0xf : bits_for(cores);
        if (cpuid(0x80000001, 0).c >> 22 & 1) /* topology extensions */
            t.thread_bits = bits_for((cpuid(0x8000001e, 0).b >> 8 & 0xff) + 1);
    } else {
        if (cpuid(4, 0).a & 0x1f)
            cores = (cpuid(4, 0).a >> 26) + 1;
        t.package_bits = bits_for(logical);
        t.thread_bits = bits_for(cores) < t.package_bits ? t.package_bits - bits_for(cores) : 0;
    }
    if (t.package_bits < t.thread_bits)
        t.package_bits = t.thread_bits;
    return t;
}

static uint32_t microcode_revision(void)
{
    uint64_t value = 0;
    if (cpu_vendor() == VENDOR_INTEL) {
        /* SDM vol. 3, 10.11.7.1: clear it, CPUID 1 loads it, read the upper half. */
        if (!wrmsr_safe(MSR_MICROCODE, 0))
            return 0;
        cpuid(1, 0);
        return rdmsr_safe(MSR_MICROCODE, &value) ? (uint32_t)(value >> 32) : 0;
    }
    return cpu_vendor() == VENDOR_AMD && rdmsr_safe(MSR_MICROCODE, &value) ? (uint32_t)value : 0;
}

static uint8_t hybrid_flags(void)
{
    if (!(detect() >> FEATURE_HYBRID & 1))
        return 0;
    switch (cpuid(0x1a, 0).a >> 24) { /* core type */
    case 0x20: return NOVA_CPU_ECORE;
    case 0x40: return NOVA_CPU_PCORE;
    default: return 0;
    }
}

void features_describe(unsigned number)
{
    struct nova_hip_cpu *hip = &boot_info.cpu[number].hip;
    struct topology t = topology_find();
    uint32_t id = boot_info.cpu[number].apic_id;
    uint64_t platform = 0;
    if (cpu_vendor() == VENDOR_INTEL)
        rdmsr_safe(MSR_PLATFORM_ID, &platform);
    hip->flags = hybrid_flags();
    hip->thread = (uint8_t)(id & ((1u << t.thread_bits) - 1));
    hip->core = (uint8_t)((id & (uint32_t)(((uint64_t)1 << t.package_bits) - 1)) >> t.thread_bits);
    hip->package = (uint8_t)((uint64_t)id >> t.package_bits);
    hip->acpi_id = boot_info.cpu[number].acpi_id;
    hip->family = (uint8_t)cpu_family();
    hip->model = (uint8_t)cpu_model();
    hip->stepping_platform = (uint8_t)((cpuid(1, 0).a & 0xf) | (platform >> 50 & 7) << 4);
    hip->microcode = microcode_revision();
}

void features_log(unsigned number)
{
    static const char *const vendors[] = {[VENDOR_OTHER] = "other", [VENDOR_INTEL] = "Intel", [VENDOR_AMD] = "AMD"};
    const struct nova_hip_cpu *hip = &boot_info.cpu[number].hip;
    char text[160];
    features_names(features_used & ~REQUIRED, text, sizeof text);
    log_line("cpu %u %u:%u:%u %s family %x model %x stepping %x platform %x microcode %x apic %x acpi %x%s:%s", number,
             hip->package, hip->core, hip->thread, vendors[cpu_vendor()], hip->family, hip->model, hip->stepping_platform & 0xf,
             hip->stepping_platform >> 4, hip->microcode, boot_info.cpu[number].apic_id, boot_info.cpu[number].acpi_uid,
             hip->flags & NOVA_CPU_PCORE   ? " P-core"
             : hip->flags & NOVA_CPU_ECORE ? " E-core"
                                           : "",
             text);
}
