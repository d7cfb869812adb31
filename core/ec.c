/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Making, blocking, waking and stopping of ECs. A dead EC's UTCB disappears from its PD at once (abi.md section 6, create_ec); everything else is undone on its
 * own CPU, and the memory after a grace period.
 */
#include "core/ec.h"

#include "core/lib/assert.h"
#include "core/schedule.h"
#include "hal/physical.h"

/* Sleepers that are woken at once; more of them wait until the kernel is left, where interrupts get in between. */
enum { STIR_STEPS = 4 };

/* What freeing the memory of one costs beside, roughly. */
enum { FREE_WORK = 300 };

static void fpu_free(struct account *account, void *area)
{
    if (fpu_size() > SLAB_MAX)
        account_page_free(account, area, 1);
    else
        slab_free(account, area, fpu_size());
}

static void *fpu_alloc(struct account *account)
{
    void *area = fpu_size() > SLAB_MAX ? account_page_alloc(account, 1) : slab_alloc(account, fpu_size());
    if (area)
        fpu_init(area);
    return area;
}

static void ec_memory_free(struct ec *ec)
{
    struct account *account = &ec->object.payer->account;
    if (ec->frame.fpu)
        fpu_free(account, ec->frame.fpu);
    if (ec->utcb)
        account_page_free(account, ec->utcb, 0);
    if (ec->area)
        account_page_free(account, ec->area, virtualization->area_order);
    slab_free(account, ec, sizeof *ec);
}

static void ec_free(struct cpu *cpu, struct reclaim_item *item)
{
    struct ec *ec = CONTAINER(item, struct ec, object.item);
    struct pd *payer = ec->object.payer, *pd = ec->pd;
    cpu_work(cpu, FREE_WORK);
    /* While it ran, it may have been told a little more than it was charged for in the end: switch_to takes off what was idle time. */
    cpu_time_gone(ec->cpu, &ec->cpu->gone_ec_time, ec->time > ec->time_read ? ec->time - ec->time_read : 0);
    ec_memory_free(ec);
    object_unref(cpu, &pd->object);
    object_unref(cpu, &payer->object);
}

const struct virtualization_ops *virtualization;

static enum settle ec_unnamed(struct cpu *cpu, struct object *object)
{
    ec_stop(cpu, CONTAINER(object, struct ec, object));
    return SETTLE_DONE;
}

const struct object_type ec_type = {{ec_free}, NOVA_EC, SETTLE_BUDGET / 4, ec_unnamed},
                         ec_moved_type = {{ec_free}, NOVA_EC, SETTLE_BUDGET / 4, ec_unnamed};

static void ec_init(struct ec *ec, const struct ec_arguments *arguments)
{
    object_init(&ec->object, &ec_type, arguments->payer);
    ec->object.refs = 2;
    ec->kind = (uint8_t)arguments->kind;
    ec->pd = arguments->pd;
    ec->cpu = arguments->cpu;
    ec->event_base = arguments->event_base;
    list_init(&ec->sleepers);
    list_init(&ec->visitors);
    list_init(&ec->swept);
    list_init(&ec->waiter.link);
    list_init(&ec->sibling);
    inbox_item_init(&ec->inbox, &ec->object, arguments->arrive);
    frame_init(&ec->frame, 0, arguments->sp);
}

/* What the EC has beside its registers: the UTCB becomes visible, so everything else is there already. */
static enum nova_status ec_equip(struct ec *ec)
{
    if (ec->kind != EC_VCPU)
        return space_give_memory(&ec->pd->spaces, ec->utcb_page, 1, (word)(virt_to_phys(ec->utcb) >> PAGE_BITS), NOVA_MEM_RW,
                                 MAPPING_FIXED);
    virtualization->start(&ec->frame, ec->area, &ec->pd->mmu);
    return NOVA_SUCCESS;
}

enum nova_status ec_create(const struct ec_arguments *arguments, struct ec **result)
{
    struct account *account = &arguments->payer->account;
    struct ec *ec = slab_alloc(account, sizeof *ec);
    if (!ec)
        return NOVA_QUO_OOM;
    ec_init(ec, arguments);
    ec->utcb_page = arguments->utcb_page;
    enum nova_status status = NOVA_QUO_OOM;
    ec->frame.fpu = fpu_alloc(account);
    if (ec->kind == EC_VCPU)
        ec->area = account_page_alloc(account, virtualization->area_order);
    else
        ec->utcb = account_page_alloc(account, 0);
    if (ec->frame.fpu && (ec->utcb || ec->area)) {
        /* All references before the UTCB can be seen. */
        if (!object_ref(&arguments->payer->object))
            status = NOVA_BAD_CAP;
        else if (!object_ref(&arguments->pd->object)) {
            __atomic_fetch_sub(&arguments->payer->object.refs, 1, __ATOMIC_RELEASE);
            status = NOVA_BAD_CAP;
        } else {
            status = ec_equip(ec);
            if (status != NOVA_SUCCESS) {
                __atomic_fetch_sub(&arguments->payer->object.refs, 1, __ATOMIC_RELEASE);
                __atomic_fetch_sub(&arguments->pd->object.refs, 1, __ATOMIC_RELEASE);
            }
        }
    }
    if (status != NOVA_SUCCESS) {
        ec_memory_free(ec);
        return status;
    }
    spin_lock(&ec->pd->ecs_lock);
    list_append(&ec->pd->ecs, &ec->sibling);
    bool dying = ec->pd->dying;
    spin_unlock(&ec->pd->ecs_lock);
    if (dying)
        ec_stop(arguments->self, ec);
    *result = ec;
    return NOVA_SUCCESS;
}

