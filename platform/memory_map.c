/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Free memory = what the loader calls available less everything taken. Both lists are short and walked linearly, in no order; every loop is bounded by them.
 */
#include "platform/memory_map.h"

#include "core/lib/log.h"
#include "platform/bytes.h"

enum { TAKEN_MAX = LOADER_MEMORY_MAX + 2 * LOADER_MODULE_MAX + 32 };

struct range {
    paddr_t begin, end;
};

static const struct loader *loader;
static struct range taken[TAKEN_MAX];
static unsigned takens;

void memory_map_take(paddr_t begin, paddr_t end)
{
    if (takens == TAKEN_MAX)
        fatal("memory map: more than %u ranges are in use; too many modules or memory map entries", TAKEN_MAX);
    taken[takens++] = (struct range){begin, end};
}

void memory_map_begin(const struct loader *from, paddr_t image_begin, paddr_t image_end)
{
    loader = from;
    takens = 0;
    /* Interrupt vectors of the BIOS; and address 0 means 'none' in many places. */
    memory_map_take(0, PAGE_SIZE);
    memory_map_take(image_begin, image_end);
    memory_map_take(loader->info_begin, loader->info_end);
    for (unsigned i = 0; i < loader->memories; i++)
        if (loader->memory[i].type != NOVA_MEMORY_AVAILABLE)
            memory_map_take(loader->memory[i].begin, loader->memory[i].end);
    for (unsigned i = 0; i < loader->modules; i++) {
        memory_map_take(loader->module[i].begin, loader->module[i].end);
        if (loader->module[i].text)
            memory_map_take(loader->module[i].text, loader->module[i].text_end);
    }
    if (loader->framebuffer.type) {
        /* At most 2^24 lines of 2^32 bytes. */
        uint64_t bytes = (uint64_t)loader->framebuffer.aux * (loader->framebuffer.size >> 16 & 0xffffff);
        paddr_t begin = loader->framebuffer.address;
        memory_map_take(begin, begin + bytes < begin ? UINT64_MAX : begin + bytes);
    }
}

uint64_t memory_map_ram(void)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < loader->memories; i++)
        if (loader->memory[i].type == NOVA_MEMORY_AVAILABLE)
            sum += loader->memory[i].end - loader->memory[i].begin;
    return sum;
}

/* The end of available memory that goes on from at, through adjacent and overlapping entries; at itself if there is none. */
static paddr_t available_end(paddr_t at)
{
    paddr_t end = at;
    for (unsigned round = 0; round < loader->memories; round++) {
        paddr_t before = end;
        for (unsigned i = 0; i < loader->memories; i++) {
            const struct loader_memory *memory = &loader->memory[i];
            if (memory->type == NOVA_MEMORY_AVAILABLE && memory->begin <= end && memory->end > end)
                end = memory->end;
        }
        if (end == before)
            break;
    }
    return end;
}

/* The lowest place at or after 'at' where available memory begins; all ones: none. */
static paddr_t available_next(paddr_t at)
{
    paddr_t next = UINT64_MAX;
    for (unsigned i = 0; i < loader->memories; i++) {
        const struct loader_memory *memory = &loader->memory[i];
        if (memory->type == NOVA_MEMORY_AVAILABLE && memory->begin >= at && memory->begin < next)
            next = memory->begin;
    }
    return next;
}

/* The first place at or after 'at' that is in no taken range. */
static paddr_t taken_skip(paddr_t at)
{
    for (unsigned round = 0; round < takens; round++) {
        paddr_t before = at;
        for (unsigned i = 0; i < takens; i++)
            if (taken[i].begin <= at && at < taken[i].end)
                at = taken[i].end;
        if (at == before)
            break;
    }
    return at;
}

bool memory_map_free(paddr_t from, paddr_t limit, paddr_t *begin, paddr_t *end)
{
    /* Each round passes at least one end of a range; all ends together are the bound. */
    for (unsigned round = 0; round <= TAKEN_MAX + LOADER_MEMORY_MAX; round++) {
        from = taken_skip(from);
        if (from >= limit)
            return false;
        paddr_t stop = available_end(from);
        if (stop == from) {
            from = available_next(from);
            continue;
        }
        for (unsigned i = 0; i < takens; i++)
            if (taken[i].begin >= from && taken[i].begin < stop && taken[i].end > taken[i].begin)
                stop = taken[i].begin;
        if (stop > limit)
            stop = limit;
        paddr_t first = align_up(from, PAGE_SIZE); /* from < limit, which is at most 4 GiB */
        if (first < align_down(stop, PAGE_SIZE)) {
            *begin = first;
            *end = align_down(stop, PAGE_SIZE);
            return true;
        }
        from = stop;
    }
    return false;
}
