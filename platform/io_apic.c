/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * I/O APICs (Intel 82093AA data sheet; ICH9 data sheet, section 13.5): routing, masking and trigger modes of pins, and what MSIs look like. One lock for each
 * I/O APIC: index and data register are a pair. A pin's mode and mask are kept here and written as a whole, so that nothing is read back from the device.
 * No interrupt remapping: an APIC id above 254 cannot be a destination; such interrupts go to the boot CPU.
 */
#include "platform/interrupt.h"

#include "core/lib/log.h"
#include "core/lib/spinlock.h"
#include "hal/physical.h"
#include "platform/acpi.h"
#include "platform/io.h"
#include "platform/memory_map.h"
#include "platform/platform.h"

enum { INDEX = 0x00, WINDOW = 0x10, REGISTERS_SIZE = 0x20, REG_VERSION = 1, REG_PINS = 0x10, PINS_MAX = 240 };
/* Redirection entry: vector, fixed delivery, physical destination. */
enum { ENTRY_LOW_ACTIVE = 1 << 13, ENTRY_LEVEL = 1 << 15, ENTRY_MASKED = 1 << 16, ENTRY_DESTINATION = 24 };
enum { MODE_LOW = 1, MODE_LEVEL = 2, DESTINATIONS = 255, ISA_PINS = 16, UNROUTED = 0xffff };
enum { MSI_ADDRESS = 0xfee00000, MSI_DESTINATION = 12 };

static struct io_apic {
    volatile uint8_t *registers;
    unsigned gsi, pins;
    struct spinlock lock;
} io_apics[IO_APIC_MAX];
static unsigned io_apic_count;

static struct pin {
    struct io_apic *io_apic; /* 0 = a GSI without a pin */
    uint8_t mode;            /* MODE_* */
    bool masked, kernel;
    uint16_t cpu; /* UNROUTED = not yet */
} pins[PLATFORM_GSIS];

static uint32_t register_read(struct io_apic *io_apic, unsigned reg)
{
    mmio_write32(io_apic->registers + INDEX, reg);
    return mmio_read32(io_apic->registers + WINDOW);
}

static void register_write(struct io_apic *io_apic, unsigned reg, uint32_t value)
{
    mmio_write32(io_apic->registers + INDEX, reg);
    mmio_write32(io_apic->registers + WINDOW, value);
}

static uint32_t destination(unsigned cpu)
{
    uint32_t id = boot_info.cpu[cpu].apic_id;
    return id < DESTINATIONS ? id : boot_info.cpu[boot_info.boot_cpu].apic_id;
}

/*
 * Caller holds the lock of the I/O APIC. A pin that was never routed stays masked whatever core says: a down on its interrupt semaphore
 * unmasks it, but nobody has said where the interrupt goes.
 */
static void pin_write(unsigned gsi, const struct pin *pin)
{
    unsigned reg = REG_PINS + 2 * (gsi - pin->io_apic->gsi);
    uint32_t low =
        (PLATFORM_GSI_VECTOR + gsi) | (pin->mode & MODE_LOW ? ENTRY_LOW_ACTIVE : 0) | (pin->mode & MODE_LEVEL ? ENTRY_LEVEL : 0);
    if (pin->masked || pin->cpu == UNROUTED) {
        register_write(pin->io_apic, reg, low | ENTRY_MASKED);
    } else {
        register_write(pin->io_apic, reg + 1, destination(pin->cpu) << ENTRY_DESTINATION);
        register_write(pin->io_apic, reg, low);
    }
}

unsigned gsi_count(void) { return PLATFORM_GSIS; }

bool gsi_has_pin(unsigned gsi) { return gsi < PLATFORM_GSIS && pins[gsi].io_apic; }

static void pin_route(unsigned gsi, unsigned cpu, int mode)
{
    struct pin *pin = &pins[gsi];
    spin_lock(&pin->io_apic->lock);
    if (mode >= 0)
        pin->mode = (uint8_t)(mode & (MODE_LOW | MODE_LEVEL));
    pin->cpu = (uint16_t)cpu;
    /* Trigger and destination change only while the pin is masked. */
    pin->masked = true;
    pin_write(gsi, pin);
    pin->masked = false;
    pin_write(gsi, pin);
    spin_unlock(&pin->io_apic->lock);
}

