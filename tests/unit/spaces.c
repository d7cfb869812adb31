/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Delegation and revocation of memory and ports (abi.md section 3), seen from root: its own space is sender and receiver.
 */
#include "scenario.h"

enum {
    FREE = 0x5200 /* a page of RAM that is nobody's: page number and, one to one, address */,
    R = NOVA_MEM_R,
    W = NOVA_MEM_W,
    RW = NOVA_MEM_RW,
    RWX = NOVA_MEM_RWX
};

static word mem(word page, unsigned order, unsigned perm) { return nova_crd(NOVA_CRD_MEM, page, order, perm); }

/* Rights that root's thread has at a page (through TLB and page table). */
static unsigned rights(word page)
{
    unsigned result = 0;
    for (unsigned right = 1; right < 8; right <<= 1)
        if (user_try(0, page << PAGE_BITS, right))
            result |= right;
    return result;
}

static word frame_at(word page)
{
    return (word)((uint8_t *)user_pointer(0, page << PAGE_BITS, R) - (uint8_t *)machine_memory(0)) >> PAGE_BITS;
}

/* Root to root. */
static word give(word crd, word window, word hotspot)
{
    return delegate(0, NOVA_ROOT_UTCB_ADDRESS, SEL_PD, SEL_PD, crd, nova_control(NOVA_ITEM_DELEGATE, hotspot), window);
}

TEST(memory_from_the_kernel)
{
    machine_boot(1);
    CHECK_EQ(rights(FREE), 0);
    CHECK_EQ(take(0, mem(FREE, 2, RWX), 0), NOVA_SUCCESS);
    for (word i = 0; i < 4; i++) {
        CHECK_EQ(rights(FREE + i), RWX);
        CHECK_EQ(frame_at(FREE + i), FREE + i);
    }
    CHECK_EQ(rights(FREE - 1), 0);
    CHECK_EQ(rights(FREE + 4), 0);
    CHECK_EQ(lookup(0, mem(FREE + 1, 0, 0)), mem(FREE, 2, RWX));
    CHECK_EQ(lookup(0, mem(FREE + 4, 0, 0)), 0);
}

TEST(memory_hidden_from_root)
{
    static const word hidden[] = {
        IMAGE_BEGIN >> 12, (IMAGE_END >> 12) - 1, POOL_BEGIN >> 12, ((POOL_BEGIN + POOL_DEFAULT) >> 12) - 1, 0xfee00, 0xfec00};
    machine_boot(1);
    for (unsigned i = 0; i < sizeof hidden / sizeof *hidden; i++) {
        /* At a free place: the same page number may be root's text. */
        CHECK_EQ(delegate(0, NOVA_ROOT_UTCB_ADDRESS, SEL_PD, SEL_PD, mem(hidden[i], 0, RWX),
                          nova_control(NOVA_ITEM_DELEGATE | NOVA_ITEM_KERNEL, 0), mem(0x7000, 0, RWX)),
                 NOVA_SUCCESS);
        CHECK_EQ(rights(0x7000), 0);
    }
    /* A block around the image: everything but the image. */
    CHECK_EQ(take(0, mem(0, 10, RW), 0), NOVA_SUCCESS);
    for (word page = 0; page < 1024; page++)
        CHECK_EQ(rights(page), page >= IMAGE_BEGIN >> 12 && page < IMAGE_END >> 12 ? 0 : RW);
}

TEST(memory_device_above_ram)
{
    machine_boot(1);
    CHECK_EQ(take(0, mem(0xe0000, 4, RW), 0), NOVA_SUCCESS);
    CHECK_EQ(lookup(0, mem(0xe0005, 0, 0)), mem(0xe0000, 4, RW));
}

TEST(memory_kernel_flag_is_roots_alone)
{
    machine_boot(1);
    CHECK_EQ(create_pd(0, SEL_FREE, SEL_PD, 0, 0, 200), NOVA_SUCCESS);
    CHECK_EQ(delegate(0, NOVA_ROOT_UTCB_ADDRESS, SEL_FREE, SEL_PD, mem(FREE, 0, RW),
                      nova_control(NOVA_ITEM_DELEGATE | NOVA_ITEM_KERNEL, 0), mem(FREE, 0, RW)),
             NOVA_SUCCESS);
    CHECK_EQ(rights(FREE), 0);
}

