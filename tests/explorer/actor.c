/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * User threads as coroutines: a program runs until its next entry into the kernel, and goes on when a CPU resumes its frame. An actor belongs to a frame; where the
 * frame's IP points says whether a hypercall came back (AFTER) or a program begins anew: a handler that is called, a thread that starts.
 */
#include "explorer.h"
#include "fiber.h"

#include <string.h>

#define PROGRAMS ((word)0x500000)
#define AFTER ((word)0x600000)
enum { PROGRAM_SIZE = 0x100 };

struct actor {
    struct frame *frame;
    struct fiber fiber;
    unsigned number, cpu; /* its program */
    bool inside;          /* in the middle of its program */
    bool dead;            /* its EC has died; the next one with this frame is another one */
    enum { REQUEST_HYPERCALL, REQUEST_PAUSE, REQUEST_EXCEPTION, REQUEST_GUEST } request;
    word arg[5], entry[5];
    unsigned vector;
    word error, address;
};

static struct {
    const char *name;
    program function;
} programs[FUNCTIONS_MAX];
static unsigned program_count;
static struct actor actors[ACTORS_MAX], *me;
static unsigned actor_count;

unsigned program_number(const char *name, program function)
{
    for (unsigned i = 0; i < program_count; i++)
        if (programs[i].function == function)
            return i;
    if (program_count == FUNCTIONS_MAX)
        fail("too many programs");
    programs[program_count].name = name;
    programs[program_count].function = function;
    return program_count++;
}

word program_address(unsigned number) { return PROGRAMS + number * PROGRAM_SIZE; }

/* Where its program goes on. */
static word *place_of(struct frame *frame) { return frame->resume == RESUME_VCPU ? &guest_state(frame)->ip : &frame->ip; }

static struct actor *actor_of(struct frame *frame)
{
    for (unsigned i = 0; i < actor_count; i++)
        if (actors[i].frame == frame)
            return &actors[i];
    if (actor_count == ACTORS_MAX)
        fail("too many actors");
    struct actor *actor = &actors[actor_count++];
    *actor = (struct actor){.frame = frame};
    return actor;
}

static struct thread *thread_of(const struct frame *frame)
{
    for (unsigned i = 0; i < thread_count; i++)
        if (threads[i].ec && &threads[i].ec->frame == frame)
            return &threads[i];
    return 0;
}

const char *actor_name(const struct frame *frame)
{
    if (frame->resume == RESUME_IDLE)
        return "idle";
    const struct thread *thread = thread_of(frame);
    if (thread)
        return thread->name;
    for (unsigned i = 0; i < actor_count; i++)
        if (actors[i].frame == frame && actors[i].inside && !actors[i].dead)
            return programs[actors[i].number].name;
    word number = (frame->ip - PROGRAMS) / PROGRAM_SIZE;
    return number < program_count ? programs[number].name : "root";
}

void actor_reset(void)
{
    actor_count = 0;
    me = 0;
}

/* ---- inside a program ---- */

unsigned my_cpu(void) { return me->cpu; }
word my_argument(unsigned number) { return me->entry[number - 1]; }
word my_result(unsigned number) { return me->frame->arg[number - 1]; }
struct thread *my_thread(void) { return thread_of(me->frame); }
struct frame *my_frame(void) { return me->frame; }

static void leave(void) { fiber_leave(&me->fiber); }

word user_hypercall(unsigned number, unsigned flags, word selector, word arg2, word arg3, word arg4, word arg5)
{
    me->request = REQUEST_HYPERCALL;
    word arg[5] = {nova_arg1(number, flags, selector), arg2, arg3, arg4, arg5};
    memcpy(me->arg, arg, sizeof arg);
    leave();
    return me->frame->arg[0];
}

void user_pause(void)
{
    me->request = REQUEST_PAUSE;
    leave();
}

static void raise_exception(unsigned vector, word error, word address)
{
    me->request = REQUEST_EXCEPTION;
    me->vector = vector;
    me->error = error;
    me->address = address;
    leave();
}

/* A thread that is dead, and about to stop, has none: it faults. */
struct nova_utcb *my_utcb(void)
{
    const struct ec *ec = CONTAINER(me->frame, struct ec, frame);
    word address = ec->utcb_page << PAGE_BITS;
    for (;;) {
        struct nova_utcb *utcb = user_try(me->cpu, address, MMU_READ | MMU_WRITE);
        if (utcb)
            return utcb;
        if (!ec->dead)
            fail("%s has no UTCB", actor_name(me->frame));
        raise_exception(HAL_PAGE_FAULT, 6, address);
    }
}

