/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The service: a second protection domain that runs this program's code on memory of its own choice: text and constants read
 * only, one stack per CPU, nothing else. It has a portal handler on every CPU, so that callers never leave theirs.
 * Its kernel memory starts small and grows: whoever gets QUO_OOM on its behalf moves quota there and tries again.
 */
#include "demo.h"

enum { QUOTA_STEP = 32 };

static nova_word service_pd;

NOVA_PORTAL(service_portal);

/* Adds up the words of the message. The calls are counted in the handler's own nova_thread: the service has no other data. */
static void service_portal_handler(nova_word id, struct nova_utcb *utcb)
{
    struct nova_thread *self = nova_self();
    unsigned count = nova_untyped(utcb->items);
    nova_word sum = id;

    for (unsigned i = 0; i < count; i++)
        sum += utcb->mr[i];
    utcb->mr[REPLY_COUNT] = count;
    utcb->mr[REPLY_SUM] = sum;
    utcb->mr[REPLY_NUMBER] = ++self->user[0];
    utcb->mr[REPLY_CPU] = self->cpu;
    utcb->items = nova_items(REPLY_WORDS, 0);
}

/* Whether a hypercall that ended with `status` can be tried again: the service was out of memory, and now has more. */
static int service_feed(enum nova_status status)
{
    return status == NOVA_QUO_OOM && !nova_pd_quota_move(nova_pd, service_pd, QUOTA_STEP);
}

static enum nova_status share(enum nova_crd_type type, nova_word first, nova_word count, unsigned perm)
{
    enum nova_status status;

    do
        status = nova_delegate_range(nova_pd, service_pd, type, first, first, count, perm, 0);
    while (service_feed(status));
    return status;
}

static enum nova_status share_memory(const void *start, const void *end, unsigned perm)
{
    nova_word first = (nova_word)start >> NOVA_PAGE_BITS;
    return share(NOVA_CRD_MEM, first, ((nova_word)end >> NOVA_PAGE_BITS) - first, perm);
}

static enum nova_status worker_service_create(struct worker *worker, void *stack)
{
    enum nova_status status;

    worker->service = nova_thread_prepare(stack, worker->cpu);
    /* exceptions of the service go to root's handler on the same CPU */
    status = share(NOVA_CRD_OBJ, worker->event_base, NOVA_EVENTS_THREAD, NOVA_PERM_ALL);
    if (status)
        return status;
    do
        status = nova_handler_create(worker->service, service_pd, worker->event_base);
    while (service_feed(status));
    if (status)
        return status;
    worker->portal = nova_selectors(1, 1);
    do
        status = nova_create_pt(worker->portal, service_pd, worker->service->ec, 0, (nova_word)service_portal);
    while (service_feed(status));
    return status ? status : nova_pt_ctrl(worker->portal, worker->cpu);
}

int service_create(struct worker *workers, unsigned count)
{
    char *stacks = nova_allocate(NOVA_STACK_SIZE * (nova_word)count, NOVA_STACK_SIZE);
    enum nova_status status;

    if (!stacks) {
        nova_printf("NOVA-C demo: FAILED no memory for %u service stacks\n", count);
        return 0;
    }
    service_pd = nova_selectors(1, 1);
    status = nova_create_pd(service_pd, nova_pd, 0, nova_quota(0, QUOTA_STEP));
    if (!status)
        status = share_memory(nova_image_start, nova_text_end, NOVA_MEM_RX);
    if (!status)
        status = share_memory(nova_text_end, nova_rodata_end, NOVA_MEM_R);
    if (!status)
        status = share_memory(stacks, stacks + NOVA_STACK_SIZE * (nova_word)count, NOVA_MEM_RW);
    if (status) {
        nova_printf("NOVA-C demo: FAILED creating the service's protection domain, status %u\n", status);
        return 0;
    }
    for (unsigned i = 0; i < count; i++) {
        status = worker_service_create(&workers[i], stacks + NOVA_STACK_SIZE * (nova_word)i);
        if (status) {
            nova_printf("NOVA-C demo: FAILED creating the service on CPU %u, status %u\n", workers[i].cpu, status);
            return 0;
        }
    }
    return 1;
}
