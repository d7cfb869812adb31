/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The words of scenario.h.
 */
#include "scenario.h"

enum { SERVICE_IP = CODE + 0x800, SERVICE_EVENTS = 0x20, THREAD_IP = CODE + 0x1000 };

word result_arg(unsigned cpu, unsigned number) { return cpu_frame(cpu)->arg[number - 1]; }

word call(unsigned cpu, word portal, unsigned flags) { return hypercall(cpu, nova_arg1(NOVA_CALL, flags, portal), 0, 0, 0, 0); }

word reply(unsigned cpu, word semaphore) { return hypercall(cpu, nova_arg1(NOVA_REPLY, 0, semaphore), 0, 0, 0, 0); }

word create_pd(unsigned cpu, word selector, word parent, word crd, word lower, word upper)
{
    return hypercall(cpu, nova_arg1(NOVA_CREATE_PD, 0, selector), parent, crd, nova_quota(lower, upper), 0);
}

word create_ec(unsigned cpu, word selector, word pd, unsigned on_cpu, word utcb, word sp, word evt, bool global)
{
    return hypercall(cpu, nova_arg1(NOVA_CREATE_EC, global ? NOVA_EC_GLOBAL : 0, selector), pd, utcb | on_cpu, sp, evt);
}

word create_sc(unsigned cpu, word selector, word pd, word ec, unsigned priority, word quantum)
{
    return hypercall(cpu, nova_arg1(NOVA_CREATE_SC, 0, selector), pd, ec, nova_qpd(priority, quantum), 0);
}

word create_pt(unsigned cpu, word selector, word pd, word ec, word mtd, word ip)
{
    return hypercall(cpu, nova_arg1(NOVA_CREATE_PT, 0, selector), pd, ec, mtd, ip);
}

word create_sm(unsigned cpu, word selector, word pd, word count, word chain)
{
    return hypercall(cpu, nova_arg1(NOVA_CREATE_SM, 0, selector), pd, count, chain, 0);
}

word revoke(unsigned cpu, word crd, unsigned flags, word sm, word pd)
{
    return hypercall(cpu, nova_arg1(NOVA_REVOKE, flags, sm), crd, pd, 0, 0);
}

word lookup(unsigned cpu, word crd)
{
    CHECK_EQ(hypercall(cpu, nova_arg1(NOVA_MISC, NOVA_MISC_LOOKUP, 0), crd, 0, 0, 0), NOVA_SUCCESS);
    return result_arg(cpu, 2);
}

word pt_ctrl(unsigned cpu, word portal, word id) { return hypercall(cpu, nova_arg1(NOVA_PT_CTRL, 0, portal), id, 0, 0, 0); }

word sm_up(unsigned cpu, word sm) { return hypercall(cpu, nova_arg1(NOVA_SM_CTRL, NOVA_SM_UP, sm), 0, 0, 0, 0); }

word sm_down(unsigned cpu, word sm, unsigned flags, uint64_t deadline)
{
    return hypercall(cpu, nova_arg1(NOVA_SM_CTRL, NOVA_SM_DOWN | flags, sm), deadline >> 32, deadline & 0xffffffff, 0, 0);
}

word pd_usage(unsigned cpu, word pd)
{
    CHECK_EQ(hypercall(cpu, nova_arg1(NOVA_PD_CTRL, NOVA_PD_QUOTA_READ, pd), 0, 0, 0, 0), NOVA_SUCCESS);
    return result_arg(cpu, 3);
}

word pd_limit(unsigned cpu, word pd)
{
    CHECK_EQ(hypercall(cpu, nova_arg1(NOVA_PD_CTRL, NOVA_PD_QUOTA_READ, pd), 0, 0, 0, 0), NOVA_SUCCESS);
    return result_arg(cpu, 2);
}

struct nova_utcb *utcb_at(unsigned cpu, word address) { return user_pointer(cpu, address, MMU_READ | MMU_WRITE); }

word delegate(unsigned cpu, word utcb, word source, word destination, word crd, word control, word window)
{
    struct nova_utcb *u = utcb_at(cpu, utcb);
    u->items = nova_items(0, 1);
    *nova_item(u, 0) = (struct nova_item){crd, control};
    return hypercall(cpu, nova_arg1(NOVA_MISC, NOVA_MISC_DELEGATE, source), window, destination, 0, 0);
}

word take(unsigned cpu, word crd, unsigned flags)
{
    return delegate(cpu, NOVA_ROOT_UTCB_ADDRESS, SEL_PD, SEL_PD, crd,
                    nova_control(NOVA_ITEM_DELEGATE | NOVA_ITEM_KERNEL | flags, nova_crd_base(crd)),
                    nova_crd(nova_crd_type(crd), 0, 31, NOVA_PERM_ALL));
}

void thread_service(unsigned cpu, unsigned on_cpu, word selector)
{
    CHECK_EQ(create_ec(cpu, selector, SEL_PD, on_cpu, utcb_address(100 + on_cpu), 0x5000, 0, false), NOVA_SUCCESS);
    CHECK_EQ(
        create_pt(cpu, selector + SERVICE_EVENTS + NOVA_EVENT_STARTUP, SEL_PD, selector, NOVA_MTD_SP | NOVA_MTD_IP, SERVICE_IP),
        NOVA_SUCCESS);
}

void thread_make(unsigned cpu, unsigned on_cpu, word selector, word service, unsigned n, unsigned priority)
{
    CHECK_EQ(create_ec(cpu, selector, SEL_PD, on_cpu, utcb_address(n), n, service + SERVICE_EVENTS, true), NOVA_SUCCESS);
    word status = create_sc(cpu, selector + 1, SEL_PD, selector, priority, 1000);
    CHECK(status == NOVA_SUCCESS || (status == BLOCKED && cpu == on_cpu)); /* the new thread may run at once */
}

int running(unsigned cpu)
{
    if (!cpu_frame(cpu))
        return SOMETHING_ELSE; /* busy in the kernel, see hypercall_patience */
    /* Play the startup service when it is its turn. */
    while (!cpu_idle(cpu) && cpu_frame(cpu)->ip == SERVICE_IP) {
        struct nova_utcb *utcb = utcb_at(cpu, utcb_address(100 + cpu));
        utcb->state.mtd = NOVA_MTD_IP;
        utcb->state.ip = THREAD_IP + utcb->state.sp;
        utcb->items = nova_items(NOVA_UTCB_WORDS, 0);
        reply(cpu, 0);
    }
    if (cpu_idle(cpu))
        return IDLE;
    word sp = cpu_frame(cpu)->sp;
    if (sp == NOVA_HIP_ADDRESS)
        return 0;
    return cpu_frame(cpu)->ip == THREAD_IP + sp ? (int)sp : SOMETHING_ELSE;
}
