/* SPDX-License-Identifier: MIT */
/*
 * One function per hypercall. All return the kernel's status; results come through pointers, which are written on success and
 * on error alike (with whatever the registers hold then). Everything is inline: a hypercall costs no more than its instruction.
 * "Selector" is an index into the object space of the caller's protection domain.
 */
#ifndef NOVA_LIB_HYPERCALL_H
#define NOVA_LIB_HYPERCALL_H

#include <nova/crd.h>
#include <nova/hypercall.h>

/* ARG_2 to ARG_5: what a hypercall gets and gives back. */
struct nova_args {
    nova_word a2, a3, a4, a5;
};

/*
 * The bare hypercall; a1 as built by nova_arg1. Returns the whole first word: bits 0-7 hold the status, the others are 0.
 * The kernel returns to the label, and keeps every register but those that hold arguments, results, and the return address.
 */
static inline nova_word nova_hypercall_raw(nova_word a1, struct nova_args *args)
{
#ifdef __x86_64__
    register nova_word a5 __asm__("r8") = args->a5;
    __asm__ volatile("syscall"
                     : "+D"(a1), "+S"(args->a2), "+d"(args->a3), "+a"(args->a4), "+r"(a5)
                     :
                     : "rcx", "r11", "cc", "memory");
    args->a5 = a5;
#else
    nova_word a2 = args->a2, a3 = args->a3, a4 = args->a4, a5 = args->a5;
    __asm__ volatile("push %%ebp\n\t"
                     "mov %%edx, %%ebp\n\t"
                     "mov %%esp, %%ecx\n\t"
                     "mov $1f, %%edx\n\t"
                     "sysenter\n"
                     "1:\tmov %%ebp, %%edx\n\t"
                     "pop %%ebp"
                     : "+a"(a1), "+D"(a2), "+S"(a3), "+b"(a4), "+d"(a5)
                     :
                     : "ecx", "cc", "memory");
    args->a2 = a2;
    args->a3 = a3;
    args->a4 = a4;
    args->a5 = a5;
#endif
    return a1;
}

/* A hypercall whose results are of no interest. */
static inline enum nova_status nova_hypercall(nova_word a1, nova_word a2, nova_word a3, nova_word a4, nova_word a5)
{
    struct nova_args args = {a2, a3, a4, a5};
    return (enum nova_status)(nova_hypercall_raw(a1, &args) & 0xff);
}

/*
 * The same for those that happen all the time, with only the registers that they need. What the others hold does not matter, and they all keep it.
 * nova_hypercall3 hands back what its second and third word have become.
 */
#ifdef __x86_64__
#define NOVA_ENTER "syscall"
#define NOVA_ENTER_A1 "+D"
#define NOVA_ENTER_A2 "S"
#define NOVA_ENTER_A3 "d"
#define NOVA_ENTER_LOST "rcx", "r11"
#else
#define NOVA_ENTER "mov %%esp, %%ecx\n\tmov $1f, %%edx\n\tsysenter\n1:"
#define NOVA_ENTER_A1 "+a"
#define NOVA_ENTER_A2 "D"
#define NOVA_ENTER_A3 "S"
#define NOVA_ENTER_LOST "ecx", "edx"
#endif

static inline enum nova_status nova_hypercall1(nova_word a1)
{
    __asm__ volatile(NOVA_ENTER : NOVA_ENTER_A1(a1) : : NOVA_ENTER_LOST, "cc", "memory");
    return (enum nova_status)(a1 & 0xff);
}

static inline enum nova_status nova_hypercall2(nova_word a1, nova_word a2)
{
    __asm__ volatile(NOVA_ENTER : NOVA_ENTER_A1(a1) : NOVA_ENTER_A2(a2) : NOVA_ENTER_LOST, "cc", "memory");
    return (enum nova_status)(a1 & 0xff);
}

static inline enum nova_status nova_hypercall3(nova_word a1, nova_word *a2, nova_word *a3)
{
    __asm__ volatile(NOVA_ENTER
                     : NOVA_ENTER_A1(a1), "+" NOVA_ENTER_A2(*a2), "+" NOVA_ENTER_A3(*a3)
                     :
                     : NOVA_ENTER_LOST, "cc", "memory");
    return (enum nova_status)(a1 & 0xff);
}