void user_exception(unsigned vector) { raise_exception(vector, 0, 0); }

bool user_access(word address, unsigned rights) { return user_try(me->cpu, address, rights) != 0; }

void user_fault(word address, unsigned rights)
{
    while (!user_access(address, rights))
        raise_exception(HAL_PAGE_FAULT, 4 | (rights & MMU_WRITE ? 2 : 0), address);
}

void guest_event(unsigned event, uint64_t address)
{
    me->request = REQUEST_GUEST;
    me->vector = event;
    me->address = address;
    leave();
}

bool guest_access(uint64_t address, unsigned rights) { return guest_try(me->cpu, address, rights) != 0; }

void guest_fault(uint64_t address, unsigned rights)
{
    while (!guest_access(address, rights))
        guest_event(NOVA_VM_NPT_FAULT, address);
}

word user_call(word portal, unsigned flags) { return user_hypercall(NOVA_CALL, flags, portal, 0, 0, 0, 0); }
word user_up(word semaphore) { return user_hypercall(NOVA_SM_CTRL, NOVA_SM_UP, semaphore, 0, 0, 0, 0); }

word user_down(word semaphore, unsigned flags, uint64_t deadline)
{
    return user_hypercall(NOVA_SM_CTRL, NOVA_SM_DOWN | flags, semaphore, (word)(deadline >> 32), deadline & 0xffffffff, 0, 0);
}

/* ---- recalls ---- */

static unsigned recalls; /* asked for */
unsigned recalled;

void recalls_begin(void) { recalls = recalled = 0; }

word recalls_end(void)
{
    recalls = recalled;
    return 0;
}

void user_recall(const struct thread *thread, bool state, unsigned good)
{
    unsigned before = recalled;
    word status = user_hypercall(NOVA_EC_CTRL, NOVA_EC_RECALL, thread->ec_selector, state, 0, 0, 0);
    if (status > NOVA_QUO_OOM || !(good >> status & 1))
        fail("recall ends with status %lu", status);
    for (unsigned tries = 0; recalled == before; tries++) {
        user_down(SLEEP, 0, machine_time() + 3000);
        if (tries == 2000)
            fail("a recall is lost");
    }
    recalls++;
}

word recalled_often(program work)
{
    while (recalls < RECALLS || recalled < recalls) {
        if (chance(4))
            work();
        user_pause();
    }
    return 0;
}

void sc_create(word selector, const struct thread *thread, word qpd)
{
    word status = user_hypercall(NOVA_CREATE_SC, 0, selector, ROOT_SELECTOR, thread->ec_selector, qpd, 0);
    /* Root may just be starting it. */
    if (status != NOVA_SUCCESS && status != NOVA_BAD_CAP)
        fail("create_sc ends with status %lu", status);
}

word user_revoke(word crd, unsigned flags, word semaphore, word pd)
{
    return user_hypercall(NOVA_REVOKE, flags, semaphore, crd, pd, 0, 0);
}

word user_destroy(word selector) { return user_revoke(nova_crd(NOVA_CRD_OBJ, selector, 0, NOVA_PERM_ALL), NOVA_REVOKE_SELF, 0, 0); }

word user_delegate(word from, word to, word crd, unsigned flags, word hotspot)
{
    struct nova_utcb *utcb = my_utcb();
    utcb->items = nova_items(0, 1);
    *nova_item(utcb, 0) = (struct nova_item){crd, nova_control(NOVA_ITEM_DELEGATE | flags, hotspot)};
    return user_hypercall(NOVA_MISC, NOVA_MISC_DELEGATE, from, nova_crd(nova_crd_type(crd), 0, 31, NOVA_PERM_ALL), to, 0, 0);
}

/* ---- from outside ---- */

static void actor_main(void *argument)
{
    struct actor *actor = argument;
    for (;;) {
        word semaphore = programs[actor->number].function();
        struct thread *thread = thread_of(actor->frame);
        if (thread)
            thread->ended = true;
        actor->inside = false;
        if (actor->frame->resume == RESUME_VCPU)
            for (;;)
                guest_event(HALT, 0);
        actor->request = REQUEST_HYPERCALL;
        memset(actor->arg, 0, sizeof actor->arg);
        actor->arg[0] = nova_arg1(NOVA_REPLY, 0, semaphore);
        leave();
    }
}

