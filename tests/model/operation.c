/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A step is done by the kernel first, then by the model, which also says which status may come. Where an account ran short in the middle of a misc delegate, the model
 * takes over what the kernel did of it (abi.md section 9: what was delegated may stay), but nothing else than the whole would have done. Of a call or a reply
 * whose receiver's account ran short nothing may remain.
 */
#include "operation.h"

#include <stdio.h>
#include <string.h>

struct actor actors[WORKERS + 1];
unsigned long counts[NOVA_HYPERCALLS][NOVA_QUO_OOM + 1];
unsigned long translations, delegations, respawns, messages_failed;
bool memory_short;
word pages_held;

word do_hypercall(unsigned cpu, const word *arg)
{
    word status = hypercall(cpu, arg[0], arg[1], arg[2], arg[3], arg[4]);
    if (status <= NOVA_QUO_OOM)
        counts[arg[0] & 15][status]++;
    else if (status != BLOCKED)
        disagree("hypercall %lu returns status %#lx", arg[0] & 15, status);
    return status;
}

/* The status is one of those that the model found reason for; 'payer' has so little left that memory may have been short. */
bool status_fits(word status, unsigned reasons, struct pages payer)
{
    if (status == NOVA_QUO_OOM) {
        if (!memory_short && payer.limit > payer.used && payer.limit - payer.used > OOM_ROOM)
            disagree("QUO_OOM although %lu of %lu pages are used", payer.used, payer.limit);
        return false;
    }
    if (status == NOVA_SUCCESS ? reasons != 0 : status > NOVA_QUO_OOM || !(reasons & BIT(status)))
        disagree("status %lu, the model: %s%#x", status, reasons ? "one of the bits " : "success ", reasons);
    return status == NOVA_SUCCESS;
}

const struct pages plenty = {0, ~(word)0};

struct unit *named(const struct domain *pd, word selector, unsigned kind, unsigned permissions)
{
    struct unit *unit = unit_find(pd, NOVA_CRD_OBJ, selector);
    if (!unit || (unit->rights & permissions) != permissions)
        return 0;
    if (unit->thing->kind != kind && !(kind == KIND_SM && unit->thing->kind > KIND_SM))
        return 0;
    return unit;
}

struct nova_utcb *utcb_of(const struct thing *ec)
{
    struct unit *unit = unit_find(ec->pd, NOVA_CRD_MEM, ec->utcb);
    if (!unit || unit->utcb_of != ec)
        disagree("model: a living EC without UTCB");
    return machine_memory((paddr_t)unit->frame << PAGE_BITS);
}

/* ---- capabilities ---- */

/* Random steps must not take away what the test needs. */
static bool touches_kept(const struct domain *pd, word crd)
{
    word first, last;
    return pd->root && nova_crd_type(crd) == NOVA_CRD_OBJ && crd_units(crd, &first, &last) &&
           ((first < KEEP + (1 << KEEP_ORDER) && last >= KEEP) ||
            (first < SELECTOR_ROOT + NOVA_ROOT_CAPS && last >= SELECTOR_ROOT));
}

/*
 * With keep, PDs that hold names of each other can lose the last name that anybody else has: then nothing can end them. The interface is so; here it would
 * only make every account hard to check.
 */
static bool loses_domains(const struct domain *pd, word crd, bool keep)
{
    word first, last;
    if (!keep || nova_crd_type(crd) != NOVA_CRD_OBJ || !crd_units(crd, &first, &last))
        return false;
    for (struct unit *unit = unit_above(pd, NOVA_CRD_OBJ, first); unit && unit->place <= last;
         unit = unit_above(pd, NOVA_CRD_OBJ, unit->place + 1))
        if (unit->thing->kind == KIND_PD && !unit->parent && unit->child)
            return true;
    return false;
}

void do_revoke(const struct operation *o, struct domain *me, bool forced)
{
    unsigned flags = o->arg[0] >> 4 & 15;
    struct unit *semaphore = o->arg[0] >> 8 ? named(me, o->arg[0] >> 8, KIND_SM, NOVA_SM_UP_PERM) : 0;
    struct unit *remote = named(me, o->arg[2], KIND_PD, 0);
    struct domain *pd = !(flags & NOVA_REVOKE_REMOTE) ? me : remote ? remote->thing->pd : 0;
    bool self = flags & NOVA_REVOKE_SELF, keep = flags & NOVA_REVOKE_KEEP;
    unsigned reasons = !pd || (o->arg[0] >> 8 && !semaphore) ? BIT(NOVA_BAD_CAP) : 0;
    if (!forced && pd && (((self || keep) && touches_kept(pd, o->arg[1])) || loses_domains(pd, o->arg[1], keep)))
        return;
    struct pages pages = semaphore ? kernel_pages(me) : plenty;
    if (!status_fits(do_hypercall(o->actor, o->arg), reasons, pages))
        return;
    operation_revoked(o);
}

