/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Floating point: x87, SSE and AVX registers over events, XSAVE, exceptions. Registers are used by assembly alone; the compiler keeps away from them.
 */
#include "guest.h"

static uint32_t in[32] __attribute__((aligned(64))), out[32] __attribute__((aligned(64)));
static uint8_t area[1024] __attribute__((aligned(64)));

static void fill(uint32_t first)
{
    for (unsigned i = 0; i < 32; i++) {
        in[i] = first + i * 0x01010101;
        out[i] = 0;
    }
}

static word differences(unsigned count)
{
    word wrong = 0;
    for (unsigned i = 0; i < count; i++)
        wrong += in[i] != out[i];
    return wrong;
}

static void x87(void)
{
    static const uint32_t three = 0x40400000, four = 0x40800000; /* floats */
    uint32_t five;
    uint16_t word_;
    __asm__ volatile("fninit; fnstcw %0" : "=m"(word_));
    check("x87: control word", word_, 0x37f);
    __asm__ volatile("flds %1; fmul %%st(0), %%st; flds %2; fmul %%st(0), %%st; faddp; cpuid; fsqrt; fstps %0"
                     : "=m"(five)
                     : "m"(three), "m"(four), "a"(0), "c"(0)
                     : "ebx", "edx");
    check("x87: sqrt(9 + 16), with an event in it", five, 0x40a00000);
    uint16_t control = 0x37e; /* invalid operation is not masked */
    __asm__ volatile("fldcw %0; fldz; fldz; fdivp" : : "m"(control));
    check("x87: exception", TRIES("fwait"), 16);
    __asm__ volatile("fnclex; fninit");
}

static void sse(void)
{
    uint32_t mxcsr;
    cr4_write(cr4_read() | CR4_FXSR | CR4_XMM);
    fill(0x11223344);
    __asm__ volatile("movaps (%0), %%xmm0; movaps 16(%0), %%xmm3; movaps 32(%0), %%xmm5; movaps 48(%0), %%xmm7"
                     :
                     : "r"(in)
                     : "memory");
    remark("registers are kept over this line");
    __asm__ volatile("movaps %%xmm0, (%0); movaps %%xmm3, 16(%0); movaps %%xmm5, 32(%0); movaps %%xmm7, 48(%0)"
                     :
                     : "r"(out)
                     : "memory");
    check("sse: registers kept over events", differences(16), 0);
    __asm__ volatile("stmxcsr %0" : "=m"(mxcsr));
    check("sse: MXCSR", mxcsr & 0xffc0, 0x1f80);
    mxcsr = 0x1f00; /* invalid operation is not masked */
    __asm__ volatile("ldmxcsr %0; xorps %%xmm0, %%xmm0; xorps %%xmm1, %%xmm1" : : "m"(mxcsr));
    word vector = TRIES("divss %%xmm1, %%xmm0", : : : "memory");
    if (vector == NOTHING)
        skip("sse: exception", "the processor does not raise it");
    else
        check("sse: exception", vector, 19);
    mxcsr = 0x1f80;
    __asm__ volatile("ldmxcsr %0" : : "m"(mxcsr));
    fill(0x7000000);
    __asm__ volatile("movaps (%0), %%xmm2; fxsave (%1); xorps %%xmm2, %%xmm2; fxrstor (%1); movaps %%xmm2, (%2)"
                     :
                     : "r"(in), "r"(area), "r"(out)
                     : "memory");
    check("fxsave and fxrstor", differences(4), 0);
}

static void avx(void)
{
    uint32_t features = cpuid(1, 0).c, low, high;
    if (!(features >> 26 & 1)) {
        skip("xsave", "the processor has none");
        return;
    }
    check("xsave is off: xgetbv", TRIES("xgetbv", : : "c"(0) : "eax", "edx"), 6);
    cr4_write(cr4_read() | CR4_OSXSAVE);
    check("xsave is on: cpuid says so", cpuid(1, 0).c >> 27 & 1, 1);
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    check("xcr0 at first", low, 1);
    if (!(features >> 28 & 1)) {
        skip("avx", "the processor has none");
        return;
    }
    __asm__ volatile("xsetbv" : : "c"(0), "a"(7), "d"(0));
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    check("xcr0 with avx", low, 7);
    check("xcr0 without x87 is refused", TRIES("xsetbv", : : "c"(0), "a"(6), "d"(0)), 13);
    check("xcr0 with avx, without sse is refused", TRIES("xsetbv", : : "c"(0), "a"(5), "d"(0)), 13);
    fill(0x55667788);
    __asm__ volatile("vmovups (%0), %%ymm0; vmovups 32(%0), %%ymm4; vmovups 64(%0), %%ymm7" : : "r"(in) : "memory");
    remark("registers are kept over this line");
    __asm__ volatile("vmovups %%ymm0, (%0); vmovups %%ymm4, 32(%0); vmovups %%ymm7, 64(%0)" : : "r"(out) : "memory");
    check("avx: registers kept over events", differences(24), 0);
    fill(0x01020304);
    __asm__ volatile("vmovups (%0), %%ymm6; xsave (%3); vzeroall; xrstor (%3); vmovups %%ymm6, (%4)"
                     :
                     : "r"(in), "a"(7), "d"(0), "r"(area), "r"(out)
                     : "memory");
    check("xsave and xrstor", differences(8), 0);
    __asm__ volatile("vzeroall");
}

void test_fpu(void)
{
    cr0_write((cr0_read() & ~(word)(CR0_EM | CR0_TS)) | CR0_MP | CR0_NE);
    x87();
    sse();
    avx();
}
