/* SPDX-License-Identifier: GPL-2.0-only */
/* A guest that runs all tests of its mode, with paging: 32-bit, PAE, or 64-bit. */
#include "paging.h"

void guest_main(void)
{
    paging_init();
    test_exceptions();
    test_step();
    test_interrupts();
    test_ports();
    test_processor();
    test_fpu();
    test_user();
    test_paging();
    finish();
}
