/* SPDX-License-Identifier: MIT */
/*
 * Resources of the root task, taken from the kernel and passed on. RAM for nova_allocate is found in the HIP: what is available
 * and inside no other descriptor, above 1 MiB. It is taken in chunks of 2^n pages, naturally aligned on both sides, so that
 * the kernel can map it with few entries, and one search serves many small requests.
 */
#include <user/lib/item.h>
#include <user/lib/memory.h>
#include <user/lib/string.h>
#include <user/lib/task.h>

enum { CHUNK_ORDER = 6, ORDER_MAX = 18 };

/* Largest order at which both numbers are aligned and count units are left. */
static unsigned chunk_order(nova_word source, nova_word target, nova_word count)
{
    unsigned order = 0;
    while (order < 31 && !((source | target) >> order & 1) && count >> (order + 1))
        order++;
    return order;
}

enum nova_status nova_delegate_range(nova_word from_pd, nova_word to_pd, enum nova_crd_type type, nova_word source,
                                     nova_word target, nova_word count, unsigned perm, unsigned flags)
{
    struct nova_utcb *utcb = nova_self()->utcb;

    while (count) {
        unsigned order = chunk_order(source, target, count);
        enum nova_status status;

        nova_message_begin(utcb);
        nova_message_item(utcb, nova_crd(type, source, order, perm), nova_control(NOVA_ITEM_DELEGATE | flags, target));
        status = nova_delegate(from_pd, to_pd, nova_crd(type, target, order, perm));
        if (status)
            return status;
        source += (nova_word)1 << order;
        target += (nova_word)1 << order;
        count -= (nova_word)1 << order;
    }
    return NOVA_SUCCESS;
}

enum nova_status nova_take_ports(uint16_t first, unsigned count)
{
    return nova_delegate_range(nova_pd, nova_pd, NOVA_CRD_PIO, first, first, count, NOVA_PERM_ALL, NOVA_ITEM_KERNEL);
}

enum nova_status nova_take_objects(nova_word kernel_selector, nova_word selector, nova_word count)
{
    return nova_delegate_range(nova_pd, nova_pd, NOVA_CRD_OBJ, kernel_selector, selector, count, NOVA_PERM_ALL, NOVA_ITEM_KERNEL);
}

/* Whether every page of the range is mapped: the kernel keeps back what is its own without an error. */
static int is_mapped(nova_word page, nova_word count)
{
    while (count) {
        nova_word found, end;
        if (nova_lookup(nova_crd(NOVA_CRD_MEM, page, 0, 0), &found) || !nova_crd_type(found))
            return 0;
        end = nova_crd_base(found) + ((nova_word)1 << nova_crd_order(found));
        if (end - page >= count)
            return 1;
        count -= end - page;
        page = end;
    }
    return 1;
}

static int take_pages(nova_word source, nova_word target, nova_word count, unsigned perm)
{
    return !nova_delegate_range(nova_pd, nova_pd, NOVA_CRD_MEM, source, target, count, perm, NOVA_ITEM_KERNEL) &&
           is_mapped(target, count);
}

void *nova_map_physical(uint64_t address, nova_word bytes, unsigned perm)
{
    static nova_word window_next = NOVA_WINDOW_AREA >> NOVA_PAGE_BITS;
    nova_word offset = (nova_word)address & (NOVA_PAGE_SIZE - 1);
    nova_word first, count, target;

    if (!bytes || bytes > NOVA_UTCB_AREA - NOVA_WINDOW_AREA || address >> NOVA_PAGE_BITS > (nova_word)-1 >> NOVA_PAGE_BITS)
        return NULL;
    first = (nova_word)(address >> NOVA_PAGE_BITS);
    count = (offset + bytes + NOVA_PAGE_SIZE - 1) >> NOVA_PAGE_BITS;

    /* the same position inside 4 MiB, so that chunks can be as large as the physical range allows */
    target = window_next + ((first - window_next) & 1023);
    if (target + count > NOVA_UTCB_AREA >> NOVA_PAGE_BITS || !take_pages(first, target, count, perm))
        return NULL;
    window_next = target + count;
    return (void *)((target << NOVA_PAGE_BITS) + offset);
}

