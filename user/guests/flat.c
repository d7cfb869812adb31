/* SPDX-License-Identifier: GPL-2.0-only */
/* The guest in 32-bit protected mode without paging, an ELF program without Multiboot header. */
#include "guest.h"

void guest_main(void)
{
    test_exceptions();
    test_step();
    test_interrupts();
    test_ports();
    test_processor();
    test_fpu();
    test_user();
    finish();
}