/* The model's part of a revoke that the kernel has done. */
void operation_revoked(const struct operation *o)
{
    unsigned flags = o->arg[0] >> 4 & 15;
    struct domain *me = actors[o->actor].pd;
    struct unit *semaphore = named(me, o->arg[0] >> 8, KIND_SM, NOVA_SM_UP_PERM);
    if (o->arg[0] >> 8 && semaphore->thing->kind == KIND_SM)
        semaphore->thing->count++;
    struct domain *pd = flags & NOVA_REVOKE_REMOTE ? named(me, o->arg[2], KIND_PD, 0)->thing->pd : me;
    model_revoke(pd, o->arg[1], flags & NOVA_REVOKE_SELF, flags & NOVA_REVOKE_KEEP);
}

static void do_lookup(const struct operation *o, struct domain *me)
{
    status_fits(do_hypercall(o->actor, o->arg), 0, plenty);
    word result = cpu_frame(o->actor)->arg[1];
    if (!model_looks_up(me, o->arg[1], result))
        disagree("lookup of %#lx gives %#lx", o->arg[1], result);
}

static void do_pd_ctrl(const struct operation *o, struct domain *me)
{
    struct unit *from = named(me, o->arg[0] >> 8, KIND_PD, 0), *to = named(me, o->arg[1], KIND_PD, 0);
    bool read = o->arg[0] >> 4 & NOVA_PD_QUOTA_READ;
    struct pages pages = pages_of(from);
    word room = room_of(pages), number = o->arg[2];
    unsigned reasons = !from || (!to && !read) ? BIT(NOVA_BAD_CAP) : 0;
    if (from && !read && (number > room || number > pages.limit - from->thing->pd->lower))
        reasons |= BIT(NOVA_BAD_PAR);
    if (!status_fits(do_hypercall(o->actor, o->arg), reasons, plenty))
        return;
    struct frame *frame = cpu_frame(o->actor);
    if (read && (frame->arg[1] != from->thing->pd->limit || frame->arg[2] != pages.used))
        disagree("pd_ctrl reads limit %lu, used %lu; model: %lu, %lu", frame->arg[1], frame->arg[2], from->thing->pd->limit,
                 pages.used);
    if (!read) {
        from->thing->pd->limit -= number;
        to->thing->pd->limit += number;
    }
}

static void do_pt_ctrl(const struct operation *o, struct domain *me)
{
    struct unit *portal = named(me, o->arg[0] >> 8, KIND_PT, NOVA_PT_CTRL_PERM);
    if (status_fits(do_hypercall(o->actor, o->arg), portal ? 0 : BIT(NOVA_BAD_CAP), plenty))
        portal->thing->id = o->arg[1];
}

/* ---- typed items ---- */

static bool kernel_has(const struct unit *probe) { return kernel_holds(probe->pd, probe->type, probe->place) != 0; }

struct message {
    struct domain *from, *to;
    unsigned items;
    const struct nova_item *item;
    word xlt, del;
    struct nova_utcb *results; /* 0 = nobody gets any */
    bool short_of_memory;
};

static void model_items(const struct message *message)
{
    for (unsigned i = 0; i < message->items; i++) {
        word crd = message->item[i].crd, control = message->item[i].control, wanted = 0;
        struct nova_item *out = message->results ? nova_item(message->results, i) : 0;
        word result = out && !message->short_of_memory ? out->crd : 0;
        unsigned kind = control & NOVA_ITEM_KIND;
        bool found = false, take_over = message->short_of_memory;
        if (kind == NOVA_ITEM_TRANSLATE || kind == NOVA_ITEM_EITHER) {
            bool may_fail = model_translates(message->from, message->to, crd, message->xlt, 0);
            found =
                out && !message->short_of_memory ? kind == NOVA_ITEM_TRANSLATE || !(out->control & NOVA_ITEM_DELEGATE) : !may_fail;
            if (found && out && !message->short_of_memory &&
                !model_translates(message->from, message->to, crd, message->xlt, result))
                disagree("item %u: %#lx through window %#lx is translated to %#lx", i, crd, message->xlt, result);
            if (!found && !may_fail)
                disagree("item %u: %#lx through window %#lx is not translated", i, crd, message->xlt);
            /* Which of the two happened to a block larger than the window cannot be known without a result. */
            take_over |= !out && nova_crd_order(crd) > nova_crd_order(message->xlt);
            translations += found && result;
            wanted = result;
        }
        if (kind == NOVA_ITEM_DELEGATE || (kind == NOVA_ITEM_EITHER && !found)) {
            bool kernel = control & NOVA_ITEM_KERNEL && message->from->root;
            wanted = model_delegate(kernel ? 0 : message->from, message->to, crd,
                                    kernel ? control : control & ~(word)NOVA_ITEM_WRITE_COMBINE, message->del,
                                    take_over ? kernel_has : 0);
            control |= NOVA_ITEM_DELEGATE;
            delegations += wanted != 0;
        }
        if (out && !message->short_of_memory && (result != wanted || out->control != (control & 0xfff)))
            disagree("item %u: result %#lx, control %#lx; model: %#lx, %#lx", i, result, out->control, wanted, control & 0xfff);
    }
}

