/* SPDX-License-Identifier: GPL-2.0-only */
/* What a victim's threads and handlers do: mostly hypercalls that could work, some with anything in their registers. */
#include "siege.h"

static nova_word one_of(nova_word *random, nova_word count) { return random_next(random) % count; }

static nova_word any_selector(nova_word *random)
{
    nova_word which = one_of(random, 16);
    return which < 8 ? one_of(random, 16) : which < 15 ? one_of(random, SELECTORS) : victim_word(random);
}

/* A PD: mostly the victim's own. */
static nova_word any_domain(nova_word *random) { return one_of(random, 4) ? SEL_PD : any_selector(random); }

static nova_word any_crd(nova_word *random)
{
    unsigned order = (unsigned)(one_of(random, 8) ? one_of(random, 6) : one_of(random, 32));
    unsigned perm = (unsigned)(one_of(random, 2) ? NOVA_PERM_ALL : one_of(random, 32));

    switch (one_of(random, 8)) {
    case 0: return nova_crd(NOVA_CRD_PIO, PORT + one_of(random, 4), order, perm);
    case 1:
    case 2: return nova_crd(NOVA_CRD_MEM, (VICTIM_SPARE >> NOVA_PAGE_BITS) + one_of(random, 2 * SPARE_PAGES), order, perm);
    case 3: return nova_crd(NOVA_CRD_MEM, victim_word(random) >> NOVA_PAGE_BITS, order, perm);
    case 4: return victim_word(random);
    default: return nova_crd(NOVA_CRD_OBJ, any_selector(random), order > 6 ? 0 : order, perm);
    }
}

nova_word victim_word(nova_word *random)
{
    nova_word x = random_next(random), wide = x;
    if (NOVA_WORD_BITS > 32)
        wide |= random_next(random) << (NOVA_WORD_BITS / 2);
    switch (x % 10) {
    case 0: return x >> 8 & 15;
    case 1: return x >> 8 & 255;
    case 2: return (nova_word)1 << (x >> 8) % NOVA_WORD_BITS;
    case 3: return ((nova_word)1 << (x >> 8) % NOVA_WORD_BITS) - 1;
    case 4: return -(x >> 8 & 15);
    case 5: return VICTIM_UTCBS + (x >> 8 & 15) * NOVA_PAGE_SIZE / 2;
    case 6: return VICTIM_STACKS + (x >> 8 & 63) * NOVA_PAGE_SIZE;
    case 7: return nova_crd((x >> 8 & 3), x >> 16 & 255, x >> 10 & 7, x >> 24 & 31);
    default: return wide;
    }
}

/* Header, words and items of the next message. */
static void any_message(nova_word *random, struct nova_utcb *utcb)
{
    unsigned untyped = (unsigned)one_of(random, 32), typed = (unsigned)one_of(random, 6);

    if (one_of(random, 64) == 0) { /* up to what fits, and beyond */
        untyped = (unsigned)one_of(random, 2 * NOVA_UTCB_WORDS);
        typed = (unsigned)one_of(random, NOVA_UTCB_WORDS);
    }
    utcb->items = nova_items(untyped, typed);
    utcb->xlt = any_crd(random);
    utcb->del = any_crd(random);
    for (unsigned i = 0; i < typed && i < NOVA_UTCB_WORDS / 2; i++) {
        nova_item(utcb, i)->crd = any_crd(random);
        nova_item(utcb, i)->control =
            nova_control((unsigned)one_of(random, 4) | (one_of(random, 4) ? 0 : (unsigned)one_of(random, 4096)),
                         one_of(random, 4) ? any_selector(random) : victim_word(random));
    }
}

static void any_state(nova_word *random, struct nova_utcb *utcb)
{
    for (unsigned i = 0; i < 128; i++)
        utcb->mr[one_of(random, 256)] = victim_word(random);
    utcb->state.mtd = one_of(random, 3) ? victim_word(random) : 0;
}

static uint64_t soon(nova_word *random) { return nova_tsc() + one_of(random, 200000); }

static void create(nova_word *random, unsigned cpus)
{
    nova_word selector = any_selector(random), pd = any_domain(random);
    unsigned slot = (unsigned)one_of(random, SLOTS), cpu = (unsigned)one_of(random, cpus);
    nova_word stack = (nova_word)slot_thread(VICTIM_STACKS, slot), utcb = VICTIM_UTCBS + slot * NOVA_PAGE_SIZE,
              base = one_of(random, 4) ? SEL_EVENTS : one_of(random, SELECTORS);

    switch (one_of(random, 8)) {
    case 0: nova_create_pd(selector, pd, any_crd(random), nova_quota(one_of(random, 8), one_of(random, 8))); break;
    case 1: nova_create_ec(selector, pd, cpu, utcb, stack, base, NOVA_EC_GLOBAL); break;
    case 2: nova_create_ec(selector, pd, cpu, 0, 0, one_of(random, 2) ? 0 : any_selector(random), NOVA_EC_GLOBAL); break;
    case 3: nova_create_ec(selector, pd, cpu, utcb, stack, base, 0); break;
    case 4:
        /* low priorities and short slices: the keeper must get its time */
        nova_create_sc(selector, pd, any_selector(random), nova_qpd(1 + (unsigned)one_of(random, 3), 100 + one_of(random, 1000)));
        break;
    case 5: nova_create_sm(selector, pd, one_of(random, 3)); break;
    case 6: nova_create_sm_chained(selector, pd, victim_word(random), any_selector(random)); break;
    default: nova_create_pt(selector, pd, any_selector(random), victim_word(random), (nova_word)victim_portal); break;
    }
}

