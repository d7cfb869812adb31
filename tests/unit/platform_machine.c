/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * hal and the port as the platform needs them, in a process. A window is a fresh allocation of exactly the size asked for and dies when its slot is used again, so
 * that the address sanitizer sees every read beyond it or after it.
 */
#include "platform_machine.h"

#include "hal/cpu.h"
#include "hal/physical.h"
#include "platform/acpi.h"
#include "platform/console.h"
#include "platform/platform.h"
#include "platform_io.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PIECES = 64, DEVICES = 32, LOG_SIZE = 1 << 20, ADDRESS_BITS = 46, VGA = 0xb8000 };

static struct {
    paddr_t address;
    size_t size;
    uint8_t *bytes;
} pieces[PIECES];
static unsigned piece_count;

static struct {
    paddr_t address;
    size_t size;
    uint8_t *bytes;
} devices[DEVICES];
static unsigned device_count;

static void *windows[PHYSICAL_WINDOWS];
static char log_text[LOG_SIZE];
static size_t log_length;
static jmp_buf stop;
static bool stoppable;

paddr_t machine_pool_max;
unsigned machine_device_room;
uint32_t (*machine_port_read)(uint16_t port, unsigned size);
void (*machine_port_write)(uint16_t port, unsigned size, uint32_t value);
uint32_t (*machine_register_read)(paddr_t address);
void (*machine_register_write)(paddr_t address, uint32_t value);

static uint32_t no_port_read(uint16_t port, unsigned size)
{
    (void)port;
    (void)size;
    return UINT32_MAX;
}
static void no_port_write(uint16_t port, unsigned size, uint32_t value)
{
    (void)port;
    (void)size;
    (void)value;
}
static uint32_t no_register_read(paddr_t address)
{
    (void)address;
    return UINT32_MAX;
}
static void no_register_write(paddr_t address, uint32_t value)
{
    (void)address;
    (void)value;
}

void machine_reset(void)
{
    /* The consoles of the last boot must not write to memory that goes now. */
    static const struct boot_options none;
    console_boot(&none, false);
    while (piece_count)
        free(pieces[--piece_count].bytes);
    /* The screen is mapped once and for good. */
    while (device_count && devices[device_count - 1].address != VGA)
        free(devices[--device_count].bytes);
    log_length = 0;
    log_text[0] = 0;
    memset(&boot_info, 0, sizeof boot_info);
    boot_info.image_begin = IMAGE_BEGIN;
    boot_info.image_end = IMAGE_END;
    machine_pool_max = (paddr_t)640 << 20;
    machine_device_room = 16;
    machine_port_read = no_port_read;
    machine_port_write = no_port_write;
    machine_register_read = no_register_read;
    machine_register_write = no_register_write;
}

void machine_place(paddr_t address, const void *bytes, size_t size)
{
    if (piece_count == PIECES)
        abort();
    pieces[piece_count].address = address;
    pieces[piece_count].size = size;
    pieces[piece_count].bytes = malloc(size ? size : 1);
    memcpy(pieces[piece_count++].bytes, bytes, size);
}

void *physical_window(unsigned slot, paddr_t address, size_t size)
{
    if (slot >= PHYSICAL_WINDOWS || size > PHYSICAL_WINDOW_SIZE)
        abort();
    if (address + size < address || (address + size) >> ADDRESS_BITS)
        return 0;
    free(windows[slot]);
    uint8_t *view = windows[slot] = malloc(size ? size : 1);
    memset(view, 0xff, size);
    for (unsigned i = 0; i < piece_count; i++) {
        paddr_t begin = pieces[i].address > address ? pieces[i].address : address;
        paddr_t end = pieces[i].address + pieces[i].size < address + size ? pieces[i].address + pieces[i].size : address + size;
        if (begin < end)
            memcpy(view + (begin - address), pieces[i].bytes + (begin - pieces[i].address), end - begin);
    }
    return view;
}

void *physical_device(paddr_t address, size_t size, enum memory_type type)
{
    (void)type;
    size_t pages = (address % PAGE_SIZE + size + PAGE_SIZE - 1) / PAGE_SIZE;
    if (pages > machine_device_room || device_count == DEVICES)
        return 0;
    machine_device_room -= (unsigned)pages;
    /* The screen goes to the front, so that machine_reset finds it last. */
    unsigned place = device_count++;
    if (address == VGA) {
        devices[place] = devices[0];
        place = 0;
    }
    devices[place].address = address;
    devices[place].size = size;
    devices[place].bytes = calloc(1, size);
    return devices[place].bytes;
}

void *machine_device(paddr_t address)
{
    for (unsigned i = 0; i < device_count; i++)
        if (devices[i].address == address)
            return devices[i].bytes;
    return 0;
}

static paddr_t device_address(const volatile void *place)
{
    const volatile uint8_t *at = place;
    for (unsigned i = 0; i < device_count; i++)
        if (at >= devices[i].bytes && at < devices[i].bytes + devices[i].size)
            return devices[i].address + (paddr_t)(at - devices[i].bytes);
    abort();
}

uint32_t test_port_read(uint16_t port, unsigned size) { return machine_port_read(port, size); }
void test_port_write(uint16_t port, unsigned size, uint32_t value) { machine_port_write(port, size, value); }
uint32_t mmio_read32(const volatile void *address) { return machine_register_read(device_address(address)); }
void mmio_write32(volatile void *address, uint32_t value) { machine_register_write(device_address(address), value); }

