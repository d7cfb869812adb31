/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Hypercalls, semaphores, calls and replies, switches between threads: all on one CPU.
 */
#include "bench.h"

enum { LOOPS = 1000, WORDS = 32, CHILD_QUOTA = 64 };

static nova_word ping, pong;

static void answer(void *unused)
{
    (void)unused;
    for (;;) {
        nova_sm_down(ping, 0, 0);
        nova_sm_up(pong);
    }
}

/* A handler in a PD of its own, which has this program's code and the handler's stack. */
static void bench_call_between_pds(void)
{
    struct nova_thread *handler;
    nova_word pd = nova_selectors(1, 1), portal;

    expect("create_pd", nova_create_pd(pd, nova_pd, 0, nova_quota(32, CHILD_QUOTA)));
    expect("delegation of the program",
           nova_delegate_range(nova_pd, pd, NOVA_CRD_MEM, (nova_word)nova_image_start >> NOVA_PAGE_BITS,
                               (nova_word)nova_image_start >> NOVA_PAGE_BITS,
                               (nova_word)(nova_image_end - nova_image_start) >> NOVA_PAGE_BITS, NOVA_MEM_RWX, 0));
    handler = handler_create(pd, boot_cpu, 0);
    portal = portal_create(handler, reply_at_once);
    root_utcb->items = 0;
    expect("call to another PD", nova_call(portal, 0));
    AVERAGE("call_reply_pds_0_words", LOOPS, nova_call(portal, 0));
    root_utcb->items = 0;
}

void bench_calls(void)
{
    struct nova_thread *handler = handler_create(nova_pd, boot_cpu, 0), *thread;
    nova_word portal = portal_create(handler, reply_at_once), sm = semaphore_create();

    AVERAGE("empty_loop", LOOPS, __asm__ volatile(""));
    expect("pt_ctrl", nova_pt_ctrl(portal, 1));
    AVERAGE("hypercall_pt_ctrl", LOOPS, nova_pt_ctrl(portal, 1));
    AVERAGE("semaphore_up_down", LOOPS, nova_sm_up(sm); nova_sm_down(sm, 0, 0));
    AVERAGE("semaphore_down_past_deadline", LOOPS, nova_sm_down(sm, 0, 1));
    AVERAGE("yield", LOOPS, nova_ec_yield());

    root_utcb->items = 0;
    handler->utcb->items = 0;
    expect("call", nova_call(portal, 0));
    AVERAGE("call_reply_0_words", LOOPS, nova_call(portal, 0));
    AVERAGE("call_reply_32_words", LOOPS, root_utcb->items = nova_items(WORDS, 0); nova_call(portal, 0));
    bench_call_between_pds();

    ping = semaphore_create();
    pong = semaphore_create();
    thread = nova_thread_prepare(NULL, boot_cpu);
    expect("thread", nova_thread_start(thread, 0, 2, 10000, answer, NULL));
    AVERAGE("ping_pong_threads", LOOPS / 2, nova_sm_up(ping); nova_sm_down(pong, 0, 0));
}