static void put_items(struct nova_utcb *utcb, unsigned words, const struct nova_item *item, unsigned items)
{
    utcb->items = nova_items(words, items);
    for (unsigned i = 0; i < items; i++)
        *nova_item(utcb, i) = item[i];
}

static void do_delegate(const struct operation *o, const struct actor *me)
{
    struct unit *from = named(me->pd, o->arg[0] >> 8, KIND_PD, 0), *to = named(me->pd, o->arg[2], KIND_PD, 0);
    struct pages pages = pages_of(to);
    put_items(utcb_of(me->ec), 0, o->item, o->items);
    word status = do_hypercall(o->actor, o->arg);
    if (!status_fits(status, from && to ? 0 : BIT(NOVA_BAD_CAP), pages) && status != NOVA_QUO_OOM)
        return;
    struct message message = {from->thing->pd, to->thing->pd, o->items, o->item, o->arg[1], o->arg[1], 0, status == NOVA_QUO_OOM};
    model_items(&message);
}

/* Nothing of the message remains. */
static void message_failed(const struct message *message)
{
    compare_again(message->from);
    compare_again(message->to);
    compare(false);
    messages_failed++;
}

static void do_call(const struct operation *o, const struct actor *me);

/* With the quota that there was before, if that was taken; it need not be enough. */
static void call_again(const struct operation *o, const struct actor *me)
{
    struct operation again = *o;
    again.room = again.back_room = 0;
    if (o->room || o->back_room)
        do_call(&again, me);
}

static void do_reply(const struct operation *o, const struct actor *me, struct frame *caller, struct thing *callee)
{
    struct nova_utcb *mine = utcb_of(me->ec);
    put_items(utcb_of(callee), 0, o->back_item, o->back_items);
    mine->xlt = o->back_xlt;
    mine->del = o->back_del;
    word taken = account_squeeze(me->pd, o->back_room);
    struct pages pages = kernel_pages(me->pd);
    hypercall(o->actor, NOVA_REPLY, 0, 0, 0, 0);
    if (cpu_frame(o->actor) != caller)
        disagree("the reply does not resume the caller");
    word status = caller->arg[0];
    counts[NOVA_REPLY][status <= NOVA_QUO_OOM ? status : NOVA_BAD_HYP]++;
    status_fits(status, 0, pages);
    account_loosen(me->pd, taken);
    struct message message = {callee->pd, me->pd, o->back_items, o->back_item, o->back_xlt, o->back_del, mine, false};
    if (status != NOVA_QUO_OOM) {
        model_items(&message);
        return;
    }
    message_failed(&message);
    call_again(o, me);
}

static void do_call(const struct operation *o, const struct actor *me)
{
    struct unit *unit = named(me->pd, o->arg[0] >> 8, KIND_PT, NOVA_PT_CALL_PERM);
    struct thing *portal = unit ? unit->thing : 0, *callee = portal ? portal->ec : 0;
    struct frame *caller = cpu_frame(o->actor);
    unsigned reasons = portal ? 0 : BIT(NOVA_BAD_CAP);
    if (callee && callee->cpu != o->actor) {
        if (unit->rights & NOVA_PT_CROSS_CPU_PERM)
            return; /* threads of two workers at once: not for this test */
        reasons |= BIT(NOVA_BAD_CPU);
    }
    if (callee && callee->dead)
        reasons |= BIT(NOVA_COM_TIM);
    struct nova_utcb *mine = utcb_of(me->ec), *theirs = 0;
    struct pages pages = plenty;
    word *mark = &mine->mr[0], taken = 0;
    put_items(mine, 1, o->item, o->items);
    *mark = o->arg[1];
    if (!reasons) {
        theirs = utcb_of(callee);
        theirs->xlt = o->xlt;
        theirs->del = o->del;
        theirs->mr[0] = 0;
        taken = account_squeeze(callee->pd, o->room);
        pages = kernel_pages(callee->pd);
    }
    word arg[5] = {o->arg[0]};
    word status = do_hypercall(o->actor, arg);
    if (!reasons)
        account_loosen(callee->pd, taken);
    struct message message = {me->pd, callee ? callee->pd : 0, o->items, o->item, o->xlt, o->del, theirs, false};
    if (status != BLOCKED) {
        if (status == NOVA_SUCCESS)
            disagree("a call returns although nobody replied");
        status_fits(status, reasons, pages);
        if (status == NOVA_QUO_OOM) {
            message_failed(&message);
            call_again(o, me);
        }
        return;
    }
    struct frame *handler = cpu_frame(o->actor);
    if (reasons || !handler || handler == caller || handler->ip != portal->ip || handler->arg[0] != portal->id)
        disagree("a call (model: reasons %#x against it) enters ip %#lx, portal id %#lx; model: %#lx, %#lx", reasons,
                 handler ? handler->ip : 0, handler ? handler->arg[0] : 0, portal ? portal->ip : 0, portal ? portal->id : 0);
    if (theirs->items != nova_items(1, o->items) || theirs->mr[0] != o->arg[1])
        disagree("the message did not arrive: items %#lx, word %#lx", theirs->items, theirs->mr[0]);
    model_items(&message);
    do_reply(o, me, caller, callee);
}

