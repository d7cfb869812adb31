/* SPDX-License-Identifier: GPL-2.0-only */
/* The guest in real mode, a flat image. */
#include "guest.h"

void guest_main(void)
{
    test_exceptions();
    test_step();
    test_interrupts();
    test_ports();
    test_processor();
    finish();
}
