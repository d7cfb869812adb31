/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The hypervisor information page (abi.md section 8).
 */
#ifndef CORE_HIP_H
#define CORE_HIP_H

#include "hal/boot_info.h"

/* Fills in a cleared page from boot_info. */
void hip_fill(struct nova_hip *hip);

#endif
