/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ports/x86/fpu.c with the FPU of the machine that runs the test: whatever image comes from user space, what fpu_import makes of it
 * can be loaded (a real XRSTOR or FXRSTOR tells), a good image stays as it is, and a bad one becomes the initial state.
 */
#include "tests/port/fake.h"
#include "tests/dice.h"

#include "ports/x86/fpu.c"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

uint32_t features_used;
static const char *phase = "";

static void __attribute__((noreturn)) fail(const char *text)
{
    printf("not ok %s: %s\n", phase, text);
    exit(1);
}

static void fault(int number)
{
    (void)number;
    printf("not ok %s: loading the image faults\n", phase);
    fflush(stdout);
    _exit(1);
}

word cr0_read(void) { return 0; }
void cr0_write(word value) { (void)value; }
word cr4_read(void) { return 0; }
void cr4_write(word value) { (void)value; }
enum vendor cpu_vendor(void) { return VENDOR_OTHER; }

struct cpuid cpuid(uint32_t leaf, uint32_t subleaf)
{
    struct cpuid r;
    asm volatile("cpuid" : "=a"(r.a), "=b"(r.b), "=c"(r.c), "=d"(r.d) : "a"(leaf), "c"(subleaf));
    return r;
}

static uint64_t seed = 1;
static unsigned pick(unsigned n) { return dice(&seed, n); }

enum { ROOM = 4096 };
static uint8_t area[ROOM] __attribute__((aligned(64))), image[ROOM] __attribute__((aligned(64))),
    again[ROOM] __attribute__((aligned(64)));
static uint8_t initial[ROOM] __attribute__((aligned(64))), mine[ROOM] __attribute__((aligned(64)));

/* Loads the area into the registers, looks what is in them, and gets the test's own registers back. */
static bool loads(void)
{
    bool good;
    memset(again, 0, sizeof again); /* not later: it uses the registers itself */
    fpu_save(mine);
    good = restore(area);
    if (good)
        asm volatile("fxsave %0" : "+m"(again));
    restore(mine);
    return good;
}

static void image_make(void)
{
    fpu_init(image);
    struct fpu_area *fpu = (void *)image;
    for (unsigned i = 0; i < 128; i++)
        fpu->registers[i % 16 < 10 ? i : 0] = (uint8_t)pick(256); /* ST0-7 */
    for (unsigned i = 128; i < 256; i++)
        fpu->registers[i] = (uint8_t)pick(256); /* XMM0-7 */
    fpu->present = fpu_components & (pick(2) ? 3 : 7);
}

static void test_good(void)
{
    phase = "good FPU images stay";
    for (unsigned i = 0; i < 1000; i++) {
        image_make();
        memset(area, 0xa5, sizeof area);
        fpu_import(area, image, pick(2) ? ROOM : area_size);
        if (memcmp(area, image, area_size))
            fail("a good image was changed");
        if (!loads() || memcmp(again + 160, image + 160, 128))
            fail("XMM registers differ after loading");
        fpu_export(area, again, sizeof again);
        if (memcmp(again, image, area_size))
            fail("fpu_export");
    }
    printf("ok %s\n", phase);
}

static void test_bad(void)
{
    phase = "bad FPU images become the initial state";
    unsigned kept = 0, refused = 0;
    for (unsigned i = 0; i < 30000; i++) {
        image_make();
        for (unsigned changes = pick(4); changes; changes--) {
            unsigned where = pick(4) ? 512 + pick(64) : pick(2) ? 24 + pick(4) : pick((unsigned)area_size);
            image[where] ^= (uint8_t)(1u << pick(8));
        }
        size_t size = pick(8) ? area_size : pick((unsigned)area_size);
        fpu_import(area, image, size);
        if (!loads())
            fail("the image cannot be loaded");
        bool same = !memcmp(area, initial, area_size);
        if (!same && size < (features_used ? 576 : 512))
            fail("an image without its header was taken");
        if (same)
            refused++;
        else if (memcmp(area, image, size))
            fail("the image was neither taken nor refused");
        else
            kept++;
    }
    if (!kept || !refused)
        fail("the test is one-sided");
    printf("ok %s (%u of %u)\n", phase, refused, kept + refused);
}

static void run(uint32_t features)
{
    features_used = 0; /* XSETBV is the kernel's: what it does to XCR0 has been done by the system */
    boot_cpu_init();
    features_used = features;
    if (features) {
        uint32_t low, high;
        asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
        fpu_components = low & 7;
        area_size = fpu_components & 4 ? 832 : 576;
    }
    fpu_init(initial);
    test_good();
    test_bad();
}

int main(void)
{
    setvbuf(stdout, 0, _IONBF, 0);
    struct sigaction action = {.sa_handler = fault};
    sigaction(SIGSEGV, &action, 0);
    run(0);
    if (cpuid(1, 0).c >> 27 & 1)
        run(1u << FEATURE_XSAVE | 1u << FEATURE_AVX);
    return 0;
}
