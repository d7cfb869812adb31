/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * churn: a root task that creates and destroys 10,000 protection domains, on all CPUs at once. Each has a portal handler that is called, memory
 * and a semaphore from root and from the domain before it. Then 100,000 semaphores exist at once. Kernel memory in use is afterwards
 * what it was before, to the page. A first short round fills what is kept for good (tables of root's own spaces).
 */
#include <user/lib/console.h>
#include <user/lib/emulator.h>
#include <user/lib/event.h>
#include <user/lib/item.h>
#include <user/lib/memory.h>
#include <user/lib/task.h>
#include <user/lib/x86.h>

enum { DOMAINS = 10000, FIRST_ROUND = 64, CPUS_MAX = 64, QUOTA = 32, DATA_ORDER = 3, CALL_OK = 0x600d, REVOKE_EVERY = 61 };
enum { CROWD = 100000, CROWD_ORDER = 17 };
/* Selectors of one domain in root's object space, from its first one on. */
enum { SEL_PD = 0, SEL_SM = 1, SEL_EC = 4, SEL_PT = 6, SEL_COUNT = 8, SEL_ORDER = 3 };
/* Where things are inside a domain. */
enum { CHILD_SM = 5, CHILD_SM_INHERITED = 6 };
#define CHILD_DATA ((nova_word)0x10000000)
#define CHILD_INHERITED ((nova_word)0x14000000)
#define CHILD_UTCB ((nova_word)0x20000000)

static struct worker {
    struct nova_thread *thread;
    nova_word domains[2], freed, start, done, failed, calls;
    unsigned rounds;
} workers[CPUS_MAX];
static nova_word data_page;

/* One word out, then the reply; the code is on a page of its own, which is all that a domain gets of this program. */
void churn_reply(void);
#ifdef __x86_64__
__asm__(".pushsection .text.churn, \"ax\"\n\t.balign 4096\n\t.globl churn_reply\nchurn_reply:\n\tmovl $1, 0x20000000\n\t"
        "movq $0x600d, 0x20000020\n\tmov $1, %edi\n\tsyscall\n\tud2\n\t.balign 4096\n\t.popsection");
#else
__asm__(".pushsection .text.churn, \"ax\"\n\t.balign 4096\n\t.globl churn_reply\nchurn_reply:\n\tmovl $1, 0x20000000\n\t"
        "movl $0x600d, 0x20000010\n\tmov $1, %eax\n\tmov %esp, %ecx\n\tmov $churn_reply, %edx\n\tsysenter\n\tud2\n\t"
        ".balign 4096\n\t.popsection");
#endif

static void count_failure(struct worker *worker, const char *what, enum nova_status status)
{
    if (!status)
        return;
    if (worker->failed++ < 5)
        nova_printf("FAIL CPU %lu: %s: status %u\n", worker->thread->cpu, what, status);
}

static enum nova_status grant(nova_word from, nova_word to, enum nova_crd_type type, nova_word source, nova_word target,
                              unsigned order)
{
    struct nova_utcb *utcb = nova_self()->utcb;

    nova_message_begin(utcb);
    nova_message_item(utcb, nova_crd(type, source, order, NOVA_PERM_ALL), nova_control(NOVA_ITEM_DELEGATE, target));
    return nova_delegate(from, to, nova_crd(type, 0, 31, NOVA_PERM_ALL));
}

static void domain_create(struct worker *worker, nova_word first, nova_word before)
{
    struct nova_utcb *utcb = nova_self()->utcb;
    nova_word pd = first + SEL_PD, text = (nova_word)churn_reply >> NOVA_PAGE_BITS;

    count_failure(worker, "create_pd", nova_create_pd(pd, nova_pd, 0, nova_quota(0, QUOTA)));
    count_failure(worker, "delegation of code", grant(nova_pd, pd, NOVA_CRD_MEM, text, text, 0));
    count_failure(worker, "delegation of data",
                  grant(nova_pd, pd, NOVA_CRD_MEM, data_page, CHILD_DATA >> NOVA_PAGE_BITS, DATA_ORDER));
    count_failure(worker, "create_sm", nova_create_sm(first + SEL_SM, pd, 0));
    count_failure(worker, "delegation of a semaphore", grant(nova_pd, pd, NOVA_CRD_OBJ, first + SEL_SM, CHILD_SM, 0));
    count_failure(worker, "create_ec", nova_create_ec(first + SEL_EC, pd, (unsigned)nova_self()->cpu, CHILD_UTCB, 0, 0, 0));
    count_failure(worker, "create_pt", nova_create_pt(first + SEL_PT, pd, first + SEL_EC, 0, (nova_word)churn_reply));
    if (before) {
        count_failure(
            worker, "memory from the domain before",
            grant(before + SEL_PD, pd, NOVA_CRD_MEM, (CHILD_DATA >> NOVA_PAGE_BITS) + 2, CHILD_INHERITED >> NOVA_PAGE_BITS, 0));
        count_failure(worker, "a semaphore from the domain before",
                      grant(before + SEL_PD, pd, NOVA_CRD_OBJ, CHILD_SM, CHILD_SM_INHERITED, 0));
    }
    utcb->items = 0;
    count_failure(worker, "call", nova_call(first + SEL_PT, 0));
    worker->calls += utcb->items == 1 && utcb->mr[0] == CALL_OK;
}

static void domain_destroy(struct worker *worker, nova_word first)
{
    count_failure(worker, "revoke",
                  nova_revoke(nova_crd(NOVA_CRD_OBJ, first, SEL_ORDER, NOVA_PERM_ALL), NOVA_REVOKE_SELF, 0, worker->freed));
    count_failure(worker, "memory of a destroyed domain", nova_sm_down(worker->freed, 0, 0));
}

static void work(void *argument)
{
    struct worker *worker = argument;

    for (;;) {
        nova_word before = 0;
        nova_sm_down(worker->start, 0, 0);
        for (unsigned i = 0; i < worker->rounds; i++) {
            nova_word first = worker->domains[i & 1];
            domain_create(worker, first, before);
            if (before)
                domain_destroy(worker, before);
            if (i % REVOKE_EVERY == 0) /* under the feet of all CPUs */
                nova_revoke(nova_crd(NOVA_CRD_MEM, data_page, DATA_ORDER, NOVA_PERM_ALL), 0, 0, 0);
            before = first;
        }
        domain_destroy(worker, before);
        nova_sm_up(worker->done);
    }
}

static int workers_start(void)
{
    unsigned count = 0;

    for (unsigned cpu = 0; cpu < nova_hip_cpus(nova_hip) && count < CPUS_MAX; cpu++) {
        struct worker *worker = &workers[count];
        struct nova_thread *events;
        nova_word base = nova_selectors(NOVA_EVENTS_THREAD, NOVA_EVENTS_THREAD);

        if (!(nova_hip_cpu(nova_hip, cpu)->flags & NOVA_CPU_ONLINE))
            continue;
        worker->thread = nova_thread_prepare(NULL, cpu);
        worker->freed = nova_selectors(3, 1);
        worker->start = worker->freed + 1;
        worker->done = worker->freed + 2;
        worker->domains[0] = nova_selectors(SEL_COUNT, SEL_COUNT);
        worker->domains[1] = nova_selectors(SEL_COUNT, SEL_COUNT);
        events = nova_thread_prepare(NULL, cpu);
        if (nova_create_sm(worker->freed, nova_pd, 0) || nova_create_sm(worker->start, nova_pd, 0) ||
            nova_create_sm(worker->done, nova_pd, 0) || nova_handler_create(events, nova_pd, base) ||
            nova_events_create(base, events, NULL) || nova_thread_start(worker->thread, base, 2, 10000, work, worker))
            return 0;
        count++;
    }
    return (int)count;
}

/* All CPUs together make so many domains; the number of failures. */
static nova_word round_run(unsigned cpus, unsigned domains)
{
    nova_word failed = 0, calls = 0;

    for (unsigned i = 0; i < cpus; i++) {
        workers[i].rounds = (domains + cpus - 1) / cpus;
        workers[i].calls = workers[i].failed = 0;
        nova_sm_up(workers[i].start);
    }
    for (unsigned i = 0; i < cpus; i++) {
        nova_sm_down(workers[i].done, 0, 0);
        failed += workers[i].failed;
        calls += workers[i].calls;
        if (workers[i].calls != workers[i].rounds)
            failed++;
    }
    nova_printf("# churn: %lu domains were called, %lu failures\n", calls, failed);
    return failed;
}

static nova_word usage(const char *when)
{
    nova_word limit = 0, used = 0;
    nova_pd_quota_read(nova_pd, &limit, &used);
    nova_printf("# churn: %s: %lu pages in use of %lu\n", when, used, limit);
    return used | limit << NOVA_WORD_BITS / 2;
}

/* 100,000 semaphores at once: each is the one it should be. */
static nova_word crowd_run(nova_word first)
{
    nova_word failed = 0, status;

    for (nova_word i = 0; i < CROWD; i++)
        failed += nova_create_sm(first + i, nova_pd, i & 1) != NOVA_SUCCESS;
    for (nova_word i = 0; i < CROWD; i++) {
        status = nova_sm_down(first + i, 0, 1);
        failed += status != (i & 1 ? NOVA_SUCCESS : NOVA_COM_TIM);
    }
    status = nova_revoke(nova_crd(NOVA_CRD_OBJ, first, CROWD_ORDER, NOVA_PERM_ALL), NOVA_REVOKE_SELF, 0, workers[0].freed);
    failed += status || nova_sm_down(workers[0].freed, 0, 0);
    nova_printf("# churn: %u semaphores at once, %lu failures\n", CROWD, failed);
    return failed;
}

void nova_main(const struct nova_hip *hip, unsigned cpu)
{
    nova_word failed, before, after, crowd = nova_selectors(1 << CROWD_ORDER, 1 << CROWD_ORDER);
    struct nova_thread *events;
    int cpus;

    (void)hip;
    nova_console_init();
    events = nova_thread_prepare(NULL, cpu);
    nova_handler_create(events, nova_pd, nova_selectors(32, 32));
    nova_events_create(0, events, NULL);
    data_page = (nova_word)nova_allocate(NOVA_PAGE_SIZE << DATA_ORDER, NOVA_PAGE_SIZE << DATA_ORDER) >> NOVA_PAGE_BITS;
    cpus = workers_start();
    nova_printf("\n# churn: %u bit, %d CPUs\n", NOVA_WORD_BITS, cpus);
    usage("at the start");
    failed = !cpus || round_run((unsigned)cpus, FIRST_ROUND);
    before = usage("before");
    failed += round_run((unsigned)cpus, DOMAINS);
    after = usage("after");
    nova_printf("%s 1 - %u domains come and go\n", failed ? "not ok" : "ok", DOMAINS);
    nova_printf("%s 2 - kernel memory is what it was\n", before == after ? "ok" : "not ok");
    before = usage("before the crowds");
    failed = crowd_run(crowd) + crowd_run(crowd);
    after = usage("after them");
    nova_printf("%s 3 - %u semaphores at once\n", failed ? "not ok" : "ok", CROWD);
    nova_printf("%s 4 - kernel memory is what it was\n1..4\n# churn: done\n", before == after ? "ok" : "not ok");
    nova_emulator_exit(0x10);
}
