/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * small: a root task that creates a protection domain as existing user space does, with an account of 32 pages: one thread, 64 pages of memory
 * in three regions, 40 portals (32 of them its event portals), 8 semaphores. It prints what that costs, and what each step does.
 */
#include <user/lib/console.h>
#include <user/lib/emulator.h>
#include <user/lib/event.h>
#include <user/lib/item.h>
#include <user/lib/memory.h>
#include <user/lib/task.h>

enum { QUOTA = 32, PORTALS = 40, SEMAPHORES = 8, CHILD_PORTALS = 0, CHILD_SEMAPHORES = 64, CODE = 16, HEAP = 32, STACK = 16 };
enum { LIMIT = sizeof(nova_word) == 8 ? 16 : 14 };
#define CODE_AREA ((nova_word)0x01000000)
#define HEAP_AREA ((nova_word)0x10000000)
#define STACK_AREA ((nova_word)0xa0000000)
#define UTCB_PAGE ((nova_word)0xa0000000 + (STACK + 1) * NOVA_PAGE_SIZE)

static nova_word pd, failures;

static nova_word used(const char *after, enum nova_status status)
{
    nova_word limit = 0, usage = 0;

    nova_pd_quota_read(pd, &limit, &usage);
    nova_printf("# small: %lu of %lu pages after %s\n", usage, limit, after);
    if (status) {
        failures++;
        nova_printf("FAIL %s: status %u\n", after, status);
    }
    return usage;
}

static enum nova_status map(nova_word from, nova_word to, nova_word pages, unsigned perm)
{
    return nova_delegate_range(nova_pd, pd, NOVA_CRD_MEM, from >> NOVA_PAGE_BITS, to >> NOVA_PAGE_BITS, pages, perm, 0);
}

NOVA_PORTAL(startup);

static volatile nova_word started;

/* The thread does not run: it is there, and that is all. */
static void startup_handler(nova_word id, struct nova_utcb *utcb)
{
    (void)id;
    (void)utcb;
    started = 1;
    nova_park();
}

void nova_main(const struct nova_hip *hip, unsigned cpu)
{
    nova_word memory = (nova_word)nova_allocate((CODE + HEAP + STACK) * NOVA_PAGE_SIZE, NOVA_PAGE_SIZE);
    nova_word portals = nova_selectors(PORTALS, 64), semaphores = nova_selectors(SEMAPHORES, 8), ec = nova_selectors(4, 4), total,
              freed;
    nova_word before_limit, before, after_limit, after;
    struct nova_thread *handler = nova_thread_prepare(NULL, cpu);
    enum nova_status status;

    (void)hip;
    nova_console_init();
    nova_printf("\n# small: %u bit\n", NOVA_WORD_BITS);
    pd = nova_selectors(1, 1);
    freed = nova_selectors(1, 1);
    nova_create_sm(freed, nova_pd, 0);
    nova_handler_create(handler, nova_pd, nova_selectors(32, 32));
    for (unsigned round = 0; round < 2; round++) { /* the second one must leave root's account as it was */
        started = 0;
        nova_pd_quota_read(nova_pd, &before_limit, &before);
        used("create_pd", nova_create_pd(pd, nova_pd, 0, nova_quota(0, QUOTA)));
        used("16 pages of code", map(memory, CODE_AREA, CODE, NOVA_MEM_RX));
        used("32 pages of data", map(memory + CODE * NOVA_PAGE_SIZE, HEAP_AREA, HEAP, NOVA_MEM_RW));
        used("16 pages of stacks", map(memory + (CODE + HEAP) * NOVA_PAGE_SIZE, STACK_AREA, STACK, NOVA_MEM_RW));
        status = NOVA_SUCCESS;
        for (unsigned i = 0; i < PORTALS && !status; i++)
            status = nova_portal_create(portals + i, pd, handler, NOVA_EVENT_MTD, startup, i);
        used("40 portals", status);
        used("their delegation", nova_delegate_range(nova_pd, pd, NOVA_CRD_OBJ, portals, CHILD_PORTALS, PORTALS, NOVA_PERM_ALL, 0));
        for (unsigned i = 0; i < SEMAPHORES && !status; i++)
            status = nova_create_sm(semaphores + i, pd, 0);
        used("8 semaphores", status);
        used("their delegation",
             nova_delegate_range(nova_pd, pd, NOVA_CRD_OBJ, semaphores, CHILD_SEMAPHORES, SEMAPHORES, NOVA_PERM_ALL, 0));
        used("an EC", nova_create_ec(ec, pd, cpu, UTCB_PAGE, STACK_AREA, CHILD_PORTALS, NOVA_EC_GLOBAL));
        total = used("its SC", nova_create_sc(ec + 2, pd, ec, nova_qpd(2, 10000)));
        nova_ec_yield();
        if (!round) {
            nova_printf("%s 1 - a small domain costs %lu pages, at most %u\n", total <= LIMIT && !failures ? "ok" : "not ok", total,
                        LIMIT);
            nova_printf("%s 2 - its thread raises its startup event\n", started ? "ok" : "not ok");
        }
        nova_revoke(nova_crd(NOVA_CRD_OBJ, portals, 6, NOVA_PERM_ALL), NOVA_REVOKE_SELF, 0, 0);
        nova_revoke(nova_crd(NOVA_CRD_OBJ, semaphores, 3, NOVA_PERM_ALL), NOVA_REVOKE_SELF, 0, 0);
        nova_revoke(nova_crd(NOVA_CRD_OBJ, ec, 2, NOVA_PERM_ALL), NOVA_REVOKE_SELF, 0, 0);
        nova_revoke(nova_crd(NOVA_CRD_OBJ, handler->ec, 0, NOVA_PERM_ALL), NOVA_REVOKE_SELF, 0, 0);
        nova_revoke(nova_crd(NOVA_CRD_OBJ, pd, 0, NOVA_PERM_ALL), NOVA_REVOKE_SELF, 0, freed);
        nova_sm_down(freed, 0, 0);
        nova_handler_create(handler, nova_pd, nova_selectors(32, 32)); /* the old one sleeps for good */
        nova_pd_quota_read(nova_pd, &after_limit, &after);
    }
    nova_printf("%s 3 - destroyed, it leaves nothing: %lu pages before, %lu after\n",
                before == after && before_limit == after_limit ? "ok" : "not ok", before, after);
    nova_printf("1..3\n# small: done\n");
    nova_emulator_exit(0x10);
}
