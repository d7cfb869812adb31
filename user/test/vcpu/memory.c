/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The guest's memory: pages that its pager brings by typed items of the reply, pages without the right to write, revocation while the guest runs.
 */
#include "vcpu.h"

enum { NEW_PAGE = 5 };

/* mov ax,[5000h]; mov [5002h],ax; mov bx,[5002h]; hlt */
static const uint8_t touch[] = {0xa1, 0x00, 0x50, 0xa3, 0x02, 0x50, 0x8b, 0x1e, 0x02, 0x50, 0xf4};

static void bring(struct nova_utcb *utcb, unsigned permissions)
{
    nova_message_item(utcb, nova_crd(NOVA_CRD_MEM, (nova_word)guest_memory / PAGE + GUEST_PAGES, 0, permissions),
                      nova_control(NOVA_ITEM_DELEGATE | NOVA_ITEM_GUEST, NEW_PAGE));
}

static void check_fault(int write, int present)
{
    check("fault: address", last_state.qual[1] & ~(uint64_t)(PAGE - 1), NEW_PAGE * PAGE);
    if (has_vtlb && is_svm) {
        check("fault: no error code", last_state.qual[0], 0);
        return;
    }
    if (!has_vtlb)
        check("fault: write", last_state.qual[0] >> 1 & 1, (unsigned)write);
    check("fault: something is mapped", is_svm ? last_state.qual[0] & 1 : last_state.qual[0] >> 3 & 1, (unsigned)present);
}

static void touch_action(unsigned event, struct nova_utcb *utcb)
{
    if (event == NOVA_VM_STARTUP)
        state_real_mode(&utcb->state);
    else if (event == EVENT_MEMORY && event_count[EVENT_MEMORY] == 1) {
        check_fault(0, 0);
        bring(utcb, NOVA_MEM_RX);
    } else if (event == EVENT_MEMORY && event_count[EVENT_MEMORY] == 2) {
        check_fault(1, 1);
        check("fault: ip", last_state.ip, CODE + 3);
        nova_revoke(nova_crd(NOVA_CRD_MEM, (nova_word)guest_memory / PAGE + GUEST_PAGES, 0, NOVA_PERM_ALL), 0, 0, 0);
        bring(utcb, NOVA_MEM_RWX);
    } else {
        check("pager: hlt comes last", event, EVENT_HLT);
        check("pager: what was read", last_state.ax, 0xbeef);
        check("pager: what was written and read", last_state.bx, 0xbeef);
        guest_done();
    }
}

/* back: mov ax,[5000h]; inc word [3000h]; jmp back */
static const uint8_t reader[] = {0xa1, 0x00, 0x50, 0xff, 0x06, 0x00, 0x30, 0xeb, 0xf7};

static volatile int reader_revoked;

static void reader_action(unsigned event, struct nova_utcb *utcb)
{
    if (event == NOVA_VM_STARTUP) {
        state_real_mode(&utcb->state);
        utcb->state.flags = 0x202;
        return;
    }
    if (event == EVENT_MEMORY && !reader_revoked)
        return; /* it was faster than its page, or this event than the page: once more */
    check("revoke: the guest faults", event, EVENT_MEMORY);
    check_fault(0, 0);
    guest_done();
}

static void revoke_running(void)
{
    reader_revoked = 0;
    guest_start(reader, sizeof reader, reader_action);
    guest_map(GUEST_PAGES, NEW_PAGE, NOVA_MEM_RWX);
    guest_counts("revoke: the guest runs");
    reader_revoked = 1;
    nova_revoke(nova_crd(NOVA_CRD_MEM, (nova_word)guest_memory / PAGE + GUEST_PAGES, 0, NOVA_PERM_ALL), 0, 0, 0);
    guest_wait("revoke");
    guest_end();
}

void test_memory(void)
{
    *(uint16_t *)(guest_memory + GUEST_PAGES * PAGE) = 0xbeef;
    guest_run("pager", touch, sizeof touch, touch_action);
    revoke_running();
    nova_word limit, before, after;
    nova_pd_quota_read(nova_pd, &limit, &before);
    for (unsigned i = 0; i < 20; i++)
        revoke_running();
    nova_pd_quota_read(nova_pd, &limit, &after);
    remark("pages of kernel memory before and after 20 guests:");
    nova_printf("# %lu %lu\n", before, after);
}
