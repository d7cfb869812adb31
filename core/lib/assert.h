/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Assertions state what the kernel itself guarantees; nothing user space does reaches one. Checked in debug builds (make DEBUG=1) and hosted.
 */
#ifndef CORE_LIB_ASSERT_H
#define CORE_LIB_ASSERT_H

#include "core/lib/log.h"

#ifdef DEBUG
#define ASSERT(condition)                                                                                                          \
    do {                                                                                                                           \
        if (__builtin_expect(!(condition), 0))                                                                                     \
            fatal("assertion failed: %s at %s:%d; please report it with the boot log", #condition, __FILE__, __LINE__);            \
    } while (0)
#else
#define ASSERT(condition) ((void)sizeof(condition))
#endif

#endif
