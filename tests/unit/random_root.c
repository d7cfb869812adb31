/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Root's part of the random test: it builds two PDs with threads, handlers, portals and semaphores, meddles with them, and destroys them.
 */
#include "random.h"

#include "core/page_alloc.h"

enum { SEL_PD = 32, QUOTA = 150 };

/*
 * Lets CPU 0 go on until root runs there: large revocations open many interrupt windows, and calls of others may come to this CPU with a higher priority
 * (a random create_ec makes handlers here, too); those just reply.
 */
static struct frame *root_turn(void)
{
    static struct frame *root;
    if (!root)
        root = cpu_frame(0);
    for (unsigned i = 0; cpu_frame(0) != root; i++) {
        if (i == 20000)
            random_fail("root does not get its turn");
        if (!cpu_frame(0))
            cpu_enter(0, ENTER_CONTINUE, 0, 0, 0);
        else if (cpu_idle(0))
            random_fail("root sleeps");
        else
            random_call(&random_state[0], 0, nova_arg1(NOVA_REPLY, 0, 0), 0, 0, 0, 0);
    }
    return root;
}

static word root_call(unsigned number, unsigned flags, word selector, word arg2, word arg3, word arg4, word arg5)
{
    root_turn();
    hypercall(0, nova_arg1(number, flags, selector), arg2, arg3, arg4, arg5);
    return root_turn()->arg[0];
}

static void must(word status)
{
    if (status != NOVA_SUCCESS)
        random_fail("root cannot build the PDs of a round");
}

static word root_delegate(word source, word destination, word crd, word control, word window)
{
    root_turn();
    struct nova_utcb *utcb = user_pointer(0, NOVA_ROOT_UTCB_ADDRESS, MMU_READ | MMU_WRITE);
    utcb->items = nova_items(0, 1);
    *nova_item(utcb, 0) = (struct nova_item){crd, control};
    return root_call(NOVA_MISC, NOVA_MISC_DELEGATE, source, window, destination, 0, 0);
}

static word utcb_of(unsigned cpu, unsigned n) { return UTCB_BASE + (cpu * 16 + n) * NOVA_PAGE_SIZE; }

static void thread_build(unsigned cpu, unsigned n, unsigned priority)
{
    word ec = BASE + O_GLOBAL + 3 * cpu + n, utcb = utcb_of(cpu, 4 + n);
    must(root_call(NOVA_CREATE_EC, NOVA_EC_GLOBAL, ec, BASE + O_PD + n % PDS, utcb | cpu, utcb + 0x800, O_EVENTS + 32 * (cpu - 1)));
    must(root_call(NOVA_CREATE_SC, 0, BASE + O_SC + 3 * cpu + n, BASE + O_PD, ec, nova_qpd(priority, 1000), 0));
}

/* Its last events, startup and recall among them, have the portals of the threads' events. */
static void vcpu_build(unsigned cpu, bool needed)
{
    enum { SHIFT = NOVA_VM_STARTUP - NOVA_EVENT_STARTUP };
    word ec = BASE + O_VCPU + cpu, pd = BASE + O_PD + cpu % PDS, events = (word)O_EVENTS + 32 * (cpu - 1) - SHIFT;
    word status = root_call(NOVA_CREATE_EC, NOVA_EC_GLOBAL, ec, pd, cpu, 0, events);
    if (status == NOVA_SUCCESS)
        status = root_call(NOVA_CREATE_SC, 0, BASE + O_VCPU_SC + cpu, BASE + O_PD, ec, nova_qpd(1 + cpu % 2, 1000), 0);
    if (needed)
        must(status);
}

