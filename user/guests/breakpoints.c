/* SPDX-License-Identifier: GPL-2.0-only */
/* Breakpoints by debug registers: a guest of its own, as QEMU crashes when several machines use them on one CPU. */
#include "guest.h"

void guest_main(void)
{
    test_breakpoints();
    finish();
}
