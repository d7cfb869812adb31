/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The PC that the platform tests run on: physical memory in pieces, ports and device registers that are functions, a log, and a stop that comes back.
 */
#ifndef TESTS_PLATFORM_MACHINE_H
#define TESTS_PLATFORM_MACHINE_H

#include "hal/boot_info.h"

#include <stddef.h>

/* Forgets memory, log and boot_info. */
void machine_reset(void);

/* Puts size bytes at a physical address; everything else reads as ones. The bytes are copied. */
void machine_place(paddr_t address, const void *bytes, size_t size);

/* Runs the function; true if it returned, false if it ended in a fatal message. */
bool machine_runs(void (*function)(void *), void *argument);

/* platform_boot with this magic and address; acpi_boot, madt_read and acpi_tables_read. As machine_runs. */
bool machine_boots(uint32_t magic, paddr_t info);
bool machine_reads_acpi(uint32_t boot_id);

/* All log lines so far. */
const char *machine_log(void);

/* What must hold after any boot that went well; 0 or what does not. */
const char *machine_invariants(void);

extern paddr_t machine_pool_max;
extern unsigned machine_device_room; /* pages that physical_device still maps */

/* Port and register accesses go here; the defaults read all ones and ignore writes. */
extern uint32_t (*machine_port_read)(uint16_t port, unsigned size);
extern void (*machine_port_write)(uint16_t port, unsigned size, uint32_t value);
extern uint32_t (*machine_register_read)(paddr_t address);
extern void (*machine_register_write)(paddr_t address, uint32_t value);

/* The memory behind a physical_device mapping of this address; 0 = not mapped. */
void *machine_device(paddr_t address);

/* Sound things for tests to damage. Each returns its size. */
enum {
    IMAGE_BEGIN = 0x200000,
    IMAGE_END = 0x260000,
    ROOT_BEGIN = 0x1000000,
    ROOT_END = 0x1010123,
    MAGIC_1 = 0x2badb002,
    MAGIC_2 = 0x36d76289
};

#endif
