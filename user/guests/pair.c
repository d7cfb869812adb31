/* SPDX-License-Identifier: GPL-2.0-only */
/* A guest with two virtual CPUs, with paging. */
#include "paging.h"

void guest_main(void)
{
    paging_init();
    test_two();
    finish();
}
