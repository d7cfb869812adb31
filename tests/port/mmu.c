/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ports/x86/mmu.c against a model of the hardware that keeps every translation as long as the manual lets it: TLBs with and without
 * PCIDs, and on 32 bit the four page directory pointers that a CPU reads only when CR3 is loaded. Random spaces, mappings, switches
 * and flushes; after each step every access of every CPU has to see what a plain table of the test says.
 */
#include "tests/port/fake.h"

#include "core/lib/log.h"
#include "hal/boot_info.h"
#include "hal/cpu.h"
#include "hal/physical.h"
#include "ports/x86/features.h"
#include "ports/x86/kernel_map.h"
#include "ports/x86/mmu.h"
#include "ports/x86/page_table.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "layout.h"

enum { CPUS = 3, LIVE = 6, PLACES = 96, POOL_PAGES = 4096, TLB_SIZE = 1 << 16, KERNEL_ROOT = 0x7000 };

/* ---- what mmu.c needs of the rest of the kernel ---- */

word physical_pool_offset;
uint64_t entry_no_execute = ENTRY_NX_BIT;
uint32_t features_used;
uint64_t kernel_root[ROOT_ENTRIES];
static unsigned current;
static struct x86_cpu locals[CPUS];
static const char *phase = "";

static void __attribute__((format(printf, 1, 2), noreturn)) fail(const char *format, ...)
{
    va_list list;
    va_start(list, format);
    printf("not ok %s: ", phase);
    vprintf(format, list);
    printf("\n");
    exit(1);
}

unsigned cpu_number(void) { return current; }
void cpu_pause(void) {}
struct x86_cpu *x86_cpu_self(void) { return &locals[current]; }
void io_bitmap_invalidate(void) { locals[current].io_mmu = 0; }
paddr_t kernel_root_phys(void) { return KERNEL_ROOT; }
void fatal(const char *format, ...) { fail("fatal: %s", format); }
void log_line(const char *format, ...) { (void)format; }

/* ---- the hardware ---- */

struct translation {
    bool valid;
    unsigned tag;
    word page;
    uint64_t entry;
};

static struct {
    uint64_t cr3, pointers[4];
    unsigned count;
    struct translation tlb[TLB_SIZE];
} hardware[CPUS];

static unsigned tag_now(void) { return features_used >> FEATURE_PCID & 1 ? hardware[current].cr3 & 0xfff : 0; }

static void drop(bool all, word page)
{
    struct translation *t = hardware[current].tlb;
    unsigned kept = 0;
    for (unsigned i = 0; i < hardware[current].count; i++)
        if (t[i].tag != tag_now() || !(all || t[i].page == page))
            t[kept++] = t[i];
    hardware[current].count = kept;
}

word cr3_read(void) { return (word)hardware[current].cr3; }

void cr3_write(word value)
{
    bool keep = (uint64_t)value >> 63 && features_used >> FEATURE_PCID & 1;
    hardware[current].cr3 = (uint64_t)value & ~ENTRY_NX_BIT;
    if (!keep)
        drop(true, 0);
    paddr_t root = hardware[current].cr3 & ENTRY_ADDRESS;
    if (TABLE_LEVELS == 3 && root != KERNEL_ROOT)
        memcpy(hardware[current].pointers, phys_to_virt(root), sizeof hardware[current].pointers);
}

void page_flush(word address) { drop(false, address >> PAGE_BITS); }

/* Leaf entry that an access of user mode uses, 0 = page fault. */
static uint64_t access_once(word page)
{
    struct translation *t = hardware[current].tlb;
    for (unsigned i = 0; i < hardware[current].count; i++)
        if (t[i].tag == tag_now() && t[i].page == page)
            return t[i].entry;
    paddr_t table = hardware[current].cr3 & ENTRY_ADDRESS;
    if (table == KERNEL_ROOT)
        return 0;
    uint64_t entry = 0;
    for (int level = TABLE_LEVELS; level > 0; level--) {
        unsigned index = (unsigned)(page >> 9 * (level - 1)) & 511;
        if (TABLE_LEVELS == 3 && level == 3) {
            entry = hardware[current].pointers[index];
            if (entry & 0x1e6)
                fail("reserved bits in a page directory pointer: %llx", (unsigned long long)entry);
        } else {
            entry = ((uint64_t *)phys_to_virt(table))[index];
        }
        if (!(entry & ENTRY_PRESENT))
            return 0;
        bool pointer = TABLE_LEVELS == 3 && level == 3;
        if (!pointer && (!(entry & ENTRY_USER) || (level > 1 && !(entry & ENTRY_WRITE))))
            fail("page %lx: level %d takes rights away: %llx", (unsigned long)page, level, (unsigned long long)entry);
        table = entry & ENTRY_ADDRESS;
    }
    if (hardware[current].count == TLB_SIZE)
        fail("the model's TLB is full");
    t[hardware[current].count++] = (struct translation){true, tag_now(), page, entry};
    return entry;
}

