/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Paging: rights and faults, accessed and dirty bits, changed tables with and without INVLPG, tables that map themselves, large and global pages, several address spaces.
 * What a processor may keep of an old entry is not asked for; only what it must see.
 */
#include "paging.h"

static volatile uint32_t page_a[PAGE / 4] __attribute__((aligned(4096))), page_b[PAGE / 4] __attribute__((aligned(4096)));
static volatile uint32_t second_table[2 * PAGE / 4] __attribute__((aligned(4096)));

#define AT(address) (*(volatile uint32_t *)(address))

static word read_traps(word address) { return TRIES("movl (%0), %%eax", : : "r"(address) : "eax", "memory"); }

static word write_traps(word address) { return TRIES("movl %1, (%0)", : : "r"(address), "r"(0x77) : "memory"); }

static void bits(void)
{
    volatile entry *e = entry_of(0, WINDOW, 0), *above = entry_of(0, WINDOW, 1);
    page_a[0] = 0xa0a0;
    page_b[0] = 0xb0b0;
    *above &= ~(entry)ACCESSED;
    map(WINDOW, page_a, PRESENT | WRITE);
    invlpg((void *)WINDOW);
    check("not yet used", (word)*e & (ACCESSED | DIRTY), 0);
    check("reading through a mapping", AT(WINDOW), 0xa0a0);
    check("... accessed, not dirty", (word)*e & (ACCESSED | DIRTY), ACCESSED);
    check("... accessed above", (word)*above & ACCESSED, ACCESSED);
    AT(WINDOW + 8) = 0x1234;
    check("writing through a mapping", page_a[2], 0x1234);
    check("... accessed and dirty", (word)*e & (ACCESSED | DIRTY), ACCESSED | DIRTY);
    *e &= ~(entry)(ACCESSED | DIRTY);
    invlpg((void *)WINDOW);
    AT(WINDOW + 8) = 0x1235;
    check("bits cleared: set again", (word)*e & (ACCESSED | DIRTY), ACCESSED | DIRTY);
    map(WINDOW, page_b, PRESENT | WRITE | DIRTY);
    invlpg((void *)WINDOW);
    check("changed, after INVLPG", AT(WINDOW), 0xb0b0);
    check("... accessed", (word)*e & ACCESSED, ACCESSED);
}

static void faults(void)
{
    word place = WINDOW + 0x5123;
    check("nothing there: read", read_traps(place), 14);
    check("... error code", trap.error, 0);
    check("... address", trap.cr2, place);
    check("nothing there: write", write_traps(place), 14);
    check("... error code", trap.error, ERROR_WRITE);
    map(WINDOW + 0x5000, page_a, PRESENT);
    check("there now, without INVLPG: read", read_traps(place), NOTHING);
    check("read only: write", write_traps(place), 14);
    check("... error code", trap.error, ERROR_PRESENT | ERROR_WRITE);
    cr0_write(cr0_read() & ~(word)CR0_WP);
    check("read only without WP: write", write_traps(place), NOTHING);
    check("... dirty", (word)*entry_of(0, place, 0) & DIRTY, DIRTY);
    cr0_write(cr0_read() | CR0_WP);
    check("read only, WP again: write", write_traps(place), 14);
    map(WINDOW + 0x5000, page_a, PRESENT | WRITE);
    check("more rights, without INVLPG: write", write_traps(place), NOTHING);
    word upper = trap_counts[14];
    *entry_of(0, place, 1) &= ~(entry)WRITE;
    cr3_write(cr3_read());
    check("no right to write above: write", write_traps(place), 14);
    *entry_of(0, place, 1) |= WRITE;
    cr3_write(cr3_read());
    check("right again above: write", write_traps(place), NOTHING);
    check("faults as many as expected", trap_counts[14] - upper, 1);
}

static void changes(void)
{
    word wrong = 0;
    for (unsigned i = 0; i < 64; i++) {
        map(WINDOW, i & 1 ? page_b : page_a, PRESENT | WRITE);
        invlpg((void *)WINDOW);
        wrong += AT(WINDOW) != (i & 1 ? 0xb0b0 : 0xa0a0);
    }
    check("64 changes with INVLPG", wrong, 0);
    for (unsigned i = 0; i < 64; i++) {
        map(WINDOW + 0x3000, i & 1 ? page_b : page_a, PRESENT | WRITE);
        cr3_write(cr3_read());
        wrong += AT(WINDOW + 0x3000) != (i & 1 ? 0xb0b0 : 0xa0a0);
    }
    check("64 changes with MOV CR3", wrong, 0);
    map(WINDOW, page_a, 0);
    invlpg((void *)WINDOW);
    check("taken away", read_traps(WINDOW), 14);
    for (unsigned i = 0; i < 64; i++)
        map(WINDOW + 0x10000 + i * PAGE, i & 1 ? page_b : page_a, PRESENT | WRITE);
    for (unsigned i = 0; i < 64; i++)
        wrong += AT(WINDOW + 0x10000 + i * PAGE) != (i & 1 ? 0xb0b0 : 0xa0a0);
    check("64 new pages", wrong, 0);
}

