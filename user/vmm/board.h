/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the monitor's machine has beside a PC's devices, for guests that know of it: ports to end the machine, to start the second virtual CPU, and to send an interrupt
 * from one to the other. Also for assembly.
 */
#ifndef USER_VMM_BOARD_H
#define USER_VMM_BOARD_H

#define BOARD_SELF 0xe8     /* read a byte: number of the virtual CPU that reads */
#define BOARD_CPUS 0xe9     /* read a byte: how many there are */
#define BOARD_DOORBELL 0xec /* write 32 bits: interrupt vector | number of the virtual CPU << 8 */
#define BOARD_START 0xf0    /* write 32 bits: virtual CPU 1 starts at this address, in 32-bit mode, flat, without paging */
#define BOARD_END 0xf4      /* write a byte: the machine ends; 0 = all was well */

/* Where a guest that is neither ELF nor Multiboot is put and entered, in real mode. */
#define BOARD_FLAT 0x7c00

#endif
