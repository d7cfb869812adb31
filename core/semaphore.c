/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How the wait of an EC ends is written into its frame by whoever took it out of the queue; its own CPU then lets it run.
 */
#include "core/semaphore.h"

#include "core/lib/assert.h"
#include "core/schedule.h"

struct semaphore *kernel_suspend_semaphore, *kernel_register_semaphore;

/* Waiters of a dying semaphore that are woken in one go. */
enum { WAKE_STEPS = 32 };

static struct ec *ec_of(struct waiter *waiter) { return CONTAINER(waiter, struct ec, waiter); }

/* Ends a wait; the waiter is out of the queue. */
static void wait_end(struct cpu *cpu, struct ec *ec, enum nova_status status, const struct down *down)
{
    if (ec->blocked == WAIT_DOWN || ec->blocked == WAIT_DOWN_UNTIL) {
        ec->frame.arg[0] = status;
        if (down && down->signalled) {
            ec->frame.arg[1] = down->value;
            ec->frame.arg[2] = down->count;
        }
    } else if (ec->blocked == WAIT_CALL && status != NOVA_SUCCESS) {
        ec->todo = TODO_NONE;
        ec->frame.arg[0] = status;
    }
    ec_wake(cpu, ec);
}

static void semaphore_expire(struct cpu *cpu, struct timeout *timeout)
{
    struct ec *ec = CONTAINER(timeout, struct ec, timeout);
    if (wait_queue_leave(&ec->waiter))
        wait_end(cpu, ec, NOVA_COM_TIM, 0);
}

/* Takes one pending signal off a semaphore. Under its lock. */
static void signal_take(struct semaphore *semaphore, struct down *down)
{
    struct signal *signal = CONTAINER(semaphore->queue.list.next, struct signal, pending);
    wait_queue_remove(&semaphore->queue, &signal->pending);
    down->signalled = true;
    down->value = signal->value;
    down->count = signal->ups;
    signal->ups = 0;
}

/* Takes from the counter if it is not zero. Under the lock. While the counter is above zero nobody waits: the queue then holds signals. */
static bool counter_take(struct semaphore *semaphore, struct down *down)
{
    if (!semaphore->counter)
        return false;
    if (!list_empty(&semaphore->queue.list)) {
        semaphore->counter--;
        signal_take(semaphore, down);
    } else
        semaphore->counter = down->to_zero ? 0 : semaphore->counter - 1;
    return true;
}

/* Blocks an EC in the queue. Under the lock. Who kills it marks it dead first and looks at the queue then; we do it the other way round. */
static void enqueue(struct cpu *cpu, struct semaphore *semaphore, struct ec *ec, enum ec_wait why)
{
    ec_block(cpu, ec, why);
    wait_queue_add(&semaphore->queue, &ec->waiter);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (__atomic_load_n(&ec->dead, __ATOMIC_RELAXED)) {
        wait_queue_remove(&semaphore->queue, &ec->waiter.link);
        POKE(ec->waiter.queue, 0);
    }
}

bool semaphore_down(struct cpu *cpu, struct semaphore *semaphore, struct ec *ec, struct down *down)
{
    spin_lock(&semaphore->queue.lock);
    bool done = counter_take(semaphore, down);
    if (!done && down->deadline && down->deadline <= time_now())
        done = down->timed_out = true;
    bool dead = GLANCE(semaphore->queue.dead);
    if (!done && !dead)
        enqueue(cpu, semaphore, ec, down->deadline ? WAIT_DOWN_UNTIL : WAIT_DOWN);
    spin_unlock(&semaphore->queue.lock);
    if (done)
        return true;
    if (dead) {
        ec->frame.arg[0] = NOVA_BAD_CAP;
        return false;
    }
    if (down->deadline) {
        ec->timeout.fire = semaphore_expire;
        timeout_arm(cpu, &ec->timeout, down->deadline);
    }
    return false;
}

enum semaphore_wait semaphore_wait(struct cpu *cpu, struct semaphore *semaphore, struct ec *ec, enum ec_wait why)
{
    struct down down = {.to_zero = false};
    spin_lock(&semaphore->queue.lock);
    bool done = counter_take(semaphore, &down), dead = GLANCE(semaphore->queue.dead);
    if (!done && !dead)
        enqueue(cpu, semaphore, ec, why);
    spin_unlock(&semaphore->queue.lock);
    return done ? SEMAPHORE_TAKEN : dead ? SEMAPHORE_DEAD : SEMAPHORE_QUEUED;
}

/* Locks the semaphore that an up raises: an interrupt semaphore's target may change until we have the lock. */
static struct semaphore *target_lock(struct semaphore *semaphore, struct signal *signal)
{
    for (;;) {
        struct semaphore *chained = signal ? __atomic_load_n(&signal->target, __ATOMIC_ACQUIRE) : 0;
        struct semaphore *target = chained ? chained : semaphore;
        spin_lock(&target->queue.lock);
        if (!signal || __atomic_load_n(&signal->target, __ATOMIC_RELAXED) == chained)
            return target;
        spin_unlock(&target->queue.lock);
    }
}