void root_build(struct random_state *random)
{
    must(root_delegate(SEL_PD, SEL_PD, nova_crd(NOVA_CRD_MEM, MEMORY, MEMORY_ORDER, 7),
                       nova_control(NOVA_ITEM_DELEGATE | NOVA_ITEM_KERNEL, MEMORY), nova_crd(NOVA_CRD_MEM, 0, 31, 7)));
    must(root_delegate(SEL_PD, SEL_PD, nova_crd(NOVA_CRD_PIO, 0, 16, 7), nova_control(NOVA_ITEM_DELEGATE | NOVA_ITEM_KERNEL, 0),
                       nova_crd(NOVA_CRD_PIO, 0, 16, 7)));
    for (unsigned pd = 0; pd < PDS; pd++)
        must(root_call(NOVA_CREATE_PD, 0, BASE + O_PD + pd, SEL_PD, 0, nova_quota(0, QUOTA), 0));
    for (unsigned n = 0; n < 8; n++)
        must(root_call(NOVA_CREATE_SM, 0, BASE + O_SM + n, BASE + O_PD, n % 3, n >= 5 ? BASE + O_SM + n % 2 : 0, 0));
    for (unsigned cpu = 1; cpu < CPUS; cpu++) {
        for (unsigned pd = 0; pd < PDS; pd++) {
            word ec = BASE + O_LOCAL + 2 * cpu + pd, utcb = utcb_of(cpu, pd);
            must(root_call(NOVA_CREATE_EC, 0, ec, BASE + O_PD + pd, utcb | cpu, utcb + 0x800, O_EVENTS + 32 * (cpu - 1)));
            must(root_call(NOVA_CREATE_PT, 0, BASE + O_PORTAL + 2 * (cpu - 1) + pd, BASE + O_PD, ec, 0, HANDLER_IP));
        }
        /* Exception portals into the first PD's handler, some missing. */
        for (unsigned event = 0; event < 32; event++)
            if (event >= 30 || event % 5)
                must(root_call(NOVA_CREATE_PT, 0, BASE + O_EVENTS + 32 * (cpu - 1) + event, BASE + O_PD,
                               BASE + O_LOCAL + 2 * cpu + event % PDS, event == 30 ? NOVA_MTD_IP : random_u64(random), HANDLER_IP));
    }
    for (unsigned pd = 0; pd < PDS; pd++) {
        must(root_delegate(SEL_PD, BASE + O_PD + pd, nova_crd(NOVA_CRD_OBJ, BASE, 8, 31), nova_control(NOVA_ITEM_DELEGATE, 0),
                           nova_crd(NOVA_CRD_OBJ, 0, 31, 31)));
        must(root_delegate(SEL_PD, BASE + O_PD + pd, nova_crd(NOVA_CRD_MEM, MEMORY, MEMORY_ORDER, 7),
                           nova_control(NOVA_ITEM_DELEGATE, MEMORY), nova_crd(NOVA_CRD_MEM, 0, 31, pd ? 5 : 7)));
        must(root_delegate(SEL_PD, BASE + O_PD + pd, nova_crd(NOVA_CRD_PIO, 0, 8, 7), nova_control(NOVA_ITEM_DELEGATE, 0),
                           nova_crd(NOVA_CRD_PIO, 0, 16, 7)));
    }
    for (unsigned cpu = 1; cpu < CPUS; cpu++)
        for (unsigned n = 0; n < 3; n++)
            thread_build(cpu, n, 1 + n % 2);
    for (unsigned cpu = 1; cpu < CPUS; cpu++)
        vcpu_build(cpu, true);
    /* And their capabilities, too. */
    for (unsigned pd = 0; pd < PDS; pd++)
        must(root_delegate(SEL_PD, BASE + O_PD + pd, nova_crd(NOVA_CRD_OBJ, BASE + O_GLOBAL, 5, 31),
                           nova_control(NOVA_ITEM_DELEGATE, O_GLOBAL), nova_crd(NOVA_CRD_OBJ, 0, 31, 31)));
}

/* A new thread at one of the places of the old ones, if its place is free. */
static void revive(struct random_state *random)
{
    unsigned cpu = 1 + random_below(random, CPUS - 1), n = random_below(random, 3);
    word ec = BASE + O_GLOBAL + 3 * cpu + n, utcb = utcb_of(cpu, 4 + n);
    root_call(NOVA_REVOKE, NOVA_REVOKE_SELF, 0, nova_crd(NOVA_CRD_OBJ, ec, 0, 31), 0, 0, 0);
    root_call(NOVA_REVOKE, NOVA_REVOKE_SELF, 0, nova_crd(NOVA_CRD_OBJ, ec - O_GLOBAL + O_SC, 0, 31), 0, 0, 0);
    random_trace("root: thread %u of cpu %u anew", n, cpu);
    /* The account may be exhausted. */
    root_call(NOVA_CREATE_EC, NOVA_EC_GLOBAL, ec, BASE + O_PD + n % PDS, utcb | cpu, utcb + 0x800, O_EVENTS + 32 * (cpu - 1));
    root_call(NOVA_CREATE_SC, 0, ec - O_GLOBAL + O_SC, BASE + O_PD, ec, nova_qpd(1 + random_below(random, 3), 1000), 0);
}

static void revive_vcpu(struct random_state *random)
{
    unsigned cpu = 1 + random_below(random, CPUS - 1);
    random_trace("root: virtual CPU of cpu %u anew", cpu);
    root_call(NOVA_REVOKE, NOVA_REVOKE_SELF, 0, nova_crd(NOVA_CRD_OBJ, BASE + O_VCPU + cpu, 0, 31), 0, 0, 0);
    root_call(NOVA_REVOKE, NOVA_REVOKE_SELF, 0, nova_crd(NOVA_CRD_OBJ, BASE + O_VCPU_SC + cpu, 0, 31), 0, 0, 0);
    vcpu_build(cpu, false);
}

