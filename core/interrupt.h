/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Interrupt semaphores: one for each GSI, raised when it comes (abi.md section 6, assign_gsi).
 */
#ifndef CORE_INTERRUPT_H
#define CORE_INTERRUPT_H

#include "core/semaphore.h"

/* Makes the semaphores and puts them where root can take them. Boot; false = no memory. */
bool interrupt_init(struct pd *kernel);

/* Interrupt semaphore of a GSI; 0 = there is none. */
struct signal *interrupt_semaphore(unsigned gsi);

/* The interrupt came. */
void interrupt_raise(struct cpu *cpu, unsigned gsi);

/* Down on an interrupt semaphore: the interrupt may come again. */
void interrupt_unmask(struct signal *signal);

/* Names the semaphore that is raised instead; signal itself or 0: none any more. Ups that are pending move. */
void interrupt_chain(struct cpu *cpu, struct signal *signal, struct semaphore *target);

#endif