TEST(memory_no_permission_no_mapping)
{
    machine_boot(1);
    CHECK_EQ(take(0, mem(FREE, 0, 0x18), 0), NOVA_SUCCESS);
    CHECK_EQ(rights(FREE), 0);
    CHECK_EQ(lookup(0, mem(FREE, 0, 0)), 0);
    CHECK_EQ(take(0, mem(FREE, 0, 0), 0), NOVA_SUCCESS);
    CHECK_EQ(rights(FREE), 0);
    CHECK_EQ(take(0, nova_crd(NOVA_CRD_PIO, 0x80, 0, 0x18), 0), NOVA_SUCCESS);
    CHECK(!user_port(0, 0x80));
}

TEST(memory_occupied_places_are_skipped)
{
    machine_boot(1);
    CHECK_EQ(take(0, mem(FREE + 1, 0, R), 0), NOVA_SUCCESS);
    machine_log_clear();
    CHECK_EQ(take(0, mem(FREE, 2, RW), 0), NOVA_SUCCESS);
    CHECK_EQ(rights(FREE), RW);
    CHECK_EQ(rights(FREE + 1), R);
    CHECK_EQ(rights(FREE + 2), RW);
    CHECK_EQ(rights(FREE + 3), RW);
    CHECK_EQ(take(0, mem(FREE, 2, RWX), 0), NOVA_SUCCESS);
    CHECK_EQ(rights(FREE), RW);
    CHECK_TEXT(machine_log(), "");
}

TEST(memory_delegation_masks_permissions)
{
    machine_boot(1);
    take(0, mem(FREE, 2, RWX), 0);
    CHECK_EQ(give(mem(FREE, 2, RW), mem(0x6200, 2, R | 4), 0), NOVA_SUCCESS);
    for (word i = 0; i < 4; i++) {
        CHECK_EQ(rights(0x6200 + i), R);
        CHECK_EQ(frame_at(0x6200 + i), FREE + i);
    }
    /* Never more than the sender has. */
    CHECK_EQ(give(mem(0x6200, 2, RWX), mem(0x7200, 2, RWX), 0), NOVA_SUCCESS);
    CHECK_EQ(rights(0x7200), R);
}

TEST(memory_hotspot_in_a_larger_window)
{
    machine_boot(1);
    take(0, mem(FREE, 2, RW), 0);
    CHECK_EQ(give(mem(FREE, 2, RW), mem(0x6000, 8, RW), 0x1235), NOVA_SUCCESS);
    CHECK_EQ(rights(0x6033), 0);
    for (word i = 0; i < 4; i++)
        CHECK_EQ(frame_at(0x6034 + i), FREE + i);
    CHECK_EQ(rights(0x6038), 0);
}

TEST(memory_hotspot_in_a_larger_item)
{
    machine_boot(1);
    take(0, mem(FREE, 4, RW), 0);
    CHECK_EQ(give(mem(FREE, 4, RW), mem(0x6200, 1, RW), 0x5), NOVA_SUCCESS);
    CHECK_EQ(frame_at(0x6200), FREE + 4);
    CHECK_EQ(frame_at(0x6201), FREE + 5);
    CHECK_EQ(rights(0x6202), 0);
}

TEST(memory_unaligned_bases_are_aligned)
{
    machine_boot(1);
    take(0, mem(FREE, 4, RW), 0);
    CHECK_EQ(give(mem(FREE + 3, 2, RW), mem(0x6201, 2, RW), 0), NOVA_SUCCESS);
    CHECK_EQ(frame_at(0x6200), FREE);
    CHECK_EQ(frame_at(0x6203), FREE + 3);
}