/* What a thread can really reach, through its CPU's TLB. */
static void do_touch(const struct operation *o, const struct actor *me)
{
    word page = o->arg[0], port = o->arg[1];
    struct unit *memory = unit_find(me->pd, NOVA_CRD_MEM, page), *io = unit_find(me->pd, NOVA_CRD_PIO, port);
    if (page < NOVA_USER_LIMIT >> PAGE_BITS) {
        uint64_t frame = 0;
        unsigned rights = tlb_lookup(o->actor, mmu_active(o->actor), MMU_HOST, page, o->rights, &frame);
        unsigned wanted = memory ? memory->rights | MMU_READ : 0;
        if (((rights ^ wanted) & o->rights) || ((rights & o->rights) && frame != memory->frame))
            disagree("CPU %u, page %#lx: access with rights %u finds %u and frame %#llx; model: %u, %#lx", o->actor, page,
                     o->rights, rights, (unsigned long long)frame, wanted, memory ? memory->frame : 0);
    }
    if (user_port(o->actor, (unsigned)port) != !!io)
        disagree("CPU %u, port %#lx: %s", o->actor, port, io ? "cannot be used" : "can be used, nobody holds it");
}

void operation_do(const struct operation *o)
{
    const struct actor *me = &actors[o->actor];
    if (!me->pd)
        return;
    switch (o->action) {
    case HYPERCALL:
        switch (o->arg[0] & 15) {
        case NOVA_CREATE_PD: do_create_pd(o, me->pd); break;
        case NOVA_CREATE_EC: do_create_ec(o, me->pd); break;
        case NOVA_CREATE_SC: do_create_sc(o, me->pd); break;
        case NOVA_CREATE_PT: do_create_pt(o, me->pd); break;
        case NOVA_CREATE_SM: do_create_sm(o, me->pd); break;
        case NOVA_REVOKE: do_revoke(o, me->pd, false); break;
        case NOVA_MISC: do_lookup(o, me->pd); break;
        case NOVA_PT_CTRL: do_pt_ctrl(o, me->pd); break;
        case NOVA_PD_CTRL: do_pd_ctrl(o, me->pd); break;
        }
        break;
    case DELEGATE: do_delegate(o, me); break;
    case CALL: do_call(o, me); break;
    case TOUCH: do_touch(o, me); break;
    case RESPAWN: worker_respawn(1 + (unsigned)o->arg[0] % WORKERS); break;
    case CLEAR: worker_clear(); break;
    }
    compare(false);
    account_check();
}

void operation_print(const struct operation *o)
{
    static const char *const actions[] = {"hypercall", "delegate", "call", "respawn", "touch", "clear"};
    printf("#   %u: %s %lu flags %lu selector %#lx: %#lx %#lx %#lx %#lx\n", o->actor, actions[o->action], o->arg[0] & 15,
           o->arg[0] >> 4 & 15, o->arg[0] >> 8, o->arg[1], o->arg[2], o->arg[3], o->arg[4]);
    for (unsigned i = 0; i < o->items; i++)
        printf("#      item crd %#lx control %#lx; windows xlt %#lx del %#lx\n", o->item[i].crd, o->item[i].control, o->xlt,
               o->del);
    for (unsigned i = 0; i < o->back_items; i++)
        printf("#      back crd %#lx control %#lx; windows xlt %#lx del %#lx\n", o->back_item[i].crd, o->back_item[i].control,
               o->back_xlt, o->back_del);
}