static uint64_t access_page(word page)
{
    for (unsigned tries = 0;; tries++) {
        uint64_t entry = access_once(page);
        if (entry || !mmu_fault_retry())
            return entry;
        if (tries == 3)
            fail("mmu_fault_retry goes on and on");
    }
}

/* ---- the kernel's memory ---- */

static char pool[POOL_PAGES][4096] __attribute__((aligned(4096)));
static void *free_pages[POOL_PAGES];
static unsigned free_count;

static void *page_get(void)
{
    if (!free_count)
        fail("the test's pool is empty");
    return memset(free_pages[--free_count], 0, 4096);
}

/* ---- the spaces as they should be ---- */

struct place {
    uint64_t frame;
    unsigned rights;
};

struct space {
    struct mmu mmu;
    bool live;
    unsigned pages;
    struct place place[PLACES];
};
static struct space spaces[LIVE];
static struct space *active[CPUS];
static word page_of[PLACES];
static uint64_t next_frame = 1;
static uint64_t seed = 1;

static unsigned pick(unsigned n)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(seed >> 33) % n;
}

/* Runs of four neighbours, at places where tables begin and end. */
static void places_choose(void)
{
    const word last = (NOVA_USER_LIMIT >> 12) - 4;
    for (unsigned i = 0; i < PLACES; i += 4) {
        word base = i == 0 ? 0 : i == 4 ? last : i == 8 ? 510 : i == 12 ? ((word)1 << 18) - 2 : ((word)pick(1 << 30) << 8) % last;
        for (unsigned j = 0; j < 4; j++)
            page_of[i + j] = base + j;
    }
    /* Runs may overlap by chance; then the later one is moved away. */
    for (unsigned i = 0; i < PLACES; i++)
        for (unsigned j = 0; j < i / 4 * 4; j++)
            if (page_of[i] == page_of[j]) {
                places_choose();
                return;
            }
}

static void check_all(void)
{
    unsigned saved = current;
    for (current = 0; current < CPUS; current++)
        for (unsigned i = 0; active[current] && i < PLACES; i++) {
            const struct place *want = &active[current]->place[i];
            uint64_t entry = access_page(page_of[i]);
            unsigned rights =
                !entry ? 0 : MMU_READ | (entry & ENTRY_WRITE ? MMU_WRITE : 0) | (entry & ENTRY_NX_BIT ? 0 : MMU_EXECUTE);
            if (rights != want->rights || (rights && (entry & ENTRY_ADDRESS) >> 12 != want->frame))
                fail("CPU %u page %lx: the hardware sees rights %u frame %llx, it should be %u %llx", current,
                     (unsigned long)page_of[i], rights, (unsigned long long)(entry & ENTRY_ADDRESS) >> 12, want->rights,
                     (unsigned long long)want->frame);
            uint64_t frame = want->frame;
            if (mmu_lookup(&active[current]->mmu, MMU_HOST, page_of[i], &frame) != want->rights ||
                (want->rights && frame != want->frame))
                fail("mmu_lookup of page %lx", (unsigned long)page_of[i]);
        }
    current = saved;
}

static void space_make(struct space *space)
{
    memset(space, 0, sizeof *space);
    mmu_init(&space->mmu, page_get());
    space->live = true;
    space->pages = 1;
}

static void space_destroy(struct space *space)
{
    struct page_reserve pages = {0, 0};
    for (unsigned i = 0; i < CPUS; i++)
        if (active[i] == space)
            return;
    unsigned max = 1 + pick(5), got = 0;
    for (bool done = false; !done;) {
        done = mmu_fini(&space->mmu, &pages, max);
        if (pages.count > max || (!done && !pages.count))
            fail("mmu_fini collected %u pages, %u allowed", pages.count, max);
        got += pages.count;
        while (pages.count)
            free_pages[free_count++] = page_reserve_take(&pages);
    }
    if (got != space->pages)
        fail("mmu_fini gave %u pages back, %u were taken", got, space->pages);
    space->live = false;
}