/* The same with results: args is replaced by what came back. */
static inline enum nova_status nova_hypercall_args(nova_word a1, struct nova_args *args)
{
    return (enum nova_status)(nova_hypercall_raw(a1, args) & 0xff);
}

/* Sends the message in the caller's UTCB through a portal and waits for the reply; flags: 0 or NOVA_CALL_NOBLOCK. */
static inline enum nova_status nova_call(nova_word portal, unsigned flags)
{
    return nova_hypercall1(nova_arg1(NOVA_CALL, flags, portal));
}

/*
 * Creates a protection domain that is paid by `parent` and starts with `quota` (nova_quota) pages of the parent's kernel memory.
 * `objects` (a CRD of the caller's own capabilities, or 0) is delegated to its selectors 0 and up.
 */
static inline enum nova_status nova_create_pd(nova_word selector, nova_word parent, nova_word objects, nova_word quota)
{
    return nova_hypercall(nova_arg1(NOVA_CREATE_PD, 0, selector), parent, objects, quota, 0);
}

/*
 * Creates an execution context in `pd` on `cpu`. `utcb` is its page-aligned address in that domain. With NOVA_EC_GLOBAL in flags
 * it is a thread (or, with utcb 0, a virtual CPU) that runs once it has a scheduling context; without, a portal handler.
 * `selector + 1`, if it holds a portal, becomes its out-of-memory portal. Events go to the portals at `event_base` and up.
 */
static inline enum nova_status nova_create_ec(nova_word selector, nova_word pd, unsigned cpu, nova_word utcb, nova_word sp,
                                              nova_word event_base, unsigned flags)
{
    return nova_hypercall(nova_arg1(NOVA_CREATE_EC, flags, selector), pd, utcb | cpu, sp, event_base);
}

/* Gives the EC its time: qpd as built by nova_qpd. The EC starts to run. */
static inline enum nova_status nova_create_sc(nova_word selector, nova_word pd, nova_word ec, nova_word qpd)
{
    return nova_hypercall(nova_arg1(NOVA_CREATE_SC, 0, selector), pd, ec, qpd, 0);
}

/* Creates a portal into a local EC: a call enters it at `ip`; an event delivers the state that `mtd` selects. */
static inline enum nova_status nova_create_pt(nova_word selector, nova_word pd, nova_word ec, nova_word mtd, nova_word ip)
{
    return nova_hypercall(nova_arg1(NOVA_CREATE_PT, 0, selector), pd, ec, mtd, ip);
}

/* Creates a semaphore with an initial count. */
static inline enum nova_status nova_create_sm(nova_word selector, nova_word pd, nova_word count)
{
    return nova_hypercall(nova_arg1(NOVA_CREATE_SM, 0, selector), pd, count, 0, 0);
}

/* Creates a semaphore chained to `target`: each up on it raises the target and queues `value` there (nova_sm_down_signal). */
static inline enum nova_status nova_create_sm_chained(nova_word selector, nova_word pd, nova_word value, nova_word target)
{
    return nova_hypercall(nova_arg1(NOVA_CREATE_SM, 0, selector), pd, value, target, 0);
}

/*
 * Takes the CRD's permissions from all that was delegated out of it; with NOVA_REVOKE_SELF from the caller's own as well, with
 * NOVA_REVOKE_KEEP from the caller's alone. With NOVA_REVOKE_REMOTE the range is one of `pd`. `semaphore`, if not 0, gets an up
 * when the memory has been freed.
 */
static inline enum nova_status nova_revoke(nova_word crd, unsigned flags, nova_word pd, nova_word semaphore)
{
    return nova_hypercall(nova_arg1(NOVA_REVOKE, flags, semaphore), crd, pd, 0, 0);
}

/* *result: the CRD (base, order, permissions) of the caller that holds the base of `crd`, or 0. */
static inline enum nova_status nova_lookup(nova_word crd, nova_word *result)
{
    struct nova_args args = {crd, 0, 0, 0};
    enum nova_status status = nova_hypercall_args(nova_arg1(NOVA_MISC, NOVA_MISC_LOOKUP, 0), &args);
    *result = args.a2;
    return status;
}

