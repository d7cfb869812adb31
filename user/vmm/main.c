/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The monitor as root task. Words of its command line: `vms=N` machines at once (default 1), `restarts=N` kills and restarts machines so many times instead of letting
 * each guest come to its end, `seed=N` for the moments when that happens, `quiet` without the guests' output. The last line is "# vmm: done, ...".
 */
#include <user/lib/emulator.h>
#include <user/lib/event.h>

#include "vmm.h"

enum {
    GUESTS = 32,
    CPUS = 64,
    RESTART_US = 4000,
    SUPERVISOR_PRIORITY = 2,
    SUPERVISOR_QUANTUM_US = 10000,
    EXIT_GOOD = 0x10,
    EXIT_FAILED = 1
};
#define MEGABYTE ((nova_word)1 << 20)

int is_svm;
nova_word supervisor_wake;

static struct guest guests[GUESTS];
static struct vm vms[VMS];
static unsigned guest_count, vm_count, failed, ended;
static unsigned online[CPUS], online_count;
static nova_word crash_base[CPUS];
static char line[LINE];
static uint32_t seed;

/* Event base of the monitor's own threads and handlers of a CPU; a crash of theirs is reported. */
nova_word crash_portals(unsigned cpu)
{
    if (!crash_base[cpu]) {
        struct nova_thread *handler = nova_thread_prepare(NULL, cpu);
        crash_base[cpu] = nova_selectors(NOVA_EVENTS_THREAD, NOVA_EVENTS_THREAD);
        if (!handler || nova_handler_create(handler, nova_pd, nova_selectors(NOVA_EVENTS_THREAD, NOVA_EVENTS_THREAD)) ||
            nova_events_create(crash_base[cpu], handler, 0))
            nova_printf("vmm: no handler of exceptions for CPU %u\n", cpu);
    }
    return crash_base[cpu];
}

static void line_read(void)
{
    for (unsigned i = 0; i < nova_hip_memories(nova_hip); i++) {
        const struct nova_hip_memory *memory = nova_hip_memory(nova_hip, i);
        if (memory->type == NOVA_MEMORY_MODULE) { /* the first one is this program */
            if (!memory->aux || !nova_physical_string(memory->aux, line, sizeof line))
                line[0] = 0;
            return;
        }
    }
}

static int machines_create(void)
{
    nova_word room = MEGABYTE;
    for (unsigned i = 0; i < guest_count; i++)
        room = guests[i].megabytes * MEGABYTE > room ? guests[i].megabytes * MEGABYTE : room;
    vm_count = nova_command_line_number(line, "vms", 1);
    vm_count = vm_count < 1 ? 1 : vm_count > VMS ? VMS : vm_count;
    for (unsigned i = 0; i < vm_count; i++) {
        unsigned cpus[VCPUS];
        for (unsigned j = 0; j < VCPUS; j++)
            cpus[j] = online[(i + j) % online_count];
        if (!vm_create(&vms[i], i, cpus, room)) {
            nova_printf("vmm: no memory for machine %u\n", i);
            return 0;
        }
        vms[i].quiet = nova_command_line_has(line, "quiet");
    }
    return 1;
}

static void timers_fire(struct vm *vm)
{
    uint64_t now = nova_tsc();
    vm_lock(vm);
    pit_fire(vm, now);
    rtc_fire(vm, now);
    vm_unlock(vm);
}

static uint64_t sooner(uint64_t a, uint64_t b) { return !a || (b && b < a) ? b : a; }

/* Sleeps until a timer of a machine, a limit, the given time, or a word from a handler. */
static void supervisor_wait(uint64_t until)
{
    for (unsigned i = 0; i < vm_count; i++)
        if (vms[i].state == VM_RUNS)
            until = sooner(sooner(until, vms[i].limit), sooner(vms[i].pit.due, vms[i].rtc.due));
    nova_sm_down(supervisor_wake, NOVA_SM_ZERO, until);
    for (unsigned i = 0; i < vm_count; i++)
        if (vms[i].state == VM_RUNS)
            timers_fire(&vms[i]);
}

static void guest_over(struct vm *vm)
{
    unsigned exits = 0;
    int late = vm->state == VM_RUNS;
    for (unsigned i = 0; late && i < vm->guest->vcpus; i++)
        vcpu_ask(&vm->vcpu[i]);
    vm_stop(vm);
    for (unsigned i = 0; i < vm->guest->vcpus; i++)
        exits += vm->vcpu[i].exits;
    vm_flush(vm);
    ended++;
    if (late || vm->status)
        failed++;
    if (late)
        nova_printf("vmm: %s was not at its end after %u seconds\n", vm->guest->name, vm->guest->limit_s);
    nova_printf("# vmm: %s %s, status %d, %u events\n", vm->guest->name, late || vm->status ? "FAILED" : "good", vm->status, exits);
}

