/* SPDX-License-Identifier: MIT */
/* Leaving the emulator, for test programs. On a real machine, and without these devices, nothing happens. */
#ifndef NOVA_LIB_EMULATOR_H
#define NOVA_LIB_EMULATOR_H

/* Asks QEMU's isa-debug-exit (status 2 * value + 1) and Bochs' iodebug device to end. Returns where neither is there. */
void nova_emulator_exit(unsigned char value);

#endif
