/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * First come, first served queues of those who wait. The lock of the queue covers the queue and the membership of its waiters.
 */
#ifndef CORE_WAIT_QUEUE_H
#define CORE_WAIT_QUEUE_H

#include "core/lib/list.h"
#include "core/lib/spinlock.h"

struct wait_queue {
    struct list list;
    struct spinlock lock;
};

struct waiter {
    struct list link;
    struct wait_queue *queue; /* 0 = in none; set and cleared under the lock of the queue */
};

static inline void wait_queue_init(struct wait_queue *queue) { list_init(&queue->list); }

/* Under the lock. */
static inline void wait_queue_add(struct wait_queue *queue, struct waiter *waiter)
{
    waiter->queue = queue;
    list_append(&queue->list, &waiter->link);
}

/* Under the lock; 0 = nobody waits. */
static inline struct waiter *wait_queue_take(struct wait_queue *queue)
{
    if (list_empty(&queue->list))
        return 0;
    struct waiter *waiter = CONTAINER(queue->list.next, struct waiter, link);
    list_remove(&waiter->link);
    waiter->queue = 0;
    return waiter;
}

/* Takes a waiter out of whatever queue it is in; false = it was in none (any more): whoever took it out decides what becomes of it. */
static inline bool wait_queue_leave(struct waiter *waiter)
{
    struct wait_queue *queue = __atomic_load_n(&waiter->queue, __ATOMIC_ACQUIRE);
    if (!queue)
        return false;
    spin_lock(&queue->lock);
    bool inside = waiter->queue == queue;
    if (inside) {
        list_remove(&waiter->link);
        waiter->queue = 0;
    }
    spin_unlock(&queue->lock);
    return inside;
}

#endif