/* Delegates the typed items in the caller's UTCB from one PD to the other, through the window. memory.h has easier ways. */
static inline enum nova_status nova_delegate(nova_word source, nova_word destination, nova_word window)
{
    return nova_hypercall(nova_arg1(NOVA_MISC, NOVA_MISC_DELEGATE, source), window, destination, 0, 0);
}

/* ACPI sleep; returns after the machine has resumed. `suspend` is root's suspend semaphore. */
static inline enum nova_status nova_suspend(nova_word suspend, nova_word slp_typa, nova_word slp_typb)
{
    return nova_hypercall(nova_arg1(NOVA_MISC, NOVA_MISC_SUSPEND, suspend), slp_typa, slp_typb, 0, 0);
}

/* Forces a recall event before the EC next runs user code; with fetch_state = 1 its state goes to the caller's UTCB. */
static inline enum nova_status nova_ec_recall(nova_word ec, unsigned fetch_state)
{
    return nova_hypercall(nova_arg1(NOVA_EC_CTRL, NOVA_EC_RECALL, ec), fetch_state, 0, 0, 0);
}

/* Gives up the rest of the time slice. */
static inline enum nova_status nova_ec_yield(void) { return nova_hypercall1(nova_arg1(NOVA_EC_CTRL, NOVA_EC_YIELD, 0)); }

/* Runs another EC of this CPU and PD, whose UTCB's tls word equals `tls`, on the caller's time. */
static inline enum nova_status nova_ec_help(nova_word ec, nova_word tls)
{
    return nova_hypercall(nova_arg1(NOVA_EC_CTRL, NOVA_EC_HELP, ec), tls, 0, 0, 0);
}

/* Back to the run queue with what is left of the slice. */
static inline enum nova_status nova_ec_reschedule(void)
{
    return nova_hypercall(nova_arg1(NOVA_EC_CTRL, NOVA_EC_RESCHEDULE, 0), 0, 0, 0, 0);
}

/* Moves an EC and its SC (ec + 2) to another CPU; for handlers inside an event of it (abi.md section 6). */
static inline enum nova_status nova_ec_migrate(nova_word ec, unsigned cpu, nova_word objects)
{
    return nova_hypercall(nova_arg1(NOVA_EC_CTRL, NOVA_EC_MIGRATE, ec), cpu, objects, 0, 0);
}

/* *us: execution time of the EC in microseconds. */
static inline enum nova_status nova_ec_time(nova_word ec, uint64_t *us)
{
    struct nova_args args = {0, 0, 0, 0};
    enum nova_status status = nova_hypercall_args(nova_arg1(NOVA_EC_CTRL, NOVA_EC_TIME, ec), &args);
    *us = (uint64_t)args.a2 << 32 | (uint32_t)args.a3;
    return status;
}

/* State of a stopped virtual CPU of this CPU into the caller's UTCB. */
static inline enum nova_status nova_ec_get_state(nova_word ec, nova_word mtd)
{
    return nova_hypercall(nova_arg1(NOVA_EC_CTRL, NOVA_EC_GET_STATE, ec), mtd, 0, 0, 0);
}

/* The caller's UTCB into the state of a stopped virtual CPU; leave_recall = 1: a recall stays pending. */
static inline enum nova_status nova_ec_set_state(nova_word ec, unsigned leave_recall)
{
    return nova_hypercall(nova_arg1(NOVA_EC_CTRL, NOVA_EC_SET_STATE, ec), leave_recall, 0, 0, 0);
}

/* MSR operations listed in the caller's UTCB words; `msr` is root's MSR semaphore (abi.md section 10). */
static inline enum nova_status nova_ec_msr(nova_word msr)
{
    return nova_hypercall(nova_arg1(NOVA_EC_CTRL, NOVA_EC_MSR, msr), 0, 0, 0, 0);
}

/* *us: time of an SC in microseconds; op 0 its own, on idle SCs also 1 cross-CPU calls, 2 and 3 time of dead SCs. */
static inline enum nova_status nova_sc_time(nova_word sc, unsigned op, uint64_t *us)
{
    struct nova_args args = {0, 0, 0, 0};
    enum nova_status status = nova_hypercall_args(nova_arg1(NOVA_SC_CTRL, op, sc), &args);
    *us = (uint64_t)args.a2 << 32 | (uint32_t)args.a3;
    return status;
}