static void space_map(struct space *space)
{
    unsigned first = pick(PLACES), count = 1;
    while (first % 4 + count < 4 && pick(2))
        count++;
    for (unsigned i = 0; i < count; i++)
        if (space->place[first + i].rights)
            return;
    unsigned need = mmu_need(&space->mmu, MMU_HOST, page_of[first], count), rights = MMU_READ | pick(8);
    struct page_reserve reserve = {0, 0};
    for (unsigned i = 0; i < need; i++)
        page_reserve_put(&reserve, page_get());
    mmu_map(&space->mmu, MMU_HOST, page_of[first], count, next_frame, rights, MEMORY_WRITE_BACK, &reserve);
    if (reserve.count)
        fail("mmu_need said %u, mmu_map left %u", need, reserve.count);
    space->pages += need;
    for (unsigned i = 0; i < count; i++)
        space->place[first + i] = (struct place){next_frame++, rights};
}

/* Takes rights of a range away and flushes every CPU in one of the ways that core has. */
static void space_protect(struct space *space)
{
    unsigned rights = pick(2) ? 0 : pick(8), first = pick(PLACES) & ~3u;
    bool large = !pick(4);
    word begin = large ? 0 : page_of[first] + pick(2), count = large ? page_of[first] + 2 : 1 + pick(3);
    mmu_protect(&space->mmu, MMU_HOST, begin, count, rights);
    for (unsigned i = 0; i < PLACES; i++)
        if (page_of[i] - begin < count) {
            unsigned left = space->place[i].rights & (rights | MMU_READ);
            space->place[i].rights = rights ? left : 0;
        }
    unsigned how = pick(3), saved = current;
    for (current = 0; current < CPUS; current++)
        mmu_flush(how == 0 ? 0 : &space->mmu, MMU_HOST, how == 1 ? begin : 0, how == 1 ? count : 0);
    current = saved;
}

static void run(const char *name, uint32_t features, unsigned steps)
{
    phase = name;
    features_used = features;
    for (current = 0; current < CPUS; current++) {
        hardware[current].count = 0;
        active[current] = 0;
        mmu_cpu_init();
    }
    for (unsigned step = 0; step < steps; step++) {
        struct space *space = &spaces[pick(LIVE)];
        current = pick(CPUS);
        if (!space->live)
            space_make(space);
        switch (pick(8)) {
        case 0: space_destroy(space); break;
        case 1:
        case 2:
            mmu_activate(&space->mmu);
            active[current] = space;
            break;
        case 3: space_protect(space); break;
        default: space_map(space);
        }
        if (step % 4 == 0)
            check_all();
    }
    for (unsigned i = 0; i < CPUS; i++)
        active[i] = 0;
    for (unsigned i = 0; i < LIVE; i++)
        if (spaces[i].live)
            space_destroy(&spaces[i]);
    if (free_count != POOL_PAGES)
        fail("%u table pages are lost", POOL_PAGES - free_count);
    printf("ok %s\n", name);
}

static void test_need(void)
{
    phase = "mmu_need of large ranges";
    struct space *space = &spaces[0];
    space_make(space);
    if (mmu_need(&space->mmu, MMU_HOST, 0, 0) || mmu_need(&space->mmu, MMU_DEVICE, 0, 99))
        fail("nothing needs nothing");
    if (mmu_need(&space->mmu, MMU_GUEST, 0, 99) != (sizeof(word) == 8 ? 4 : 3))
        fail("the first guest mapping needs a root and all levels");
    unsigned levels = TABLE_LEVELS - 2;
    if (mmu_need(&space->mmu, MMU_HOST, 0, 1) != levels + 1 || mmu_need(&space->mmu, MMU_HOST, 511, 2) != levels + 2)
        fail("small ranges");
    word all = NOVA_USER_LIMIT >> 12;
    unsigned whole = mmu_need(&space->mmu, MMU_HOST, 0, all);
    unsigned expect = 0;
    for (unsigned level = 1; level < TABLE_LEVELS; level++)
        expect += (unsigned)((all + ((word)1 << 9 * level) - 1) >> 9 * level);
    if (whole != expect)
        fail("all of it needs %u, not %u", whole, expect);
    space_destroy(space);
    printf("ok %s\n", phase);
}

int main(void)
{
    physical_pool_offset = (word)pool - 0x100000;
    for (unsigned i = 0; i < POOL_PAGES; i++)
        free_pages[free_count++] = pool[i];
    places_choose();
    test_need();
    run("spaces without PCIDs", 0, 20000);
    if (TABLE_LEVELS == 4)
        run("spaces with PCIDs", 1u << FEATURE_PCID, 12000);
    return 0;
}