/* A handler may have died with its portals: make both again. */
static void revive_handler(struct random_state *random)
{
    unsigned cpu = 1 + random_below(random, CPUS - 1), pd = random_below(random, PDS);
    word ec = BASE + O_LOCAL + 2 * cpu + pd, utcb = utcb_of(cpu, pd);
    random_trace("root: handler of PD %u on cpu %u anew", pd, cpu);
    root_call(NOVA_REVOKE, NOVA_REVOKE_SELF, 0, nova_crd(NOVA_CRD_OBJ, ec, 0, 31), 0, 0, 0);
    root_call(NOVA_CREATE_EC, 0, ec, BASE + O_PD + pd, utcb | cpu, utcb + 0x800, O_EVENTS + 32 * (cpu - 1));
    for (unsigned event = pd; event < 32; event += PDS) {
        word portal = BASE + O_EVENTS + 32 * (cpu - 1) + event;
        root_call(NOVA_REVOKE, NOVA_REVOKE_SELF, 0, nova_crd(NOVA_CRD_OBJ, portal, 0, 31), 0, 0, 0);
        root_call(NOVA_CREATE_PT, 0, portal, BASE + O_PD, ec, random_u64(random), HANDLER_IP);
        for (unsigned to = 0; to < PDS; to++)
            root_delegate(SEL_PD, BASE + O_PD + to, nova_crd(NOVA_CRD_OBJ, portal, 0, 31),
                          nova_control(NOVA_ITEM_DELEGATE, portal - BASE), nova_crd(NOVA_CRD_OBJ, 0, 31, 31));
    }
}

void root_step(struct random_state *random)
{
    word object = BASE + random_selector(random) % O_END;
    switch (random_below(random, 40)) {
    case 0:
        random_trace("root: revoke %#lx", object);
        root_call(NOVA_REVOKE, random_below(random, 2), 0,
                  nova_crd(NOVA_CRD_OBJ, object, random_below(random, 2), random_below(random, 32)), 0, 0, 0);
        break;
    case 1:
    case 2: root_call(NOVA_SM_CTRL, NOVA_SM_UP, BASE + O_SM + random_below(random, 8), 0, 0, 0, 0); break;
    case 3:
        root_call(NOVA_EC_CTRL, NOVA_EC_RECALL, BASE + O_GLOBAL + random_below(random, 12), random_below(random, 2), 0, 0, 0);
        break;
    case 4:
        root_call(NOVA_PD_CTRL, NOVA_PD_QUOTA_MOVE, SEL_PD, BASE + O_PD + random_below(random, PDS), random_below(random, 3), 0, 0);
        break;
    case 5:
        random_trace("root: revoke memory");
        root_call(NOVA_REVOKE, random_below(random, 8) == 0, 0,
                  nova_crd(NOVA_CRD_MEM, MEMORY + random_below(random, 1 << MEMORY_ORDER), random_below(random, MEMORY_ORDER),
                           random_below(random, 8)),
                  0, 0, 0);
        break;
    case 14:
    case 15: revive_vcpu(random); break;
    case 6:
    case 7: {
        word pd = BASE + O_PD + random_below(random, PDS);
        root_delegate(SEL_PD, pd, nova_crd(NOVA_CRD_MEM, MEMORY, MEMORY_ORDER, 7), nova_control(NOVA_ITEM_DELEGATE, MEMORY),
                      nova_crd(NOVA_CRD_MEM, 0, 31, 7));
        root_delegate(SEL_PD, pd, nova_crd(NOVA_CRD_OBJ, BASE, 8, 31), nova_control(NOVA_ITEM_DELEGATE, 0),
                      nova_crd(NOVA_CRD_OBJ, 0, 31, 31));
        break;
    }
    case 8: revive_handler(random); break;
    case 9:
    case 10:
    case 11:
    case 12: revive(random); break;
    case 13:
        root_call(NOVA_REVOKE, NOVA_REVOKE_SELF | NOVA_REVOKE_REMOTE, 0, random_crd(random),
                  BASE + O_PD + random_below(random, PDS), 0, 0);
        break;
    default: root_call(NOVA_SM_CTRL, NOVA_SM_UP, BASE + O_SM + random_below(random, 8), 0, 0, 0, 0);
    }
}

void root_clear(void)
{
    random_trace("root: destroys everything");
    must(root_call(NOVA_REVOKE, NOVA_REVOKE_SELF, 0, nova_crd(NOVA_CRD_OBJ, BASE, 8, 31), 0, 0, 0));
    must(root_call(NOVA_REVOKE, NOVA_REVOKE_SELF, 0, nova_crd(NOVA_CRD_MEM, MEMORY, MEMORY_ORDER, 7), 0, 0, 0));
    must(root_call(NOVA_REVOKE, NOVA_REVOKE_SELF, 0, nova_crd(NOVA_CRD_PIO, 0, 16, 7), 0, 0, 0));
    /* A PD ends in many steps with windows between them, and a few windows end a go of the machine. */
    bool idle = false;
    for (unsigned i = 0; i < 1000 && !idle; i++) {
        machine_advance(10000000);
        idle = true;
        for (unsigned cpu = 1; cpu < boot_info.cpus; cpu++)
            idle = idle && cpu_idle(cpu);
    }
}

struct round_base root_usage(void)
{
    must(root_call(NOVA_PD_CTRL, NOVA_PD_QUOTA_READ, SEL_PD, 0, 0, 0, 0));
    return (struct round_base){.used = root_turn()->arg[2], .limit = root_turn()->arg[1], .pages = page_alloc_free_pages()};
}
