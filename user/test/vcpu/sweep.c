/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Guests that use more page tables than a vTLB has pages: 512 regions of 2 MiB, which all lead to the same memory. And accounts that are too small for a virtual CPU.
 */
#include "vcpu.h"

enum { REGION = 0x200000, HOT = 8, PASSES = 4, DIRECTORY = 0, CR0_PAGED = 0x80000011, CR4_PAE = 0x20 };

/*
 * mov ecx,PASSES; [5] mov esi,first; [10] mov eax,[esi+1000h]; [16] mov edi,0; [21] mov eax,[edi+1000h]; add edi,200000h; cmp edi,hot; jne 21;
 * [41] add esi,200000h; cmp esi,end; jne 10; dec ecx; jne 5; hlt
 */
static uint8_t code[] = {0xb9, PASSES, 0x00, 0x00, 0x00, 0xbe, 0x00, 0x00, 0x00, 0x00, 0x8b, 0x86, 0x00, 0x10, 0x00,
                         0x00, 0xbf,   0x00, 0x00, 0x00, 0x00, 0x8b, 0x87, 0x00, 0x10, 0x00, 0x00, 0x81, 0xc7, 0x00,
                         0x00, 0x20,   0x00, 0x81, 0xff, 0x00, 0x00, 0x20, 0x00, 0x75, 0xec, 0x81, 0xc6, 0x00, 0x00,
                         0x20, 0x00,   0x81, 0xfe, 0x00, 0x00, 0x00, 0x00, 0x75, 0xd3, 0x49, 0x75, 0xcb, 0xf4};
enum { AT_FIRST = 6, AT_HOT = 35, AT_END = 49 };

static uint64_t begin, end;

static void action(unsigned event, struct nova_utcb *utcb)
{
    struct nova_state *s = &utcb->state;
    if (event == NOVA_VM_STARTUP) {
        for (unsigned i = 0; i < PAGE / 8; i++)
            *(uint64_t *)(guest_memory + DIRECTORY + 8 * i) = 0x80 | 7;
        *(uint64_t *)(guest_memory + TABLES) = DIRECTORY | 1;
        state_flat(s);
        s->cr0 = CR0_PAGED;
        s->cr3 = TABLES;
        s->cr4 = CR4_PAE;
        s->pdpte[0] = DIRECTORY | 1;
        begin = nova_tsc();
        return;
    }
    end = nova_tsc();
    check("sweep: hlt comes last", event, EVENT_HLT);
    check("sweep: as far as it was to go", last_state.si, *(uint32_t *)(code + AT_END));
    guest_done();
}

/* Reads in so many regions, one after the other, and after each in 'hot' others. */
static void sweep(unsigned regions, unsigned hot)
{
    *(uint32_t *)(code + AT_FIRST) = hot * REGION;
    *(uint32_t *)(code + AT_HOT) = hot * REGION;
    *(uint32_t *)(code + AT_END) = (hot + regions) * REGION;
    guest_run("sweep", code, sizeof code, action);
    nova_printf("# sweep: %u regions, after each of them %u others: %u ticks a region\n", regions, hot,
                (unsigned)(end - begin) / (regions * PASSES));
}

/* Both go, and their memory is free when this returns. */
static void part(nova_word ec, nova_word pd, nova_word freed)
{
    nova_revoke(nova_crd(NOVA_CRD_OBJ, ec, 2, NOVA_PERM_ALL), NOVA_REVOKE_SELF, 0, freed);
    nova_sm_down(freed, 0, 0);
    nova_revoke(nova_crd(NOVA_CRD_OBJ, pd, 0, NOVA_PERM_ALL), NOVA_REVOKE_SELF, 0, freed);
    nova_sm_down(freed, 0, 0);
}

/* With each account it is all or nothing. */
static void accounts(void)
{
    enum { MOST = 60 };
    nova_word limit, before, after, used, wrong = 0, enough = 0, status;
    nova_word pd = nova_selectors(1, 1), ec = nova_selectors(4, 4), freed = nova_selectors(1, 1);
    nova_create_sm(freed, nova_pd, 0);
    nova_create_pd(pd, nova_pd, 0, nova_quota(0, 1)); /* root's tables for these selectors are there before the first look */
    nova_create_ec(ec, nova_pd, test_cpu, 0, 0, 0, NOVA_EC_GLOBAL);
    part(ec, pd, freed);
    nova_pd_quota_read(nova_pd, &limit, &before);
    for (unsigned pages = 1; pages < MOST && !enough; pages++) {
        if (nova_create_pd(pd, nova_pd, 0, nova_quota(0, pages)))
            continue;
        nova_word first;
        nova_pd_quota_read(pd, &limit, &first);
        status = nova_create_ec(ec, pd, test_cpu, 0, 0, 0, NOVA_EC_GLOBAL);
        nova_pd_quota_read(pd, &limit, &used);
        if (status == NOVA_SUCCESS)
            enough = pages;
        else
            wrong += status != NOVA_QUO_OOM || used != first;
        wrong += used > limit;
        part(ec, pd, freed);
    }
    nova_pd_quota_read(nova_pd, &limit, &after);
    nova_printf("# a virtual CPU needs an account of %lu pages\n", enough);
    check("small accounts: out of memory, and nothing is used", wrong, 0);
    check("small accounts: one is large enough", enough > (has_vtlb ? 32 : 2), 1);
    check("small accounts: nothing is lost", after, before);
}

void test_sweep(void)
{
    sweep(16, 1);
    sweep(256, 1);
    sweep(256, HOT);
    accounts();
}
