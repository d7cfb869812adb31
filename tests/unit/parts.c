/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Ranges that are cut because a part of them is revoked: with more children than one step moves, and with several revokes under way that meet in the same trees.
 */
#include "scenario.h"

#include "core/ec.h"
#include "tests/dice.h"

#include <string.h>

enum {
    FREE = 0x5200, /* a page of RAM that is nobody's: page number and, one to one, address */
    R = NOVA_MEM_R,
    W = NOVA_MEM_W,
    RW = NOVA_MEM_RW
};

static word mem(word page, unsigned order, unsigned perm) { return nova_crd(NOVA_CRD_MEM, page, order, perm); }

/* Rights that root's thread has at a page (through TLB and page table). */
static unsigned rights(word page)
{
    return (user_try(0, page << PAGE_BITS, R) ? R : 0) | (user_try(0, page << PAGE_BITS, W) ? W : 0);
}

/* Root to root. */
static word give(word crd, word window)
{
    return delegate(0, NOVA_ROOT_UTCB_ADDRESS, SEL_PD, SEL_PD, crd, NOVA_ITEM_DELEGATE, window);
}

/*
 * More children than one step of a revoke looks at, on both sides of what is cut: by the owner, by the owner who keeps, and from above. Each remains derived from its
 * own part.
 */
TEST(revoke_of_a_part_with_many_children)
{
    enum { CHILDREN = 2000, PLACE = 0x10000 };
    for (unsigned way = 0; way < 3; way++) {
        machine_boot(1);
        take(0, mem(FREE, 2, RW), 0);
        give(mem(FREE, 2, RW), mem(0x6200, 2, RW));
        for (word i = 0; i < CHILDREN; i++)
            CHECK_EQ(give(mem(0x6200 + (i & 1 ? 3 : 0), 0, RW), mem(PLACE + 2 * i, 0, RW)), NOVA_SUCCESS);
        for (word i = 1; i < 3; i++)
            CHECK_EQ(revoke(0, mem((way == 2 ? FREE : 0x6200) + i, 0, RW), way < 2 ? NOVA_REVOKE_SELF | way * NOVA_REVOKE_KEEP : 0,
                            0, 0),
                     NOVA_SUCCESS);
        for (word i = 0; i < 4; i++)
            CHECK_EQ(rights(0x6200 + i), i == 1 || i == 2 ? 0 : RW);
        CHECK_EQ(revoke(0, mem(FREE + 3, 0, W), 0, 0, 0), NOVA_SUCCESS);
        for (word i = 0; i < CHILDREN; i++)
            CHECK_EQ(rights(PLACE + 2 * i), i & 1 ? R : RW);
        CHECK_EQ(revoke(0, mem(0x6200, 0, RW), 0, 0, 0), NOVA_SUCCESS);
        for (word i = 0; i < CHILDREN; i++)
            CHECK_EQ(rights(PLACE + 2 * i), i & 1 ? R : 0);
    }
}

TEST(revoke_of_a_part_at_the_very_beginning)
{
    machine_boot(1);
    take(0, mem(FREE, 2, RW), 0);
    give(mem(FREE, 2, RW), mem(0, 2, RW));
    give(mem(2, 1, RW), mem(0x7000, 1, RW));
    CHECK_EQ(revoke(0, mem(0, 1, RW), NOVA_REVOKE_SELF, 0, 0), NOVA_SUCCESS);
    for (word i = 0; i < 4; i++)
        CHECK_EQ(rights(i), i < 2 ? 0 : RW);
    CHECK_EQ(rights(0x7000), RW);
}

/*
 * Several revokes that go on in turns, a step each, over parts of ranges that derive from each other. They are about different places, so that the order does not
 * matter: a page that loses its rights loses them in all that derives from it, and where the place alone is given up, what derives from it derives from
 * what it came from.
 */
enum { BASE = 0x10000, PAGES = 16, WIDE = 2, COPIES = 150, PLACES = PAGES * (1 + WIDE + WIDE * COPIES * 2), TURNS = 5 };

static struct {
    bool used;
    int parent; /* -1: none */
    unsigned rights;
} place[PLACES];
static unsigned used;
static uint64_t seed;