/* Page tables changed through mappings of their own. */
static void self(void)
{
    entry *table = (entry *)entry_of(0, WINDOW, 0);
    word view = WINDOW + 0x6000;
    volatile entry *through = (volatile entry *)view;
    map(view, table, PRESENT | WRITE);
    through[7] = (entry)(word)page_b | PRESENT | WRITE;
    check("a table through its own mapping: new entry", AT(WINDOW + 0x7000), 0xb0b0);
    through[7] = (entry)(word)page_a | PRESENT | WRITE;
    invlpg((void *)(WINDOW + 0x7000));
    check("... changed", AT(WINDOW + 0x7000), 0xa0a0);
    check("... accessed is seen there", (word)through[7] & ACCESSED, ACCESSED);
    check("... dirty on the table's page", (word)through[6] & DIRTY, DIRTY);
    word wrong = 0;
    for (unsigned i = 0; i < 100; i++) {
        through[7] = (entry)(word)(i & 1 ? page_b : page_a) | PRESENT | WRITE;
        invlpg((void *)(WINDOW + 0x7000));
        wrong += AT(WINDOW + 0x7000) != (i & 1 ? 0xb0b0 : 0xa0a0);
    }
    check("... 100 times", wrong, 0);
    volatile entry *above = entry_of(0, WINDOW, 1);
    entry old = *above, *other = (entry *)(word)second_table;
    for (unsigned i = 0; i < ENTRIES && i < 8; i++)
        other[i] = (entry)(word)page_b | PRESENT | WRITE;
    *above = (entry)(word)other | PRESENT | WRITE | USER;
    cr3_write(cr3_read());
    check("another table", AT(WINDOW + 0x7000), 0xb0b0);
    *above = old;
    cr3_write(cr3_read());
    check("... and the first one again", AT(WINDOW + 0x7000), 0xb0b0);
    check("... with what it says", AT(WINDOW + 0x10000), 0xa0a0);
}

static void large(void)
{
    volatile entry *e = entry_of(0, WINDOW_LARGE, 1);
    word base = (word)page_a & ~(word)(LARGE_PAGE - 1), offset = (word)page_a - base;
    *e = (entry)base | PRESENT | WRITE | LARGE;
    check("large page: read", AT(WINDOW_LARGE + offset), 0xa0a0);
    check("... accessed, not dirty", (word)*e & (ACCESSED | DIRTY), ACCESSED);
    AT(WINDOW_LARGE + offset + 12) = 0x4321;
    check("large page: write", page_a[3], 0x4321);
    check("... dirty", (word)*e & DIRTY, DIRTY);
    word sum = 0;
    for (word at = 0; at < 64 * PAGE; at += PAGE)
        sum += AT(WINDOW_LARGE + (1 << 20) % LARGE_PAGE + at) != AT((1 << 20) % LARGE_PAGE + base + at);
    check("large page: 64 pages of it", sum, 0);
    *e = (entry)base | PRESENT | LARGE;
    invlpg((void *)WINDOW_LARGE);
    check("large page, read only: write", write_traps(WINDOW_LARGE + offset), 14);
    check("... error code", trap.error, ERROR_PRESENT | ERROR_WRITE);
    *e = 0;
    invlpg((void *)(WINDOW_LARGE + offset));
    check("large page, gone", read_traps(WINDOW_LARGE + offset), 14);
    map(WINDOW_LARGE + (offset & ~(word)0xfff), page_b, PRESENT | WRITE);
    check("small pages in its place", AT(WINDOW_LARGE + offset), 0xb0b0);
    *e = (entry)base | PRESENT | WRITE | LARGE;
    cr3_write(cr3_read());
    check("and large again", AT(WINDOW_LARGE + offset), 0xa0a0);
}

static void globals(void)
{
    if (!(cpuid(1, 0).d >> 13 & 1)) {
        skip("global pages", "the processor has none");
        return;
    }
    cr4_write(cr4_read() | CR4_PGE);
    map(WINDOW + 0x8000, page_a, PRESENT | WRITE | GLOBAL);
    check("global page", AT(WINDOW + 0x8000), 0xa0a0);
    cr3_write(cr3_read());
    check("... after MOV CR3", AT(WINDOW + 0x8000), 0xa0a0);
    map(WINDOW + 0x8000, page_b, PRESENT | WRITE | GLOBAL);
    invlpg((void *)(WINDOW + 0x8000));
    check("... changed, after INVLPG", AT(WINDOW + 0x8000), 0xb0b0);
    map(WINDOW + 0x8000, page_a, PRESENT | WRITE | GLOBAL);
    cr4_write(cr4_read() & ~(word)CR4_PGE);
    check("... changed, after PGE was off", AT(WINDOW + 0x8000), 0xa0a0);
}

