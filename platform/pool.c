/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kernel pool: one contiguous piece of RAM below 4 GiB, aligned to large pages if that is possible, the nearest above the kernel image that is big enough, else
 * the nearest below it, else the biggest there is.
 */
#include "platform/memory_map.h"

#include "core/lib/log.h"
#include "platform/bytes.h"

#define MEBI ((paddr_t)1 << 20)

/* A CPU takes 32 KiB of kernel memory for itself, and about as much for a thread of root on each. */
enum { CPUS_USUAL = 64, CPU_BYTES = 64 << 10 };

static const paddr_t large_page = 2 * MEBI, pool_least = 4 * MEBI, pool_from = MEBI, pool_limit = (paddr_t)4096 * MEBI,
                     pool_usual = 12 * MEBI + (NOVA_CPUS > CPUS_USUAL ? (paddr_t)(NOVA_CPUS - CPUS_USUAL) * CPU_BYTES : 0);

struct choice {
    paddr_t begin, size;
};

/* The best place for size bytes with this alignment; size 0 = none. */
static struct choice find_exact(paddr_t image_end, paddr_t size, paddr_t alignment)
{
    struct choice below = {0, 0};
    paddr_t begin, end;
    for (paddr_t from = pool_from; memory_map_free(from, pool_limit, &begin, &end); from = end) {
        paddr_t first = align_up(begin, alignment);
        if (first >= end || end - first < size)
            continue;
        if (first >= image_end)
            return (struct choice){first, size};
        below = (struct choice){align_down(end - size, alignment), size};
    }
    return below;
}

static struct choice find_biggest(paddr_t wanted)
{
    struct choice best = {0, 0};
    paddr_t begin, end;
    for (paddr_t from = pool_from; memory_map_free(from, pool_limit, &begin, &end); from = end)
        if (end - begin > best.size)
            best = (struct choice){begin, end - begin};
    if (best.size > wanted)
        best.size = wanted;
    return best;
}

void pool_choose(paddr_t image_end, uint64_t asked, paddr_t most)
{
    uint64_t ram = memory_map_ram();
    paddr_t wanted = asked ? asked : ram / 64 > pool_usual ? ram / 64 : pool_usual;
    wanted = wanted > pool_limit ? pool_limit : align_up(wanted, large_page);
    if (wanted > most) {
        if (asked)
            log_line("kernel memory: kmem=%lluM is more than this kernel can use; it gets %lluM", (unsigned long long)(asked >> 20),
                     (unsigned long long)(most >> 20));
        wanted = most;
    }
    if (wanted < pool_least) {
        log_line("kernel memory: kmem=%lluK is less than the least, %lluM; it gets that", (unsigned long long)(asked >> 10),
                 (unsigned long long)(pool_least >> 20));
        wanted = pool_least;
    }
    struct choice choice = find_exact(image_end, wanted, large_page);
    if (!choice.size)
        choice = find_exact(image_end, wanted, PAGE_SIZE);
    if (!choice.size) {
        choice = find_biggest(wanted);
        if (choice.size < pool_least)
            fatal("kernel memory: the kernel needs at least %u MiB of contiguous RAM below 4 GiB, but the biggest free piece has "
                  "%u KiB "
                  "(of %u MiB of RAM); give the machine more memory or load fewer modules",
                  (unsigned)(pool_least >> 20), (unsigned)(choice.size >> 10), (unsigned)(ram >> 20));
        log_line("kernel memory: %u MiB wanted, but only %u MiB are contiguous below 4 GiB; the kernel takes those",
                 (unsigned)(wanted >> 20), (unsigned)(choice.size >> 20));
    }
    boot_info.pool_begin = choice.begin;
    boot_info.pool_end = choice.begin + choice.size;
    memory_map_take(boot_info.pool_begin, boot_info.pool_end);
}
