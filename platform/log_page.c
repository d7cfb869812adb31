/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kernel log in a page of memory that root can map: a 32-bit write position (0 .. 4091, where the next byte goes), then 4092 bytes of ring.
 */
#include "platform/console.h"

#include "core/lib/string.h"
#include "hal/physical.h"

enum { RING = PAGE_SIZE - sizeof(uint32_t) };

static struct {
    volatile uint32_t position;
    volatile char ring[RING];
} * page;

bool log_page_start(paddr_t address)
{
    page = physical_device(address, PAGE_SIZE, MEMORY_WRITE_BACK);
    if (page)
        memset((void *)page, 0, PAGE_SIZE);
    return page;
}

void log_page_write(const char *text, size_t length)
{
    /* Root may have mapped the page writable: the position is not trusted, and never an index without this check. */
    uint32_t position = page->position;
    for (size_t i = 0; i < length; i++) {
        position = position < RING ? position : 0;
        page->ring[position++] = text[i];
    }
    page->position = position < RING ? position : 0;
}
