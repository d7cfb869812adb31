/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Interrupt vectors above the 32 exceptions, the same on every CPU. A higher vector has priority; a whole class of 16 lies above the device interrupts.
 */
#ifndef PORTS_X86_VECTORS_H
#define PORTS_X86_VECTORS_H

enum {
    VECTOR_PIC = 0x20,        /* 0x20-0x2f: where the masked 8259s could still send something spurious */
    VECTOR_GSI = 0x30,        /* device interrupt g = vector VECTOR_GSI + g */
    VECTOR_GSIS = 0xc0,       /* how many of them */
    VECTOR_TIMER = 0xf0,      /* local APIC timer */
    VECTOR_APIC_ERROR = 0xf1, /* local APIC error */
    VECTOR_SIGNAL = 0xf2,     /* cpu_signal */
    VECTOR_THERMAL = 0xf3,    /* masked, reserved */
    VECTOR_IOMMU = 0xf4,      /* fault event of an IOMMU */
    VECTOR_SPURIOUS = 0xff    /* local APIC spurious: low four bits ones for old APICs */
};

#endif
