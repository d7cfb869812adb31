/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Four CPUs at once: the threads of four PDs delegate, revoke, create and destroy in the same trees, and call handlers in each other's PDs, whose accounts are short now and
 * then. In a build whose core calls __sanitizer_cov_trace_pc in
 * every basic block (make interleave) the coroutine of a CPU gives way at random places, so that CPUs meet in the middle of everything, and the same seed meets
 * in the same places. With threads each CPU is a thread of its own, for the thread sanitizer. invariants() is asked now and then, with all CPUs outside.
 */
#include "parallel.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>

static struct random_source source[CPUS];
static unsigned long statuses[NOVA_QUO_OOM + 2];

/* ---- random places to give way ---- */

static bool armed;
static uint64_t yields, schedule_mask;
static struct random_source schedule;

void __sanitizer_cov_trace_pc(void);
void __sanitizer_cov_trace_pc(void)
{
    /* Some rounds are torn into small pieces, others into few. */
    if (!armed || random_next(&schedule) & schedule_mask)
        return;
    yields++;
    cpu_pause();
}

/* ---- hypercalls ---- */

static void root_must(word status)
{
    if (status != NOVA_SUCCESS)
        disagree("parallel: root cannot build the PDs: status %lu", status);
}

static word root_call(unsigned number, unsigned flags, word selector, word a2, word a3, word a4, word a5)
{
    return hypercall(0, nova_arg1(number, flags, selector), a2, a3, a4, a5);
}

static word root_delegate(word from, word to, word crd, unsigned flags, word hotspot)
{
    struct nova_utcb *utcb = utcb_at(0, own_utcb(0));
    utcb->items = nova_items(0, 1);
    *nova_item(utcb, 0) = (struct nova_item){crd, nova_control(NOVA_ITEM_DELEGATE | flags, hotspot)};
    return root_call(NOVA_MISC, NOVA_MISC_DELEGATE, from, nova_crd(nova_crd_type(crd), 0, 31, NOVA_PERM_ALL), to, 0, 0);
}

/* Memory and ports come in small pieces: each is the root of a tree with a lock of its own. */
enum { PIECES = 16 };
static void root_takes(unsigned piece)
{
    word page = MEMORY + 4 * piece;
    root_delegate(SELECTOR_ROOT, SELECTOR_ROOT, nova_crd(NOVA_CRD_MEM, page, 2, 7), NOVA_ITEM_KERNEL, page);
    root_delegate(SELECTOR_ROOT, SELECTOR_ROOT, nova_crd(NOVA_CRD_PIO, PORTS + 2 * piece, 1, 7), NOVA_ITEM_KERNEL, 0);
}

static void build(void)
{
    steps_begin();
    for (unsigned i = 0; i < PIECES; i++)
        root_takes(i);
    for (unsigned n = 1; n < CPUS; n++) {
        word kept = KEPT + 16 * n;
        root_must(root_call(NOVA_CREATE_PD, 0, kept, SELECTOR_ROOT, 0, nova_quota(0, QUOTA), 0));
        root_must(root_call(NOVA_CREATE_EC, 0, kept + 1, SELECTOR_ROOT, (UTCBS + n) << 12 | n, 0, EVENTS));
        root_must(root_call(NOVA_CREATE_PT, 0, kept + 2, SELECTOR_ROOT, kept + 1, NOVA_MTD_IP, HANDLER_IP));
        root_must(root_delegate(SELECTOR_ROOT, kept, nova_crd(NOVA_CRD_OBJ, kept + 2, 0, 31), 0, EVENTS + NOVA_EVENT_STARTUP));
        root_must(root_call(NOVA_CREATE_EC, NOVA_EC_GLOBAL, kept + 3, kept, own_utcb(n) | n, 0, EVENTS));
        for (unsigned cpu = 0; cpu < CPUS; cpu++) {
            root_must(root_call(NOVA_CREATE_EC, 0, kept + CALLED + cpu, kept, (CALLED_UTCBS + cpu) << 12 | cpu, 0, EVENTS));
            root_must(root_call(NOVA_CREATE_PT, 0, kept + CALLED_PORTALS + cpu, SELECTOR_ROOT, kept + CALLED + cpu, 0, CALLED_IP));
        }
        root_must(root_call(NOVA_CREATE_SC, 0, kept + 4, SELECTOR_ROOT, kept + 3, nova_qpd(1, 10000), 0));
    }
    /* Everybody can call a handler of every PD on the own CPU. */
    for (unsigned n = 1; n < CPUS; n++)
        for (unsigned of = 1; of < CPUS; of++)
            root_must(root_delegate(SELECTOR_ROOT, KEPT + 16 * n,
                                    nova_crd(NOVA_CRD_OBJ, KEPT + 16 * of + CALLED_PORTALS + n, 0, 31), 0, CALLS + of));
}

