/* SPDX-License-Identifier: GPL-2.0-only */
/* Hardware task switches, without paging and (PAGES) with it: guests of their own, as QEMU's SVM cannot intercept them. */
#include "paging.h"

void guest_main(void)
{
#ifdef PAGES
    paging_init();
#endif
    test_task();
    finish();
}