static void spaces(void)
{
    entry *first = root_now(), *second = root_copy(WINDOW);
    word wrong = 0;
    *entry_of(second, WINDOW, 0) = (entry)(word)page_b | PRESENT | WRITE;
    *entry_of(first, WINDOW, 0) = (entry)(word)page_a | PRESENT | WRITE;
    cr3_write((word)first);
    for (unsigned i = 0; i < 40; i++) {
        cr3_write((word)(i & 1 ? second : first));
        wrong += AT(WINDOW) != (i & 1 ? 0xb0b0 : 0xa0a0);
    }
    cr3_write((word)first);
    check("40 switches between two spaces", wrong, 0);
}

static void execution(void)
{
    static const uint8_t one[] = {0xb8, 1, 0, 0, 0, 0xc3}, two[] = {0xb8, 2, 0, 0, 0, 0xc3}; /* mov eax,n; ret */
    word (*function)(void) = (word(*)(void))(WINDOW + 0x9000);
    memcpy((void *)(page_a + 64), one, sizeof one);
    memcpy((void *)(page_b + 64), two, sizeof two);
    function = (word(*)(void))((word)function + 256);
    map(WINDOW + 0x9000, page_a, PRESENT);
    check("execution through a mapping", (uint32_t)function(), 1);
    map(WINDOW + 0x9000, page_b, PRESENT);
    invlpg((void *)function);
    check("... through a changed one", (uint32_t)function(), 2);
    ((volatile uint8_t *)(page_b + 64))[1] = 3;
    check("... changed code", (uint32_t)function(), 3);
    map(WINDOW + 0x9000, page_b, 0);
    invlpg((void *)function);
    trap.vector = NOTHING;
    __asm__ volatile(MOVE_RESUME "jmp *%0\n1:" : : "r"(function) : "eax", "memory");
    check("fetch where nothing is", trap.vector, 14);
    check("... address", trap.cr2, (word)function);
}

#if BITS == 64 || defined PAE
#define MSR_EFER 0xc0000080u
#define NO_EXECUTE ((entry)1 << 63)

static void no_execute(void)
{
    word (*function)(void) = (word(*)(void))(WINDOW + 0x9100);
    if (cpuid(0x80000000, 0).a < 0x80000001 || !(cpuid(0x80000001, 0).d >> 20 & 1)) {
        skip("no execute", "the processor has no such bit");
        return;
    }
    wrmsr(MSR_EFER, rdmsr(MSR_EFER) | 1 << 11);
    map(WINDOW + 0x9000, page_b, PRESENT | WRITE | NO_EXECUTE);
    invlpg((void *)function);
    check("no execute: read", read_traps((word)function), NOTHING);
    trap.vector = NOTHING;
    __asm__ volatile(MOVE_RESUME "jmp *%0\n1:" : : "r"(function) : "eax", "memory");
    check("no execute: fetch", trap.vector, 14);
    check("... error code", trap.error, ERROR_PRESENT | ERROR_FETCH);
    map(WINDOW + 0x9000, page_b, PRESENT | WRITE);
    invlpg((void *)function);
    check("... allowed again", (uint32_t)function(), 3);
}

static void reserved(void)
{
    map(WINDOW + 0xa000, page_a, PRESENT | WRITE | (entry)1 << 51);
    check("reserved bit", read_traps(WINDOW + 0xa000), 14);
    check("... error code", trap.error & ERROR_RESERVED, ERROR_RESERVED); /* QEMU does not say that it is present */
    map(WINDOW + 0xa000, page_a, PRESENT | WRITE);
    check("... without it", read_traps(WINDOW + 0xa000), NOTHING);
}
#endif

#if BITS == 32
static void off_and_on(void)
{
    word cr0 = cr0_read();
    for (unsigned i = 0; i < 10; i++) {
        map(WINDOW, i & 1 ? page_b : page_a, PRESENT | WRITE);
        cr0_write(cr0 & ~CR0_PG);
        page_a[9] += 3;
        cr0_write(cr0);
        if (AT(WINDOW) != (i & 1 ? 0xb0b0 : 0xa0a0))
            page_a[9] = 1000;
    }
    check("paging off and on 10 times", page_a[9], 30);
}
#endif

/* The processor cannot deliver a page fault: a double fault. */
void test_double_fault(void)
{
    trap_handler_set(14, 0, 0);
    check("double fault", read_traps(WINDOW + 0x200000 - PAGE), 8);
    check("... error code", trap.error, 0);
    traps_init();
    check("... and page faults again", read_traps(WINDOW + 0x200000 - PAGE), 14);
}

void test_paging(void)
{
    bits();
    faults();
    changes();
    self();
    large();
    globals();
    spaces();
    execution();
#if BITS == 64 || defined PAE
    no_execute();
    reserved();
#endif
#if BITS == 32
    off_and_on();
#endif
}