/* Everybody's names of the PDs, as often as they are lost. */
static void root_gives(struct random_source *random)
{
    unsigned to = 1 + random_below(random, CPUS - 1), what = 1 + random_below(random, CPUS - 1);
    root_delegate(SELECTOR_ROOT, KEPT + 16 * to, nova_crd(NOVA_CRD_OBJ, KEPT + 16 * what, 0, 31), 0, PDS + what);
    for (unsigned i = 0; i < 8; i++)
        root_takes(random_below(random, PIECES));
}

static void count_status(word status)
{
    __atomic_fetch_add(&statuses[status <= NOVA_QUO_OOM ? status : NOVA_QUO_OOM + 1], 1, __ATOMIC_RELAXED);
}

/* ---- one thread drives all ---- */

static bool in_handler(unsigned cpu) { return cpu_frame(cpu) && !cpu_idle(cpu) && cpu_frame(cpu)->ip == CALLED_IP; }

static bool ready(unsigned cpu)
{
    return cpu_frame(cpu) && !cpu_idle(cpu) && (cpu == 0 ? !in_handler(0) : cpu_frame(cpu)->ip == THREAD_IP);
}

static void start_up(unsigned cpu)
{
    if (cpu_idle(cpu) || cpu_frame(cpu)->ip != HANDLER_IP)
        disagree("parallel: the thread of CPU %u does not start", cpu);
    struct nova_utcb *utcb = utcb_at(cpu, (UTCBS + cpu) << 12);
    utcb->items = nova_items(8, 0);
    utcb->state.mtd = NOVA_MTD_IP;
    utcb->state.ip = THREAD_IP;
    hypercall(cpu, NOVA_REPLY, 0, 0, 0, 0);
    if (!ready(cpu))
        disagree("parallel: the thread of CPU %u does not run", cpu);
}

/* Each CPU makes a hypercall; who has been called replies. */
static void all_start(bool calls)
{
    for (unsigned cpu = 0; cpu < CPUS; cpu++) {
        if (!ready(cpu) && !in_handler(cpu))
            disagree("parallel: the thread of CPU %u is gone", cpu);
        struct frame *frame = cpu_frame(cpu);
        for (unsigned i = 0; i < 4; i++) /* something for the TLB */
            user_try(cpu, (word)(MEMORY + random_below(&schedule, 64)) << PAGE_BITS, MMU_READ << random_below(&schedule, 2));
        word arg[5] = {0};
        if (in_handler(cpu))
            next_reply(&source[cpu], cpu, arg);
        else
            next_call(&source[cpu], cpu, arg, calls);
        for (unsigned i = 0; i < 5; i++)
            frame->arg[i] = arg[i];
        frame->resume = RESUME_HYPERCALL;
        cpu_start(cpu, ENTER_HYPERCALL);
    }
    armed = true;
    cpu_run();
    armed = false;
    for (unsigned cpu = 0; cpu < CPUS; cpu++)
        for (unsigned i = 0; i < 1000 && !cpu_frame(cpu); i++)
            cpu_enter(cpu, ENTER_CONTINUE, 0, 0, 0);
}

