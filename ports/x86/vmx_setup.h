/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Set-up of VMX, used by vmx.c.
 */
#ifndef PORTS_X86_VMX_SETUP_H
#define PORTS_X86_VMX_SETUP_H

#include "ports/x86/vmx.h"

/* As struct vcpu_hardware says. */
bool vmx_boot(void);
bool vmx_cpu_init(struct x86_cpu *cpu);

/* What a VMCS begins with. */
uint32_t vmx_revision(void);

/* Fills in the current VMCS, which has just been cleared, on its own CPU. */
void vmcs_fill(struct x86_cpu *cpu, struct vmx *vmx);

#endif
