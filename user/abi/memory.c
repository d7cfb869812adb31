/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * abi.md section 3 on memory: delegating pages between addresses of this PD, permissions as the CPU enforces them, revoke, and
 * what root cannot take from the kernel. Pages are told apart by their first word.
 */
#include "abi.h"

enum { ORDER = 3, PAGES = 1 << ORDER };

static nova_word source; /* address of PAGES pages of RAM; page i begins with mark(i) */

static nova_word mark(unsigned page) { return 0x6d610000 + page; }

static nova_word word_at(nova_word address) { return *(volatile nova_word *)address; }

static nova_word pages(nova_word address, unsigned order, unsigned perm)
{
    return nova_crd(NOVA_CRD_MEM, address >> NOVA_PAGE_BITS, order, perm);
}

static nova_word page_at(nova_word address)
{
    nova_word crd;
    enum nova_status status = nova_lookup(pages(address, 0, 0), &crd);
    return status ? (nova_word)-1 : crd;
}

/* Delegates 2^order pages inside this PD through a window of the same size. */
static enum nova_status map(nova_word from, nova_word to, unsigned order, unsigned perm)
{
    return grant(nova_pd, nova_pd, pages(from, order, perm), nova_control(NOVA_ITEM_DELEGATE, to >> NOVA_PAGE_BITS),
                 pages(to, order, NOVA_PERM_ALL));
}

static void unmap(nova_word address, unsigned order) { nova_revoke(pages(address, order, NOVA_PERM_ALL), NOVA_REVOKE_SELF, 0, 0); }

static int has_nx(void) { return nova_cpuid(0x80000000).ax >= 0x80000001 && nova_cpuid(0x80000001).dx >> 20 & 1; }

/* The page fault that ended a probe: vector, error code, address. */
static void check_fault(const char *what, nova_word vector, nova_word error, nova_word address)
{
    char name[120];

    nova_format(name, sizeof(name), "%s: page fault", what);
    check(name, vector, EVENT_PF);
    nova_format(name, sizeof(name), "%s: error code", what);
    check(name, (nova_word)last_event.state.qual[0], error);
    nova_format(name, sizeof(name), "%s: address", what);
    check(name, (nova_word)last_event.state.qual[1], address);
}

static void test_map(void)
{
    nova_word to = free_range(ORDER);

    check("delegate one page", map(source + NOVA_PAGE_SIZE, to, 0, NOVA_MEM_RW), NOVA_SUCCESS);
    check("it is the page", word_at(to), mark(1));
    *(volatile nova_word *)(to + 64) = 0x1234;
    check("writes are seen in both places", word_at(source + NOVA_PAGE_SIZE + 64), 0x1234);
    check("lookup of the page", page_at(to), pages(to, 0, NOVA_MEM_RW));
    check("lookup of nothing", page_at(to + NOVA_PAGE_SIZE), 0);
    unmap(to, 0);
    check_fault("read after revoke", probe(touch_read, to), PF_USER, to);
    check("lookup after revoke", page_at(to), 0);

    check("delegate 8 pages", map(source, to, ORDER, NOVA_MEM_RW), NOVA_SUCCESS);
    for (unsigned i = 0; i < PAGES; i++)
        if (word_at(to + i * NOVA_PAGE_SIZE) != mark(i)) {
            check("page of 8 in its place", i, PAGES);
            break;
        }
    check("the last of 8", word_at(to + (PAGES - 1) * NOVA_PAGE_SIZE), mark(PAGES - 1));
    unmap(to + 2 * NOVA_PAGE_SIZE, 1);
    check_fault("read of two revoked in the middle", probe(touch_read, to + 3 * NOVA_PAGE_SIZE), PF_USER, to + 3 * NOVA_PAGE_SIZE);
    check("neighbour before", probe(touch_read, to + 1 * NOVA_PAGE_SIZE), NO_EXCEPTION);
    check("neighbour behind", probe(touch_read, to + 4 * NOVA_PAGE_SIZE), NO_EXCEPTION);
    check("their source", probe(touch_read, source + 3 * NOVA_PAGE_SIZE), NO_EXCEPTION);
    unmap(to, ORDER);
    check("all revoked", probe(touch_read, to), EVENT_PF);
}