int nova_physical_string(uint64_t address, char *buffer, unsigned size)
{
    unsigned used = 0;

    while (used + 1 < size) {
        /* page by page: what lies behind the end of the string may be the kernel's */
        unsigned room = NOVA_PAGE_SIZE - (address & (NOVA_PAGE_SIZE - 1));
        const char *text = (const char *)nova_map_physical(address, 1, NOVA_MEM_R);
        if (!text)
            return 0;
        for (address += room; room && used + 1 < size; room--) {
            if (!(buffer[used] = *text++))
                return 1;
            used++;
        }
    }
    buffer[used] = 0;
    return 1;
}

/* End of the range of descriptors that overlap [start, end), or 0. */
static uint64_t blocked_to(uint64_t start, uint64_t end)
{
    uint64_t to = 0;

    for (unsigned i = 0; i < nova_hip_memories(nova_hip); i++) {
        const struct nova_hip_memory *memory = nova_hip_memory(nova_hip, i);
        uint64_t low = memory->address, size = memory->size;

        if (memory->type == NOVA_MEMORY_AVAILABLE)
            continue;
        if (memory->type == NOVA_MEMORY_FRAMEBUFFER) /* its size field holds width and height; aux bytes per line */
            size = (size >> 16 & 0xffffff) * memory->aux;
        else if (!size)
            size = NOVA_PAGE_SIZE; /* tables of which only the address is known */
        if (low < end && start < low + size && low + size > to)
            to = low + size;
        if (memory->type == NOVA_MEMORY_MODULE && memory->aux) { /* its command line */
            low = memory->aux;
            if (low < end && start < low + NOVA_PAGE_SIZE && low + NOVA_PAGE_SIZE > to)
                to = low + NOVA_PAGE_SIZE;
        }
    }
    return to;
}

/* Physical page number of 2^order free pages, naturally aligned; 0 if there are none. The same pages are not found again. */
static nova_word physical_find(unsigned order)
{
    static uint64_t cursor = 1 << 20;
    uint64_t bytes = (uint64_t)NOVA_PAGE_SIZE << order;

    for (unsigned i = 0; i < nova_hip_memories(nova_hip); i++) {
        const struct nova_hip_memory *memory = nova_hip_memory(nova_hip, i);
        uint64_t low = memory->address > cursor ? memory->address : cursor, next;

        if (memory->type != NOVA_MEMORY_AVAILABLE)
            continue;
        for (low = (low + bytes - 1) & -bytes; low + bytes <= memory->address + memory->size; low = (next + bytes - 1) & -bytes) {
            if (low >> NOVA_PAGE_BITS > (nova_word)-1 >> NOVA_PAGE_BITS)
                break;
            next = blocked_to(low, low + bytes);
            if (next)
                continue;
            cursor = low + bytes;
            return (nova_word)(low >> NOVA_PAGE_BITS);
        }
    }
    return 0;
}

void *nova_allocate_pages(unsigned order, unsigned perm)
{
    static nova_word ram_next = NOVA_RAM_AREA;
    nova_word bytes = NOVA_PAGE_SIZE << order, result = (ram_next + bytes - 1) & -bytes, physical;

    if (order > ORDER_MAX || result + bytes > NOVA_WINDOW_AREA || !(physical = physical_find(order)) ||
        !take_pages(physical, result >> NOVA_PAGE_BITS, (nova_word)1 << order, perm))
        return NULL;
    memset((void *)result, 0, bytes);
    ram_next = result + bytes;
    return (void *)result;
}

void *nova_allocate(nova_word bytes, nova_word align)
{
    static nova_word arena, arena_end;
    nova_word result;
    unsigned order = CHUNK_ORDER;

    if (!bytes)
        return NULL;
    result = (arena + align - 1) & ~(align - 1);
    if (result < arena || result > arena_end || arena_end - result < bytes) {
        while ((NOVA_PAGE_SIZE << order < bytes || NOVA_PAGE_SIZE << order < align) && order < ORDER_MAX)
            order++;
        if (NOVA_PAGE_SIZE << order < bytes || NOVA_PAGE_SIZE << order < align)
            return NULL;
        result = (nova_word)nova_allocate_pages(order, NOVA_MEM_RW);
        if (!result)
            return NULL;
        arena_end = result + (NOVA_PAGE_SIZE << order);
    }
    arena = result + bytes;
    return (void *)result;
}
