/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The machine that steps run on: root's thread, the workers with their threads, handlers and portals, how they are destroyed and made anew, and what all
 * accounts have to be when everything is gone.
 */
#include "operation.h"

enum { STARTUP_HANDLERS = 0xc };

/* ---- the workers ---- */

static void root_does(unsigned number, unsigned flags, word selector, word a2, word a3, word a4, word a5)
{
    struct operation step = {.action = HYPERCALL, .actor = 0, .arg = {nova_arg1(number, flags, selector), a2, a3, a4, a5}};
    operation_do(&step);
}

static void give(word pd, word from, word to)
{
    struct operation step = {
        .action = DELEGATE,
        .arg = {nova_arg1(NOVA_MISC, NOVA_MISC_DELEGATE, SELECTOR_ROOT), nova_crd(NOVA_CRD_OBJ, 0, 31, 31), pd},
        .items = 1,
        .item = {{nova_crd(NOVA_CRD_OBJ, from, 0, 31), nova_control(NOVA_ITEM_DELEGATE, to)}}};
    operation_do(&step);
}

static unsigned caller_of(unsigned worker, unsigned handler)
{
    const unsigned caller[HANDLERS] = {0, worker, worker % WORKERS + 1, (worker + 3) % WORKERS + 1};
    return caller[handler];
}

/* A thread runs until it is at THREAD_IP: the startup handler replies. */
static bool thread_start(unsigned cpu, const struct thing *ec)
{
    struct unit *handler = named(root_domain, KEEP + KEEP_EACH * STARTUP_HANDLERS + cpu, KIND_EC, 0);
    if (cpu_idle(cpu) || cpu_frame(cpu)->ip != HANDLER_IP)
        return false;
    struct nova_utcb *utcb = utcb_of(handler->thing);
    utcb->items = nova_items(8, 0);
    utcb->state.mtd = NOVA_MTD_IP;
    utcb->state.ip = THREAD_IP;
    hypercall(cpu, NOVA_REPLY, 0, 0, 0, 0);
    return !cpu_idle(cpu) && cpu_frame(cpu)->ip == THREAD_IP && !ec->dead;
}

enum { WORKER_PAGES = 110 };

/* Root makes a worker anew. If its account does not suffice for that, the worker stays dead. */
static void worker_make(unsigned n)
{
    word kept = KEEP + KEEP_EACH * n, pd = kept + KEPT_PD;
    root_does(NOVA_CREATE_PD, 0, pd, SELECTOR_ROOT, 0, nova_quota(0, WORKER_PAGES), 0);
    if (!named(root_domain, pd, KIND_PD, 0))
        return;
    give(pd, pd, SELECTOR_OWN_PD);
    root_does(NOVA_CREATE_PT, 0, kept + KEPT_STARTUP, SELECTOR_ROOT, KEEP + KEEP_EACH * STARTUP_HANDLERS + n, NOVA_MTD_IP,
              HANDLER_IP);
    give(pd, kept + KEPT_STARTUP, EVENTS + NOVA_EVENT_STARTUP);
    for (unsigned i = 0; i < HANDLERS; i++) {
        unsigned caller = caller_of(n, i);
        root_does(NOVA_CREATE_EC, 0, kept + KEPT_HANDLERS + i, pd, (UTCBS + 16 + i) << 12 | caller, 0, EVENTS);
        root_does(NOVA_CREATE_PT, 0, kept + KEPT_PORTALS + i, pd, kept + KEPT_HANDLERS + i, 0, HANDLER_IP);
        if (actors[caller].pd && caller != n)
            give(caller ? KEEP + KEEP_EACH * caller + KEPT_PD : SELECTOR_ROOT, kept + KEPT_PORTALS + i, SELECTOR_PORTALS + n);
    }
    root_does(NOVA_CREATE_EC, NOVA_EC_GLOBAL, kept + KEPT_EC, pd, UTCBS << 12 | n, 0, EVENTS);
    root_does(NOVA_CREATE_SC, 0, kept + KEPT_SC, SELECTOR_ROOT, kept + KEPT_EC, nova_qpd(1, 10000), 0);
    struct unit *ec = named(root_domain, kept + KEPT_EC, KIND_EC, 0);
    if (!ec || ec->thing->dead || !named(root_domain, kept + KEPT_SC, KIND_SC, 0) || !thread_start(n, ec->thing))
        return;
    actors[n] = (struct actor){ec->thing->pd, ec->thing};
    for (unsigned other = 1; other <= WORKERS; other++)
        for (unsigned i = 0; i < HANDLERS; i++)
            if (actors[other].pd && caller_of(other, i) == n)
                give(pd, KEEP + KEEP_EACH * other + KEPT_PORTALS + i, SELECTOR_PORTALS + other);
}

static void revoke_forced(word crd, unsigned flags, word pd)
{
    struct operation step = {.action = HYPERCALL, .arg = {nova_arg1(NOVA_REVOKE, flags, 0), crd, pd}};
    do_revoke(&step, root_domain, true);
    compare(false);
}