void gsi_route(unsigned gsi, unsigned cpu, int mode, uint32_t *msi_address, uint32_t *msi_data)
{
    *msi_address = *msi_data = 0;
    if (gsi >= PLATFORM_GSIS || pins[gsi].kernel)
        return;
    if (pins[gsi].io_apic) {
        pin_route(gsi, cpu, mode);
    } else {
        *msi_address = MSI_ADDRESS | destination(cpu) << MSI_DESTINATION;
        *msi_data = PLATFORM_GSI_VECTOR + gsi;
    }
}

static void pin_mask(unsigned gsi, bool masked)
{
    struct pin *pin = &pins[gsi];
    spin_lock(&pin->io_apic->lock);
    if (pin->masked != masked) {
        pin->masked = masked;
        pin_write(gsi, pin);
    }
    spin_unlock(&pin->io_apic->lock);
}

void gsi_mask(unsigned gsi, bool masked)
{
    if (gsi_has_pin(gsi) && !pins[gsi].kernel)
        pin_mask(gsi, masked);
}

bool gsi_is_level(unsigned gsi) { return gsi_has_pin(gsi) && pins[gsi].mode & MODE_LEVEL; }

bool platform_interrupt(unsigned gsi)
{
    if (keyboard_interrupt(gsi))
        return true;
    if (gsi_is_level(gsi))
        pin_mask(gsi, true);
    return false;
}

unsigned isa_gsi(unsigned source)
{
    for (unsigned i = 0; i < madt.overrides; i++)
        if (madt.override[i].source == source)
            return madt.override[i].gsi;
    return source;
}

void gsi_reserve(unsigned gsi)
{
    if (gsi < PLATFORM_GSIS)
        pins[gsi].kernel = true;
}

static void io_apic_add(const struct madt_io_apic *entry)
{
    memory_hide(entry->address, entry->address + REGISTERS_SIZE);
    struct io_apic *io_apic = &io_apics[io_apic_count];
    io_apic->registers = physical_device(entry->address, REGISTERS_SIZE, MEMORY_UNCACHED);
    if (!io_apic->registers) {
        log_line("I/O APIC %u at 0x%llx: no room to map it; left out", entry->id, (unsigned long long)entry->address);
        return;
    }
    uint32_t version = register_read(io_apic, REG_VERSION);
    io_apic->gsi = entry->gsi;
    io_apic->pins = (version >> 16 & 0xff) + 1;
    if (version == UINT32_MAX || !version || io_apic->pins > PINS_MAX) {
        log_line("I/O APIC %u at 0x%llx: nothing there (version register 0x%x); left out", entry->id,
                 (unsigned long long)entry->address, version);
        return;
    }
    io_apic_count++;
    unsigned usable = 0;
    for (unsigned i = 0; i < io_apic->pins; i++) {
        register_write(io_apic, REG_PINS + 2 * i, ENTRY_MASKED);
        unsigned gsi = entry->gsi + i;
        /* Not 'gsi < PLATFORM_GSIS' alone: the sum may wrap. */
        if (entry->gsi >= PLATFORM_GSIS || gsi >= PLATFORM_GSIS || pins[gsi].io_apic)
            continue;
        pins[gsi].io_apic = io_apic;
        usable++;
    }
    log_line("I/O APIC %u at 0x%llx: GSI %u-%u", entry->id, (unsigned long long)entry->address, entry->gsi,
             entry->gsi + io_apic->pins - 1);
    if (usable < io_apic->pins)
        log_line("I/O APIC %u: %u pins cannot be used: GSIs end at %u, and each belongs to one pin", entry->id,
                 io_apic->pins - usable, PLATFORM_GSIS - 1);
}

void io_apic_boot(void)
{
    for (unsigned gsi = 0; gsi < PLATFORM_GSIS; gsi++)
        pins[gsi] = (struct pin){.mode = gsi < ISA_PINS ? 0 : MODE_LOW | MODE_LEVEL, .masked = true, .cpu = UNROUTED};
    for (unsigned i = 0; i < madt.overrides; i++) {
        const struct madt_override *override = &madt.override[i];
        if (override->gsi >= PLATFORM_GSIS)
            continue;
        /* 'As the bus has it' is edge triggered, high active for ISA, also on a pin above 15. */
        unsigned low = (override->flags & MADT_POLARITY) == MADT_LOW, level = (override->flags & MADT_TRIGGER) == MADT_LEVEL;
        pins[override->gsi].mode = (uint8_t)((low ? MODE_LOW : 0) | (level ? MODE_LEVEL : 0));
    }
    for (unsigned i = 0; i < madt.io_apics; i++)
        io_apic_add(&madt.io_apic[i]);
    if (!io_apic_count)
        log_line("no I/O APIC: devices can only interrupt by MSI");
}