static void all_at_once(void)
{
    struct frame *started[CPUS] = {0};
    schedule_mask = ((uint64_t)8 << random_below(&schedule, 8)) - 1;
    for (unsigned cpu = 0; cpu < CPUS; cpu++)
        started[cpu] = cpu_frame(cpu);
    struct shortage shortage = shortage_begin(&schedule);
    all_start(true);
    for (unsigned cpu = 0; cpu < CPUS; cpu++)
        if (cpu_frame(cpu) == started[cpu])
            count_status(started[cpu]->arg[0]);
        else if (!in_handler(cpu))
            disagree("parallel: CPU %u does not return from its hypercall: it is at %#lx", cpu,
                     cpu_frame(cpu) ? cpu_frame(cpu)->ip : 0);
    all_start(false);
    for (unsigned cpu = 0; cpu < CPUS; cpu++) {
        if (cpu_frame(cpu) != started[cpu])
            disagree("parallel: CPU %u does not return from its hypercall or reply: it is at %#lx", cpu,
                     cpu_frame(cpu) ? cpu_frame(cpu)->ip : 0);
        count_status(started[cpu]->arg[0]);
    }
    shortage_end(&shortage);
    if (tlb_stale())
        disagree("a CPU holds stale translations");
}

/* ---- the end: nothing is lost ---- */

static word base_all, base_tables;
static struct pages base_pages;

static bool kept_for_good(unsigned type, word place)
{
    if (type == NOVA_CRD_MEM)
        return place == NOVA_ROOT_UTCB_ADDRESS >> PAGE_BITS;
    return type == NOVA_CRD_OBJ && place - SELECTOR_ROOT < NOVA_ROOT_CAPS;
}

static void root_clear(void)
{
    for (unsigned type = 1; type < TYPES; type++)
        for (word place = 0; (place = root_next(type, place)) != ~(word)0; place++)
            if (!kept_for_good(type, place))
                root_call(NOVA_REVOKE, NOVA_REVOKE_SELF, 0, nova_crd(type, place, 0, NOVA_PERM_ALL), 0, 0, 0);
}

static void check_account(void)
{
    word tables, all;
    struct pages pages = root_account(&tables, &all);
    if (!base_all) {
        base_all = all;
        base_tables = tables;
        base_pages = pages;
        return;
    }
    if (all != base_all || pages.limit != base_pages.limit || pages.used - tables != base_pages.used - base_tables)
        disagree(
            "parallel: all is destroyed; pages %lu (at first %lu), root's limit %lu (%lu), used %lu less tables %lu (%lu, %lu)",
            all, base_all, pages.limit, base_pages.limit, pages.used, tables, base_pages.used, base_tables);
}

/* ---- a thread for each CPU ---- */

static pthread_barrier_t barrier;
static unsigned long steps_of_thread;
static unsigned finished;
static bool quiet_cpu[CPUS];

static bool quiet(void)
{
    for (unsigned cpu = 0; cpu < CPUS; cpu++)
        if (!__atomic_load_n(&quiet_cpu[cpu], __ATOMIC_SEQ_CST))
            return false;
    return true;
}

static bool signals(void)
{
    for (unsigned cpu = 0; cpu < CPUS; cpu++)
        if (cpu_signal_pending(cpu))
            return true;
    return false;
}

/*
 * All threads wait for each other and answer what other CPUs want, until no CPU is in the kernel and none has a signal to come: who is in the kernel is not quiet,
 * and whom it has signalled is so only until it looks.
 */
