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
    union {
        struct {
            struct spinlock lock;
            bool filled;  /* the list is not empty */
            bool dead;    /* what it belongs to is going: nobody may wait any more */
            uint8_t kind; /* the owner's; 0 = nothing special */
        };
        uint32_t state; /* all that at once */
    };
};

struct waiter {
    struct list link;
    struct wait_queue *queue; /* 0 = in none; set and cleared under the lock of the queue */
};

static inline void wait_queue_init(struct wait_queue *queue)
{
    list_init(&queue->list);
    queue->state = 0;
}

/* Takes the lock if it is free. What state says then, if all is plain: nobody is in the queue, or somebody. */
static inline bool wait_queue_try(struct wait_queue *queue)
{
    static const struct wait_queue locked = {.lock = {1}};
    return !(__atomic_fetch_or(&queue->state, locked.state, __ATOMIC_ACQUIRE) & locked.state);
}

static inline bool wait_queue_plain_empty(const struct wait_queue *queue)
{
    static const struct wait_queue locked = {.lock = {1}};
    return GLANCE(queue->state) == locked.state;
}

static inline bool wait_queue_plain_filled(const struct wait_queue *queue)
{
    static const struct wait_queue locked = {.lock = {1}, .filled = true};
    return GLANCE(queue->state) == locked.state;
}

/* Members of the list come and go by these two. Under the lock. */
static inline void wait_queue_append(struct wait_queue *queue, struct list *link)
{
    list_append(&queue->list, link);
    POKE(queue->filled, true);
}

static inline void wait_queue_remove(struct wait_queue *queue, struct list *link)
{
    list_remove(link);
    POKE(queue->filled, !list_empty(&queue->list));
}

/* Under the lock. */
static inline void wait_queue_add(struct wait_queue *queue, struct waiter *waiter)
{
    POKE(waiter->queue, queue);
    wait_queue_append(queue, &waiter->link);
}

/* Under the lock; 0 = nobody waits. */
static inline struct waiter *wait_queue_take(struct wait_queue *queue)
{
    if (list_empty(&queue->list))
        return 0;
    struct waiter *waiter = CONTAINER(queue->list.next, struct waiter, link);
    wait_queue_remove(queue, &waiter->link);
    POKE(waiter->queue, 0);
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
        wait_queue_remove(queue, &waiter->link);
        POKE(waiter->queue, 0);
    }
    spin_unlock(&queue->lock);
    return inside;
}

#endif
