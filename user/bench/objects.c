/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Creating, finding and destroying objects; finding must cost the same however many there are.
 */
#include "bench.h"

enum { FEW = 10, MANY = 100000, MANY_ROOM = 1 << 17, SOME_ORDER = 12, SOME = 1 << SOME_ORDER, LOOPS = 1000 };

/* Averages over a range of selectors that are in use: asking for the capability, and using it. */
static void bench_lookup(const char *lookup, const char *use, nova_word first, nova_word count)
{
    nova_word found, step = count / FEW, at = 0, wrong = 0;

    for (unsigned i = 0; i < FEW; i++) {
        nova_lookup(nova_crd(NOVA_CRD_OBJ, first + i * step, 0, 0), &found);
        wrong += found != nova_crd(NOVA_CRD_OBJ, first + i * step, 0, NOVA_SM_ALL);
    }
    if (wrong)
        expect("lookup", NOVA_BAD_CAP);
    AVERAGE(lookup, LOOPS, nova_lookup(nova_crd(NOVA_CRD_OBJ, first + at, 0, 0), &found); at = at + step < count ? at + step : 0);
    at = 0;
    AVERAGE(use, LOOPS, nova_sm_up(first + at); at = at + step < count ? at + step : 0);
}

static enum nova_status create(nova_word first, nova_word count)
{
    enum nova_status status = NOVA_SUCCESS;
    for (nova_word i = 0; i < count && !status; i++)
        status = nova_create_sm(first + i, nova_pd, 0);
    return status;
}

static enum nova_status destroy(nova_word first, unsigned order)
{
    return nova_revoke(nova_crd(NOVA_CRD_OBJ, first, order, NOVA_PERM_ALL), NOVA_REVOKE_SELF, 0, 0);
}

void bench_objects(void)
{
    nova_word some = nova_selectors(SOME, SOME), few = nova_selectors(FEW, 16), many = nova_selectors(MANY_ROOM, MANY_ROOM);
    uint64_t ticks;

    ticks = nova_tsc();
    expect("create_sm of 4096", create(some, SOME));
    ticks = nova_tsc() - ticks;
    result("create_sm_of_4096", ticks >> SOME_ORDER);
    ticks = nova_tsc();
    expect("revoke of 4096", destroy(some, SOME_ORDER));
    ticks = nova_tsc() - ticks;
    result("revoke_sm_of_4096", ticks >> SOME_ORDER);

    expect("create_sm of 10", create(few, FEW));
    bench_lookup("lookup_of_10", "semaphore_up_of_10", few, FEW);
    expect("create_sm of 100000", create(many, MANY));
    bench_lookup("lookup_of_100000", "semaphore_up_of_100000", many, MANY);
    expect("revoke of 100000", destroy(many, 17));
}