static void meet(unsigned cpu, unsigned number)
{
    __atomic_store_n(&quiet_cpu[cpu], false, __ATOMIC_SEQ_CST);
    __atomic_add_fetch(&finished, 1, __ATOMIC_SEQ_CST);
    while (__atomic_load_n(&finished, __ATOMIC_SEQ_CST) < number * CPUS)
        machine_poll(cpu);
    while (!quiet() || signals() || !quiet()) {
        if (cpu_signal_pending(cpu) || !cpu_frame(cpu)) {
            __atomic_store_n(&quiet_cpu[cpu], false, __ATOMIC_SEQ_CST);
            machine_poll(cpu);
        } else {
            __atomic_store_n(&quiet_cpu[cpu], true, __ATOMIC_SEQ_CST);
            sched_yield();
        }
    }
    pthread_barrier_wait(&barrier);
}

static bool built; /* by CPU 0: what all threads use */

static void *cpu_thread(void *argument)
{
    unsigned cpu = (unsigned)(uintptr_t)argument;
    if (cpu == 0) {
        build();
        __atomic_store_n(&built, true, __ATOMIC_RELEASE);
    } else {
        while (!__atomic_load_n(&built, __ATOMIC_ACQUIRE) || !cpu_frame(cpu) || cpu_idle(cpu))
            machine_poll(cpu);
        start_up(cpu);
    }
    for (unsigned long i = 0; i < steps_of_thread; i++) {
        machine_poll(cpu);
        if (cpu == 0 && i % 8 == 0)
            root_gives(&source[0]);
        if (!ready(cpu))
            continue;
        word arg[5] = {0};
        next_call(&source[cpu], cpu, arg, true);
        word status = hypercall(cpu, arg[0], arg[1], arg[2], arg[3], arg[4]);
        if (in_handler(cpu)) {
            next_reply(&source[cpu], cpu, arg);
            status = hypercall(cpu, arg[0], 0, 0, 0, 0) == BLOCKED && ready(cpu) ? cpu_frame(cpu)->arg[0] : BLOCKED;
        }
        count_status(status);
    }
    meet(cpu, 1);
    if (cpu == 0)
        invariants();
    pthread_barrier_wait(&barrier);
    if (cpu == 0)
        root_clear();
    meet(cpu, 2);
    return 0;
}

static void run_threads(void)
{
    pthread_t thread[CPUS];
    pthread_barrier_init(&barrier, 0, CPUS);
    for (unsigned cpu = 0; cpu < CPUS; cpu++)
        if (pthread_create(&thread[cpu], 0, cpu_thread, (void *)(uintptr_t)cpu))
            disagree("parallel: pthread_create");
    for (unsigned cpu = 0; cpu < CPUS; cpu++)
        pthread_join(thread[cpu], 0);
}

static void run_coroutines(unsigned long steps)
{
    build();
    for (unsigned cpu = 1; cpu < CPUS; cpu++)
        start_up(cpu);
    for (unsigned long i = 0; i < steps; i++) {
        if (i % 2 == 0)
            root_gives(&schedule);
        all_at_once();
        if (i % ROUND == 0)
            invariants();
        machine_log_clear();
    }
    invariants();
    root_clear();
}

void parallel_run(unsigned long long seed, unsigned long steps, bool threads)
{
    for (unsigned cpu = 0; cpu < CPUS; cpu++)
        source[cpu].state = seed * 1000 + cpu;
    schedule.state = ~seed;
    machine_prepare(
        &(struct machine_options){
            .cpus = CPUS, .threads = threads, .features = NOVA_FEATURE_VMX | NOVA_FEATURE_IOMMU, .large_order = LARGE_ORDER},
        0, 0);
    if (!machine_start())
        disagree("the machine does not start");
    root_clear();
    check_account();
    steps_of_thread = steps;
    if (threads)
        run_threads();
    else
        run_coroutines(steps);
    invariants();
    check_account();
    printf("# statuses:");
    for (unsigned i = 0; i <= NOVA_QUO_OOM + 1; i++)
        printf(" %lu", statuses[i]);
    printf("; %lu delegated ranges looked at; gave way %llu times\n", mappings_seen, (unsigned long long)yields);
}