/* sc_ctrl 3 on an SC that is not idle: its time and that of an EC at the same moment. */
static inline enum nova_status nova_sc_ec_time(nova_word sc, nova_word ec, uint64_t *sc_us, uint64_t *ec_us)
{
    struct nova_args args = {ec, 0, 0, 0};
    enum nova_status status = nova_hypercall_args(nova_arg1(NOVA_SC_CTRL, 3, sc), &args);
    *sc_us = (uint64_t)args.a2 << 32 | (uint32_t)args.a3;
    *ec_us = (uint64_t)args.a4 << 32 | (uint32_t)args.a5;
    return status;
}

/* Sets the id that the portal hands to its handler. */
static inline enum nova_status nova_pt_ctrl(nova_word portal, nova_word id)
{
    return nova_hypercall2(nova_arg1(NOVA_PT_CTRL, 0, portal), id);
}

/* Raises a semaphore. */
static inline enum nova_status nova_sm_up(nova_word semaphore)
{
    return nova_hypercall1(nova_arg1(NOVA_SM_CTRL, NOVA_SM_UP, semaphore));
}

/* Lowers a semaphore, or waits until it can, at most to the TSC value `deadline` (0: for ever). flags: 0 or NOVA_SM_ZERO. */
static inline enum nova_status nova_sm_down(nova_word semaphore, unsigned flags, uint64_t deadline)
{
    nova_word high = (nova_word)(deadline >> 32), low = (nova_word)(uint32_t)deadline;
    return nova_hypercall3(nova_arg1(NOVA_SM_CTRL, NOVA_SM_DOWN | flags, semaphore), &high, &low);
}

/* As nova_sm_down, on a semaphore that others are chained to: *value of the one that signalled, *count of its ups. */
static inline enum nova_status nova_sm_down_signal(nova_word semaphore, unsigned flags, uint64_t deadline, nova_word *value,
                                                   nova_word *count)
{
    *value = (nova_word)(deadline >> 32);
    *count = (nova_word)(uint32_t)deadline;
    return nova_hypercall3(nova_arg1(NOVA_SM_CTRL, NOVA_SM_DOWN | flags, semaphore), value, count);
}

/* DMA of a PCI device goes through the device view of `pd`. config: address of its config page there. */
static inline enum nova_status nova_assign_pci(nova_word pd, nova_word config, nova_word requester)
{
    return nova_hypercall(nova_arg1(NOVA_ASSIGN_PCI, 0, pd), config, requester, 0, 0);
}

/*
 * Routes the interrupt of a semaphore (root's GSI semaphores) to a CPU. device: 0 for a pin, else the address of the config (or
 * HPET) page of a device that sends MSIs; their address and data come back. signal: the SM to raise instead, all ones: no change.
 */
static inline enum nova_status nova_assign_gsi(nova_word semaphore, unsigned flags, nova_word device, unsigned cpu,
                                               nova_word signal, nova_word *msi_address, nova_word *msi_data)
{
    struct nova_args args = {device, cpu, signal, 0};
    enum nova_status status = nova_hypercall_args(nova_arg1(NOVA_ASSIGN_GSI, flags, semaphore), &args);
    *msi_address = args.a2;
    *msi_data = args.a3;
    return status;
}

/* Moves pages of kernel memory from one PD's account to another's. */
static inline enum nova_status nova_pd_quota_move(nova_word source, nova_word destination, nova_word pages)
{
    return nova_hypercall(nova_arg1(NOVA_PD_CTRL, NOVA_PD_QUOTA_MOVE, source), destination, pages, 0, 0);
}

/* *limit and *usage of a PD's kernel memory, in pages. */
static inline enum nova_status nova_pd_quota_read(nova_word pd, nova_word *limit, nova_word *usage)
{
    struct nova_args args = {0, 0, 0, 0};
    enum nova_status status = nova_hypercall_args(nova_arg1(NOVA_PD_CTRL, NOVA_PD_QUOTA_READ, pd), &args);
    *limit = args.a2;
    *usage = args.a3;
    return status;
}

#endif
