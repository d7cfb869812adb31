/* SPDX-License-Identifier: GPL-2.0-only */
/* The guest that single-steps over instructions of the monitor; a guest of its own, as Bochs cannot do it with SVM. */
#include "guest.h"

void guest_main(void)
{
    test_step_over();
    finish();
}