TEST(memory_holes_of_the_sender_stay_holes)
{
    machine_boot(1);
    take(0, mem(FREE, 0, RW), 0);
    take(0, mem(FREE + 2, 0, R), 0);
    CHECK_EQ(give(mem(FREE, 2, RW), mem(0x6200, 2, RW), 0), NOVA_SUCCESS);
    CHECK_EQ(rights(0x6200), RW);
    CHECK_EQ(rights(0x6201), 0);
    CHECK_EQ(rights(0x6202), R);
    CHECK_EQ(rights(0x6203), 0);
}

TEST(memory_of_the_kernel_pages_cannot_be_delegated)
{
    machine_boot(1);
    /* Root's own UTCB is the kernel's page. */
    CHECK_EQ(give(mem(NOVA_ROOT_UTCB_ADDRESS >> 12, 0, RW), mem(0x6200, 0, RW), 0), NOVA_SUCCESS);
    CHECK_EQ(rights(0x6200), 0);
    CHECK_EQ(revoke(0, mem(NOVA_ROOT_UTCB_ADDRESS >> 12, 0, RWX), NOVA_REVOKE_SELF, 0, 0), NOVA_SUCCESS);
    CHECK_EQ(rights(NOVA_ROOT_UTCB_ADDRESS >> 12), RW);
}

TEST(revoke_takes_from_descendants_only)
{
    machine_boot(1);
    take(0, mem(FREE, 2, RWX), 0);
    give(mem(FREE, 2, RWX), mem(0x6200, 2, RWX), 0);
    give(mem(0x6200, 2, RWX), mem(0x7200, 2, RWX), 0);
    CHECK_EQ(rights(0x7201), RWX);
    CHECK_EQ(revoke(0, mem(FREE, 2, W), 0, 0, 0), NOVA_SUCCESS);
    CHECK_EQ(rights(FREE + 1), RWX);
    CHECK_EQ(rights(0x6201), R | 4);
    CHECK_EQ(rights(0x7201), R | 4);
    CHECK_EQ(revoke(0, mem(0x6200, 2, RWX), 0, 0, 0), NOVA_SUCCESS);
    CHECK_EQ(rights(0x6201), R | 4);
    CHECK_EQ(rights(0x7201), 0);
    CHECK_EQ(revoke(0, mem(FREE, 2, RWX), NOVA_REVOKE_SELF, 0, 0), NOVA_SUCCESS);
    CHECK_EQ(rights(FREE + 1), 0);
    CHECK_EQ(rights(0x6201), 0);
    CHECK_EQ(tlb_stale(), 0);
    /* Free again. */
    CHECK_EQ(take(0, mem(FREE, 2, R), 0), NOVA_SUCCESS);
    CHECK_EQ(rights(FREE + 1), R);
}

TEST(revoke_of_a_part)
{
    machine_boot(1);
    take(0, mem(FREE, 3, RW), 0);
    give(mem(FREE, 3, RW), mem(0x6200, 3, RW), 0);
    CHECK_EQ(revoke(0, mem(FREE + 2, 1, RW), 0, 0, 0), NOVA_SUCCESS);
    for (word i = 0; i < 8; i++) {
        CHECK_EQ(rights(FREE + i), RW);
        CHECK_EQ(rights(0x6200 + i), i == 2 || i == 3 ? 0 : RW);
    }
    CHECK_EQ(revoke(0, mem(FREE + 5, 0, RW), NOVA_REVOKE_SELF, 0, 0), NOVA_SUCCESS);
    for (word i = 0; i < 8; i++) {
        CHECK_EQ(rights(FREE + i), i == 5 ? 0 : RW);
        CHECK_EQ(rights(0x6200 + i), i == 2 || i == 3 || i == 5 ? 0 : RW);
    }
    /* What is left is still derived. */
    CHECK_EQ(revoke(0, mem(FREE, 3, RW), 0, 0, 0), NOVA_SUCCESS);
    for (word i = 0; i < 8; i++)
        CHECK_EQ(rights(0x6200 + i), 0);
}

