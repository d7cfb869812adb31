/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Frame of the checks: TAP output, recording of exceptions, and the few helpers that the subjects share. An exception outside of
 * probe() is a bug of the kernel or of this program: it is reported and ends the run with TAP's "Bail out!".
 */
#include <user/lib/emulator.h>

#include "abi.h"

enum { EVENT_STATE_MTD = NOVA_EVENT_MTD };

volatile struct event_record last_event;
volatile unsigned event_count;
void (*volatile event_action)(nova_word vector, struct nova_utcb *utcb);
unsigned boot_cpu;
struct nova_utcb *root_utcb;
const struct nova_thread *event_handler;

static unsigned checks, failures;
static const char *section_name = "8.boot";
static volatile int probing;

void check(const char *name, nova_word got, nova_word want)
{
    checks++;
    if (got == want) {
        nova_printf("ok %u - %s %s\n", checks, section_name, name);
        return;
    }
    failures++;
    nova_printf("not ok %u - %s %s got 0x%lx want 0x%lx\n", checks, section_name, name, got, want);
}

void section(const char *name) { section_name = name; }

void remark(const char *text) { nova_printf("# %s\n", text); }

/* ---- exceptions ---- */

NOVA_PORTAL(abi_event);

static void abi_event_handler(nova_word vector, struct nova_utcb *utcb)
{
    last_event.vector = vector;
    last_event.items = utcb->items;
    last_event.sp_at_entry = (nova_word)nova_self();
    memcpy((void *)&last_event.state, &utcb->state, sizeof(last_event.state));
    event_count++;
    if (event_action) {
        event_action(vector, utcb);
        return;
    }
    if (!probing) {
        nova_crash_report(vector, utcb);
        nova_printf_unlocked("Bail out! %s outside of any check\n", nova_exception_name(vector));
        nova_emulator_exit(1);
        nova_park();
    }
    utcb->state.ip = (nova_word)probe_return;
    utcb->state.sp = probe_sp;
    utcb->state.flags = 2;
    utcb->state.mtd = NOVA_MTD_IP | NOVA_MTD_SP | NOVA_MTD_FLAGS;
}

void step_over(nova_word vector, struct nova_utcb *utcb)
{
    utcb->state.ip += vector == EVENT_UD ? 2 : 0;
    utcb->state.mtd = NOVA_MTD_IP;
}

nova_word probe(void (*f)(nova_word), nova_word argument)
{
    last_event.vector = NO_EXCEPTION;
    probing = 1;
    probe_enter(f, argument);
    probing = 0;
    return last_event.vector;
}

void touch_read(nova_word address) { (void)*(volatile char *)address; }

void touch_write(nova_word address) { *(volatile char *)address = 0x77; }

void touch_execute(nova_word address) { ((void (*)(void))address)(); }

void touch_fpu(nova_word control_word)
{
    uint16_t control = (uint16_t)control_word;
    __asm__ volatile("fninit; fldcw %0" : : "m"(control));
}

void event_portal_set(unsigned vector, nova_word mtd)
{
    nova_revoke(object(vector, NOVA_PERM_ALL), NOVA_REVOKE_SELF, 0, 0);
    nova_portal_create(vector, nova_pd, event_handler, mtd, abi_event, vector);
}

/* ---- helpers ---- */

nova_word new_selector(void) { return nova_selectors(1, 1); }

nova_word new_semaphore(nova_word count)
{
    nova_word selector = new_selector();
    enum nova_status status = nova_create_sm(selector, nova_pd, count);
    if (status)
        check("create_sm for a check", status, NOVA_SUCCESS);
    return selector;
}

nova_word object_at(nova_word selector)
{
    nova_word crd;
    enum nova_status status = nova_lookup(object(selector, 0), &crd);
    return status ? (nova_word)-1 : crd;
}

struct nova_thread *new_handler(unsigned cpu)
{
    struct nova_thread *thread = nova_thread_prepare(NULL, cpu);
    enum nova_status status = nova_handler_create(thread, nova_pd, 0);
    if (status)
        check("create_ec of a handler for a check", status, NOVA_SUCCESS);
    return thread;
}

nova_word new_portal(const struct nova_thread *handler, void (*entry)(void), nova_word id)
{
    nova_word selector = new_selector();
    enum nova_status status = nova_portal_create(selector, nova_pd, handler, 0, entry, id);
    if (status)
        check("create_pt for a check", status, NOVA_SUCCESS);
    return selector;
}

NOVA_PORTAL(null_portal);

static void null_portal_handler(nova_word id, struct nova_utcb *utcb)
{
    (void)id;
    utcb->items = 0;
}

struct nova_thread *new_thread(unsigned priority, void (*entry)(void *), void *argument)
{
    struct nova_thread *thread = nova_thread_prepare(NULL, boot_cpu);
    enum nova_status status = nova_thread_start(thread, 0, priority, BOOT_QUANTUM, entry, argument);
    if (status)
        check("start of a thread for a check", status, NOVA_SUCCESS);
    return thread;
}

enum nova_status grant(nova_word from, nova_word to, nova_word crd, nova_word control, nova_word window)
{
    struct nova_utcb *utcb = nova_self()->utcb;
    nova_message_begin(utcb);
    nova_message_item(utcb, crd, control);
    return nova_delegate(from, to, window);
}

uint64_t ticks_ms(unsigned ms) { return (uint64_t)(nova_hip->tsc_khz ? nova_hip->tsc_khz : 1000000) * ms; }

uint64_t deadline_ms(unsigned ms) { return nova_tsc() + ticks_ms(ms); }

enum nova_status wait_for(nova_word semaphore) { return nova_sm_down(semaphore, 0, deadline_ms(PATIENCE_MS)); }

nova_word free_range(unsigned order)
{
    static nova_word next = NOVA_FREE_AREA >> NOVA_PAGE_BITS;
    nova_word size = (nova_word)1 << order, first = (next + size - 1) & -size;
    next = first + size;
    return first << NOVA_PAGE_BITS;
}

/* ---- run ---- */

void nova_main(const struct nova_hip *hip, unsigned cpu)
{
    enum nova_status status;

    (void)hip;
    boot_cpu = cpu;
    root_utcb = nova_self()->utcb;
    nova_console_init();
    nova_printf("\n# abi, %u bit, boot CPU %u\n", NOVA_WORD_BITS, cpu);
    test_hip(); /* before all else: the object space is as the kernel made it, but for what the console took */

    event_handler = nova_thread_prepare(NULL, cpu);
    status = nova_handler_create((struct nova_thread *)event_handler, nova_pd, nova_selectors(32, 32));
    if (!status)
        status = nova_events_create(0, event_handler, abi_event);
    check("portals for exceptions", status, NOVA_SUCCESS);
    if (!status) {
        test_create();
        test_semaphore();
        test_ipc();
        test_object();
        test_memory();
        test_port();
        test_entry();
        test_gates();
        test_edges();
        test_fault();
        test_event();
        test_thread();
        test_quota();
        test_ranges();
        test_schedule();
        test_fpu_owner();
        test_interrupt();
        test_domains();
        test_cross();
        test_cross_events();
        test_oom();
        test_undo();
        test_migrate();
        test_header();
        test_rules();
        test_msr();
    }
    nova_printf("1..%u\n", checks);
    nova_printf("# abi: %u checks, %u failed\n", checks, failures);
    nova_emulator_exit(failures ? 1 : 0x10);
}