static void control(nova_word *random, unsigned cpus)
{
    nova_word selector = any_selector(random), other;
    uint64_t time, time2;

    switch (one_of(random, 14)) {
    case 0: nova_ec_recall(selector, (unsigned)one_of(random, 2)); break;
    case 1: nova_ec_yield(); break;
    case 2: nova_ec_help(selector, one_of(random, 2)); break;
    case 3: nova_ec_reschedule(); break;
    case 4: nova_ec_migrate(selector, (unsigned)one_of(random, cpus), any_crd(random)); break;
    case 5: nova_ec_time(selector, &time); break;
    case 6: nova_ec_get_state(selector, victim_word(random)); break;
    case 7: nova_ec_set_state(selector, (unsigned)one_of(random, 2)); break;
    case 8: nova_ec_msr(selector); break;
    case 9: nova_sc_time(selector, (unsigned)one_of(random, 3), &time); break;
    case 10: nova_sc_ec_time(selector, any_selector(random), &time, &time2); break;
    case 11: nova_pt_ctrl(selector, victim_word(random)); break;
    case 12: nova_pd_quota_move(any_domain(random), any_domain(random), one_of(random, 8)); break;
    default: nova_pd_quota_read(any_domain(random), &other, &other); break;
    }
}

/*
 * Objects are not revoked with 'keep': a domain whose last name lies in its own object space would live for good, and all that pays for it
 * (doc/internals.md, "Memory").
 */
static void revoke(nova_word *random)
{
    nova_word crd = any_crd(random);
    unsigned flags = (unsigned)one_of(random, nova_crd_type(crd) == NOVA_CRD_OBJ ? NOVA_REVOKE_KEEP : 2 * NOVA_REVOKE_KEEP);

    nova_revoke(crd, flags, any_domain(random), one_of(random, 2) ? any_selector(random) : 0);
}

static void anything(nova_word *random)
{
    struct nova_args args = {victim_word(random), victim_word(random), victim_word(random), victim_word(random)};
    unsigned number = (unsigned)one_of(random, NOVA_HYPERCALLS);

    unsigned flags = (unsigned)one_of(random, 16);

    if (number == NOVA_CREATE_SC || number == NOVA_REPLY) /* any priority; no way back */
        return;
    if (number == NOVA_REVOKE)
        flags &= ~(unsigned)NOVA_REVOKE_KEEP;
    nova_hypercall_args(nova_arg1(number, flags, any_selector(random)), &args);
}

static void act(struct nova_thread *self)
{
    nova_word *random = &self->user[USER_RANDOM], other;
    struct nova_utcb *utcb = self->utcb;
    unsigned cpus = (unsigned)self->user[USER_CPUS];

    self->user[USER_DONE]++;
    switch (one_of(random, 16)) {
    case 0:
    case 1:
    case 2:
    case 3: create(random, cpus); break;
    case 4:
    case 5:
        any_message(random, utcb);
        nova_delegate(any_domain(random), any_domain(random), any_crd(random));
        break;
    case 6: revoke(random); break;
    case 7: nova_lookup(any_crd(random), &other); break;
    case 8:
    case 9:
        any_message(random, utcb);
        nova_call(any_selector(random), (unsigned)one_of(random, 2));
        break;
    case 10: nova_sm_up(any_selector(random)); break;
    case 11: nova_sm_down(any_selector(random), one_of(random, 2) ? NOVA_SM_ZERO : 0, soon(random)); break;
    case 12:
    case 13: control(random, cpus); break;
    case 14:
        if (one_of(random, 8) == 0)
            any_state(random, utcb);
        anything(random);
        break;
    default:
        if (one_of(random, 4) == 0)
            victim_instruction(random);
    }
}

void victim_main(void)
{
    for (;;)
        act(nova_self());
}

NOVA_PORTAL(victim_portal);

static void victim_portal_handler(nova_word id, struct nova_utcb *utcb)
{
    struct nova_thread *self = nova_self();
    nova_word *random = &self->user[USER_RANDOM];

    (void)id;
    for (nova_word i = one_of(random, 3); i; i--)
        act(self);
    if (one_of(random, 2))
        any_message(random, utcb);
    else
        any_state(random, utcb);
    if (one_of(random, 4) == 0)
        nova_reply(any_selector(random));
}