TEST(revoke_of_a_part_reaches_weaker_descendants_later)
{
    machine_boot(1);
    take(0, mem(FREE, 2, RW), 0);
    give(mem(FREE, 2, R), mem(0x6200, 2, R), 0);
    give(mem(0x6200, 2, R), mem(0x7200, 2, R), 0);
    /* The descendants lose nothing, but the parent is cut. */
    CHECK_EQ(revoke(0, mem(FREE + 1, 0, W), NOVA_REVOKE_SELF, 0, 0), NOVA_SUCCESS);
    CHECK_EQ(rights(FREE + 1), R);
    CHECK_EQ(rights(0x6201), R);
    for (word i = 0; i < 4; i++) {
        CHECK_EQ(revoke(0, mem(FREE + i, 0, RW), 0, 0, 0), NOVA_SUCCESS);
        for (word k = 0; k < 4; k++) {
            CHECK_EQ(rights(0x6200 + k), k <= i ? 0 : R);
            CHECK_EQ(rights(0x7200 + k), k <= i ? 0 : R);
        }
    }
}

TEST(revoke_keep_leaves_the_descendants)
{
    machine_boot(1);
    take(0, mem(FREE, 2, RW), 0);
    give(mem(FREE, 2, RW), mem(0x6200, 2, RW), 0);
    give(mem(0x6200, 2, RW), mem(0x7200, 2, RW), 0);
    CHECK_EQ(revoke(0, mem(0x6200, 2, R), NOVA_REVOKE_KEEP | NOVA_REVOKE_SELF, 0, 0), NOVA_SUCCESS);
    CHECK_EQ(rights(0x6201), 0);
    CHECK_EQ(rights(0x7201), RW);
    /* The place is free for something else. */
    take(0, mem(FREE + 8, 2, RW), 0);
    CHECK_EQ(give(mem(FREE + 8, 2, RW), mem(0x6200, 2, RW), 0), NOVA_SUCCESS);
    CHECK_EQ(frame_at(0x6201), FREE + 9);
    /* Still derived from the first. */
    CHECK_EQ(revoke(0, mem(FREE + 1, 0, RW), 0, 0, 0), NOVA_SUCCESS);
    CHECK_EQ(rights(0x7201), 0);
    CHECK_EQ(rights(0x7202), RW);
    CHECK_EQ(rights(0x6201), RW);
}

TEST(revoke_keep_of_a_part)
{
    machine_boot(1);
    take(0, mem(FREE, 2, RW), 0);
    give(mem(FREE, 2, RW), mem(0x6200, 2, RW), 0);
    give(mem(0x6200, 2, RW), mem(0x7200, 2, RW), 0);
    CHECK_EQ(revoke(0, mem(0x6201, 0, RW), NOVA_REVOKE_KEEP, 0, 0), NOVA_SUCCESS);
    for (word i = 0; i < 4; i++) {
        CHECK_EQ(rights(0x6200 + i), i == 1 ? 0 : RW);
        CHECK_EQ(rights(0x7200 + i), RW);
    }
    CHECK_EQ(revoke(0, mem(FREE, 2, RW), 0, 0, 0), NOVA_SUCCESS);
    for (word i = 0; i < 4; i++)
        CHECK_EQ(rights(0x7200 + i), 0);
}

TEST(revoke_of_everything)
{
    machine_boot(1);
    word before = pd_usage(0, SEL_PD);
    for (unsigned i = 0; i < 50; i++)
        take(0, mem(FREE + 2 * i, 0, RW), 0);
    for (unsigned i = 0; i < 20; i++)
        give(mem(FREE, 7, RW), mem(0x6000 + 0x80 * i, 7, RW), 0);
    CHECK_EQ(rights(0x6000 + 0x80 * 19 + 98), RW);
    for (unsigned i = 0; i < 20; i++)
        CHECK_EQ(revoke(0, mem(0x6000 + 0x80 * i, 7, RWX), NOVA_REVOKE_SELF, 0, 0), NOVA_SUCCESS);
    CHECK_EQ(rights(0x6000 + 0x80 * 19 + 98), 0);
    CHECK_EQ(revoke(0, mem(FREE, 7, RWX), NOVA_REVOKE_SELF, 0, 0), NOVA_SUCCESS);
    /* Nodes are given back; table pages stay with the PD: one for each 512 pages touched. */
    CHECK_EQ(pd_usage(0, SEL_PD), before + 6);
}

