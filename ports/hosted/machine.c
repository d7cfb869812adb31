/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The simulated machine: physical memory, boot_info, the console, stopping. Physical memory is a memory file seen twice: whole by the test
 * (machine_memory), and only the pool by the kernel, so that phys_to_virt of anything else faults. One machine per process; a test forks.
 */
#define _GNU_SOURCE
#include "hosted.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct boot_info boot_info;
word physical_pool_offset;
void (*machine_stop_hook)(void);

static int ram_file;
static uint8_t *ram, *kernel_view;
static bool user_started, private;
static uint8_t *window[PHYSICAL_WINDOWS];
static char *log_text;
static size_t log_length, log_size;

static void check(bool good, const char *what)
{
    if (!good) {
        perror(what);
        _exit(99);
    }
}

void *machine_memory(paddr_t address)
{
    if (private && address >= boot_info.pool_begin && address < boot_info.pool_end)
        return kernel_view + address; /* the other view does not see what the kernel writes any more */
    return address < RAM_SIZE ? ram + address : 0;
}

void machine_private(void)
{
    size_t pool = boot_info.pool_end - boot_info.pool_begin;
    enum { PROTECTION = PROT_READ | PROT_WRITE, FLAGS = MAP_PRIVATE | MAP_FIXED };
    check(mmap(ram, RAM_SIZE, PROTECTION, FLAGS, ram_file, 0) != MAP_FAILED, "mmap");
    check(mmap(kernel_view + POOL_BEGIN, pool, PROTECTION, FLAGS, ram_file, POOL_BEGIN) != MAP_FAILED, "mmap of the pool");
    private = true;
}

static void add_memory(uint64_t address, uint64_t size, int type)
{
    boot_info.memory[boot_info.memories++] = (struct nova_hip_memory){.address = address, .size = size, .type = type};
}

static void hide(paddr_t begin, paddr_t end)
{
    boot_info.hidden[boot_info.hiddens].first = begin >> PAGE_BITS;
    boot_info.hidden[boot_info.hiddens++].end = end >> PAGE_BITS;
}

static void fill_boot_info(const struct machine_options *options, size_t module)
{
    memset(&boot_info, 0, sizeof boot_info);
    snprintf(boot_info.command_line, sizeof boot_info.command_line, "serial");
    boot_info.options.serial = true;
    boot_info.cpus = options->cpus ? options->cpus : 1;
    boot_info.boot_cpu = options->boot_cpu;
    for (unsigned i = 0; i < boot_info.cpus; i++) {
        struct boot_cpu *cpu = &boot_info.cpu[i];
        bool online = !(i < 64 && options->offline >> i & 1);
        *cpu = (struct boot_cpu){
            .apic_id = 2 * i, .acpi_uid = i + 1, .acpi_id = (uint8_t)(i + 1), .boot = i == options->boot_cpu, .online = online};
        cpu->hip = (struct nova_hip_cpu){.flags = online ? NOVA_CPU_PCORE : NOVA_CPU_ONLINE,
                                         .core = (uint8_t)i,
                                         .acpi_id = (uint8_t)(i + 1),
                                         .family = 6,
                                         .microcode = 0x100 + i};
    }
    size_t pool = options->pool ? options->pool : POOL_DEFAULT;
    add_memory(0, 0x9f000, NOVA_MEMORY_AVAILABLE);
    add_memory(0x9f000, 0x61000, NOVA_MEMORY_RESERVED);
    add_memory(0x100000, RAM_SIZE - 0x100000, NOVA_MEMORY_AVAILABLE);
    add_memory(MODULE_BEGIN, module, NOVA_MEMORY_MODULE);
    add_memory(IMAGE_BEGIN, IMAGE_END - IMAGE_BEGIN, NOVA_MEMORY_KERNEL);
    add_memory(POOL_BEGIN, pool, NOVA_MEMORY_KERNEL);
    hide(IMAGE_BEGIN, IMAGE_END);
    hide(POOL_BEGIN, POOL_BEGIN + pool);
    hide(0xfec00000, 0xfec01000);
    hide(0xfee00000, 0xfee01000);
    boot_info.image_begin = IMAGE_BEGIN;
    boot_info.image_end = IMAGE_END;
    boot_info.pool_begin = POOL_BEGIN;
    boot_info.pool_end = POOL_BEGIN + pool;
    boot_info.root_begin = MODULE_BEGIN;
    boot_info.root_end = MODULE_BEGIN + (options->no_module ? 0 : module);
    hosted_guests = options->guests;
    boot_info.features = options->features | (options->guests ? NOVA_FEATURE_SVM : 0);
    boot_info.tsc_khz = TSC_KHZ;
}