/* A program that will never go on leaves its coroutine behind. */
static void actor_enter(struct actor *actor, word number)
{
    if (number >= program_count)
        fail("IP %#lx belongs to no program", *place_of(actor->frame));
    if (actor->inside && !actor->dead)
        fail("%s is entered, but it is in the middle of %s", programs[number].name, programs[actor->number].name);
    if (actor->inside)
        actor->fiber = (struct fiber){0};
    actor->dead = false;
    actor->number = (unsigned)number;
    actor->inside = true;
    memcpy(actor->entry, actor->frame->arg, sizeof actor->entry);
}

/* The thread goes on in another EC, whose memory may have been somebody's who is forgotten. */
static void thread_move(struct thread *thread, struct ec *to)
{
    trace("%s goes on on CPU %u", thread->name, to->cpu->number);
    for (unsigned i = 0; i < actor_count; i++)
        if (actors[i].frame == &to->frame)
            actors[i].frame = 0;
    for (unsigned i = 0; i < actor_count; i++)
        if (actors[i].frame == &thread->ec->frame)
            actors[i].frame = &to->frame;
    thread->ec = to;
    thread->cpu = to->cpu->number;
}

void actor_watch(void)
{
    for (unsigned i = 0; i < thread_count; i++) {
        struct ec *ec = threads[i].ec;
        if (ec && memory_freed(ec))
            threads[i].ec = 0;
        else if (ec && ec->successor)
            thread_move(&threads[i], ec->successor);
    }
    for (unsigned i = 0; i < actor_count; i++)
        if (!actors[i].dead && actors[i].frame) {
            const struct ec *ec = CONTAINER(actors[i].frame, struct ec, frame);
            actors[i].dead = memory_freed(ec) || ec->dead;
        }
}

static void trace_request(const struct actor *actor, unsigned cpu)
{
    static const char *const names[] = {"call",      "reply",      "create_pd",  "create_ec", "create_sc", "create_pt",
                                        "create_sm", "revoke",     "misc",       "ec_ctrl",   "sc_ctrl",   "pt_ctrl",
                                        "sm_ctrl",   "assign_pci", "assign_gsi", "pd_ctrl"};
    const char *name = actor_name(actor->frame);
    if (actor->request == REQUEST_HYPERCALL)
        trace("cpu %u %s: %s flags %lu selector %#lx: %#lx %#lx %#lx %#lx", cpu, name, names[actor->arg[0] & 15],
              actor->arg[0] >> 4 & 15, actor->arg[0] >> 8, actor->arg[1], actor->arg[2], actor->arg[3], actor->arg[4]);
    else if (actor->request == REQUEST_EXCEPTION)
        trace("cpu %u %s: exception %u, address %#lx", cpu, name, actor->vector, actor->address);
    else if (actor->request == REQUEST_GUEST)
        trace("cpu %u %s: guest exits, event %u, address %#lx", cpu, name, actor->vector, actor->address);
}

void actor_step(unsigned cpu)
{
    struct frame *frame = cpu_frame(cpu);
    struct actor *actor = actor_of(frame);
    word *place = place_of(frame);
    bool back = *place == AFTER;
    if (!back)
        actor_enter(actor, (*place - PROGRAMS) / PROGRAM_SIZE);
    else if (!actor->inside)
        fail("%s goes on, but it has replied", programs[actor->number].name);
    if (back && actor->request == REQUEST_HYPERCALL)
        trace("cpu %u %s: result %lu", cpu, actor_name(frame), frame->arg[0]);
    me = actor;
    actor->cpu = cpu;
    fiber_enter(&actor->fiber, actor_main, actor);
    me = 0;
    *place = AFTER;
    if (tracing)
        trace_request(actor, cpu);
    if (actor->request == REQUEST_HYPERCALL) {
        memcpy(frame->arg, actor->arg, sizeof actor->arg);
        frame->resume = RESUME_HYPERCALL;
        cpu_begin(cpu, ENTER_HYPERCALL, 0, 0, 0);
    } else if (actor->request == REQUEST_EXCEPTION) {
        frame->resume = RESUME_FULL;
        cpu_begin(cpu, ENTER_EXCEPTION, actor->vector, actor->error, actor->address);
    } else if (actor->request == REQUEST_GUEST) {
        guest_state(frame)->qual[1] = actor->address;
        cpu_begin(cpu, ENTER_GUEST, actor->vector, 0, actor->address);
    }
}