void semaphore_up(struct cpu *cpu, struct semaphore *semaphore)
{
    struct signal *signal = GLANCE(semaphore->queue.kind) == SEMAPHORE_PLAIN ? 0 : signal_of(semaphore);
    struct semaphore *target = target_lock(semaphore, signal);
    struct down down = {.to_zero = false};
    struct waiter *waiter = 0;
    if (!GLANCE(target->queue.dead) && !GLANCE(semaphore->queue.dead)) {
        if (target != semaphore)
            signal->ups++;
        if (target->counter == 0 && (waiter = wait_queue_take(&target->queue))) {
            if (target != semaphore) {
                down = (struct down){.signalled = true, .value = signal->value, .count = signal->ups};
                signal->ups = 0;
            }
        } else if (target == semaphore)
            target->counter += target->counter != ~(word)0;
        else if (list_empty(&signal->pending) && target->counter != ~(word)0) {
            target->counter++;
            wait_queue_append(&target->queue, &signal->pending);
        }
    }
    spin_unlock(&target->queue.lock);
    if (waiter)
        wait_end(cpu, ec_of(waiter), NOVA_SUCCESS, &down);
}

static void semaphore_init(struct semaphore *semaphore, struct pd *payer, word counter, enum semaphore_kind kind)
{
    semaphore->counter = counter;
    object_init(&semaphore->object, &semaphore_type, payer);
    wait_queue_init(&semaphore->queue);
    semaphore->queue.kind = (uint8_t)kind;
}

void semaphore_init_gsi(struct signal *signal, unsigned gsi, struct pd *payer)
{
    semaphore_init(&signal->semaphore, payer, 0, SEMAPHORE_GSI);
    object_name(&signal->semaphore.object); /* the kernel's own: never goes */
    list_init(&signal->pending);
    signal->gsi = gsi;
    signal->value = gsi;
}

enum nova_status semaphore_create(struct pd *payer, word count, struct semaphore *target, struct semaphore **result)
{
    unsigned class = target ? slab_class(sizeof(struct signal)) : slab_class(sizeof(struct semaphore));
    if (!pd_pay(payer))
        return NOVA_BAD_CAP;
    struct semaphore *semaphore = slab_take(&payer->account, class, false);
    if (semaphore && (!target || object_ref(&target->object))) {
        semaphore_init(semaphore, payer, target ? 0 : count, target ? SEMAPHORE_SIGNAL : SEMAPHORE_PLAIN);
        if (target) {
            struct signal *signal = signal_of(semaphore);
            signal->ups = 0;
            signal->gsi = 0;
            list_init(&signal->pending);
            signal->target = target;
            signal->value = count;
        }
        *result = semaphore;
        return NOVA_SUCCESS;
    }
    if (semaphore)
        slab_give(&payer->account, class, semaphore);
    /* The caller holds the PD by a capability: this is never the last reference. */
    __atomic_fetch_sub(&payer->object.refs, 1, __ATOMIC_RELEASE);
    return semaphore ? NOVA_BAD_CAP : NOVA_QUO_OOM;
}

static void signal_unname(struct signal *signal)
{
    spin_lock(&signal->target->queue.lock);
    POKE(signal->semaphore.queue.dead, true);
    if (!list_empty(&signal->pending)) {
        wait_queue_remove(&signal->target->queue, &signal->pending);
        signal->target->counter--;
    }
    spin_unlock(&signal->target->queue.lock);
}

static enum settle semaphore_unnamed(struct cpu *cpu, struct object *object)
{
    struct semaphore *semaphore = CONTAINER(object, struct semaphore, object);
    if (GLANCE(semaphore->queue.kind) == SEMAPHORE_SIGNAL) {
        signal_unname(signal_of(semaphore));
        return SETTLE_DONE;
    }
    for (unsigned steps = 0; steps < WAKE_STEPS; steps++) {
        spin_lock(&semaphore->queue.lock);
        POKE(semaphore->queue.dead, true);
        struct waiter *waiter = semaphore->counter ? 0 : wait_queue_take(&semaphore->queue);
        spin_unlock(&semaphore->queue.lock);
        if (!waiter)
            return SETTLE_DONE;
        wait_end(cpu, ec_of(waiter), NOVA_BAD_CAP, 0);
    }
    return SETTLE_AGAIN;
}

static void semaphore_free(struct cpu *cpu, struct reclaim_item *item)
{
    struct semaphore *semaphore = CONTAINER(item, struct semaphore, object.item);
    struct pd *payer = semaphore->object.payer;
    if (GLANCE(semaphore->queue.kind) == SEMAPHORE_SIGNAL) {
        object_unref(cpu, &signal_of(semaphore)->target->object);
        slab_free(&payer->account, signal_of(semaphore), sizeof(struct signal));
    } else
        slab_free(&payer->account, semaphore, sizeof *semaphore);
    object_unref(cpu, &payer->object);
}

const struct object_type semaphore_type = {{semaphore_free}, NOVA_SM, 1, semaphore_unnamed};