TEST(revoke_of_nothing)
{
    machine_boot(1);
    CHECK_EQ(revoke(0, 0, NOVA_REVOKE_SELF, 0, 0), NOVA_SUCCESS);
    CHECK_EQ(revoke(0, mem(0x123456789, 31, RWX), NOVA_REVOKE_SELF, 0, 0), NOVA_SUCCESS);
    CHECK_EQ(revoke(0, nova_crd(NOVA_CRD_OBJ, 0x1234567, 20, 31), NOVA_REVOKE_SELF, 0, 0), NOVA_SUCCESS);
    CHECK_EQ(revoke(0, nova_crd(NOVA_CRD_PIO, 0x12345, 31, 31), NOVA_REVOKE_SELF, 0, 0), NOVA_SUCCESS);
    CHECK_EQ(revoke(0, nova_crd(NOVA_CRD_OBJ, ALL_ONES >> 12, 31, 31), NOVA_REVOKE_SELF, 0, 0), NOVA_SUCCESS);
}

TEST(ports_from_the_kernel)
{
    machine_boot(1);
    CHECK_EQ(take(0, nova_crd(NOVA_CRD_PIO, 0x3f8, 3, 1), 0), NOVA_SUCCESS);
    for (unsigned port = 0x3f0; port < 0x408; port++)
        CHECK_EQ(user_port(0, port), port >= 0x3f8 && port < 0x400);
    CHECK_EQ(take(0, nova_crd(NOVA_CRD_PIO, 0, 16, 31), 0), NOVA_SUCCESS);
    for (unsigned port = 0; port < 65536; port += 13)
        CHECK(user_port(0, port));
    CHECK(user_port(0, 65535));
    CHECK_EQ(revoke(0, nova_crd(NOVA_CRD_PIO, 0x3fa, 0, 31), NOVA_REVOKE_SELF, 0, 0), NOVA_SUCCESS);
    for (unsigned port = 0x3f0; port < 0x408; port++)
        CHECK_EQ(user_port(0, port), port != 0x3fa);
    CHECK_EQ(revoke(0, nova_crd(NOVA_CRD_PIO, 0, 16, 31), NOVA_REVOKE_SELF, 0, 0), NOVA_SUCCESS);
    for (unsigned port = 0; port < 65536; port += 13)
        CHECK(!user_port(0, port));
}

TEST(ports_keep_their_numbers)
{
    machine_boot(1);
    take(0, nova_crd(NOVA_CRD_PIO, 0x40, 4, 1), 0);
    /* The window is elsewhere: nothing in common. */
    CHECK_EQ(create_pd(0, SEL_FREE, SEL_PD, 0, 0, 200), NOVA_SUCCESS);
    CHECK_EQ(delegate(0, NOVA_ROOT_UTCB_ADDRESS, SEL_PD, SEL_FREE, nova_crd(NOVA_CRD_PIO, 0x40, 4, 1),
                      nova_control(NOVA_ITEM_DELEGATE, 0), nova_crd(NOVA_CRD_PIO, 0x80, 4, 1)),
             NOVA_SUCCESS);
    CHECK_EQ(delegate(0, NOVA_ROOT_UTCB_ADDRESS, SEL_PD, SEL_FREE, nova_crd(NOVA_CRD_PIO, 0x40, 4, 1),
                      nova_control(NOVA_ITEM_DELEGATE, 0x77), nova_crd(NOVA_CRD_PIO, 0x44, 2, 1)),
             NOVA_SUCCESS);
    /* Take it away from root, get it back from the PD: what the PD held. */
    CHECK_EQ(revoke(0, nova_crd(NOVA_CRD_PIO, 0x40, 4, 1), NOVA_REVOKE_KEEP, 0, 0), NOVA_SUCCESS);
    CHECK(!user_port(0, 0x44));
    CHECK_EQ(delegate(0, NOVA_ROOT_UTCB_ADDRESS, SEL_FREE, SEL_PD, nova_crd(NOVA_CRD_PIO, 0, 16, 1),
                      nova_control(NOVA_ITEM_DELEGATE, 0), nova_crd(NOVA_CRD_PIO, 0, 16, 1)),
             NOVA_SUCCESS);
    for (unsigned port = 0; port < 0x200; port++)
        CHECK_EQ(user_port(0, port), port >= 0x44 && port < 0x48);
}

