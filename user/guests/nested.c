/* SPDX-License-Identifier: GPL-2.0-only */
/* A fault while a fault is delivered: guests of their own, as QEMU does not see it behind an injection. */
#include "paging.h"

void guest_main(void)
{
    paging_init();
    test_double_fault();
    finish();
}