void machine_prepare(const struct machine_options *options, const void *image, size_t size)
{
    struct elf_image root = {0, 0, 0};
    if (!image) {
        root = default_root();
        image = root.data;
        size = root.size;
    }
    check(size <= MODULE_MAX, "root image larger than MODULE_MAX");
    ram_file = memfd_create("ram", 0);
    check(ram_file >= 0 && ftruncate(ram_file, RAM_SIZE) == 0, "memfd_create");
    ram = mmap(0, RAM_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, ram_file, 0);
    /* The same address each time, where it can be had: the kernel's search trees follow addresses, and runs are to be repeatable. */
    void *place = options->threads ? 0 : (void *)0x200000000000;
    kernel_view = mmap(place, RAM_SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    check(ram != MAP_FAILED && kernel_view != MAP_FAILED, "mmap");
    memcpy(ram + MODULE_BEGIN, image, size);
    free(root.data);
    fill_boot_info(options, size);
    /* The loader leaves its rubbish in the memory that becomes the pool. */
    size_t pool = boot_info.pool_end - boot_info.pool_begin;
    memset(ram + POOL_BEGIN, 0xa5, pool);
    check(mmap(kernel_view + POOL_BEGIN, pool, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, ram_file, POOL_BEGIN) != MAP_FAILED,
          "mmap of the pool");
    physical_pool_offset = (word)kernel_view;
    user_started = private = false;
    mmu_large_order(options->large_order ? options->large_order : 9);
    cpu_reset(options);
    kernel_memory_init(kernel_view + POOL_BEGIN, kernel_view + POOL_BEGIN + pool);
}

bool machine_start(void)
{
    cpu_enter(boot_info.boot_cpu, ENTER_INIT, 0, 0, 0);
    for (unsigned i = 0; i < boot_info.cpus && !machine_stopped(); i++)
        if (boot_info.cpu[i].online)
            cpu_enter(i, ENTER_START, 0, 0, 0);
    user_started = true;
    return !machine_stopped();
}

void machine_boot(unsigned cpus)
{
    machine_prepare(&(struct machine_options){.cpus = cpus}, 0, 0);
    if (!machine_start() && machine_stop_hook)
        machine_stop_hook();
}

/* Read-only memory of all ones, for what does not exist. */
static const void *nothing(void)
{
    static void *page;
    if (!page) {
        page = mmap(0, PHYSICAL_WINDOW_SIZE + PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        check(page != MAP_FAILED, "mmap");
        memset(page, 0xff, PHYSICAL_WINDOW_SIZE + PAGE_SIZE);
    }
    return page;
}

void *physical_window(unsigned slot, paddr_t address, size_t size)
{
    enum { SPAN = PHYSICAL_WINDOW_SIZE + 4096 };
    if (slot >= PHYSICAL_WINDOWS || size > PHYSICAL_WINDOW_SIZE)
        contract_broken("physical_window: slot %u, %zu bytes", slot, size);
    if (user_started)
        contract_broken("physical_window: used after the first user thread ran");
    if (address + size < address || (address + size) >> 52)
        return 0;
    if (!window[slot])
        window[slot] = mmap(0, SPAN, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    check(window[slot] != MAP_FAILED, "mmap of a window");
    paddr_t begin = address & ~(PAGE_SIZE - 1), end = (address + size + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1);
    check(mmap(window[slot], SPAN, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != MAP_FAILED, "mmap");
    memcpy(window[slot], nothing(), SPAN);
    paddr_t inside = end < RAM_SIZE ? end : RAM_SIZE;
    if (begin < inside)
        check(mmap(window[slot], inside - begin, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, ram_file, (off_t)begin) !=
                  MAP_FAILED,
              "mmap of RAM");
    /* Past the range that was asked for: not accessible. */
    check(mprotect(window[slot] + (end - begin), SPAN - (end - begin), PROT_NONE) == 0, "mprotect");
    return window[slot] + (address - begin);
}

void *physical_device(paddr_t address, size_t size, enum memory_type type)
{
    contract_broken("physical_device: core maps no devices (%#llx, %zu bytes, type %d)", (unsigned long long)address, size,
                    (int)type);
}

void console_write(const char *text, size_t length)
{
    if (log_length + length + 1 > log_size) {
        log_size = 2 * (log_length + length + 4096);
        log_text = realloc(log_text, log_size);
        check(log_text, "log");
    }
    memcpy(log_text + log_length, text, length);
    log_length += length;
    log_text[log_length] = 0;
    if (getenv("HOSTED_VERBOSE"))
        fwrite(text, 1, length, stderr);
}

const char *machine_log(void) { return log_text ? log_text : ""; }

size_t machine_log_length(void) { return log_length; }

void machine_log_clear(void)
{
    log_length = 0;
    if (log_text)
        log_text[0] = 0;
}

void contract_broken(const char *format, ...)
{
    char line[512] = "HAL CONTRACT: ";
    va_list list;
    va_start(list, format);
    vsnprintf(line + strlen(line), sizeof line - strlen(line) - 1, format, list);
    va_end(list);
    strcat(line, "\n");
    console_write(line, strlen(line));
    machine_stop();
}
