/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * FPU state: FXSAVE, or XSAVE with all of x87, SSE, AVX, AVX-512 that every CPU has. Always the standard format, so an image of
 * user space is checked completely by looking at it. Intel SDM vol. 1, chapter 13; XCR0 and MXCSR mask are fixed before the first
 * area.
 */
#include "ports/x86/fpu.h"

#include "core/lib/bits.h"
#include "core/lib/string.h"
#include "hal/boot_info.h"
#include "hal/cpu.h"
#include "ports/x86/control.h"
#include "ports/x86/features.h"
#include "ports/x86/fixup.h"

#define XCR0_X87_SSE 0x3
#define XCR0_AVX 0x4
#define XCR0_AVX512 0xe0

/* Beginning of an area: the FXSAVE image, then with XSAVE its header. */
struct fpu_area {
    uint16_t control, status;
    uint8_t rest[20];
    uint32_t mxcsr, mxcsr_mask;
    uint8_t registers[480];
    uint64_t present, compact, reserved[6]; /* XSTATE_BV, XCOMP_BV */
};
_Static_assert(offsetof(struct fpu_area, mxcsr) == 24 && offsetof(struct fpu_area, present) == 512,
               "SDM vol. 1, tables 10-2 and 13.4.2");

#ifdef __x86_64__
#define WIDE "64"
#else
#define WIDE ""
#endif

enum { FXSAVE_SIZE = 512, HEADER_SIZE = 64, MXCSR_INITIAL = 0x1f80, CONTROL_INITIAL = 0x37f };

/* The initial state. No component is present: none of those behind the header is read (SDM vol. 1, 13.8). */
static struct fpu_area clean __attribute__((aligned(64)));
uint32_t fpu_components;
static uint32_t mxcsr_mask;
static size_t area_size;
static bool leaks; /* FXRSTOR leaves the last exception's pointers of another thread (AMD APM vol. 2, 11.4.4.3) */

size_t fpu_size(void) { return area_size; }

void fpu_off(void) { cr0_write(cr0_read() | CR0_TS); }

void fpu_on(void) { asm volatile("clts" : : : "memory"); }

void fpu_init(void *area)
{
    struct fpu_area *fpu = memset(area, 0, area_size);
    fpu->control = CONTROL_INITIAL;
    fpu->mxcsr = MXCSR_INITIAL;
}

void fpu_save(void *area)
{
    if (feature(FEATURE_XSAVEOPT))
        asm volatile("xsaveopt" WIDE " (%0)" : : "r"(area), "a"(fpu_components), "d"(0) : "memory");
    else if (feature(FEATURE_XSAVE))
        asm volatile("xsave" WIDE " (%0)" : : "r"(area), "a"(fpu_components), "d"(0) : "memory");
    else
        asm volatile("fxsave" WIDE " (%0)" : : "r"(area) : "memory");
}

static bool restore(const void *area)
{
    if (feature(FEATURE_XSAVE))
        asm goto("1: xrstor" WIDE " (%0)\n" FIXUP("1b", "%l[bad]") : : "r"(area), "a"(fpu_components), "d"(0) : "memory" : bad);
    else
        asm goto("1: fxrstor" WIDE " (%0)\n" FIXUP("1b", "%l[bad]") : : "r"(area) : "memory" : bad);
    return true;
bad:
    return false;
}

static bool load(const void *area)
{
    static const uint32_t zero = 0;
    if (leaks)
        asm volatile("fnclex; emms; fildl %0" : : "m"(zero));
    return restore(area);
}

void fpu_load(void *area)
{
    if (!load(area)) {
        fpu_init(area);
        restore(area);
    }
}

void fpu_clean(void) { load(&clean); }

void fpu_import(void *area, const void *image, size_t size)
{
    struct fpu_area *fpu = memset(area, 0, area_size);
    memcpy(area, image, size < area_size ? size : area_size);
    bool good = size >= FXSAVE_SIZE && !(fpu->mxcsr & ~mxcsr_mask);
    if (feature(FEATURE_XSAVE)) {
        /* SDM vol. 1, 13.8.1: what makes XRSTOR of the standard format fault. */
        good = good && size >= FXSAVE_SIZE + HEADER_SIZE && !(fpu->present & ~(uint64_t)fpu_components) && !fpu->compact &&
               !fpu->reserved[0];
    }
    if (!good)
        fpu_init(area);
}

void fpu_export(const void *area, void *image, size_t size) { memcpy(image, area, size < area_size ? size : area_size); }

uint32_t fpu_constrain(uint64_t wanted)
{
    /* SDM vol. 1, 13.3: x87 always, AVX needs SSE, AVX-512 needs AVX and comes whole. */
    uint32_t value = ((uint32_t)wanted & fpu_components) | 1;
    if ((value & XCR0_X87_SSE) != XCR0_X87_SSE)
        return 1;
    if (!(value & XCR0_AVX) || (value & XCR0_AVX512) != XCR0_AVX512)
        value &= ~(uint32_t)XCR0_AVX512;
    return value;
}

static void boot_cpu_init(void)
{
    static struct fpu_area probe __attribute__((aligned(16)));
    asm volatile("fxsave %0" : "=m"(probe));
    mxcsr_mask = probe.mxcsr_mask;
    if (!mxcsr_mask)
        mxcsr_mask = 0xffbf; /* SDM vol. 1, 11.6.6 */
    leaks = cpu_vendor() == VENDOR_AMD && !(cpuid(0x80000008, 0).b & 4);
    clean.control = CONTROL_INITIAL;
    clean.mxcsr = MXCSR_INITIAL;
    area_size = FXSAVE_SIZE;
    if (!feature(FEATURE_XSAVE))
        return;
    uint32_t supported = cpuid(0xd, 0).a;
    fpu_components = XCR0_X87_SSE;
    if (feature(FEATURE_AVX) && supported & XCR0_AVX)
        fpu_components |= XCR0_AVX;
    if (feature(FEATURE_AVX512) && fpu_components & XCR0_AVX && (supported & XCR0_AVX512) == XCR0_AVX512)
        fpu_components |= XCR0_AVX512;
    asm volatile("xsetbv" : : "c"(0), "a"(fpu_components), "d"(0));
    area_size = (cpuid(0xd, 0).b + 63u) & ~63u; /* for what XCR0 holds now */
}

void fpu_cpu_init(void)
{
    word cr4 = cr4_read() | CR4_OSFXSR | CR4_OSXMMEXCPT;
    if (feature(FEATURE_XSAVE))
        cr4 |= CR4_OSXSAVE;
    cr4_write(cr4);
    cr0_write((cr0_read() & ~(CR0_EM | CR0_TS)) | CR0_MP);
    asm volatile("fninit");
    if (!area_size)
        boot_cpu_init();
    if (feature(FEATURE_XSAVE))
        asm volatile("xsetbv" : : "c"(0), "a"(fpu_components), "d"(0));
    fpu_clean();
    fpu_off();
}