struct ec *ec_reserve(const struct ec *ec, struct cpu *cpu, inbox_handler arrive)
{
    struct ec_arguments arguments = {0, ec->object.payer, ec->pd, cpu, EC_GLOBAL, ec->utcb_page, 0, ec->event_base, arrive};
    struct ec *reserved = slab_alloc(&ec->object.payer->account, sizeof *reserved);
    if (!reserved)
        return 0;
    ec_init(reserved, &arguments);
    reserved->utcb_page = ec->utcb_page;
    return reserved;
}

void ec_reserved_free(struct ec *reserved) { slab_free(&reserved->object.payer->account, reserved, sizeof *reserved); }

bool ec_succeed(struct cpu *cpu, struct ec *ec, struct ec *next)
{
    struct pd *pd = ec->pd;
    object_ref(&ec->object.payer->object); /* ec has references on both itself */
    object_ref(&pd->object);
    spin_lock(&pd->ecs_lock);
    /* Who stops an EC marks it first, and then takes its UTCB under this lock. */
    bool alive = !__atomic_load_n(&ec->dead, __ATOMIC_ACQUIRE) && !pd->dying;
    if (alive) {
        frame_move(&ec->frame, &next->frame);
        next->utcb = ec->utcb;
        ec->utcb = 0;
        list_append(&pd->ecs, &next->sibling);
    }
    spin_unlock(&pd->ecs_lock);
    if (!alive) {
        object_unref(cpu, &pd->object);
        object_unref(cpu, &ec->object.payer->object);
        return false;
    }
    /* A recall of another CPU that comes now sees the successor, or is seen here. */
    __atomic_store_n(&ec->successor, next, __ATOMIC_SEQ_CST);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (__atomic_load_n(&ec->recall, __ATOMIC_RELAXED))
        __atomic_store_n(&next->recall, true, __ATOMIC_RELAXED);
    return true;
}

struct ec *ec_create_idle(struct cpu *cpu, struct pd *pd, inbox_handler arrive)
{
    struct ec_arguments arguments = {cpu, pd, pd, cpu, EC_IDLE, 0, 0, 0, arrive};
    struct ec *ec = slab_alloc(&pd->account, sizeof *ec);
    if (!ec)
        return 0;
    ec_init(ec, &arguments);
    ec->frame.resume = RESUME_IDLE;
    return ec;
}

void ec_stop(struct cpu *cpu, struct ec *ec)
{
    if (__atomic_test_and_set(&ec->dead, __ATOMIC_ACQ_REL))
        return;
    spin_lock(&ec->pd->ecs_lock);
    list_remove(&ec->sibling);
    bool utcb = ec->utcb; /* the thread may have moved on with it: ec_succeed */
    spin_unlock(&ec->pd->ecs_lock);
    wait_queue_leave(&ec->waiter);
    if (utcb)
        space_take_memory(cpu, &ec->pd->spaces, ec->utcb_page, 1);
    inbox_post(cpu, ec->cpu, &ec->inbox);
}

void ec_unblock(struct cpu *cpu, struct ec *ec)
{
    ec->blocked = WAIT_NOTHING;
    timeout_cancel(cpu, &ec->timeout);
    ec_stir(cpu, ec);
}

void ec_stir(struct cpu *cpu, struct ec *ec)
{
    for (unsigned steps = 0; !list_empty(&ec->sleepers); steps++) {
        if (steps == STIR_STEPS) {
            list_splice(&cpu->stirred, &ec->sleepers);
            cpu->pending |= PENDING_STIRRED;
            return;
        }
        schedule_wake(cpu, &ec->sleepers);
    }
}

void ec_wake(struct cpu *cpu, struct ec *ec)
{
    if (ec->cpu == cpu) {
        ec_unblock(cpu, ec);
        return;
    }
    ec->woken = true;
    inbox_post(cpu, ec->cpu, &ec->inbox);
}

/* Members of a chain between two looks at the clock; what one costs. */
enum { CHAIN_STEPS = 256, CHAIN_WORK = 5 };

struct ec *ec_chain_walk(struct cpu *cpu, struct ec *from, enum chain_walk purpose)
{
    struct ec *at = cpu->walking && cpu->walk[purpose].from == from ? cpu->walk[purpose].at : from;
    for (unsigned steps = 1; at->callee; at = at->callee, steps++) {
        if (steps % CHAIN_STEPS || cpu_work(cpu, CHAIN_STEPS * CHAIN_WORK))
            continue;
        for (unsigned i = 0; i < CHAIN_WALKS && !cpu->walking; i++)
            cpu->walk[i].from = 0;
        cpu->walking = true;
        cpu->walk[purpose].from = from;
        cpu->walk[purpose].at = at;
        cpu->pending |= PENDING_WINDOW;
        return 0;
    }
    return at;
}
