/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Random hypercalls of the threads of parallel.c, and messages between them and handlers of other PDs on the same CPU.
 */
#include "parallel.h"

#include "core/ec.h"

static struct pd *root;

void steps_begin(void) { root = CONTAINER((struct object *)root_object(), struct pd, object); }

static struct object *root_holds(word selector) { return object_space_lookup(&root->spaces.objects, selector).object; }

enum { ITEMS_MAX = 12 };

static word a_pd(struct random_source *random, unsigned cpu)
{
    unsigned n = 1 + random_below(random, CPUS - 1);
    return cpu ? PDS + n : random_below(random, 2) ? KEPT + 16 * n : SELECTOR_ROOT;
}

static unsigned a_type(struct random_source *random)
{
    static const unsigned types[] = {NOVA_CRD_PIO, NOVA_CRD_OBJ, NOVA_CRD_MEM, NOVA_CRD_MEM};
    return types[random_below(random, 4)];
}

static word a_crd_of(struct random_source *random, unsigned type)
{
    unsigned mask = random_below(random, 2) ? NOVA_PERM_ALL : random_below(random, 32),
             order = random_below(random, random_below(random, 8) ? 3 : 6);
    switch (type) {
    case NOVA_CRD_PIO: return nova_crd(type, PORTS + random_below(random, 32), order, mask);
    case NOVA_CRD_OBJ: return nova_crd(type, OBJECTS + random_below(random, 32), order, mask);
    default: return nova_crd(type, MEMORY + random_below(random, 64), order, mask);
    }
}

static word a_crd(struct random_source *random) { return a_crd_of(random, a_type(random)); }

static word a_hotspot(struct random_source *random, word crd)
{
    return random_below(random, 3)              ? nova_crd_base(crd)
           : nova_crd_type(crd) == NOVA_CRD_OBJ ? OBJECTS + random_below(random, 32)
                                                : MEMORY + random_below(random, 64);
}

/* Several items of one type, some of them to places without tables yet, for a receiver with windows for it. */
static void message_make(struct random_source *random, struct nova_utcb *from, struct nova_utcb *to)
{
    unsigned count = random_below(random, ITEMS_MAX), type = a_type(random);
    from->items = nova_items(1, count);
    for (unsigned i = 0; i < count; i++) {
        word crd = a_crd_of(random, type), hotspot = a_hotspot(random, crd);
        if (random_below(random, 4) == 0)
            hotspot += (word)(1 + random_below(random, 8)) << 18;
        *nova_item(from, i) =
            (struct nova_item){crd, nova_control(random_below(random, 4) ? NOVA_ITEM_DELEGATE : random_below(random, 3), hotspot)};
    }
    to->xlt = to->del = nova_crd(type, 0, 31, NOVA_PERM_ALL);
}

static struct nova_utcb *utcb_of_called(unsigned pd, unsigned cpu)
{
    struct object *object = root_holds(KEPT + 16 * pd + CALLED + cpu);
    return CONTAINER(object, struct ec, object)->utcb;
}

void next_reply(struct random_source *random, unsigned cpu, word *arg)
{
    message_make(random, utcb_at(cpu, (CALLED_UTCBS + cpu) << 12), cpu_core(cpu)->current->caller->utcb);
    arg[0] = NOVA_REPLY;
}

