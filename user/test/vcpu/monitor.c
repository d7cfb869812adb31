/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Starting and ending of guests, and the handler of their events. A guest that is over waits for a semaphore that nobody raises until its protection domain goes.
 */
#include <user/lib/emulator.h>

#include "vcpu.h"

int is_svm, has_vtlb, in_real_time, has_real_mode, has_ept, in_qemu;
unsigned test_cpu;
uint8_t *guest_memory;
nova_word vm_pd, vm_ec;
volatile unsigned event_count[NOVA_EVENTS_VM];
volatile unsigned last_event;
struct nova_state last_state;

static guest_action action_now;
static nova_word portals, done, hold;
static unsigned checks, failures;

/* Conventional memory that nova_allocate leaves alone: guests execute in it. */
enum { QUOTA = 128, PATIENCE_MS = 3000, GUEST_PHYSICAL = 0x20000 };

void check(const char *name, uint64_t got, uint64_t want)
{
    checks++;
    if (got == want) {
        nova_printf("ok %u - %s\n", checks, name);
        return;
    }
    failures++;
    nova_printf("not ok %u - %s got 0x%llx want 0x%llx\n", checks, name, (unsigned long long)got, (unsigned long long)want);
}

void remark(const char *text) { nova_printf("# %s\n", text); }

NOVA_PORTAL(vcpu_event);

static void vcpu_event_handler(nova_word event, struct nova_utcb *utcb)
{
    event_count[event]++;
    last_event = (unsigned)event;
    memcpy(&last_state, &utcb->state, sizeof last_state);
    utcb->items = 0;
    utcb->state.mtd = 0;
    action_now((unsigned)event, utcb);
}

void guest_done(void)
{
    nova_sm_up(done);
    nova_reply(hold);
}

void guest_map(unsigned from, nova_word to, unsigned permissions)
{
    check("delegation to the guest",
          nova_delegate_range(nova_pd, vm_pd, NOVA_CRD_MEM, (nova_word)guest_memory / PAGE + from, to, 1, permissions,
                              NOVA_ITEM_GUEST),
          0);
}

void guest_start(const void *code, size_t size, guest_action action)
{
    memset((void *)event_count, 0, sizeof event_count);
    last_event = ~0u;
    action_now = action;
    memset(guest_memory, 0, GUEST_PAGES * PAGE);
    memcpy(guest_memory + CODE, code, size);
    nova_word failed = nova_create_pd(vm_pd, nova_pd, nova_crd(NOVA_CRD_OBJ, portals, 8, NOVA_PERM_ALL), nova_quota(0, QUOTA));
    failed = failed ? failed
                    : nova_delegate_range(nova_pd, vm_pd, NOVA_CRD_MEM, (nova_word)guest_memory / PAGE, 0, GUEST_PAGES,
                                          NOVA_MEM_RWX, NOVA_ITEM_GUEST);
    failed = failed ? failed : nova_create_ec(vm_ec, vm_pd, test_cpu, 0, 0, 0, NOVA_EC_GLOBAL);
    failed = failed ? failed : nova_create_sc(vm_ec + 2, vm_pd, vm_ec, nova_qpd(1, 1000));
    if (failed)
        check("creation of a guest", failed, 0);
}

void guest_wait(const char *name)
{
    uint64_t deadline = nova_tsc() + (uint64_t)PATIENCE_MS * nova_hip->tsc_khz;
    if (nova_sm_down(done, 0, deadline)) {
        nova_printf("# %s: last event %u\n", name, last_event);
        check(name, 0, 1);
    }
}

void guest_counts(const char *name)
{
    const volatile uint16_t *counter = (const volatile uint16_t *)(guest_memory + DATA);
    uint64_t deadline = nova_tsc() + (uint64_t)PATIENCE_MS * nova_hip->tsc_khz;
    nova_word nobody = nova_selectors(1, 1);
    nova_create_sm(nobody, nova_pd, 0);
    while (*counter < 20 && nova_tsc() < deadline)
        nova_sm_down(nobody, 0, nova_tsc() + nova_hip->tsc_khz);
    check(name, *counter >= 20, 1);
}

void guest_end(void)
{
    nova_revoke(nova_crd(NOVA_CRD_OBJ, vm_ec, 2, NOVA_PERM_ALL), NOVA_REVOKE_SELF, 0, 0);
    nova_revoke(nova_crd(NOVA_CRD_OBJ, vm_pd, 0, NOVA_PERM_ALL), NOVA_REVOKE_SELF, 0, 0);
}

