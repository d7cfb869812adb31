/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The simulated machine runs no guests unless a test brings what plays their part.
 */
#include "hosted.h"

const struct virtualization_ops *hosted_virtualization;

const struct virtualization_ops *hal_virtualization(void) { return hosted_virtualization; }
