/* SPDX-License-Identifier: MIT */
/*
 * Handlers of the startup event and of exceptions. They run on a local EC of the CPU that the event happened on; the state is in
 * that EC's UTCB. A thread starts with SP at its struct nova_thread, so its IP is the same for all of them.
 */
#include <user/lib/console.h>
#include <user/lib/event.h>
#include <user/lib/task.h>

/* Intel SDM volume 3, table 6-1; no events: NMI (2), machine check (18) and what is reserved */
static const char *const exception_names[] = {
    [0] = "divide error",
    [1] = "debug exception",
    [3] = "breakpoint",
    [4] = "overflow",
    [5] = "bound range exceeded",
    [6] = "invalid opcode",
    [7] = "no floating-point unit",
    [10] = "invalid TSS",
    [11] = "segment not present",
    [12] = "stack-segment fault",
    [13] = "general protection fault",
    [14] = "page fault",
    [16] = "floating-point error",
    [17] = "alignment check",
    [19] = "SIMD floating-point exception",
    [21] = "control protection exception",
};
enum { EXCEPTIONS = sizeof(exception_names) / sizeof(*exception_names), PAGE_FAULT = 14 };
enum { FAULT_PRESENT = 1, FAULT_WRITE = 2, FAULT_FETCH = 16 }; /* Intel SDM volume 3, figure 4-12 */

NOVA_PORTAL(nova_startup_portal);
NOVA_PORTAL(nova_crash_portal);

static void nova_startup_portal_handler(nova_word id, struct nova_utcb *utcb)
{
    (void)id;
    utcb->state.ip = (nova_word)nova_thread_enter;
    utcb->state.mtd = NOVA_MTD_IP;
}

static void nova_crash_portal_handler(nova_word vector, struct nova_utcb *utcb)
{
    nova_crash_report(vector, utcb);
    nova_park();
}

const char *nova_exception_name(nova_word vector)
{
    return vector < EXCEPTIONS && exception_names[vector] ? exception_names[vector] : "unknown exception";
}

enum nova_status nova_events_create(nova_word event_base, const struct nova_thread *handler, void (*exception)(void))
{
    enum nova_status status;

    for (unsigned vector = 0; vector < EXCEPTIONS; vector++) {
        if (!exception_names[vector])
            continue;
        status = nova_portal_create(event_base + vector, nova_pd, handler, NOVA_EVENT_MTD,
                                    exception ? exception : nova_crash_portal, vector);
        if (status)
            return status;
    }
    return nova_portal_create(event_base + NOVA_EVENT_STARTUP, nova_pd, handler, NOVA_MTD_SP | NOVA_MTD_IP, nova_startup_portal,
                              NOVA_EVENT_STARTUP);
}

void nova_crash_report(nova_word vector, const struct nova_utcb *utcb)
{
    const struct nova_state *s = &utcb->state;
    const int digits = 2 * sizeof(nova_word);

    nova_printf_unlocked("\ncrash: %s (vector %lu, error code 0x%llx) on CPU %lu at ip 0x%lx\n", nova_exception_name(vector),
                         vector, (unsigned long long)s->qual[0], nova_self()->cpu, s->ip);
    if (vector == PAGE_FAULT)
        nova_printf_unlocked("  %s of address 0x%llx, where %s\n",
                             s->qual[0] & FAULT_FETCH   ? "execution"
                             : s->qual[0] & FAULT_WRITE ? "write"
                                                        : "read",
                             (unsigned long long)s->qual[1],
                             s->qual[0] & FAULT_PRESENT ? "that is not allowed" : "nothing is mapped");
    nova_printf_unlocked("  ax %0*lx  bx %0*lx  cx %0*lx  dx %0*lx\n", digits, s->ax, digits, s->bx, digits, s->cx, digits, s->dx);
    nova_printf_unlocked("  si %0*lx  di %0*lx  bp %0*lx  sp %0*lx\n", digits, s->si, digits, s->di, digits, s->bp, digits, s->sp);
#ifdef __x86_64__
    nova_printf_unlocked("  r8 %016lx  r9 %016lx r10 %016lx r11 %016lx\n", s->r8, s->r9, s->r10, s->r11);
    nova_printf_unlocked(" r12 %016lx r13 %016lx r14 %016lx r15 %016lx\n", s->r12, s->r13, s->r14, s->r15);
#endif
    nova_printf_unlocked("  flags 0x%lx\n", s->flags);
}
