/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Fills all FPU registers with a pattern, says so, and sleeps for good: then nothing of them may be left in the CPU. For a look from outside.
 */
#include <user/lib/console.h>
#include <user/lib/task.h>
#include <user/lib/x86.h>

static uint64_t pattern[4]
    __attribute__((aligned(32))) = {0x5a5a5a5a5a5a5a5a, 0x5a5a5a5a5a5a5a5a, 0x5a5a5a5a5a5a5a5a, 0x5a5a5a5a5a5a5a5a};

static int has_avx(void)
{
    uint32_t low, high;
    if ((nova_cpuid(1).cx >> 27 & 3) != 3)
        return 0;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return low >> 2 & 1;
}

#define EACH(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7)

void nova_main(const struct nova_hip *hip, unsigned cpu)
{
    int avx = has_avx();
    (void)hip;
    nova_console_init();
    nova_printf("\nquiet: CPU %u, %s\n", cpu, avx ? "AVX" : "SSE");
#define PUSH(n) __asm__ volatile("fildll %0" : : "m"(pattern));
#define FILL_SSE(n) __asm__ volatile("movups %0, %%xmm" #n : : "m"(pattern));
#define FILL_AVX(n) __asm__ volatile("vmovups %0, %%ymm" #n : : "m"(pattern));
    EACH(PUSH)
    if (avx) {
        EACH(FILL_AVX)
    } else {
        EACH(FILL_SSE)
    }
    nova_printf("quiet: the registers are full\n");
}