/* The log calls this in test builds; the real console follows. */
void test_console_write(const char *text, size_t length);
void test_console_write(const char *text, size_t length)
{
    if (length < LOG_SIZE - log_length) {
        memcpy(log_text + log_length, text, length);
        log_length += length;
        log_text[log_length] = 0;
    }
    console_write(text, length);
}

const char *machine_log(void) { return log_text; }

unsigned cpu_number(void) { return 0; }
void cpu_pause(void) {}

void machine_stop(void)
{
    if (!stoppable) {
        fprintf(stderr, "the machine stopped:\n%s", log_text);
        abort();
    }
    longjmp(stop, 1);
}

uint32_t port_boot_apic_id(void) { return 0; }
paddr_t port_pool_max(void) { return machine_pool_max; }

void port_greet(void) {}

bool machine_runs(void (*function)(void *), void *argument)
{
    stoppable = true;
    bool ran = !setjmp(stop);
    if (ran)
        function(argument);
    stoppable = false;
    return ran;
}

struct boot {
    uint32_t magic;
    paddr_t info;
};
static void boot(void *argument)
{
    const struct boot *parameters = argument;
    platform_boot(parameters->magic, parameters->info);
}

bool machine_boots(uint32_t magic, paddr_t info)
{
    struct boot parameters = {magic, info};
    return machine_runs(boot, &parameters);
}

static void read_acpi(void *argument)
{
    acpi_boot();
    madt_read(*(uint32_t *)argument);
    acpi_tables_read();
}

bool machine_reads_acpi(uint32_t boot_id) { return machine_runs(read_acpi, &boot_id); }

/* ---- what must hold after a boot ---- */

static bool overlap(paddr_t begin, paddr_t end, paddr_t other_begin, paddr_t other_end)
{
    return begin < other_end && other_begin < end;
}

static bool has_range(const struct nova_hip_memory *memory)
{
    return memory->size && memory->type != NOVA_MEMORY_AVAILABLE && memory->type != NOVA_MEMORY_FRAMEBUFFER;
}

static const char *descriptors_wrong(void)
{
    const struct nova_hip_memory *list = boot_info.memory;
    unsigned count = boot_info.memories;
    if (count + 2 > BOOT_MEMORY_MAX ||
        (count + 2) * sizeof list[0] + NOVA_CPUS * sizeof(struct nova_hip_cpu) + sizeof(struct nova_hip) > PAGE_SIZE)
        return "more descriptors than the HIP has room for";
    unsigned kernel = 0, log = 0;
    for (unsigned i = 0; i < count; i++) {
        kernel += list[i].type == NOVA_MEMORY_KERNEL;
        log += list[i].type == NOVA_MEMORY_LOG;
    }
    if (kernel != 2u + (platform_low_page() != 0) || log != (boot_info.log_page != 0))
        return "image, pool, start page or log page is not listed";
    for (unsigned i = 0; i < count; i++) {
        if (has_range(&list[i]) && list[i].address + list[i].size < list[i].address)
            return "a descriptor wraps around";
        for (unsigned j = 0; j < i; j++)
            if (has_range(&list[i]) && has_range(&list[j]) &&
                overlap(list[i].address, list[i].address + list[i].size, list[j].address, list[j].address + list[j].size))
                return "two descriptors overlap";
    }
    return 0;
}

static const char *hidden_wrong(void)
{
    bool pool = false, image = false, low = !platform_low_page();
    for (unsigned i = 0; i < boot_info.hiddens; i++) {
        paddr_t begin = (paddr_t)boot_info.hidden[i].first << PAGE_BITS, end = (paddr_t)boot_info.hidden[i].end << PAGE_BITS;
        if (begin >= end || (i && boot_info.hidden[i].first <= boot_info.hidden[i - 1].end))
            return "hidden ranges are not sorted, or overlap";
        pool |= begin <= boot_info.pool_begin && boot_info.pool_end <= end;
        image |= begin <= boot_info.image_begin && boot_info.image_end <= end;
        low |= begin <= platform_low_page() && platform_low_page() + PAGE_SIZE <= end;
    }
    return pool && image && low ? 0 : "image, pool or start page is not hidden";
}

const char *machine_invariants(void)
{
    if (boot_info.root_begin >= boot_info.root_end)
        return "the root task is empty";
    if (boot_info.pool_begin % PAGE_SIZE || boot_info.pool_end % PAGE_SIZE || boot_info.pool_end - boot_info.pool_begin < 4 << 20 ||
        boot_info.pool_end > (paddr_t)1 << 32 || boot_info.pool_end - boot_info.pool_begin > machine_pool_max)
        return "the pool is too small, too big, not whole pages, or too high";
    if (overlap(boot_info.pool_begin, boot_info.pool_end, boot_info.root_begin, boot_info.root_end))
        return "pool and root task overlap";
    if (platform_low_page() >= 640 << 10 || platform_low_page() % PAGE_SIZE)
        return "the start page is not below 640 KiB";
    if (strlen(boot_info.command_line) >= BOOT_COMMAND_LINE_MAX)
        return "the command line is not terminated";
    const char *wrong = descriptors_wrong();
    return wrong ? wrong : hidden_wrong();
}
