/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The two 8259A interrupt controllers (Intel 8259A data sheet): initialised so that a spurious interrupt does not look like an exception, then masked for good.
 */
#include "platform/interrupt.h"

#include "platform/io.h"
#include "platform/platform.h"

enum { MASTER = 0x20, SLAVE = 0xa0, DATA = 1, ICW1 = 0x11, ICW3_MASTER = 1 << 2, ICW3_SLAVE = 2, ICW4_8086 = 1, ALL = 0xff };

void pic_boot(void)
{
    io_write8(MASTER + DATA, ALL);
    io_write8(SLAVE + DATA, ALL);
    io_write8(MASTER, ICW1);
    io_write8(MASTER + DATA, PLATFORM_PIC_VECTOR);
    io_write8(MASTER + DATA, ICW3_MASTER);
    io_write8(MASTER + DATA, ICW4_8086);
    io_write8(SLAVE, ICW1);
    io_write8(SLAVE + DATA, PLATFORM_PIC_VECTOR + 8);
    io_write8(SLAVE + DATA, ICW3_SLAVE);
    io_write8(SLAVE + DATA, ICW4_8086);
    io_write8(MASTER + DATA, ALL);
    io_write8(SLAVE + DATA, ALL);
}
