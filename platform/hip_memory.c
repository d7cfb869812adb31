/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory descriptors for the HIP, and the ranges hidden from root. Descriptors with a size that are not of available memory do not overlap: user space checks
 * that. They are inserted in the order of importance (kernel, modules, firmware's); each is cut around those before it.
 */
#include "platform/memory_map.h"

#include "core/lib/bits.h"
#include "core/lib/log.h"
#include "platform/bytes.h"

/* RSDT and XSDT come from memory_map_add. */
enum { ADDED_LATER = 2 };
enum {
    HIP_ROOM = (PAGE_SIZE - sizeof(struct nova_hip) - NOVA_CPUS * sizeof(struct nova_hip_cpu)) / sizeof(struct nova_hip_memory)
};
enum { CAPACITY = (unsigned)HIP_ROOM < (unsigned)BOOT_MEMORY_MAX ? (unsigned)HIP_ROOM : (unsigned)BOOT_MEMORY_MAX };

static struct {
    paddr_t begin, end;
} claimed[BOOT_MEMORY_MAX + 8];
static unsigned claims, limit, left_out;

static void claim(paddr_t begin, paddr_t end)
{
    if (begin < end && claims < ARRAY_SIZE(claimed)) {
        claimed[claims].begin = begin;
        claimed[claims++].end = end;
    }
}

static bool append(paddr_t address, uint64_t size, int32_t type, uint32_t aux)
{
    if (boot_info.memories >= limit) {
        left_out++;
        return false;
    }
    boot_info.memory[boot_info.memories++] = (struct nova_hip_memory){address, size, type, aux};
    return true;
}

/* Adds a range that nobody else has a claim on yet, and claims it. */
static void append_whole(paddr_t begin, paddr_t end, int32_t type, uint32_t aux)
{
    append(begin, end - begin, type, aux);
    claim(begin, end);
}

/* Joins a piece to a descriptor of the same type that it touches. */
static bool join(paddr_t begin, paddr_t end, int32_t type)
{
    for (unsigned i = 0; i < boot_info.memories; i++) {
        struct nova_hip_memory *other = &boot_info.memory[i];
        if (other->type == type && (other->address + other->size == begin || end == other->address)) {
            other->address = other->address < begin ? other->address : begin;
            other->size += end - begin;
            return true;
        }
    }
    return false;
}

/* Adds what nobody claimed of [begin, end) and claims it. Each round passes the begin or the end of a claim. */
static void append_unclaimed(paddr_t begin, paddr_t end, int32_t type)
{
    unsigned others = claims;
    while (begin < end) {
        paddr_t skip = begin, stop = end;
        for (unsigned i = 0; i < others; i++) {
            if (claimed[i].begin <= begin && begin < claimed[i].end && claimed[i].end > skip)
                skip = claimed[i].end;
            if (claimed[i].begin > begin && claimed[i].begin < stop)
                stop = claimed[i].begin;
        }
        if (skip > begin) {
            begin = skip;
            continue;
        }
        if (join(begin, stop, type) || append(begin, stop - begin, type, 0))
            claim(begin, stop);
        begin = stop;
    }
}

static void publish_loader_entries(const struct loader *loader, bool available)
{
    for (unsigned i = 0; i < loader->memories; i++) {
        const struct loader_memory *memory = &loader->memory[i];
        if ((memory->type == NOVA_MEMORY_AVAILABLE) != available)
            continue;
        if (available)
            append(memory->begin, memory->end - memory->begin, memory->type, 0);
        else
            append_unclaimed(memory->begin, memory->end, memory->type);
    }
}

void memory_map_publish(const struct loader *loader, paddr_t ap_page)
{
    unsigned fixed = 2 + (ap_page != 0) + (boot_info.log_page != 0) + (loader->framebuffer.type != 0) + (loader->efi != 0),
             available = 0;
    for (unsigned i = 0; i < loader->memories; i++)
        available += loader->memory[i].type == NOVA_MEMORY_AVAILABLE;
    /* Modules come first, but half the room is for available memory if there is so much of it. */
    unsigned room = CAPACITY - ADDED_LATER - fixed, modules = loader->modules, half = room / 2;
    if (modules + available > room)
        modules = available < half ? room - available : modules < room - half ? modules : room - half;

    boot_info.memories = claims = left_out = 0;
    limit = room - modules;
    publish_loader_entries(loader, true);
    unsigned available_out = left_out;

    limit = CAPACITY - ADDED_LATER;
    append_whole(boot_info.image_begin, boot_info.image_end, NOVA_MEMORY_KERNEL, 0);
    append_whole(boot_info.pool_begin, boot_info.pool_end, NOVA_MEMORY_KERNEL, 0);
    if (ap_page)
        append_whole(ap_page, ap_page + PAGE_SIZE, NOVA_MEMORY_KERNEL, 0);
    if (boot_info.log_page)
        append_whole(boot_info.log_page, boot_info.log_page + PAGE_SIZE, NOVA_MEMORY_LOG, 0);
    for (unsigned i = 0; i < modules; i++) {
        const struct loader_module *module = &loader->module[i];
        append_whole(module->begin, module->end, NOVA_MEMORY_MODULE, (uint32_t)module->text);
    }
    if (loader->framebuffer.type)
        append(loader->framebuffer.address, loader->framebuffer.size, NOVA_MEMORY_FRAMEBUFFER, loader->framebuffer.aux);
    if (loader->efi)
        append(loader->efi, 0, NOVA_MEMORY_EFI, 0);
    left_out = 0;
    publish_loader_entries(loader, false);
    if (available_out || left_out || modules < loader->modules)
        log_line("memory map: the hypervisor information page holds %u entries; left out: %u of available memory, %u of other "
                 "memory, %u modules",
                 (unsigned)CAPACITY, available_out, left_out, loader->modules - modules);
}

void memory_map_add(paddr_t address, int32_t type)
{
    limit = CAPACITY;
    append(address, 0, type, 0);
}

/* What is beyond all that a word can count, no mapping can name. */
static word page_number(paddr_t address)
{
    address >>= PAGE_BITS;
    return address < ~(word)0 ? (word)address : ~(word)0;
}

void memory_hide(paddr_t from, paddr_t to)
{
    word first = page_number(from), end = page_number(align_up(to, PAGE_SIZE));
    unsigned at = 0, after;
    while (at < boot_info.hiddens && boot_info.hidden[at].end < first)
        at++;
    /* Entries at .. after-1 touch the new range and become one with it. */
    for (after = at; after < boot_info.hiddens && boot_info.hidden[after].first <= end; after++) {
        first = boot_info.hidden[after].first < first ? boot_info.hidden[after].first : first;
        end = boot_info.hidden[after].end > end ? boot_info.hidden[after].end : end;
    }
    unsigned behind = boot_info.hiddens - after;
    if (at + 1 + behind > ARRAY_SIZE(boot_info.hidden))
        fatal("memory map: more than %u ranges to be hidden from user space", (unsigned)ARRAY_SIZE(boot_info.hidden));
    if (at == after)
        for (unsigned i = behind; i-- > 0;)
            boot_info.hidden[at + 1 + i] = boot_info.hidden[after + i];
    else
        for (unsigned i = 0; i < behind; i++)
            boot_info.hidden[at + 1 + i] = boot_info.hidden[after + i];
    boot_info.hidden[at].first = first;
    boot_info.hidden[at].end = end;
    boot_info.hiddens = at + 1 + behind;
}