static void test_hotspot(void)
{
    nova_word to = free_range(ORDER + 1), item = pages(source, 1, NOVA_MEM_RW);

    grant(nova_pd, nova_pd, item, nova_control(NOVA_ITEM_DELEGATE, (to >> NOVA_PAGE_BITS) + 6), pages(to, ORDER, NOVA_PERM_ALL));
    check("larger window: the hotspot is the position", word_at(to + 6 * NOVA_PAGE_SIZE), mark(0));
    check("larger window: second page", word_at(to + 7 * NOVA_PAGE_SIZE), mark(1));
    check("larger window: nothing before it", probe(touch_read, to + 5 * NOVA_PAGE_SIZE), EVENT_PF);
    unmap(to, ORDER);
    item = pages(source, ORDER, NOVA_MEM_RW);
    grant(nova_pd, nova_pd, item, nova_control(NOVA_ITEM_DELEGATE, (source >> NOVA_PAGE_BITS) + 5), pages(to, 0, NOVA_PERM_ALL));
    check("smaller window: the hotspot selects", word_at(to), mark(5));
    check("smaller window: and no more", probe(touch_read, to + NOVA_PAGE_SIZE), EVENT_PF);
    unmap(to, ORDER);
    grant(nova_pd, nova_pd, pages(source, 0, NOVA_MEM_RW), nova_control(NOVA_ITEM_DELEGATE, to >> NOVA_PAGE_BITS),
          nova_crd(NOVA_CRD_MEM, 0, 31, NOVA_PERM_ALL));
    check("window of the whole space: the hotspot is the page", word_at(to), mark(0));
    unmap(to, 0);
}

static void test_occupied(void)
{
    nova_word to = free_range(ORDER);

    map(source + 7 * NOVA_PAGE_SIZE, to + NOVA_PAGE_SIZE, 0, NOVA_MEM_R);
    check("delegate 4 pages onto an occupied one", map(source, to, 2, NOVA_MEM_RW), NOVA_SUCCESS);
    check("what was there stays", word_at(to + NOVA_PAGE_SIZE), mark(7));
    check("with its permissions", page_at(to + NOVA_PAGE_SIZE) & 0x1f << 2, NOVA_MEM_R << 2);
    check("before it", word_at(to), mark(0));
    check("behind it", word_at(to + 2 * NOVA_PAGE_SIZE), mark(2));
    check("the same page twice", map(source, to, 0, NOVA_MEM_RW), NOVA_SUCCESS);
    unmap(to, 2);

    /* a source with a hole */
    map(source, to, 2, NOVA_MEM_RW);
    unmap(to + NOVA_PAGE_SIZE, 0);
    map(to, to + 4 * NOVA_PAGE_SIZE, 2, NOVA_MEM_RW);
    check("delegate a range with a hole: before it", word_at(to + 4 * NOVA_PAGE_SIZE), mark(0));
    check("the hole", probe(touch_read, to + 5 * NOVA_PAGE_SIZE), EVENT_PF);
    check("behind it, too", word_at(to + 7 * NOVA_PAGE_SIZE), mark(3));
    unmap(to, 2);
    check("gone with its source", probe(touch_read, to + 7 * NOVA_PAGE_SIZE), EVENT_PF);
}

static void test_permissions(void)
{
    nova_word to = free_range(ORDER);
    const int nx = has_nx();

    map(source, to, 0, NOVA_MEM_R);
    check("read of a read-only page", probe(touch_read, to), NO_EXCEPTION);
    check_fault("write to a read-only page", probe(touch_write, to), PF_USER | PF_WRITE | PF_PRESENT, to);
    check_fault("write to a page that is not there", probe(touch_write, to + NOVA_PAGE_SIZE + 5), PF_USER | PF_WRITE,
                to + NOVA_PAGE_SIZE + 5);
    unmap(to, 0);

    map(source, to, 0, NOVA_MEM_RW);
    check("write to a writable page", probe(touch_write, to + 8), NO_EXCEPTION);
    map(to, to + NOVA_PAGE_SIZE, 0, NOVA_MEM_RW);
    nova_revoke(pages(to, 0, NOVA_MEM_W), 0, 0, 0);
    check("after revoke of W: read", probe(touch_read, to + NOVA_PAGE_SIZE), NO_EXCEPTION);
    check_fault("after revoke of W: write", probe(touch_write, to + NOVA_PAGE_SIZE), PF_USER | PF_WRITE | PF_PRESENT,
                to + NOVA_PAGE_SIZE);
    check("after revoke of W: the source", probe(touch_write, to + 8), NO_EXCEPTION);
    nova_revoke(pages(to, 0, NOVA_MEM_W), NOVA_REVOKE_SELF, 0, 0);
    check("after revoke of W with self: the source", probe(touch_write, to + 8), EVENT_PF);
    unmap(to, 0);

    /* a function that just returns, in a page of its own */
    *(volatile uint8_t *)source = 0xc3;
    map(source, to, 0, NOVA_MEM_RW);
    if (nx)
        check_fault("execution of a page without X", probe(touch_execute, to), PF_USER | PF_PRESENT | PF_FETCH, to);
    else
        remark("the CPU has no NX: execution is not checked");
    check_fault("execution of a page that is not there", probe(touch_execute, to + NOVA_PAGE_SIZE), PF_USER | (nx ? PF_FETCH : 0),
                to + NOVA_PAGE_SIZE);
    unmap(to, 0);
    check("this program's text is executable where it is", page_at((nova_word)nova_image_start) & 0x1f << 2, NOVA_MEM_RX << 2);
    map((nova_word)touch_execute, to, 0, NOVA_MEM_RX);
    check("and where it is delegated with X", page_at(to) & 0x1f << 2, NOVA_MEM_RX << 2);
    check("write to this program's text", probe(touch_write, (nova_word)nova_image_start), EVENT_PF);
    check("write to this program's constants", probe(touch_write, (nova_word)nova_text_end), EVENT_PF);
    unmap(to, 0);
    *(volatile nova_word *)source = mark(0);
}