void guest_run(const char *name, const void *code, size_t size, guest_action action)
{
    guest_start(code, size, action);
    guest_wait(name);
    guest_end();
}

/* From now on guests run on this CPU, and so does the handler of their events. */
static int monitor_on(unsigned cpu)
{
    const nova_word mtd = (((nova_word)NOVA_MTD_XSAVE << 1) - 1);
    struct nova_thread *handler = nova_thread_prepare(0, cpu);
    test_cpu = cpu;
    portals = nova_selectors(NOVA_EVENTS_VM, NOVA_EVENTS_VM);
    if (!handler || nova_handler_create(handler, nova_pd, 0))
        return 0;
    for (unsigned i = 0; i < NOVA_EVENTS_VM; i++)
        if (nova_portal_create(portals + i, nova_pd, handler, mtd, vcpu_event, i))
            return 0;
    return 1;
}

/* A word of the command line. */
static int asked_for(const struct nova_hip *hip, const char *word)
{
    char line[80];
    for (unsigned i = 0; i < nova_hip_memories(hip); i++) {
        const struct nova_hip_memory *memory = nova_hip_memory(hip, i);
        if (memory->type != NOVA_MEMORY_MODULE)
            continue;
        if (!memory->aux || !nova_physical_string(memory->aux, line, sizeof line))
            return 0;
        for (size_t length = strlen(word), at = 0; line[at]; at++)
            if (!memcmp(line + at, word, length))
                return 1;
        return 0;
    }
    return 0;
}

static int start(const struct nova_hip *hip, unsigned cpu)
{
    in_real_time = asked_for(hip, " parallel");
    has_vtlb = asked_for(hip, " vtlb") || asked_for(hip, "noreal");
    is_svm = (hip->features & NOVA_FEATURE_SVM) != 0;
    has_real_mode = is_svm || !has_vtlb;
    in_qemu = (nova_cpuid(1).cx >> 31 & 1) && nova_cpuid(0x40000000).bx == 0x54474354; /* TCGT */
    has_ept = !is_svm && !asked_for(hip, " vtlb");
    guest_memory = nova_map_physical(GUEST_PHYSICAL, (GUEST_PAGES + 1) * PAGE, NOVA_MEM_RWX);
    vm_pd = nova_selectors(1, 1);
    vm_ec = nova_selectors(4, 4);
    done = nova_selectors(2, 2);
    hold = done + 1;
    return guest_memory && !nova_create_sm(done, nova_pd, 0) && !nova_create_sm(hold, nova_pd, 0) && monitor_on(cpu);
}

static void tests(const struct nova_hip *hip, unsigned cpu)
{
    test_basics();
    test_interrupts();
    test_memory();
    test_modes();
    test_control();
    test_transfer();
    test_special();
    test_sweep();
    for (unsigned i = 0; i < nova_hip_cpus(hip); i++)
        if (i != cpu && nova_hip_cpu(hip, i)->flags & NOVA_CPU_ONLINE) {
            remark("guests of another CPU");
            check("monitor on another CPU", (nova_word)monitor_on(i), 1);
            test_basics();
            test_interrupts();
            test_memory();
            break;
        }
    monitor_on(cpu);
    if (!asked_for(hip, " tame"))
        test_garbage(asked_for(hip, " fuzz") ? 10000 : 1000);
}

void nova_main(const struct nova_hip *hip, unsigned cpu)
{
    nova_console_init();
    nova_printf("\nTAP version 13\n# virtual CPUs: %u bit, features %u\n", NOVA_WORD_BITS, hip->features);
    if (!(hip->features & (NOVA_FEATURE_SVM | NOVA_FEATURE_VMX)))
        check("create_ec without SVM and VMX", nova_create_ec(nova_selectors(2, 2), nova_pd, cpu, 0, 0, 0, NOVA_EC_GLOBAL),
              NOVA_BAD_FTR);
    else if (!start(hip, cpu))
        check("set-up of the monitor", 0, 1);
    else
        tests(hip, cpu);
    nova_printf("1..%u\n# vcpu: %u checks, %u failed\n", checks, checks, failures);
    nova_emulator_exit(0x10);
}