static unsigned below(unsigned limit) { return dice(&seed, limit); }

/* Gives pages of one place (negative: of FREE) to the next free one. */
static unsigned copy(int from, unsigned order)
{
    unsigned at = used, count = 1u << order;
    CHECK_EQ(give(mem(from < 0 ? FREE : BASE + (unsigned)from, order, RW), mem(BASE + at, order, RW)), NOVA_SUCCESS);
    for (unsigned i = 0; i < count; i++) {
        place[at + i].used = true;
        place[at + i].parent = from < 0 ? -1 : from + (int)i;
        place[at + i].rights = RW;
    }
    used += PAGES;
    return at;
}

static bool derives(unsigned at, unsigned from, unsigned count)
{
    int i = place[at].parent;
    while (i >= 0 && (i < (int)from || i >= (int)(from + count)))
        i = place[i].parent;
    return i >= 0;
}

TEST(revokes_of_parts_in_turns)
{
    unsigned interrupted = 0;
    for (unsigned round = 0; round < 60; round++) {
        unsigned middle[WIDE], first[TURNS], order[TURNS], taken[TURNS], flags[TURNS], left = TURNS;
        word progress[TURNS] = {0};
        struct mapping cursor[TURNS] = {{0}};
        machine_boot(1);
        seed = round;
        used = 0;
        memset(place, 0, sizeof place);
        CHECK_EQ(take(0, mem(FREE, 4, RW), 0), NOVA_SUCCESS);
        copy(-1, 4);
        for (unsigned i = 0; i < WIDE; i++) {
            middle[i] = copy(0, 4);
            for (unsigned k = 0; k < COPIES; k++) {
                unsigned size = below(5), leaf = copy((int)(middle[i] + (below(PAGES) >> size << size)), size);
                if (below(2))
                    copy((int)leaf, size);
            }
        }
        for (unsigned t = 0; t < TURNS; t++) {
            bool apart;
            do {
                order[t] = below(4);
                /* Mostly what has many children. */
                unsigned whole = below(4) ? middle[below(WIDE)] : below(3) ? 0 : below(used) / PAGES * PAGES;
                first[t] = whole + (below(PAGES) >> order[t] << order[t]);
                apart = true;
                for (unsigned s = 0; s < t; s++)
                    apart = apart && (first[s] + (1u << order[s]) <= first[t] || first[t] + (1u << order[t]) <= first[s]);
            } while (!apart);
            flags[t] = below(4) ? below(2) : NOVA_REVOKE_KEEP;
            taken[t] = flags[t] == NOVA_REVOKE_KEEP || below(2) ? RW | R : W;
        }
        for (unsigned steps = 0; left; steps++) {
            unsigned t = below(TURNS);
            struct cpu *cpu = cpu_core(0);
            if (progress[t] == ALL_ONES)
                continue;
            enum revoke_result result =
                space_revoke(cpu, &cpu->current->pd->spaces, mem(BASE + first[t], order[t], taken[t]), flags[t] == NOVA_REVOKE_SELF,
                             flags[t] == NOVA_REVOKE_KEEP, &progress[t], &cursor[t]);
            CHECK(result != REVOKE_NO_MEMORY && steps < 10000);
            interrupted += result == REVOKE_AGAIN;
            if (result == REVOKE_AGAIN)
                continue;
            if (cursor_parked(&cursor[t]))
                cursor_drop(&cursor[t]);
            progress[t] = ALL_ONES;
            left--;
        }
        /* Whether something lost a right does not depend on who derives from whom now, unless a place was given up. */
        for (unsigned t = 0; t < TURNS; t++)
            for (unsigned at = 0; at < used; at++) {
                bool inside = at >= first[t] && at < first[t] + (1u << order[t]);
                if (inside ? flags[t] != 0 : flags[t] != NOVA_REVOKE_KEEP && derives(at, first[t], 1u << order[t]))
                    place[at].rights &= ~taken[t];
            }
        for (unsigned at = 0; at < used; at++)
            if (place[at].used)
                CHECK_EQ(rights(BASE + at), place[at].rights);
    }
    CHECK(interrupted > 100);
}