TEST(delegation_of_other_types_is_null)
{
    machine_boot(1);
    take(0, mem(FREE, 0, RW), 0);
    CHECK_EQ(give(mem(FREE, 0, RW), nova_crd(NOVA_CRD_OBJ, 0x6200, 0, 31), 0), NOVA_SUCCESS);
    CHECK_EQ(give(mem(FREE, 0, RW), 0, 0), NOVA_SUCCESS);
    CHECK_EQ(give(0, mem(0x6200, 0, RW), 0), NOVA_SUCCESS);
    CHECK_EQ(lookup(0, nova_crd(NOVA_CRD_OBJ, 0x6200, 0, 0)), 0);
    CHECK_EQ(lookup(0, mem(0x6200, 0, 0)), 0);
    CHECK_EQ(lookup(0, 0), 0);
}

TEST(delegation_out_of_memory)
{
    machine_boot(1);
    CHECK_EQ(create_pd(0, SEL_FREE, SEL_PD, 0, 0, 3), NOVA_SUCCESS);
    take(0, mem(0x5800, 8, RW), 0);
    /* Far apart pages need a table each. */
    word status = NOVA_SUCCESS;
    unsigned n = 0;
    for (; n < 10 && status == NOVA_SUCCESS; n++)
        status = delegate(0, NOVA_ROOT_UTCB_ADDRESS, SEL_PD, SEL_FREE, mem(0x5800 + n, 0, RW), nova_control(NOVA_ITEM_DELEGATE, 0),
                          mem(n << 18, 0, RW));
    CHECK_EQ(status, NOVA_QUO_OOM);
    CHECK(pd_usage(0, SEL_FREE) <= 3);
    /* More quota, and the same works. */
    CHECK_EQ(hypercall(0, nova_arg1(NOVA_PD_CTRL, NOVA_PD_QUOTA_MOVE, SEL_PD), SEL_FREE, 20, 0, 0), NOVA_SUCCESS);
    CHECK_EQ(pd_limit(0, SEL_FREE), 23);
    CHECK_EQ(delegate(0, NOVA_ROOT_UTCB_ADDRESS, SEL_PD, SEL_FREE, mem(0x5800 + n - 1, 0, RW), nova_control(NOVA_ITEM_DELEGATE, 0),
                      mem((n - 1) << 18, 0, RW)),
             NOVA_SUCCESS);
}

TEST(delegation_of_many_items_at_once)
{
    machine_boot(1);
    struct nova_utcb *u = utcb_at(0, NOVA_ROOT_UTCB_ADDRESS);
    u->items = nova_items(0, 200);
    for (unsigned i = 0; i < 200; i++)
        *nova_item(u, i) = (struct nova_item){mem(FREE + i, 0, RW), nova_control(NOVA_ITEM_DELEGATE | NOVA_ITEM_KERNEL, FREE + i)};
    CHECK_EQ(hypercall(0, nova_arg1(NOVA_MISC, NOVA_MISC_DELEGATE, SEL_PD), mem(0, 31, RW), SEL_PD, 0, 0), NOVA_SUCCESS);
    for (unsigned i = 0; i < 200; i++)
        CHECK_EQ(rights(FREE + i), RW);
    /* More than there is room for: the kernel clamps. */
    u->items = nova_items(0xffff, 0xffff);
    CHECK_EQ(hypercall(0, nova_arg1(NOVA_MISC, NOVA_MISC_DELEGATE, SEL_PD), mem(0, 31, RW), SEL_PD, 0, 0), NOVA_SUCCESS);
}