static void test_delegated_code(void)
{
    nova_word to = free_range(0);

    /* touch_read lies in the image; call it at its alias */
    map((nova_word)touch_read & -NOVA_PAGE_SIZE, to, 0, NOVA_MEM_RX);
    check("execution of a page delegated with X",
          probe((void (*)(nova_word))(to + ((nova_word)touch_read & (NOVA_PAGE_SIZE - 1))), source), NO_EXCEPTION);
    unmap(to, 0);
}

static void test_kernel_side(void)
{
    static const struct {
        const char *name;
        uint64_t address;
    } kept[] = {{"local APIC", 0xfee00000}, {"I/O APIC", 0xfec00000}};
    nova_word mapped = 0, tried = 0;

    for (unsigned i = 0; i < nova_hip_memories(nova_hip); i++) {
        const struct nova_hip_memory *memory = nova_hip_memory(nova_hip, i);
        if (memory->type != NOVA_MEMORY_KERNEL || !memory->size)
            continue;
        tried++;
        mapped += nova_map_physical(memory->address, 1, NOVA_MEM_R) != NULL;
        mapped += nova_map_physical(memory->address + memory->size - 1, 1, NOVA_MEM_R) != NULL;
    }
    check_true("there is kernel memory to ask for", tried != 0);
    check("root cannot take the kernel's memory", mapped, 0);
    for (unsigned i = 0; i < sizeof(kept) / sizeof(*kept); i++)
        check(kept[i].name, (nova_word)nova_map_physical(kept[i].address, NOVA_PAGE_SIZE, NOVA_MEM_RW), 0);

    check_fault("write to the HIP", probe(touch_write, NOVA_HIP_ADDRESS), PF_USER | PF_WRITE | PF_PRESENT, NOVA_HIP_ADDRESS);
}

/* Windows and hotspots may point into the kernel's half (for guests and devices), but a thread must see nothing there. */
static void test_beyond(void)
{
    nova_word limit = NOVA_USER_LIMIT >> NOVA_PAGE_BITS, top = (nova_word)-1 >> NOVA_PAGE_BITS;
    nova_word item = pages(source, 0, NOVA_MEM_RW);

    grant(nova_pd, nova_pd, item, nova_control(NOVA_ITEM_DELEGATE, limit), nova_crd(NOVA_CRD_MEM, limit, 0, NOVA_PERM_ALL));
    check("delegate to the user limit: an access faults", probe(touch_read, NOVA_USER_LIMIT), EVENT_PF);
    unmap(NOVA_USER_LIMIT, 0);
    grant(nova_pd, nova_pd, item, nova_control(NOVA_ITEM_DELEGATE, top), nova_crd(NOVA_CRD_MEM, top, 0, NOVA_PERM_ALL));
    check("delegate to the last page: an access faults", probe(touch_read, (nova_word)-1), EVENT_PF);
    unmap(top << NOVA_PAGE_BITS, 0);
    item = pages(source, ORDER, NOVA_MEM_RW);
    grant(nova_pd, nova_pd, item, nova_control(NOVA_ITEM_DELEGATE, limit), nova_crd(NOVA_CRD_MEM, 0, 31, NOVA_PERM_ALL));
    check("delegate with a hotspot at the user limit: an access faults", probe(touch_read, NOVA_USER_LIMIT), EVENT_PF);
    unmap(NOVA_USER_LIMIT, ORDER);
    check("its source is still there", word_at(source), mark(0));
    check("revoke at the last page", nova_revoke(nova_crd(NOVA_CRD_MEM, top, 0, NOVA_PERM_ALL), NOVA_REVOKE_SELF, 0, 0),
          NOVA_SUCCESS);
    check("revoke of everything from the user limit on",
          nova_revoke(nova_crd(NOVA_CRD_MEM, limit, 10, NOVA_PERM_ALL), NOVA_REVOKE_SELF, 0, 0), NOVA_SUCCESS);
    check("leaves this program alone", probe(touch_read, NOVA_HIP_ADDRESS), NO_EXCEPTION);
}

void test_memory(void)
{
    section("8.kernel_memory");
    source = (nova_word)nova_allocate(PAGES * NOVA_PAGE_SIZE, PAGES * NOVA_PAGE_SIZE);
    check_true("RAM from the kernel", source != 0);
    if (!source)
        return;
    for (unsigned i = 0; i < PAGES; i++)
        *(volatile nova_word *)(source + i * NOVA_PAGE_SIZE) = mark(i);
    section("3.memory");
    test_map();
    section("3.hotspot");
    test_hotspot();
    section("3.occupied");
    test_occupied();
    section("3.permissions");
    test_permissions();
    section("3.execute");
    test_delegated_code();
    section("8.kernel_memory");
    test_kernel_side();
    section("3.beyond");
    test_beyond();
}