static void guests_run(void)
{
    for (unsigned next = 0, running = 0; next < guest_count || running;) {
        running = 0;
        for (unsigned i = 0; i < vm_count; i++) {
            struct vm *vm = &vms[i];
            if (vm->state == VM_ENDED || (vm->state == VM_RUNS && nova_tsc() > vm->limit))
                guest_over(vm);
            if (vm->state == VM_OFF && next < guest_count && !vm_start(vm, &guests[next++])) {
                nova_printf("# vmm: %s FAILED, it did not start\n", vm->guest->name);
                failed++;
                ended++;
            }
            running += vm->state != VM_OFF;
        }
        if (running)
            supervisor_wait(0);
    }
}

static uint32_t random_below(uint32_t limit)
{
    seed = seed * 1664525 + 1013904223;
    return (uint32_t)((uint64_t)(seed >> 8) * limit >> 24);
}

/* All machines run at once; again and again one of them is killed, wherever it is, and started anew. */
static void restarts_run(unsigned restarts)
{
    nova_word bound, before, after;
    unsigned came_to_end = 0, exits = 0;
    for (unsigned round = 0; round < 2; round++) { /* the first time, what is allocated once is allocated */
        nova_pd_quota_read(nova_pd, &bound, &before);
        for (unsigned i = 0; i < vm_count; i++)
            failed += !vm_start(&vms[i], &guests[i % guest_count]);
        for (unsigned i = 0; i < (round ? restarts : vm_count); i++) {
            struct vm *vm = &vms[i % vm_count];
            unsigned us = random_below(RESTART_US) << (random_below(8) ? 0 : 5); /* now and then long enough for a guest's end */
            uint64_t until = nova_tsc() + (uint64_t)us * (nova_hip->tsc_khz / 1000);
            while (nova_tsc() < until)
                supervisor_wait(until);
            came_to_end += vm->state == VM_ENDED && !vm->status;
            if (vm->state == VM_ENDED && vm->status) {
                nova_printf("vmm: %s FAILED, status %d\n", vm->guest->name, vm->status);
                failed++;
            }
            vm_stop(vm);
            exits += vm->vcpu[0].exits + vm->vcpu[1].exits;
            failed += !vm_start(vm, vm->guest);
        }
        for (unsigned i = 0; i < vm_count; i++)
            vm_stop(&vms[i]);
    }
    nova_pd_quota_read(nova_pd, &bound, &after);
    nova_printf("# vmm: %u restarts, %u events, %u times a guest was at its end, kernel memory %lu pages before, %lu after\n",
                restarts, exits, came_to_end, before, after);
    ended = restarts;
    failed += before != after;
}

static void supervisor(void *unused)
{
    unsigned restarts = nova_command_line_number(line, "restarts", 0);
    (void)unused;
    seed = nova_command_line_number(line, "seed", 1);
    if (!machines_create())
        failed++;
    else if (restarts)
        restarts_run(restarts);
    else
        guests_run();
    nova_printf("# vmm: done, %u guests, %u failed\n", ended, failed);
    nova_emulator_exit(failed ? EXIT_FAILED : EXIT_GOOD);
    nova_park();
}

void nova_main(const struct nova_hip *hip, unsigned cpu)
{
    struct nova_thread *thread;
    nova_console_init();
    line_read();
    time_init(hip->tsc_khz);
    is_svm = (hip->features & NOVA_FEATURE_SVM) != 0;
    for (unsigned i = 0; i < nova_hip_cpus(hip) && i < CPUS; i++)
        if (nova_hip_cpu(hip, i)->flags & NOVA_CPU_ONLINE)
            online[online_count++] = i;
    guest_count = (unsigned)guests_find(guests, GUESTS);
    nova_printf("\n# vmm: %u bit, %s, %u CPUs, %u guests\n", NOVA_WORD_BITS,
                is_svm                             ? "SVM"
                : hip->features & NOVA_FEATURE_VMX ? "VMX"
                                                   : "no virtual CPUs",
                online_count, guest_count);
    if (!(hip->features & (NOVA_FEATURE_SVM | NOVA_FEATURE_VMX)) || !guest_count) {
        nova_printf(
            "vmm: needs a processor with virtualization, and guests as further boot modules\n# vmm: done, 0 guests, 1 failed\n");
        nova_emulator_exit(EXIT_FAILED);
        return;
    }
    supervisor_wake = nova_selectors(1, 1);
    nova_create_sm(supervisor_wake, nova_pd, 0);
    thread = nova_thread_prepare(NULL, cpu);
    if (!thread || nova_thread_start(thread, crash_portals(cpu), SUPERVISOR_PRIORITY, SUPERVISOR_QUANTUM_US, supervisor, NULL))
        nova_printf("vmm: no thread for the supervisor\n# vmm: done, 0 guests, 1 failed\n");
}