/* What a thread does next. */
void next_call(struct random_source *random, unsigned cpu, word *arg, bool calls)
{
    unsigned choice = random_below(random, 100);
    if (calls && random_below(random, 4) == 0) {
        unsigned of = 1 + random_below(random, CPUS - 1);
        message_make(random, utcb_at(cpu, own_utcb(cpu)), utcb_of_called(of, cpu));
        arg[0] = nova_arg1(NOVA_CALL, NOVA_CALL_NOBLOCK, cpu ? CALLS + of : KEPT + 16 * of + CALLED_PORTALS);
        return;
    }
    word selector = OBJECTS + random_below(random, 32);
    if (choice < 60) {
        word crd = a_crd(random);
        bool objects = nova_crd_type(crd) == NOVA_CRD_OBJ;
        word hotspot = random_below(random, 3) ? nova_crd_base(crd)
                       : objects               ? OBJECTS + random_below(random, 32)
                                               : MEMORY + random_below(random, 64);
        struct nova_utcb *utcb = utcb_at(cpu, own_utcb(cpu));
        utcb->items = nova_items(0, 1);
        *nova_item(utcb, 0) = (struct nova_item){crd, nova_control(NOVA_ITEM_DELEGATE, hotspot)};
        arg[0] = nova_arg1(NOVA_MISC, NOVA_MISC_DELEGATE, a_pd(random, cpu));
        arg[1] = nova_crd(nova_crd_type(crd), 0, 31, random_below(random, 2) ? NOVA_PERM_ALL : random_below(random, 32));
        arg[2] = a_pd(random, cpu);
    } else if (choice < 76) {
        unsigned flags = random_below(random, 8);
        arg[1] = a_crd(random);
        arg[2] = a_pd(random, cpu);
        arg[0] = nova_arg1(NOVA_REVOKE, flags, random_below(random, 8) ? 0 : selector);
    } else if (choice < 80) {
        arg[0] = nova_arg1(NOVA_MISC, NOVA_MISC_LOOKUP, 0);
        arg[1] = a_crd(random);
    } else if (choice < 88) {
        arg[0] = nova_arg1(NOVA_CREATE_SM, 0, selector);
        arg[1] = a_pd(random, cpu);
        arg[2] = 1;
        arg[3] = random_below(random, 2) ? OBJECTS + random_below(random, 32) : 0;
    } else if (choice < 91) {
        arg[0] = nova_arg1(NOVA_CREATE_PD, 0, selector);
        arg[1] = a_pd(random, cpu);
        arg[2] = nova_crd(NOVA_CRD_OBJ, OBJECTS + random_below(random, 32), random_below(random, 5), 31);
        arg[3] = nova_quota(0, random_below(random, 16));
    } else if (choice < 94) {
        arg[0] = nova_arg1(NOVA_CREATE_EC, random_below(random, 2), selector);
        arg[1] = a_pd(random, cpu);
        arg[2] = (word)(THREAD_UTCB + 1 + random_below(random, 4)) << 12 | random_below(random, CPUS);
        arg[4] = 0xfff000;
    } else if (choice < 96) {
        arg[0] = nova_arg1(NOVA_CREATE_SC, 0, selector);
        arg[1] = a_pd(random, cpu);
        arg[2] = OBJECTS + random_below(random, 32);
        arg[3] = nova_qpd(1 + random_below(random, 3), 1000);
    } else if (choice < 98) {
        arg[0] = nova_arg1(NOVA_CREATE_PT, 0, selector);
        arg[1] = a_pd(random, cpu);
        arg[2] = OBJECTS + random_below(random, 32);
        arg[4] = HANDLER_IP;
    } else {
        arg[0] = nova_arg1(NOVA_PD_CTRL, random_below(random, 2) ? NOVA_PD_QUOTA_READ : 0, a_pd(random, cpu));
        arg[1] = a_pd(random, cpu);
        arg[2] = random_below(random, 4);
    }
}

struct shortage shortage_begin(struct random_source *random)
{
    struct shortage shortage = {0, 0};
    if (random_below(random, 3))
        return shortage;
    struct object *object = root_holds(KEPT + 16 * (1 + random_below(random, CPUS - 1)));
    struct pd *pd = CONTAINER(object, struct pd, object);
    word room = quota_room(&pd->account.quota), left = random_below(random, 4);
    if (room > left && quota_move(&pd->account.quota, &root->account.quota, room - left))
        shortage = (struct shortage){pd, room - left};
    return shortage;
}

/* What root has of it is used by others meanwhile, perhaps: then the PD is poorer from now on. */
void shortage_end(struct shortage *shortage)
{
    if (shortage->pd)
        quota_move(&root->account.quota, &((struct pd *)shortage->pd)->account.quota, shortage->taken);
}