/* ---- the end of all, and the beginning ---- */

static struct {
    struct pages root;
    word tables, all;
} first;

static bool kept_for_good(const struct unit *unit)
{
    word place = unit->place;
    if (unit->type != NOVA_CRD_OBJ)
        return unit->utcb_of;
    return place - SELECTOR_ROOT < NOVA_ROOT_CAPS || place - (KEEP + KEEP_EACH * STARTUP_HANDLERS) - 1 < WORKERS;
}

/* Root takes everything back. Its account is then as it was at the start, but for the tables of its own spaces, which stay. */
void worker_clear(void)
{
    for (unsigned n = 1; n <= WORKERS; n++)
        actors[n] = (struct actor){0, 0};
    for (unsigned type = 1; type < TYPES; type++)
        for (struct unit *unit = unit_above(root_domain, type, 0); unit;) {
            word place = unit->place;
            if (!kept_for_good(unit))
                revoke_forced(nova_crd(type, place, 0, NOVA_PERM_ALL), NOVA_REVOKE_SELF, 0);
            unit = unit_above(root_domain, type, place + 1);
        }
    compare(true);
    if (domains != root_domain)
        disagree("model: PD %u still exists", domains->thing->number);
    word used = kernel_pages(root_domain).used, tables = pages_of_tables(root_domain);
    if (first.tables && used - tables != first.root.used - first.tables)
        disagree("root has taken everything back: %lu pages used, %lu of them for tables; at the start %lu and %lu", used, tables,
                 first.root.used, first.tables);
}

/* A worker is destroyed and made anew. When others hold so much of root's quota that it does not suffice, all are. */
void worker_respawn(unsigned n)
{
    actors[n] = (struct actor){0, 0};
    revoke_forced(nova_crd(NOVA_CRD_OBJ, KEEP + KEEP_EACH * n, 6, 31), NOVA_REVOKE_SELF, 0);
    if (!cpu_idle(n))
        disagree("worker %u was destroyed, but its CPU is not idle", n);
    respawns++;
    if (room_of(kernel_pages(root_domain)) > 2 * WORKER_PAGES) {
        worker_make(n);
        return;
    }
    worker_clear();
    for (n = 1; n <= WORKERS; n++)
        worker_make(n);
}

void account_check(void)
{
    word total = pages_total() + pages_held;
    if (total != first.all)
        disagree("%lu pages are in accounts and in the pool, it was %lu at the start: some were %s", total, first.all,
                 total < first.all ? "lost" : "counted twice");
}

static void import_object(unsigned index, struct thing *thing, unsigned permissions)
{
    word selector = SELECTOR_ROOT + index;
    thing->kernel = kernel_object_at(root_domain, selector);
    unit_add_thing(root_domain, selector, thing, permissions, 0);
    thing->caps++; /* never goes */
}

void operation_boot(unsigned workers)
{
    machine_prepare(&(struct machine_options){.cpus = WORKERS + 1,
                                              .features = NOVA_FEATURE_VMX | NOVA_FEATURE_IOMMU,
                                              .large_order = LARGE_ORDER},
                    0, 0);
    if (!machine_start())
        disagree("the machine does not start");
    root_domain = domain_new(0, 0);
    root_domain->thing->kernel = root_object();
    import(root_domain);
    struct thing *thread = thing_new(KIND_EC, 0, 0);
    thread->pd = root_domain;
    thread->utcb = NOVA_ROOT_UTCB_ADDRESS >> PAGE_BITS;
    thread->global = thread->started = true;
    unit_find(root_domain, NOVA_CRD_MEM, thread->utcb)->utcb_of = thread;
    struct thing *sc = thing_new(KIND_SC, 0, 0);
    sc->ec = thread;
    import_object(NOVA_ROOT_PD, root_domain->thing, NOVA_PD_ALL);
    import_object(NOVA_ROOT_EC, thread, NOVA_EC_ALL);
    import_object(NOVA_ROOT_SC, sc, NOVA_SC_ALL);
    import_object(NOVA_ROOT_SUSPEND_SM, thing_new(KIND_SM, 0, 0), NOVA_SM_ALL);
    import_object(NOVA_ROOT_MSR_SM, thing_new(KIND_SM, 0, 0), NOVA_SM_ALL);
    actors[0] = (struct actor){root_domain, thread};
    first.all = pages_total();
    for (unsigned n = 1; n <= WORKERS; n++)
        root_does(NOVA_CREATE_EC, 0, KEEP + KEEP_EACH * STARTUP_HANDLERS + n, SELECTOR_ROOT, (UTCBS + n) << 12 | n, 0, EVENTS);
    worker_clear();
    first.root = kernel_pages(root_domain);
    first.tables = pages_of_tables(root_domain);
    for (unsigned n = 1; n <= workers; n++)
        worker_make(n);
}
